"""Boxes that walk: labels as a grouper gives them, exact, and what a watcher makes of them."""

import numpy as np

from segment.events import Scene, Watcher

RATE = 10.0


def walk(watcher, boxes, size=(120, 200), rate=RATE, ground=90, image=None):
    """Let `boxes[t]`, {id: (x, y, width, height)}, go through `watcher`; return all events."""
    over = []
    for t, things in enumerate(boxes):
        labels = np.zeros(size, np.int32)
        picture = np.full((*size, 3), ground, np.uint8) if image is None else image(t)
        for number, (x, y, wide, high) in things.items():
            x0, y0 = max(0, round(x)), max(0, round(y))
            labels[y0 : max(0, round(y + high)), x0 : max(0, round(x + wide))] = number
        over += watcher.watch(picture, labels > 0, labels, t, t / rate)
    return over + list(watcher.finish())


def along(places, number=1, wide=10, high=20):
    """One box whose feet stand on `places` (column, row), a frame each; None is nowhere."""
    return [
        {} if p is None else {number: (p[0] - (wide - 1) / 2, p[1] - high + 1, wide, high)}
        for p in places
    ]


def seen(places, scene=None, size=(120, 200), **settings):
    return walk(Watcher(scene or Scene(), **settings), along(places), size)


def straight(start, end, frames):
    """Places from start to end, both included."""
    return [
        (
            start[0] + (end[0] - start[0]) * t / (frames - 1),
            start[1] + (end[1] - start[1]) * t / (frames - 1),
        )
        for t in range(frames)
    ]


def of_kind(events, *kinds):
    return [event for event in events if event.kind in kinds]
