"""Mixtures of counts and yes-or-no features: Bernoulli, binomial, Poisson."""

from abc import abstractmethod
from dataclasses import field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit

from segment.mixture.base import Mixture, Propose
from segment.mixture.family import Family
from segment.mixture.gaussian import given, given_weights
from segment.mixture.priors import BetaPrior, GammaPrior
from segment.mixture.samples import Floats, Samples, check_matrix

__all__ = ["BernoulliMixture", "BinomialMixture", "PoissonMixture"]

_TINY = float(np.finfo(np.float64).tiny)


class CountParameters(NamedTuple):
    """Weights (K,), sum 1, and a probability or rate (K, D) of each feature."""

    weights: Floats
    means: Floats


class CountSums(NamedTuple):
    """Sums under responsibilities."""

    counts: Floats
    """(K,) sum of r."""

    sums: Floats
    """(K, D) sum of r x."""

    base: Floats
    """(1,) sum of what the density has without parameters, ln of binomials or factorials."""


class _CountFamily(Family):
    """ln p(x) = x · natural(mean) - partition(mean) + base(x), features independent."""

    def __init__(self, n_components: int, prior: Any) -> None:
        self.n_components = n_components
        self.prior = prior

    @abstractmethod
    def natural(self, means: Floats) -> tuple[Floats, Floats]:
        """Natural parameters (K, D), and log-partitions (K,)."""

    @abstractmethod
    def base(self, X: Floats) -> Floats:
        """(n,) what each sample's ln density has without parameters."""

    @abstractmethod
    def best_means(self, counts: Floats, sums: Floats) -> Floats:
        """(K, D) at the maximum of Q + ln prior."""

    def log_joint(self, X: Floats, parameters: CountParameters) -> Floats:
        natural, partition = self.natural(parameters.means)
        log_weights = np.log(np.maximum(parameters.weights, _TINY))
        joint: Floats = X @ natural.T + (log_weights - partition) + self.base(X)[:, None]
        return joint

    def statistics(self, X: Floats, shares: Floats) -> CountSums:
        base = np.array([shares.sum(axis=1) @ self.base(X)])
        return CountSums(shares.sum(axis=0), shares.T @ X, base)

    def maximise(self, statistics: CountSums, parameters: Any) -> CountParameters:
        counts = statistics.counts + 10 * np.finfo(np.float64).eps
        means = self.best_means(counts, statistics.sums)
        if parameters is not None:
            empty = statistics.counts <= 0
            means = np.where(empty[:, None], parameters.means, means)
        raised = counts + (self.prior.concentration - 1 if self.prior is not None else 0.0)
        return CountParameters(raised / raised.sum(), means)

    def expected(self, statistics: CountSums, parameters: CountParameters) -> float:
        natural, partition = self.natural(parameters.means)
        log_weights = np.log(np.maximum(parameters.weights, _TINY))
        total = (statistics.sums * natural).sum() + statistics.counts @ (log_weights - partition)
        return float(total + statistics.base[0])

    def log_prior(self, parameters: CountParameters) -> float:
        if self.prior is None:
            return 0.0
        density: float = self.prior.log_density(parameters.weights, parameters.means)
        return density

    def pack(self, parameters: CountParameters) -> Floats:
        logits = np.log(np.maximum(parameters.weights, _TINY))
        return np.concatenate([logits - logits.mean(), self.to_free(parameters.means).ravel()])

    def unpack(self, vector: Floats) -> CountParameters:
        logits, rest = np.split(vector, [self.n_components])
        weights = np.exp(logits - logits.max())
        means = self.from_free(rest.reshape(self.n_components, -1))
        return CountParameters(weights / weights.sum(), means)

    @abstractmethod
    def to_free(self, means: Floats) -> Floats:
        """Means as numbers without bounds."""

    @abstractmethod
    def from_free(self, free: Floats) -> Floats:
        """Means again."""

    def count_free(self, features: int) -> int:
        return self.n_components * features + self.n_components - 1


