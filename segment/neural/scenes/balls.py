"""Drawn scenes of balls that bounce off walls and off each other, heavy ones being larger."""

import numpy as np
from numpy.typing import NDArray

from segment.neural.scenes.scene import Scenes

__all__ = ["bouncing_balls"]

Floats = NDArray[np.float64]

# Ball radii as a share of the shorter side: a 64×64 frame has balls of 3.8 to 7 pixels.
SMALLEST, LARGEST = 0.06, 0.11
SUBSTEPS = 4  # nobody moves more than a quarter of the smallest radius between two looks


def bouncing_balls(
    rng: np.random.Generator,
    count: int,
    *,
    size: tuple[int, int] = (64, 64),
    objects: int = 4,
    length: int = 31,
    speed: tuple[float, float] = (0.5, 2.5),
    curtain: bool = False,
) -> Scenes:
    """Draw `count` sequences of balls with elastic collisions; mass grows as the area.

    speed : slowest and fastest at the start, pixels a frame. With `curtain` a lit
    rectangle drifts before them, which hides what is behind and belongs to no group.
    """
    side = min(size)
    radius = rng.uniform(SMALLEST, LARGEST, (count, objects)) * side
    place = _apart(rng, radius, size)
    angle = rng.random((count, objects)) * (2 * np.pi)
    pace = rng.uniform(*speed, (count, objects))
    velocity = np.stack([np.sin(angle), np.cos(angle)], axis=-1) * pace[..., None]

    places = np.empty((count, length, objects, 2))
    hits = np.empty((count, length, objects), bool)
    for t in range(length):
        places[:, t] = place
        hits[:, t] = False
        for _ in range(SUBSTEPS):
            place = place + velocity / SUBSTEPS
            hits[:, t] |= _bounce_off_walls(place, velocity, radius, size)
            hits[:, t] |= bounce_off_each_other(place, velocity, radius)
    return _paint(rng, places, radius, hits, size, curtain)


def _apart(rng: np.random.Generator, radius: Floats, size: tuple[int, int]) -> Floats:
    """Places (count, objects, 2) at which no ball touches another or a wall."""
    count, objects = radius.shape
    room = np.array(size) - 1 - 2 * radius[..., None]
    place = radius[..., None] + rng.random((count, objects, 2)) * room
    for _ in range(2000):
        touching = np.logical_or.reduce(_touching(place, radius), axis=(1, 2))
        if not touching.any():
            return place
        fresh = radius[..., None] + rng.random((count, objects, 2)) * room
        place = np.where(touching[:, None, None], fresh, place)
    raise ValueError(f"{objects} balls find no room in {size}; take fewer or a larger size")


def _touching(place: Floats, radius: Floats) -> NDArray[np.bool_]:
    """Which pairs (count, objects, objects) overlap."""
    apart: Floats = np.linalg.norm(place[:, :, None] - place[:, None], axis=-1)
    near: NDArray[np.bool_] = apart < radius[:, :, None] + radius[:, None]
    return near & ~np.eye(radius.shape[1], dtype=bool)


def _bounce_off_walls(
    place: Floats, velocity: Floats, radius: Floats, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Mirror balls at the walls, in place; return who hit one (count, objects)."""
    low = radius[..., None]
    high = np.array(size) - 1 - low
    below: NDArray[np.bool_] = place < low
    above: NDArray[np.bool_] = place > high
    np.copyto(velocity, np.abs(velocity), where=below)
    np.copyto(velocity, -np.abs(velocity), where=above)
    np.copyto(place, np.clip(place, low, high))
    hit: NDArray[np.bool_] = np.logical_or.reduce(below | above, axis=2)
    return hit


def bounce_off_each_other(place: Floats, velocity: Floats, radius: Floats) -> NDArray[np.bool_]:
    """Exchange momentum along the line between centres, in place; return who hit (count, N)."""
    objects = radius.shape[1]
    mass = radius**2
    hit = np.zeros(radius.shape, bool)
    for i in range(objects):
        for j in range(i + 1, objects):
            line = place[:, j] - place[:, i]
            apart = np.maximum(np.linalg.norm(line, axis=-1), 1e-9)
            line /= apart[:, None]
            closing = ((velocity[:, i] - velocity[:, j]) * line).sum(axis=-1)
            meet = (apart < radius[:, i] + radius[:, j]) & (closing > 0)
            impulse = np.where(meet, 2 * closing / (mass[:, i] + mass[:, j]), 0)[:, None] * line
            velocity[:, i] -= impulse * mass[:, j, None]
            velocity[:, j] += impulse * mass[:, i, None]
            hit[:, i] |= meet
            hit[:, j] |= meet
    return hit


def _paint(
    rng: np.random.Generator,
    places: Floats,
    radius: Floats,
    hits: NDArray[np.bool_],
    size: tuple[int, int],
    curtain: bool,
) -> Scenes:
    count, length, objects = places.shape[:3]
    height, width = size
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    covered = np.zeros((count, length, height, width), np.uint8)
    groups = np.zeros_like(covered)
    collisions = np.zeros(covered.shape, bool)
    for one in range(objects):
        down = (y[None, None] - places[:, :, one, 0, None, None]) ** 2
        right = (x[None, None] - places[:, :, one, 1, None, None]) ** 2
        disc = down + right <= radius[:, None, one, None, None] ** 2
        covered += disc
        groups[disc] = one + 1
        collisions |= disc & hits[:, :, one, None, None]
    overlaps = covered > 1
    groups[overlaps] = 0
    lit = covered > 0
    if curtain:
        tall, wide = int(0.5 * height), int(0.3 * width)
        top = rng.integers(0, height - tall + 1, (count, 1))
        start, drift = rng.random((count, 1)) * (width - wide), rng.uniform(-1, 1, (count, 1))
        left = np.clip(start + drift * np.arange(length), 0, width - wide)
        inside_y = (y[None, None] >= top[..., None, None]) & (
            y[None, None] < top[..., None, None] + tall
        )
        inside_x = (x[None, None] >= left[..., None, None]) & (
            x[None, None] < left[..., None, None] + wide
        )
        hidden = inside_y & inside_x
        lit |= hidden
        groups[hidden] = 0
        collisions &= ~hidden
    images = np.where(lit, np.uint8(255), np.uint8(0))[..., None]
    return Scenes(images, groups, overlaps, collisions)
