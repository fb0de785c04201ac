"""The search for the turn, and the shift by parts of a pixel, of a camera that moves."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.background.registration import kernels
from segment.background.registration.poses import STRAIGHT, Pose
from segment.background.registration.search import (
    MOST,
    correlate,
    explains_better,
    means_of,
    shrink_to,
)

__all__ = ["find_pose"]

# Pixels; pictures are made as small, and none is looked at that is smaller.
_WIDEST = 480
_SMALLEST = 32

# Steps in the smallest picture, in those between, and in the largest; pixels of the smallest.
_STEPS, _LAST = 6, 8
_COARSEST = 28

# Points at most that are compared, one in each square of a grid.
_POINTS = 1500

# Where there is little contrast, squares are halved until one in so many has some, down to the
# narrowest; pixels at the edges of the picture that are left out.
_SCARCE, _NARROWEST, _RIM = 6, 3, 3

# Slope of a point that has contrast, in grey levels a pixel of the smoothed picture.
_SLOPE = 3.0

# Deviation by which pictures are smoothed, in pixels.
_SMOOTH = 1.0

# Radians beyond which nobody turns from one frame to the next but the picture of something else.
_MOST_TURN = math.radians(6)

# Of a pixel, at the rim: less is no movement.
_LEAST = 0.05


class _Level(NamedTuple):
    """points (5, N) as of `kernels.compare`, and the frame (H, W), smoothed, both made smaller."""

    points: NDArray[np.float32]
    frame: NDArray[np.float32]


def find_pose(
    flat: NDArray[np.uint8],
    ground: NDArray[np.uint8],
    gain: float,
    outside: NDArray[np.uint8],
    guess: Pose,
) -> Pose | None:
    """Return how a frame lies on the background, if that is more than a shift by whole pixels.

    flat (H, W * C) uint8: the frame. ground (C, H * W) uint8: the background. `gain` takes the
    frame to its light. What is not 0 in `outside`, (H * W,) uint8 or empty, is not looked at.
    `guess` is where the search begins, besides no movement at all and what phase correlation says.

    From coarse to fine, points with contrast are brought onto the frame by Gauss and Newton's
    steps with Tukey's weights, so that objects have no say. It is believed when the blocks of the
    picture that it explains better, than no movement and than the nearest whole shift, outnumber
    those that it explains worse by three deviations of a fair coin.
    """
    channels = ground.shape[0]
    height, width = flat.shape[0], flat.shape[1] // channels
    shrink = max(1, -(-width // _WIDEST))
    size = width // shrink, height // shrink
    if min(size) < _SMALLEST:
        return None
    image = np.moveaxis(flat.reshape(height, width, channels), 2, 0)
    new = shrink_to(image, size) * np.float32(gain)
    old = shrink_to(ground.reshape(channels, height, width), size)
    hidden = None
    if outside.size:
        hidden = _nearest(outside.reshape(height, width), size)
    levels = _levels(new, old, hidden)
    starts = {(0.0, 0.0, 0.0), (guess.angle, guess.right / shrink, guess.down / shrink)}
    right, down = correlate(new, old)
    starts.add((0.0, float(round(right)), float(round(down))))
    best = _search(levels, sorted(starts))
    if best is None or abs(best.angle) > _MOST_TURN:
        return None
    rim = max(size) / 2
    if max(abs(best.angle) * rim, abs(best.right), abs(best.down)) < _LEAST:
        return None
    found = Pose(best.angle, best.right * shrink, best.down * shrink)
    whole = Pose(0.0, round(found.right) / shrink, round(found.down) / shrink)
    left = _blocks(levels[0], best)
    better = (explains_better(left, _blocks(levels[0], other)) for other in {STRAIGHT, whole})
    return found if all(better) else None


def _levels(
    new: NDArray[np.float32], old: NDArray[np.float32], hidden: NDArray[np.uint8] | None
) -> list[_Level]:
    """Return the pictures, each half as large as the one before it."""
    levels = []
    while True:
        smooth = cv2.GaussianBlur(new, (0, 0), _SMOOTH)
        levels.append(_Level(_choose(old, hidden), np.asarray(smooth, np.float32)))
        if min(old.shape) < 2 * _COARSEST:
            return levels
        new, old = (np.asarray(cv2.pyrDown(picture), np.float32) for picture in (new, old))
        if hidden is not None:
            hidden = _nearest(hidden, old.shape[::-1])


def _nearest(plane: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _choose(old: NDArray[np.float32], hidden: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    """Return the point of every square of a grid that has most contrast, if that is enough."""
    height, width = old.shape
    smooth = cv2.GaussianBlur(old, (0, 0), _SMOOTH)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    steep = across * across + down * down
    if hidden is not None:
        steep[cv2.dilate(hidden, np.ones((3, 3), np.uint8)) != 0] = 0
    side = max(_NARROWEST, math.isqrt(height * width // _POINTS))
    y, x = _steepest(steep, side)
    while len(y) < _POINTS // _SCARCE and side > _NARROWEST:
        side = max(_NARROWEST, side // 2)
        y, x = _steepest(steep, side)
    return np.stack([x, y, smooth[y, x], across[y, x], down[y, x]]).astype(np.float32)


def _steepest(steep: NDArray[np.float32], side: int) -> tuple[NDArray[np.int64], ...]:
    """Return the rows and columns of the steepest pixel of each square that has contrast."""
    height, width = steep.shape
    tall, wide = (height - 2 * _RIM) // side, (width - 2 * _RIM) // side
    squares = steep[_RIM : _RIM + tall * side, _RIM : _RIM + wide * side]
    squares = squares.reshape(tall, side, wide, side).swapaxes(1, 2).reshape(tall, wide, -1)
    which = squares.argmax(2)
    row, column = np.nonzero(squares.max(2) > _SLOPE**2)
    which = which[row, column]
    return _RIM + row * side + which // side, _RIM + column * side + which % side


def _search(levels: list[_Level], starts: list[tuple[float, ...]]) -> Pose | None:
    """Return the best pose in pixels of the largest picture, None if there is nothing to go by."""
    for depth in range(len(levels) - 1, -1, -1):
        points, frame = levels[depth]
        steps = _LAST if depth == 0 else _STEPS
        scale, found = 2.0**depth, []
        left = np.empty(points.shape[1], np.float32)
        for angle, right, down in starts:
            pose = np.array([angle, right / scale, down / scale])
            cost = float(kernels.align(frame, points, pose, left, steps))
            if np.isfinite(pose).all():
                found.append(
                    (cost, (float(pose[0]), float(pose[1] * scale), float(pose[2] * scale)))
                )
        if not found:
            return None
        starts = [min(found)[1]]
    return Pose(*starts[0]) if levels[0].points.shape[1] else None


def _blocks(level: _Level, pose: Pose) -> NDArray[np.float32]:
    """Return the mean of what points leave in 6 x 8 blocks of the picture, nan where few are."""
    points, frame = level
    left = np.empty(points.shape[1], np.float32)
    kernels.compare(frame, points, np.array(pose), left)
    inside = left != kernels.OUTSIDE
    height, width = frame.shape
    rows, columns = points[1, inside].astype(int), points[0, inside].astype(int)
    block = rows * 6 // height * 8 + columns * 8 // width
    numbers = np.bincount(block, minlength=48)
    sums = np.bincount(block, np.minimum(np.abs(left[inside]), MOST), minlength=48)
    return means_of(sums, numbers)
