"""One frame's foreground in pieces, and what is asked of them."""

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask
from segment.grouping.layer import Layer
from segment.grouping.regions import Floats, Integers
from segment.grouping.sharing import Window

__all__ = ["Box", "Pieces", "gap", "histogram", "slices"]

Box = tuple[int, int, int, int]
"""First row and column, last row and column + 1."""


class Pieces:
    """One frame and its pieces of foreground, N of them, numbered from 0 in reading order.

    `pieces` (H, W) holds 0 for background and 1 + the number of a piece; `labels` (H, W) is what
    becomes of the frame, `births` the pieces that are nobody's yet, and `strays` the parts of
    shared pieces that nobody explains, with their window and those who share it.
    """

    def __init__(self, image: Image, foreground: Mask, smallest: int) -> None:
        from segment.grouping import kernels

        self.image = image
        self.foreground = np.ascontiguousarray(foreground)
        self.height, self.width = foreground.shape
        count, pieces = _connected(self.foreground)
        if smallest > 1 and count > 1:
            large = np.bincount(pieces.reshape(-1), minlength=count) >= smallest
            large[0] = False
            if not large[1:].all():
                self.foreground = large[pieces]
                count, pieces = _connected(self.foreground)
        self.count = count - 1
        self.pieces = pieces
        self.boxes = np.empty((self.count, 4), np.intp)
        area, sums = np.empty(self.count, np.intp), np.empty((self.count, 2), np.intp)
        kernels.survey(self.pieces, self.boxes, area, sums)
        self.area = area.astype(np.float64)
        # Measured from the box, a centre does not depend on where in the picture it lies.
        corner = self.boxes[:, :2]
        self.centre: Floats = corner + (sums - area[:, None] * corner) / self.area[:, None]
        self.labels: Labels = np.zeros(foreground.shape, np.int32)
        self.strays: list[tuple[Mask, Window, list[Layer]]] = []
        self.births: list[int] = []

    def box(self, blob: int) -> Box:
        """First row and column, last row and column + 1."""
        top, left, bottom, right = self.boxes[blob].tolist()
        return top, left, bottom, right

    def at_border(self, box: Box) -> bool:
        """Whether a box reaches the border of the picture, where it may be cut off."""
        top, left, bottom, right = box
        return top == 0 or left == 0 or bottom == self.height or right == self.width

    def hits(self, owner: Integers, places: Integers) -> tuple[Integers, Integers]:
        """Codes (owner * N + piece) of which place lies on which piece, and how many do."""
        rows, columns = places[:, 0], places[:, 1]
        on = (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
        owner = owner[on]
        piece = self.pieces[rows[on], columns[on]].astype(np.intp) - 1
        hit = piece >= 0
        codes, number = np.unique(owner[hit] * self.count + piece[hit], return_counts=True)
        return codes, number

    def window(self, box: Box) -> tuple[Window, NDArray[np.uint8]]:
        """The part of the frame inside a box, and a state for it: 2 where foreground is."""
        part = slices(box, self)
        inside = np.ascontiguousarray(self.foreground[part])
        image = np.ascontiguousarray(self.image[part])
        corner = (part[0].start, part[1].start)
        return Window(image, inside, corner), inside.view(np.uint8) * np.uint8(2)

    def histogram(self, blob: int) -> Floats:
        """Count the colours of a piece, (B,)."""
        top, left, bottom, right = self.box(blob)
        own = self.pieces[top:bottom, left:right] == blob + 1
        return histogram(self.image[top:bottom, left:right][own])


def _connected(foreground: Mask) -> tuple[int, NDArray[np.int32]]:
    """Number the 8-connected pieces from 1; OpenCV's own statistics take four times as long."""
    import cv2

    count, pieces = cv2.connectedComponents(foreground.view(np.uint8), connectivity=8)
    return count, np.asarray(pieces, np.int32)


def histogram(colours: NDArray[np.uint8]) -> Floats:
    """Count colours (P, C) in the bins of a layer's histogram."""
    pixels = colours.astype(np.intp)
    if pixels.shape[1] == 1:
        return np.bincount(pixels[:, 0] >> 3, minlength=32).astype(np.float64)
    bins = (pixels[:, 0] >> 5 << 6) | (pixels[:, 1] >> 5 << 3) | (pixels[:, 2] >> 5)
    return np.bincount(bins, minlength=512).astype(np.float64)


def gap(one: Box, other: Box) -> float:
    """How far two boxes are apart, pixels; 0 when they overlap."""
    down = max(one[0] - other[2], other[0] - one[2], 0)
    right = max(one[1] - other[3], other[1] - one[3], 0)
    return float(np.hypot(down, right))


def slices(box: Box, frame: Pieces) -> tuple[slice, slice]:
    """Rows and columns of a box, as far as it lies in the frame."""
    return (
        slice(max(0, box[0]), min(frame.height, box[2])),
        slice(max(0, box[1]), min(frame.width, box[3])),
    )
