"""What the mixtures say of a frame, as planes of bytes at half resolution that a network reads.

0 to 3    evidence of each of 2 x 2 pixels
4         gain that explains most of the residual, 5 brightness beside the background's, 6 the
          votes on ghosts; 128 is none of it
7, 8      residual: as it is, and what the gain leaves of it
9         evidence, mean of 2 x 2
10, 11    brightness of the frame, of the background
12        change of brightness since the last frame
13, 14    change in time of the place, and what its background is wont to change by
15, 16    the last posterior, and for how long it has been foreground
17 to 20  frames seen, weight and variance of the heaviest mode, modes in use
21, 22    noise, and frames learned: the same everywhere
23        how often the evidence comes and goes
24        slope of the background
25        difference of brightness from the background within two pixels
26, 27    evidence and posterior, averaged over a second or two
"""

import numpy as np

from segment.background.compiling import entry, loop
from segment.background.posterior.kernels.constants import ONE, QUARTER, TWO, U2, ZERO, f, u
from segment.background.posterior.kernels.records import Row

__all__ = ["PLANES", "describe", "draw_light", "follow_course"]

u8 = np.uint8

PLANES = 28

TOP, HALF = f(255), f(0.5)
_MIDDLE = f(128.5)

# Halves of the range: of variances, of frames, of squared grey levels, of grey levels.
_VARIANCES, _FRAMES, _SQUARES, _SLOPE = f(16), f(60), f(30), f(24)

# Steps of a byte: in 1 of a gain's logarithm or so, and in a grey level of votes.
_GAIN, _VOTES = f(160), f(12)
_LEAST, _BLACK = f(1e-3), f(12)

# Evidence (of 255) from which on it has come; shares of a frame in the averages.
_COME = f(70)
_BLINK, _SLOW = f(0.04), f(0.03)


@loop
def _brightness(row, image, gain, out):
    """Mean of the channels of a row of the frame, in the background's light."""
    channels = u(len(row.which))
    share = gain / f(len(row.which))
    for k in range(out.size):
        i = row.p + u(k)
        s = ZERO
        for c in range(len(row.which)):
            s += f(image[channels * i + u(c)])
        v = s * share
        out[k] = v if v < TOP else TOP


@loop
def _ground_brightness(row, ground, out):
    share = ONE / f(len(row.which))
    for k in range(out.size):
        s = ZERO
        for c in range(len(row.which)):
            s += f(ground[u(c), row.p + u(k)])
        out[k] = s * share


@loop
def _halve(one, two, out):
    for k in range(out.size):
        s = (one[2 * k] + one[2 * k + 1]) + (two[2 * k] + two[2 * k + 1])
        out[k] = u8(s * QUARTER + HALF)


@entry
def draw_light(frame, pictures, gain, desk, planes, start, stop):
    """Write planes 10 and 11 of half-resolution rows `start` to `stop`.

    desk (4, W + 1) float32: scratch.
    """
    width = frame.width
    for r in range(start, stop):
        for half in range(2):
            y = min(2 * r + half, frame.height - 1)
            row = Row(frame.which, u(y) * u(width), u(width))
            _brightness(row, frame.image, gain, desk[half, :width])
            _ground_brightness(row, pictures.ground, desk[2 + half, :width])
        for k in range(4):
            desk[k, width] = desk[k, width - 1]
        _halve(desk[0], desk[1], planes[10, r])
        _halve(desk[2], desk[3], planes[11, r])


@loop
def _every_other(values, p, first, last, out):
    for k in range(out.size):
        i = 2 * k + first
        i = i if i < last else last
        out[k] = values[p + i]


@loop
def _tell_light(q_row, a_row, b_row, e_row, gains, raw, left, evidence, scale):
    """Gain, residual before and after it, and evidence, of the sums of a row."""
    for k in range(gains.size):
        q = q_row[k]
        a = a_row[k]
        b = b_row[k]
        g = a / (b if b > _LEAST else _LEAST)
        g = g if g > f(-0.75) else f(-0.75)
        g = g if g < f(0.75) else f(0.75)
        gains[k] = u8(_MIDDLE + _GAIN * g)
        raw[k] = u8(TOP * q / (q + _VARIANCES) + HALF)
        rest = q - TWO * g * a + g * g * b
        rest = rest if rest > ZERO else ZERO
        left[k] = u8(TOP * rest / (rest + _VARIANCES) + HALF)
        v = e_row[k] * scale
        evidence[k] = u8(v if v < TOP else TOP)


@loop
def _tell_ratio(now, then, out):
    for k in range(out.size):
        p = f(now[k])
        q = f(then[k])
        v = _MIDDLE + TOP * (p - q) / (p + q + _BLACK)
        v = v if v > ZERO else ZERO
        out[k] = u8(v if v < TOP else TOP)


@loop
def _tell_change(now, last, scale, out):
    for k in range(out.size):
        v = abs(f(now[k]) - f(last[k]))
        out[k] = u8(TOP * v / (v + scale) + HALF)


@loop
def _soften(values, scale, out):
    for k in range(out.size):
        v = values[k]
        out[k] = u8(TOP * v / (v + scale) + HALF)


