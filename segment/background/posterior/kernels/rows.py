"""What is done to every pixel of a row: how it changed, what it may learn, how it compares.

Whole rows are worked on by one plain loop after the other, so that they become vector
instructions. Every number is computed by the same instructions wherever its band begins.
Arrays of two rows are (2 W,), the odd row's pixels begin at `o` = W.
"""

from typing import Any, NamedTuple

import numpy as np

from segment.background.compiling import inline, loop
from segment.background.posterior.kernels.constants import (
    HALF,
    ONE,
    QUARTER,
    U0,
    U1,
    U2,
    U4,
    U8,
    ZERO,
    f,
    u,
)

# Pixels for which the largest number of modes is looked up.
_RUN = u(64)


class Totals(NamedTuple):
    """Sums over the rows of a strip, (W,): of change, of that of calm background, its pixels."""

    change: Any
    quiet: Any
    number: Any


class Compared(NamedTuple):
    """What comes of comparing a row with the heaviest modes."""

    distance: Any  # (W,), squared
    marks: Any  # (W,) uint8, 1 where it does not match
    residual: Any  # (2 W,), in variances; this and the next two are 0 where it does not match
    dot: Any  # (2 W,), product of the residual and the background
    norm: Any  # (2 W,), of the background and itself
    evidence: Any  # (H * W,) uint8


class Taught(NamedTuple):
    """What a row learns, (W,)."""

    rates: Any
    marks: Any  # uint8, 1 where the heaviest mode does not match
    step: Any  # how far the heaviest mode goes


class Beside(NamedTuple):
    """A row of the background above or below: it begins at `place` of its planes (C, .)."""

    planes: Any
    place: Any


@loop
def gather(row, image, pixels):
    """Sort the values of a row by channel."""
    for i in range(row.n):
        for c in range(len(row.which)):
            pixels[u(c), i] = image[u(len(row.which)) * (row.p + i) + u(c)]


@loop
def keep(row, pixels, before):
    """Put a row where the next frame finds it."""
    for c in range(len(row.which)):
        for i in range(row.n):
            before[u(c), row.p + i] = pixels[u(c), i]


@loop
def copy_row(row, planes, old):
    """Keep a row of planes."""
    for c in range(len(row.which)):
        for i in range(row.n):
            old[u(c), i] = planes[u(c), row.p + i]


@loop
def clear(values, n):
    """Begin a sum."""
    for i in range(n):
        values[i] = ZERO


