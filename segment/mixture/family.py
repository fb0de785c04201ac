"""What EM has to be told about a model: its densities, its sums, their maximum."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from segment.mixture.samples import Floats, Samples

__all__ = ["EPS", "LOG_2PI", "Assign", "Collapse", "Drawn", "Family", "Pass", "one_hot"]

EPS = 10 * float(np.finfo(np.float64).eps)
"""Added to counts of samples, so that a component without any divides nothing by 0."""

LOG_2PI = float(np.log(2 * np.pi))
"""Of every Gaussian's density, for each dimension half of it."""

Assign = Callable[[Floats], Floats]
"""ln responsibilities (n, K) to the (n, K) that the M-step shall use: drawn, or the largest."""


class Drawn:
    """An E-step that draws components by their responsibilities, and averages the draws."""

    def __init__(self, rng: np.random.Generator, draws: int) -> None:
        self.rng = rng
        self.draws = draws

    def __call__(self, log_shares: Floats) -> Floats:
        """The share of the draws (n, K) that fell on each component."""
        shares = np.exp(log_shares)
        # Rounding must not make the shares sum to more than 1.
        shares /= shares.sum(axis=1, keepdims=True)
        if self.draws == 1:
            edges = np.cumsum(shares, axis=1)
            labels = (self.rng.random((len(shares), 1)) > edges).sum(axis=1)
            return one_hot(np.minimum(labels, shares.shape[1] - 1), shares.shape[1])
        return self.rng.multinomial(self.draws, shares) / self.draws


def one_hot(labels: Any, components: int) -> Floats:
    """Shares (n, K) that are 1 for the component that each of `labels` (n,) names."""
    shares = np.zeros((len(labels), components))
    shares[np.arange(len(labels)), labels] = 1.0
    return shares


class Collapse(ArithmeticError):
    """A component has lost its samples or its spread, and its density can grow without end."""


class Pass(NamedTuple):
    """What one sweep over the samples found at some parameters."""

    statistics: Any
    """Sufficient statistics, a tuple of arrays, under the responsibilities at the parameters."""

    log_likelihood: float
    """Sum of w ln p(x) over the samples, nats."""


class Family(ABC):
    """A model's equations, with no state of a fit.

    Parameters and statistics are tuples of arrays that only the family looks into.
    Everything EM, its variants and its accelerators do is put together from these.
    """

    n_components: int

    @abstractmethod
    def log_joint(self, X: Floats, parameters: Any) -> Floats:
        """Ln of mixture weight times density: X (n, D) to (n, K)."""

    @abstractmethod
    def statistics(self, X: Floats, shares: Floats) -> Any:
        """Sufficient statistics of X (n, D) under `shares` (n, K), responsibilities × weight."""

    @abstractmethod
    def maximise(self, statistics: Any, parameters: Any) -> Any:
        """The parameters that maximise Q + ln prior; `parameters` are those of before.

        Raises Collapse where there is no maximum.
        """

    @abstractmethod
    def expected(self, statistics: Any, parameters: Any) -> float:
        """Q: the complete-data log-likelihood expected under the statistics, nats."""

    @abstractmethod
    def pack(self, parameters: Any) -> Floats:
        """The parameters as a vector without constraints, each entry of the order of 1."""

    @abstractmethod
    def unpack(self, vector: Floats) -> Any:
        """The parameters that `pack` turns into this vector."""

    @abstractmethod
    def count_free(self, features: int) -> int:
        """Free parameters, for the criteria."""

    def log_prior(self, parameters: Any) -> float:
        """What is added to the log-likelihood: ln p(parameters), or 0."""
        return 0.0

    def blend(self, old: Any, new: Any, keep: float, add: float) -> Any:
        """Statistics of `keep` times the old samples and `add` times the new ones."""
        return type(old)(*(keep * a + add * b for a, b in zip(old, new, strict=True)))

    def sweep(self, samples: Samples, parameters: Any, assign: Assign | None = None) -> Pass:
        """E-step and the sums for the M-step, in one sweep over the samples."""
        total, statistics = 0.0, None
        for X, weight in samples.chunks():
            joint = self.log_joint(X, parameters)
            evidence = logsumexp(joint, axis=1)
            log_shares = joint - evidence[:, None]
            shares = np.exp(log_shares) if assign is None else assign(log_shares)
            total += float(evidence.sum() if weight is None else weight @ evidence)
            if weight is not None:
                shares = shares * weight[:, None]
            some = self.statistics_at(X, shares, parameters)
            statistics = some if statistics is None else self.blend(statistics, some, 1.0, 1.0)
        return Pass(statistics, total)

    def statistics_at(self, X: Floats, shares: Floats, parameters: Any) -> Any:
        """As `statistics`, for families with more hidden variables than the component."""
        return self.statistics(X, shares)

    def draws(self, iteration: int) -> int:
        """How many draws the E-step of this iteration of MCEM averages."""
        return 1 + iteration**2 // 4

    def by_sums(self) -> "Family":
        """The same equations where `refine` is not asked, and sums have to do."""
        return self

    def refine(self, samples: Samples, parameters: Any) -> Any:
        """A further conditional step that needs the samples again; the likelihood only rises."""
        return parameters

    def gradient(self, statistics: Any, parameters: Any) -> Floats:
        """Slope of Q + ln prior along the packed vector; at the same parameters, of ln p too.

        Central differences of a function of few sums: no sweep is needed.
        """
        vector = self.pack(parameters)
        slope = np.empty_like(vector)
        for i in range(len(vector)):
            step = 1e-6 * max(1.0, abs(float(vector[i])))
            sides = []
            for sign in (1.0, -1.0):
                moved = vector.copy()
                moved[i] += sign * step
                there = self.unpack(moved)
                sides.append(self.expected(statistics, there) + self.log_prior(there))
            slope[i] = (sides[0] - sides[1]) / (2 * step)
        return slope
