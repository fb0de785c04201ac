"""The compiled loops of mixtures of Gaussians: E-step and M-step in one sweep over the samples.

A block of a few hundred samples is laid out feature by feature, so that every inner
loop runs over samples with unit stride and becomes vector instructions, and what a
block needs stays in the nearest cache. No array of (samples, components) exists.

Distances and sums are taken about each component's own mean, so nothing large is
ever subtracted from something large: single precision is enough for the arithmetic
within a block, whatever the samples' offset. Sums over blocks are double.

Offsets are unsigned: a signed one might be negative, and numba's test for that
keeps a loop from becoming vector instructions.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic, overload

_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
# A product and a sum may become one instruction: fewer roundings, twice the speed.
_compile = njit(fastmath={"contract"}, **_OPTIONS)
# Sums may be taken in any order: without it they cannot be taken sixteen at a time.
_compile_sums = njit(fastmath={"contract", "reassoc", "nsz"}, **_OPTIONS)

_0, _1, _2, _3, _4 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)

# Rows of `scratch` besides the features' (three each) and the components' (one each).
SCRATCH_ROWS = 3

# A responsibility of e^-60 times the largest is 0: subnormals cost ten times as much.
_FLUSH = -60.0


def scratch_shape(components: int, features: int, block: int) -> tuple[int, int]:
    """Shape of the `scratch` that a sweep over blocks of `block` samples needs."""
    return components + 3 * features + SCRATCH_ROWS, block


@_compile
def sweep_full(X, weight, centre, means, factors, constants, scratch, start, stop, sums, totals):
    """E-step and M-step sums over samples start to stop, covariances of any shape.

    X (N, D); weight (N,) float64 or empty for ones; centre (D,) float64. Of the type of
    `scratch`: means (K, D) about `centre`; factors (K, D, D), lower triangular, with
    factors.T @ factors the precision; constants (K,), ln weight + ln det factor
    - D/2 ln 2π. Added to: sums (K, 1 + D + D * D) float64, of each component the sums of
    r, r d and r d d' about its mean (lower triangle), and totals (1,), the log-likelihood.
    """
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        _gather(X, centre, np.uint64(begin), m, first, features, scratch)
        for k in range(_0, components):
            _distance_full(means, factors, constants, k, m, first, features, scratch)
        totals[0] += _normalise(weight, np.uint64(begin), m, components, scratch)
        for k in range(_0, components):
            share = _share(k, m, components, scratch)
            if share > 0.0:
                sums[k, 0] += share
                _spread(means, k, m, components, first, features, scratch)
                _sum_full(k, m, first, features, scratch, sums)


@_compile
def sweep_diag(X, weight, centre, means, factors, constants, scratch, start, stop, sums, totals):
    """E-step and M-step sums over samples start to stop, covariances diagonal.

    As `sweep_full`, with factors (K, D), one over the standard deviations, and
    sums (K, 1 + 2 * D): the sums of r, r d and r d².
    """
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        _gather(X, centre, np.uint64(begin), m, first, features, scratch)
        for k in range(_0, components):
            _distance_diag(means, factors, constants, k, m, first, features, scratch)
        totals[0] += _normalise(weight, np.uint64(begin), m, components, scratch)
        for k in range(_0, components):
            share = _share(k, m, components, scratch)
            if share > 0.0:
                sums[k, 0] += share
                _sum_diag(means, k, m, first, features, components, scratch, sums)


@_compile
def judge_full(X, centre, means, factors, constants, scratch, start, stop, joint):
    """Fill joint (stop - start, K) with ln of weight times density; see `sweep_full`."""
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        _gather(X, centre, np.uint64(begin), m, first, features, scratch)
        for k in range(_0, components):
            _distance_full(means, factors, constants, k, m, first, features, scratch)
        _scatter(np.uint64(begin - start), m, components, scratch, joint)


@_compile
def judge_diag(X, centre, means, factors, constants, scratch, start, stop, joint):
    """Fill joint (stop - start, K) with ln of weight times density; see `sweep_diag`."""
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        _gather(X, centre, np.uint64(begin), m, first, features, scratch)
        for k in range(_0, components):
            _distance_diag(means, factors, constants, k, m, first, features, scratch)
        _scatter(np.uint64(begin - start), m, components, scratch, joint)


# Rows of scratch: components of ln joint, then responsibilities; `_normalise`'s own three;
# then D rows of samples, D of differences from a mean, D of those weighted (or whitened).


@_compile
def _gather(X, centre, begin, m, first, features, scratch):
    """Lay out m samples feature by feature, about the centre."""
    for j in range(_0, features):
        middle = centre[j]
        row = first + j
        for b in range(_0, m):
            scratch[row, b] = X[begin + b, j] - middle


@_compile
def _scatter(begin, m, components, scratch, joint):
    for b in range(_0, m):
        for k in range(_0, components):
            joint[begin + b, k] = scratch[k, b]


@_compile
def _distance_full(means, factors, constants, k, m, first, features, scratch):
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


@_compile
def _subtract_squares(constant, k, m, whitened, features, scratch):
    half = _half(constant)
    head = (features - _1) % _4 + _1
    y = whitened
    if head == _1:
        for b in range(_0, m):
            scratch[k, b] = constant - half * scratch[y, b] ** 2
    elif head == _2:
        for b in range(_0, m):
            scratch[k, b] = constant - half * (scratch[y, b] ** 2 + scratch[y + _1, b] ** 2)
    elif head == _3:
        for b in range(_0, m):
            scratch[k, b] = constant - half * (
                scratch[y, b] ** 2 + scratch[y + _1, b] ** 2 + scratch[y + _2, b] ** 2
            )
    else:
        for b in range(_0, m):
            scratch[k, b] = constant - half * (
                scratch[y, b] ** 2
                + scratch[y + _1, b] ** 2
                + scratch[y + _2, b] ** 2
                + scratch[y + _3, b] ** 2
            )
    for j in range(head, features, _4):
        y = whitened + j
        for b in range(_0, m):
            scratch[k, b] -= half * (
                scratch[y, b] ** 2
                + scratch[y + _1, b] ** 2
                + scratch[y + _2, b] ** 2
                + scratch[y + _3, b] ** 2
            )


@_compile
def _distance_diag(means, factors, constants, k, m, first, features, scratch):
    constant = constants[k]
    half = _half(constant)
    for b in range(_0, m):
        scratch[k, b] = constant
    odd = features % _2
    if odd == _1:
        mean, factor = means[k, 0], factors[k, 0]
        for b in range(_0, m):
            y = (scratch[first, b] - mean) * factor
            scratch[k, b] -= half * (y * y)
    for j in range(odd, features, _2):
        mean0, factor0 = means[k, j], factors[k, j]
        mean1, factor1 = means[k, j + _1], factors[k, j + _1]
        row = first + j
        for b in range(_0, m):
            y = (scratch[row, b] - mean0) * factor0
            z = (scratch[row + _1, b] - mean1) * factor1
            scratch[k, b] -= half * (y * y + z * z)


@_compile_sums
def _normalise(weight, begin, m, components, scratch):
    """Turn ln joint into unnormalised responsibilities; return the sum of ln evidence.

    Row `components` becomes what each responsibility is to be multiplied by.
    """
    largest, evidence = components, components + _1
    for b in range(_0, m):
        scratch[largest, b] = scratch[_0, b]
    for k in range(_1, components):
        for b in range(_0, m):
            scratch[largest, b] = max(scratch[largest, b], scratch[k, b])
    for b in range(_0, m):
        value = _exp(scratch[_0, b] - scratch[largest, b])
        scratch[_0, b] = value
        scratch[evidence, b] = value
    for k in range(_1, components):
        for b in range(_0, m):
            value = _exp(scratch[k, b] - scratch[largest, b])
            scratch[k, b] = value
            scratch[evidence, b] += value
    total = 0.0
    if weight.shape[0] == 0:
        for b in range(_0, m):
            total += np.float64(scratch[largest, b] + _log(scratch[evidence, b]))
        for b in range(_0, m):
            scratch[largest, b] = _one(scratch[evidence, b]) / scratch[evidence, b]
    else:
        for b in range(_0, m):
            # An infinity times a weight of nothing would be no number.
            value = np.float64(scratch[largest, b] + _log(scratch[evidence, b]))
            total += value * weight[begin + b]
        for b in range(_0, m):
            scratch[largest, b] = weight[begin + b] / np.float64(scratch[evidence, b])
    return total


@_compile_sums
def _share(k, m, components, scratch):
    """Normalise the responsibilities of component k, and return their sum."""
    total = scratch[_0, _0] - scratch[_0, _0]
    for b in range(_0, m):
        value = scratch[k, b] * scratch[components, b]
        scratch[k, b] = value
        total += value
    return np.float64(total)


@_compile
def _spread(means, k, m, components, first, features, scratch):
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


@_compile_sums
def _sum_full(k, m, first, features, scratch, sums):
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


@_compile_sums
def _sum_diag(means, k, m, first, features, components, scratch, sums):
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


# Constants in the type of the number they meet: a double beside a single makes a double.


def _half(x: Any) -> Any:
    return x * 0.5


def _one(x: Any) -> Any:
    return x / x


def _exp(x: Any) -> Any:
    return np.exp(x) if x > _FLUSH else x * 0.0


def _log(x: Any) -> Any:
    return np.log(x)


_HALF32, _ONE32, _ZERO32 = np.float32(0.5), np.float32(1.0), np.float32(0.0)


@overload(_half, inline="never")
def _half_typed(x):
    if x == types.float32:
        return lambda x: _HALF32
    return lambda x: 0.5


@overload(_one, inline="never")
def _one_typed(x):
    if x == types.float32:
        return lambda x: _ONE32
    return lambda x: 1.0


# exp(x) = 2^n exp(r), |r| <= ln 2 / 2: n goes into the exponent's bits, exp(r) is its Taylor
# series, long enough for the last bit at that r. ln 2 in two parts, so that n times the
# first is exact.
_LOG2E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.693145751953125, 1.4286068203094172e-06
_C = [1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320]
_C += [1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800]
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11 = _C
_LOG2E32 = np.float32(_LOG2E)
_HIGH32, _LOW32, _FLUSH32 = np.float32(_LN2_HIGH), np.float32(_LN2_LOW), np.float32(_FLUSH)
_C0_32, _C1_32, _C2_32, _C3_32, _C4_32, _C5_32 = (np.float32(c) for c in _C[:6])


def _reinterpret(source: Any, llvm_target: Any, target: Any) -> Any:
    """A function of the compiler's: the same bits, another type."""

    def same_bits(typing_context, number):
        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], llvm_target)

        return target(source), generate

    return intrinsic(same_bits)


