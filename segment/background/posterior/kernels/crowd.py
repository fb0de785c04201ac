"""The few pixels that do not match their heaviest mode meet all their modes.

They are gathered from all over a strip of rows into short arrays without gaps, (., LENGTH), so that
their loops become vector instructions too, and are put back.
"""

import numpy as np

from segment.background.posterior.kernels import settings as places
from segment.background.posterior.kernels.compiling import (
    FAR,
    HALF,
    ONE,
    QUARTER,
    U0,
    U1,
    U2,
    U3,
    ZERO,
    entry,
    f,
    loop,
    u,
)
from segment.background.posterior.kernels.rows import off

# Pixels that are followed at once: their arrays stay in the fastest cache.
LENGTH = 256
_LENGTH = u(LENGTH)

# Rows of `lines` that the loops need.
LINES = 12

# Whole vectors, so that no loop ends in single steps.
_VECTOR = u(64)


@entry
def follow_crowd(
    which,
    image,
    mean,
    weight,
    variance,
    minor,
    count,
    ground,
    evidence,
    sums,
    order,
    places_of,
    gathered,
    number,
    p,
    settings,
    learn,
    values,
    weights,
    inner,
    lines,
):
    """Do it all for the `number` pixels of a strip that `order` lists, counted from pixel p.

    What they bring is added to `sums` (4, h2 * w2), at `places_of`. gathered: the variance of
    their surroundings, how often they will have been seen, and learning rates.
    """
    begin = U0
    while begin < number:
        end = min(begin + _LENGTH, number)
        _follow_some(
            which,
            image,
            mean,
            weight,
            variance,
            minor,
            count,
            ground,
            evidence,
            sums,
            order,
            places_of,
            gathered,
            begin,
            end - begin,
            p,
            settings,
            learn,
            values,
            weights,
            inner,
            lines,
        )
        begin = end


@entry
def _follow_some(
    which,
    image,
    mean,
    weight,
    variance,
    minor,
    count,
    ground,
    evidence,
    sums,
    order,
    places_of,
    gathered,
    begin,
    number,
    p,
    settings,
    learn,
    values,
    weights,
    inner,
    lines,
):
    (
        rate,
        told,
        more,
        nearest,
        near_dot,
        near_norm,
        heavier,
        matched,
        distance,
        step,
        alive,
        total,
    ) = lines
    most = u(weight.shape[0])
    m = (number + _VECTOR - U1) // _VECTOR * _VECTOR
    modes = _count(count, order, begin, number, p, alive)
    _fetch(
        which,
        image,
        mean,
        weight,
        variance,
        minor,
        order,
        gathered,
        begin,
        number,
        p,
        values,
        weights,
        inner,
        rate,
        told,
        more,
    )
    for j in range(m):
        nearest[j] = FAR
        heavier[j] = ZERO
        matched[j] = -ONE
    for k in range(modes):
        _compare_mode(
            which,
            values,
            weights,
            inner,
            told,
            more,
            k,
            m,
            settings,
            nearest,
            near_dot,
            near_norm,
            heavier,
            matched,
            distance,
        )
    _weigh(
        order,
        places_of,
        begin,
        number,
        p,
        settings,
        nearest,
        near_dot,
        near_norm,
        sums,
        evidence,
    )
    if not learn:
        return
    for k in range(modes):
        _follow_mode(which, values, weights, inner, rate, k, m, settings, matched, distance, step)
    modes = min(modes + U1, most)
    for k in range(modes):
        _begin_mode(which, values, weights, inner, rate, alive, k, most, m, settings, matched, step)
    # At most one mode of a pixel weighs more than the one before it: once over, from the end.
    for back in range(U1, modes):
        _swap(which, weights, inner, modes - back, m, step)
    left = alive
    _normalise(weights, modes, m, total, left)
    _put_back(
        which,
        mean,
        weight,
        variance,
        minor,
        count,
        ground,
        order,
        begin,
        number,
        p,
        weights,
        inner,
        rate,
        left,
    )


