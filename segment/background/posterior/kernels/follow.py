"""A frame meets its mixtures: rows of plane after plane, no branches.

All pixels are compared with their heaviest mode, which follows those that match; the others
are gathered and meet all their modes. So a still pixel costs what its heaviest mode takes,
and the weights if it has others.
"""

from segment.background.posterior.kernels import crowd, rows
from segment.background.posterior.kernels import settings as places
from segment.background.posterior.kernels.compiling import (
    U0,
    U1,
    ZERO,
    ask_for,
    entry,
    f,
    loop,
    u,
)

_RUN = u(16)

# Rows of `singles`, (., W), and of `pairs`, (., 2 W), that `follow_pixels` needs.
SINGLES = 10
PAIRS = 6


@entry
def follow_pixels(
    which,
    image,
    before,
    ground,
    fresh,
    mask,
    weight,
    variance,
    mean,
    minor,
    count,
    seen,
    evidence,
    sums,
    temporal,
    votes,
    motion,
    unrest,
    given,
    singles,
    pairs,
    pixels,
    marks,
    order,
    values,
    weights,
    inner,
    lines,
    settings,
    frozen,
    height,
    width,
    start,
    stop,
):
    """Compare rows start to stop, `start` a multiple of 8, with their mixtures, and learn them.

    image (H * W * C,) uint8. before, ground, fresh (C, H * W) uint8: the last frame, and then
    this one; the background before and, overwritten, after this frame. mask (H * W,) uint8:
    foreground of the last frame. weight (K, P), variance (P,), mean (C, P) float32, P >= H * W,
    minor (H * W, M) float32, M >= (K - 1) * (1 + C), count (H * W,) uint8, seen (H * W,)
    float32: the mixtures, updated. The modes in use come first, in descending weight; variance
    and means are the heaviest's, those of the others follow each other in minor.

    Overwritten: evidence (H * W,) uint8, squared distance of every pixel, in 255ths of the
    largest; sums (4, h2, w2) float32, means over 2 x 2 pixels of the residual, of its products
    with the background, of the background's with itself, and of the evidence; temporal
    (3, h8, w8) float32, means over 8 x 8 of the change in time, of that of calm background, and
    the share of calm background. votes (h4, w4), motion (h8, w8), unrest (h8, w8) float32: read.
    given (H * W,) float32: see `choose_rates`. `frozen` leaves what was learned as it is.

    Scratch: singles, SINGLES arrays (W,), pairs, PAIRS arrays (2 W,) float32, pixels (C, 2 W) and
    marks (2 W,) uint8, order (2 W + 1,) uint32, values (C, LENGTH), weights (K, LENGTH), inner
    (K * (1 + C), LENGTH) float32, lines, LINES arrays (LENGTH,) float32. settings (SETTINGS,)
    float32.
    """
    total, quiet, number, restless, spared, small, distance, step, heavy, left = singles
    rates, after, extra, residual, dot, norm = pairs
    n = u(width)
    listed = U0
    for y in range(start, stop):
        p = u(y) * n
        o = u(y % 2) * n
        if y % 8 == 0:
            rows.clear(total, n)
            rows.clear(quiet, n)
            rows.clear(number, n)
            rows.spread_unrest(unrest, u(y // 8), settings, small, restless, n)
        if y % 4 == 0:
            rows.spread_rates(votes, motion, u(y // 4), u(y // 8), settings, small, spared, n)
        rows.gather(which, image, pixels, p, o, n)
        rows.difference(which, pixels, before, mask, p, o, n, settings, total, quiet, number)
        up = u(max(y - 1, 0)) * n
        down = u(min(y + 1, height - 1)) * n
        rows.steepness(which, ground, p, up, down, o, n, settings, restless, extra)
        changed = rows.choose_rates(mask, spared, seen, given, p, o, n, settings, rates, after)
        rows.compare(
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
        )
        known = listed
        listed = _list_marked(marks, order, o, n, listed)
        _ask_for_modes(minor, weight, order, known, listed, p - o)
        if not frozen:
            rows.keep(which, pixels, before, p, o, n)
            # Most rows have long been seen often enough; writing costs more than looking.
            if changed:
                rows.see(after, rates, seen, p, o, n, settings)
            rows.choose_steps(weight, count, rates, marks, p, o, n, settings, step)
            # In every few frames only: weights change slowly, and lie in many planes.
            if (y + int(settings[places.PHASE])) % int(settings[places.EVERY]) == 0:
                rows.weigh_several(weight, count, rates, marks, p, o, n, settings, heavy, left)
            rows.follow_first(
                which, pixels, mean, variance, distance, step, fresh, p, o, n, settings
            )
        if y % 2 == 1 or y == height - 1:
            crowd.follow_crowd(
                which,
                image,
                mean,
                weight,
                variance,
                minor,
                count,
                fresh,
                evidence,
                order,
                listed,
                p - o,
                settings,
                frozen,
                rates,
                after,
                extra,
                residual,
                dot,
                norm,
                values,
                weights,
                inner,
                lines,
            )
            listed = U0
            if y % 2 == 0:
                _clear_odd(residual, dot, norm, n)
            half = u(y // 2)
            rows.halve(sums, u(0), half, residual, n)
            rows.halve(sums, u(1), half, dot, n)
            rows.halve(sums, u(2), half, norm, n)
            rows.halve_capped(sums, u(3), half, residual, n, settings[places.LARGEST_EVIDENCE])
        if y % 8 == 7 or y == height - 1:
            tall = f(y % 8 + 1)
            rows.eighth(temporal, u(0), u(y // 8), total, n, tall)
            rows.eighth(temporal, u(1), u(y // 8), quiet, n, tall)
            rows.eighth(temporal, u(2), u(y // 8), number, n, tall)


@entry
def measure_change(
    which, image, before, mask, temporal, singles, pixels, settings, height, width, start, stop
):
    """Do of `follow_pixels` only what fills `temporal`. singles: 3 arrays (W,)."""
    total, quiet, number = singles
    n = u(width)
    for y in range(start, stop):
        if y % 8 == 0:
            rows.clear(total, n)
            rows.clear(quiet, n)
            rows.clear(number, n)
        p = u(y) * n
        rows.gather(which, image, pixels, p, U0, n)
        rows.difference(which, pixels, before, mask, p, U0, n, settings, total, quiet, number)
        if y % 8 == 7 or y == height - 1:
            tall = f(y % 8 + 1)
            rows.eighth(temporal, u(0), u(y // 8), total, n, tall)
            rows.eighth(temporal, u(1), u(y // 8), quiet, n, tall)
            rows.eighth(temporal, u(2), u(y // 8), number, n, tall)


@entry
def _list_marked(marks, order, o, n, listed):
    """Add the places of the marked pixels of a row to `order`, which holds `listed`."""
    whole = n // _RUN
    for b in range(whole):
        x = o + b * _RUN
        found = U0
        for j in range(x, x + _RUN):
            found |= u(marks[j])
        if found != U0:
            for j in range(x, x + _RUN):
                order[listed] = j
                listed += u(marks[j])
    for j in range(o + whole * _RUN, o + n):
        order[listed] = j
        listed += u(marks[j])
    return listed


@entry
def _ask_for_modes(minor, weight, order, first, end, p):
    """Have the other modes of the pixels in `order`, which lie far apart, brought near."""
    last = u(minor.shape[1]) - U1
    if minor.shape[1] > 0:
        for j in range(first, end):
            q = p + u(order[j])
            ask_for(minor, q, U0)
            ask_for(minor, q, last)
            for k in range(u(weight.shape[0])):
                ask_for(weight, k, q)


@loop
def _clear_odd(residual, dot, norm, n):
    """The picture ends with an even row: nothing is below it."""
    for i in range(n, n + n):
        residual[i] = ZERO
        dot[i] = ZERO
        norm[i] = ZERO
