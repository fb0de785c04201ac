"""The compiled loops of the posterior subtractor: rows of plane after plane, no branches.

Whole rows are worked on by one plain loop after the other, so that they become vector
instructions. A stretch of pixels that all match their heaviest mode touches that mode only,
and the weights if there are others; any other stretch goes over all modes, all its pixels at
once. Every number is computed by the same instructions wherever its band of rows begins.

Offsets are unsigned: a signed one might be negative, and numba's test for that keeps a loop
from becoming vector instructions. A whole number beside a float32 makes a float64, so
constants are float32. `which` is a tuple of C zeros: its length is known to the compiler,
which unrolls the loops over the channels.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core.compiler import Compiler


class _Apart(Compiler):
    """Tell the compiler that no two arrays of a call share memory.

    Without it a loop over a dozen arrays is preceded by a test of every pair, or given up.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self.state.flags.noalias = True


# No fastmath: every stretch rounds alike. _nrt: the loops allocate nothing.
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_compile = njit(**_OPTIONS)
_loop = njit(pipeline_class=_Apart, **_OPTIONS)
_inline = njit(forceinline=True, **_OPTIONS)

_f = np.float32
_0, _1, _2, _4, _6 = _f(0), _f(1), _f(2), _f(4), _f(6)
_QUARTER, _HALF, _MOST = _f(0.25), _f(0.5), _f(0.75)
_FAR = _f(1e9)
_u = np.uint64
_u0, _u1, _u2 = _u(0), _u(1), _u(2)

# Pixels that are judged together: do all of them match their heaviest mode?
BLOCK = 64
_BLOCK = _u(BLOCK)

# Rows of `scratch` that `follow_pixels` needs.
ROWS = 24

# Places of the numbers in `settings`.
(
    HISTORY,
    MATCH,
    BACKGROUND_WEIGHT,
    COMPLEXITY,
    INITIAL_VARIANCE,
    SMALLEST_VARIANCE,
    LARGEST_VARIANCE,
    LARGEST_EVIDENCE,
    LARGEST_RESIDUAL,
    LEAST_SEEN,
    EDGES,
    UNREST,
    OBJECT_RATE,
    STILL_RATE,
    STILL,
    GHOST_RATE,
    GHOST,
    GHOST_STILL,
    SHAKE,
    NOISE,
    GAIN,
    GAIN_BEFORE,
    DIFFERENCE_SCALE,
    DIFFERENCE_CAP,
    DIFFERENCE_CUT,
    LEARNING_RATE,
    GLARING,
) = range(27)
SETTINGS = 27


