"""The objects of a frame, one by one, from one pass over its labels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from segment.arrays import Labels, Mask


@dataclass(frozen=True, slots=True)
class Object:
    """One object in one frame.

    Attributes
    ----------
    id : its label.
    x, y, width, height : its box, pixels.
    area : its pixels.
    centroid : mean column and row of its pixels; a pixel's centre is at whole numbers.
    mask : (height, width) bool, its pixels within the box.
    """

    id: int
    x: int
    y: int
    width: int
    height: int
    area: int
    centroid: tuple[float, float]
    mask: Mask


def objects_of(labels: Labels) -> Iterator[Object]:
    """Every object of `labels`, (H, W) int32, in the order of their ids.

    Runs of equal labels along the rows are found first; boxes, areas and centroids are
    sums over these few runs. So ids may be large and sparse, and the cost hardly depends
    on how much foreground there is.
    """
    width = labels.shape[1]
    flat = labels.ravel()
    begins = np.empty(flat.size, bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[::width] = True  # a run ends with its row
    start = np.flatnonzero(begins)
    end = np.append(start[1:], flat.size)
    number = flat[start]
    kept = np.flatnonzero(number > 0)
    if not kept.size:
        return
    kept = kept[np.argsort(number[kept], kind="stable")]  # by id, rows still rising
    start, end, number = start[kept], end[kept], number[kept]
    first = np.flatnonzero(np.diff(number, prepend=0))

    row, left = np.divmod(start, width)
    length = end - start
    right = left + length
    area = np.add.reduceat(length, first)
    # A run's columns sum to its length times their mean; doubled, all sums are whole.
    columns = np.add.reduceat((left + right - 1) * length, first) / (2 * area)
    rows = np.add.reduceat(row * length, first) / area
    for id, x0, y0, x1, y1, pixels, cx, cy in zip(  # noqa: A001
        number[first].tolist(),
        np.minimum.reduceat(left, first).tolist(),
        row[first].tolist(),
        np.maximum.reduceat(right, first).tolist(),
        (np.maximum.reduceat(row, first) + 1).tolist(),
        area.tolist(),
        columns.tolist(),
        rows.tolist(),
        strict=True,
    ):
        mask = labels[y0:y1, x0:x1] == id
        yield Object(id, x0, y0, x1 - x0, y1 - y0, pixels, (cx, cy), mask)
