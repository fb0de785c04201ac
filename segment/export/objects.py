"""The objects of a frame, one by one, from one pass over its labels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Labels, Mask


@dataclass(frozen=True, slots=True)
class Object:
    """One object in one frame.

    Attributes
    ----------
    id : its label.
    x, y, width, height : its box, pixels.
    mask : (height, width) bool, its pixels within the box.
    """

    id: int
    x: int
    y: int
    width: int
    height: int
    mask: Mask

    @property
    def area(self) -> int:
        """Pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def centroid(self) -> tuple[float, float]:
        """Mean column and row of its pixels, pixels; a pixel's centre is at whole numbers."""
        rows, columns = np.nonzero(self.mask)
        return float(columns.mean()) + self.x, float(rows.mean()) + self.y


def objects_of(labels: Labels) -> Iterator[Object]:
    """Every object of `labels`, (H, W) int32, in the order of their ids.

    Ids may be large and sparse: the work is in the foreground's pixels, not in the ids.
    """
    where = np.flatnonzero(labels)
    if not where.size:
        return
    rows, columns = np.divmod(where, labels.shape[1])
    ids, index = np.unique(labels.ravel()[where], return_inverse=True)
    top, left = _ends(np.minimum, index, rows, columns, len(ids), labels.size)
    bottom, right = _ends(np.maximum, index, rows, columns, len(ids), -1)
    for number, x0, y0, x1, y1 in zip(
        ids.tolist(), left.tolist(), top.tolist(), right.tolist(), bottom.tolist(), strict=True
    ):
        crop = labels[y0 : y1 + 1, x0 : x1 + 1]
        yield Object(number, x0, y0, x1 + 1 - x0, y1 + 1 - y0, crop == number)


def _ends(
    function: np.ufunc,
    index: NDArray[np.intp],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    count: int,
    start: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    row_end = np.full(count, start, np.intp)
    column_end = np.full(count, start, np.intp)
    function.at(row_end, index, rows)
    function.at(column_end, index, columns)
    return row_end, column_end
