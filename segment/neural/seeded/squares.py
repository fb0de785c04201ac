"""Windows on the foreground: a square of a frame, at the size that a network takes."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask

__all__ = ["CHANNELS", "Square", "around", "cut", "enlarged", "resized"]

CHANNELS = 6
"""Planes of a window: foreground, three of colour, two of motion (down, right)."""

Planes = NDArray[np.float32]

_MOTION = 20.0  # motion is counted in twentieths of a window a step
_CONTRAST = 12.0  # grey levels below which differences of colour are noise


class Square(NamedTuple):
    """A part of the frame, which may reach over its borders."""

    top: int
    left: int
    side: int


def around(boxes: NDArray[np.intp], margin: float = 0.1) -> Square:
    """Return the square about boxes (N, 4): first row and column, last row and column + 1."""
    top, left = boxes[:, :2].min(0)
    bottom, right = boxes[:, 2:].max(0)
    side = int(max(bottom - top, right - left) * (1 + 2 * margin)) + 4
    return Square(int(top + bottom - side) // 2, int(left + right - side) // 2, side)


def cut(image: Image, before: Image, foreground: Mask, square: Square, size: int) -> Planes:
    """Return a window (6, size, size) of a frame, float32, all zero outside the foreground.

    Colours have mean 0 and about deviation 1 over the foreground, so that only their contrast
    counts; motion is measured from `before`, a picture some frames ago, less its median.
    """
    import cv2

    inside = resized(foreground, square, size)
    planes = np.zeros((CHANNELS, size, size), np.float32)
    lit = inside > 0.5
    planes[0] = lit
    if not lit.any():
        return planes
    colours = resized(image, square, size).reshape(size, size, -1)
    own = colours[lit]
    spread = np.sqrt(own.var(0).mean()) + _CONTRAST
    planes[1:4, lit] = ((own - own.mean(0)) / spread).T
    fine = 2 * size
    grey = [_grey(resized(picture, square, fine)) for picture in (before, image)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    # From now back to before, so that motion is known where things are now.
    moved = -flow.calc(grey[1], grey[0], np.zeros((fine, fine, 2), np.float32))
    moved = cv2.resize(moved, (size, size), interpolation=cv2.INTER_AREA)[lit] / fine
    planes[4:6, lit] = _MOTION * (moved - np.median(moved, axis=0)).T[::-1]
    return np.clip(planes, -4, 4)


def resized(plane: NDArray[Any], square: Square, size: int) -> NDArray[np.float32]:
    """Bring the square of a picture (H, W) or (H, W, C) to (size, size[, C]); 0 outside of it."""
    import cv2

    height, width = plane.shape[:2]
    top, left, side = square
    rows = slice(max(0, top), min(height, top + side))
    columns = slice(max(0, left), min(width, left + side))
    held = np.zeros((side, side, *plane.shape[2:]), np.float32)
    held[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = plane[
        rows, columns
    ]
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(held, (size, size), interpolation=how), np.float32)


def _grey(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    # By channels: numpy takes ten times as long for the mean over a last axis of three.
    flat = picture if picture.ndim == 2 else sum(np.moveaxis(picture, 2, 0)) / picture.shape[2]
    return np.rint(np.clip(flat, 0, 255)).astype(np.uint8)


def enlarged(
    planes: NDArray[np.float32], square: Square, box: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    """Bring planes (N, S, S) of a window back to the frame's size, the part inside a box."""
    import cv2

    top, left, bottom, right = box
    y, x = top - square.top, left - square.left
    size = (square.side, square.side)
    return np.stack(
        [
            cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)[
                y : y + bottom - top, x : x + right - left
            ]
            for plane in planes
        ]
    )
