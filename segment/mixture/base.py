"""What every mixture does alike: judging samples, drawing them, and the criteria."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, xlogy

from segment.mixture.blocks import Blocks, Streamed
from segment.mixture.em import Bound, Fit
from segment.mixture.estimator import Estimator, generator
from segment.mixture.family import Family
from segment.mixture.samples import (
    Floats,
    Samples,
    check_matrix,
    check_shares,
    check_weights,
)
from segment.mixture.start import Start, responsibilities

__all__ = ["Mixture", "Propose"]

# Samples judged at a time: their joints stay in the cache.
_CHUNK = 16384

Propose = Callable[[], tuple[Floats, Floats]]
"""Some samples (n, D) and first responsibilities × weight (n, K), where a start needs them."""


class Mixture(Estimator):
    """A mixture of K densities, fitted by EM or one of its variants.

    A subclass names its settings (see `Settings`), gives its family of equations, and says
    what is learned. After `fit`, besides that, what
    `Estimator` lists.
    """

    init_params: Start = "kmeans"

    weights_: Floats = field(init=False)

    _in_chains = True  # whether its components can be the states of a chain

    # What a subclass gives.

    @abstractmethod
    def _family(self, samples: Samples) -> Family:
        """The equations, for a fit of these samples."""

    @abstractmethod
    def _learned_family(self) -> Family:
        """The equations, for judging samples with what is learned."""

    @abstractmethod
    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        """A sample (n, D) of the component that each of `labels` (n,) names."""

    def _begin(self, family: Any, samples: Samples, propose: Propose) -> Any:
        """The parameters to start from."""
        return family.maximise(family.statistics(*propose()), None)

    def _check_samples(self, X: NDArray[Any]) -> None:
        """Raise ValueError for samples that this model cannot have made."""

    def _prepare(self, X: Any) -> Any:
        """X as the equations want it."""
        return X

    # What a caller uses.

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features), float64, float32 or uint8; weights (n_samples,).

        X may be memory-mapped, or `Blocks` of samples that are never in memory together.
        Raises ValueError for samples or settings that cannot be used.
        """
        self._check_settings()
        samples = self._take(X, sample_weight)
        self._note_names(X)
        family = self._family(samples)

        def begin(rng: np.random.Generator) -> Any:
            def propose() -> tuple[Floats, Floats]:
                return responsibilities(samples, self.n_components, self.init_params, rng)

            return self._begin(family, samples, propose)

        self._climb(family, samples, begin)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> NDArray[np.int64]:
        """Fit, and return the most probable component (n_samples,) of each sample."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The most probable component of each sample, (n_samples,) int64."""
        X = self._check_known(X)
        labels = np.empty(len(X), np.int64)
        for some, joint in self._joints(X):
            labels[some] = joint.argmax(axis=1)
        return labels

    def predict_proba(self, X: Any) -> Floats:
        """Responsibilities (n_samples, n_components), each row sums to 1."""
        X = self._check_known(X)
        shares = np.empty((len(X), self.n_components))
        for some, joint in self._joints(X):
            shares[some] = np.exp(joint - logsumexp(joint, axis=1)[:, None])
        # Rounding of the sum is not left to the caller.
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def score_samples(self, X: Any) -> Floats:
        """Ln p of each sample, (n_samples,) nats."""
        X = self._check_known(X)
        evidence = np.empty(len(X))
        for some, joint in self._joints(X):
            evidence[some] = logsumexp(joint, axis=1)
        return evidence

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean ln p of a sample, nats."""
        evidence = self.score_samples(X)
        weight = check_weights(sample_weight, len(evidence))
        return float(np.average(evidence, weights=weight if weight.size else None))

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.int64]]:
        """Draw (n_samples, n_features) samples, and the component (n_samples,) of each."""
        self._check_fitted()
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one"
            )
        rng = generator(self.random_state)
        counts = rng.multinomial(n_samples, self.weights_ / self.weights_.sum())
        labels = np.repeat(np.arange(self.n_components), counts)
        return self._draw(self._learned(), labels, rng), labels

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion, -2 ln p + free parameters × ln n; lower is better."""
        total, n = self._total(X, sample_weight)
        return -2 * total + self._free() * float(np.log(n))

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's information criterion, -2 ln p + 2 free parameters; lower is better."""
        return -2 * self._total(X, sample_weight)[0] + 2 * self._free()

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood: BIC + 2 × the responsibilities' entropy.

        Source: Biernacki, Celeux and Govaert, IEEE PAMI 22(7), 2000.
        """
        shares = self.predict_proba(X)
        entropy = -np.sum(shares * np.log(np.maximum(shares, 1e-300)), axis=1)
        weight = check_weights(sample_weight, len(shares))
        total = float(weight @ entropy if weight.size else entropy.sum())
        return self.bic(X, sample_weight) + 2 * total

    # Helpers.

    def _bound(self, X: Any, q: Any, sample_weight: Any, lengths: Any) -> Bound:
        if lengths is not None:
            raise ValueError(
                f"lengths are for a chain; to {type(self).__name__} samples have no order"
            )
        X = self._check_known(X)
        weight = check_weights(sample_weight, len(X))
        weight = weight if weight.size else np.ones(len(X))
        joint = np.concatenate([joint for _, joint in self._joints(X)])
        evidence = logsumexp(joint, axis=1)
        log_shares = joint - evidence[:, None]
        q = check_shares(q, joint.shape)
        if q is None:
            q = np.exp(log_shares)
            q /= q.sum(axis=1, keepdims=True)
        entropy = float(weight @ -xlogy(q, q).sum(axis=1))
        # What q gives no share is not asked for its logarithm.
        expected = float(weight @ np.where(q > 0, q * joint, 0.0).sum(axis=1))
        terms: Floats = xlogy(q, q) - np.where(q > 0, q * log_shares, 0.0)
        return Bound(
            float(weight @ evidence), expected + entropy, float(weight @ terms.sum(axis=1)), entropy
        )

    def _take(self, X: Any, sample_weight: Any) -> Samples:
        """The samples of a fit, checked."""
        if isinstance(X, Blocks):
            if sample_weight is not None:
                raise ValueError("sample_weight is for one array X; Blocks take none")
            return Streamed.of(
                X.mapped(self._prepare),
                missing=self._takes_missing,
                least=self.n_components,
                threads=self.threads,
                check=self._check_samples,
            )
        samples = Samples.check(
            self._prepare(X),
            sample_weight,
            missing=self._takes_missing,
            least=self.n_components,
            threads=self.threads,
        )
        self._check_samples(samples.X)
        return samples

    def _collapsed(self, family: Family, fit: Fit, samples: Samples) -> NDArray[np.bool_]:
        collapsed: NDArray[np.bool_] = fit.point.parameters[0] * samples.total < 1e-3
        return collapsed

    def _check_known(self, X: Any) -> NDArray[Any]:
        self._check_fitted()
        if isinstance(X, Blocks):
            raise TypeError("Blocks are for fit; ask for one block after the other")
        self._compare_names(X)
        checked: NDArray[Any] = check_matrix(
            self._prepare(X), self.n_features_in_, type(self).__name__
        )
        for some in _slices(len(checked)):
            if checked.dtype.kind == "f" and not np.isfinite(checked[some]).all():
                missing = np.isnan(checked[some]).any()
                if np.isinf(checked[some]).any() or not self._takes_missing:
                    what = "NaN" if missing else "infinity"
                    raise ValueError(f"Input X contains {what}, wanted numbers")
        self._check_samples(checked)
        return checked

    def _joints(self, X: NDArray[Any]) -> Iterator[tuple[slice, Floats]]:
        family, parameters = self._learned_family(), self._learned()
        for some in _slices(len(X)):
            yield some, family.log_joint(X[some].astype(np.float64), parameters)

    def _total(self, X: Any, sample_weight: Any) -> tuple[float, float]:
        evidence = self.score_samples(X)
        weight = check_weights(sample_weight, len(evidence))
        if weight.size:
            return float(weight @ evidence), float(weight.sum())
        return float(evidence.sum()), float(len(evidence))

    def _free(self) -> int:
        return self._learned_family().count_free(self.n_features_in_)


def _slices(length: int) -> Iterator[slice]:
    for start in range(0, length, _CHUNK):
        yield slice(start, min(length, start + _CHUNK))
