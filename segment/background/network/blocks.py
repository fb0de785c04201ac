# mypy: disable-error-code="no-untyped-def"
"""The loops over blocks: what the glance reads, which are looked at, what is left behind."""

import numpy as np

from segment.background.compiling import entry, loop, part
from segment.background.network.records import BLOCK, FIRST_SIGNED, LAST_SIGNED

__all__ = ["choose", "fill", "open_up", "pool", "run_of", "wipe"]

f = np.float32
u = np.uint8

ZERO = f(0)


@loop
def fill(values, value):
    """Make all of a row one value."""
    for k in range(values.size):
        values[k] = value


@part
def run_of(blocks, row, begin):
    """The next blocks of a row that are marked and follow each other: first, and one beyond."""
    first = begin
    while first < blocks.shape[1] and blocks[row, first] == 0:
        first += 1
    end = first
    while end < blocks.shape[1] and blocks[row, end] != 0:
        end += 1
    return first, end


@entry
def wipe(maps, left, step):
    """Set to 0 the blocks of a level that are `left`, (rows, columns) uint8."""
    for row in range(left.shape[0]):
        for block in range(left.shape[1]):
            if left[row, block] != 0:
                low = block * step + 1
                for m in range(maps.shape[0]):
                    for y in range(row * step + 1, (row + 1) * step + 1):
                        fill(maps[m, y, low : low + step], ZERO)


@loop
def _gather_first(values, most, total):
    for k in range(values.size):
        v = values[k]
        most[k] = v
        total[k] = np.uint16(v)


@loop
def _gather(values, most, total):
    for k in range(values.size):
        v = values[k]
        m = most[k]
        most[k] = v if v > m else m
        total[k] = np.uint16(total[k] + np.uint16(v))


@entry
def pool(planes, chosen, restless, scale, most, total, out, start, stop):
    """Largest values and means over blocks; 0 where they are not restless.

    planes (P, h, w) uint8; chosen (Q,) uint8, those that are read; restless (rows, columns) uint8;
    most (w,) uint8 and total (w,) uint16 to work in; out (2 Q, rows + 2, columns + 2 and more): the
    largest of each plane, then the means, times `scale`.
    """
    height, width = planes.shape[1:]
    count = chosen.size
    for by in range(start, stop):
        low = BLOCK * by
        high = min(low + BLOCK, height)
        for q in range(2 * count):
            fill(out[q, by + 1], ZERO)
        bx, end = run_of(restless, by, 0)
        while bx < end:
            left, right = BLOCK * bx, min(BLOCK * end, width)
            for q in range(count):
                m = chosen[q]
                middle = f(128) if (m >= FIRST_SIGNED) & (m <= LAST_SIGNED) else ZERO
                _gather_first(planes[m, low, left:right], most, total)
                for y in range(low + 1, high):
                    _gather(planes[m, y, left:right], most, total)
                for b in range(bx, end):
                    x = BLOCK * (b - bx)
                    beyond = min(x + BLOCK, right - left)
                    largest = u(0)
                    together = 0
                    for k in range(x, beyond):
                        largest = max(largest, most[k])
                        together += int(total[k])
                    mean = f(together) / f((high - low) * (beyond - x))
                    out[q, by + 1, b + 1] = (f(largest) - middle) * scale
                    out[count + q, by + 1, b + 1] = (mean - middle) * scale
            bx, end = run_of(restless, by, end)


@entry
def choose(logits, restless, active, left):
    """Find the blocks in doubt, restless ones with a positive logit; returns how many they are.

    logits (rows + 2, columns + 2 and more) with a border; restless, active and left (rows,
    columns) uint8; the last two are overwritten: what is active, and what was and no longer is.
    """
    rows, columns = active.shape
    found = 0
    for by in range(rows):
        for bx in range(columns):
            doubt = (logits[by + 1, bx + 1] > ZERO) & (restless[by, bx] != 0)
            left[by, bx] = u(1) if (active[by, bx] != 0) & (not doubt) else u(0)
            active[by, bx] = u(1) if doubt else u(0)
            found += 1 if doubt else 0
    return found


@entry
def open_up(active, step, open_):
    """Write 1 where a level's pixels are active, 0 elsewhere: open_ (rows, width) float32."""
    for row in range(active.shape[0]):
        for b in range(active.shape[1]):
            value = f(1) if active[row, b] != 0 else ZERO
            for x in range(b * step, (b + 1) * step):
                open_[row, x] = value
