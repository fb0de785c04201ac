"""The compiled loops of registration: points with contrast, and what a movement leaves at them."""

import math

import numpy as np

from segment.background.compiling import entry, part

_f = np.float32
_0, _1 = _f(0), _f(1)

# Half of the length over which a point has contrast, in pixels.
REACH = 2

# What a point leaves that has left the picture.
OUTSIDE = _f(-1000)

# Grey levels that a point counts at most, in the scale; the least scale, and how many of it a
# point may be off before it has no say.
_MOST, _LEAST, _FAR = _f(20), _f(2), _f(3.75)

# Of a pixel, at the rim: a step below it is the last.
_DONE = 0.02

# Points without which nothing is believed.
_FEWEST = 30


@entry
def choose_points(planes, outside, height, width, step, least, rows, columns, values):
    """Find the points of a grid where a picture changes by more than `least` grey levels.

    planes (C, H * W) uint8; outside (H * W,) uint8: where none is chosen, or without elements.
    rows, columns int64 and values float32, one place for every point of the grid, overwritten
    from their beginning: places, and means over the channels. Returns how many were found, and
    had room.
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
            if max(abs(across), abs(down)) * share > least and found < rows.size:
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


@entry
def compare(picture, points, pose, left):
    """Write what every point leaves, left (N,): the frame there less the background.

    picture (H, W) float32, the frame. points (5, N) float32: column, row, value, and slope across
    and down. pose (3,) float64, as of `Pose`. What is outside the picture leaves OUTSIDE.
    """
    _compare(picture, points, pose, left)


@entry
def align(picture, points, pose, left, steps):
    """Change `pose` until the points leave least, by at most so many steps; return what is left.

    Gauss and Newton's steps, on the background's slopes, which stay as they are (Baker & Matthews
    2004); what is far off has no say (Tukey's weights). What is left is the mean over the points,
    each of at most 20 grey levels. Arguments: see `compare`.
    """
    height, width = picture.shape
    middle_x, middle_y = _f(width - 1) / _f(2), _f(height - 1) / _f(2)
    rim = max(height, width) / 2.0
    number = points.shape[1]
    for _ in range(steps):
        _compare(picture, points, pose, left)
        inside = 0
        total = _0
        for k in range(number):
            if left[k] != OUTSIDE:
                inside += 1
                total += min(abs(left[k]), _MOST)
        if inside < _FEWEST:
            break
        scale = _FAR * max(_LEAST, total / _f(inside))
        # The sums of the normal equations, of the turn, across and down.
        tt = tx = ty = xx = xy = yy = 0.0
        t = x = y = 0.0
        for k in range(number):
            off = left[k] / scale
            if abs(off) >= _1:
                continue
            weight = (_1 - off * off) * (_1 - off * off)
            across, down = points[3, k], points[4, k]
            turn = (points[0, k] - middle_x) * down - (points[1, k] - middle_y) * across
            tt += weight * turn * turn
            tx += weight * turn * across
            ty += weight * turn * down
            xx += weight * across * across
            xy += weight * across * down
            yy += weight * down * down
            t += weight * turn * left[k]
            x += weight * across * left[k]
            y += weight * down * left[k]
        # Cramer's rule; a little is added, so that a picture with one direction only gives a step.
        xx += 1e-3 * (xx + yy) + 1e-6
        yy += 1e-3 * (xx + yy) + 1e-6
        tt += 1e-3 * tt + 1e-6
        a, b, c = xx * yy - xy * xy, tx * yy - ty * xy, tx * xy - ty * xx
        whole = tt * a - tx * b + ty * c
        if not whole > 0.0:
            break
        turn_by = (t * a - tx * (x * yy - y * xy) + ty * (x * xy - y * xx)) / whole
        right_by = (tt * (x * yy - y * xy) - t * b + ty * (tx * y - ty * x)) / whole
        down_by = (tt * (xx * y - xy * x) - tx * (tx * y - ty * x) + t * c) / whole
        pose[0] -= turn_by
        cosine, sine = math.cos(pose[0]), math.sin(pose[0])
        pose[1] -= cosine * right_by - sine * down_by
        pose[2] -= sine * right_by + cosine * down_by
        if max(abs(turn_by) * rim, abs(right_by), abs(down_by)) < _DONE:
            break
    _compare(picture, points, pose, left)
    total = _0
    for k in range(number):
        total += min(abs(left[k]), _MOST)
    return total / _f(max(number, 1))


@part
def _compare(picture, points, pose, left):
    height, width = picture.shape
    middle_x, middle_y = (width - 1) / 2.0, (height - 1) / 2.0
    cosine, sine = math.cos(pose[0]), math.sin(pose[0])
    for k in range(points.shape[1]):
        u, v = points[0, k] - middle_x, points[1, k] - middle_y
        x = cosine * u - sine * v + middle_x + pose[1]
        y = sine * u + cosine * v + middle_y + pose[2]
        # The comparison is written so that NaN is outside.
        if not (x >= 0.0 and y >= 0.0 and x < width - 1 and y < height - 1):
            left[k] = OUTSIDE
            continue
        i, j = int(y), int(x)
        down, across = _f(y - i), _f(x - j)
        upper = picture[i, j] + across * (picture[i, j + 1] - picture[i, j])
        lower = picture[i + 1, j] + across * (picture[i + 1, j + 1] - picture[i + 1, j])
        left[k] = upper + down * (lower - upper) - points[2, k]
