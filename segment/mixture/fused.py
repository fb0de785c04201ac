"""The compiled sweep, put to work: chunks, threads, precision, scratch."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture.samples import Floats, Samples, over_chunks

__all__ = ["Form", "Moments", "Precision", "choose_type", "judge", "middles", "sweep", "weigh"]

Precision = Literal["auto", "single", "double"]

# From this many samples on, "auto" calculates within blocks in single precision whatever
# the samples' type: the mean log-likelihood differs by about 1e-7 and takes half as long.
_MANY = 65536

# Nanoseconds of one core below which a second thread costs more than it brings.
WORTH = 0.6e6


class Form(NamedTuple):
    """Gaussians as E-steps want them: ln joint = constant - |factor (x - mean)|² / 2."""

    means: Floats
    """(K, D)."""

    factors: Floats
    """(K, D, D) lower triangular, factor' factor is the precision; or (K, D), its diagonal."""

    constants: Floats
    """(K,) ln weight + ln det factor - D/2 ln 2π."""


class Moments(NamedTuple):
    """Sums under responsibilities, about each component's own mean: nothing cancels."""

    counts: Floats
    """(K,) sum of r."""

    means: Floats
    """(K, D) sum of r x / sum of r."""

    scatters: Floats
    """(K, D, D), or (K, D) its diagonal: sum of r (x - mean)(x - mean)'."""


def choose_type(samples: Samples, precision: Precision) -> type[np.floating[Any]]:
    """The type of the arithmetic within a block."""
    if precision == "auto":
        few = len(samples) < _MANY and samples.X.dtype == np.float64
        return np.float64 if few else np.float32
    if precision not in ("single", "double"):
        raise ValueError(f"precision is {precision!r}, wanted 'auto', 'single' or 'double'")
    return np.float32 if precision == "single" else np.float64


def sweep(samples: Samples, form: Form, precision: Precision = "auto") -> tuple[Moments, float]:
    """E-step and M-step sums over all samples, and their log-likelihood, in one pass.

    Besides what is given, this needs less than 8 MB, however many samples there are.
    The result is the same for any number of threads.
    """
    kind = choose_type(samples, precision)
    components, features = form.means.shape
    full = form.factors.ndim == 3
    length = 1 + features + features * features if full else 1 + 2 * features
    # Small numbers round to small errors: what all constants share is added at the end.
    shared = float(form.constants.max())
    form = form._replace(constants=form.constants - shared)
    means, factors, constants = _typed(form, samples.centre, kind)

    sums, total = np.zeros((components, length)), shared * samples.total
    for X, weight in samples.parts():
        some, logs = _sweep_part(X, weight, samples, (means, factors, constants), kind, length)
        sums, total = sums + some, total + logs
    # The rounded means are what distances were taken from.
    used = samples.centre + means.astype(np.float64)
    return _moments(sums, used, full), total


