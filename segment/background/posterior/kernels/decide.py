"""From evidence to the mask, row by row: judge, vote, close.

Each step runs a few rows behind the one before it and needs only those, which are kept in
rings; so everything stays in the fastest cache. A band begins and ends as many rows outside
of its own as its first and last rows ask for, and so owes nothing to the other bands.
"""

from typing import Any, NamedTuple

import numpy as np

from segment.background.compiling import entry, loop, part
from segment.background.posterior.kernels import evidence as pooling
from segment.background.posterior.kernels import mask as tidying
from segment.background.posterior.kernels.constants import FAR, U0, U1, U2, u
from segment.background.posterior.kernels.mask import Ring

# Places of half a row that are skipped together when nothing there can be foreground.
BLOCK = 32
_BLOCK = u(BLOCK)

# What a place depends on: as many places to all sides.
_REACH = 3

# Rows of the rings of half size.
RING = 8

# What is known of a pixel, in `told`: foreground, or anything more for what is not.
FOREGROUND = 1


class Halves(NamedTuple):
    """Rings of rows of half size, and room for more; (., w2 + 4) float32."""

    plains: Any  # (RING, .), pooled evidence
    lights: Any  # (RING, .), what light leaves of it
    lows: Any  # (RING, .), the least of that around
    spare: Any  # (3, .)
    hot: Any  # (RING, ceil(w2 / BLOCK)) uint8, where the first passes the least
    near: Any  # (RING, ceil(w2 / BLOCK)) uint8, where that is so around


class Desk(NamedTuple):
    """Scratch of `decide`, for a band; r is the vote's radius, R the closing's reach."""

    halves: Halves
    wides: Any  # (2, W) float32
    judged: Ring  # of 2 r + 3 rows
    voted: Ring  # of 2 R + 3 rows
    widened: Ring  # of 2 R + 3 rows
    column: Any  # (W + 2 r,) uint8
    line: Any  # (W + 2 R,) uint8


class Rows(NamedTuple):
    """The rows that a step has to find: those that the steps after it ask for."""

    start: int
    stop: int


@part
def _wider(rows, reach, height):
    return Rows(max(rows.start - reach, 0), min(rows.stop + reach, height))


