"""What a frame leaves for the next: votes on ghosts, and averages over small grids."""

import numpy as np

from segment.background.posterior.kernels.compiling import (
    ONE,
    QUARTER,
    TWO,
    U0,
    ZERO,
    entry,
    f,
    inline,
    loop,
    u,
)

# Pixels from the border to either side, and grey levels: more than the one is a vote, the other
# the largest that counts.
DISTANCE = 4
_D = u(DISTANCE)
_DEAD, _MARGIN = f(10), f(30)

_RUN = u(16)


@entry
def vote_row(which, image, ground, above, here, below, gain, votes, border, p, n):
    """Ask the foreground's border in a row whether an object stands there or left.

    An object brings contrast into the frame; a ghost has it in the background. image
    (H * W * C,), ground (C, H * W) uint8; above, here, below (W,) uint8: the mask DISTANCE rows
    above and below the row that begins at pixel p; votes (w4,) float32, added to: background
    contrast less frame contrast, grey levels / 8, as only even rows are asked. border (W,)
    uint8: scratch.
    """
    if n <= _D + _D:
        return
    _find_border(above, here, below, border, n)
    for x in range(_D, n - _D, _RUN):
        end = min(x + _RUN, n - _D)
        if _any_between(border, x, end):
            for i in range(x, end):
                if border[i] != 0:
                    t = _ask(which, image, ground, above, here, below, gain, p, i, n)
                    votes[i // u(4)] += t * f(0.125)


@loop
def _find_border(above, here, below, border, n):
    for i in range(_D, n - _D):
        inside = here[i - _D] & here[i + _D] & above[i] & below[i]
        border[i] = here[i] & (inside ^ np.uint8(1))


@loop
def _any_between(row, first, end):
    found = np.uint8(0)
    for i in range(first, end):
        found |= row[i]
    return found != 0


@entry
def _ask(which, image, ground, above, here, below, gain, p, i, n):
    """The vote of one pixel: contrast to what is not foreground, on all four sides."""
    t = ZERO
    q = p + i
    if above[i] == 0:
        t += _contrast(which, image, ground, gain, q, q - _D * n)
    if below[i] == 0:
        t += _contrast(which, image, ground, gain, q, q + _D * n)
    if here[i - _D] == 0:
        t += _contrast(which, image, ground, gain, q, q - _D)
    if here[i + _D] == 0:
        t += _contrast(which, image, ground, gain, q, q + _D)
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


@entry
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
def look_back(border, votes, temporal, motion, changes, unrest, factor, rate, calm, row, line):
    """Follow the votes of the last frames, and how things changed in time.

    border, votes (h4, w4), temporal (3, h8, w8), motion (h8, w8) float32: its change in time,
    smoothed, times `factor`; changes (2, h8, w8), unrest (h8, w8) float32: see
    `average_change`, left as they are if `rate` is negative. row, line (w4,): scratch. Returns at
    how many places `motion` is less than `calm`.
    """
    for y in range(votes.shape[0]):
        _smooth_row(border, y, row, line)
        _follow(votes, u(y), line, f(0.2), u(votes.shape[1]))
    if rate >= ZERO:
        average_change(temporal, changes, unrest, rate, row, line)
    still = 0
    for y in range(motion.shape[0]):
        _smooth_row(temporal[0], y, row, line)
        _scale(motion, u(y), line, factor, u(motion.shape[1]))
        for x in range(motion.shape[1]):
            still += motion[y, x] < calm
    return still


@entry
def average_change(temporal, changes, unrest, rate, row, line):
    """Follow the change of calm background, and how much of it there is; `unrest` is the ratio.

    temporal (3, h8, w8), changes (2, h8, w8), unrest (h8, w8) float32.
    """
    n = u(unrest.shape[1])
    for y in range(unrest.shape[0]):
        for k in range(2):
            _smooth_row(temporal[k + 1], y, row, line)
            _follow(changes[k], u(y), line, rate, n)
        _divide(unrest, changes, u(y), n)
