"""The loops of the network: convolutions over the blocks of a frame in which there is doubt.

A level's maps are planes (channels, rows + 2, columns + 2 and more), with a border of zeros. Only
spans of active blocks are computed; elsewhere all is 0, as it was in training. Four maps are made
at once from nine neighbours of one: what is read is used four times; and a row of blocks at once:
setting up the weights takes as long as thirty pixels. Products and sums are fused, which rounds
alike in every run and for any number of threads. Rows `start` to `stop` are rows of blocks.
"""

import numpy as np

from segment.background.compiling import entry, fused, loop, part
from segment.background.network.blocks import fill
from segment.background.network.records import BLOCK, FIRST_SIGNED, LAST_SIGNED

__all__ = [
    "add_finer",
    "answer",
    "convolve",
    "convolve_all",
    "enter",
    "halve",
    "mix",
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
def _nine(one, two, three, four, maps, w, first, last, low, high):
    """Add to rows first to last of four maps what nine neighbours of one bring."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
    b0, b1, b2, b3, b4 = w[9], w[10], w[11], w[12], w[13]
    b5, b6, b7, b8 = w[14], w[15], w[16], w[17]
    c0, c1, c2, c3, c4 = w[18], w[19], w[20], w[21], w[22]
    c5, c6, c7, c8 = w[23], w[24], w[25], w[26]
    d0, d1, d2, d3, d4 = w[27], w[28], w[29], w[30], w[31]
    d5, d6, d7, d8 = w[32], w[33], w[34], w[35]
    for row in range(first, last):
        a, b = one[row + 1, low + 1 : high + 1], two[row + 1, low + 1 : high + 1]
        c, d = three[row + 1, low + 1 : high + 1], four[row + 1, low + 1 : high + 1]
        above, here = maps[row, low : high + 2], maps[row + 1, low : high + 2]
        below = maps[row + 2, low : high + 2]
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
def _fill_rows(plane, value, first, last, low, high):
    for row in range(first, last):
        values = plane[row + 1, low + 1 : high + 1]
        for k in range(values.size):
            values[k] = value


@loop
def _rectify(values, open_):
    for k in range(values.size):
        v = values[k]
        v = v if v > ZERO else ZERO
        values[k] = v * open_[k]


@loop
def _rectify_rows(plane, open_, first, last, low, high):
    for row in range(first, last):
        values = plane[row + 1, low + 1 : high + 1]
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
    for n in range(found):
        low = flow.starts[n]
        flow.stops[n] = low + (flow.stops[n] - low + VECTOR - 1) // VECTOR * VECTOR
    return found


@entry
def convolve(maps, layer, flow, out, start, stop):
    """Convolution with 3 x 3 and rectification."""
    for row in range(start, stop):
        first = row * flow.step
        last = first + flow.step
        for n in range(_spans(flow, row)):
            low, high = flow.starts[n], flow.stops[n]
            for c in range(layer.weight.shape[0]):
                one, two, three, four = out[4 * c], out[4 * c + 1], out[4 * c + 2], out[4 * c + 3]
                _fill_rows(one, layer.bias[4 * c], first, last, low, high)
                _fill_rows(two, layer.bias[4 * c + 1], first, last, low, high)
                _fill_rows(three, layer.bias[4 * c + 2], first, last, low, high)
                _fill_rows(four, layer.bias[4 * c + 3], first, last, low, high)
                for m in range(maps.shape[0]):
                    weight = layer.weight[c, m]
                    _nine(one, two, three, four, maps[m], weight, first, last, low, high)
                open_ = flow.open[row, low:high]
                _rectify_rows(one, open_, first, last, low, high)
                _rectify_rows(two, open_, first, last, low, high)
                _rectify_rows(three, open_, first, last, low, high)
                _rectify_rows(four, open_, first, last, low, high)


@entry
def convolve_all(maps, layer, open_, out):
    """The same of a whole level: of one as small as that of the blocks, it takes less time.

    open_ (rows, width) float32 : 0 where what is found is not wanted.
    """
    rows = open_.shape[0]
    high = (maps.shape[2] - 2) // VECTOR * VECTOR
    for c in range(layer.weight.shape[0]):
        for n in range(4):
            _fill_rows(out[4 * c + n], layer.bias[4 * c + n], 0, rows, 0, high)
        one, two, three, four = out[4 * c], out[4 * c + 1], out[4 * c + 2], out[4 * c + 3]
        for m in range(maps.shape[0]):
            _nine(one, two, three, four, maps[m], layer.weight[c, m], 0, rows, 0, high)
        for n in range(4):
            for row in range(rows):
                _rectify_rows(out[4 * c + n], open_[row, :high], row, row + 1, 0, high)


@entry
def mix(maps, layer, flow, out, start, stop):
    """Convolution with 1 x 1, not rectified."""
    for row in range(start, stop):
        for n in range(_spans(flow, row)):
            low, high = flow.starts[n] + 1, flow.stops[n] + 1
            for y in range(row * flow.step + 1, (row + 1) * flow.step + 1):
                for c in range(layer.weight.shape[0]):
                    one, two = out[4 * c, y, low:high], out[4 * c + 1, y, low:high]
                    three, four = out[4 * c + 2, y, low:high], out[4 * c + 3, y, low:high]
                    fill(one, layer.bias[4 * c])
                    fill(two, layer.bias[4 * c + 1])
                    fill(three, layer.bias[4 * c + 2])
                    fill(four, layer.bias[4 * c + 3])
                    for m in range(maps.shape[0] // 4):
                        _four(
                            one,
                            two,
                            three,
                            four,
                            maps[4 * m, y, low:high],
                            maps[4 * m + 1, y, low:high],
                            maps[4 * m + 2, y, low:high],
                            maps[4 * m + 3, y, low:high],
                            layer.weight[c, m],
                        )


@loop
def _to_float(values, middle, scale, out):
    for k in range(values.size):
        out[k] = (f(values[k]) - middle) * scale


@entry
def enter(planes, scale, layer, flow, desk, out, start, stop):
    """Convolution with 1 x 1 of planes of bytes, and rectification.

    planes (P, h, w) uint8, repeated beyond the right and the lower border; desk (P, columns and
    more) float32: scratch.
    """
    height, width = planes.shape[1:]
    for row in range(start, stop):
        for n in range(_spans(flow, row)):
            low, high = flow.starts[n], flow.stops[n]
            end = min(high, width)
            for y in range(row * flow.step, (row + 1) * flow.step):
                for m in range(planes.shape[0]):
                    middle = f(128) if (m >= FIRST_SIGNED) & (m <= LAST_SIGNED) else ZERO
                    _to_float(
                        planes[m, min(y, height - 1), low:end], middle, scale, desk[m, : end - low]
                    )
                    for x in range(end - low, high - low):
                        desk[m, x] = desk[m, end - low - 1]
                open_ = flow.open[row, low:high]
                for c in range(layer.weight.shape[0]):
                    one = out[4 * c, y + 1, low + 1 : high + 1]
                    two = out[4 * c + 1, y + 1, low + 1 : high + 1]
                    three = out[4 * c + 2, y + 1, low + 1 : high + 1]
                    four = out[4 * c + 3, y + 1, low + 1 : high + 1]
                    fill(one, layer.bias[4 * c])
                    fill(two, layer.bias[4 * c + 1])
                    fill(three, layer.bias[4 * c + 2])
                    fill(four, layer.bias[4 * c + 3])
                    for m in range(planes.shape[0] // 4):
                        _four(
                            one,
                            two,
                            three,
                            four,
                            desk[4 * m, : high - low],
                            desk[4 * m + 1, : high - low],
                            desk[4 * m + 2, : high - low],
                            desk[4 * m + 3, : high - low],
                            layer.weight[c, m],
                        )
                    _rectify(one, open_)
                    _rectify(two, open_)
                    _rectify(three, open_)
                    _rectify(four, open_)


@loop
def _halve_row(one, two, out):
    for k in range(out.size):
        out[k] = QUARTER * ((one[2 * k] + one[2 * k + 1]) + (two[2 * k] + two[2 * k + 1]))


@entry
def halve(maps, flow, out, start, stop):
    """Means over 2 x 2 of a level; rows and `flow` are of the coarser one.

    Beside what is active the maps are 0, and so are their means.
    """
    for row in range(start, stop):
        found = _spans(flow, row)
        for y in range(row * flow.step, (row + 1) * flow.step):
            for m in range(maps.shape[0]):
                for n in range(found):
                    low, high = flow.starts[n], flow.stops[n]
                    high = min(high, (maps.shape[2] - 2) // 2)
                    _halve_row(
                        maps[m, 2 * y + 1, 2 * low + 1 : 2 * high + 1],
                        maps[m, 2 * y + 2, 2 * low + 1 : 2 * high + 1],
                        out[m, y + 1, low + 1 : high + 1],
                    )


@loop
def _add_row(coarse, fine, open_, out):
    for k in range(coarse.size):
        v = coarse[k]
        out[2 * k] = (v + fine[2 * k]) * open_[2 * k]
        out[2 * k + 1] = (v + fine[2 * k + 1]) * open_[2 * k + 1]


@entry
def add_finer(coarse, fine, flow, out, start, stop):
    """A coarser level, every pixel four times, plus the finer one; `flow` and rows are its.

    What is not active is 0.
    """
    for row in range(start, stop):
        found = _spans(flow, row)
        for y in range(row * flow.step, (row + 1) * flow.step):
            for m in range(fine.shape[0]):
                for n in range(found):
                    low, high = flow.starts[n], flow.stops[n]
                    _add_row(
                        coarse[m, y // 2 + 1, low // 2 + 1 : high // 2 + 1],
                        fine[m, y + 1, low + 1 : high + 1],
                        flow.open[row, low:high],
                        out[m, y + 1, low + 1 : high + 1],
                    )


@loop
def _look_up(logits, table, out):
    for k in range(logits.size):
        v = logits[k] * _STEPS + _LOGITS * _STEPS
        v = v if v > ZERO else ZERO
        last = f(table.size - 1)
        v = v if v < last else last
        out[k] = table[np.uint32(v)]


@entry
def answer(logits, flow, table, found, foreground, shadow, start, stop):
    """Posteriors (H, W) uint8 of the active blocks; what is there elsewhere stays.

    found (5, BLOCK) uint8: scratch.
    """
    height, width = foreground.shape
    for row in range(start, stop):
        for block in range(flow.active.shape[1]):
            if flow.active[row, block] == 0:
                continue
            left = block * BLOCK
            for y in range(row * BLOCK, (row + 1) * BLOCK):
                if 2 * y >= height:
                    break
                for m in range(5):
                    _look_up(logits[m, y + 1, left + 1 : left + BLOCK + 1], table, found[m])
                for m in range(4):
                    y1 = 2 * y + m // 2
                    if y1 >= height:
                        continue
                    for x in range(BLOCK):
                        x1 = 2 * (left + x) + m % 2
                        if x1 < width:
                            foreground[y1, x1] = found[m, x]
                            shadow[y1, x1] = found[4, x]
