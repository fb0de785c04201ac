"""The compiled loops of mixtures of Gaussians: E-step and M-step in one sweep over the samples.

A block of about a thousand samples is laid out feature by feature, so that every inner
loop runs over samples with unit stride and becomes vector instructions, and what a
block needs stays in the near caches; meanwhile the next block's samples are asked for.
No array of (samples, components) exists.

Columns are filled up to a multiple of 64, which the loops know: without leftovers they
keep everything in registers (distances of 307,200 x 5, K = 8, in 0.44 ms instead of 0.81).

Distances and sums are taken about each component's own mean, so nothing large is
ever subtracted from something large: single precision is enough for the arithmetic
within a block, whatever the samples' offset. Sums over blocks are double.

Offsets are unsigned: a signed one might be negative, and numba's test for that
keeps a loop from becoming vector instructions.
"""

import numpy as np

from segment.mixture.kernels.elementary import compile_loop
from segment.mixture.kernels.loops import SCRATCH_ROWS, normalise, scatter, share
from segment.mixture.kernels.turn import fetch
from segment.mixture.kernels.unrolled import add, lay_out, measure

__all__ = ["judge", "scratch_shape", "sweep", "weigh"]

_0, _1, _6, _63 = np.uint64(0), np.uint64(1), np.uint64(6), np.uint64(63)


def scratch_shape(components: int, features: int, block: int) -> tuple[int, int]:
    """Shape of the `scratch` that a sweep over blocks of `block` samples needs.

    `block` is a multiple of 64: what is left over at the end is filled up to one, with samples
    that count nothing.
    """
    return components + 3 * features + SCRATCH_ROWS, block


@compile_loop
def sweep(
    X, weight, centre, means, factors, constants, scratch, chunk, begin, end, sums, totals, unroll
):
    """E-step and M-step sums over chunks begin to end, of `chunk` samples each.

    X (N, D); weight (N,) float64 or empty for ones; centre (16 * D,) float64, the centre
    sixteen times. Of the type of `scratch`: means (K, D) about the centre; factors (K, D, D),
    lower triangular, with factors.T @ factors the precision, or (K, D), its diagonal;
    constants (K,), ln weight + ln det factor - D/2 ln 2π. Added to, for each chunk: sums
    (chunks, K, 1 + D + D * D) float64, of each component the sums of r, r d and r d d' about
    its mean (lower triangle), or (chunks, K, 1 + 2 * D), the sums of r, r d and r d²; and
    totals (chunks,), the log-likelihood. `unroll` is `unrolled(D)`, known to the compiler by
    its length.
    """
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    last = min(X.shape[0], end * chunk)
    for number in range(begin, end):
        own = sums[number]
        for at in range(number * chunk, min(last, (number + 1) * chunk), block):
            start = np.uint64(at)
            m = np.uint64(min(block, min(last, (number + 1) * chunk) - at))
            wide = (m + _63) >> _6 << _6
            lay_out(X, centre, start, m, first, features, scratch, unroll)
            after = start + m
            ahead = min(np.uint64(last) - after, np.uint64(block))
            for k in range(_0, components):
                fetch(X, after + ahead * k // components, after + ahead * (k + _1) // components)
                measure(means, factors, constants, k, wide, first, features, scratch, unroll)
            totals[number] += normalise(weight, start, m, components, scratch)
            for k in range(_0, components):
                count = share(k, wide, components, scratch)
                if count > 0.0:
                    own[k, 0] += count
                    add(means, factors, k, wide, components, first, features, scratch, own, unroll)


@compile_loop
def judge(X, centre, means, factors, constants, scratch, start, stop, joint, unroll):
    """Fill joint (stop - start, K) with ln of weight times density; see `sweep`."""
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        wide = (m + _63) >> _6 << _6
        lay_out(X, centre, np.uint64(begin), m, first, features, scratch, unroll)
        for k in range(_0, components):
            measure(means, factors, constants, k, wide, first, features, scratch, unroll)
        scatter(np.uint64(begin - start), m, components, scratch, joint)


@compile_loop
def weigh(X, shares, centre, means, factors, scratch, sums, unroll):
    """Add the sums of `sweep` under given shares (N, K) instead of responsibilities.

    sums (K, 1 + D + D * D), or (K, 1 + 2 * D) where `factors`, otherwise unused, are (K, D).
    """
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for at in range(0, X.shape[0], block):
        start = np.uint64(at)
        m = np.uint64(min(block, X.shape[0] - at))
        wide = (m + _63) >> _6 << _6
        lay_out(X, centre, start, m, first, features, scratch, unroll)
        for b in range(_0, wide):
            scratch[components, b] = 1
        for k in range(_0, components):
            for b in range(_0, m):
                scratch[k, b] = shares[start + b, k]
            for b in range(m, wide):
                scratch[k, b] = 0
            count = share(k, wide, components, scratch)
            if count > 0.0:
                sums[k, 0] += count
                add(means, factors, k, wide, components, first, features, scratch, sums, unroll)
