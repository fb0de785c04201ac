"""How far the pixels of a row are from samples: sums of absolute differences over the channels.

Distances are scaled to three channels. Rows are whole arrays, so that every loop becomes vector
instructions; grey levels are compared as 16-bit integers, exactly.
"""

import numpy as np

from segment.background.compiling import loop, part

__all__ = ["FAR", "find_around", "find_nearest", "find_second"]

i = np.int16
FAR = i(30000)
"""More than any distance."""

_ALL, _NONE = np.uint8(255), np.uint8(0)
_THREE = i(3)
_ZERO = i(0)


@loop
def _apart3(x, y, z, a, b, c, out):
    for k in range(out.size):
        p = i(i(x[k]) - i(a[k]))
        q = i(i(y[k]) - i(b[k]))
        r = i(i(z[k]) - i(c[k]))
        out[k] = i(i(i(abs(p)) + i(abs(q))) + i(abs(r)))


@loop
def _apart1(x, a, out):
    for k in range(out.size):
        out[k] = i(_THREE * i(abs(i(i(x[k]) - i(a[k])))))


@loop
def _add_apart(x, a, out):
    for k in range(out.size):
        out[k] = i(out[k] + i(abs(i(i(x[k]) - i(a[k])))))


@loop
def _clear(out, value):
    for k in range(out.size):
        out[k] = value


@loop
def _scale(out, channels):
    """Any number of channels counts like three; as floats, whose quotients are vectors."""
    share = np.float32(3) / np.float32(channels)
    for k in range(out.size):
        out[k] = i(np.float32(out[k]) * share)


@part
def apart(frame, begin, sample, at, size, out):
    """Distances of `size` pixels of `frame` (C, P) from those of `sample` (C, P) at `at`."""
    channels = frame.shape[0]
    if channels == 3:
        _apart3(
            frame[0, begin : begin + size],
            frame[1, begin : begin + size],
            frame[2, begin : begin + size],
            sample[0, at : at + size],
            sample[1, at : at + size],
            sample[2, at : at + size],
            out,
        )
    elif channels == 1:
        _apart1(frame[0, begin : begin + size], sample[0, at : at + size], out)
    else:
        _clear(out, _ZERO)
        for c in range(channels):
            _add_apart(frame[c, begin : begin + size], sample[c, at : at + size], out)
        _scale(out, channels)


@loop
def _order(distance, first, second, largest, nearer):
    for k in range(distance.size):
        d = distance[k]
        o = first[k]
        near = d < o
        other = o if near else d
        m = second[k]
        second[k] = other if other < m else m
        first[k] = d if near else o
        h = largest[k]
        largest[k] = d if d > h else h
        nearer[k] = _ALL if near else _NONE


@loop
def _order_two(distance, first, second):
    for k in range(distance.size):
        d = distance[k]
        o = first[k]
        near = d < o
        other = o if near else d
        m = second[k]
        second[k] = other if other < m else m
        first[k] = d if near else o


@loop
def _take(nearer, sample, out):
    for k in range(out.size):
        # Chosen by bits: as a condition it is a branch for every pixel, and costs as much as the
        # rest of the room.
        n = nearer[k]
        out[k] = np.uint8(np.uint8(sample[k] & n) | np.uint8(out[k] & np.uint8(n ^ _ALL)))


@part
def find_nearest(frame, begin, samples, room, nearer, nearest):
    """Smallest, second smallest and largest distance to samples (S, C, P); values of the nearest.

    room (4 and more, W and more) int16: one to work in, smallest, second, largest; nearer (W,) to
    work in; nearest (C, W) uint8. All overwritten.
    """
    size = nearer.size
    distance = room[0, :size]
    first = room[1, :size]
    second = room[2, :size]
    largest = room[3, :size]
    _clear(first, FAR)
    _clear(second, FAR)
    _clear(largest, _ZERO)
    for s in range(samples.shape[0]):
        apart(frame, begin, samples[s], begin, size, distance)
        _order(distance, first, second, largest, nearer)
        for c in range(frame.shape[0]):
            _take(nearer, samples[s, c, begin : begin + size], nearest[c])


@part
def find_second(frame, begin, samples, size, room):
    """Smallest and second smallest distance to samples: rows 1 and 2 of room, as above."""
    distance = room[0, :size]
    first = room[1, :size]
    second = room[2, :size]
    _clear(first, FAR)
    _clear(second, FAR)
    for s in range(samples.shape[0]):
        apart(frame, begin, samples[s], begin, size, distance)
        _order_two(distance, first, second)


@loop
def _lower(distance, out):
    for k in range(out.size):
        d = distance[k]
        o = out[k]
        out[k] = d if d < o else o


@part
def find_around(frame, y, size, ground, room):
    """Smallest distance to the background (C, P) within two pixels, thirteen of them.

    size : (H, W). Into row 1 of room, as above.
    """
    height, width = size
    _clear(room[1, :width], FAR)
    for down in range(-2, 3):
        row = min(max(y + down, 0), height - 1) * width
        reach = 1 if down == 1 or down == -1 else 0 if down != 0 else 2
        for right in range(-reach, reach + 1):
            low = max(0, -right)
            high = width - max(0, right)
            if high > low:
                apart(
                    frame, y * width + low, ground, row + low + right, high - low, room[0, low:high]
                )
                _lower(room[0, low:high], room[1, low:high])
