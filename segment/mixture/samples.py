"""The samples of one fit: checked once, then gone over in chunks by as many threads as help."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.threads import count_threads, over_rows

__all__ = [
    "Floats",
    "Samples",
    "add_sums",
    "check_matrix",
    "check_shares",
    "check_weights",
    "finish_moments",
    "middle_of",
    "over_chunks",
]

Floats = NDArray[Any]
"""An array of float64, or of float32 where that is said."""

# Samples that are looked at together by what is not compiled: a few hundred kB.
_CHUNK = 4096

# From so many numbers on, their sums are left to a compiled loop, over samples side by side:
# a twentieth of the time.
MANY, _ABREAST = 65536, 64


@dataclass(frozen=True, slots=True)
class Samples:
    """N samples of D features, and what each of them counts."""

    X: NDArray[Any]
    """(N, D) float64, float32 or uint8, C-contiguous; NaN is a missing value."""

    weight: Floats
    """(N,) float64, at least 0; empty where every sample counts once."""

    total: float
    """The sum of the weights."""

    centre: Floats
    """(D,) float64, the mean of what is known of each feature."""

    scale: Floats
    """(D,) float64, the standard deviation of each feature, 1 where it does not vary."""

    complete: bool
    """Whether no value is missing."""

    threads: int

    @classmethod
    def check(
        cls,
        X: Any,
        sample_weight: Any = None,
        *,
        missing: bool = False,
        least: int = 1,
        threads: int | None = None,
        empty: bool = False,
    ) -> "Samples":
        """Check what a caller gave; raise ValueError or TypeError in one clear line.

        `missing` lets NaN through, `empty` also features of which nothing is known.
        """
        X = check_matrix(X)
        if len(X) < least:
            raise ValueError(
                f"X has n_samples={len(X)}, fewer than n_components={least}; "
                "give more samples or ask for fewer components"
            )
        weight = check_weights(sample_weight, len(X))
        total = float(weight.sum()) if weight.size else float(len(X))
        near = middle_of(X)
        sums, complete = add_sums(X, weight, near, missing)
        centre, scale = finish_moments(sums, near, empty)
        return cls(X, weight, total, centre, scale, complete, count_threads(threads))

    def __len__(self) -> int:
        return len(self.X)

    def chunks(self, size: int = _CHUNK) -> Iterator[tuple[Floats, Floats | None]]:
        """Yield (n, D) float64 and the (n,) weights, or None, of a few samples at a time."""
        for start in range(0, len(self.X), size):
            some = slice(start, start + size)
            yield self.X[some].astype(np.float64), self.weight[some] if self.weight.size else None

    def parts(self) -> Iterator[tuple[NDArray[Any], Floats]]:
        """Yield X (n, D) and weights (n,), or empty ones, of what is in memory together."""
        yield self.X, self.weight

    def batches(self, rng: np.random.Generator, size: int) -> Iterator["Samples"]:
        """Yield `size` samples at a time, all once, in random order; what is left over is left."""
        order = rng.permutation(len(self))
        for begin in range(0, len(order) - size + 1, size):
            rows = np.sort(order[begin : begin + size])
            yield self.of_rows(self.X[rows], self.weight[rows] if self.weight.size else self.weight)

    def of_rows(self, X: NDArray[Any], weight: Floats) -> "Samples":
        """A few of these samples, with the moments of all."""
        total = float(weight.sum()) if weight.size else float(len(X))
        return Samples(X, weight, total, self.centre, self.scale, self.complete, self.threads)

    def some(self, rng: np.random.Generator, most: int) -> tuple[Floats, Floats]:
        """At most `most` samples drawn without return, (n, D) float64, and their weights (n,)."""
        which: Any = slice(None)
        if len(self.X) > most:
            which = np.sort(rng.choice(len(self.X), most, replace=False))
        X = self.X[which].astype(np.float64)
        return X, self.weight[which].copy() if self.weight.size else np.ones(len(X))


def check_matrix(X: Any, features: int | None = None, model: str = "the mixture") -> NDArray[Any]:
    """Return X as a C-contiguous (N, D) array of float64, float32 or uint8.

    NaN is let through: who cannot use it says so. Raises ValueError, TypeError.
    """
    if hasattr(X, "toarray") and hasattr(X, "tocsr"):
        raise TypeError("X is a sparse matrix, wanted a dense array; call X.toarray() first")
    X = np.asarray(X)
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: X is complex, wanted real numbers")
    if X.dtype not in (np.float64, np.float32, np.uint8):
        X = X.astype(np.float64)
    if X.ndim != 2:
        raise ValueError(
            f"X has {X.ndim} dimensions, wanted 2: (n_samples, n_features). Reshape your data "
            "by X.reshape(-1, 1) if it has one feature, X.reshape(1, -1) if it is one sample"
        )
    if X.shape[0] == 0:
        raise ValueError(f"X is {X.shape}: 0 sample(s), wanted a minimum of 1 is required")
    if X.shape[1] == 0:
        raise ValueError(f"0 feature(s) (shape={X.shape}) while a minimum of 1 is required.")
    if features is not None and X.shape[1] != features:
        raise ValueError(
            f"X has {X.shape[1]} features, but {model} is expecting {features} features as input"
        )
    return np.ascontiguousarray(X)


def check_weights(weight: Any, n_samples: int) -> Floats:
    """Return (N,) float64 weights, empty for None; raise ValueError unless they can be used."""
    if weight is None:
        return np.empty(0)
    weight = np.asarray(weight, dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(n_samples, float(weight))
    if weight.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, given {weight.ndim}D")
    if weight.shape != (n_samples,):
        raise ValueError(f"sample_weight.shape == {weight.shape}, expected {(n_samples,)}!")
    if not weight.any():
        raise ValueError("every sample weight is zero, wanted at least one above")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError(
            "sample_weight wants finite numbers of at least 0; given "
            f"{weight.min()} to {weight.max()}"
        )
    return np.ascontiguousarray(weight)


def check_shares(q: Any, shape: tuple[int, int]) -> Floats | None:
    """Rows of probabilities (n, K) float64, or None; ValueError unless they are."""
    if q is None:
        return None
    shares: Floats = np.asarray(q, np.float64)
    if shares.shape != shape:
        raise ValueError(f"q is {shares.shape}, wanted {shape}: (n_samples, n_components)")
    if not (shares >= 0).all() or np.abs(shares.sum(axis=1) - 1).max() > 1e-6:
        raise ValueError("q wants rows of probabilities that sum to 1")
    return shares


def middle_of(X: NDArray[Any]) -> Floats:
    """A point (D,) near the first samples: sums are taken about it."""
    some = X[: min(len(X), 64)].astype(np.float64)
    middle: Floats = np.where(np.abs(some) < 1e300, some, 0.0).mean(axis=0)
    return middle


def add_sums(X: NDArray[Any], weight: Floats, near: Floats, missing: bool) -> tuple[Floats, bool]:
    """Sums (3, D) of weights, differences and squares of what is known; whether that is all."""
    many = X.size >= MANY and not weight.size
    sums, complete = _sums(X, near) if many else np.full((3, 1), np.nan), True
    # What is not finite has made the sums so, and so may squares near the largest number.
    if not np.isfinite(sums).all():
        sums, complete = _sums_of_known(X, weight, near, missing)
    return sums, complete


def finish_moments(sums: Floats, near: Floats, empty: bool = False) -> tuple[Floats, Floats]:
    """Mean and standard deviation (D,) of each feature; `empty` lets features be unknown."""
    total, first, second = sums
    if empty:
        total = np.maximum(total, 1.0)
    if (total == 0).any():
        raise ValueError(
            f"Input X contains NaN only in feature {int(np.flatnonzero(total == 0)[0])}; "
            "leave that feature out"
        )
    mean = first / total
    with np.errstate(over="ignore", invalid="ignore"):
        variance = np.maximum(second / total - mean**2, 0.0)
        # What is left of rounding is no variance.
        flat = variance <= 1e-14 * (mean**2 + np.finfo(np.float64).eps * near**2)
    return near + mean, np.where(flat, 1.0, np.sqrt(variance))


def _sums(X: NDArray[Any], near: Floats) -> Floats:
    """Number of samples, sums of their differences from `near` and of the squares, (3, D)."""
    from segment.mixture import kernels

    features = X.shape[1]
    sums = np.zeros((3, features))
    whole = len(X) // _ABREAST * _ABREAST
    for part, abreast in ((X[:whole], _ABREAST), (X[whole:], 1)):
        wide = np.zeros((2, abreast * features))
        kernels.add_squares(part.reshape(-1, wide.shape[1]), np.tile(near, abreast), *wide)
        with np.errstate(invalid="ignore"):
            sums[1:] += wide.reshape(2, abreast, features).sum(axis=1)
    sums[0] = len(X)
    return sums


def _sums_of_known(
    X: NDArray[Any], weight: Floats, near: Floats, missing: bool
) -> tuple[Floats, bool]:
    """As `_sums`, of what is not NaN, and whether that is all; ValueError where it must be."""
    sums, complete = np.zeros((3, X.shape[1])), True
    for start in range(0, len(X), _CHUNK):
        chunk = X[start : start + _CHUNK].astype(np.float64) - near
        if np.isinf(chunk).any():
            raise ValueError("Input X contains infinity or a value too large, wanted numbers")
        known = ~np.isnan(chunk)
        if not known.all():
            complete = False
            if not missing:
                raise ValueError(
                    "Input X contains NaN; this model takes no missing values, GaussianMixture does"
                )
            chunk = np.where(known, chunk, 0.0)
        w = weight[start : start + _CHUNK] if weight.size else np.ones(len(chunk))
        with np.errstate(over="ignore"):
            sums += w @ known, w @ chunk, w @ chunk**2
    return sums, complete


def over_chunks(
    work: Callable[[int, int, Any], None],
    count: int,
    threads: int,
    make_scratch: Callable[[], Any],
) -> None:
    """Call work(begin, end, scratch) until all of `count` chunks are done, whoever is free next.

    Many chunks at first and fewer towards the end: a call takes the interpreter's lock, and a
    thread that the machine keeps busy with something else shall not be waited for. Chunks do
    not depend on the number of threads, so neither do sums over them.
    """
    lock, done = threading.Lock(), 0

    def take(_start: int, _stop: int) -> None:
        nonlocal done
        scratch = make_scratch()
        while True:
            with lock:
                begin, end = done, done + -(-(count - done) // (2 * threads - 1))
                done = end
            if begin == count:
                return
            work(begin, end, scratch)

    over_rows(take, threads, threads)
