"""The compiled loops of registration: points with contrast, and what a shift leaves at them."""

import numpy as np

from segment.background.compiling import entry

_f = np.float32
_0, _1 = _f(0), _f(1)

# Half of the length over which a point has contrast, in pixels.
REACH = 2


@entry
def choose_points(planes, outside, height, width, step, least, rows, columns, values):
    """Find the points of a grid where a picture changes by more than `least` grey levels.

    planes (C, H * W) uint8; outside (H * W,) uint8: where none is chosen, or without elements.
    rows, columns int64 and values float32, one place for every point of the grid, overwritten
    from their beginning: places, and means over the channels. Returns how many were found.
    """
    channels = planes.shape[0]
    share = _1 / _f(channels)
    found = 0
    for y in range(REACH, height - REACH, step):
        for x in range(REACH, width - REACH, step):
            p = y * width + x
            if outside.size > 0 and outside[p] != 0:
                continue
            across = _0
            down = _0
            value = _0
            for c in range(channels):
                across += _f(planes[c, p + REACH]) - _f(planes[c, p - REACH])
                down += _f(planes[c, p + REACH * width]) - _f(planes[c, p - REACH * width])
                value += _f(planes[c, p])
            if max(abs(across), abs(down)) * share > least:
                rows[found] = y
                columns[found] = x
                values[found] = value * share
                found += 1
    return found


@entry
def count_changed(
    image, before, gain, gain_before, rows, columns, most, sums, numbers, least, noticed
):
    """Compare a frame, image (H, W * C) uint8, with the last one at points.

    before (C, H * W) uint8; the gains take both to one light. sums, numbers (6, 8) float32,
    overwritten: as of `difference`. Returns in how many blocks of at least `least` points the mean
    difference is more than `noticed`, and how many such blocks there are.
    """
    channels = before.shape[0]
    height = image.shape[0]
    width = image.shape[1] // channels
    share = _1 / _f(channels)
    sums[:] = _0
    numbers[:] = _0
    for k in range(rows.size):
        y, x = rows[k], columns[k]
        new = _0
        old = _0
        for c in range(channels):
            new += _f(image[y, x * channels + c])
            old += _f(before[c, y * width + x])
        b, a = y * 6 // height, x * 8 // width
        sums[b, a] += min(abs(gain * new - gain_before * old) * share, most)
        numbers[b, a] += _1
    changed = 0
    known = 0
    for b in range(6):
        for a in range(8):
            if numbers[b, a] >= least:
                known += 1
                changed += sums[b, a] > noticed * numbers[b, a]
    return changed, known


@entry
def difference(image, channels, gain, rows, columns, values, dx, dy, most, sums, numbers):
    """Compare points with a frame, image (H, W * C) uint8, at places moved by (dx, dy).

    sums, numbers (6, 8) float32, overwritten: differences, each of at most `most` grey levels,
    and number of points by block of the picture. Returns the mean difference, infinite when
    half of the points are outside the frame.
    """
    height = image.shape[0]
    width = image.shape[1] // channels
    share = gain / _f(channels)
    sums[:] = _0
    numbers[:] = _0
    total = _0
    inside = 0
    for k in range(rows.size):
        y = rows[k] + dy
        x = columns[k] + dx
        if y < 0 or x < 0 or y >= height or x >= width:
            continue
        value = _0
        for c in range(channels):
            value += _f(image[y, x * channels + c])
        e = min(abs(share * value - values[k]), most)
        b, a = rows[k] * 6 // height, columns[k] * 8 // width
        sums[b, a] += e
        numbers[b, a] += _1
        total += e
        inside += 1
    if 2 * inside <= rows.size:
        return _f(np.inf)
    return total / _f(inside)
