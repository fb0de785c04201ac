"""What a frame leaves for the next: votes on ghosts, and averages over small grids."""

import numpy as np

from segment.background.compiling import entry, inline, loop, part
from segment.background.posterior.kernels.constants import (
    ONE,
    QUARTER,
    TWO,
    U0,
    ZERO,
    f,
    u,
)
from segment.background.posterior.kernels.records import Row

# Pixels from the border to either side, and grey levels: more than the one is a vote, the other
# the largest that counts.
DISTANCE = 4
_D = u(DISTANCE)
_DEAD, _MARGIN = f(10), f(30)

_RUN = u(16)


@entry
def ask_border(frame, pictures, gain, votes, edge, start, stop):
    """Ask the border of all foreground whether an object stands there or left.

    An object brings contrast into the frame; a ghost has it in the background. Rows start to
    stop, `start` a multiple of 4, of `pictures.mask` and of the frame, whose light is brought to
    the background's by `gain`. votes (h4, w4), overwritten: background contrast less frame
    contrast, grey levels / 8, as only even rows are asked. edge (W,) uint8: scratch.
    """
    n = u(frame.width)
    for b in range(start // 4, (stop + 3) // 4):
        _clear(votes[b], u(votes.shape[1]))
    if n <= _D + _D:
        return
    first = max(start + start % 2, DISTANCE)
    for y in range(first, min(stop, frame.height - DISTANCE), 2):
        row = Row(frame.which, u(y) * n, n)
        if _find_border(pictures.mask, row, edge):
            _ask_row(row, frame.image, pictures, gain, votes[y // 4], edge)


@loop
def _clear(row, n):
    for i in range(n):
        row[i] = ZERO


@loop
def _find_border(mask, row, edge):
    """Mark the foreground near background, and return whether there is any."""
    p, n = row.p, row.n
    found = np.uint8(0)
    for i in range(_D, n - _D):
        beside = mask[p + i - _D] & mask[p + i + _D]
        inside = beside & mask[p + i - _D * n] & mask[p + i + _D * n]
        v = mask[p + i] & (inside ^ np.uint8(1))
        edge[i] = v
        found |= v
    return found != 0


@part
def _ask_row(row, image, pictures, gain, votes, edge):
    last = row.n - _D
    for x in range(_D, last, _RUN):
        end = min(x + _RUN, last)
        if _any_between(edge, x, end):
            for i in range(x, end):
                if edge[i] != 0:
                    votes[i // u(4)] += _ask(row, image, pictures, gain, i) * f(0.125)


@loop
def _any_between(row, first, end):
    found = np.uint8(0)
    for i in range(first, end):
        found |= row[i]
    return found != 0


@part
def _ask(row, image, pictures, gain, i):
    """The vote of one pixel: contrast to what is not foreground, on all four sides."""
    t = ZERO
    q = row.p + i
    # Above, below, left, right, in this order: sums of float32 depend on it.
    for side in range(4):
        step = _D * row.n if side < 2 else _D
        other = q + step if side % 2 == 1 else q - step
        if pictures.mask[other] == 0:
            t += _contrast(row.which, image, pictures.ground, gain, q, other)
    if t > _DEAD:
        return min(t - _DEAD, _MARGIN)
    if t < -_DEAD:
        return max(t + _DEAD, -_MARGIN)
    return ZERO


@inline
def _contrast(which, image, ground, gain, p, q):
    channels = u(len(which))
    here = ZERO
    there = ZERO
    for c in range(len(which)):
        k = u(c)
        here += gain * abs(f(image[channels * p + k]) - f(image[channels * q + k]))
        there += abs(f(ground[k, p]) - f(ground[k, q]))
    return (there - here) * (ONE / f(len(which)))


@loop
def _smooth_down(values, a, y, b, row, n):
    for x in range(n):
        row[x] = QUARTER * (values[a, x] + TWO * values[y, x] + values[b, x])


@loop
def _smooth_along(row, line, n):
    for i in range(u(1), n - u(1)):
        x = u(i)
        line[x] = QUARTER * (row[x - u(1)] + TWO * row[x] + row[x + u(1)])
    for side in range(2):
        x = n - u(1) if side else U0
        left = x - u(1) if x > U0 else x
        right = x + u(1) if x < n - u(1) else x
        line[x] = QUARTER * (row[left] + TWO * row[x] + row[right])


@part
def _smooth_row(values, y, row, line):
    """[1 2 1] / 4 along both axes, borders repeated: row y of values, into line."""
    height, width = values.shape
    n = u(width)
    _smooth_down(values, u(max(y - 1, 0)), u(y), u(min(y + 1, height - 1)), row, n)
    _smooth_along(row, line, n)


@loop
def _follow(values, y, line, rate, n):
    for x in range(n):
        values[y, x] += rate * (line[x] - values[y, x])


@loop
def _scale(values, y, line, factor, n):
    for x in range(n):
        values[y, x] = factor * line[x]


@loop
def _divide(unrest, changes, y, n):
    for x in range(n):
        unrest[y, x] = changes[u(0), y, x] / (changes[u(1), y, x] + f(0.1))


@entry
def look_back(ghosts, change, factor, rate, calm, lines):
    """Follow the votes of the last frames, and how things changed in time.

    `change.motion` becomes the change in time, smoothed, times `factor`; the averages are left as
    they are if `rate` is negative, see `average_change`. lines (2, w4): scratch. Returns at how
    many places `motion` is less than `calm`.
    """
    row, line = lines[0], lines[1]
    votes, motion = ghosts.votes, change.motion
    for y in range(votes.shape[0]):
        _smooth_row(ghosts.border, y, row, line)
        _follow(votes, u(y), line, f(0.2), u(votes.shape[1]))
    if rate >= ZERO:
        _average(change, rate, row, line)
    still = 0
    for y in range(motion.shape[0]):
        _smooth_row(change.temporal[0], y, row, line)
        _scale(motion, u(y), line, factor, u(motion.shape[1]))
        for x in range(motion.shape[1]):
            still += motion[y, x] < calm
    return still


@entry
def leave_doubted(votes, posterior, sure, out):
    """Write into out (h4, w4) the votes, but 0 where any posterior, (h2, w2) uint8, is `sure`."""
    height, width = posterior.shape
    for y in range(out.shape[0]):
        one, two = posterior[2 * y], posterior[min(2 * y + 1, height - 1)]
        _leave(votes[y], one, two, sure, out[y])
        if width % 2 == 1:
            last = max(one[width - 1], two[width - 1])
            out[y, width // 2] = votes[y, width // 2] if last < sure else ZERO


@loop
def _leave(votes, one, two, sure, out):
    for x in range(one.size // 2):
        a, b, c, d = one[2 * x], one[2 * x + 1], two[2 * x], two[2 * x + 1]
        a = a if a > b else b
        c = c if c > d else d
        a = a if a > c else c
        out[x] = votes[x] if a < sure else ZERO


@entry
def count_from(values, least):
    """Return how many values (N,) uint8 are at least `least`."""
    count = np.int32(0)
    for k in range(values.size):
        count += np.int32(1) if values[k] >= least else np.int32(0)
    return count


@entry
def mark_moving(motion, least, moving):
    """Mark in moving, (rows, columns) uint8, where any of 2 x 2 squares of motion is above."""
    height, width = motion.shape
    for y in range(moving.shape[0]):
        one, two = motion[2 * y], motion[min(2 * y + 1, height - 1)]
        for x in range(moving.shape[1]):
            a, b = 2 * x, min(2 * x + 1, width - 1)
            most = max(max(one[a], one[b]), max(two[a], two[b]))
            moving[y, x] = np.uint8(1) if most > least else np.uint8(0)


@entry
def average_change(change, rate, lines):
    """Follow the change of calm background, and how much of it there is; `unrest` is the ratio.

    lines (2, w8) at least: scratch.
    """
    row, line = lines[0], lines[1]
    _average(change, rate, row, line)


@part
def _average(change, rate, row, line):
    n = u(change.unrest.shape[1])
    for y in range(change.unrest.shape[0]):
        for k in range(2):
            _smooth_row(change.temporal[k + 1], y, row, line)
            _follow(change.changes[k], u(y), line, rate, n)
        _divide(change.unrest, change.changes, u(y), n)