@loop
def _soften_some(values, p, last, scale, out):
    """Of every other pixel of a row."""
    for k in range(out.size):
        v = values[p + U2 * u(k)]
        out[k] = u8(TOP * v / (v + scale) + HALF)


@loop
def _share_of(values, p, out):
    for k in range(out.size):
        out[k] = u8(TOP * values[p + U2 * u(k)] + HALF)


@loop
def _count(values, p, out):
    for k in range(out.size):
        v = values[p + U2 * u(k)]
        out[k] = u8(60 * v) if v < 4 else u8(240)


@loop
def _fill(out, value):
    for k in range(out.size):
        out[k] = value


@loop
def _copy(values, out):
    for k in range(out.size):
        out[k] = values[k]


@loop
def _round(values, out):
    for k in range(out.size):
        out[k] = u8(values[k] + HALF)


@loop
def _spread_soft(grid, times, scale, out):
    for k in range(out.size):
        v = grid[k // times]
        out[k] = u8(TOP * v / (v + scale) + HALF)


@loop
def _spread_votes(grid, out):
    for k in range(out.size):
        v = _MIDDLE + _VOTES * grid[k // 2]
        v = v if v > ZERO else ZERO
        out[k] = u8(v if v < TOP else TOP)


@loop
def _tell_slope(above, here, below, out):
    last = out.size - 1
    for k in range(out.size):
        a = here[k - 1] if k > 0 else here[0]
        b = here[k + 1] if k < last else here[last]
        v = abs(f(b) - f(a)) + abs(f(below[k]) - f(above[k]))
        out[k] = u8(TOP * v / (v + _SLOPE) + HALF)


@loop
def _lower(now, then, shift, first, out):
    """Smallest difference so far from a row of the background, `shift` places to the right."""
    last = out.size - 1
    for k in range(out.size):
        j = k + shift
        j = j if j > 0 else 0
        j = j if j < last else last
        v = abs(f(now[k]) - f(then[j]))
        o = out[k]
        out[k] = v if first or v < o else o


@entry
def describe(size, evidence, modes, change, ghosts, course, numbers, desk, planes, start, stop):
    """Write all planes but 10 and 11 of half-resolution rows `start` to `stop`.

    size : (H, W). course : see `Course`. numbers : largest evidence, scale of differences of
    brightness, and what planes 21 and 22 hold. desk (w,) float32: scratch.
    """
    height, width = size
    largest, scale, noise, age = numbers
    half = planes.shape[1]
    for r in range(start, stop):
        above, below = max(r - 1, 0), min(r + 1, half - 1)
        p = u(2 * r) * u(width)
        for m in range(4):
            q = min(2 * r + m // 2, height - 1) * width
            _every_other(evidence.own, q, m % 2, width - 1, planes[m, r])
        sums = evidence.sums
        _tell_light(
            sums[0, r],
            sums[1, r],
            sums[2, r],
            sums[3, r],
            planes[4, r],
            planes[7, r],
            planes[8, r],
            planes[9, r],
            TOP / largest,
        )
        _tell_ratio(planes[10, r], planes[11, r], planes[5, r])
        _spread_votes(ghosts.votes[r // 2], planes[6, r])
        _tell_change(planes[10, r], course.light[r], scale, planes[12, r])
        _spread_soft(change.motion[r // 4], 4, _SQUARES, planes[13, r])
        _spread_soft(change.unrest[r // 4], 4, ONE, planes[14, r])
        _copy(course.last[r], planes[15, r])
        _soften(course.stay[r], _FRAMES, planes[16, r])
        _soften_some(modes.seen, p, 0, _FRAMES, planes[17, r])
        _share_of(modes.weight[0], p, planes[18, r])
        _soften_some(modes.first.variance, p, 0, _SQUARES, planes[19, r])
        _count(modes.alive, p, planes[20, r])
        _fill(planes[21, r], noise)
        _fill(planes[22, r], age)
        _round(course.blink[r], planes[23, r])
        _tell_slope(planes[11, above], planes[11, r], planes[11, below], planes[24, r])
        for down in range(3):
            row = above if down == 0 else (r if down == 1 else below)
            for shift in range(-1, 2):
                first = (down == 0) & (shift == -1)
                _lower(planes[10, r], planes[11, row], shift, first, desk)
        _soften(desk, scale, planes[25, r])
        _round(course.evidence[r], planes[26, r])
        _round(course.posterior[r], planes[27, r])


@loop
def _average(now, rate, state):
    for k in range(state.size):
        state[k] += rate * (f(now[k]) - state[k])


@loop
def _average_blinks(now, match, state):
    for k in range(state.size):
        come = u8(1) if f(now[k]) > _COME else u8(0)
        v = state[k]
        state[k] = v + _BLINK * ((TOP if come != match[k] else ZERO) - v)
        match[k] = come


@entry
def follow_course(course, planes, learned):
    """Take a frame, and the posterior `course.last` of it, into what places go through."""
    slow = ONE / f(1 + learned)
    slow = slow if slow > _SLOW else _SLOW
    for r in range(planes.shape[1]):
        _copy(planes[10, r], course.light[r])
        _average_blinks(planes[9, r], course.come[r], course.blink[r])
        _average(planes[9, r], slow, course.evidence[r])
        _average(course.last[r], slow, course.posterior[r])
