"""The network of the E-step: convolutions over the blocks of a frame in which there is doubt.

A level's maps are planes (channels, rows + 2, columns + 2 and more), with a border of zeros. Only
spans of active blocks are computed; elsewhere all is 0, as it was in training. Four maps are made
at once from nine neighbours of one: what is read is used four times. Products and sums are fused,
which rounds alike in every run and for any number of threads.
"""

import numpy as np

from segment.background.compiling import entry, fused, loop, part
from segment.background.learned.kernels.records import BLOCK

__all__ = [
    "add_finer",
    "answer",
    "choose",
    "convolve",
    "fetch",
    "find_doubt",
    "halve",
    "mix",
    "pool",
]

f = np.float32
u = np.uint8

ZERO, QUARTER = f(0), f(0.25)

# Spans nearer than this are computed as one, and are whole multiples of it: no loop ends in single
# steps. In pixels.
VECTOR = 16

# Logits at which the table of posteriors ends, and its steps in 1.
_LOGITS, _STEPS = f(8), f(64)


@fused
def _nine(a, b, c, d, above, here, below, w):
    """Add to four maps what nine neighbours of one bring."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
    b0, b1, b2, b3, b4, b5, b6, b7, b8 = (
        w[9],
        w[10],
        w[11],
        w[12],
        w[13],
        w[14],
        w[15],
        w[16],
        w[17],
    )
    c0, c1, c2, c3, c4 = w[18], w[19], w[20], w[21], w[22]
    c5, c6, c7, c8 = w[23], w[24], w[25], w[26]
    d0, d1, d2, d3, d4 = w[27], w[28], w[29], w[30], w[31]
    d5, d6, d7, d8 = w[32], w[33], w[34], w[35]
    for k in range(a.size):
        r, s, t = above[k], above[k + 1], above[k + 2]
        x, y, z = here[k], here[k + 1], here[k + 2]
        l, m, n = below[k], below[k + 1], below[k + 2]  # noqa: E741
        v = a[k] + a0 * r + a1 * s + a2 * t + a3 * x + a4 * y + a5 * z
        a[k] = v + a6 * l + a7 * m + a8 * n
        v = b[k] + b0 * r + b1 * s + b2 * t + b3 * x + b4 * y + b5 * z
        b[k] = v + b6 * l + b7 * m + b8 * n
        v = c[k] + c0 * r + c1 * s + c2 * t + c3 * x + c4 * y + c5 * z
        c[k] = v + c6 * l + c7 * m + c8 * n
        v = d[k] + d0 * r + d1 * s + d2 * t + d3 * x + d4 * y + d5 * z
        d[k] = v + d6 * l + d7 * m + d8 * n


@fused
def _four(a, b, c, d, r, s, t, v, w):
    """Add to four maps what the same pixel of four others brings."""
    a0, a1, a2, a3 = w[0], w[1], w[2], w[3]
    b0, b1, b2, b3 = w[4], w[5], w[6], w[7]
    c0, c1, c2, c3 = w[8], w[9], w[10], w[11]
    d0, d1, d2, d3 = w[12], w[13], w[14], w[15]
    for k in range(a.size):
        a[k] = a[k] + a0 * r[k] + a1 * s[k] + a2 * t[k] + a3 * v[k]
        b[k] = b[k] + b0 * r[k] + b1 * s[k] + b2 * t[k] + b3 * v[k]
        c[k] = c[k] + c0 * r[k] + c1 * s[k] + c2 * t[k] + c3 * v[k]
        d[k] = d[k] + d0 * r[k] + d1 * s[k] + d2 * t[k] + d3 * v[k]


@loop
def _fill(values, value):
    for k in range(values.size):
        values[k] = value


@loop
def _rectify(values, open_):
    for k in range(values.size):
        v = values[k]
        v = v if v > ZERO else ZERO
        values[k] = v * open_[k]


@part
def _spans(flow, row):
    """Spans of active blocks of a row of blocks, in pixels of the level; small gaps are closed."""
    found = 0
    for b in range(flow.active.shape[1]):
        if flow.active[row, b] != 0:
            low = b * flow.step
            if found > 0 and low - flow.stops[found - 1] < VECTOR:
                flow.stops[found - 1] = low + flow.step
            else:
                flow.starts[found] = low
                flow.stops[found] = low + flow.step
                found += 1
    return found


@entry
def convolve(maps, layer, flow, out, start, stop):
    """Convolution with 3 x 3 and rectification of rows `start` to `stop` of a level."""
    for y in range(start, stop):
        row = y // flow.step
        for n in range(_spans(flow, row)):
            low = flow.starts[n]
            high = low + (flow.stops[n] - low + VECTOR - 1) // VECTOR * VECTOR
            for c in range(layer.weight.shape[0]):
                one = out[4 * c, y + 1, low + 1 : high + 1]
                two = out[4 * c + 1, y + 1, low + 1 : high + 1]
                three = out[4 * c + 2, y + 1, low + 1 : high + 1]
                four = out[4 * c + 3, y + 1, low + 1 : high + 1]
                _fill(one, layer.bias[4 * c])
                _fill(two, layer.bias[4 * c + 1])
                _fill(three, layer.bias[4 * c + 2])
                _fill(four, layer.bias[4 * c + 3])
                for m in range(maps.shape[0]):
                    _nine(
                        one,
                        two,
                        three,
                        four,
                        maps[m, y, low : high + 2],
                        maps[m, y + 1, low : high + 2],
                        maps[m, y + 2, low : high + 2],
                        layer.weight[c, m],
                    )
                _rectify(one, flow.open[row, low:high])
                _rectify(two, flow.open[row, low:high])
                _rectify(three, flow.open[row, low:high])
                _rectify(four, flow.open[row, low:high])


@entry
def mix(maps, layer, flow, out, start, stop):
    """Convolution with 1 x 1, not rectified, of rows `start` to `stop` of a level."""
    for y in range(start, stop):
        row = y // flow.step
        for n in range(_spans(flow, row)):
            low = flow.starts[n] + 1
            high = low + (flow.stops[n] + 1 - low + VECTOR - 1) // VECTOR * VECTOR
            for c in range(layer.weight.shape[0]):
                one = out[4 * c, y + 1, low:high]
                two = out[4 * c + 1, y + 1, low:high]
                three = out[4 * c + 2, y + 1, low:high]
                four = out[4 * c + 3, y + 1, low:high]
                _fill(one, layer.bias[4 * c])
                _fill(two, layer.bias[4 * c + 1])
                _fill(three, layer.bias[4 * c + 2])
                _fill(four, layer.bias[4 * c + 3])
                for m in range(maps.shape[0] // 4):
                    _four(
                        one,
                        two,
                        three,
                        four,
                        maps[4 * m, y + 1, low:high],
                        maps[4 * m + 1, y + 1, low:high],
                        maps[4 * m + 2, y + 1, low:high],
                        maps[4 * m + 3, y + 1, low:high],
                        layer.weight[c, m],
                    )


@loop
def _halve_row(one, two, out):
    for k in range(out.size):
        out[k] = QUARTER * ((one[2 * k] + one[2 * k + 1]) + (two[2 * k] + two[2 * k + 1]))


@entry
def halve(maps, flow, out, start, stop):
    """Means over 2 x 2 of a level; rows `start` to `stop` and `flow` are of the coarser one."""
    for y in range(start, stop):
        for m in range(maps.shape[0]):
            _fill(out[m, y + 1], ZERO)
        for b in range(flow.active.shape[1]):
            if flow.active[y // flow.step, b] != 0:
                low = b * flow.step
                high = low + flow.step
                for m in range(maps.shape[0]):
                    _halve_row(
                        maps[m, 2 * y + 1, 2 * low + 1 : 2 * high + 1],
                        maps[m, 2 * y + 2, 2 * low + 1 : 2 * high + 1],
                        out[m, y + 1, low + 1 : high + 1],
                    )


@loop
def _add_row(coarse, fine, out):
    for k in range(coarse.size):
        v = coarse[k]
        out[2 * k] = v + fine[2 * k]
        out[2 * k + 1] = v + fine[2 * k + 1]


@entry
def add_finer(coarse, fine, flow, out, start, stop):
    """A coarser level, every pixel four times, plus the finer one; `flow` and rows are its."""
    for y in range(start, stop):
        for m in range(fine.shape[0]):
            _fill(out[m, y + 1], ZERO)
        for b in range(flow.active.shape[1]):
            if flow.active[y // flow.step, b] != 0:
                low = b * flow.step
                high = low + flow.step
                for m in range(fine.shape[0]):
                    _add_row(
                        coarse[m, y // 2 + 1, low // 2 + 1 : high // 2 + 1],
                        fine[m, y + 1, low + 1 : high + 1],
                        out[m, y + 1, low + 1 : high + 1],
                    )


@loop
def _to_float(values, middle, scale, out):
    for k in range(out.size):
        out[k] = (f(values[k]) - middle) * scale


@part
def _near_activity(active, y):
    """Whether a row, or the one above or below, lies in an active block."""
    row = y // BLOCK
    for b in range(active.shape[1]):
        if active[row, b] != 0:
            return True
        if y % BLOCK == 0 and row > 0 and active[row - 1, b] != 0:
            return True
        if y % BLOCK == BLOCK - 1 and row + 1 < active.shape[0] and active[row + 1, b] != 0:
            return True
    return False


@entry
def fetch(planes, active, scale, out, start, stop):
    """Statistics as floats, where needed; repeated beyond the right and the lower border."""
    height, width = planes.shape[1:]
    blocks = active.shape[1] * BLOCK
    for y in range(start, stop):
        if not _near_activity(active, y):
            continue
        row = min(y, height - 1)
        for m in range(planes.shape[0]):
            middle = f(128) if (m >= 4) & (m < 8) else ZERO
            _to_float(planes[m, row], middle, scale, out[m, y + 1, 1 : width + 1])
            for x in range(width, blocks):
                out[m, y + 1, x + 1] = out[m, y + 1, width]


@entry
def find_doubt(planes, low, doubtful, hot, active):
    """Find the blocks in which pixels are not plainly background, and those beside them.

    low : distance from which on a pixel is doubtful; a last posterior above `doubtful` counts
    twice. hot and active (rows, columns) uint8, overwritten. Returns how many are active.
    """
    height, width = planes.shape[1:]
    rows, columns = active.shape
    for by in range(rows):
        for bx in range(columns):
            count = 0
            for y in range(BLOCK * by, min(BLOCK * by + BLOCK, height)):
                for x in range(BLOCK * bx, min(BLOCK * bx + BLOCK, width)):
                    for m in range(4):
                        count += 1 if planes[m, y, x] >= low else 0
                    count += 2 if planes[17, y, x] > doubtful else 0
            hot[by, bx] = 1 if count >= 2 else 0
    found = 0
    for by in range(rows):
        for bx in range(columns):
            value = 0
            for y in range(max(0, by - 1), min(rows, by + 2)):
                for x in range(max(0, bx - 1), min(columns, bx + 2)):
                    value |= hot[y, x]
            active[by, bx] = value
            found += value
    return found


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
def pool(planes, scale, most, total, out, start, stop):
    """Largest values and means over the blocks of rows `start` to `stop` of blocks.

    planes (P, h, w) uint8; most (w,) uint8 and total (w,) uint16 to work in; out (2 P, rows + 2,
    columns + 2 and more): the largest of each plane, then the means, times `scale`.
    """
    count, height, width = planes.shape
    columns = (width + BLOCK - 1) // BLOCK
    for by in range(start, stop):
        low = BLOCK * by
        high = min(low + BLOCK, height)
        for m in range(count):
            middle = f(128) if (m >= 4) & (m < 8) else ZERO
            _gather_first(planes[m, low], most, total)
            for y in range(low + 1, high):
                _gather(planes[m, y], most, total)
            for bx in range(columns):
                end = min(BLOCK * bx + BLOCK, width)
                largest = u(0)
                together = 0
                for x in range(BLOCK * bx, end):
                    largest = max(largest, most[x])
                    together += int(total[x])
                mean = f(together) / f((high - low) * (end - BLOCK * bx))
                out[m, by + 1, bx + 1] = (f(largest) - middle) * scale
                out[count + m, by + 1, bx + 1] = (mean - middle) * scale


@entry
def choose(logits, active):
    """Find the blocks in doubt, those with a positive logit, and those beside them.

    logits (rows + 2, columns + 2 and more) with a border; active (rows, columns) uint8,
    overwritten. Returns how many are active.
    """
    rows, columns = active.shape
    found = 0
    for by in range(rows):
        for bx in range(columns):
            value = u(0)
            for y in range(max(0, by - 1), min(rows, by + 2)):
                for x in range(max(0, bx - 1), min(columns, bx + 2)):
                    if logits[y + 1, x + 1] > ZERO:
                        value = u(1)
            active[by, bx] = value
            found += int(value)
    return found


@entry
def answer(logits, active, table, foreground, shadow, start, stop):
    """Posteriors (H, W) uint8 of half-resolution rows; 0 where nothing is active."""
    height, width = foreground.shape
    for y in range(start, stop):
        for x in range((width + 1) // 2):
            seen = active[y // BLOCK, x // BLOCK] != 0
            shade = u(0)
            if seen:
                v = logits[4, y + 1, x + 1]
                v = v if v > -_LOGITS else -_LOGITS
                k = int(v * _STEPS + _LOGITS * _STEPS)
                shade = table[min(k, table.size - 1)]
            for m in range(4):
                row = 2 * y + m // 2
                column = 2 * x + m % 2
                if row < height and column < width:
                    found = u(0)
                    if seen:
                        v = logits[m, y + 1, x + 1]
                        v = v if v > -_LOGITS else -_LOGITS
                        k = int(v * _STEPS + _LOGITS * _STEPS)
                        found = table[min(k, table.size - 1)]
                    foreground[row, column] = found
                    shadow[row, column] = shade
