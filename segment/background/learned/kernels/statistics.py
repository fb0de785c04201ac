"""The statistics of a frame that the network reads: PLANES planes of bytes at half resolution.

    0 to 3    distance from what is kept (the second nearest sample), each of 2 x 2 pixels
    4 to 7    brightness beside the nearest sample's, each of 2 x 2 pixels; 128 is the same
    8         what is left of the distance after the best change of light
    9, 10     distance from what was seen lately: mean and largest of 2 x 2
    11        change since the last frame
    12, 13    its running means, fast and slow
    14        how often the match with the background begins or ends
    15, 16    brightness of the frame, and of the background
    17        the last posterior
    18        how long it has been foreground
    19, 20    how many frames are known, and how noisy they are: the same everywhere
    21        how often it is unlike anything seen lately
    22        distance from the background picture within two pixels
    23        how far the kept samples lie apart
A distance d is written as 255 d / (d + scale), where the scale is some deviations of the noise.
"""

import numpy as np

from segment.background.compiling import entry, loop
from segment.background.learned.kernels.distance import (
    apart,
    find_around,
    find_nearest,
    find_second,
)

__all__ = ["ROOM", "describe"]

f = np.float32
i = np.int16
u = np.uint8

ZERO, ONE, HALF, TOP = f(0), f(1), f(0.5), f(255)

# Rows of integers that a band works in: four of distances, then nine values of two rows each.
ROOM = 4 + 18
_KEPT, _RATIO, _REST, _LATELY, _CHANGE, _SPREAD, _LUMA, _GROUND, _AROUND = range(9)

# Shares of a frame in the running means.
_FAST, _SLOW, _BLINK, _NEWS = f(0.08), f(0.01), f(0.04), f(0.1)

# Frames after which half of the range of "how long" is used.
_STAY = f(60)

# Bounds of a change of light, and grey levels below which a ratio of brightness says little.
_DARK, _BRIGHT, _BLACK = f(0.3), f(1.4), f(12)

_TWO = i(2)


@loop
def _soften(distance, scale, out):
    for k in range(out.size):
        v = f(distance[k])
        out[k] = i(TOP * v / (v + scale) + HALF)


@loop
def _soften_lower(distance, other, scale, out):
    for k in range(out.size):
        d = distance[k]
        e = other[k]
        v = f(d if d < e else e)
        out[k] = i(TOP * v / (v + scale) + HALF)


@loop
def _soften_less(distance, other, scale, out):
    for k in range(out.size):
        v = f(i(distance[k] - other[k]))
        out[k] = i(TOP * v / (v + scale) + HALF)


@loop
def _explain_light3(x, y, z, a, b, c, scale, rest, luma, ground, ratio):
    """What a gain leaves of the distance to the nearest sample, and brightness, of colours."""
    for k in range(rest.size):
        s = f(a[k])
        t = f(b[k])
        v = f(c[k])
        p = f(x[k])
        q = f(y[k])
        r = f(z[k])
        gain = (p * s + q * t + r * v) / (s * s + t * t + v * v + ONE)
        gain = gain if gain > _DARK else _DARK
        gain = gain if gain < _BRIGHT else _BRIGHT
        left = abs(p - gain * s) + abs(q - gain * t) + abs(r - gain * v)
        rest[k] = i(TOP * left / (left + scale) + HALF)
        now = f(0.3) * p + f(0.59) * q + f(0.11) * r
        then = f(0.3) * s + f(0.59) * t + f(0.11) * v
        luma[k] = i(now)
        ground[k] = i(then)
        part = f(128.5) + TOP * (now - then) / (now + then + _BLACK)
        part = part if part > ZERO else ZERO
        ratio[k] = i(part if part < TOP else TOP)


@loop
def _explain_light(now, then, luma, ground, ratio, rest):
    """The same of grey, where nothing but brightness tells."""
    for k in range(rest.size):
        p = now[k]
        q = then[k]
        rest[k] = i(0)
        luma[k] = i(p)
        ground[k] = i(q)
        part = f(128.5) + TOP * (p - q) / (p + q + _BLACK)
        part = part if part > ZERO else ZERO
        ratio[k] = i(part if part < TOP else TOP)


@loop
def _mean_channel(plane, share, first, out):
    for k in range(out.size):
        v = share * f(plane[k])
        out[k] = v if first else out[k] + v


@loop
def _to_bytes(values, out):
    for k in range(out.size):
        out[k] = u(values[k])


@loop
def _every_other(values, first, out):
    for k in range(out.size):
        out[k] = u(values[2 * k + first])


@loop
def _mean_of_four(one, two, out):
    for k in range(out.size):
        s = i(i(one[2 * k] + one[2 * k + 1]) + i(two[2 * k] + two[2 * k + 1]))
        out[k] = u(i(s + _TWO) >> _TWO)


@loop
def _most_of_four(one, two, out):
    for k in range(out.size):
        a = one[2 * k]
        b = one[2 * k + 1]
        c = two[2 * k]
        d = two[2 * k + 1]
        a = a if a > b else b
        c = c if c > d else d
        out[k] = u(a if a > c else c)


@loop
def _average(now, state, rate, out):
    for k in range(out.size):
        v = state[k]
        v = v + rate * (f(now[k]) - v)
        state[k] = v
        out[k] = u(v + HALF)


