# mypy: disable-error-code="no-untyped-def"
"""The U over a band of rows of blocks: one pass over its strips for each level and way.

A pass may read the strips above and below of the pass before it, and nothing else; what only the
next step reads is kept for one strip.
"""

from segment.background.compiling import entry, loop, part
from segment.background.lines import fill
from segment.background.network.loops import (
    ZERO,
    add_row,
    f,
    four,
    halve_row,
    look_up,
    rectify,
    three,
    to_float,
)
from segment.background.network.records import BLOCK, FIRST_SIGNED, LAST_SIGNED
from segment.background.network.strips import close, length, meet, stride_of

__all__ = ["BEYOND", "convolve_strip", "judge", "mix_strip"]

# Rows of blocks beside a band that what is found in it depends on, 23 pixels: of the finest level
# on the way down and the first of the middle one, of the others down to the coarsest, and on.
_FAR, _NEAR, _NEXT = 3, 2, 1

BEYOND = (0.77, 0.52, 0.37)
"""What a row costs so many rows beyond a band, of what one costs in it, by the products."""

_FINE, _MIDDLE, _COARSE = BLOCK, BLOCK // 2, BLOCK // 4


@part
def convolve_strip(maps, row, layer, stride, step, out, at, begin=0):
    """Convolution with 3 x 3 and rectification, of strip `row` of maps into `at` of out.

    Of its rows of pixels, `step` from `begin` on. What it makes of the places beside the runs is
    not 0.
    """
    n = length(stride, step)
    above = begin * stride
    low = 1 + above + stride
    for c in range(layer.weight.shape[0]):
        one, two = out[4 * c, at, low : low + n], out[4 * c + 1, at, low : low + n]
        other, last = out[4 * c + 2, at, low : low + n], out[4 * c + 3, at, low : low + n]
        fill(one, layer.bias[4 * c])
        fill(two, layer.bias[4 * c + 1])
        fill(other, layer.bias[4 * c + 2])
        fill(last, layer.bias[4 * c + 3])
        for m in range(maps.shape[0]):
            for y in range(3):
                first = above + y * stride
                values = maps[m, row, first : first + n + 2]
                three(one, two, other, last, values, layer.weight[c, m], 3 * y)
        rectify(one)
        rectify(two)
        rectify(other)
        rectify(last)


