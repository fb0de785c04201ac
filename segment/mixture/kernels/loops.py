"""The steps of a sweep on one block, for any number of features."""

import numpy as np

from segment.mixture.kernels.elementary import compile_loop, compile_sums, exp, half, log, one

__all__ = [
    "SCRATCH_ROWS",
    "distance_diag",
    "distance_full",
    "gather",
    "normalise",
    "scatter",
    "share",
    "spread",
    "sum_diag",
    "sum_full",
]

# Rows of scratch: components of ln joint, then responsibilities; `normalise`'s own;
# then D rows of samples, D of differences from a mean, D of those weighted (or whitened).
SCRATCH_ROWS = 3

_6, _63 = np.uint64(6), np.uint64(63)
_0, _1, _2, _3, _4 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)


@compile_loop
def gather(X, centre, begin, m, first, features, scratch):
    """Lay out m samples feature by feature, about the centre; zeros fill the last sixty-four."""
    for j in range(_0, features):
        middle = centre[j]
        row = first + j
        for b in range(_0, m):
            scratch[row, b] = X[begin + b, j] - middle
        for b in range(m, (m + _63) >> _6 << _6):
            scratch[row, b] = 0


@compile_loop
def scatter(begin, m, components, scratch, joint):
    """Copy ln joint out, sample by sample."""
    for b in range(_0, m):
        for k in range(_0, components):
            joint[begin + b, k] = scratch[k, b]


@compile_loop
def distance_full(means, factors, constants, k, m, first, features, scratch):
    """Ln joint of component k: its constant minus half the squared length of factor @ d."""
    differences = first + features
    whitened = differences + features
    for j in range(_0, features):
        mean = means[k, j]
        for b in range(_0, m):
            scratch[differences + j, b] = scratch[first + j, b] - mean
    for i in range(_0, features):
        terms = i + _1
        head = (terms - _1) % _4 + _1
        y, d = whitened + i, differences
        f0 = factors[k, i, 0]
        if head == _1:
            for b in range(_0, m):
                scratch[y, b] = f0 * scratch[d, b]
        elif head == _2:
            f1 = factors[k, i, 1]
            for b in range(_0, m):
                scratch[y, b] = f0 * scratch[d, b] + f1 * scratch[d + _1, b]
        elif head == _3:
            f1 = factors[k, i, 1]
            f2 = factors[k, i, 2]
            for b in range(_0, m):
                scratch[y, b] = (
                    f0 * scratch[d, b] + f1 * scratch[d + _1, b] + f2 * scratch[d + _2, b]
                )
        else:
            f1 = factors[k, i, 1]
            f2 = factors[k, i, 2]
            f3 = factors[k, i, 3]
            for b in range(_0, m):
                scratch[y, b] = (
                    f0 * scratch[d, b]
                    + f1 * scratch[d + _1, b]
                    + f2 * scratch[d + _2, b]
                    + f3 * scratch[d + _3, b]
                )
        for j in range(head, terms, _4):
            d = differences + j
            f0 = factors[k, i, j]
            f1 = factors[k, i, j + _1]
            f2 = factors[k, i, j + _2]
            f3 = factors[k, i, j + _3]
            for b in range(_0, m):
                scratch[y, b] += (
                    f0 * scratch[d, b]
                    + f1 * scratch[d + _1, b]
                    + f2 * scratch[d + _2, b]
                    + f3 * scratch[d + _3, b]
                )
    _subtract_squares(constants[k], k, m, whitened, features, scratch)


@compile_loop
def _subtract_squares(constant, k, m, whitened, features, scratch):
    a_half = half(constant)
    head = (features - _1) % _4 + _1
    y = whitened
    if head == _1:
        for b in range(_0, m):
            scratch[k, b] = constant - a_half * scratch[y, b] ** 2
    elif head == _2:
        for b in range(_0, m):
            scratch[k, b] = constant - a_half * (scratch[y, b] ** 2 + scratch[y + _1, b] ** 2)
    elif head == _3:
        for b in range(_0, m):
            scratch[k, b] = constant - a_half * (
                scratch[y, b] ** 2 + scratch[y + _1, b] ** 2 + scratch[y + _2, b] ** 2
            )
    else:
        for b in range(_0, m):
            scratch[k, b] = constant - a_half * (
                scratch[y, b] ** 2
                + scratch[y + _1, b] ** 2
                + scratch[y + _2, b] ** 2
                + scratch[y + _3, b] ** 2
            )
    for j in range(head, features, _4):
        y = whitened + j
        for b in range(_0, m):
            scratch[k, b] -= a_half * (
                scratch[y, b] ** 2
                + scratch[y + _1, b] ** 2
                + scratch[y + _2, b] ** 2
                + scratch[y + _3, b] ** 2
            )


@compile_loop
def distance_diag(means, factors, constants, k, m, first, features, scratch):
    """As `distance_full`, factors (K, D) on the diagonal."""
    constant = constants[k]
    a_half = half(constant)
    for b in range(_0, m):
        scratch[k, b] = constant
    odd = features % _2
    if odd == _1:
        mean, factor = means[k, 0], factors[k, 0]
        for b in range(_0, m):
            y = (scratch[first, b] - mean) * factor
            scratch[k, b] -= a_half * (y * y)
    for j in range(odd, features, _2):
        mean0, factor0 = means[k, j], factors[k, j]
        mean1, factor1 = means[k, j + _1], factors[k, j + _1]
        row = first + j
        for b in range(_0, m):
            y = (scratch[row, b] - mean0) * factor0
            z = (scratch[row + _1, b] - mean1) * factor1
            scratch[k, b] -= a_half * (y * y + z * z)


