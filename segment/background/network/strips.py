# mypy: disable-error-code="no-untyped-def"
"""Strips: the rows of pixels of a row of blocks, of which only the blocks in doubt are there.

A strip of a level whose blocks have `step` pixels holds step + 2 rows of `stride` places, one after
the other from place 1 on. The first and the last row are what lies above and below; along a row
stand the runs of blocks, each between two places that are 0, as all is that is not looked at. So a
convolution is one long loop over the strip, whatever the blocks, and what it makes of the places in
between is made 0 again.
"""

from segment.background.compiling import part
from segment.background.lines import copy, fill
from segment.background.network.loops import VECTOR, ZERO

__all__ = ["close", "length", "meet", "size_of", "stride_of"]


def size_of(columns: int, step: int) -> int:
    """Places that a strip of so many blocks takes at most."""
    return (step + 2) * (columns * step + 2 * ((columns + 1) // 2)) + 2 + VECTOR


@part
def stride_of(runs, row, step):
    """Places along a row of pixels of a row of blocks."""
    return runs.blocks[row] * step + 2 * runs.count[row]


@part
def length(stride, step):
    """Places of the pixels of a strip, in whole vectors."""
    return (stride * step + VECTOR - 1) // VECTOR * VECTOR


@part
def close(maps, at, runs, row, step):
    """Make 0 what lies beside the runs of strips (maps, rows, size), there number `at`."""
    stride = stride_of(runs, row, step)
    for m in range(maps.shape[0]):
        values = maps[m, at]
        left = stride + 1
        for n in range(runs.count[row]):
            right = left + 1 + (runs.end[row, n] - runs.first[row, n]) * step
            for y in range(step):
                values[left + y * stride] = ZERO
                values[right + y * stride] = ZERO
            left = right + 1


@part
def meet(maps, runs, row, step, low, high):
    """Fill the first and the last row of strips with what lies above and below.

    Nothing does above row `low` and from row `high` of blocks on.
    """
    stride = stride_of(runs, row, step)
    for side in range(2):
        to = 1 + side * (step + 1) * stride
        for m in range(maps.shape[0]):
            fill(maps[m, row, to : to + stride], ZERO)
        other = row - 1 + 2 * side
        if other < low or other >= high:
            continue
        far = stride_of(runs, other, step)
        source = 1 + (1 if side == 1 else step) * far
        place = to  # of the pixel left of a run
        for n in range(runs.count[row]):
            begin, end = runs.first[row, n] * step - 1, runs.end[row, n] * step + 1
            there = source + 1  # of the first pixel of a run
            for k in range(runs.count[other]):
                first, last = runs.first[other, k] * step, runs.end[other, k] * step
                left, right = max(begin, first), min(end, last)
                if left < right:
                    a, b = there + left - first, place + left - begin
                    for m in range(maps.shape[0]):
                        copy(
                            maps[m, other, a : a + right - left],
                            maps[m, row, b : b + right - left],
                        )
                there += last - first + 2
            place += end - begin