class _BinomialFamily(_CountFamily):
    """x successes of `trials`; Bernoulli is one trial."""

    def __init__(self, n_components: int, prior: Any, trials: Floats, floor: float) -> None:
        super().__init__(n_components, prior)
        self.trials = trials
        self.floor = floor

    def natural(self, means: Floats) -> tuple[Floats, Floats]:
        return logit(means), -(self.trials * np.log1p(-means)).sum(axis=1)

    def base(self, X: Floats) -> Floats:
        if (self.trials == 1).all():
            return np.zeros(len(X))
        choose = gammaln(self.trials + 1) - gammaln(X + 1) - gammaln(self.trials - X + 1)
        total: Floats = choose.sum(axis=1)
        return total

    def best_means(self, counts: Floats, sums: Floats) -> Floats:
        ones, zeros = (0.0, 0.0)
        if self.prior is not None:
            ones, zeros = self.prior.ones - 1, self.prior.zeros - 1
        means = (sums + ones) / (counts[:, None] * self.trials + ones + zeros)
        # The best within these bounds, so EM still cannot lose likelihood.
        clipped: Floats = np.clip(means, self.floor, 1 - self.floor)
        return clipped

    def to_free(self, means: Floats) -> Floats:
        free: Floats = logit(means)
        return free

    def from_free(self, free: Floats) -> Floats:
        means: Floats = np.clip(expit(free), self.floor, 1 - self.floor)
        return means


class _PoissonFamily(_CountFamily):
    floor = 1e-12

    def natural(self, means: Floats) -> tuple[Floats, Floats]:
        return np.log(means), means.sum(axis=1)

    def base(self, X: Floats) -> Floats:
        total: Floats = -gammaln(X + 1).sum(axis=1)
        return total

    def best_means(self, counts: Floats, sums: Floats) -> Floats:
        shape, rate = (0.0, 0.0)
        if self.prior is not None:
            shape, rate = self.prior.shape - 1, self.prior.rate
        best: Floats = np.maximum((sums + shape) / (counts[:, None] + rate), self.floor)
        return best

    def to_free(self, means: Floats) -> Floats:
        free: Floats = np.log(means)
        return free

    def from_free(self, free: Floats) -> Floats:
        means: Floats = np.exp(np.clip(free, -27.0, 300.0))
        return means


class _CountMixture(Mixture):
    """What the three have in common; X is (n_samples, n_features) of whole numbers."""

    _counts = True

    weights_init: Any = None
    means_init: Any = None

    means_: Floats = field(init=False)

    def _begin(self, family: Any, samples: Samples, propose: Propose) -> CountParameters:
        shape = (self.n_components, samples.X.shape[1])
        weights = given_weights(self.weights_init, self.n_components)
        means = given(self.means_init, "means_init", shape)
        if weights is None or means is None:
            found = super()._begin(family, samples, propose)
            weights = found.weights if weights is None else weights
            means = found.means if means is None else means
        return CountParameters(weights, family.from_free(family.to_free(means)))

    def _learn(self, parameters: CountParameters, samples: Samples) -> None:
        self.weights_, self.means_ = parameters

    def _learned(self) -> CountParameters:
        return CountParameters(self.weights_, self.means_)

    def _learned_family(self) -> Family:
        return self._equations(self.n_features_in_)

    def _family(self, samples: Samples) -> Family:
        return self._equations(samples.X.shape[1])

    @abstractmethod
    def _equations(self, features: int) -> Family: ...


class BernoulliMixture(_CountMixture):
    """Mixture of binary vectors with independent features, fitted by EM.

    X (n_samples, n_features) holds 0 and 1, or probabilities in between; with `binarize`, any
    numbers, and those above it count as 1. After `fit`:
    weights_ (K,), sum 1; means_ (K, D), P(feature is 1), within `floor` of 0 and 1 at most;
    and what `Mixture` lists. Parameters as in `GaussianMixture`; prior is a BetaPrior.

    Source: Bishop, PRML, 2006, section 9.3.3.
    """

    floor: float = 1e-6
    binarize: float | None = None
    prior: BetaPrior | None = None

    def _equations(self, features: int) -> Family:
        return _BinomialFamily(self.n_components, self.prior, np.ones(features), self.floor)

    @property
    def _counts(self) -> bool:  # type: ignore[override]
        return self.binarize is None

    def _prepare(self, X: Any) -> Any:
        if self.binarize is None:
            return X
        X = check_matrix(X)
        return np.where(np.isfinite(X), self.binarize < X, X)

    def _check_samples(self, X: NDArray[Any]) -> None:
        _check_range(X, 1.0)

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        ones = rng.random((len(labels), self.n_features_in_)) < parameters.means[labels]
        drawn: Floats = ones.astype(np.float64)
        return drawn


