"""What is done to every pixel of a row: how it changed, what it may learn, how it compares.

Whole rows are worked on by one plain loop after the other, so that they become vector
instructions. Every number is computed by the same instructions wherever its band begins.
Arrays of two rows are (2 W,), the odd row's pixels begin at `o` = W.
"""

import numpy as np

from segment.background.posterior.kernels import settings as places
from segment.background.posterior.kernels.compiling import (
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
    inline,
    loop,
    u,
)

# Pixels for which the largest number of modes is looked up.
_RUN = u(64)


@loop
def gather(which, image, pixels, p, n):
    """Sort the values of a row by channel."""
    for i in range(n):
        for c in range(len(which)):
            pixels[u(c), i] = image[u(len(which)) * (p + i) + u(c)]


@loop
def keep(which, pixels, before, p, n):
    """Put a row where the next frame finds it."""
    for c in range(len(which)):
        for i in range(n):
            before[u(c), p + i] = pixels[u(c), i]


@loop
def copy_row(which, planes, p, old, n):
    """Keep a row of planes."""
    for c in range(len(which)):
        for i in range(n):
            old[u(c), i] = planes[u(c), p + i]


@loop
def clear(values, n):
    """Begin a sum."""
    for i in range(n):
        values[i] = ZERO


@loop
def spread_unrest(unrest, row, settings, small, restless, n):
    """Variance that the change in time of its place brings to each pixel of a row."""
    strength = settings[places.UNREST]
    floor = settings[places.NOISE]
    blocks = (n + u(7)) // U8
    for b in range(blocks):
        v = unrest[row, b] - floor
        small[b] = strength * (v if v > ZERO else ZERO)
    for b in range(n // U8):
        for k in range(8):
            restless[U8 * b + u(k)] = small[b]
    for i in range(n // U8 * U8, n):
        restless[i] = small[blocks - U1]


@loop
def spread_rates(votes, motion, row, block, settings, small, spared, n):
    """What a foreground pixel learns, in frames: ghosts fast, still objects some, others little."""
    blocks = (n + u(3)) // U4
    for b in range(blocks):
        m = motion[block, b // U2]
        r = (
            settings[places.STILL_RATE]
            if m < settings[places.STILL]
            else settings[places.OBJECT_RATE]
        )
        ghost = (m < settings[places.GHOST_STILL]) & (votes[row, b] > settings[places.GHOST])
        small[b] = settings[places.GHOST_RATE] if ghost else r
    for b in range(n // U4):
        for k in range(4):
            spared[U4 * b + u(k)] = small[b]
    for i in range(n // U4 * U4, n):
        spared[i] = small[blocks - U1]


@loop
def difference(which, pixels, before, mask, p, n, settings, total, quiet, number):
    """Add up the change in time, that of calm background, and how many of those there are."""
    gain = settings[places.GAIN]
    gain_before = settings[places.GAIN_BEFORE]
    scale = settings[places.DIFFERENCE_SCALE]
    cap = settings[places.DIFFERENCE_CAP]
    cut = settings[places.DIFFERENCE_CUT]
    for i in range(n):
        q = ZERO
        for c in range(len(which)):
            e = gain * f(pixels[u(c), i]) - gain_before * f(before[u(c), p + i])
            q += e * e
        q *= scale
        total[i] += q if q < cap else cap
        calm = (mask[p + i] == 0) & (q < cut)
        quiet[i] += q if calm else ZERO
        number[i] += ONE if calm else ZERO


@inline
def _square(one, other):
    """Squared difference of two uint8, in 32 bits: exact, and twice as fast as floats."""
    e = np.int32(np.int32(one) - np.int32(other))
    return np.int32(e * e)


@loop
def steepness(which, high, above, ground, p, low, below, n, settings, restless, extra):
    """Variance that a small shift of the picture would bring, plus that of restless places.

    The row above begins at `above` in the planes `high`, the one below at `below` in `low`.
    """
    strength = settings[places.EDGES] / f(4 * len(which))
    last = n - U1
    for i in range(U1, last):
        s = np.int32(0)
        for c in range(len(which)):
            s = np.int32(s + _square(low[u(c), below + i], high[u(c), above + i]))
            s = np.int32(s + _square(ground[u(c), p + i + U1], ground[u(c), p + i - U1]))
        extra[i] = strength * f(s) + restless[i]
    for side in range(2):
        x = last if side else U0
        left = x - U1 if x > U0 else x
        right = x + U1 if x < last else x
        s = np.int32(0)
        for c in range(len(which)):
            s = np.int32(s + _square(low[u(c), below + x], high[u(c), above + x]))
            s = np.int32(s + _square(ground[u(c), p + right], ground[u(c), p + left]))
        extra[x] = strength * f(s) + restless[x]


@loop
def choose_rates(mask, spared, seen, given, p, n, settings, rates):
    """Learning rates of a row, each that of EVERY frames, and how often its pixels were seen.

    given (H * W,) float32 may be empty: rates for each pixel, negative where they are chosen.
    """
    history = settings[places.HISTORY]
    frames = settings[places.EVERY]
    every = settings[places.LEARNING_RATE]
    if given.size > 0:
        for i in range(n):
            r = frames * (spared[i] if mask[p + i] != 0 else ONE)
            told = seen[p + i] + r
            rate = given[p + i] * r
            rate = rate if rate < ONE else ONE
            rates[i] = r / told if given[p + i] < ZERO else rate
            told = told if told < history else history
            seen[p + i] = told if rates[i] > ZERO else seen[p + i]
        return
    for i in range(n):
        r = frames * (spared[i] if mask[p + i] != 0 else ONE)
        told = seen[p + i] + r
        rate = every * r
        rate = rate if rate < ONE else ONE
        rates[i] = rate if every >= ZERO else r / told
        told = told if told < history else history
        seen[p + i] = told if rates[i] > ZERO else seen[p + i]


@inline
def off(value, mean, gain, glaring):
    """Distance of a pixel from a mean; where it is clipped, it may be anything brighter."""
    e = gain * value - mean
    return ZERO if (value >= glaring) & (e < ZERO) else e


@loop
def compare(
    which,
    pixels,
    mean,
    variance,
    extra,
    p,
    o,
    n,
    settings,
    distance,
    marks,
    residual,
    dot,
    norm,
    evidence,
):
    """Evidence against the heaviest mode, and what a change of light would explain of it.

    Written: distance from it, squared; marks, 1 where it does not match; residual, its product
    with the background and the background's with itself, in variances, and evidence, all 0 where
    it does not match.
    """
    gain = settings[places.GAIN]
    glaring = settings[places.GLARING]
    match = settings[places.MATCH]
    shake = settings[places.SHAKE]
    cap = settings[places.LARGEST_EVIDENCE]
    least = ONE / settings[places.LARGEST_RESIDUAL]
    fine = f(255) / cap
    for i in range(n):
        d = ZERO
        a = ZERO
        b = ZERO
        for c in range(len(which)):
            v = mean[u(c), p + i]
            e = off(f(pixels[u(c), i]), v, gain, glaring)
            d += e * e
            a += e * v
            b += v * v
        v = variance[p + i] + extra[i]
        share = d * least
        share = ONE / (v if v > share else share)
        distance[i] = d
        v = variance[p + i]
        hit = d < match * (v + shake * extra[i])
        marks[i] = u(0) if hit else u(1)
        share = share if hit else ZERO
        q = d * share
        residual[o + i] = q
        dot[o + i] = a * share
        norm[o + i] = b * share
        q = q if q < cap else cap
        evidence[p + i] = np.uint8(np.int32(q * fine + HALF))


@inline
def _most(count, first, end):
    most = np.uint8(0)
    for j in range(first, end):
        most = max(most, count[j])
    return u(most)


@inline
def _step_run(weight, count, rates, marks, p, x, size, settings, step):
    prior = settings[places.COMPLEXITY]
    if _most(count, p + x, p + x + size) > U1:
        for j in range(x, x + size):
            lr = ZERO if marks[j] != 0 else rates[j]
            w = weight[U0, p + j] * (ONE - lr) - lr * prior
            w = w if w > ZERO else ZERO
            k = lr / (w + lr)
            step[j] = k if k < ONE else ONE
    else:
        for j in range(x, x + size):
            lr = ZERO if marks[j] != 0 else rates[j]
            w = ONE - lr
            w = w - lr * prior
            w = w if w > ZERO else ZERO
            k = lr / (w + lr)
            step[j] = k if k < ONE else ONE


@loop
def choose_steps(weight, count, rates, marks, p, n, settings, step):
    """How far the heaviest mode goes towards each pixel: 0 where it does not match."""
    whole = n // _RUN * _RUN
    for b in range(n // _RUN):
        _step_run(weight, count, rates, marks, p, b * _RUN, _RUN, settings, step)
    if whole < n:
        _step_run(weight, count, rates, marks, p, whole, n - whole, settings, step)


@inline
def _weigh_run(weight, count, rates, marks, p, x, size, modes, settings, total, left):
    prior = settings[places.COMPLEXITY]
    for j in range(x, x + size):
        lr = ZERO if marks[j] != 0 else rates[j]
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
def weigh_several(weight, count, rates, marks, p, n, settings, total, left):
    """Let the weights follow the match of the heaviest mode, where a pixel has several.

    Where the heaviest mode does not match, or nothing is to be learned, they stay as they are,
    bit for bit.
    """
    whole = n // _RUN * _RUN
    for b in range(n // _RUN):
        x = b * _RUN
        modes = _most(count, p + x, p + x + _RUN)
        if modes > U1:
            _weigh_run(weight, count, rates, marks, p, x, _RUN, modes, settings, total, left)
    modes = _most(count, p + whole, p + n)
    if modes > U1:
        _weigh_run(weight, count, rates, marks, p, whole, n - whole, modes, settings, total, left)


@loop
def follow_first(which, pixels, mean, variance, distance, step, ground, p, n, settings):
    """M-step of the heaviest mode, and the background picture of it."""
    gain = settings[places.GAIN]
    glaring = settings[places.GLARING]
    smallest = settings[places.SMALLEST_VARIANCE]
    largest = settings[places.LARGEST_VARIANCE]
    for j in range(n):
        v = variance[p + j]
        moved = v + step[j] * (distance[j] - v)
        moved = moved if moved > smallest else smallest
        moved = moved if moved < largest else largest
        # Where no step is made, the bounds may have moved all the same.
        variance[p + j] = moved if step[j] > ZERO else v
    for c in range(len(which)):
        for j in range(n):
            v = mean[u(c), p + j]
            v += step[j] * off(f(pixels[u(c), j]), v, gain, glaring)
            mean[u(c), p + j] = v
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
