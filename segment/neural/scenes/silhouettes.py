"""Drawn crowds with exact truth: people, cars and animals that cross, queue, meet and hide."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "STORIES", "Crowd", "CrowdSettings", "crowd", "spoil"]

Floats = NDArray[np.float64]

_BITS = 4  # fractional bits of the coordinates that cv2 fills

STORIES = ("cross", "meet", "queue", "overtake", "wander")
"""What objects do: pass in opposite directions; meet, stand, and turn back or go on; follow one
another, stop and go; the faster past the slower; anywhere, bouncing off the borders."""


@dataclass(frozen=True, slots=True)
class CrowdSettings:
    """What is drawn.

    Attributes
    ----------
    size : (height, width) of the pictures, pixels.
    objects : fewest and most in a sequence.
    length : frames.
    tall : least and greatest height of an object as a share of the picture's.
    stories : of `STORIES`, one of which is drawn for every sequence.
    alike : chance that all objects of a sequence share their colours.
    noise : strength of the subtractor's mistakes in the foreground, 0 none, 1 as on a hard video.
    apart : whether every object is seen by itself at first; who it is can be known only then.
    kinds : of `KINDS`, of which the objects are.
    shadows : chance that the objects of a sequence cast shadows that are taken for foreground.
    spots : most small marks of another colour on an object, which move with it.
    sizes : least and greatest size of one object as a share of what its kind has.
    """

    size: tuple[int, int] = (120, 160)
    objects: tuple[int, int] = (2, 5)
    length: int = 60
    tall: tuple[float, float] = (0.15, 0.4)
    stories: tuple[str, ...] = STORIES
    alike: float = 0.15
    noise: float = 0.0
    apart: bool = True
    kinds: tuple[str, ...] = ("person", "car", "animal")
    shadows: float = 0.0
    spots: int = 0
    sizes: tuple[float, float] = (0.8, 1.25)


@dataclass(frozen=True, slots=True)
class Crowd:
    """One sequence of T frames."""

    images: NDArray[np.uint8]
    """(T, H, W, 3)"""
    truth: NDArray[np.int32]
    """(T, H, W), number of the object that is seen, 0 background."""
    foreground: NDArray[np.bool_]
    """(T, H, W), what a subtractor would report; the truth's own when there is no noise."""
    story: str
    shadows: NDArray[np.int32]
    """(T, H, W), the object whose shadow is seen, 0 none; their pixels are foreground, too."""