_single_of_bits = _reinterpret(types.int32, ir.FloatType(), types.float32)
_bits_of_single = _reinterpret(types.float32, ir.IntType(32), types.int32)
_double_of_bits = _reinterpret(types.int64, ir.DoubleType(), types.float64)
_bits_of_double = _reinterpret(types.float64, ir.IntType(64), types.int64)

_SHIFT32, _BIAS32 = np.int32(23), np.int32(127)
_SHIFT64, _BIAS64 = np.int64(52), np.int64(1023)


@_compile
def _exp_single(x):
    """exp(x) for x <= 0, 0 below the flush; relative error below 1.2e-7."""
    y = max(x, _FLUSH32)
    n = np.floor(y * _LOG2E32 + _HALF32)
    r = y - n * _HIGH32
    r = r - n * _LOW32
    p = _C4_32 * r + _C3_32
    p = p * r + _C2_32
    p = p * r + _C1_32
    p = p * r + _C0_32
    p = p * r + _ONE32
    p = p * r + _ONE32
    p = p * _single_of_bits((np.int32(n) + _BIAS32) << _SHIFT32)
    return p if x > _FLUSH32 else _ZERO32


@_compile
def _exp_double(x):
    """exp(x) for x <= 0, 0 below the flush; relative error below 3e-16."""
    y = max(x, _FLUSH)
    n = np.floor(y * _LOG2E + 0.5)
    r = y - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = _C11 * r + _C10
    p = p * r + _C9
    p = p * r + _C8
    p = p * r + _C7
    p = p * r + _C6
    p = p * r + _C5
    p = p * r + _C4
    p = p * r + _C3
    p = p * r + _C2
    p = p * r + _C1
    p = p * r + _C0
    p = p * r + 1.0
    p = p * r + 1.0
    # Through int32: many processors turn only that from a double as a vector.
    p = p * _double_of_bits((np.int64(np.int32(n)) + _BIAS64) << _SHIFT64)
    return p if x > _FLUSH else 0.0


