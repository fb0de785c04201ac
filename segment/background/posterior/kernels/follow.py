"""A frame meets its mixtures: rows of plane after plane, no branches.

All pixels are compared with their heaviest mode, which follows those that match; the others
are gathered and meet all their modes. So a still pixel costs what its heaviest mode takes,
and the weights if it has others; and in most frames only the comparison, since learning,
which writes all this, waits until it has several frames to learn.
"""

from segment.background.posterior.kernels import crowd, rows
from segment.background.posterior.kernels import settings as places
from segment.background.posterior.kernels.compiling import (
    ONE,
    U0,
    U1,
    U2,
    ZERO,
    ask_for,
    entry,
    f,
    loop,
    u,
)

_RUN = u(16)

# Rows that learn, and whose surprising pixels are gathered, together.
STRIP = 8

# Rows of `singles`, (., W), and of `pairs`, (., 2 W), that `follow_pixels` needs.
SINGLES = 12
PAIRS = 3


@entry
def follow_pixels(
    which,
    image,
    before,
    ground,
    above,
    below,
    mask,
    weight,
    variance,
    mean,
    minor,
    count,
    seen,
    evidence,
    sums,
    flat,
    temporal,
    votes,
    motion,
    unrest,
    given,
    singles,
    pairs,
    pixels,
    old,
    marks,
    order,
    places_of,
    values,
    weights,
    inner,
    lines,
    gathered,
    settings,
    frozen,
    height,
    width,
    start,
    stop,
):
    """Compare rows start to stop, `start` a multiple of 8, with their mixtures, and learn them.

    image (H * W * C,) uint8. before, ground (C, H * W) uint8: the last frame, and then this one;
    the background. above, below (C, W) uint8: the background of the rows next to these, as it
    was before any row learned. mask (H * W,) uint8: foreground of the last frame. weight
    (K, P), variance (P,), mean (C, P), minor (H * W, M) float32, where P >= H * W and M >=
    (K - 1) * (1 + C), count (H * W,) uint8, seen (H * W,) float32: the mixtures, updated. The
    modes in use come first, in descending weight; variance and means are the heaviest's, those
    of the others follow each other in minor.

    Overwritten: evidence (H * W,) uint8, squared distance of every pixel, in 255ths of the
    largest; sums (4, h2, w2) float32, means over 2 x 2 pixels of the residual, of its products
    with the background, of the background's with itself, and of the evidence, and `flat`
    (4, h2 * w2), the same memory; temporal (3, h8, w8) float32, means over the even rows of 8 x 8
    of the change in time, of that of calm background, and the share of calm background. votes
    (h4, w4), motion (h8, w8), unrest (h8, w8) float32: read. given (H * W,) float32: see
    `choose_rates`. Only one in EVERY strips of 8 rows learns, what EVERY frames would bring;
    `frozen` leaves all that was learned as it is.

    Scratch: singles, SINGLES arrays (W,), pairs, PAIRS arrays (2 W,) float32; pixels, old (C, W),
    marks (W,) uint8; order and places_of (8 W + 1,) uint32, gathered (3, 8 W + 1) float32; values
    (C, LENGTH), weights (K, LENGTH), inner (K * (1 + C), LENGTH) float32, lines, LINES arrays
    (LENGTH,) float32. settings (SETTINGS,) float32.
    """
    total, quiet, number, restless, spared, small, distance, step, heavy, left, rates, extra = (
        singles
    )
    residual, dot, norm = pairs
    n = u(width)
    listed = U0
    every = int(settings[places.EVERY])
    phase = int(settings[places.PHASE])
    moved = False  # whether the row above has learned
    for y in range(start, stop):
        p = u(y) * n
        o = u(y % 2) * n
        learn = not frozen and (y // STRIP + phase) % every == 0
        if y % 8 == 0:
            rows.clear(total, n)
            rows.clear(quiet, n)
            rows.clear(number, n)
            rows.spread_unrest(unrest, u(y // 8), settings, small, restless, n)
            begin = p
        if y % 4 == 0:
            rows.spread_rates(votes, motion, u(y // 4), u(y // 8), settings, small, spared, n)
        rows.gather(which, image, pixels, p, n)
        if y % 2 == 0:
            rows.difference(which, pixels, before, mask, p, n, settings, total, quiet, number)
        _find_slopes(
            which,
            ground,
            above,
            below,
            old,
            moved,
            y,
            start,
            stop,
            height,
            n,
            settings,
            restless,
            extra,
        )
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
        listed = _list_marked(marks, order, p - begin, n, listed)
        _ask_for_modes(minor, weight, order, known, listed, begin)
        first = u(y // 2) * u(sums.shape[2])
        _gather_numbers(
            extra,
            seen,
            mask,
            spared,
            order,
            known,
            listed,
            p,
            p - begin,
            first,
            places_of,
            gathered,
        )
        if not frozen:
            rows.keep(which, pixels, before, p, n)
        if learn:
            rows.choose_rates(mask, spared, seen, given, p, n, settings, rates)
            rows.copy_row(which, ground, p, old, n)
            rows.choose_steps(weight, count, rates, marks, p, n, settings, step)
            rows.weigh_several(weight, count, rates, marks, p, n, settings, heavy, left)
            rows.follow_first(which, pixels, mean, variance, distance, step, ground, p, n, settings)
            _gather_rates(rates, order, known, listed, p - begin, gathered)
        moved = learn
        if y % 2 == 1 or y == height - 1:
            if y % 2 == 0:
                _clear_odd(residual, dot, norm, n)
            half = u(y // 2)
            rows.halve(sums, u(0), half, residual, n)
            rows.halve(sums, u(1), half, dot, n)
            rows.halve(sums, u(2), half, norm, n)
            rows.halve_capped(sums, u(3), half, residual, n, settings[places.LARGEST_EVIDENCE])
        if y % 8 == 7 or y == height - 1:
            crowd.follow_crowd(
                which,
                image,
                mean,
                weight,
                variance,
                minor,
                count,
                ground,
                evidence,
                flat,
                order,
                places_of,
                gathered,
                listed,
                begin,
                settings,
                learn,
                values,
                weights,
                inner,
                lines,
            )
            listed = U0
            tall = f(y % 8 // 2 + 1)
            rows.eighth(temporal, u(0), u(y // 8), total, n, tall)
            rows.eighth(temporal, u(1), u(y // 8), quiet, n, tall)
            rows.eighth(temporal, u(2), u(y // 8), number, n, tall)


@entry
def _find_slopes(
    which, ground, above, below, old, moved, y, start, stop, height, n, settings, restless, extra
):
    """Do `steepness` with the rows above and below as they were before they learned."""
    p = u(y) * n
    low, under = (below, U0) if y == stop - 1 else (ground, u(min(y + 1, height - 1)) * n)
    if y == start:
        rows.steepness(which, above, U0, ground, p, low, under, n, settings, restless, extra)
    elif moved:
        rows.steepness(which, old, U0, ground, p, low, under, n, settings, restless, extra)
    else:
        rows.steepness(which, ground, p - n, ground, p, low, under, n, settings, restless, extra)


@entry
def _gather_numbers(extra, seen, mask, spared, order, first, end, p, x, half, places_of, gathered):
    """Keep of the pixels in `order` what is at hand only while their row, from `x` on, is."""
    for j in range(first, end):
        i = u(order[j]) - x
        gathered[U0, j] = extra[i]
        # With this frame, and the next, which this one decides for.
        gathered[U1, j] = seen[p + i] + ONE + (spared[i] if mask[p + i] != 0 else ONE)
        places_of[j] = half + i // U2


@entry
def _gather_rates(rates, order, first, end, x, gathered):
    for j in range(first, end):
        gathered[U2, j] = rates[u(order[j]) - x]


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
        if y % 2 == 0:
            p = u(y) * n
            rows.gather(which, image, pixels, p, n)
            rows.difference(which, pixels, before, mask, p, n, settings, total, quiet, number)
        if y % 8 == 7 or y == height - 1:
            tall = f(y % 8 // 2 + 1)
            rows.eighth(temporal, u(0), u(y // 8), total, n, tall)
            rows.eighth(temporal, u(1), u(y // 8), quiet, n, tall)
            rows.eighth(temporal, u(2), u(y // 8), number, n, tall)


@entry
def _list_marked(marks, order, x, n, listed):
    """Add the places of the marked pixels of a row to `order`, which holds `listed`."""
    whole = n // _RUN
    for b in range(whole):
        first = b * _RUN
        found = U0
        for j in range(first, first + _RUN):
            found |= u(marks[j])
        if found != U0:
            for j in range(first, first + _RUN):
                order[listed] = x + j
                listed += u(marks[j])
    for j in range(whole * _RUN, n):
        order[listed] = x + j
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
