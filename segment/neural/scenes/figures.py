"""What drawn people, cars, animals and solids look like: outlines, colours, marks."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DRAWN", "KINDS", "Part", "draw_colours", "draw_marks"]

Floats = NDArray[np.float64]
Part = tuple[Floats, tuple[int, int, int]]  # (N, 2) rows and columns in pixels, and its colour


def _disc(row: float, column: float, high: float, wide: float, corners: int = 14) -> Floats:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([row + high * np.sin(angle), column + wide * np.cos(angle)], axis=1)


def _limb(a: tuple[float, float], b: tuple[float, float], thick: float) -> Floats:
    (ay, ax), (by, bx) = a, b
    length = math.hypot(by - ay, bx - ax) or 1.0
    dy, dx = thick * (bx - ax) / length, -thick * (by - ay) / length
    return np.array(
        [[ay + dy, ax + dx], [by + dy, bx + dx], [by - dy, bx - dx], [ay - dy, ax - dx]]
    )


# Outlines have their feet at row 0, their head at row 1, and look to the right.


def _person(phase: float, vigour: float, colours: list[tuple[int, int, int]]) -> list[Part]:
    top, legs, skin = colours[:3]
    swing = 0.17 * vigour * math.sin(2 * math.pi * phase)
    lift = 0.05 * vigour * max(0.0, math.cos(2 * math.pi * phase))
    arm = -0.8 * swing
    return [
        (_limb((0.72, 0.0), (0.45, -arm), 0.03), skin),
        (_limb((0.5, 0.0), (lift, -swing), 0.05), legs),
        (_limb((0.5, 0.0), (0.05 * vigour - lift, swing), 0.05), legs),
        (_disc(0.64, 0.0, 0.2, 0.105), top),
        (_limb((0.76, 0.02), (0.46, arm + 0.02), 0.032), top),
        (_disc(0.92, 0.02, 0.08, 0.06), skin),
    ]


def _car(phase: float, vigour: float, colours: list[tuple[int, int, int]]) -> list[Part]:
    body, glass, tyre = colours[:3]
    hull = np.array(
        [[0.15, -1.3], [0.55, -1.3], [0.62, -0.9], [0.62, 0.6], [0.5, 1.25], [0.15, 1.35]]
    )
    cabin = np.array([[0.6, -0.85], [1.0, -0.55], [1.0, 0.15], [0.6, 0.6]])
    return [
        (cabin, glass),
        (hull, body),
        (_disc(0.18, -0.8, 0.18, 0.2), tyre),
        (_disc(0.18, 0.8, 0.18, 0.2), tyre),
    ]


def _animal(phase: float, vigour: float, colours: list[tuple[int, int, int]]) -> list[Part]:
    coat, dark, belly = colours[:3]
    parts: list[Part] = []
    for leg, place in enumerate((-0.45, -0.36, 0.36, 0.45)):
        swing = 0.16 * vigour * math.sin(2 * math.pi * (phase + 0.25 * leg))
        parts.append((_limb((0.5, place), (0.0, place + swing), 0.05), dark))
    wag = 0.1 * math.sin(6 * phase)
    nod = 0.05 * math.sin(4 * math.pi * phase) * vigour
    return [
        *parts,
        (_limb((0.65, -0.5), (0.85 + wag, -0.75), 0.03), dark),
        (_disc(0.56, 0.0, 0.17, 0.56), belly),
        (_disc(0.6, 0.0, 0.17, 0.54), coat),
        (_limb((0.62, 0.42), (0.88 + nod, 0.66), 0.09), coat),
        (_disc(0.9 + nod, 0.74, 0.1, 0.16), coat),
    ]


def _ball(phase: float, vigour: float, colours: list[tuple[int, int, int]]) -> list[Part]:
    return [
        (_disc(0.5 + 0.3 * turn, 0.3 * turn, 0.5 - turn, 0.5 - turn, 24), _lit(colours[0], turn))
        for turn in (0.0, 0.12, 0.24, 0.36)
    ]


def _box(phase: float, vigour: float, colours: list[tuple[int, int, int]]) -> list[Part]:
    corners = math.pi / 2 * (phase + np.arange(4)) + math.pi / 4
    face = np.stack([0.5 + 0.6 * np.sin(corners), 0.6 * np.cos(corners)], axis=1)
    # What is seen of the sides joins the face to where it is further back.
    sides = _hull(face, face + np.array([0.18, 0.22]))
    return [(sides, _lit(colours[0], -0.2)), (face, colours[0])]


def _cylinder(phase: float, vigour: float, colours: list[tuple[int, int, int]]) -> list[Part]:
    angle = 0.5 * math.sin(2 * math.pi * phase)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    low, high = _disc(-0.4, 0.0, 0.12, 0.4), _disc(0.4, 0.0, 0.12, 0.4)
    outlines = [_hull(low, high), high]
    shades = [_lit(colours[0], -0.15), _lit(colours[0], 0.15)]
    return [
        (o @ turn + np.array([0.5, 0.0]), shade) for o, shade in zip(outlines, shades, strict=True)
    ]


def _hull(one: Floats, other: Floats) -> Floats:
    """Outline around two outlines."""
    points = np.concatenate([one, other]).astype(np.float32)
    return np.asarray(cv2.convexHull(points)[:, 0], np.float64)


def _lit(colour: tuple[int, int, int], by: float) -> tuple[int, int, int]:
    """Brighter or darker by a share."""
    r, g, b = (int(min(250, max(4, value * (1 + 1.5 * by)))) for value in colour)
    return r, g, b


# What is drawn, how tall it is among people, pixels of a stride and width, by its height.
DRAWN: dict[str, tuple[Any, float, float, float]] = {
    "person": (_person, 1.0, 0.75, 0.35),
    "car": (_car, 0.62, 1.0, 2.6),
    "animal": (_animal, 0.55, 1.1, 1.4),
    "ball": (_ball, 0.6, 3.0, 1.0),
    "box": (_box, 0.6, 3.0, 1.2),
    "cylinder": (_cylinder, 0.6, 3.0, 0.9),
}

KINDS = tuple(DRAWN)
"""What can be drawn; balls, boxes and cylinders are compact, the others have limbs or wheels."""

# Where marks lie on each of them: lowest and highest row, and greatest column.
_SPOTS = {
    "person": (0.5, 0.8, 0.08),
    "car": (0.2, 0.6, 1.1),
    "animal": (0.5, 0.7, 0.45),
    "ball": (0.25, 0.75, 0.3),
    "box": (0.25, 0.75, 0.3),
    "cylinder": (0.25, 0.75, 0.2),
}


def draw_colours(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Draw the three colours of an object."""
    values = rng.integers(15, 240, (3, 3))
    if rng.random() < 0.3:  # all over about the same
        values = np.clip(values[:1] + rng.integers(-20, 21, (3, 3)), 5, 250)
    return [(int(r), int(g), int(b)) for r, g, b in values]


def draw_marks(rng: np.random.Generator, kind: str, most: int) -> list[Part]:
    """Draw at most so many small marks of another colour on an object of a kind."""
    if not most:
        return []
    low, high, aside = _SPOTS[kind]
    spots = []
    for _ in range(int(rng.integers(most + 1))):
        tall, wide = rng.uniform(0.02, 0.08, 2)
        disc = _disc(rng.uniform(low, high), rng.uniform(-aside, aside), tall, wide, 8)
        r, g, b = rng.integers(10, 245, 3)
        spots.append((disc, (int(r), int(g), int(b))))
    return spots