@_compile
def follow_pixels(
    which,
    image,
    planes,
    before,
    ground,
    fresh,
    mask,
    weight,
    variance,
    mean,
    count,
    seen,
    evidence,
    sums,
    temporal,
    votes,
    motion,
    unrest,
    rows,
    marks,
    kinds,
    settings,
    frozen,
    height,
    width,
    start,
    stop,
):
    """Compare rows start to stop, `start` a multiple of 8, with their mixtures, and learn them.

    image (H, W * C) uint8. planes, before, ground, fresh (C, H * W) uint8: this frame,
    overwritten, and the last one; the background before and, overwritten, after this frame.
    mask (H * W,) uint8: foreground of the last frame. weight, variance (K, P), mean (K * C, P)
    float32, P >= H * W, count (H * W,) uint8, seen (H * W,) float32: the mixtures, updated; mode
    k has the means k * C to k * C + C - 1, the modes in use come first, in descending weight.

    Overwritten: evidence (H * W,) uint8, squared distance of every pixel, in 255ths of the
    largest; sums (4, h2, w2) float32, means over 2 x 2 pixels of the residual, of its products
    with the background, of the background's with itself, and of the evidence; temporal
    (3, h8, w8) float32, means over 8 x 8 of the change in time, of that of calm background, and
    the share of calm background. votes (h4, w4), motion (h8, w8), unrest (h8, w8) float32: read.
    rows: ROWS arrays (W,) float32, marks and kinds (W,) uint8: scratch. settings (SETTINGS,)
    float32; `frozen` leaves the mixtures as they are.
    """
    (
        total,
        quiet,
        number,
        restless,
        spared,
        extra,
        rates,
        after,
        distance,
        share,
        step,
        dot,
        norm,
        heavier,
        matched,
        nearest,
        q_even,
        a_even,
        b_even,
        e_even,
        q_odd,
        a_odd,
        b_odd,
        e_odd,
    ) = rows
    n = _u(width)
    for y in range(start, stop):
        p = _u(y) * n
        if y % 8 == 0:
            for i in range(n):
                total[i] = _0
                quiet[i] = _0
                number[i] = _0
            _spread_unrest(unrest, _u(y // 8), settings, step, restless, n)
        if y % 4 == 0:
            _spread_rates(votes, motion, _u(y // 4), _u(y // 8), settings, step, spared, n)
        _gather(which, image, planes, _u(y), p, n)
        _difference(which, planes, before, mask, p, n, settings, total, quiet, number)
        up = _u(max(y - 1, 0)) * n
        down = _u(min(y + 1, height - 1)) * n
        _steepness(which, ground, p, up, down, n, settings, restless, extra)
        _choose_rates(mask, spared, seen, p, n, settings, frozen, rates, after)
        _compare(which, planes, mean, variance, extra, p, n, settings, distance, share, marks)
        if y % 2 == 0:
            q_row, a_row, b_row, e_row = q_even, a_even, b_even, e_even
        else:
            q_row, a_row, b_row, e_row = q_odd, a_odd, b_odd, e_odd
        crowded = _sort_blocks(marks, count, kinds, p, n)
        if crowded < n:
            _weigh_first(
                which,
                planes,
                mean,
                distance,
                share,
                evidence,
                p,
                n,
                settings,
                q_row,
                a_row,
                b_row,
                e_row,
            )
            if not frozen:
                _step_alone(rates, n, settings, step)
                x = _u0
                while x < n:
                    kind, end = _stretch(kinds, x, n)
                    if kind == 1:
                        _step_first(weight, count, rates, p, x, end, settings, step, heavier)
                    elif kind == 2:
                        _step_none(step, x, end)
                    x = end
                _follow_first(which, planes, mean, variance, distance, step, fresh, p, n, settings)
        if crowded > _u0:
            x = _u0
            while x < n:
                kind, end = _stretch(kinds, x, n)
                if kind == 2:
                    _follow_all(
                        which,
                        planes,
                        mean,
                        weight,
                        variance,
                        count,
                        rates,
                        after,
                        extra,
                        evidence,
                        fresh,
                        p,
                        x,
                        end - x,
                        settings,
                        frozen,
                        nearest,
                        dot,
                        norm,
                        heavier,
                        matched,
                        distance,
                        step,
                        q_row,
                        a_row,
                        b_row,
                        e_row,
                    )
                x = end
        if y % 2 == 1 or y == height - 1:
            if y % 2 == 0:
                for i in range(n):
                    q_odd[i] = _0
                    a_odd[i] = _0
                    b_odd[i] = _0
                    e_odd[i] = _0
            half = _u(y // 2)
            _halve(sums, _u(0), half, q_even, q_odd, n)
            _halve(sums, _u(1), half, a_even, a_odd, n)
            _halve(sums, _u(2), half, b_even, b_odd, n)
            _halve(sums, _u(3), half, e_even, e_odd, n)
        if y % 8 == 7 or y == height - 1:
            tall = _f(y % 8 + 1)
            _eighth(temporal, _u(0), _u(y // 8), total, n, tall)
            _eighth(temporal, _u(1), _u(y // 8), quiet, n, tall)
            _eighth(temporal, _u(2), _u(y // 8), number, n, tall)


@_compile
def measure_change(
    which, image, planes, before, mask, temporal, rows, settings, height, width, start, stop
):
    """Do of `follow_pixels` only what fills `planes` and `temporal`. rows: 3 arrays (W,)."""
    total, quiet, number = rows
    n = _u(width)
    for y in range(start, stop):
        if y % 8 == 0:
            for i in range(n):
                total[i] = _0
                quiet[i] = _0
                number[i] = _0
        p = _u(y) * n
        _gather(which, image, planes, _u(y), p, n)
        _difference(which, planes, before, mask, p, n, settings, total, quiet, number)
        if y % 8 == 7 or y == height - 1:
            tall = _f(y % 8 + 1)
            _eighth(temporal, _u(0), _u(y // 8), total, n, tall)
            _eighth(temporal, _u(1), _u(y // 8), quiet, n, tall)
            _eighth(temporal, _u(2), _u(y // 8), number, n, tall)


@_loop
def _gather(which, image, planes, y, p, n):
    for i in range(n):
        for c in range(len(which)):
            planes[_u(c), p + i] = image[y, _u(len(which)) * i + _u(c)]


@_loop
def _spread_unrest(unrest, row, settings, small, restless, n):
    strength = settings[UNREST]
    floor = settings[NOISE]
    blocks = (n + _u(7)) // _u(8)
    for b in range(blocks):
        v = unrest[row, b] - floor
        small[b] = strength * (v if v > _0 else _0)
    for b in range(n // _u(8)):
        for k in range(8):
            restless[_u(8) * b + _u(k)] = small[b]
    for i in range(n // _u(8) * _u(8), n):
        restless[i] = small[blocks - _u1]


@_loop
def _spread_rates(votes, motion, row, block, settings, small, spared, n):
    """What a foreground pixel learns, in frames: ghosts fast, still objects some, others little."""
    blocks = (n + _u(3)) // _u(4)
    for b in range(blocks):
        m = motion[block, b // _u2]
        r = settings[STILL_RATE] if m < settings[STILL] else settings[OBJECT_RATE]
        ghost = (m < settings[GHOST_STILL]) & (votes[row, b] > settings[GHOST])
        small[b] = settings[GHOST_RATE] if ghost else r
    for b in range(n // _u(4)):
        for k in range(4):
            spared[_u(4) * b + _u(k)] = small[b]
    for i in range(n // _u(4) * _u(4), n):
        spared[i] = small[blocks - _u1]


@_loop
def _difference(which, planes, before, mask, p, n, settings, total, quiet, number):
    gain = settings[GAIN]
    gain_before = settings[GAIN_BEFORE]
    scale = settings[DIFFERENCE_SCALE]
    cap = settings[DIFFERENCE_CAP]
    cut = settings[DIFFERENCE_CUT]
    for i in range(n):
        q = _0
        for c in range(len(which)):
            e = gain * _f(planes[_u(c), p + i]) - gain_before * _f(before[_u(c), p + i])
            q += e * e
        q *= scale
        total[i] += q if q < cap else cap
        calm = (mask[p + i] == 0) & (q < cut)
        quiet[i] += q if calm else _0
        number[i] += _1 if calm else _0


@_loop
def _steepness(which, ground, p, up, down, n, settings, restless, extra):
    """Variance that a small shift of the picture would bring, plus that of restless places."""
    strength = settings[EDGES] / _f(4 * len(which))
    last = n - _u1
    for i in range(_u1, last):
        s = _0
        for c in range(len(which)):
            e = _f(ground[_u(c), down + i]) - _f(ground[_u(c), up + i])
            s += e * e
            e = _f(ground[_u(c), p + i + _u1]) - _f(ground[_u(c), p + i - _u1])
            s += e * e
        extra[i] = strength * s + restless[i]
    for side in range(2):
        x = last if side else _u0
        left = x - _u1 if x > _u0 else x
        right = x + _u1 if x < last else x
        s = _0
        for c in range(len(which)):
            e = _f(ground[_u(c), down + x]) - _f(ground[_u(c), up + x])
            s += e * e
            e = _f(ground[_u(c), p + right]) - _f(ground[_u(c), p + left])
            s += e * e
        extra[x] = strength * s + restless[x]


@_loop
def _choose_rates(mask, spared, seen, p, n, settings, frozen, rates, after):
    history = settings[HISTORY]
    given = settings[LEARNING_RATE]
    for i in range(n):
        r = spared[i] if mask[p + i] != 0 else _1
        told = seen[p + i] + r
        after[i] = told
        rates[i] = r / told
    if given >= _0:
        for i in range(n):
            r = given * (spared[i] if mask[p + i] != 0 else _1)
            rates[i] = r if r < _1 else _1
    if not frozen:
        changed = _u0
        for i in range(n):
            told = after[i] if after[i] < history else history
            changed |= _u1 if told != seen[p + i] else _u0
        # Most rows have long been seen often enough; writing costs more than looking.
        if changed != _u0:
            for i in range(n):
                seen[p + i] = after[i] if after[i] < history else history


@_inline
def _off(value, mean, gain, glaring):
    """Distance of a pixel from a mean; where it is clipped, it may be anything brighter."""
    e = gain * value - mean
    return _0 if (value >= glaring) & (e < _0) else e


@_loop
def _compare(which, planes, mean, variance, extra, p, n, settings, distance, share, marks):
    gain = settings[GAIN]
    glaring = settings[GLARING]
    match = settings[MATCH]
    shake = settings[SHAKE]
    for i in range(n):
        d = _0
        for c in range(len(which)):
            e = _off(_f(planes[_u(c), p + i]), mean[_u(c), p + i], gain, glaring)
            d += e * e
        v = variance[_u0, p + i]
        distance[i] = d
        share[i] = _1 / (v + extra[i])
        marks[i] = _u(0) if d < match * (v + shake * extra[i]) else _u(1)


@_loop
def _sort_blocks(marks, count, kinds, p, n):
    """Kinds of the blocks of a row: 0, all pixels match their only mode; 1, they match their
    heaviest; 2, some do not. Returns how many pixels are in blocks of the last kind.
    """
    crowded = _u0
    for b in range((n + _BLOCK - _u1) // _BLOCK):
        first = b * _BLOCK
        end = min(first + _BLOCK, n)
        failing = _u0
        several = _u0
        for j in range(first, end):
            failing |= _u(marks[j])
            several |= _u(count[p + j])
        kinds[b] = _u2 if failing != _u0 else (_u1 if several > _u1 else _u0)
        crowded += end - first if failing != _u0 else _u0
    return crowded


@_compile
def _stretch(kinds, x, n):
    """Return the kind of the block at x, and where the blocks of this kind end."""
    b = x // _BLOCK
    kind = kinds[b]
    blocks = (n + _BLOCK - _u1) // _BLOCK
    while b < blocks and kinds[b] == kind:
        b += _u1
    return kind, min(b * _BLOCK, n)


@_loop
def _step_none(step, x, end):
    for j in range(x, end):
        step[j] = _0


@_loop
def _weigh_first(
    which, planes, mean, distance, share, evidence, p, n, settings, q_row, a_row, b_row, e_row
):
    """Evidence against the heaviest mode, and what a change of light would explain of it."""
    gain = settings[GAIN]
    glaring = settings[GLARING]
    cap = settings[LARGEST_EVIDENCE]
    bound = settings[LARGEST_RESIDUAL]
    fine = _f(255) / cap
    for j in range(n):
        a = _0
        b = _0
        for c in range(len(which)):
            v = mean[_u(c), p + j]
            a += _off(_f(planes[_u(c), p + j]), v, gain, glaring) * v
            b += v * v
        q = distance[j] * share[j]
        o = _1 if q <= bound else bound / q
        o_share = o * share[j]
        q_row[j] = q * o
        a_row[j] = a * o_share
        b_row[j] = b * o_share
        q = q if q < cap else cap
        e_row[j] = q
        evidence[p + j] = np.uint8(np.int32(q * fine + _HALF))


@_loop
def _step_alone(rates, n, settings, step):
    prior = settings[COMPLEXITY]
    for j in range(n):
        lr = rates[j]
        w = _1 - lr
        w = w - lr * prior
        w = w if w > _0 else _0
        w += lr
        k = lr / w
        step[j] = k if k < _1 else _1


@_loop
def _step_first(weight, count, rates, p, first, end, settings, step, total):
    """Let the weights follow the match of the heaviest mode, in pixels first to end of the row."""
    prior = settings[COMPLEXITY]
    modes = _u1
    for j in range(first, end):
        lr = rates[j]
        w = weight[_u0, p + j] * (_1 - lr) - lr * prior
        w = w if w > _0 else _0
        w += lr
        weight[_u0, p + j] = w
        total[j] = w
        k = lr / w
        step[j] = k if k < _1 else _1
    for j in range(first, end):
        modes = max(modes, _u(count[p + j]))
        count[p + j] = _u0
    for k in range(_u1, modes):
        for j in range(first, end):
            lr = rates[j]
            w = weight[k, p + j] * (_1 - lr) - lr * prior
            w = w if w > _0 else _0
            weight[k, p + j] = w
            total[j] += w
    for k in range(modes):
        for j in range(first, end):
            w = weight[k, p + j] / total[j]
            weight[k, p + j] = w
            count[p + j] += _u1 if w > _0 else _u0


@_loop
def _normalise(weight, k, count, p, i, m, total):
    for j in range(i, i + m):
        w = weight[k, p + j] / total[j]
        weight[k, p + j] = w
        count[p + j] += _u1 if w > _0 else _u0


@_loop
def _follow_first(which, planes, mean, variance, distance, step, fresh, p, n, settings):
    gain = settings[GAIN]
    glaring = settings[GLARING]
    smallest = settings[SMALLEST_VARIANCE]
    largest = settings[LARGEST_VARIANCE]
    for j in range(n):
        v = variance[_u0, p + j]
        moved = v + step[j] * (distance[j] - v)
        moved = moved if moved > smallest else smallest
        moved = moved if moved < largest else largest
        # Where no step is made, the bounds may have moved all the same.
        variance[_u0, p + j] = moved if step[j] > _0 else v
    for c in range(len(which)):
        for j in range(n):
            v = mean[_u(c), p + j]
            v += step[j] * _off(_f(planes[_u(c), p + j]), v, gain, glaring)
            mean[_u(c), p + j] = v
            v += _HALF
            v = v if v < _f(255) else _f(255)
            fresh[_u(c), p + j] = np.uint8(np.int32(v))


@_compile
def _follow_all(
    which,
    planes,
    mean,
    weight,
    variance,
    count,
    rates,
    after,
    extra,
    evidence,
    fresh,
    p,
    i,
    m,
    settings,
    frozen,
    nearest,
    dot,
    norm,
    heavier,
    matched,
    distance,
    step,
    q_row,
    a_row,
    b_row,
    e_row,
):
    """Do it all for every pixel of a stretch, each mode for all of them at once."""
    channels = _u(len(which))
    modes = _u1
    for j in range(i, i + m):
        nearest[j] = _FAR
        heavier[j] = _0
        matched[j] = -_1
        modes = max(modes, _u(count[p + j]))
    for k in range(modes):
        _compare_mode(
            which,
            planes,
            mean,
            weight,
            variance,
            after,
            extra,
            k,
            p,
            i,
            m,
            settings,
            nearest,
            dot,
            norm,
            heavier,
            matched,
            distance,
        )
    _weigh_nearest(evidence, p, i, m, settings, nearest, dot, norm, q_row, a_row, b_row, e_row)
    if frozen:
        return
    for k in range(modes):
        _follow_mode(
            which,
            planes,
            mean,
            weight,
            variance,
            rates,
            k,
            p,
            i,
            m,
            settings,
            matched,
            distance,
            step,
        )
    most = _u(weight.shape[0])
    for k in range(min(modes + _u1, most)):
        _begin_mode(
            which, planes, mean, weight, variance, count, rates, k, most, p, i, m, settings, matched
        )
    modes = min(modes + _u1, most)
    # At most one mode of a pixel weighs more than the one before it: once over, from the end.
    for back in range(_u1, modes):
        _swap(which, mean, weight, variance, modes - back, p, i, m)
    total = heavier
    for j in range(i, i + m):
        total[j] = _0
    for k in range(modes):
        _add_weight(weight, k, p, i, m, total)
    for j in range(i, i + m):
        count[p + j] = _u0
    for k in range(modes):
        _normalise(weight, k, count, p, i, m, total)
    for c in range(channels):
        _copy_ground(mean, fresh, c, p, i, m)


@_loop
def _copy_ground(mean, fresh, c, p, i, m):
    for j in range(i, i + m):
        v = mean[c, p + j] + _HALF
        v = v if v < _f(255) else _f(255)
        fresh[c, p + j] = np.uint8(np.int32(v))


@_loop
def _add_weight(weight, k, p, i, m, total):
    for j in range(i, i + m):
        total[j] += weight[k, p + j]


@_loop
def _compare_mode(
    which,
    planes,
    mean,
    weight,
    variance,
    after,
    extra,
    k,
    p,
    i,
    m,
    settings,
    nearest,
    dot,
    norm,
    heavier,
    matched,
    distance,
):
    """E-step of mode k: is it the nearest of the background's, and the first to match?"""
    gain = settings[GAIN]
    glaring = settings[GLARING]
    match = settings[MATCH]
    shake = settings[SHAKE]
    enough = settings[BACKGROUND_WEIGHT]
    least = settings[LEAST_SEEN]
    number = _f(k)
    first = k == _u0
    for j in range(i, i + m):
        a = _0
        b = _0
        d = _0
        for c in range(len(which)):
            v = mean[k * _u(len(which)) + _u(c), p + j]
            e = _off(_f(planes[_u(c), p + j]), v, gain, glaring)
            d += e * e
            a += e * v
            b += v * v
        w = weight[k, p + j]
        v = variance[k, p + j]
        share = _1 / (v + extra[j])
        q = d * share
        alive = w > _0
        known = (heavier[j] < enough) & (w * after[j] >= least)
        better = alive & (first | (known & (matched[j] != _0))) & (q < nearest[j])
        nearest[j] = q if better else nearest[j]
        dot[j] = a * share if better else dot[j]
        norm[j] = b * share if better else norm[j]
        hit = alive & (matched[j] < _0) & (d < match * (v + shake * extra[j]))
        matched[j] = number if hit else matched[j]
        distance[j] = d if hit else distance[j]
        heavier[j] += w


@_loop
def _weigh_nearest(evidence, p, i, m, settings, nearest, dot, norm, q_row, a_row, b_row, e_row):
    cap = settings[LARGEST_EVIDENCE]
    bound = settings[LARGEST_RESIDUAL]
    fine = _f(255) / cap
    for j in range(i, i + m):
        q = nearest[j]
        o = _1 if q <= bound else bound / q
        q_row[j] = q * o
        a_row[j] = dot[j] * o
        b_row[j] = norm[j] * o
        q = q if q < cap else cap
        e_row[j] = q
        evidence[p + j] = np.uint8(np.int32(q * fine + _HALF))


@_loop
def _follow_mode(
    which, planes, mean, weight, variance, rates, k, p, i, m, settings, matched, distance, step
):
    """M-step of mode k for the pixels that matched it; its weight decays at the others."""
    gain = settings[GAIN]
    glaring = settings[GLARING]
    prior = settings[COMPLEXITY]
    smallest = settings[SMALLEST_VARIANCE]
    largest = settings[LARGEST_VARIANCE]
    number = _f(k)
    for j in range(i, i + m):
        own = matched[j] == number
        lr = rates[j]
        w = weight[k, p + j] * (_1 - lr) - lr * prior
        w = w if w > _0 else _0
        w += lr if own else _0
        weight[k, p + j] = w
        s = lr / w
        s = s if s < _1 else _1
        s = s if own else _0
        step[j] = s
        v = variance[k, p + j]
        moved = v + s * (distance[j] - v)
        moved = moved if moved > smallest else smallest
        moved = moved if moved < largest else largest
        variance[k, p + j] = moved if own else v
    for c in range(len(which)):
        plane = k * _u(len(which)) + _u(c)
        for j in range(i, i + m):
            v = mean[plane, p + j]
            e = _off(_f(planes[_u(c), p + j]), v, gain, glaring)
            mean[plane, p + j] = v + step[j] * e


@_loop
def _begin_mode(
    which, planes, mean, weight, variance, count, rates, k, most, p, i, m, settings, matched
):
    """Begin a mode in place k, where that is the first free or the last, and none matched."""
    gain = settings[GAIN]
    initial = settings[INITIAL_VARIANCE]
    place = _u(k)
    last = k == most - _u1
    for j in range(i, i + m):
        free = (_u(count[p + j]) == place) | (last & (_u(count[p + j]) > place))
        new = free & (matched[j] < _0)
        w = rates[j] if place > _u0 else _1
        weight[k, p + j] = w if new else weight[k, p + j]
        variance[k, p + j] = initial if new else variance[k, p + j]
        for c in range(len(which)):
            plane = k * _u(len(which)) + _u(c)
            v = gain * _f(planes[_u(c), p + j])
            mean[plane, p + j] = v if new else mean[plane, p + j]


@_loop
def _swap(which, mean, weight, variance, k, p, i, m):
    """Exchange modes k and k - 1 where the former weighs more."""
    for j in range(i, i + m):
        upper = weight[k - _u1, p + j]
        lower = weight[k, p + j]
        swap = lower > upper
        weight[k - _u1, p + j] = lower if swap else upper
        weight[k, p + j] = upper if swap else lower
        one = variance[k - _u1, p + j]
        two = variance[k, p + j]
        variance[k - _u1, p + j] = two if swap else one
        variance[k, p + j] = one if swap else two
        for c in range(len(which)):
            below = k * _u(len(which)) + _u(c)
            above = below - _u(len(which))
            one = mean[above, p + j]
            two = mean[below, p + j]
            mean[above, p + j] = two if swap else one
            mean[below, p + j] = one if swap else two


@_loop
def _halve(sums, which, row, even, odd, n):
    whole = n // _u2
    for j in range(whole):
        above = even[_u2 * j] + even[_u2 * j + _u1]
        below = odd[_u2 * j] + odd[_u2 * j + _u1]
        sums[which, row, j] = _QUARTER * (above + below)
    if n % _u2 == _u1:
        sums[which, row, whole] = _QUARTER * (even[n - _u1] + odd[n - _u1])


@_loop
def _eighth(temporal, which, row, values, n, tall):
    share = _1 / (tall * _f(8))
    whole = n // _u(8)
    for b in range(whole):
        i = _u(8) * b
        one = (values[i] + values[i + _u(1)]) + (values[i + _u(2)] + values[i + _u(3)])
        two = (values[i + _u(4)] + values[i + _u(5)]) + (values[i + _u(6)] + values[i + _u(7)])
        temporal[which, row, b] = (one + two) * share
    rest = n - _u(8) * whole
    if rest > _u0:
        s = _0
        for x in range(n - rest, n):
            s += values[x]
        temporal[which, row, whole] = s / (tall * _f(rest))


@_compile
def smooth_sums(sums, plain, explained, rows, low, high, price, start, stop):
    """Smooth rows start to stop of the four planes, and fit a gain to the residual of each place.

    sums (4, h, w) float32: see `follow_pixels`. plain, explained (h, w) float32, overwritten:
    the smoothed evidence; the smallest smoothed residual over a common gain in [low, high] plus
    the `price` of using one. rows: 4 arrays (w + 4,) float32, scratch.
    """
    height, width = plain.shape
    n = _u(width)
    for y in range(start, stop):
        a, b, c, d, e = (
            _u(max(y - 2, 0)),
            _u(max(y - 1, 0)),
            _u(y),
            _u(min(y + 1, height - 1)),
            _u(min(y + 2, height - 1)),
        )
        _smooth_down(sums, _u(0), a, b, c, d, e, rows[0], n)
        _smooth_down(sums, _u(1), a, b, c, d, e, rows[1], n)
        _smooth_down(sums, _u(2), a, b, c, d, e, rows[2], n)
        _smooth_down(sums, _u(3), a, b, c, d, e, rows[3], n)
        _fit_gain(plain, explained, c, rows[0], rows[1], rows[2], rows[3], low, high, price, n)


@_loop
def _smooth_down(sums, which, a, b, c, d, e, row, n):
    for j in range(n):
        outer = sums[which, a, j] + sums[which, e, j]
        inner = sums[which, b, j] + sums[which, d, j]
        row[j + _u2] = outer + _4 * inner + _6 * sums[which, c, j]
    row[0] = row[2]
    row[1] = row[2]
    row[n + _u2] = row[n + _u1]
    row[n + _u2 + _u1] = row[n + _u1]


@_loop
def _fit_gain(plain, explained, y, q_row, a_row, b_row, e_row, low, high, price, n):
    share = _f(1 / 256)
    for j in range(n):
        outer = e_row[j] + e_row[j + _u(4)]
        inner = e_row[j + _u1] + e_row[j + _u(3)]
        plain[y, j] = (outer + _4 * inner + _6 * e_row[j + _u2]) * share
    for j in range(n):
        outer = q_row[j] + q_row[j + _u(4)]
        inner = q_row[j + _u1] + q_row[j + _u(3)]
        q = (outer + _4 * inner + _6 * q_row[j + _u2]) * share
        outer = a_row[j] + a_row[j + _u(4)]
        inner = a_row[j + _u1] + a_row[j + _u(3)]
        a = (outer + _4 * inner + _6 * a_row[j + _u2]) * share
        outer = b_row[j] + b_row[j + _u(4)]
        inner = b_row[j + _u1] + b_row[j + _u(3)]
        b = (outer + _4 * inner + _6 * b_row[j + _u2]) * share
        floor = _f(1e-3)
        g = a / (b if b > floor else floor)
        g = g if g > low - _1 else low - _1
        g = g if g < high - _1 else high - _1
        explained[y, j] = q - _2 * g * a + g * g * b + price


@_compile
def judge_pixels(
    evidence,
    plain,
    explained,
    own,
    fine,
    threshold,
    rows,
    level,
    foreground,
    height,
    width,
    start,
    stop,
):
    """Decide rows start to stop, `start` even: evidence of the pixel and of its surroundings.

    evidence (H * W,) uint8 and plain, explained (h, w) float32: see `follow_pixels` and
    `smooth_sums`. `own` is the part of the pixel itself, `fine` what a step of `evidence` means.
    foreground (H * W,) uint8, overwritten: 1 where the evidence passes `threshold`. level
    (H * W,) float32, overwritten: that evidence, unless it has no elements. rows: 8 arrays
    (2 w + 2,) float32, scratch.
    """
    half, wide = plain.shape
    n = _u(wide)
    above, here, below, plain_row, light_row, low, plain_wide, light_wide = rows
    _lowest(explained, max(start // 2 - 1, 0), half, wide, low, above)
    _lowest(explained, start // 2, half, wide, low, here)
    for y in range(start, stop):
        r = y // 2
        if y % 2 == 0:
            if y > start:
                for j in range(n):
                    above[j] = here[j]
                    here[j] = below[j]
            _lowest(explained, min(r + 1, half - 1), half, wide, low, below)
            _between(plain, r, max(r - 1, 0), here, above, plain_row, light_row, n)
        else:
            _between(plain, r, min(r + 1, half - 1), here, below, plain_row, light_row, n)
        _widen(plain_row, plain_wide, _u(width))
        _widen(light_row, light_wide, _u(width))
        _judge_row(
            evidence,
            plain_wide,
            light_wide,
            own,
            fine,
            threshold,
            foreground,
            _u(y * width),
            _u(width),
        )
        if level.size > 0:
            _level_row(evidence, plain_wide, light_wide, own, fine, level, _u(y * width), _u(width))


@_compile
def _lowest(explained, r, half, wide, low, out):
    """Smallest of 3 x 3, what is outside left out."""
    n = _u(wide)
    _lowest_down(explained, _u(max(r - 1, 0)), _u(r), _u(min(r + 1, half - 1)), low, n)
    _lowest_along(low, out, n)


@_loop
def _lowest_down(explained, a, b, c, low, n):
    for j in range(n):
        v = explained[a, j] if explained[a, j] < explained[b, j] else explained[b, j]
        low[j + _u1] = v if v < explained[c, j] else explained[c, j]
    low[0] = low[1]
    low[n + _u1] = low[n]


@_loop
def _lowest_along(low, out, n):
    for j in range(n):
        v = low[j] if low[j] < low[j + _u2] else low[j + _u2]
        out[j] = v if v < low[j + _u1] else low[j + _u1]


@_loop
def _between(plain, r, other, here, beside, plain_row, light_row, n):
    for j in range(n):
        plain_row[j + _u1] = _MOST * plain[_u(r), j] + _QUARTER * plain[_u(other), j]
        light_row[j + _u1] = _MOST * here[j] + _QUARTER * beside[j]
    plain_row[0] = plain_row[1]
    plain_row[n + _u1] = plain_row[n]
    light_row[0] = light_row[1]
    light_row[n + _u1] = light_row[n]


@_loop
def _widen(row, wide, width):
    """From half to full width: three quarters of the own place, one of the nearer neighbour."""
    for j in range(width // _u2):
        v = _MOST * row[j + _u1]
        wide[_u2 * j] = v + _QUARTER * row[j]
        wide[_u2 * j + _u1] = v + _QUARTER * row[j + _u2]
    if width % _u2 == _u1:
        j = width // _u2
        wide[width - _u1] = _MOST * row[j + _u1] + _QUARTER * row[j]


@_loop
def _judge_row(evidence, plain, light, own, fine, threshold, foreground, p, width):
    rest = _1 - own
    step = own * fine
    for i in range(width):
        v = step * _f(evidence[p + i]) + rest * plain[i]
        v = v if v < light[i] else light[i]
        foreground[p + i] = _u1 if v > threshold else _u0


@_loop
def _level_row(evidence, plain, light, own, fine, level, p, width):
    rest = _1 - own
    step = own * fine
    for i in range(width):
        v = step * _f(evidence[p + i]) + rest * plain[i]
        level[p + i] = v if v < light[i] else light[i]


@_compile
def vote(mask, out, column, radius, start, stop):
    """Mark the pixels of rows start to stop that have foreground in more than half their square.

    mask, out (H, W) uint8, read and overwritten; `radius` at most 7, what lies outside the
    picture is as its border; column (W + 2 * radius,) uint8, scratch.
    """
    height, width = mask.shape
    r = _u(radius)
    n = _u(width)
    enough = ((2 * radius + 1) ** 2 + 1) // 2
    for i in range(column.size):
        column[i] = 0
    for dy in range(-radius, radius + 1):
        _add_row(mask, _u(min(max(start + dy, 0), height - 1)), column, r, n)
    for y in range(start, stop):
        if y > start:
            _subtract_row(mask, _u(min(max(y - 1 - radius, 0), height - 1)), column, r, n)
            _add_row(mask, _u(min(y + radius, height - 1)), column, r, n)
        for i in range(r):
            column[i] = column[r]
            column[n + r + i] = column[n + r - _u1]
        if radius == 3:
            _vote_seven(column, out, _u(y), np.uint8(enough), n)
        else:
            _vote_row(column, out, _u(y), 2 * radius + 1, enough, n)


@_loop
def _add_row(mask, y, column, r, n):
    for i in range(n):
        column[i + r] += mask[y, i]


@_loop
def _subtract_row(mask, y, column, r, n):
    for i in range(n):
        column[i + r] -= mask[y, i]


@_loop
def _vote_seven(column, out, y, enough, n):
    for i in range(n):
        s = np.uint8(0)
        for k in range(7):
            s = np.uint8(s + column[i + _u(k)])
        out[y, i] = _u1 if s >= enough else _u0


@_loop
def _vote_row(column, out, y, size, enough, n):
    for i in range(n):
        s = 0
        for k in range(size):
            s += column[i + _u(k)]
        out[y, i] = _u1 if s >= enough else _u0


@_compile
def dilate(mask, out, line, widths, flip, start, stop):
    """Widen the foreground of rows start to stop by a symmetric shape, `flip`: the background.

    mask, out (H, W) uint8 of 0 and 1, read and overwritten. widths (2 R + 1,) int64: the shape
    reaches this far to both sides in its rows, R at most. line (W + 2 R,) uint8, scratch.
    What lies outside the picture does not take part.
    """
    height, width = mask.shape
    reach = widths.size // 2
    n = _u(width)
    for y in range(start, stop):
        empty = True
        if flip:
            # What the background is widened into was foreground.
            empty = not _any(mask, _u(y), n)
        else:
            for dy in range(-reach, reach + 1):
                if 0 <= y + dy < height and _any(mask, _u(y + dy), n):
                    empty = False
                    break
        if empty:
            for i in range(n):
                out[y, i] = 0
            continue
        for i in range(n):
            out[y, i] = flip
        for i in range(line.size):
            line[i] = 0
        for h in range(reach, -1, -1):
            for dy in range(-reach, reach + 1):
                if widths[dy + reach] == h and 0 <= y + dy < height:
                    _join_row(mask, _u(y + dy), np.uint8(flip), line, _u(reach), n)
            _join_sides(line, out, _u(y), _u(reach - h), _u(reach + h), np.uint8(flip), n)


@_loop
def _any(mask, y, n):
    found = np.uint8(0)
    for i in range(n):
        found |= mask[y, i]
    return found != 0


@_loop
def _join_row(mask, y, flip, line, reach, n):
    for i in range(n):
        line[i + reach] |= mask[y, i] ^ flip


@_loop
def _join_sides(line, out, y, left, right, flip, n):
    if flip:
        for i in range(n):
            out[y, i] &= (line[i + left] | line[i + right]) ^ np.uint8(1)
    else:
        for i in range(n):
            out[y, i] |= line[i + left] | line[i + right]


@_compile
def vote_ghosts(
    which, planes, ground, mask, votes, gain, distance, margin, dead, height, width, start, stop
):
    """Ask the foreground's border in rows start to stop whether an object stands there or left.

    An object brings contrast into the frame; a ghost has it in the background. planes, ground
    (C, H * W) uint8; mask (H * W,) uint8; votes (h4, w4) float32, overwritten: sums over 4 x 4
    of background contrast less frame contrast, grey levels / 16. `start` is a multiple of 4.
    """
    channels = len(which)
    share = _1 / _f(channels)
    for b in range(start // 4, (stop + 3) // 4):
        for a in range(votes.shape[1]):
            votes[b, a] = _0
    for y in range(max(start, distance), min(stop, height - distance)):
        if not _any_flat(mask, _u(y * width), _u(width)):
            continue
        for x in range(distance, width - distance):
            p = y * width + x
            if mask[p] == 0:
                continue
            if (
                mask[p - distance] != 0
                and mask[p + distance] != 0
                and mask[p - distance * width] != 0
                and mask[p + distance * width] != 0
            ):
                continue
            t = _0
            for side in range(4):
                away = distance if side % 2 else -distance
                q = p + (away if side >= 2 else away * width)
                if mask[q] != 0:
                    continue
                here = _0
                there = _0
                for c in range(channels):
                    here += gain * abs(_f(planes[c, p]) - _f(planes[c, q]))
                    there += abs(_f(ground[c, p]) - _f(ground[c, q]))
                t += (there - here) * share
            if t > dead:
                t = min(t - dead, margin)
            elif t < -dead:
                t = max(t + dead, -margin)
            else:
                t = _0
            votes[y // 4, x // 4] += t * _f(0.0625)


@_loop
def _any_flat(mask, p, n):
    found = np.uint8(0)
    for i in range(n):
        found |= mask[p + i]
    return found != 0


@_compile
def smooth(values, row, out):
    """[1 2 1] / 4 along both axes, borders repeated: values, out (h, w), row (w,) float32."""
    height, width = values.shape
    for y in range(height):
        a, b = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            row[x] = _QUARTER * (values[a, x] + _2 * values[y, x] + values[b, x])
        for x in range(width):
            left, right = row[max(x - 1, 0)], row[min(x + 1, width - 1)]
            out[y, x] = _QUARTER * (left + _2 * row[x] + right)


@_compile
def sample_light(which, image, ground, mask, everywhere, width, step, ratios):
    """Ratios background / frame at a grid of pixels, background unless `everywhere`.

    Pixels that are dark or glaring are left out.

    image (H, W * C), ground (C, H * W), mask (H * W,) uint8; ratios float32, overwritten from its
    beginning, one place for every point of the grid. Returns how many there are and were tried.
    """
    channels = len(which)
    found = 0
    tried = 0
    for y in range(0, image.shape[0], step):
        for x in range(0, width, step):
            tried += 1
            new = _0
            old = _0
            for c in range(channels):
                new += _f(image[y, x * channels + c])
                old += _f(ground[c, y * width + x])
            good = (old > 20 * channels) & (new > 15 * channels) & (new < 245 * channels)
            if good and (everywhere or mask[y * width + x] == 0):
                ratios[found] = old / new
                found += 1
    return found, tried


@_compile
def sample_noise(which, image, before, gain, gain_before, width, step, squares):
    """Squared differences, over time and between neighbours, at a grid; returns their number."""
    channels = len(which)
    found = 0
    for y in range(0, image.shape[0], step):
        for x in range(0, width - 1, step):
            s = _0
            for c in range(channels):
                p = y * width + x
                one = gain * _f(image[y, x * channels + c]) - gain_before * _f(before[c, p])
                q = x * channels + channels + c
                two = gain * _f(image[y, q]) - gain_before * _f(before[c, p + 1])
                s += (two - one) * (two - one)
            squares[found] = s
            found += 1
    return found


@_compile
def compare_shifted(which, image, other, gain, gain_other, dx, dy, width, step, moved, kept):
    """Mean grey difference of the frame from `other` moved by (dx, dy), and from `other` itself.

    image (H, W * C), other (C, H * W) uint8. Sampled at every `step`-th row and column where both
    have pixels, each at most 20 grey levels; moved, kept (6, 8) float32, overwritten: means by
    block of the picture.
    """
    channels = len(which)
    share = _1 / _f(channels)
    height = image.shape[0]
    number = 0
    top, bottom = max(0, dy), min(height, height + dy)
    left, right = max(0, dx), min(width, width + dx)
    for b in range(6):
        first = top + (bottom - top) * b // 6
        stop = top + (bottom - top) * (b + 1) // 6
        for a in range(8):
            begin = left + (right - left) * a // 8
            end = left + (right - left) * (a + 1) // 8
            one = _0
            two = _0
            number = 0
            for y in range(first, stop, step):
                for x in range(begin, end, step):
                    new = _0
                    old = _0
                    same = _0
                    for c in range(channels):
                        new += _f(image[y, x * channels + c])
                        old += _f(other[c, (y - dy) * width + x - dx])
                        same += _f(other[c, y * width + x])
                    new *= gain * share
                    one += min(abs(new - gain_other * share * old), _f(20))
                    two += min(abs(new - gain_other * share * same), _f(20))
                    number += 1
            moved[b, a] = one / _f(max(number, 1))
            kept[b, a] = two / _f(max(number, 1))