@loop
def _average_blinks(near, far, match, state, rate, out):
    for k in range(out.size):
        hit = u(1) if near[k] < far else u(0)
        v = state[k]
        v = v + rate * ((TOP if hit != match[k] else ZERO) - v)
        match[k] = hit
        state[k] = v
        out[k] = u(v + HALF)


@loop
def _average_news(now, far, state, rate, out):
    for k in range(out.size):
        v = state[k]
        v = v + rate * ((TOP if now[k] >= far else ZERO) - v)
        state[k] = v
        out[k] = u(v + HALF)


@loop
def _tell_stay(stay, out):
    for k in range(out.size):
        v = stay[k]
        out[k] = u(TOP * v / (v + _STAY) + HALF)


@loop
def _copy(values, out):
    for k in range(out.size):
        out[k] = values[k]


@loop
def _fill(out, value):
    for k in range(out.size):
        out[k] = value


@entry
def describe(sight, memory, course, desk, size, numbers, start, stop):
    """Write the statistics of half-resolution rows `start` to `stop`, and follow their course.

    desk : room (ROOM, W + 1) int16, nearer (W,) uint8, nearest (C, W) uint8, grey (2, W) float32
    and near (w,) uint8 to work in. size : (H, W). numbers : scale of distances, distance from
    which on a pixel is far, frames known, and what planes 19 and 20 hold.
    """
    room, nearer, nearest, grey, near = desk
    height, width = size
    scale, far, known, age, noise = numbers
    channels = sight.frame.shape[0]
    planes = sight.planes
    w = planes.shape[2]
    frame = sight.frame
    slow = ONE / f(1 + known)
    slow = slow if slow > _SLOW else _SLOW
    for row in range(start, stop):
        for half in range(2):
            y = min(2 * row + half, height - 1)
            p = y * width
            working = room[0, :width]
            first = room[1, :width]
            second = room[2, :width]
            largest = room[3, :width]

            find_second(frame, p, memory.lately, width, room)
            _soften(second, scale, room[4 + 2 * _LATELY + half, :width])
            apart(frame, p, memory.before, p, width, working)
            _soften(working, scale, room[4 + 2 * _CHANGE + half, :width])
            find_nearest(frame, p, memory.kept, room, nearer, nearest)
            kept = room[4 + 2 * _KEPT + half, :width]
            _soften(second, scale, kept)
            _to_bytes(kept, sight.far[p : p + width])
            _soften_less(largest, first, scale, room[4 + 2 * _SPREAD + half, :width])
            # The second nearest waits where the largest was.
            _copy(second, largest)
            find_around(frame, y, (height, width), memory.ground, room)
            _soften_lower(first, largest, scale, room[4 + 2 * _AROUND + half, :width])

            rest = room[4 + 2 * _REST + half, :width]
            luma = room[4 + 2 * _LUMA + half, :width]
            ground = room[4 + 2 * _GROUND + half, :width]
            ratio = room[4 + 2 * _RATIO + half, :width]
            if channels == 3:
                _explain_light3(
                    frame[0, p : p + width],
                    frame[1, p : p + width],
                    frame[2, p : p + width],
                    nearest[0],
                    nearest[1],
                    nearest[2],
                    scale,
                    rest,
                    luma,
                    ground,
                    ratio,
                )
            else:
                share = ONE / f(channels)
                for c in range(channels):
                    _mean_channel(frame[c, p : p + width], share, c == 0, grey[0])
                    _mean_channel(nearest[c], share, c == 0, grey[1])
                _explain_light(grey[0], grey[1], luma, ground, ratio, rest)
            # A last column alone counts twice.
            for k in range(4, ROOM):
                room[k, width] = room[k, width - 1]

        e = 2 * w
        for half in range(2):
            kept = room[4 + 2 * _KEPT + half, :e]
            ratio = room[4 + 2 * _RATIO + half, :e]
            for first in range(2):
                _every_other(kept, first, planes[2 * half + first, row])
                _every_other(ratio, first, planes[4 + 2 * half + first, row])
        k = 4 + 2 * _REST
        _mean_of_four(room[k, :e], room[k + 1, :e], planes[8, row])
        k = 4 + 2 * _LATELY
        _mean_of_four(room[k, :e], room[k + 1, :e], planes[9, row])
        _most_of_four(room[k, :e], room[k + 1, :e], planes[10, row])
        k = 4 + 2 * _CHANGE
        _mean_of_four(room[k, :e], room[k + 1, :e], planes[11, row])
        _average(planes[11, row], course.change[row], _FAST, planes[12, row])
        _average(planes[11, row], course.change_slow[row], slow, planes[13, row])
        k = 4 + 2 * _KEPT
        _mean_of_four(room[k, :e], room[k + 1, :e], near)
        _average_blinks(near, far, course.match[row], course.blink[row], _BLINK, planes[14, row])
        k = 4 + 2 * _LUMA
        _mean_of_four(room[k, :e], room[k + 1, :e], planes[15, row])
        k = 4 + 2 * _GROUND
        _mean_of_four(room[k, :e], room[k + 1, :e], planes[16, row])
        _copy(course.last[row], planes[17, row])
        _tell_stay(course.stay[row], planes[18, row])
        _fill(planes[19, row], age)
        _fill(planes[20, row], noise)
        _average_news(planes[9, row], far, course.news[row], _NEWS, planes[21, row])
        k = 4 + 2 * _AROUND
        _mean_of_four(room[k, :e], room[k + 1, :e], planes[22, row])
        k = 4 + 2 * _SPREAD
        _mean_of_four(room[k, :e], room[k + 1, :e], planes[23, row])