@compile_sums
def normalise(weight, begin, m, components, scratch):
    """Turn ln joint into unnormalised responsibilities; return the sum of ln evidence.

    Row `components` becomes what each responsibility is to be multiplied by, 0 for columns
    after m.
    """
    largest, evidence, wide = components, components + _1, (m + _63) >> _6 << _6
    odd = components % _2
    if odd == _1:
        for b in range(_0, wide):
            scratch[largest, b] = scratch[_0, b]
    else:
        for b in range(_0, wide):
            scratch[largest, b] = max(scratch[_0, b], scratch[_1, b])
    for k in range(_2 - odd, components, _2):
        for b in range(_0, wide):
            value = max(scratch[k, b], scratch[k + _1, b])
            scratch[largest, b] = max(scratch[largest, b], value)
    for k in range(_0, components):
        for b in range(_0, wide):
            scratch[k, b] = exp(scratch[k, b] - scratch[largest, b])
    if odd == _1:
        for b in range(_0, wide):
            scratch[evidence, b] = scratch[_0, b]
    else:
        for b in range(_0, wide):
            scratch[evidence, b] = scratch[_0, b] + scratch[_1, b]
    for k in range(_2 - odd, components, _2):
        for b in range(_0, wide):
            scratch[evidence, b] += scratch[k, b] + scratch[k + _1, b]
    for b in range(m, wide):
        scratch[largest, b] = 0
        scratch[evidence, b] = 1
    total = 0.0
    if weight.shape[0] == 0:
        for b in range(_0, wide):
            total += np.float64(scratch[largest, b])
        # Four evidences, each between 1 and K, have one logarithm.
        part = wide >> _2
        for b in range(_0, part):
            product = scratch[evidence, b] * scratch[evidence, b + part]
            product *= scratch[evidence, b + _2 * part] * scratch[evidence, b + _3 * part]
            total += np.float64(log(product))
        for b in range(_0, wide):
            scratch[largest, b] = one(scratch[evidence, b]) / scratch[evidence, b]
    else:
        for b in range(_0, m):
            # An infinity times a weight of nothing would be no number.
            value = np.float64(scratch[largest, b] + log(scratch[evidence, b]))
            total += value * weight[begin + b]
        for b in range(_0, m):
            scratch[largest, b] = weight[begin + b] / np.float64(scratch[evidence, b])
    for b in range(m, wide):
        scratch[largest, b] = 0
    return total


@compile_sums
def share(k, m, components, scratch):
    """Normalise the responsibilities of component k, and return their sum."""
    total = scratch[_0, _0] - scratch[_0, _0]
    for b in range(_0, (m >> _6) << _6):
        value = scratch[k, b] * scratch[components, b]
        scratch[k, b] = value
        total += value
    return np.float64(total)


@compile_loop
def spread(means, k, m, components, first, features, scratch):
    """The differences from mean k, plain and weighted by the responsibilities.

    The weighted rows end with the responsibilities themselves, as if a last feature were 1.
    """
    differences = first + features
    weighted = differences + features
    for j in range(_0, features):
        mean = means[k, j]
        for b in range(_0, m):
            d = scratch[first + j, b] - mean
            scratch[differences + j, b] = d
            scratch[weighted + j, b] = scratch[k, b] * d


@compile_sums
def sum_full(k, m, first, features, scratch, sums):
    """Add the sums of r d and r d d' of what `spread` laid out."""
    differences = first + features
    weighted = differences + features
    for i in range(_0, features + _1):
        if i == features:
            row, terms, place = k, features, _1
        else:
            row, terms, place = weighted + i, i + _1, _1 + features + i * features
        head = terms % _4
        for j in range(_0, head):
            d = differences + j
            s0 = scratch[_0, _0] - scratch[_0, _0]
            for b in range(_0, m):
                s0 += scratch[row, b] * scratch[d, b]
            sums[k, place + j] += s0
        for j in range(head, terms, _4):
            d = differences + j
            s0 = scratch[_0, _0] - scratch[_0, _0]
            s1, s2, s3 = s0, s0, s0
            for b in range(_0, m):
                w = scratch[row, b]
                s0 += w * scratch[d, b]
                s1 += w * scratch[d + _1, b]
                s2 += w * scratch[d + _2, b]
                s3 += w * scratch[d + _3, b]
            sums[k, place + j] += s0
            sums[k, place + j + _1] += s1
            sums[k, place + j + _2] += s2
            sums[k, place + j + _3] += s3


@compile_sums
def sum_diag(means, k, m, first, features, scratch, sums):
    """Add the sums of r d and r d²."""
    odd = features % _2
    if odd == _1:
        mean = means[k, 0]
        s0 = scratch[_0, _0] - scratch[_0, _0]
        t0 = s0
        for b in range(_0, m):
            d = scratch[first, b] - mean
            wd = scratch[k, b] * d
            s0 += wd
            t0 += wd * d
        sums[k, _1] += s0
        sums[k, _1 + features] += t0
    for j in range(odd, features, _2):
        mean0, mean1 = means[k, j], means[k, j + _1]
        row = first + j
        s0 = scratch[_0, _0] - scratch[_0, _0]
        s1, t0, t1 = s0, s0, s0
        for b in range(_0, m):
            w = scratch[k, b]
            d0 = scratch[row, b] - mean0
            d1 = scratch[row + _1, b] - mean1
            wd0 = w * d0
            wd1 = w * d1
            s0 += wd0
            s1 += wd1
            t0 += wd0 * d0
            t1 += wd1 * d1
        sums[k, _1 + j] += s0
        sums[k, _2 + j] += s1
        sums[k, _1 + features + j] += t0
        sums[k, _2 + features + j] += t1