@loop
def _normalise(weights, modes, m, total, left):
    for j in range(m):
        total[j] = ZERO
        left[j] = ZERO
    for k in range(modes):
        for j in range(m):
            total[j] += weights[k, j]
    for j in range(m):
        total[j] = ONE / total[j]
    for k in range(modes):
        for j in range(m):
            w = weights[k, j] * total[j]
            weights[k, j] = w
            left[j] += ONE if w > ZERO else ZERO


@loop
def _fetch(
    which,
    image,
    mean,
    weight,
    variance,
    minor,
    order,
    gathered,
    begin,
    number,
    p,
    values,
    weights,
    inner,
    rate,
    told,
    more,
):
    """Gather the pixels and their mixtures."""
    channels = u(len(which))
    for j in range(number):
        q = p + u(order[begin + j])
        more[j] = gathered[U0, begin + j]
        told[j] = gathered[U1, begin + j]
        rate[j] = gathered[U2, begin + j]
        inner[U0, j] = variance[q]
        for c in range(len(which)):
            values[u(c), j] = f(image[channels * q + u(c)])
            inner[u(c + 1), j] = mean[u(c), q]
        # The dead modes too: copying them costs less than asking how many there are.
        for k in range(u(weight.shape[0])):
            weights[k, j] = weight[k, q]
        for r in range(u(minor.shape[1])):
            inner[r + channels + U1, j] = minor[q, r]


@loop
def _count(count, order, begin, number, p, alive):
    """Return the most modes of the gathered pixels, and how many each of them has."""
    modes = U1
    for j in range(number):
        own = u(count[p + u(order[begin + j])])
        alive[j] = f(own)
        modes = max(modes, own)
    return modes


@loop
def _compare_mode(
    which,
    values,
    weights,
    inner,
    told,
    more,
    k,
    m,
    settings,
    nearest,
    near_dot,
    near_norm,
    heavier,
    matched,
    distance,
):
    """E-step of mode k: is it the nearest of the background's, and the first to match?"""
    gain = settings[places.GAIN]
    glaring = settings[places.GLARING]
    match = settings[places.MATCH]
    shake = settings[places.SHAKE]
    enough = settings[places.BACKGROUND_WEIGHT]
    least = settings[places.LEAST_SEEN]
    number = f(k)
    first = k == U0
    for j in range(m):
        a = ZERO
        b = ZERO
        d = ZERO
        for c in range(len(which)):
            v = inner[k * u(len(which) + 1) + u(c + 1), j]
            e = off(values[u(c), j], v, gain, glaring)
            d += e * e
            a += e * v
            b += v * v
        w = weights[k, j]
        v = inner[k * u(len(which) + 1), j]
        share = ONE / (v + more[j])
        q = d * share
        alive = w > ZERO
        known = (heavier[j] < enough) & (w * told[j] >= least)
        better = alive & (first | (known & (matched[j] != ZERO))) & (q < nearest[j])
        nearest[j] = q if better else nearest[j]
        near_dot[j] = a * share if better else near_dot[j]
        near_norm[j] = b * share if better else near_norm[j]
        hit = alive & (matched[j] < ZERO) & (d < match * (v + shake * more[j]))
        matched[j] = number if hit else matched[j]
        distance[j] = d if hit else distance[j]
        heavier[j] += w


@loop
def _weigh(
    order,
    places_of,
    begin,
    number,
    p,
    settings,
    nearest,
    near_dot,
    near_norm,
    sums,
    evidence,
):
    cap = settings[places.LARGEST_EVIDENCE]
    bound = settings[places.LARGEST_RESIDUAL]
    fine = f(255) / cap
    for j in range(number):
        place = u(places_of[begin + j])
        q = nearest[j]
        limit = QUARTER * bound / (bound if q <= bound else q)
        sums[U0, place] += q * limit
        sums[U1, place] += near_dot[j] * limit
        sums[U2, place] += near_norm[j] * limit
        q = q if q < cap else cap
        evidence[p + u(order[begin + j])] = np.uint8(np.int32(q * fine + HALF))
        sums[U3, place] += QUARTER * q


