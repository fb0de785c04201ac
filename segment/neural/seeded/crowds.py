"""Windows on drawn crowds, with the truth of whose foreground it is."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segment.neural.points import far_apart
from segment.neural.scenes.silhouettes import KINDS, CrowdSettings, crowd
from segment.neural.seeded.squares import Square, around, cut

__all__ = ["Drawn", "SeededBatch", "draw_windows", "make_seeded_batch", "seeds_on", "window_on"]

UNKNOWN = 255  # foreground of nobody: specks, and what is far from every object
ALIVE = 64  # crowds that batches are drawn from at a time
EACH = 24  # windows on one crowd
LEAST = 10  # pixels of an object in a window

_CASTS: tuple[tuple[str, ...], ...] = (
    ("person",),
    ("person", "car", "animal"),
    KINDS,
    ("ball", "box", "cylinder"),
)
_CAST_CHANCES = (0.3, 0.25, 0.15, 0.3)


class Drawn(NamedTuple):
    """One window and its truth."""

    planes: NDArray[np.float16]
    """(6, S, S), see `windows.cut`."""
    whose: NDArray[np.uint8]
    """(S, S): 0 background, 1 … n objects, 255 foreground of nobody."""


class SeededBatch(NamedTuple):
    """B windows, K slots each."""

    windows: Tensor
    """(B, 6, S, S)"""
    seeds: Tensor
    """(B, K, 2)"""
    wanted: Tensor
    """(B, K, S, S), 1 where the object of a slot's point is."""
    known: Tensor
    """(B, 1, S, S), 0 where nobody knows."""
    whose: NDArray[np.uint8]
    """(B, S, S)"""

    def to(self, device: torch.device) -> "SeededBatch":
        """Return the batch on another device."""
        windows, seeds, wanted, known = (t.to(device) for t in self[:4])
        return SeededBatch(windows, seeds, wanted, known, self.whose)


def draw_windows(seed: tuple[int, ...], size: int, count: int = EACH) -> list[Drawn]:
    """Draw one crowd, spoil its masks as a subtractor would, and cut windows on them."""
    from segment.masks import clean

    rng = np.random.default_rng(seed)
    settings = CrowdSettings(
        objects=(2, 6),
        length=24,
        tall=(0.12, 0.5),
        noise=float(rng.choice([0.0, 0.5, 1.0, 1.3])),
        apart=False,
        alike=0.25,
        kinds=_CASTS[int(rng.choice(len(_CASTS), p=_CAST_CHANCES))],
        shadows=0.35,
        spots=int(rng.choice([0, 0, 3, 6])),
        sizes=(0.8, 1.25) if rng.random() < 0.5 else (0.5, 1.5),
    )
    drawn = crowd(rng, settings)
    cleaned = rng.random() < 0.6
    found: list[Drawn] = []
    for t in rng.permutation(np.arange(4, settings.length)).tolist():
        mask = clean(drawn.foreground[t]) if cleaned else drawn.foreground[t]
        whose = np.where(drawn.truth[t] > 0, drawn.truth[t], drawn.shadows[t])
        before = drawn.images[t - int(rng.integers(1, 5))]
        window = window_on(rng, drawn.images[t], before, mask, whose, size)
        if window is not None:
            found.append(window)
        if len(found) == count:
            break
    return found


def window_on(
    rng: np.random.Generator,
    image: NDArray[np.uint8],
    before: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    whose: NDArray[np.int32],
    size: int,
) -> Drawn | None:
    """Cut a window on a piece of the foreground and what is near it, None where there is none.

    image, before : (H, W, C) uint8, a picture and one some frames ago.
    mask : (H, W) bool, foreground. whose : (H, W) int32, objects from 1.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= 24]
    if not large:
        return None
    whose = _spread(whose, mask)
    several = [n for n in large if np.count_nonzero(np.bincount(whose[pieces == n])[1:] >= 12) > 1]
    n = int(rng.choice(several if several and rng.random() < 0.5 else large))
    near = _near(stats, n, float(rng.uniform(0, 0.35)))
    x, y, width, height = stats[near, :4].T
    boxes = np.stack([y, x, y + height, x + width], axis=1).astype(np.intp)
    square = around(boxes, float(rng.uniform(0.04, 0.2)))
    shown = np.isin(pieces, near) if rng.random() < 0.7 else mask
    planes = cut(image, before, shown, square, size)
    lit = planes[0] > 0
    numbers = np.where(lit, _sample(whose, square, size), 0)
    result = np.where(lit, UNKNOWN, 0).astype(np.uint8)
    objects = 0
    for number, pixels in zip(*np.unique(numbers[numbers > 0], return_counts=True), strict=True):
        if pixels >= LEAST:
            objects += 1
            result[numbers == number] = objects
    return Drawn(planes.astype(np.float16), result) if objects else None


def _near(stats: NDArray[Any], n: int, share: float) -> NDArray[np.intp]:
    """Numbers of the pieces whose boxes are no further from piece n's than a share of its size."""
    left, top, width, height, area = stats.astype(np.float64).T
    right, bottom = left + width, top + height
    aside = np.maximum(np.maximum(left - right[n], left[n] - right), 0)
    above = np.maximum(np.maximum(top - bottom[n], top[n] - bottom), 0)
    near = np.hypot(aside, above) <= 2 + share * 1.13 * np.sqrt(max(area[n], 16))
    near[0] = False
    return np.flatnonzero(near)