@entry
def decide(evidence, judging, tidy, sensitivity, foreground, desk, start, stop):
    """Decide rows start to stop of what `follow_pixels` found: foreground (H, W), overwritten.

    sensitivity (H * W,) float32 may be empty.
    """
    height, width = foreground.shape
    half, wide = evidence.sums.shape[1], u(evidence.sums.shape[2])
    radius, reach = tidy.radius, tidy.widths.size // 2
    n = u(width)
    # From the last step to the first.
    widening = _wider(Rows(start, stop), reach, height)
    voting = _wider(widening, reach, height)
    judged = _wider(voting, radius, height)
    halves = Rows(judged.start // 2, (judged.stop + 1) // 2)
    lowering = _wider(halves, 1, half)
    lighting = _wider(halves, 2, half)
    pooled = _wider(lighting, _REACH, half)
    pool, light, low = pooled.start, lighting.start, lowering.start
    judge, vote, widen, close = judged.start, voting.start, widening.start, start
    near = desk.halves.near
    while close < stop:
        # Half size: pooled evidence, what light leaves of it, the least of that around.
        # Two rows of pixels for each: no further ahead than the rings reach.
        if pool < min(pooled.stop, judge // 2 + RING - 1):
            _pool(evidence.sums, pool, judging.least, desk.halves)
            pool += 1
        if light < lighting.stop and pool > min(light + _REACH, pooled.stop - 1):
            first, last = max(light - _REACH, pooled.start), min(light + _REACH, pooled.stop - 1)
            _find_near(desk.halves.hot, near[light % RING], first, last)
            _explain(evidence.sums, light, judging.gains, desk.halves)
            light += 1
        if low < lowering.stop and light > min(low + 1, lighting.stop - 1):
            _lower(low, half, wide, desk.halves)
            low += 1

        # Full size: what passes, what the majority says, what is closed.
        if judge < judged.stop and low > min(judge // 2 + 1, lowering.stop - 1):
            _judge(evidence, judge, judging, sensitivity, desk)
            judge += 1
        if vote < voting.stop and judge > min(vote + radius, judged.stop - 1):
            place = vote % desk.voted.some.size
            out = desk.voted.rows[place]
            desk.voted.some[place] = tidying.vote_row(
                desk.judged, vote, voting.start, radius, height, desk.column, out, n
            )
            vote += 1
        if widen < widening.stop and vote > min(widen + reach, voting.stop - 1):
            place = widen % desk.widened.some.size
            out = desk.widened.rows[place]
            desk.widened.some[place] = tidying.widen_row(
                desk.voted, widen, height, desk.line, tidy.widths, 0, out, n
            )
            widen += 1
        if widen > min(close + reach, widening.stop - 1):
            out = foreground[close]
            tidying.widen_row(desk.widened, close, height, desk.line, tidy.widths, 1, out, n)
            close += 1


@part
def _pool(sums, h, least, halves):
    plain = halves.plains[h % RING]
    pooling.pool(sums, h, halves.spare[0], plain)
    _find_hot(plain, halves.hot[h % RING], least, u(sums.shape[2]))


@part
def _explain(sums, h, gains, halves):
    wide = u(sums.shape[2])
    row, light = halves.near[h % RING], halves.lights[h % RING]
    first, end = _stretch(row, U0, wide)
    while first < end:
        pooling.explain(sums, h, halves.spare, gains, light, first, end)
        first, end = _stretch(row, end, wide)


@part
def _lower(h, half, wide, halves):
    lights, near = halves.lights, halves.near[h % RING]
    above, here = lights[max(h - 1, 0) % RING], lights[h % RING]
    below, out = lights[min(h + 1, half - 1) % RING], halves.lows[h % RING]
    first, end = _stretch(near, U0, wide)
    while first < end:
        pooling.lowest(above, here, below, halves.spare[0], out, first, end, wide)
        first, end = _stretch(near, end, wide)


@part
def _judge(evidence, y, judging, sensitivity, desk):
    """Mark what passes the threshold in row y, where anything can."""
    halves, line, wides = desk.halves, desk.halves.spare[0], desk.wides
    half, wide = evidence.sums.shape[1], u(evidence.sums.shape[2])
    n = u(wides.shape[1])
    p = u(y) * n
    h = y // 2
    here = h % RING
    other = (max(h - 1, 0) if y % 2 == 0 else min(h + 1, half - 1)) % RING
    place = y % desk.judged.some.size
    out = desk.judged.rows[place]
    tidying.clear(out, n)
    first, end = _stretch(halves.near[here], U0, wide)
    while first < end:
        pooling.between(halves.plains[here], halves.plains[other], line, first, end, wide)
        pooling.widen(line, wides[0], first, end, n)
        pooling.between(halves.lows[here], halves.lows[other], line, first, end, wide)
        pooling.widen(line, wides[1], first, end, n)
        a, b = U2 * first, min(U2 * end, n)
        if sensitivity.size > 0:
            pooling.judge_row_by(evidence.own, wides, judging, sensitivity, out, p, a, b)
        else:
            pooling.judge_row(evidence.own, wides, judging, out, p, a, b)
        first, end = _stretch(halves.near[here], end, wide)
    desk.judged.some[place] = tidying.any_of(out, n)


@entry
def obey(told, foreground):
    """What is known, told (H * W,) uint8, stands in the mask (H * W,) as it was said."""
    _obey(told, foreground, u(told.size))


@loop
def _obey(told, out, n):
    for i in range(n):
        v = told[i]
        out[i] = U0 if v > FOREGROUND else (U1 if v == FOREGROUND else out[i])


@part
def _find_hot(plain, hot, least, wide):
    for b in range(hot.size):
        first = u(b) * _BLOCK
        hot[b] = _any_above(plain, least, first, min(first + _BLOCK, wide))


@loop
def _any_above(plain, least, first, end):
    most = -FAR
    for j in range(first, end):
        most = plain[j] if plain[j] > most else most
    return np.uint8(1) if most > least else np.uint8(0)


@part
def _find_near(hot, near, first, last):
    """Mark the blocks with hot ones around, in the rows first to last."""
    size = near.size
    for b in range(size):
        near[b] = 0
    for h in range(first, last + 1):
        for b in range(size):
            if hot[h % RING, b]:
                for side in range(max(b - 1, 0), min(b + 2, size)):
                    near[side] = 1


@part
def _stretch(near, place, wide):
    """Return the next places that are to be looked at, from `place` on: begin and end."""
    b = (place + _BLOCK - U1) // _BLOCK
    size = u(near.size)
    while b < size and near[b] == 0:
        b += U1
    first = min(b * _BLOCK, wide)
    while b < size and near[b] != 0:
        b += U1
    return first, min(b * _BLOCK, wide)