@loop
def _follow_mode(which, values, weights, inner, rate, k, m, settings, matched, distance, step):
    """M-step of mode k for the pixels that matched it; its weight decays at the others."""
    gain = settings[places.GAIN]
    glaring = settings[places.GLARING]
    prior = settings[places.COMPLEXITY]
    smallest = settings[places.SMALLEST_VARIANCE]
    largest = settings[places.LARGEST_VARIANCE]
    number = f(k)
    for j in range(m):
        own = matched[j] == number
        lr = rate[j]
        w = weights[k, j] * (ONE - lr) - lr * prior
        w = w if w > ZERO else ZERO
        w += lr if own else ZERO
        weights[k, j] = w
        s = lr / w
        s = s if s < ONE else ONE
        s = s if own else ZERO
        step[j] = s
        v = inner[k * u(len(which) + 1), j]
        moved = v + s * (distance[j] - v)
        moved = moved if moved > smallest else smallest
        moved = moved if moved < largest else largest
        inner[k * u(len(which) + 1), j] = moved if own else v
    for c in range(len(which)):
        plane = k * u(len(which) + 1) + u(c + 1)
        for j in range(m):
            v = inner[plane, j]
            e = off(values[u(c), j], v, gain, glaring)
            inner[plane, j] = v + step[j] * e


@loop
def _begin_mode(which, values, weights, inner, rate, alive, k, most, m, settings, matched, begun):
    """Begin a mode in place k, where that is the first free or the last, and none matched."""
    gain = settings[places.GAIN]
    initial = settings[places.INITIAL_VARIANCE]
    place = f(k)
    # Arithmetic instead of choices: a loop with a fixed choice is taken apart, and left so.
    beyond = place if k == most - U1 else FAR
    share, rest = (ONE, ZERO) if k > U0 else (ZERO, ONE)
    for j in range(m):
        free = (alive[j] == place) | (alive[j] > beyond)
        new = free & (matched[j] < ZERO)
        begun[j] = ONE if new else ZERO
        w = rate[j] * share + rest
        weights[k, j] = w if new else weights[k, j]
    # A loop that writes two rows of one array is not made of vector instructions.
    plane = k * u(len(which) + 1)
    for j in range(m):
        inner[plane, j] = initial if begun[j] > ZERO else inner[plane, j]
    for c in range(len(which)):
        plane += U1
        for j in range(m):
            v = gain * values[u(c), j]
            inner[plane, j] = v if begun[j] > ZERO else inner[plane, j]


@loop
def _swap(which, weights, inner, k, m, swapped):
    """Exchange modes k and k - 1 where the former weighs more."""
    for j in range(m):
        upper = weights[k - U1, j]
        lower = weights[k, j]
        swap = lower > upper
        swapped[j] = ONE if swap else ZERO
        weights[k - U1, j] = lower if swap else upper
        weights[k, j] = upper if swap else lower
    for plane in range(k * u(len(which) + 1), (k + U1) * u(len(which) + 1)):
        above = plane - u(len(which) + 1)
        for j in range(m):
            one = inner[above, j]
            two = inner[plane, j]
            inner[above, j] = two if swapped[j] > ZERO else one
            inner[plane, j] = one if swapped[j] > ZERO else two


@entry
def _put_back(
    which,
    mean,
    weight,
    variance,
    minor,
    count,
    ground,
    order,
    begin,
    number,
    p,
    weights,
    inner,
    rate,
    left,
):
    channels = u(len(which))
    for j in range(number):
        # What is not to learn stays as it is, bit for bit.
        if rate[j] == ZERO:
            continue
        q = p + u(order[begin + j])
        count[q] = np.uint8(np.int32(left[j]))
        variance[q] = inner[U0, j]
        for c in range(len(which)):
            v = inner[u(c + 1), j]
            mean[u(c), q] = v
            v += HALF
            v = v if v < f(255) else f(255)
            ground[u(c), q] = np.uint8(np.int32(v))
        for k in range(u(weight.shape[0])):
            weight[k, q] = weights[k, j]
        for r in range(u(minor.shape[1])):
            minor[q, r] = inner[r + channels + U1, j]
