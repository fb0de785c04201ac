"""From evidence to the mask, row by row: judge, vote, close, and ask the border about ghosts.

Each step runs a few rows behind the one before it and needs only those, which are kept in
rings; so everything stays in the fastest cache. A band begins and ends as many rows outside
of its own as its first and last rows ask for, and so owes nothing to the other bands.
"""

import numpy as np

from segment.background.posterior.kernels import evidence as pooling
from segment.background.posterior.kernels import ghosts
from segment.background.posterior.kernels import mask as tidying
from segment.background.posterior.kernels.compiling import FAR, U0, U1, U2, entry, loop, u

# Places of half a row that are skipped together when nothing there can be foreground.
BLOCK = 32
_BLOCK = u(BLOCK)

# What a place depends on: as many places to all sides.
_REACH = 3

# Rows of the rings of half size, and what `halves`, `blocks` and `scraps` need in all.
_RING = 8
HALVES = 3 * _RING + 3
BLOCKS = 2 * _RING
SCRAPS = 7

# What is known of a pixel, in `told`: foreground, or anything more for what is not.
FOREGROUND = 1


@entry
def decide(
    which,
    image,
    ground,
    evidence,
    sums,
    numbers,
    sensitivity,
    told,
    radius,
    widths,
    gain,
    mask,
    foreground,
    votes,
    halves,
    wides,
    blocks,
    judged,
    voted,
    widened,
    closed,
    scraps,
    frozen,
    height,
    width,
    start,
    stop,
):
    """Decide rows start to stop, `start` a multiple of 8, of what `follow_pixels` found.

    image (H * W * C,), ground (C, H * W), evidence (H * W,) uint8 and sums (4, h, w) float32: see
    there. numbers: own part of a pixel, what a step of `evidence` means, threshold, evidence
    from which a pixel may be foreground at all, lowest and highest gain, its price, float32.
    sensitivity (H * W,) float32, told (H * W,) uint8 FOREGROUND, more, or 0: may be empty.
    The vote's `radius`, and the closing's `widths` as of `widen_row`. gain : of the frame.

    Overwritten: foreground (H, W) uint8; and unless `frozen`, mask (H * W,) uint8 and votes
    (h4, w4) float32. Scratch: halves (HALVES, w + 4), wides (2, W) float32, blocks (BLOCKS,
    ceil(w / BLOCK)) uint8, the rings judged, voted, widened, closed (L, W) uint8 of 2 * radius + 3
    rows, twice 2 * reach + 3, and 2 * DISTANCE + 3; scraps: SCRAPS rows of uint8, (L,) four times,
    (W + 2 * radius,), (W + 2 * reach,) and (W,).
    """
    own, fine, threshold, least, low, high, price = numbers
    half, wide = sums.shape[1], u(sums.shape[2])
    reach = widths.size // 2
    n = u(width)
    aside = 0 if frozen else ghosts.DISTANCE
    # Rows that every step has to find, from the last to the first.
    close_from, close_to = max(start - aside, 0), min(stop + aside, height)
    widen_from, widen_to = max(close_from - reach, 0), min(close_to + reach, height)
    vote_from, vote_to = max(widen_from - reach, 0), min(widen_to + reach, height)
    judge_from, judge_to = max(vote_from - radius, 0), min(vote_to + radius, height)
    half_from, half_to = judge_from // 2, (judge_to + 1) // 2
    light_from, light_to = max(half_from - 2, 0), min(half_to + 2, half)
    low_from, low_to = max(half_from - 1, 0), min(half_to + 1, half)
    pool_from, pool_to = max(light_from - _REACH, 0), min(light_to + _REACH, half)
    pooled, lit, lowered = pool_from, light_from, low_from
    judge, vote, widen, close, ask = judge_from, vote_from, widen_from, close_from, start
    plains, lights, lows = halves[:_RING], halves[_RING : 2 * _RING], halves[2 * _RING : 3 * _RING]
    spare = halves[3 * _RING :]
    hot, near = blocks[:_RING], blocks[_RING:]
    some_judged, some_voted, some_widened, some_closed, column, line, border = scraps
    if not frozen:
        for b in range(start // 4, (stop + 3) // 4):
            _clear(votes[b], u(votes.shape[1]))
    while ask < stop:
        # Half size: pooled evidence, what light leaves of it, the least of that around.
        # Two rows of pixels for each: no further ahead than the rings reach.
        if pooled < min(pool_to, judge // 2 + _RING - 1):
            plain = plains[pooled % _RING]
            pooling.pool(sums, pooled, spare[0], plain)
            _find_hot(plain, hot[pooled % _RING], least, wide)
            pooled += 1
        if lit < light_to and pooled > min(lit + _REACH, pool_to - 1):
            row = near[lit % _RING]
            _find_near(hot, row, max(lit - _REACH, pool_from), min(lit + _REACH, pool_to - 1))
            first, end = _stretch(row, U0, wide)
            while first < end:
                pooling.explain(sums, lit, spare, low, high, price, lights[lit % _RING], first, end)
                first, end = _stretch(row, end, wide)
            lit += 1
        if lowered < low_to and lit > min(lowered + 1, light_to - 1):
            row = near[lowered % _RING]
            above, below = max(lowered - 1, 0) % _RING, min(lowered + 1, half - 1) % _RING
            first, end = _stretch(row, U0, wide)
            while first < end:
                pooling.lowest(
                    lights[above],
                    lights[lowered % _RING],
                    lights[below],
                    spare[0],
                    lows[lowered % _RING],
                    first,
                    end,
                    wide,
                )
                first, end = _stretch(row, end, wide)
            lowered += 1

        # Full size: what passes, what the majority says, what is closed.
        if judge < judge_to and lowered > min(judge // 2 + 1, low_to - 1):
            h = judge // 2
            other = max(h - 1, 0) if judge % 2 == 0 else min(h + 1, half - 1)
            out = judged[judge % judged.shape[0]]
            _clear(out, n)
            row = near[h % _RING]
            first, end = _stretch(row, U0, wide)
            while first < end:
                pooling.between(
                    plains[h % _RING], plains[other % _RING], spare[0], first, end, wide
                )
                pooling.widen(spare[0], wides[0], first, end, n)
                pooling.between(lows[h % _RING], lows[other % _RING], spare[0], first, end, wide)
                pooling.widen(spare[0], wides[1], first, end, n)
                begin, stretch = U2 * first, min(U2 * end, n)
                if sensitivity.size > 0:
                    pooling.judge_row_by(
                        evidence,
                        wides[0],
                        wides[1],
                        own,
                        fine,
                        threshold,
                        sensitivity,
                        out,
                        u(judge) * n,
                        begin,
                        stretch,
                    )
                else:
                    pooling.judge_row(
                        evidence,
                        wides[0],
                        wides[1],
                        own,
                        fine,
                        threshold,
                        out,
                        u(judge) * n,
                        begin,
                        stretch,
                    )
                first, end = _stretch(row, end, wide)
            some_judged[judge % judged.shape[0]] = tidying.any_of(out, n)
            judge += 1
        if vote < vote_to and judge > min(vote + radius, judge_to - 1):
            place = vote % voted.shape[0]
            some_voted[place] = tidying.vote_row(
                judged, some_judged, vote, vote_from, radius, height, column, voted[place], n
            )
            vote += 1
        if widen < widen_to and vote > min(widen + reach, vote_to - 1):
            place = widen % widened.shape[0]
            some_widened[place] = tidying.widen_row(
                voted, some_voted, widen, height, line, widths, 0, widened[place], n
            )
            widen += 1
        if close < close_to and widen > min(close + reach, widen_to - 1):
            place = close % closed.shape[0]
            out = closed[place]
            some = tidying.widen_row(widened, some_widened, close, height, line, widths, 1, out, n)
            if told.size > 0:
                _obey(told, u(close) * n, out, n)
                some = tidying.any_of(out, n)
            some_closed[place] = some
            if start <= close < stop:
                _copy(out, foreground, u(close) * n, n)
                if not frozen:
                    _copy(out, mask, u(close) * n, n)
            close += 1

        if close > min(ask + aside, close_to - 1):
            ring = closed.shape[0]
            inside = aside <= ask < height - aside
            if ask % 2 == 0 and inside and some_closed[ask % ring] and not frozen:
                ghosts.vote_row(
                    which,
                    image,
                    ground,
                    closed[(ask - aside) % ring],
                    closed[ask % ring],
                    closed[(ask + aside) % ring],
                    gain,
                    votes[ask // 4],
                    border,
                    u(ask) * n,
                    n,
                )
            ask += 1


@loop
def _clear(row, n):
    for i in range(n):
        row[i] = 0


@loop
def _copy(row, out, p, n):
    for i in range(n):
        out[p + i] = row[i]


@loop
def _obey(told, p, out, n):
    """What is known stands in the mask as it was said."""
    for i in range(n):
        v = told[p + i]
        out[i] = U0 if v > FOREGROUND else (U1 if v == FOREGROUND else out[i])


@entry
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


@entry
def _find_near(hot, near, first, last):
    """Mark the blocks with hot ones around, in the rows first to last."""
    size = near.size
    for b in range(size):
        near[b] = 0
    for h in range(first, last + 1):
        for b in range(size):
            if hot[h % _RING, b]:
                for side in range(max(b - 1, 0), min(b + 2, size)):
                    near[side] = 1


@entry
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