class BinomialMixture(_CountMixture):
    """Mixture of binomial counts: which coin was tossed is not known.

    n_trials : tosses of each sample, a number, or (n_features,). X (n_samples, n_features)
    holds the numbers of successes, 0 to n_trials. After `fit`: weights_ (K,); means_ (K, D),
    probabilities of a success; and what `Mixture` lists. `weights_fixed` keeps the weights as
    given, or equal: whoever picks the coins is known to be fair.

    Source: Do and Batzoglou, What is the expectation maximization algorithm?,
    Nature Biotechnology 26, 2008.
    """

    n_components: int = field(default=2, kw_only=False)
    n_trials: Any = 10
    weights_fixed: bool = False
    floor: float = 1e-9
    prior: BetaPrior | None = None

    def _equations(self, features: int) -> Family:
        trials = np.asarray(self.n_trials, np.float64)
        if (trials < 1).any() or (trials % 1 != 0).any() or trials.shape not in ((), (features,)):
            raise ValueError(
                f"n_trials is {self.n_trials}, wanted a whole number of at least 1, "
                f"or {features} of them"
            )
        trials = np.broadcast_to(trials, (features,)).copy()
        family = _BinomialFamily(self.n_components, self.prior, trials, self.floor)
        if not self.weights_fixed:
            return family
        weights = given(self.weights_init, "weights_init", (self.n_components,))
        if weights is None:
            weights = np.full(self.n_components, 1 / self.n_components)
        return _FixedWeights(family, weights)

    def _check_samples(self, X: NDArray[Any]) -> None:
        _check_range(X, np.asarray(self.n_trials, np.float64))

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        trials = np.broadcast_to(np.asarray(self.n_trials, np.int64), (self.n_features_in_,))
        drawn: Floats = rng.binomial(trials, parameters.means[labels]).astype(np.float64)
        return drawn


class _FixedWeights(_BinomialFamily):
    """The same equations, with weights that are known."""

    def __init__(self, family: _BinomialFamily, weights: Floats) -> None:
        super().__init__(family.n_components, family.prior, family.trials, family.floor)
        self.known = weights

    def maximise(self, statistics: CountSums, parameters: Any) -> CountParameters:
        return super().maximise(statistics, parameters)._replace(weights=self.known)

    def pack(self, parameters: CountParameters) -> Floats:
        return self.to_free(parameters.means).ravel()

    def unpack(self, vector: Floats) -> CountParameters:
        means = self.from_free(vector.reshape(self.n_components, -1))
        return CountParameters(self.known, means)

    def count_free(self, features: int) -> int:
        return self.n_components * features


class PoissonMixture(_CountMixture):
    """Mixture of Poisson counts with independent features, fitted by EM.

    X (n_samples, n_features) holds counts of at least 0. After `fit`: weights_ (K,);
    means_ (K, D), rates; and what `Mixture` lists; prior is a GammaPrior.

    Source: Hasselblad, JASA 64, 1969.
    """

    prior: GammaPrior | None = None

    def _equations(self, features: int) -> Family:
        return _PoissonFamily(self.n_components, self.prior)

    def _check_samples(self, X: NDArray[Any]) -> None:
        _check_range(X, np.inf)

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        drawn: Floats = rng.poisson(parameters.means[labels]).astype(np.float64)
        return drawn


def _check_range(X: NDArray[Any], most: Any) -> None:
    if (X.min(axis=0) < 0).any() or (X.max(axis=0) > most).any():
        raise ValueError(
            f"Negative values in data passed to X, or values above {most}: "
            f"X runs from {X.min()} to {X.max()}, wanted 0 to {most}"
        )
