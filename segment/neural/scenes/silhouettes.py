"""Drawn crowds with exact truth: people, cars and animals that cross, queue, meet and hide."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.neural.scenes.figures import DRAWN, KINDS, Part, draw_colours, draw_marks
from segment.neural.scenes.mistakes import spoil

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
    common = draw_colours(rng) if rng.random() < settings.alike else None
    base = rng.uniform(*settings.tall) * height
    horizon = rng.uniform(0.55, 0.75) * height
    turn = rng.uniform(0.35, 0.6) * settings.length
    actors = []
    for k in range(count):
        kind = settings.kinds[kinds[k]]
        draw, share, stride, wide = DRAWN[kind]
        tall = max(8.0, base * share * rng.uniform(*settings.sizes))
        row = float(np.clip(horizon + rng.uniform(-0.25, 0.3) * tall, tall + 2, height - 3))
        path = _way(rng, story, k, count, settings, tall * wide, row, turn)
        actors.append(
            _Actor(
                number=k + 1,
                draw=draw,
                tall=tall,
                wide=tall * wide,
                colours=common or draw_colours(rng),
                stride=stride * tall,
                phase=float(rng.random()),
                growth=float(rng.normal(0, 0.0025)),
                path=path,
                depth=float(path[:, 0].mean() + 0.01 * k),
                spots=draw_marks(rng, kind, settings.spots),
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
