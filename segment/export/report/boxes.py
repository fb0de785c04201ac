"""Boxes over time, as few as a player needs: between two that are kept the others lie on a line."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.export.report.charts import Scale, ink
from segment.export.spill import Spill
from segment.objects import Object

_GAP = 0.5  # seconds unseen, or one frame and a half, after which no box is drawn between
_PENDING = 48  # frames that wait until it is known which of them are needed
_BUDGET = 40_000  # characters of all boxes in the page

Floats = NDArray[np.float64]


class Boxes:
    """Collects the boxes of all objects; those in between that a straight line gives are dropped.

    tolerance : pixels by which a side may be wrong while frames go by; the page may need more.
    step : seconds from frame to frame.
    """

    def __init__(self, folder: Path, tolerance: float, step: float) -> None:
        self._tolerance = tolerance
        self._gap = max(_GAP, 1.5 * step)
        self._spill = Spill(folder)
        self._waiting: dict[int, list[tuple[float, int, int, int, int]]] = {}
        self._seen = -1.0

    def follow(self, things: list[Object], time: float) -> None:
        """Take a frame in."""
        for thing in things:
            points = self._waiting.get(thing.id)
            if points and time - points[-1][0] > self._gap:
                self._end(thing.id)
                points = None
            if not points:
                points = self._waiting[thing.id] = []
            points.append((time, thing.x, thing.y, thing.width, thing.height))
            if len(points) > 2 and (
                len(points) > _PENDING or _error(np.array(points)) > self._tolerance
            ):
                self._keep(thing.id, points[0], more=True)
                del points[:-2]
        if time - self._seen > 1:
            self._seen = time
            for number in [n for n, p in self._waiting.items() if time - p[-1][0] > self._gap]:
                self._end(number)

    def _end(self, number: int) -> None:
        points = self._waiting.pop(number)
        self._keep(number, points[0], more=len(points) > 1)
        if len(points) > 1:
            self._keep(number, points[-1], more=False)

    def _keep(self, number: int, point: tuple[float, int, int, int, int], *, more: bool) -> None:
        self._spill.add(point[0], [number, int(more), *point])

    def tracks(self, start: float, scale: Scale) -> list[list[Any]]:
        """Return `[id, colour, hundredths of a second, x, y, width, height, ...]` for each stretch.

        Times are since `start`, boxes in pixels times `scale`; of each value but the id only the
        difference from the one before. Coarser where there would be more than fits a page.
        """
        for number in list(self._waiting):
            self._end(number)
        stretches: list[tuple[int, list[list[float]]]] = []
        going: dict[int, list[list[float]]] = {}
        for number, more, *point in self._spill:
            going.setdefault(number, []).append(point)
            if not more:
                stretches.append((number, going.pop(number)))
        tolerance = self._tolerance
        while True:
            tracks = [
                [number, ink(number), *_coded(np.array(points), start, scale)]
                for number, points in stretches
            ]
            if sum(5 * len(track) // 2 for track in tracks) <= _BUDGET:
                return tracks
            tolerance *= 2
            if tolerance > 400:  # too many objects for any page: the longest are shown
                stretches.sort(key=lambda one: one[1][0][0] - one[1][-1][0])
                del stretches[max(1, 2 * len(stretches) // 3) :]
            stretches = [
                (number, _thinned(np.array(points), tolerance).tolist())
                for number, points in stretches
            ]

    def close(self) -> None:
        """Let go of the file."""
        self._spill.close()


def _error(points: Floats) -> float:
    """By how much the line from the first to the last misses those between, pixels."""
    first, last = points[0], points[-1]
    share = (points[1:-1, :1] - first[0]) / max(last[0] - first[0], 1e-9)
    between = first[1:] + share * (last[1:] - first[1:])
    return float(np.abs(between - points[1:-1, 1:]).max())


def _thinned(points: Floats, tolerance: float) -> Floats:
    """As few of the points as keep the others within `tolerance` of a line.

    Source: Douglas and Peucker, Cartographica 10(2), 1973; here over time.
    """
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    parts = [(0, len(points) - 1)]
    while parts:
        a, b = parts.pop()
        if b - a < 2:
            continue
        share = (points[a + 1 : b, :1] - points[a, 0]) / max(points[b, 0] - points[a, 0], 1e-9)
        between = points[a, 1:] + share * (points[b, 1:] - points[a, 1:])
        error = np.abs(between - points[a + 1 : b, 1:]).max(axis=1)
        worst = int(error.argmax())
        if error[worst] > tolerance:
            middle = a + 1 + worst
            keep[middle] = True
            parts += [(a, middle), (middle, b)]
    return points[keep]


def _coded(points: Floats, start: float, scale: Scale) -> list[int]:
    whole = np.column_stack([(points[:, 0] - start) * 100, points[:, 1:] * (*scale, *scale)])
    steps = np.diff(np.rint(whole).astype(np.int64), axis=0, prepend=0)
    return [int(value) for value in steps.ravel()]
