"""k-means and its soft sibling: what EM for Gaussians becomes when the spread is not learned."""

from dataclasses import field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture import fused
from segment.mixture.algorithms import hard
from segment.mixture.base import Mixture, Propose
from segment.mixture.family import LOG_2PI, Assign, Family, Pass
from segment.mixture.fused import Form, Moments
from segment.mixture.gaussian import given
from segment.mixture.samples import Floats, Samples
from segment.mixture.start import Start, squared_distances

__all__ = ["KMeans", "SoftKMeans"]


class Centres(NamedTuple):
    """Equal weights (K,) and means (K, D)."""

    weights: Floats
    means: Floats


class _SoftFamily(Family):
    """Gaussians of equal weight and one known variance."""

    def __init__(self, n_components: int, variance: float, scale: Floats) -> None:
        self.n_components = n_components
        self.variance = variance
        self.scale = scale

    def form(self, parameters: Centres) -> Form:
        components, features = parameters.means.shape
        constant = -np.log(components) - 0.5 * features * (LOG_2PI + np.log(self.variance))
        factors = np.full((components, features), self.variance**-0.5)
        return Form(parameters.means, factors, np.full(components, constant))

    def sweep(self, samples: Samples, parameters: Centres, assign: Assign | None = None) -> Pass:
        if assign is not None:
            return super().sweep(samples, parameters, assign)
        return Pass(*fused.sweep(samples, self.form(parameters)))

    def log_joint(self, X: Floats, parameters: Centres) -> Floats:
        centre = parameters.means.mean(axis=0)
        return fused.judge(X, centre, self.form(parameters), 0, len(X))

    def statistics(self, X: Floats, shares: Floats) -> Moments:
        counts, means = fused.middles(X, shares)
        scatters = np.stack([shares[:, k] @ (X - mean) ** 2 for k, mean in enumerate(means)])
        return Moments(counts, means, scatters)

    def blend(self, old: Moments, new: Moments, keep: float, add: float) -> Moments:
        a, b = keep * old.counts, add * new.counts
        safe = np.where(a + b > 0, a + b, 1.0)
        apart = new.means - old.means
        scatters = keep * old.scatters + add * new.scatters + (a * b / safe)[:, None] * apart**2
        return Moments(a + b, old.means + (b / safe)[:, None] * apart, scatters)

    def maximise(self, statistics: Moments, parameters: Any) -> Centres:
        means = statistics.means
        if parameters is not None:
            means = np.where(statistics.counts[:, None] > 0, means, parameters.means)
        return Centres(np.full(len(means), 1 / len(means)), means)

    def expected(self, statistics: Moments, parameters: Centres) -> float:
        form = self.form(parameters)
        counts = statistics.counts
        apart = np.where(counts[:, None] > 0, statistics.means - parameters.means, 0.0)
        squares = (statistics.scatters + counts[:, None] * apart**2).sum()
        return float(counts @ form.constants - 0.5 * squares / self.variance)

    def pack(self, parameters: Centres) -> Floats:
        return (parameters.means / self.scale).ravel()

    def unpack(self, vector: Floats) -> Centres:
        means = vector.reshape(self.n_components, -1) * self.scale
        return Centres(np.full(self.n_components, 1 / self.n_components), means)

    def count_free(self, features: int) -> int:
        return self.n_components * features


class _HardFamily(_SoftFamily):
    """The limit of no variance; distances are counted in units of 1, as k-means does.

    The log-likelihood is then minus half the sum of squared distances.
    """

    def form(self, parameters: Centres) -> Form:
        form = super().form(parameters)
        return form._replace(constants=np.zeros(self.n_components))

    def sweep(self, samples: Samples, parameters: Centres, assign: Assign | None = None) -> Pass:
        total, statistics = 0.0, None
        for X, weight in samples.chunks(16384):
            squares = squared_distances(X, parameters.means)
            shares = hard(-squares)
            nearest = squares.min(axis=1)
            if weight is not None:
                shares *= weight[:, None]
                nearest = nearest * weight
            total -= 0.5 * float(nearest.sum())
            some = self.statistics(X, shares)
            statistics = some if statistics is None else self.blend(statistics, some, 1.0, 1.0)
        return Pass(statistics, total)


