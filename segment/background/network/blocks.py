# mypy: disable-error-code="no-untyped-def"
"""The glance: what it reads of every block, and which it leaves in doubt."""

import numpy as np

from segment.background.compiling import entry, loop, part
from segment.background.lines import fill
from segment.background.network.loops import ZERO, f, u
from segment.background.network.passes import convolve_strip, mix_strip
from segment.background.network.records import BLOCK, FIRST_SIGNED, LAST_SIGNED

__all__ = ["glance", "pool", "run_of"]


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
    most (w,) uint8 and total (w,) uint16 to work in; out (2 Q, 1, size): a strip of the whole
    picture, of one pixel a block: the largest of each plane, then the means, times `scale`.
    """
    height, width = planes.shape[1:]
    count = chosen.size
    stride = restless.shape[1] + 2
    for by in range(start, stop):
        low = BLOCK * by
        high = min(low + BLOCK, height)
        begin = 1 + (by + 1) * stride
        for q in range(2 * count):
            fill(out[q, 0, begin : begin + stride], ZERO)
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
                    out[q, 0, begin + b + 1] = (f(largest) - middle) * scale
                    out[count + q, 0, begin + b + 1] = (mean - middle) * scale
            bx, end = run_of(restless, by, end)


@entry
def glance(blocks, layers, restless, wary, evident, much, seen, doubt, told, active, runs):
    """Find the blocks in doubt, restless ones with a positive logit; returns how many they are.

    In doubt are those, too, that are `wary`, (rows, columns) uint8, if their value `evident` of
    `pool` is above `much`, whatever the logit.
    blocks (2 Q, 1, size) : of `pool`; seen, doubt and told (maps, 1, size) : strips of the whole
    picture, overwritten, the last with what is told of every block in doubt. active (rows, columns)
    uint8 and runs are overwritten: what is active.
    """
    rows, columns = active.shape
    stride = columns + 2
    first, end = _rows_of(restless)
    convolve_strip(blocks, 0, layers.g0, stride, end - first, seen, 0, first)
    for m in range(seen.shape[0]):
        fill(seen[m, 0, 1 + first * stride : 1 + (first + 1) * stride], ZERO)
        for by in range(first, end):
            low = 1 + (by + 1) * stride
            seen[m, 0, low] = ZERO
            seen[m, 0, low + columns + 1] = ZERO
            for bx in range(columns):
                if restless[by, bx] == 0:
                    seen[m, 0, low + bx + 1] = ZERO
        fill(seen[m, 0, 1 + (end + 1) * stride : 1 + (end + 2) * stride], ZERO)
    mix_strip(seen, layers.doubt, stride, end - first, doubt, 0, first)
    found = 0
    for by in range(rows):
        low = 1 + (by + 1) * stride
        for bx in range(columns):
            place = low + bx + 1
            marked = (wary[by, bx] != 0) & (blocks[evident, 0, place] > much)
            marked |= doubt[0, 0, place] > ZERO
            marked &= restless[by, bx] != 0
            active[by, bx] = u(1) if marked else u(0)
            found += 1 if marked else 0
    _list_runs(active, runs)
    if found > 0:
        first, end = _rows_of(active)
        convolve_strip(seen, 0, layers.c1, stride, end - first, told, 0, first)
    return found


@part
def _rows_of(blocks):
    """Rows from and to which any block is marked."""
    first, end = 0, 0
    for row in range(blocks.shape[0]):
        if run_of(blocks, row, 0)[0] < blocks.shape[1]:
            first = row if end == 0 else first
            end = row + 1
    return first, end


@part
def _list_runs(active, runs):
    for row in range(active.shape[0]):
        count, blocks = 0, 0
        first, end = run_of(active, row, 0)
        while first < end:
            runs.first[row, count] = first
            runs.end[row, count] = end
            count += 1
            blocks += end - first
            first, end = run_of(active, row, end)
        runs.count[row] = count
        runs.blocks[row] = blocks