def crowd(seed: Any, settings: CrowdSettings | None = None) -> Crowd:
    """Draw one sequence; equal seeds (whatever numpy's default_rng takes) draw equal ones."""
    settings = settings or CrowdSettings()
    rng = np.random.default_rng(seed)
    story = str(rng.choice(settings.stories))
    height, width = settings.size
    least, most = settings.objects
    for attempt in range(40):
        # Some stories are too crowded for their picture; then fewer take part.
        wanted = int(rng.integers(least, max(least, most - attempt // 8) + 1))
        actors = _cast(rng, settings, story, wanted)
        if not settings.apart or _begin_apart(actors, settings):
            break
    ground = _ground(rng, settings.size)
    images = np.empty((settings.length, height, width, 3), np.uint8)
    truth = np.zeros((settings.length, height, width), np.int32)
    shadows = np.zeros_like(truth)
    sun = _sun(rng) if settings.shadows and rng.random() < settings.shadows else None
    for t in range(settings.length):
        picture = ground.copy()
        # The nearer stands lower in the picture, and is painted later.
        queue = sorted(actors, key=lambda actor: actor.depth)
        drawn = [(actor.number, actor.outlines(t)) for actor in queue]
        if sun:
            for actor, (number, parts) in zip(queue, drawn, strict=True):
                for outline, _ in parts:
                    cast = [_fixed(sun.cast(outline, actor.path[t, 0]))]
                    cv2.fillPoly(shadows[t], cast, (number,), cv2.LINE_8, _BITS)
            picture[shadows[t] > 0] = picture[shadows[t] > 0] * sun.light
        for number, parts in drawn:
            for outline, colour in parts:
                fixed = [_fixed(outline)]
                cv2.fillPoly(picture, fixed, colour, cv2.LINE_8, _BITS)
                cv2.fillPoly(truth[t], fixed, (number,), cv2.LINE_8, _BITS)
        shadows[t][truth[t] > 0] = 0
        grain = rng.normal(0.0, 3.0, picture.shape)
        images[t] = np.clip(cv2.GaussianBlur(picture, (3, 3), 0.6) + grain, 0, 255)
    whose = np.where(truth > 0, truth, shadows)
    foreground = spoil(rng, whose, settings.noise) if settings.noise else whose > 0
    return Crowd(images, truth, foreground, story, shadows)


def spoil(
    rng: np.random.Generator, truth: NDArray[np.int32], strength: float = 1.0
) -> NDArray[np.bool_]:
    """Return masks (T, H, W) with a subtractor's mistakes: holes, ragged edges, missing parts.

    Holes and missing parts belong to the object (where it looks like what is behind it) and come
    and go over several frames; edges are ragged anew in every frame; specks are few and small.
    """
    length, height, width = truth.shape
    masks = np.zeros(truth.shape, bool)
    numbers = [int(n) for n in np.unique(truth) if n]
    gaps = {n: _Gaps(rng, length, strength) for n in numbers}
    for t in range(length):
        mask = np.zeros((height, width), bool)
        rough = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 1.2)
        rough = rough / rough.std()
        for n in numbers:
            own = truth[t] == n
            if own.any():
                mask |= own & ~gaps[n].at(t, own)
        # The signed distance to the edge, shaken by about a pixel.
        inner = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 3)
        outer = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 3)
        masks[t] = (inner - outer) + 0.9 * strength * rough > 0.3
        for _ in range(rng.poisson(0.5 * strength)):
            y, x = int(rng.integers(height)), int(rng.integers(width))
            masks[t, y : y + 2, x : x + 2] = True
    return masks