class SoftKMeans(Mixture):
    """Soft k-means: Gaussians of equal weight and one known variance, only means learned.

    variance : ε, in squared units of the samples; towards 0 it becomes `KMeans`.
    After `fit`: means_ (K, D), weights_ (K,) all equal, and what `Mixture` lists.

    Source: MacKay, Information Theory, Inference, and Learning Algorithms, 2003, ch. 20
    (his stiffness is 1 / variance); Bishop, PRML, 2006, section 9.3.2.
    """

    n_components: int = field(default=8, kw_only=False)
    variance: float = 1.0
    init_params: Start = "k-means++"
    means_init: Any = None

    means_: Floats = field(init=False)

    _in_chains = False

    def _family(self, samples: Samples) -> Family:
        return _SoftFamily(self.n_components, self.variance, samples.scale)

    def _learned_family(self) -> Family:
        return _SoftFamily(self.n_components, self.variance, np.ones(self.n_features_in_))

    def _begin(self, family: Any, samples: Samples, propose: Propose) -> Centres:
        shape = (self.n_components, samples.X.shape[1])
        means = given(self.means_init, "means_init", shape)
        if means is None:
            means = family.statistics(*propose()).means
        return Centres(np.full(self.n_components, 1 / self.n_components), means)

    def _learn(self, parameters: Centres, samples: Samples) -> None:
        self.weights_, self.means_ = parameters

    def _learned(self) -> Centres:
        return Centres(self.weights_, self.means_)

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        noise = rng.normal(0, self.variance**0.5, (len(labels), self.n_features_in_))
        drawn: Floats = parameters.means[labels] + noise
        return drawn

    def _check_settings(self) -> None:
        super()._check_settings()
        if not 0 < self.variance < np.inf:
            raise ValueError(f"variance is {self.variance}, wanted above 0")


class KMeans(SoftKMeans):
    """k-means by Lloyd's iteration: EM with a hard E-step.

    After `fit`: means_ (K, D), inertia_, the weighted sum of squared distances to the nearest
    mean, and what `Mixture` lists, where the objective is -inertia / 2 a sample.
    `score_samples` is minus half the squared distance; responsibilities are 0 or 1.

    Source: Lloyd, Least squares quantization in PCM, 1957 (IEEE IT 28, 1982).
    """

    tol: float = 0.0

    # Nothing to choose here: no settings of the constructor.
    algorithm: ClassVar[str] = "em"  # type: ignore[misc]
    acceleration: ClassVar[str | None] = None  # type: ignore[misc]
    variance: ClassVar[float] = 1.0  # type: ignore[misc]

    _algorithms = ("em",)

    def predict_proba(self, X: Any) -> Floats:
        """1 for the nearest mean, 0 for the others, (n_samples, n_components)."""
        labels = self.predict(X)
        shares = np.zeros((len(labels), self.n_components))
        shares[np.arange(len(labels)), labels] = 1.0
        return shares

    def score_samples(self, X: Any) -> Floats:
        """Minus half the squared distance to the nearest mean, (n_samples,)."""
        X = self._check_known(X)
        nearest = np.empty(len(X))
        for some, joint in self._joints(X):
            nearest[some] = joint.max(axis=1)
        return nearest

    def distances(self, X: Any) -> Floats:
        """Distances to the means, (n_samples, n_components)."""
        X = self._check_known(X).astype(np.float64)
        distances: Floats = np.sqrt(squared_distances(X, self.means_))
        return distances

    def _family(self, samples: Samples) -> Family:
        return _HardFamily(self.n_components, 1.0, samples.scale)

    def _learned_family(self) -> Family:
        return _HardFamily(self.n_components, 1.0, np.ones(self.n_features_in_))

    def _learn(self, parameters: Centres, samples: Samples) -> None:
        super()._learn(parameters, samples)
        self.inertia_ = -2 * self._learned_family().sweep(samples, parameters).log_likelihood