@loop
def spread_unrest(unrest, strip, slack, small, restless, n):
    """Variance that the change in time of its place brings to each pixel of a row."""
    strength = slack.unrest
    floor = slack.noise
    blocks = (n + u(7)) // U8
    for b in range(blocks):
        v = unrest[strip, b] - floor
        small[b] = strength * (v if v > ZERO else ZERO)
    for b in range(n // U8):
        for k in range(8):
            restless[U8 * b + u(k)] = small[b]
    for i in range(n // U8 * U8, n):
        restless[i] = small[blocks - U1]


@loop
def spread_rates(votes, motion, quarter, rates, small, spared, n):
    """What a foreground pixel learns, in frames: ghosts fast, still objects some, others little."""
    blocks = (n + u(3)) // U4
    for b in range(blocks):
        m = motion[quarter // U2, b // U2]
        r = rates.resting if m < rates.still else rates.moving
        ghost = (m < rates.still) & (votes[quarter, b] > rates.vote)
        small[b] = rates.ghost if ghost else r
    for b in range(n // U4):
        for k in range(4):
            spared[U4 * b + u(k)] = small[b]
    for i in range(n // U4 * U4, n):
        spared[i] = small[blocks - U1]


@loop
def difference(row, pixels, before, mask, light, steps, totals):
    """Add up the change in time, that of calm background, and how many of those there are."""
    gain = light.gain
    gain_before = light.before
    for i in range(row.n):
        q = ZERO
        for c in range(len(row.which)):
            e = gain * f(pixels[u(c), i]) - gain_before * f(before[u(c), row.p + i])
            q += e * e
        q *= steps.scale
        totals.change[i] += q if q < steps.most else steps.most
        calm = (mask[row.p + i] == 0) & (q < steps.calm)
        totals.quiet[i] += q if calm else ZERO
        totals.number[i] += ONE if calm else ZERO


@inline
def _square(one, other):
    """Squared difference of two uint8, in 32 bits: exact, and twice as fast as floats."""
    e = np.int32(np.int32(one) - np.int32(other))
    return np.int32(e * e)


@loop
def steepness(row, above, below, ground, slack, restless, extra):
    """Variance that a small shift of the picture would bring, plus that of restless places."""
    high, a = above
    low, b = below
    p = row.p
    strength = slack.edges / f(4 * len(row.which))
    last = row.n - U1
    for i in range(U1, last):
        s = np.int32(0)
        for c in range(len(row.which)):
            s = np.int32(s + _square(low[u(c), b + i], high[u(c), a + i]))
            s = np.int32(s + _square(ground[u(c), p + i + U1], ground[u(c), p + i - U1]))
        extra[i] = strength * f(s) + restless[i]
    for side in range(2):
        x = last if side else U0
        left = x - U1 if x > U0 else x
        right = x + U1 if x < last else x
        s = np.int32(0)
        for c in range(len(row.which)):
            s = np.int32(s + _square(low[u(c), b + x], high[u(c), a + x]))
            s = np.int32(s + _square(ground[u(c), p + right], ground[u(c), p + left]))
        extra[x] = strength * f(s) + restless[x]


@loop
def choose_rates(row, mask, spared, seen, given, rates, chosen):
    """Learning rates of a row, each that of `every` frames, and how often its pixels were seen.

    given (H * W,) float32 may be empty: rates for each pixel, negative where they are chosen.
    """
    p = row.p
    history = rates.history
    frames = f(rates.every)
    every = rates.given
    if given.size > 0:
        for i in range(row.n):
            r = frames * (spared[i] if mask[p + i] != 0 else ONE)
            told = seen[p + i] + r
            rate = given[p + i] * r
            rate = rate if rate < ONE else ONE
            chosen[i] = r / told if given[p + i] < ZERO else rate
            told = told if told < history else history
            seen[p + i] = told if chosen[i] > ZERO else seen[p + i]
        return
    for i in range(row.n):
        r = frames * (spared[i] if mask[p + i] != 0 else ONE)
        told = seen[p + i] + r
        rate = every * r
        rate = rate if rate < ONE else ONE
        chosen[i] = rate if every >= ZERO else r / told
        told = told if told < history else history
        seen[p + i] = told if chosen[i] > ZERO else seen[p + i]


@inline
def off(value, mean, light):
    """Distance of a pixel from a mean; where it is clipped, it may be anything brighter."""
    e = light.gain * value - mean
    return ZERO if (value >= light.glaring) & (e < ZERO) else e


@loop
def compare(row, o, pixels, first, extra, light, matching, found):
    """Evidence against the heaviest mode, and what a change of light would explain of it.

    extra (W,): variance that is allowed to each pixel's place. found: see `Compared`.
    """
    p = row.p
    match = matching.match
    shake = matching.shake
    cap = matching.evidence
    least = ONE / matching.residual
    fine = f(255) / cap
    for i in range(row.n):
        d = ZERO
        a = ZERO
        b = ZERO
        for c in range(len(row.which)):
            v = first.mean[u(c), p + i]
            e = off(f(pixels[u(c), i]), v, light)
            d += e * e
            a += e * v
            b += v * v
        v = first.variance[p + i] + extra[i]
        share = d * least
        share = ONE / (v if v > share else share)
        found.distance[i] = d
        v = first.variance[p + i]
        hit = d < match * (v + shake * extra[i])
        found.marks[i] = u(0) if hit else u(1)
        share = share if hit else ZERO
        q = d * share
        found.residual[o + i] = q
        found.dot[o + i] = a * share
        found.norm[o + i] = b * share
        q = q if q < cap else cap
        found.evidence[p + i] = np.uint8(np.int32(q * fine + HALF))


@inline
def _most(count, first, end):
    most = np.uint8(0)
    for j in range(first, end):
        most = max(most, count[j])
    return u(most)


@inline
def _step_run(p, x, size, weight, count, taught, prior):
    if _most(count, p + x, p + x + size) > U1:
        for j in range(x, x + size):
            lr = ZERO if taught.marks[j] != 0 else taught.rates[j]
            w = weight[U0, p + j] * (ONE - lr) - lr * prior
            w = w if w > ZERO else ZERO
            k = lr / (w + lr)
            taught.step[j] = k if k < ONE else ONE
    else:
        for j in range(x, x + size):
            lr = ZERO if taught.marks[j] != 0 else taught.rates[j]
            w = ONE - lr
            w = w - lr * prior
            w = w if w > ZERO else ZERO
            k = lr / (w + lr)
            taught.step[j] = k if k < ONE else ONE


@loop
def choose_steps(row, weight, count, taught, prior):
    """How far the heaviest mode goes towards each pixel: 0 where it does not match."""
    whole = row.n // _RUN * _RUN
    for b in range(row.n // _RUN):
        _step_run(row.p, b * _RUN, _RUN, weight, count, taught, prior)
    if whole < row.n:
        _step_run(row.p, whole, row.n - whole, weight, count, taught, prior)


@inline
def _weigh_run(run, modes, weight, count, taught, prior, total, left):
    p, x, size = run
    for j in range(x, x + size):
        lr = ZERO if taught.marks[j] != 0 else taught.rates[j]
        left[j] = lr
        w = weight[U0, p + j] * (ONE - lr) - lr * prior
        w = w if w > ZERO else ZERO
        w += lr
        weight[U0, p + j] = w
        total[j] = w
    for k in range(U1, modes):
        for j in range(x, x + size):
            lr = left[j]
            w = weight[k, p + j] * (ONE - lr) - lr * prior
            w = w if w > ZERO else ZERO
            weight[k, p + j] = w
            total[j] += w
    for j in range(x, x + size):
        # Multiplying is several times as fast as dividing.
        total[j] = ONE / total[j] if left[j] > ZERO else ONE
        left[j] = ZERO
    for k in range(modes):
        for j in range(x, x + size):
            w = weight[k, p + j] * total[j]
            weight[k, p + j] = w
            left[j] += ONE if w > ZERO else ZERO
    for j in range(x, x + size):
        count[p + j] = np.uint8(np.int32(left[j]))


@loop
def weigh_several(row, weight, count, taught, prior, total, left):
    """Let the weights follow the match of the heaviest mode, where a pixel has several.

    Where the heaviest mode does not match, or nothing is to be learned, they stay as they are,
    bit for bit. total, left (W,): scratch.
    """
    p = row.p
    whole = row.n // _RUN * _RUN
    for b in range(row.n // _RUN):
        x = b * _RUN
        modes = _most(count, p + x, p + x + _RUN)
        if modes > U1:
            _weigh_run((p, x, _RUN), modes, weight, count, taught, prior, total, left)
    modes = _most(count, p + whole, p + row.n)
    if modes > U1:
        run = (p, whole, row.n - whole)
        _weigh_run(run, modes, weight, count, taught, prior, total, left)


@loop
def follow_first(row, pixels, first, distance, step, ground, light, learning):
    """M-step of the heaviest mode, and the background picture of it."""
    p = row.p
    for j in range(row.n):
        v = first.variance[p + j]
        moved = v + step[j] * (distance[j] - v)
        moved = moved if moved > learning.smallest else learning.smallest
        moved = moved if moved < learning.largest else learning.largest
        # Where no step is made, the bounds may have moved all the same.
        first.variance[p + j] = moved if step[j] > ZERO else v
    for c in range(len(row.which)):
        for j in range(row.n):
            v = first.mean[u(c), p + j]
            v += step[j] * off(f(pixels[u(c), j]), v, light)
            first.mean[u(c), p + j] = v
            v += HALF
            v = v if v < f(255) else f(255)
            ground[u(c), p + j] = np.uint8(np.int32(v))


@loop
def halve(sums, which, row, pair, n):
    """Means over 2 x 2 of an array of two rows."""
    whole = n // U2
    for j in range(whole):
        above = pair[U2 * j] + pair[U2 * j + U1]
        below = pair[n + U2 * j] + pair[n + U2 * j + U1]
        sums[which, row, j] = QUARTER * (above + below)
    if n % U2 == U1:
        sums[which, row, whole] = QUARTER * (pair[n - U1] + pair[n + n - U1])


@loop
def halve_capped(sums, which, row, pair, n, cap):
    """Means over 2 x 2 of an array of two rows, what is larger counting as `cap`."""
    whole = n // U2
    for j in range(whole):
        a, b = pair[U2 * j], pair[U2 * j + U1]
        c, d = pair[n + U2 * j], pair[n + U2 * j + U1]
        above = (a if a < cap else cap) + (b if b < cap else cap)
        below = (c if c < cap else cap) + (d if d < cap else cap)
        sums[which, row, j] = QUARTER * (above + below)
    if n % U2 == U1:
        a, c = pair[n - U1], pair[n + n - U1]
        sums[which, row, whole] = QUARTER * ((a if a < cap else cap) + (c if c < cap else cap))


@loop
def eighth(temporal, which, row, values, n, tall):
    """Means over 8 pixels of a sum over `tall` rows."""
    share = ONE / (tall * f(8))
    whole = n // U8
    for b in range(whole):
        i = U8 * b
        one = (values[i] + values[i + U1]) + (values[i + U2] + values[i + u(3)])
        two = (values[i + U4] + values[i + u(5)]) + (values[i + u(6)] + values[i + u(7)])
        temporal[which, row, b] = (one + two) * share
    rest = n - U8 * whole
    if rest > U0:
        s = ZERO
        for x in range(n - rest, n):
            s += values[x]
        temporal[which, row, whole] = s / (tall * f(rest))
