"""What the mixtures say of a frame, as planes of bytes at half resolution that a network reads.

`sift` finds the blocks that are not quiet, `survey` writes there what the network's glance reads,
and `describe` the others where that leaves doubt.

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

from typing import Any, NamedTuple

import numpy as np

from segment.background.compiling import entry, loop, part
from segment.background.lines import copy, fill
from segment.background.network.blocks import run_of
from segment.background.network.records import BLOCK
from segment.background.posterior.kernels.constants import ONE, QUARTER, TWO, ZERO, f, u
from segment.background.posterior.kernels.records import Row

__all__ = ["GLANCED", "GONE", "PLANES", "QUIET", "Desk", "describe", "draw_light", "sift", "survey"]

u8 = np.uint8

PLANES = 28

# Those that the glance reads; the others are only where it leaves doubt.
GLANCED = 4, 6, 7, 8, 9, 14, 15, 16, 22, 23, 26, 27


class Desk(NamedTuple):
    """Scratch of `describe`, of a picture of half width w: around (BLOCK + 2, w + 2) uint8, least
    (w,) uint8, pixels (2, 2 w + 2) float32."""

    around: Any
    least: Any
    pixels: Any


TOP, HALF = f(255), f(0.5)
_MIDDLE = f(128.5)

# Evidence, and last posterior, of 255, up to which a block is quiet: it is background.
QUIET, GONE = u8(24), u8(24)

# Halves of the range: of variances, of frames, of squared grey levels, of grey levels.
_VARIANCES, _FRAMES, _SQUARES, _SLOPE = f(16), f(60), f(30), f(24)

# Steps of a byte: in 1 of a gain's logarithm or so, and in a grey level of votes.
_GAIN, _VOTES = f(160), f(12)
_LEAST, _BLACK = f(1e-3), f(12)


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
def _mean(row, planes, gain, out):
    """The same of a picture in planes (C, H * W)."""
    share = gain / f(len(row.which))
    for k in range(out.size):
        s = ZERO
        for c in range(len(row.which)):
            s += f(planes[u(c), row.p + u(k)])
        v = s * share
        out[k] = v if v < TOP else TOP


@loop
def _halve(one, two, out):
    for k in range(out.size):
        s = (one[2 * k] + one[2 * k + 1]) + (two[2 * k] + two[2 * k + 1])
        out[k] = u8(s * QUARTER + HALF)


@entry
def draw_light(frame, shown, gain, desk, planes, start, stop):
    """Write plane 10 of half-resolution rows. desk (2, W + 1) float32: scratch.

    shown (C, H * W) uint8 : the frame in planes, which takes less time to read, or nothing.
    """
    width = frame.width
    for r in range(start, stop):
        for half in range(2):
            y = min(2 * r + half, frame.height - 1)
            row = Row(frame.which, u(y) * u(width), u(width))
            if shown.size > 0:
                _mean(row, shown, gain, desk[half, :width])
            else:
                _brightness(row, frame.image, gain, desk[half, :width])
            desk[half, width] = desk[half, width - 1]
        _halve(desk[0], desk[1], planes[10, r])


@part
def _draw_ground(frame, ground, r, low, desk, out):
    """Plane 11 of half-resolution row r from place `low` on. desk (2, 2 w + 2) float32: scratch."""
    width = frame.width
    left = 2 * low
    there = min(2 * out.size, width - left)
    for half in range(2):
        y = min(2 * r + half, frame.height - 1)
        row = Row(frame.which, u(y) * u(width) + u(left), u(there))
        _mean(row, ground, ONE, desk[half, :there])
        if there < 2 * out.size:
            desk[half, there] = desk[half, there - 1]
    _halve(desk[0, : 2 * out.size], desk[1, : 2 * out.size], out)


@loop
def _every_other(values, out):
    for k in range(out.size):
        out[k] = values[2 * k]


@part
def _every_other_of(own, p, width, first, low, out):
    """Every other pixel of a row of `width` from pixel 2 * low + first on; the last repeated."""
    there = (width - first + 1) // 2 - low
    n = min(out.size, there)
    begin = p + 2 * low + first
    _every_other(own[begin : begin + 2 * n], out[:n])
    if n < out.size:
        out[n] = own[p + width - 1]


@loop
def _tell_light(q_row, a_row, b_row, gains, raw, left):
    """Gain, and residual before and after it, of the sums of a row."""
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
def _soften_some(values, scale, out):
    """Of every other pixel of a row."""
    for k in range(out.size):
        v = values[2 * k]
        out[k] = u8(TOP * v / (v + scale) + HALF)


@loop
def _share_of(values, out):
    for k in range(out.size):
        out[k] = u8(TOP * values[2 * k] + HALF)


@loop
def _count(values, out):
    for k in range(out.size):
        v = values[2 * k]
        out[k] = u8(60 * v) if v < 4 else u8(240)


@loop
def _round(values, out):
    for k in range(out.size):
        out[k] = u8(values[k] + HALF)


@loop
def _spread_soft(grid, p, scale, out):
    for k in range(out.size):
        v = grid[(p + k) // 4]
        out[k] = u8(TOP * v / (v + scale) + HALF)


@loop
def _spread_votes(grid, p, out):
    for k in range(out.size):
        v = _MIDDLE + _VOTES * grid[(p + k) // 2]
        v = v if v > ZERO else ZERO
        out[k] = u8(v if v < TOP else TOP)


@loop
def _tell_slope(above, here, below, out):
    """Here goes one place further than the others at both ends."""
    for k in range(out.size):
        v = abs(f(here[k + 2]) - f(here[k])) + abs(f(below[k]) - f(above[k]))
        out[k] = u8(TOP * v / (v + _SLOPE) + HALF)


@loop
def _lower(now, then, first, out):
    """Smallest difference so far from a row of the background, up to one place beside."""
    for k in range(out.size):
        v = np.int32(now[k])
        a, b = abs(v - np.int32(then[k])), abs(v - np.int32(then[k + 1]))
        c = abs(v - np.int32(then[k + 2]))
        a = a if a < b else b
        a = a if a < c else c
        o = np.int32(out[k])
        out[k] = u8(a if first | (a < o) else o)


@loop
def _soften_bytes(values, scale, out):
    for k in range(out.size):
        v = f(values[k])
        out[k] = u8(TOP * v / (v + scale) + HALF)


@loop
def _tell_evidence(values, scale, out):
    for k in range(out.size):
        v = values[k] * scale
        out[k] = u8(v if v < TOP else TOP)


@loop
def _most(one, two, out):
    for k in range(out.size):
        v = one[k] if one[k] > QUIET else u8(0)
        w = two[k] if two[k] > GONE else u8(0)
        out[k] = max(out[k], max(v, w))


@entry
def sift(unexplained, last, largest, desk, planes, restless, start, stop):
    """Write plane 9 of rows `start` to `stop` of blocks, and which of them are not quiet.

    unexplained (h, w) float32 : evidence; largest : of it. desk (w,) uint8: scratch. restless
    (rows, columns) uint8, written: blocks with evidence, or a posterior in the last frame.
    """
    half, wide = planes.shape[1:]
    for row in range(start, stop):
        fill(desk, u8(0))
        for r in range(row * BLOCK, min(row * BLOCK + BLOCK, half)):
            _tell_evidence(unexplained[r], TOP / largest, planes[9, r])
            _most(planes[9, r], last[r], desk)
        for b in range(restless.shape[1]):
            found = u8(0)
            for x in range(b * BLOCK, min(b * BLOCK + BLOCK, wide)):
                found = max(found, desk[x])
            restless[row, b] = u8(1) if found > 0 else u8(0)


@entry
def survey(restless, sums, change, votes, course, age, planes, start, stop):
    """Write the planes that the glance reads, in rows `start` to `stop` of half resolution.

    restless (rows, columns) uint8 : blocks in which it reads. age : what plane 22 holds.
    """
    wide = planes.shape[2]
    for r in range(start, stop):
        b, end = run_of(restless, r // BLOCK, 0)
        while b < end:
            low, high = b * BLOCK, min(end * BLOCK, wide)
            _tell_light(
                sums[0, r, low:high],
                sums[1, r, low:high],
                sums[2, r, low:high],
                planes[4, r, low:high],
                planes[7, r, low:high],
                planes[8, r, low:high],
            )
            _spread_votes(votes[r // 2], low, planes[6, r, low:high])
            _spread_soft(change.unrest[r // 4], low, ONE, planes[14, r, low:high])
            copy(course.last[r, low:high], planes[15, r, low:high])
            _soften(course.stay[r, low:high], _FRAMES, planes[16, r, low:high])
            fill(planes[22, r, low:high], age)
            _round(course.blink[r, low:high], planes[23, r, low:high])
            _round(course.evidence[r, low:high], planes[26, r, low:high])
            _round(course.posterior[r, low:high], planes[27, r, low:high])
            b, end = run_of(restless, r // BLOCK, end)


@entry
def describe(
    frame, active, evidence, modes, ground, change, course, noise, scale, desk, planes, start, stop
):
    """Write the other planes in rows `start` to `stop` of blocks, where they are `active`.

    active (rows, columns) uint8 : blocks of BLOCK. ground (C, H * W) uint8 : the background.
    scale : of differences of brightness. noise : what plane 21 holds. desk : see `Desk`.
    """
    half, wide = planes.shape[1:]
    for row in range(start, stop):
        top, bottom = row * BLOCK, min(row * BLOCK + BLOCK, half)
        b, end = run_of(active, row, 0)
        while b < end:
            low, high = b * BLOCK, min(end * BLOCK, wide)
            _describe_run(
                frame, evidence, modes, ground, change, course, noise, scale, desk, planes,
                top, bottom, low, high,
            )  # fmt: skip
            b, end = run_of(active, row, end)


@part
def _describe_run(
    frame, evidence, modes, ground, change, course, noise, scale, desk, planes,
    top, bottom, low, high,
):  # fmt: skip
    """The same of a run of blocks: half-resolution rows top to bottom, places low to high."""
    height, width = frame.height, frame.width
    half, wide = planes.shape[1:]
    # The background's brightness, one place further to all sides.
    first, last = max(low - 1, 0), min(high + 1, wide)
    around = desk.around
    for k in range(bottom - top + 2):
        r = min(max(top - 1 + k, 0), half - 1)
        line = around[k]
        _draw_ground(frame, ground, r, first, desk.pixels, line[first - low + 1 : last - low + 1])
        if first == low:
            line[0] = line[1]
        if last == high:
            line[high - low + 1] = line[high - low]
    n = high - low
    for r in range(top, bottom):
        for m in range(4):
            q = min(2 * r + m // 2, height - 1) * width
            _every_other_of(evidence.own, q, width, m % 2, low, planes[m, r, low:high])
        p = 2 * r * width + 2 * low
        stop_at = p + 2 * n - 1
        light = planes[10, r, low:high]
        k = r - top + 1
        copy(around[k, 1 : n + 1], planes[11, r, low:high])
        _tell_ratio(light, planes[11, r, low:high], planes[5, r, low:high])
        _tell_change(light, course.light[r, low:high], scale, planes[12, r, low:high])
        _spread_soft(change.motion[r // 4], low, _SQUARES, planes[13, r, low:high])
        _soften_some(modes.seen[p:stop_at], _FRAMES, planes[17, r, low:high])
        _share_of(modes.weight[0, p:stop_at], planes[18, r, low:high])
        _soften_some(modes.first.variance[p:stop_at], _SQUARES, planes[19, r, low:high])
        _count(modes.alive[p:stop_at], planes[20, r, low:high])
        fill(planes[21, r, low:high], noise)
        _tell_slope(
            around[k - 1, 1 : n + 1], around[k, : n + 2], around[k + 1, 1 : n + 1],
            planes[24, r, low:high],
        )  # fmt: skip
        least = desk.least[:n]
        for down in range(3):
            _lower(light, around[k - 1 + down, : n + 2], down == 0, least)
        _soften_bytes(least, scale, planes[25, r, low:high])