class _Gaps:
    """Where one object is not seen: discs and bands in the coordinates of its box."""

    def __init__(self, rng: np.random.Generator, length: int, strength: float) -> None:
        self.gaps: list[tuple[int, int, bool, float, float, float]] = []
        for _ in range(rng.poisson(strength * length / 12)):
            start = int(rng.integers(-8, length))
            lasts = int(rng.integers(3, 15))
            band = bool(rng.random() < 0.35)
            size = rng.uniform(0.04, 0.12) if band else rng.uniform(0.06, 0.2)
            place = rng.uniform(0.1, 0.9, 2)
            self.gaps.append((start, start + lasts, band, place[0], place[1], float(size)))

    def at(self, t: int, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
        rows, columns = np.nonzero(own.any(1))[0], np.nonzero(own.any(0))[0]
        top, tall = rows[0], len(rows)
        left, wide = columns[0], len(columns)
        y = ((np.arange(own.shape[0]) - top) / tall)[:, None]
        x = ((np.arange(own.shape[1]) - left) / wide)[None]
        lost = np.zeros(own.shape, bool)
        for start, end, band, row, column, size in self.gaps:
            if start <= t < end:
                if band:
                    lost |= (np.abs(y - row) < size) & (x == x)
                else:
                    lost |= ((y - row) * tall) ** 2 + ((x - column) * wide) ** 2 < (
                        size * max(tall, wide)
                    ) ** 2
        return lost


# --- who is there ----------------------------------------------------------------------------

Part = tuple[Floats, tuple[int, int, int]]  # (N, 2) rows and columns in pixels, and its colour


@dataclass(frozen=True, slots=True)
class _Actor:
    number: int
    draw: Callable[[float, float, list[tuple[int, int, int]]], list[Part]]
    tall: float  # pixels
    wide: float  # pixels
    colours: list[tuple[int, int, int]]
    stride: float  # pixels of a cycle of its gait
    phase: float
    growth: float  # change of size a frame, natural logarithm
    path: Floats  # (T, 2), where it stands: row of the feet and column of the middle
    depth: float
    spots: list[Part]

    def boxes(self) -> Floats:
        """First and last rows and columns in every frame, about, (T, 4)."""
        (row, column), half = self.path.T, self.wide / 2
        return np.stack([row - self.tall, column - half, row, column + half], axis=1)

    def outlines(self, t: int) -> list[Part]:
        row, column = self.path[t]
        before = self.path[max(0, t - 1)]
        after = self.path[min(len(self.path) - 1, t + 1)]
        pace = after[1] - before[1]
        walked = float(np.abs(np.diff(self.path[: t + 1, 1])).sum()) + 0.3 * float(
            np.abs(np.diff(self.path[: t + 1, 0])).sum()
        )
        vigour = min(1.0, float(np.abs(after - before).sum()) / (0.02 * self.tall))
        way = -1.0 if pace < 0 else 1.0
        size = self.tall * math.exp(self.growth * (t - len(self.path) / 2))
        phase = self.phase + walked / self.stride
        parts = [*self.draw(phase, vigour, self.colours), *self.spots]
        return [(outline * (-size, way * size) + (row, column), c) for outline, c in parts]


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
_KINDS: dict[str, tuple[Any, float, float, float]] = {
    "person": (_person, 1.0, 0.75, 0.35),
    "car": (_car, 0.62, 1.0, 2.6),
    "animal": (_animal, 0.55, 1.1, 1.4),
    "ball": (_ball, 0.6, 3.0, 1.0),
    "box": (_box, 0.6, 3.0, 1.2),
    "cylinder": (_cylinder, 0.6, 3.0, 0.9),
}

KINDS = tuple(_KINDS)
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


@dataclass(frozen=True, slots=True)
class _Sun:
    """Where shadows fall: how far along the picture and up, of what stands 1 high."""

    along: float
    up: float
    light: float

    def cast(self, outline: Floats, ground: float) -> Floats:
        high = ground - outline[:, 0]
        return np.stack([ground - self.up * high, outline[:, 1] + self.along * high], axis=1)


def _sun(rng: np.random.Generator) -> _Sun:
    return _Sun(rng.uniform(-1.2, 1.2), rng.uniform(-0.35, 0.35), rng.uniform(0.35, 0.75))


def _fixed(outline: Floats) -> NDArray[np.int32]:
    """Columns and rows as cv2 wants them."""
    fixed = np.rint(np.clip(outline[:, ::-1], -500, 5000) * 2**_BITS)
    return np.asarray(fixed, np.int32)


def _colours(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    values = rng.integers(15, 240, (3, 3))
    if rng.random() < 0.3:  # all over about the same
        values = np.clip(values[:1] + rng.integers(-20, 21, (3, 3)), 5, 250)
    return [(int(r), int(g), int(b)) for r, g, b in values]


def _marks(rng: np.random.Generator, kind: str, most: int) -> list[Part]:
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


def _begin_apart(actors: list[_Actor], settings: CrowdSettings) -> bool:
    """Whether everybody's box is free in the first frames in which it is in the picture."""
    height, width = settings.size
    boxes = np.array([actor.boxes() for actor in actors])  # (N, T, 4)
    inside = (boxes[..., 0] < height) & (boxes[..., 1] < width) & (boxes[..., 2:] > 0).all(-1)
    for k, box in enumerate(boxes):
        first = int(np.argmax(inside[k]))
        if not inside[k].any() or settings.length - first < 20:
            return False
        for t in range(first, min(first + 8, settings.length)):
            other = np.delete(boxes[:, t], k, axis=0)
            clear = (
                (other[:, 0] > box[t, 2] + 1)
                | (other[:, 1] > box[t, 3] + 1)
                | (other[:, 2] < box[t, 0] - 1)
                | (other[:, 3] < box[t, 1] - 1)
            )
            if not clear.all():
                return False
    return True


def _cast(
    rng: np.random.Generator, settings: CrowdSettings, story: str, count: int
) -> list[_Actor]:
    height = settings.size[0]
    kinds = rng.integers(len(settings.kinds), size=count)
    if rng.random() < 0.6:  # one kind only, as on most streets
        kinds[:] = kinds[0]
    common = _colours(rng) if rng.random() < settings.alike else None
    base = rng.uniform(*settings.tall) * height
    horizon = rng.uniform(0.55, 0.75) * height
    turn = rng.uniform(0.35, 0.6) * settings.length
    actors = []
    for k in range(count):
        kind = settings.kinds[kinds[k]]
        draw, share, stride, wide = _KINDS[kind]
        tall = max(8.0, base * share * rng.uniform(*settings.sizes))
        row = float(np.clip(horizon + rng.uniform(-0.25, 0.3) * tall, tall + 2, height - 3))
        path = _way(rng, story, k, count, settings, tall * wide, row, turn)
        actors.append(
            _Actor(
                number=k + 1,
                draw=draw,
                tall=tall,
                wide=tall * wide,
                colours=common or _colours(rng),
                stride=stride * tall,
                phase=float(rng.random()),
                growth=float(rng.normal(0, 0.0025)),
                path=path,
                depth=float(path[:, 0].mean() + 0.01 * k),
                spots=_marks(rng, kind, settings.spots),
            )
        )
    return actors


def _way(
    rng: np.random.Generator,
    story: str,
    k: int,
    count: int,
    settings: CrowdSettings,
    wide: float,
    row: float,
    turn: float,
) -> Floats:
    """Where one of `count` stands in every frame, (T, 2)."""
    height, width = settings.size
    length = settings.length
    t = np.arange(length, dtype=np.float64)
    way = 1.0 if k % 2 == 0 else -1.0
    speed = rng.uniform(0.7, 1.3) * width / length * rng.uniform(0.7, 1.6)
    begin = rng.uniform(-0.15, 0.3) * width
    if story == "cross":
        column = begin + speed * t
        column = column if way > 0 else width - column
    elif story == "meet":
        # Towards the middle, a while together, then back or on.
        target = width / 2 + way * rng.uniform(-0.6, 0.1) * wide - way * 0.05 * width * (k // 2)
        pause = rng.uniform(4, 15)
        on = rng.random() < 0.4
        start = (0.08 + 0.1 * rng.random()) * width
        start = start if way > 0 else width - start
        towards = np.clip(t / turn, 0, 1)
        column = start + (target - start) * towards
        after = np.maximum(t - turn - pause, 0) * abs(target - start) / turn
        column = column + np.sign(target - start) * (after if on else -after)
    elif story == "queue":
        # Who is first stops before the others do, and goes on before them.
        pace = 1.1 * width / length
        stop, lasts = 0.3 * length + 2.5 * k, 0.25 * length
        moved = pace * (t - np.clip(t - stop, 0, lasts))
        column = 0.45 * width - k * 1.15 * wide + moved
        column = column + rng.uniform(-0.15, 0.15) * wide
    elif story == "overtake":
        pace = (0.5 + 0.55 * k / max(1, count - 1)) * 1.1 * width / length
        column = (0.35 - 0.28 * k / max(1, count - 1)) * width + pace * t
        if turn > 0.48 * length:
            column = width - column
    else:
        heading = rng.uniform(0, 2 * np.pi)
        velocity = np.array([0.35 * np.sin(heading), np.cos(heading)]) * speed
        place = np.array([rng.uniform(0.5, 0.95) * height, rng.uniform(0.1, 0.9) * width])
        low, high = np.array([0.45 * height, 0.05 * width]), np.array([0.97 * height, 0.95 * width])
        places = np.empty((length, 2))
        for i in range(length):
            velocity = velocity + rng.normal(0, 0.06, 2) * (0.4, 1.0) * speed
            place = place + velocity
            out = (place < low) | (place > high)
            velocity = np.where(out, -velocity, velocity)
            place = np.clip(place, low, high)
            places[i] = place
        return places
    drift = rng.normal(0, 0.05) * height * (t / length - 0.5)
    return np.stack([row + drift, column], axis=1)


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A background (H, W, 3): patches of colour, blurred, with a grain."""
    height, width = size
    coarse = rng.integers(60, 190, (height // 16 + 2, width // 16 + 2, 3)).astype(np.float32)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grey = picture.mean(2, keepdims=True)
    picture = grey + 0.35 * (picture - grey)
    grain = cv2.GaussianBlur(rng.normal(0, 14, (height, width, 3)), (0, 0), 1.0)
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)
