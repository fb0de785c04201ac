"""What there is to know of the labelled regions of one frame, all regions at once."""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

# So many pixels tell where a region lies well enough; of larger ones a grid is kept.
_ENOUGH_PIXELS = 1024


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of one frame, in reading order of their first pixels; N of them.

    Attributes
    ----------
    index : (H, W) int32, number of the region at each pixel, 0 .. N - 1, and -1 outside.
    area : (N,) pixels.
    centre : (N, 2) mean row and column of the pixels.
    box : (N, 4) first row, first column, last row + 1, last column + 1.
    colour : (N, C) mean of the image, grey levels.
    pixels : (P, 2) row and column, sorted by region; of large regions a regular grid only.
    begin : (N + 1,) where the pixels of each region begin.
    weight : (N,) pixels of the region that each of its `pixels` stands for.
    """

    index: NDArray[np.int32]
    area: Floats
    centre: Floats
    box: Integers
    colour: Floats
    pixels: Integers
    begin: Integers
    weight: Floats

    def __len__(self) -> int:
        return len(self.area)


def describe(labels: Labels, image: Image) -> Regions:
    """Measure every region of `labels` (H, W), 0 background, on `image` (H, W, C)."""
    width = labels.shape[1]
    where = np.flatnonzero(labels != 0)  # of bool it is three times as fast
    index = np.full(labels.shape, -1, np.int32)
    region, count = _number(labels.reshape(-1)[where])
    index.reshape(-1)[where] = region
    rows, columns = np.divmod(where, width)

    def total(values: NDArray[Any]) -> Floats:
        return np.bincount(region, values, count).astype(np.float64, copy=False)

    area = np.bincount(region, minlength=count).astype(np.float64)
    box = np.empty((count, 4), np.intp)
    # Pixels come in reading order, so that the first and last of a region end its rows;
    # of repeated indices the last assignment stays.
    box[region[::-1], 0] = rows[::-1]
    box[region, 2] = rows + 1
    box[:, 1], box[:, 3] = width, 0
    np.minimum.at(box[:, 1], region, columns)
    np.maximum.at(box[:, 3], region, columns + 1)
    # Measured from the box, a centre does not depend on where in the picture the region lies.
    corner = box[:, :2]
    down, right = total(rows - corner[region, 0]), total(columns - corner[region, 1])
    centre = corner.astype(np.float64) + np.stack([down / area, right / area], axis=1)
    values = image.reshape(-1, image.shape[2])[where]
    colour = np.stack([total(values[:, c]) / area for c in range(values.shape[1])], axis=1)

    stride = np.maximum(1, np.sqrt(area / _ENOUGH_PIXELS)).astype(np.intp)
    if (stride > 1).any():
        step = stride[region]
        near = corner[region]
        kept = ((rows - near[:, 0]) % step == 0) & ((columns - near[:, 1]) % step == 0)
        # A region thin enough to slip through the grid keeps all its pixels.
        kept |= (np.bincount(region[kept], minlength=count) < 16)[region]
        rows, columns, region = rows[kept], columns[kept], region[kept]
    order = np.argsort(region, kind="stable")
    number = np.bincount(region, minlength=count)
    return Regions(
        index=index,
        area=area,
        centre=centre,
        box=box,
        colour=colour,
        pixels=np.stack([rows, columns], axis=1)[order],
        begin=np.concatenate([[0], np.cumsum(number)]).astype(np.intp),
        weight=area / np.maximum(number, 1),
    )


def _number(values: Labels) -> tuple[Integers, int]:
    """Number labels 0, 1, ... in the order in which they come first."""
    if values.size == 0:
        return np.empty(0, np.intp), 0
    most = int(values.max())
    codes: NDArray[Any] = values
    if most > 4 * values.size + 1024:  # few pixels with large numbers: no table of that length
        codes = np.unique(values, return_inverse=True)[1].reshape(-1)
        most = int(codes.max())
    first = np.full(most + 1, values.size, np.intp)
    first[codes[::-1]] = np.arange(values.size - 1, -1, -1)
    order = np.argsort(first, kind="stable")
    table = np.empty(most + 1, np.intp)
    table[order] = np.arange(most + 1)
    return table[codes], int((first < values.size).sum())


def whole(value: int, name: str, unit: str) -> int:
    """Return a setting as an int; TypeError or ValueError for what is none, or below 0."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, wanted a whole number of {unit}") from None
    if number < 0:
        raise ValueError(f"{name} is {value} {unit}, wanted 0 or more")
    return number
