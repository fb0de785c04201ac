"""The search for the shift that best explains what differs from the background."""

import math
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.background.registration import kernels

__all__ = [
    "MOST",
    "Contours",
    "Shift",
    "correlate",
    "explains_better",
    "find_contours",
    "find_shift",
    "has_changed",
    "means_of",
    "most_contours",
    "shrink_to",
]

# Pixels to the right, and down.
Shift = tuple[int, int]

# Rows and columns.
Contours = tuple[NDArray[np.int64], NDArray[np.int64]]

# The same, and the values there.
_Points = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]

_NOWHERE = np.empty(0, np.uint8)

# Points of the grid among which those with contrast are chosen, and of that of the first look.
_POINTS = 4000
_FEW_POINTS = 1200

# Of as many points as there is room for, one in so many is enough; for fewer the grid is made
# finer, until the shorter side of the picture has so many.
_SCARCE, _FINEST = 6, 240

# Change over four pixels, in grey levels, and in deviations of the noise, that is contrast.
_CONTRAST = 12.0
_CONTRAST_IN_NOISE = 3.0

# Grey levels that a point counts at most: what an object covers is lost, and no more than lost.
MOST = np.float32(20)

# Of 6 x 8 blocks: points that a block needs to have a say, blocks and their share in which much
# must differ before a shift is looked for.
_LEAST_POINTS = 4
_LEAST_BLOCKS = 6
_LEAST_SHARE = 0.4

# Pixels to every side of a guess that are tried.
_REACH = 4

# A block speaks for the shift that leaves less than this part of the other's difference.
_CLEARLY = 0.8

# Standard deviations by which the blocks for a shift must outnumber those against it.
_CONFIDENCE = 3.0

# Pixels; pictures are made as small for phase correlation, and none is done in smaller ones.
_WIDEST = 320
_SMALLEST = 16


def find_contours(
    ground: NDArray[np.uint8],
    height: int,
    width: int,
    noise: float,
    outside: NDArray[np.uint8] = _NOWHERE,
) -> Contours:
    """Return the points at which `has_changed` looks; they serve while the background does.

    ground (C, H * W) uint8, `noise` and `outside`: see `find_shift`.
    """
    return _choose_points(ground, outside, height, width, noise, _FEW_POINTS)[:2]


