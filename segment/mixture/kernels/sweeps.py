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

import numpy as np

from segment.mixture.kernels.elementary import compile_loop
from segment.mixture.kernels.loops import (
    SCRATCH_ROWS,
    distance_diag,
    distance_full,
    gather,
    normalise,
    scatter,
    share,
)
from segment.mixture.kernels.unrolled import add_diag, add_full, lay_out, measure_diag, measure_full

__all__ = ["judge_diag", "judge_full", "scratch_shape", "sweep_diag", "sweep_full"]

_0 = np.uint64(0)


def scratch_shape(components: int, features: int, block: int) -> tuple[int, int]:
    """Shape of the `scratch` that a sweep over blocks of `block` samples needs."""
    return components + 3 * features + SCRATCH_ROWS, block


@compile_loop
def sweep_full(
    X, weight, centre, means, factors, constants, scratch, start, stop, sums, totals, unroll
):
    """E-step and M-step sums over samples start to stop, covariances of any shape.

    X (N, D); weight (N,) float64 or empty for ones; centre (D,) float64. Of the type of
    `scratch`: means (K, D) about `centre`; factors (K, D, D), lower triangular, with
    factors.T @ factors the precision; constants (K,), ln weight + ln det factor
    - D/2 ln 2π. Added to: sums (K, 1 + D + D * D) float64, of each component the sums of
    r, r d and r d d' about its mean (lower triangle), and totals (1,), the log-likelihood.
    `unroll` is `unrolled(D)`, known to the compiler by its length.
    """
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        lay_out(X, centre, np.uint64(begin), m, first, features, scratch, unroll)
        for k in range(_0, components):
            measure_full(means, factors, constants, k, m, first, features, scratch, unroll)
        totals[0] += normalise(weight, np.uint64(begin), m, components, scratch)
        for k in range(_0, components):
            count = share(k, m, components, scratch)
            if count > 0.0:
                sums[k, 0] += count
                add_full(means, k, m, components, first, features, scratch, sums, unroll)


@compile_loop
def sweep_diag(
    X, weight, centre, means, factors, constants, scratch, start, stop, sums, totals, unroll
):
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
        lay_out(X, centre, np.uint64(begin), m, first, features, scratch, unroll)
        for k in range(_0, components):
            measure_diag(means, factors, constants, k, m, first, features, scratch, unroll)
        totals[0] += normalise(weight, np.uint64(begin), m, components, scratch)
        for k in range(_0, components):
            count = share(k, m, components, scratch)
            if count > 0.0:
                sums[k, 0] += count
                add_diag(means, k, m, first, features, scratch, sums, unroll)


@compile_loop
def judge_full(X, centre, means, factors, constants, scratch, start, stop, joint):
    """Fill joint (stop - start, K) with ln of weight times density; see `sweep_full`."""
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        gather(X, centre, np.uint64(begin), m, first, features, scratch)
        for k in range(_0, components):
            distance_full(means, factors, constants, k, m, first, features, scratch)
        scatter(np.uint64(begin - start), m, components, scratch, joint)


@compile_loop
def judge_diag(X, centre, means, factors, constants, scratch, start, stop, joint):
    """Fill joint (stop - start, K) with ln of weight times density; see `sweep_diag`."""
    features = np.uint64(X.shape[1])
    components = np.uint64(means.shape[0])
    block = scratch.shape[1]
    first = components + np.uint64(SCRATCH_ROWS)
    for begin in range(start, stop, block):
        m = np.uint64(min(block, stop - begin))
        gather(X, centre, np.uint64(begin), m, first, features, scratch)
        for k in range(_0, components):
            distance_diag(means, factors, constants, k, m, first, features, scratch)
        scatter(np.uint64(begin - start), m, components, scratch, joint)
