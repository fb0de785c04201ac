"""The few pixels that do not match their heaviest mode meet all their modes.

They are gathered from all over a strip of rows into short arrays without gaps, (., LENGTH), so that
their loops become vector instructions too, and are put back.
"""

from typing import Any, NamedTuple

import numpy as np

from segment.background.compiling import loop, part
from segment.background.posterior.kernels.constants import (
    FAR,
    HALF,
    ONE,
    QUARTER,
    U0,
    U1,
    U2,
    U3,
    ZERO,
    f,
    u,
)
from segment.background.posterior.kernels.rows import off

# Pixels that are followed at once: their arrays stay in the fastest cache.
LENGTH = 256
_LENGTH = u(LENGTH)

# Rows of `Crowd.lines`.
LINES = 12

# Whole vectors, so that no loop ends in single steps.
_VECTOR = u(64)


class Listed(NamedTuple):
    """The surprising pixels of a strip of 8 rows, (8 W + 1,)."""

    order: Any  # uint32, counted from the strip's first pixel
    places: Any  # uint32, of the half-size grid
    gathered: Any  # (3, .) float32: slack, how often it will have been seen, learning rate


class Crowd(NamedTuple):
    """Scratch for LENGTH pixels, (., LENGTH) float32, zeros at first."""

    values: Any  # (C, .)
    weights: Any  # (K, .)
    inner: Any  # (K * (1 + C), .): variance and means of mode after mode
    lines: Any  # (LINES, .)


class Task(NamedTuple):
    """A strip whose first pixel is p, the number of its listed pixels, whether they learn."""

    which: Any
    image: Any
    p: Any
    number: Any
    learn: Any


class Batch(NamedTuple):
    """`number` listed pixels from place `begin` of the list on; the strip's first pixel is p."""

    begin: Any
    number: Any
    p: Any


class Members(NamedTuple):
    """What is known of each of them."""

    rate: Any
    told: Any  # frames for which it will have been seen
    more: Any  # variance that is allowed to its place
    alive: Any  # modes in use


class Match(NamedTuple):
    """What the E-step finds for each of them."""

    nearest: Any  # squared distance from the nearest background mode, in variances
    dot: Any  # of the residual and that mode
    norm: Any  # of that mode
    heavier: Any  # weight of the modes so far
    matched: Any  # number of the first mode that matches, -1 if none does
    distance: Any  # from it, squared
    step: Any  # how far it goes


@part
def follow_crowd(task, modes, ground, own, flat, numbers, listed, crowd):
    """Do it all for the listed pixels of a strip; what they bring is added to `flat` (4, h2 * w2).

    own (H * W,): see `Evidence`.
    """
    lines = crowd.lines
    rate, alive, step, total = lines[0], lines[1], lines[2], lines[3]
    members = Members(rate, lines[4], lines[5], alive)
    match = Match(lines[6], lines[7], lines[8], lines[9], lines[10], lines[11], step)
    light, learning = numbers.light, numbers.learning
    which, weights, inner = task.which, crowd.weights, crowd.inner
    most = u(modes.weight.shape[0])
    begin = U0
    while begin < task.number:
        number = min(begin + _LENGTH, task.number) - begin
        batch = Batch(begin, number, task.p)
        begin += number
        m = (number + _VECTOR - U1) // _VECTOR * _VECTOR
        several = _count(modes.alive, listed.order, batch, alive)
        _fetch(which, task.image, modes, listed, batch, crowd, members)
        _expect_nothing(match, m)
        for k in range(several):
            _compare_mode(which, crowd, members, k, m, light, numbers.matching, match)
        _weigh(listed, batch, match, numbers.matching, own, flat)
        if not task.learn:
            continue
        for k in range(several):
            _follow_mode(which, crowd, rate, k, m, light, learning, match)
        several = min(several + U1, most)
        for k in range(several):
            _begin_mode(which, crowd, members, k, m, light, learning.initial, match)
        # At most one mode of a pixel weighs more than the one before it: once over, from the end.
        for back in range(U1, several):
            _swap(which, weights, inner, several - back, m, step)
        _normalise(weights, several, m, total, alive)
        _put_back(which, modes, ground, listed.order, batch, crowd, rate, alive)


@loop
def _count(count, order, batch, alive):
    """Return the most modes of the gathered pixels, and how many each of them has."""
    modes = U1
    for j in range(batch.number):
        own = u(count[batch.p + u(order[batch.begin + j])])
        alive[j] = f(own)
        modes = max(modes, own)
    return modes


@loop
def _fetch(which, image, modes, listed, batch, crowd, members):
    """Gather the pixels and their mixtures."""
    channels = u(len(which))
    for j in range(batch.number):
        place = batch.begin + j
        q = batch.p + u(listed.order[place])
        members.more[j] = listed.gathered[U0, place]
        members.told[j] = listed.gathered[U1, place]
        members.rate[j] = listed.gathered[U2, place]
        crowd.inner[U0, j] = modes.first.variance[q]
        for c in range(len(which)):
            crowd.values[u(c), j] = f(image[channels * q + u(c)])
            crowd.inner[u(c + 1), j] = modes.first.mean[u(c), q]
        # The dead modes too: copying them costs less than asking how many there are.
        for k in range(u(modes.weight.shape[0])):
            crowd.weights[k, j] = modes.weight[k, q]
        for r in range(u(modes.minor.shape[1])):
            crowd.inner[r + channels + U1, j] = modes.minor[q, r]


