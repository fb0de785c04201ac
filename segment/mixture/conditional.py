"""What is known of missing values: not a number, but a distribution for each.

Given what a sample shows, the rest of it is a mixture again: of Gaussians, whose weights are the
sample's responsibilities and whose means are regressions on what is known.

Source: Ghahramani and Jordan, Supervised learning from incomplete data via an EM
approach, 1994.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

from segment.mixture.missing import complete, joint_of_known, patterns
from segment.mixture.samples import Floats

__all__ = ["Conditional", "condition"]

# Halvings of the range that a quantile lies in: to 1e-12 of it.
_HALVINGS = 45


class _Pattern(NamedTuple):
    """Samples that miss the same features."""

    rows: NDArray[np.int64]
    missing: NDArray[np.int64]
    shares: Floats
    """(n, K) weights of the mixture given what is known."""
    means: Floats
    """(n, K, m) of the missing features."""
    covariances: Floats
    """(K, m, m), the same for all samples of a pattern."""


class Conditional:
    """The distribution of every missing value of X (n, D) given the known ones of its sample.

    A mixture of K Gaussians for each sample. Known values are certain: they are their own mean,
    quantiles and samples, with variances of 0.

    mean : (n, D), X with every NaN replaced by its expectation, as `fill` does.
    """

    def __init__(self, X: Floats, found: list[_Pattern]) -> None:
        self._X = X
        self._found = found
        self.mean = X.copy()
        for pattern in found:
            expected = np.einsum("nk,nkm->nm", pattern.shares, pattern.means)
            self.mean[np.ix_(pattern.rows, pattern.missing)] = expected

    @property
    def variance(self) -> Floats:
        """(n, D) of each value, 0 where it is known."""
        variance = np.zeros_like(self._X)
        for rows, missing, shares, means, covariances in self._found:
            apart = means - self.mean[np.ix_(rows, missing)][:, None]
            inside = np.diagonal(covariances, axis1=1, axis2=2)
            total = np.einsum("nk,nkm->nm", shares, inside + apart**2)
            variance[np.ix_(rows, missing)] = total
        return variance

    @property
    def covariance(self) -> Floats:
        """(n, D, D) of each sample, 0 where a value is known."""
        samples, features = self._X.shape
        covariance = np.zeros((samples, features, features))
        for rows, missing, shares, means, covariances in self._found:
            apart = means - self.mean[np.ix_(rows, missing)][:, None]
            between = np.einsum("nk,nki,nkj->nij", shares, apart, apart)
            within = np.einsum("nk,kij->nij", shares, covariances)
            covariance[np.ix_(rows, missing, missing)] = between + within
        return covariance

    def quantile(self, q: float) -> Floats:
        """(n, D): what each value is below with probability q, in (0, 1)."""
        _check_probability(q, "q")
        found = self._X.copy()
        for rows, missing, shares, means, covariances in self._found:
            spread = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
            # The mixture's quantile lies between those of its components.
            ends = means + ndtri(q) * spread
            low, high = ends.min(axis=1), ends.max(axis=1)
            safe = np.maximum(spread, 1e-300)
            for _ in range(_HALVINGS if shares.shape[1] > 1 else 0):
                middle = 0.5 * (low + high)
                below = np.einsum("nk,nkm->nm", shares, ndtr((middle[:, None] - means) / safe))
                low, high = np.where(below < q, middle, low), np.where(below < q, high, middle)
            found[np.ix_(rows, missing)] = 0.5 * (low + high)
        return found

    def interval(self, coverage: float = 0.9) -> tuple[Floats, Floats]:
        """Low and high (n, D): each value lies between them with this probability."""
        _check_probability(coverage, "coverage")
        return self.quantile(0.5 - coverage / 2), self.quantile(0.5 + coverage / 2)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Floats:
        """(n_samples, n, D): X, its missing values drawn together for each sample."""
        if not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            raise ValueError(f"n_samples is {n_samples!r}, wanted a whole number of at least 1")
        rng = np.random.default_rng(random_state)
        drawn = np.repeat(self._X[None], n_samples, axis=0)
        for rows, missing, shares, means, covariances in self._found:
            edges = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
            places = rng.random((n_samples, len(rows), 1))
            labels = np.minimum((places > edges).sum(axis=2), shares.shape[1] - 1)
            values, vectors = np.linalg.eigh(covariances)
            roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
            noise = rng.normal(size=(*labels.shape, len(missing)))
            own = np.einsum("snij,snj->sni", roots[labels], noise)
            own += means[np.arange(len(rows)), labels]
            drawn[np.ix_(np.arange(n_samples), rows, missing)] = own
        return drawn

    def __repr__(self) -> str:
        samples, features = self._X.shape
        missing = sum(len(pattern.rows) * len(pattern.missing) for pattern in self._found)
        return f"Conditional({missing} missing of {samples} x {features} values)"


def _check_probability(value: Any, name: str) -> None:
    if np.ndim(value) or not isinstance(value, (int, float, np.number)) or not 0 < value < 1:
        raise ValueError(f"{name} is {value!r}, wanted a probability between 0 and 1")


def condition(X: Floats, covariances: Floats, parameters: Any) -> Conditional:
    """The distribution of what is NaN in X (n, D) float64, for Gaussians (K, D, D)."""
    found = []
    for rows, known in patterns(X):
        if known.all():
            continue
        some = X[rows][:, known]
        joint = joint_of_known(some, known, covariances, parameters)
        means, left = [], []
        for mean, covariance in zip(parameters.means, covariances, strict=True):
            d, spread = complete(some, known, mean, covariance)
            means.append((mean + d)[:, ~known])
            left.append(spread[np.ix_(~known, ~known)])
        found.append(
            _Pattern(
                rows,
                np.flatnonzero(~known),
                np.exp(joint - logsumexp(joint, axis=1)[:, None]),
                np.stack(means, axis=1),
                np.stack(left),
            )
        )
    return Conditional(X, found)