def _spread(whose: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give the foreground beside an object, ragged edges and the like, to the nearest one."""
    from scipy.ndimage import distance_transform_edt

    far, nearest = distance_transform_edt(whose == 0, return_indices=True)
    return np.where(mask & (far <= 4), whose[tuple(nearest)], 0).astype(np.int32)


def _sample(plane: NDArray[np.int32], square: Square, size: int) -> NDArray[np.int32]:
    """Take (size, size) values of a plane at the middles of the window's pixels."""
    height, width = plane.shape
    middle = ((np.arange(size) + 0.5) * square.side / size).astype(np.intp)
    y, x = square.top + middle, square.left + middle
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))
    values = plane[np.clip(y, 0, height - 1)[:, None], np.clip(x, 0, width - 1)]
    return np.where(inside, values, 0).astype(np.int32)


def seeds_on(
    foreground: NDArray[np.bool_], count: int, rng: np.random.Generator | None = None
) -> NDArray[np.intp]:
    """Return `count` points (K, 2) of the foreground, each as far as can be from those before.

    Without `rng` the first is the one farthest from the middle, and all are settled.
    """
    points = np.argwhere(foreground)
    if rng is None:
        first = int(((points - points.mean(0)) ** 2).sum(1).argmax())
    else:
        first = int(rng.integers(len(points)))
    return far_apart(points, first, count, rng)


def make_seeded_batch(
    seed: tuple[int, ...],
    update: int,
    size: int,
    slots: int,
    *,
    learning: bool = True,
    instead: Callable[[np.random.Generator], Drawn] | None = None,
) -> SeededBatch:
    """Return a batch of about `slots` slots, of windows on the crowds that an update looks at.

    An update looks at 64 crowds, the next at all but one of them; with `learning`, windows are
    turned over, recoloured, and now and then lose their colours or their motion. `instead`
    draws every second window, if given.
    """
    rng = np.random.default_rng([*seed, 1, update])
    K = int(rng.integers(2, 7))
    items = [
        instead(rng)
        if instead is not None and n % 2
        else _pick(rng, (*seed, 0), update + int(rng.integers(ALIVE)), size)
        for n in range(max(1, slots // K))
    ]
    return _gather(rng, items, K, learning)


def _pick(rng: np.random.Generator, seed: tuple[int, ...], number: int, size: int) -> Drawn:
    windows = _crowd(seed, number, size)
    return windows[int(rng.integers(len(windows)))]


@lru_cache(maxsize=2 * ALIVE)
def _crowd(seed: tuple[int, ...], number: int, size: int) -> list[Drawn]:
    for attempt in range(100):  # a crowd may hide altogether
        windows = draw_windows((*seed, number, attempt), size)
        if windows:
            return windows
    raise RuntimeError("a hundred crowds without a window on them")


def _gather(
    rng: np.random.Generator, items: list[Drawn], slots: int, learning: bool
) -> SeededBatch:
    parts: Iterator[tuple[Any, ...]] = (_one(rng, item, slots, learning) for item in items)
    planes, points, wanted, known, whose = map(np.stack, zip(*parts, strict=True))
    layout = torch.channels_last
    return SeededBatch(
        torch.from_numpy(planes).contiguous(memory_format=layout),
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(wanted.astype(np.float32)),
        torch.from_numpy(known.astype(np.float32)),
        whose,
    )


def _one(
    rng: np.random.Generator, item: Drawn, slots: int, learning: bool
) -> tuple[NDArray[Any], ...]:
    planes, whose = item.planes.astype(np.float32), item.whose
    if learning:
        if rng.random() < 0.5:
            planes, whose = planes[:, :, ::-1].copy(), whose[:, ::-1]
            planes[5] *= -1
        planes[1:4] = planes[1:4][rng.permutation(3)] * rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
        if rng.random() < 0.25:
            planes[1:4] = planes[1:4].mean(0)
        if rng.random() < 0.25:
            planes[4:6] = 0
    points = seeds_on((whose > 0) & (whose < UNKNOWN), slots, rng)
    wanted = whose == whose[points[:, 0], points[:, 1], None, None]
    return planes, points, wanted, (whose < UNKNOWN)[None], whose