@part
def mix_strip(maps, layer, stride, step, out, at, begin=0):
    """Convolution with 1 x 1, not rectified, of one strip into `at` of out: rows as above."""
    n = length(stride, step)
    low = 1 + (begin + 1) * stride
    for c in range(layer.weight.shape[0]):
        one, two = out[4 * c, at, low : low + n], out[4 * c + 1, at, low : low + n]
        three, last = out[4 * c + 2, at, low : low + n], out[4 * c + 3, at, low : low + n]
        fill(one, layer.bias[4 * c])
        fill(two, layer.bias[4 * c + 1])
        fill(three, layer.bias[4 * c + 2])
        fill(last, layer.bias[4 * c + 3])
        for m in range(maps.shape[0] // 4):
            four(
                one, two, three, last,
                maps[4 * m, 0, low : low + n], maps[4 * m + 1, 0, low : low + n],
                maps[4 * m + 2, 0, low : low + n], maps[4 * m + 3, 0, low : low + n],
                layer.weight[c, m],
            )  # fmt: skip


@part
def _read(planes, scale, runs, row, desk):
    """Planes of bytes into a strip; beyond the picture's ends they are repeated."""
    height, width = planes.shape[1:]
    stride = stride_of(runs, row, _FINE)
    for m in range(planes.shape[0]):
        middle = f(128) if (m >= FIRST_SIGNED) & (m <= LAST_SIGNED) else ZERO
        for y in range(BLOCK):
            values = planes[m, min(row * BLOCK + y, height - 1)]
            place = 2 + (y + 1) * stride
            for n in range(runs.count[row]):
                low, high = runs.first[row, n] * BLOCK, runs.end[row, n] * BLOCK
                end = min(high, width)
                to_float(values[low:end], middle, scale, desk[m, 0, place : place + end - low])
                for x in range(end - low, high - low):
                    desk[m, 0, place + x] = desk[m, 0, place + end - low - 1]
                place += high - low + 2


@part
def _enter(desk, layer, runs, row, out):
    """Convolution with 1 x 1 of what was read, and rectification."""
    stride = stride_of(runs, row, _FINE)
    mix_strip(desk, layer, stride, _FINE, out, row)
    low, n = 1 + stride, length(stride, _FINE)
    for m in range(out.shape[0]):
        rectify(out[m, row, low : low + n])
    close(out, row, runs, row, _FINE)


@part
def _convolve(maps, layer, runs, row, step, bounds, out, at):
    """A convolution of strip `row` into `at` of out, 0 beside the runs. bounds: see `meet`."""
    meet(maps, runs, row, step, bounds[0], bounds[1])
    convolve_strip(maps, row, layer, stride_of(runs, row, step), step, out, at)
    close(out, at, runs, row, step)


@part
def _halve(maps, runs, row, step, out):
    """Means over 2 x 2 of a strip; `step` is of the coarser level."""
    wide, narrow = stride_of(runs, row, 2 * step), stride_of(runs, row, step)
    for m in range(maps.shape[0]):
        values, less = maps[m, row], out[m, row]
        for y in range(step):
            a, b = 2 + (2 * y + 1) * wide, 2 + (y + 1) * narrow
            for n in range(runs.count[row]):
                pixels = (runs.end[row, n] - runs.first[row, n]) * step
                halve_row(
                    values[a : a + 2 * pixels],
                    values[a + wide : a + wide + 2 * pixels],
                    less[b : b + pixels],
                )
                a += 2 * pixels + 2
                b += pixels + 2
    close(out, row, runs, row, step)


@part
def _add_finer(coarse, fine, runs, row, step, out):
    """A coarser strip, every pixel four times, plus the finer one; `step` is the finer one's."""
    wide, narrow = stride_of(runs, row, step), stride_of(runs, row, step // 2)
    for m in range(fine.shape[0]):
        for y in range(step):
            a, b = 2 + (y + 1) * wide, 2 + (y // 2 + 1) * narrow
            for n in range(runs.count[row]):
                pixels = (runs.end[row, n] - runs.first[row, n]) * step // 2
                add_row(
                    coarse[m, 0, b : b + pixels],
                    fine[m, row, a : a + 2 * pixels],
                    out[m, row, a : a + 2 * pixels],
                )
                a += 2 * pixels + 2
                b += pixels + 2
    close(out, row, runs, row, step)


@part
def _add_told(told, columns, maps, runs, row, out):
    """What the glance tells of every block, plus the coarsest level's strip.

    told (maps, 1, size) : a strip of the whole picture, of one pixel a block.
    """
    stride = stride_of(runs, row, _COARSE)
    for m in range(maps.shape[0]):
        place = 2 + stride
        for n in range(runs.count[row]):
            for b in range(runs.first[row, n], runs.end[row, n]):
                v = told[m, 0, 2 + (row + 1) * (columns + 2) + b]
                for y in range(_COARSE):
                    for x in range(_COARSE):
                        k = place + y * stride + x
                        out[m, row, k] = maps[m, 0, k] + v
                place += _COARSE
            place += 2
    close(out, row, runs, row, _COARSE)


@loop
def _in_turn(one, two, out):
    for k in range(one.size):
        out[2 * k] = one[k]
        out[2 * k + 1] = two[k]


@part
def _write(one, two, place, left, pixels, out):
    """Pixels of 2 places each into a row of the picture, as far as it goes."""
    there = min(pixels, (out.size - left) // 2)
    _in_turn(one[place : place + there], two[place : place + there], out[left : left + 2 * there])
    if there < pixels and left + 2 * there < out.size:
        out[left + 2 * there] = one[place + there]


@part
def _answer(logits, runs, row, table, found, foreground, shadow):
    """Posteriors (H, W) uint8 of a strip; what is there elsewhere stays."""
    height = foreground.shape[0]
    stride = stride_of(runs, row, _FINE)
    n = length(stride, _FINE)
    low = 1 + stride
    for m in range(5):
        look_up(logits[m, 0, low : low + n], table, found[m, low : low + n])
    for y in range(2 * BLOCK):
        at = 2 * BLOCK * row + y
        if at >= height:
            break
        place = 2 + (y // 2 + 1) * stride
        half = 2 * (y % 2)
        for n in range(runs.count[row]):
            left = 2 * BLOCK * runs.first[row, n]
            pixels = (runs.end[row, n] - runs.first[row, n]) * BLOCK
            _write(found[half], found[half + 1], place, left, pixels, foreground[at])
            _write(found[4], found[4], place, left, pixels, shadow[at])
            place += pixels + 2


@entry
def judge(planes, scale, layers, runs, room, told, table, foreground, shadow, start, stop):
    """Write posteriors of foreground and of shadow, (H, W) uint8, in rows start to stop of blocks.

    planes (P, h, w) uint8, times `scale`; told (maps, 1, size) : what the glance tells of blocks,
    see `_add_told`; table uint8 : of posteriors. What is not in a run stays as it is.
    """
    columns = -(-planes.shape[2] // BLOCK)
    far, near = _around(start, stop, _FAR, runs), _around(start, stop, _NEAR, runs)
    beside = _around(start, stop, _NEXT, runs)
    for row in range(*far):
        if runs.count[row] > 0:
            _read(planes, scale, runs, row, room.desk)
            _enter(room.desk, layers.e0, runs, row, room.e0)
    for row in range(*far):
        if runs.count[row] > 0:
            _convolve(room.e0, layers.f0, runs, row, _FINE, far, room.f0, row)
            _halve(room.f0, runs, row, _MIDDLE, room.p1)
    for row in range(*far):
        if runs.count[row] > 0:
            _convolve(room.p1, layers.a1, runs, row, _MIDDLE, far, room.a1, row)
    for row in range(*near):
        if runs.count[row] > 0:
            _convolve(room.a1, layers.b1, runs, row, _MIDDLE, far, room.b1, row)
            _halve(room.b1, runs, row, _COARSE, room.p2)
    for row in range(*near):
        if runs.count[row] > 0:
            _convolve(room.p2, layers.a2, runs, row, _COARSE, near, room.a2, row)
    for row in range(*beside):
        if runs.count[row] > 0:
            _convolve(room.a2, layers.b2, runs, row, _COARSE, near, room.b2, 0)
            _add_told(told, columns, room.b2, runs, row, room.s2)
    for row in range(*beside):  # sums of the way up take the place of a1, then of e0
        if runs.count[row] > 0:
            _convolve(room.s2, layers.u2, runs, row, _COARSE, beside, room.u2, 0)
            mix_strip(room.u2, layers.t1, stride_of(runs, row, _COARSE), _COARSE, room.t1, 0)
            _add_finer(room.t1, room.b1, runs, row, _MIDDLE, room.a1)
    for row in range(*beside):
        if runs.count[row] > 0:
            _convolve(room.a1, layers.u1, runs, row, _MIDDLE, beside, room.u1, 0)
            mix_strip(room.u1, layers.t0, stride_of(runs, row, _MIDDLE), _MIDDLE, room.t0, 0)
            _add_finer(room.t0, room.f0, runs, row, _FINE, room.e0)
    for row in range(start, stop):
        if runs.count[row] > 0:
            _convolve(room.e0, layers.u0, runs, row, _FINE, beside, room.u0, 0)
            mix_strip(room.u0, layers.out, stride_of(runs, row, _FINE), _FINE, room.out, 0)
            _answer(room.out, runs, row, table, room.found, foreground, shadow)


@part
def _around(start, stop, reach, runs):
    """Rows of blocks from and to which a pass goes, so many beside the band's."""
    return max(start - reach, 0), min(stop + reach, runs.count.size)