def _sweep_part(
    X: NDArray[Any],
    weight: Floats,
    samples: Samples,
    typed: Any,
    kind: type[np.floating[Any]],
    length: int,
) -> tuple[Floats, float]:
    """Sums (K, length) over what is in memory together, and its log-likelihood."""
    from segment.mixture import kernels

    means, factors, constants = typed
    components, features = means.shape
    full = factors.ndim == 3
    block = _block(components, features, kind)
    most = max(1, min(128, 4_000_000 // (8 * components * length)))
    chunk = max(8 * block, -(-len(X) // (most * block)) * block)
    count = -(-len(X) // chunk)
    sums = np.zeros((count, components, length))
    totals = np.zeros(count)

    unroll = kernels.unrolled(features, full)
    middle = np.tile(samples.centre, 16)

    def work(begin: int, end: int, scratch: NDArray[Any]) -> None:
        kernels.sweep(
            X,
            weight,
            middle,
            means,
            factors,
            constants,
            scratch,
            chunk,
            begin,
            end,
            sums,
            totals,
            unroll,
        )

    def scratch() -> NDArray[Any]:
        return aligned(kernels.scratch_shape(components, features, block), kind)

    each = 15 + 2 * features + (features**2 / 2 if full else 0)
    cost = 0.02 * len(X) * components * each
    over_chunks(work, count, samples.threads if cost > WORTH else 1, scratch)
    return sums.sum(axis=0), float(totals.sum())


def judge(X: NDArray[Any], centre: Floats, form: Form, start: int, stop: int) -> Floats:
    """Ln of weight times density of samples start to stop, (n, K) float64."""
    from segment.mixture import kernels

    components, features = form.means.shape
    means, factors, constants = _typed(form, centre, np.float64)
    block = _block(components, features, np.float64)
    scratch = aligned(kernels.scratch_shape(components, features, block), np.float64)
    joint = np.empty((stop - start, components))
    unroll = kernels.unrolled(features, form.factors.ndim == 3)
    middle = np.tile(centre, 16)
    kernels.judge(X, middle, means, factors, constants, scratch, start, stop, joint, unroll)
    return joint


def weigh(X: NDArray[Any], shares: Floats, means: Floats, full: bool) -> Moments:
    """The sums of `sweep` over X (n, D) float64 under shares (n, K); means (K, D) are near."""
    from segment.mixture import kernels

    components, features = means.shape
    length = 1 + features + features * features if full else 1 + 2 * features
    sums = np.zeros((components, length))
    centre = means.mean(axis=0)
    about = np.ascontiguousarray(means - centre)
    scratch = aligned(
        kernels.scratch_shape(components, features, _block(components, features, np.float64)),
        np.float64,
    )
    shape = (components, features, features) if full else (components, features)
    kernels.weigh(
        X,
        shares,
        np.tile(centre, 16),
        about,
        np.empty(shape),
        scratch,
        sums,
        kernels.unrolled(features, full),
    )
    return _moments(sums, centre + about, full)


def middles(X: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Sums of shares (K,), and the means (K, D) of X (n, D) under them (n, K)."""
    counts = shares.sum(axis=0)
    safe = np.where(counts > 0, counts, 1.0)
    centre = X.mean(axis=0)
    return counts, centre + shares.T @ (X - centre) / safe[:, None]


def aligned(shape: tuple[int, ...], kind: type[np.floating[Any]]) -> NDArray[Any]:
    """An array that begins on a line of the cache: vectors across two lines cost a third more."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = np.empty(size + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + size].view(kind).reshape(shape)


def _block(components: int, features: int, kind: type[np.floating[Any]]) -> int:
    """Samples of a block: long loops, but no more scratch than stays in the near caches."""
    longest, size = (1024, 4) if kind is np.float32 else (512, 8)
    rows = components + 3 * features + 3
    return max(64, min(longest, 262144 // (rows * size) // 64 * 64))


def _typed(form: Form, centre: Floats, kind: type[np.floating[Any]]) -> Any:
    # What is not there weighs e^-1000: an infinity would make a NaN of a difference.
    constants = np.maximum(form.constants, -1e30)
    return (
        np.ascontiguousarray(form.means - centre, kind),
        np.ascontiguousarray(form.factors, kind),
        np.ascontiguousarray(constants, kind),
    )


def _moments(sums: Floats, reference: Floats, full: bool) -> Moments:
    """Turn sums about `reference` into means and the scatter about them."""
    features = reference.shape[1]
    counts = sums[:, 0]
    safe = np.where(counts > 0, counts, 1.0)
    shift = sums[:, 1 : 1 + features] / safe[:, None]
    second = sums[:, 1 + features :]
    if not full:
        scatters = np.maximum(second - counts[:, None] * shift**2, 0.0)
        return Moments(counts, reference + shift, scatters)
    # Above the diagonal nothing was summed.
    lower = second.reshape(-1, features, features)
    scatters = lower + lower.transpose(0, 2, 1)
    scatters[:, range(features), range(features)] *= 0.5
    scatters -= counts[:, None, None] * shift[:, :, None] * shift[:, None, :]
    return Moments(counts, reference + shift, scatters)