@loop
def _expect_nothing(match, m):
    for j in range(m):
        match.nearest[j] = FAR
        match.heavier[j] = ZERO
        match.matched[j] = -ONE


@loop
def _compare_mode(which, crowd, members, k, m, light, matching, match):
    """E-step of mode k: is it the nearest of the background's, and the first to match?"""
    number = f(k)
    first = k == U0
    for j in range(m):
        a = ZERO
        b = ZERO
        d = ZERO
        for c in range(len(which)):
            v = crowd.inner[k * u(len(which) + 1) + u(c + 1), j]
            e = off(crowd.values[u(c), j], v, light)
            d += e * e
            a += e * v
            b += v * v
        w = crowd.weights[k, j]
        v = crowd.inner[k * u(len(which) + 1), j]
        more = members.more[j]
        share = ONE / (v + more)
        q = d * share
        alive = w > ZERO
        known = (match.heavier[j] < matching.weight) & (w * members.told[j] >= matching.seen)
        better = alive & (first | (known & (match.matched[j] != ZERO))) & (q < match.nearest[j])
        match.nearest[j] = q if better else match.nearest[j]
        match.dot[j] = a * share if better else match.dot[j]
        match.norm[j] = b * share if better else match.norm[j]
        near = d < matching.match * (v + matching.shake * more)
        hit = alive & (match.matched[j] < ZERO) & near
        match.matched[j] = number if hit else match.matched[j]
        match.distance[j] = d if hit else match.distance[j]
        match.heavier[j] += w


@loop
def _weigh(listed, batch, match, matching, own, flat):
    cap = matching.evidence
    bound = matching.residual
    fine = f(255) / cap
    for j in range(batch.number):
        place = u(listed.places[batch.begin + j])
        q = match.nearest[j]
        limit = QUARTER * bound / (bound if q <= bound else q)
        flat[U0, place] += q * limit
        flat[U1, place] += match.dot[j] * limit
        flat[U2, place] += match.norm[j] * limit
        q = q if q < cap else cap
        own[batch.p + u(listed.order[batch.begin + j])] = np.uint8(np.int32(q * fine + HALF))
        flat[U3, place] += QUARTER * q


@loop
def _follow_mode(which, crowd, rate, k, m, light, learning, match):
    """M-step of mode k for the pixels that matched it; its weight decays at the others."""
    prior = learning.complexity
    number = f(k)
    for j in range(m):
        own = match.matched[j] == number
        lr = rate[j]
        w = crowd.weights[k, j] * (ONE - lr) - lr * prior
        w = w if w > ZERO else ZERO
        w += lr if own else ZERO
        crowd.weights[k, j] = w
        s = lr / w
        s = s if s < ONE else ONE
        s = s if own else ZERO
        match.step[j] = s
        v = crowd.inner[k * u(len(which) + 1), j]
        moved = v + s * (match.distance[j] - v)
        moved = moved if moved > learning.smallest else learning.smallest
        moved = moved if moved < learning.largest else learning.largest
        crowd.inner[k * u(len(which) + 1), j] = moved if own else v
    for c in range(len(which)):
        plane = k * u(len(which) + 1) + u(c + 1)
        for j in range(m):
            v = crowd.inner[plane, j]
            e = off(crowd.values[u(c), j], v, light)
            crowd.inner[plane, j] = v + match.step[j] * e


@loop
def _begin_mode(which, crowd, members, k, m, light, initial, match):
    """Begin a mode in place k, where that is the first free or the last, and none matched."""
    place = f(k)
    # Arithmetic instead of choices: a loop with a fixed choice is taken apart, and left so.
    beyond = place if k == u(crowd.weights.shape[0]) - U1 else FAR
    share, rest = (ONE, ZERO) if k > U0 else (ZERO, ONE)
    for j in range(m):
        free = (members.alive[j] == place) | (members.alive[j] > beyond)
        new = free & (match.matched[j] < ZERO)
        match.step[j] = ONE if new else ZERO
        w = members.rate[j] * share + rest
        crowd.weights[k, j] = w if new else crowd.weights[k, j]
    # A loop that writes two rows of one array is not made of vector instructions.
    plane = k * u(len(which) + 1)
    for j in range(m):
        crowd.inner[plane, j] = initial if match.step[j] > ZERO else crowd.inner[plane, j]
    for c in range(len(which)):
        plane += U1
        for j in range(m):
            v = light.gain * crowd.values[u(c), j]
            crowd.inner[plane, j] = v if match.step[j] > ZERO else crowd.inner[plane, j]


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


@loop
def _normalise(weights, modes, m, total, left):
    """Make the weights of a pixel sum to 1, and count in `left` those that are not 0."""
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


@part
def _put_back(which, modes, ground, order, batch, crowd, rate, left):
    channels = u(len(which))
    for j in range(batch.number):
        # What is not to learn stays as it is, bit for bit.
        if rate[j] == ZERO:
            continue
        q = batch.p + u(order[batch.begin + j])
        modes.alive[q] = np.uint8(np.int32(left[j]))
        modes.first.variance[q] = crowd.inner[U0, j]
        for c in range(len(which)):
            v = crowd.inner[u(c + 1), j]
            modes.first.mean[u(c), q] = v
            v += HALF
            v = v if v < f(255) else f(255)
            ground[u(c), q] = np.uint8(np.int32(v))
        for k in range(u(modes.weight.shape[0])):
            modes.weight[k, q] = crowd.weights[k, j]
        for r in range(u(modes.minor.shape[1])):
            modes.minor[q, r] = crowd.inner[r + channels + U1, j]