def find_shift(
    flat: NDArray[np.uint8],
    ground: NDArray[np.uint8],
    gain: float,
    noise: float,
    outside: NDArray[np.uint8] = _NOWHERE,
) -> Shift:
    """Return by how many pixels (right, down) a frame has moved; (0, 0) when in doubt.

    flat (H, W * C) uint8: the frame. ground (C, H * W) uint8: the background. `gain` takes the
    frame to its light, `noise` is the camera's variance in grey levels squared. What is not 0 in
    `outside`, (H * W,) uint8 or empty, is not looked at.

    Points where the background has contours are compared with the frame, moved by every shift
    near a few guesses; an object counts for no more at a point than a limit. The best shift is
    believed when the blocks of the picture that it explains better outnumber those that it
    explains worse by three deviations of a fair coin: an object moves its own blocks only.
    """
    channels = ground.shape[0]
    height, width = flat.shape[0], flat.shape[1] // channels
    shrink = max(1, -(-width // _WIDEST))
    if min(height, width) // shrink < _SMALLEST:
        return 0, 0
    light = np.float32(gain)
    sums, numbers = np.empty((2, 6, 8), np.float32)

    def blocks(points: _Points, shift: Shift) -> tuple[float, NDArray[np.float32]]:
        """Return the mean difference, and that of every block; nan where it has no say."""
        mean = kernels.difference(flat, channels, light, *points, *shift, MOST, sums, numbers)
        return float(mean), means_of(sums, numbers)

    points = _choose_points(ground, outside, height, width, noise, _POINTS)
    still, kept = blocks(points, (0, 0))
    if not _differs(kept, noise):
        return 0, 0

    costs = {(0, 0): still}

    def search(around: Iterable[Shift], reach: int) -> Shift:
        for x, y in around:
            for v in range(-reach, reach + 1):
                for u in range(-reach, reach + 1):
                    shift = (x + u, y + v)
                    if shift not in costs:
                        costs[shift] = blocks(points, shift)[0]
        return min(costs, key=lambda shift: costs[shift])

    size = width // shrink, height // shrink
    image = np.moveaxis(flat.reshape(height, width, channels), 2, 0)
    new = shrink_to(image, size) * light
    old = shrink_to(ground.reshape(channels, height, width), size)
    dx, dy = (round(part * shrink) for part in correlate(new, old))
    near = abs(dx) <= width // 4 and abs(dy) <= height // 4
    best = search([(0, 0), *([(dx, dy)] if near else [])], _REACH)
    while (better := search([best], 1)) != best:
        best = better
    return best if explains_better(blocks(points, best)[1], kept) else (0, 0)


def has_changed(
    flat: NDArray[np.uint8],
    before: NDArray[np.uint8],
    gains: tuple[float, float],
    noise: float,
    contours: Contours,
) -> bool:
    """Whether so much of a frame differs from the last one that the camera may have moved.

    Where the camera stands still, this look is all that the search costs. flat (H, W * C) uint8:
    the frame. before (C, H * W) uint8: the last one, as it was registered. The gains are theirs;
    the rest as of `find_shift`.
    """
    sums, numbers = np.empty((2, 6, 8), np.float32)
    changed, known = kernels.count_changed(
        flat,
        before,
        *map(np.float32, gains),
        *contours,
        MOST,
        sums,
        numbers,
        _LEAST_POINTS,
        np.float32(_noticed(noise)),
    )
    return _are_many(changed, known)


def means_of(sums: NDArray[Any], numbers: NDArray[Any]) -> NDArray[np.float32]:
    """Return the mean of what points leave in every block, nan where too few are to have a say."""
    means = np.where(numbers >= _LEAST_POINTS, sums / np.maximum(numbers, 1), np.nan)
    return means.astype(np.float32)


def explains_better(moved: NDArray[np.float32], kept: NDArray[np.float32]) -> bool:
    """Whether one movement is to be believed rather than another, by what they leave in blocks.

    The blocks in which it leaves clearly less must outnumber those in which it leaves more.
    """
    telling = (np.fmax(kept, moved) > _noticed(0.0)) & np.isfinite(kept + moved)
    ayes = int(np.count_nonzero(telling & (moved < _CLEARLY * kept)))
    noes = int(np.count_nonzero(telling & (kept < _CLEARLY * moved)))
    # Without a voice on either side there is nothing to believe.
    return ayes - noes >= _CONFIDENCE * math.sqrt(max(ayes + noes, 1))


def most_contours(height: int, width: int) -> int:
    """Return how many points `find_contours` finds at most."""
    return _grid(height, width, _FEW_POINTS)[1]


def _grid(height: int, width: int, many: int) -> tuple[int, int]:
    """Return the step of a grid of about `many` points, and how many it has."""
    step = max(1, int((height * width / many) ** 0.5))
    return step, -(-height // step) * -(-width // step)


def _choose_points(
    ground: NDArray[np.uint8],
    outside: NDArray[np.uint8],
    height: int,
    width: int,
    noise: float,
    many: int,
) -> _Points:
    step, room = _grid(height, width, many)
    rows, columns = np.empty((2, room), np.int64)
    values = np.empty(room, np.float32)
    least = np.float32(max(_CONTRAST, _CONTRAST_IN_NOISE * noise**0.5))
    finest = max(1, min(height, width) // _FINEST)
    while True:
        found = kernels.choose_points(
            ground, outside, height, width, step, least, rows, columns, values
        )
        # Half the step finds at most four times as many: there is room for them.
        if found >= room // _SCARCE or step <= finest:
            return rows[:found], columns[:found], values[:found]
        step = max(finest, step // 2)


def _noticed(noise: float) -> float:
    """Mean difference of a block, in grey levels, that is more than noise."""
    return float(3 + 1.2 * noise**0.5)


def _differs(differences: NDArray[np.float32], noise: float) -> bool:
    known = int(np.count_nonzero(np.isfinite(differences)))
    changed = int(np.count_nonzero(differences > _noticed(noise)))  # nan is not
    return _are_many(changed, known)


def _are_many(changed: int, known: int) -> bool:
    return changed >= max(_LEAST_BLOCKS, _LEAST_SHARE * known)


def correlate(new: NDArray[np.float32], old: NDArray[np.float32]) -> tuple[float, float]:
    """Guess the shift (right, down) from old to new (H, W), by their phases."""
    height, width = old.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # It writes into what it is given.
    (across, down), _ = cv2.phaseCorrelate(old.copy(), new.copy(), window)
    return across, down


def shrink_to(planes: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean of planes (C, H, W), made smaller to `size` (width, height)."""
    smaller = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    mean: NDArray[np.float32] = np.mean(smaller, axis=0, dtype=np.float32)
    return mean