# ln(x) = n ln 2 + 2 artanh(s), s = (f - 1) / (f + 1), f in [1/√2, √2] and |s| < 0.172.
_ROOT_HALF_BITS32 = np.int32(0x3F3504F3)
_ROOT_HALF_BITS64 = np.int64(0x3FE6A09E667F3BCD)
_LN2 = 0.6931471805599453
_A = [2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19]
_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8 = _A
_A0_32, _A1_32, _A2_32, _A3_32 = (np.float32(a) for a in _A[:4])
_LN2_32, _TWO32 = np.float32(_LN2), np.float32(2.0)


@_compile
def _log_single(x):
    """ln(x) for a normal x > 0; error below 2e-7 of the larger of 1 and the result."""
    n = (_bits_of_single(x) - _ROOT_HALF_BITS32) >> _SHIFT32
    f = _single_of_bits(_bits_of_single(x) - (n << _SHIFT32))
    s = (f - _ONE32) / (f + _ONE32)
    z = s * s
    p = _A3_32 * z + _A2_32
    p = p * z + _A1_32
    p = p * z + _A0_32
    return np.float32(n) * _LN2_32 + (s * _TWO32 + s * z * p)


@_compile
def _log_double(x):
    """ln(x) for a normal x > 0; error below 4e-16 of the larger of 1 and the result."""
    n = (_bits_of_double(x) - _ROOT_HALF_BITS64) >> _SHIFT64
    f = _double_of_bits(_bits_of_double(x) - (n << _SHIFT64))
    s = (f - 1.0) / (f + 1.0)
    z = s * s
    p = _A8 * z + _A7
    p = p * z + _A6
    p = p * z + _A5
    p = p * z + _A4
    p = p * z + _A3
    p = p * z + _A2
    p = p * z + _A1
    p = p * z + _A0
    return np.float64(np.int32(n)) * _LN2 + (s * 2.0 + s * z * p)


@overload(_exp)
def _exp_typed(x):
    if x == types.float32:
        return lambda x: _exp_single(x)
    return lambda x: _exp_double(x)


@overload(_log)
def _log_typed(x):
    if x == types.float32:
        return lambda x: _log_single(x)
    return lambda x: _log_double(x)
