"""Beliefs about parameters before any sample: maximum a posteriori instead of likelihood."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from segment.mixture.samples import Floats

__all__ = ["BetaPrior", "GammaPrior", "GaussianPrior"]


@dataclass(frozen=True)
class GaussianPrior:
    """Dirichlet for the weights, normal-inverse-Wishart for means and covariances.

    concentration : of the Dirichlet; 1 is no belief, above 1 no weight can become 0.
    mean : (D,) where means are expected, used with `mean_precision`.
    mean_precision : how many samples that belief is worth; 0 is none.
    covariance : (D, D) matrix, (D,) diagonal or number, the scale matrix Ψ; None is none.
    degrees_of_freedom : of the inverse Wishart; with Ψ, D + 2 at least is usual.

    For diagonal and spherical covariances it is the same density, restricted to those.
    Source: Fraley and Raftery, Journal of Classification 24, 2007; Murphy, 2007.
    """

    concentration: float = 1.0
    mean: Any = 0.0
    mean_precision: float = 0.0
    covariance: Any = None
    degrees_of_freedom: float = 0.0

    def __post_init__(self) -> None:
        if self.concentration < 1 or self.mean_precision < 0 or self.degrees_of_freedom < 0:
            raise ValueError(
                f"concentration {self.concentration} must be at least 1 (below, the maximum is "
                f"at weights of 0), mean_precision {self.mean_precision} and "
                f"degrees_of_freedom {self.degrees_of_freedom} at least 0"
            )

    def spread(self, features: int, full: bool) -> Floats:
        """Ψ as (D, D), or its diagonal (D,)."""
        given = np.asarray(0.0 if self.covariance is None else self.covariance, np.float64)
        if given.ndim < 2:
            diagonal = np.broadcast_to(given, (features,)).copy()
            return np.diag(diagonal) if full else diagonal
        if given.shape != (features, features):
            raise ValueError(
                f"the prior's covariance is {given.shape}, wanted {(features, features)}"
            )
        return given if full else np.diagonal(given).copy()

    def weights(self, counts: Floats) -> Floats:
        """The most probable weights (K,)."""
        raised = counts + self.concentration - 1
        shares: Floats = raised / raised.sum()
        return shares

    def means(self, means: Floats, counts: Floats) -> Floats:
        """The most probable means (K, D)."""
        if self.mean_precision == 0:
            return means
        share = (counts / (counts + self.mean_precision))[:, None]
        shrunk: Floats = share * means + (1 - share) * np.asarray(self.mean, np.float64)
        return shrunk

    def add_scatter(self, scatters: Floats, means: Floats, counts: Floats) -> Floats:
        """Scatters (K, D, D) or (K, D), with what the prior adds to each."""
        full = scatters.ndim == 3
        apart = means - np.asarray(self.mean, np.float64)
        shrunk = self.mean_precision * counts / np.maximum(counts + self.mean_precision, 1e-300)
        added: Floats = scatters + self.spread(means.shape[1], full)
        if full:
            added += shrunk[:, None, None] * apart[:, :, None] * apart[:, None, :]
        else:
            added += shrunk[:, None] * apart**2
        return added

    @property
    def _about_mean(self) -> int:
        return 1 if self.mean_precision > 0 else 0

    def divisor(self, counts: Floats, features: int = 0) -> Floats:
        """What a scatter (K,) is divided by at the maximum."""
        return counts + self._exponent(features) + self._about_mean

    def tied_divisor(self, counts: Floats, features: int = 0) -> float:
        """The same where all components share one covariance."""
        shared = self._exponent(features) + self._about_mean * len(counts)
        return float(counts.sum()) + shared

    def _exponent(self, features: int) -> float:
        if self.covariance is None and self.degrees_of_freedom == 0:
            return 0.0
        return self.degrees_of_freedom + features + 1

    def log_density(self, weights: Floats, means: Floats, covariances: Floats, tied: bool) -> float:
        """Ln p of the parameters up to a constant; covariances (K, D, D)."""
        features = means.shape[1]
        logs = np.log(np.maximum(weights, np.finfo(np.float64).tiny))
        total = (self.concentration - 1) * float(logs.sum())
        spread = self.spread(features, True)
        apart = means - np.asarray(self.mean, np.float64)
        for k, covariance in enumerate(covariances):
            precision = np.linalg.inv(covariance)
            log_det = float(np.linalg.slogdet(covariance)[1])
            if k == 0 or not tied:
                total -= 0.5 * self._exponent(features) * log_det
                total -= 0.5 * float((spread * precision).sum())
            if self.mean_precision > 0:
                total -= 0.5 * log_det
                total -= 0.5 * self.mean_precision * float(apart[k] @ precision @ apart[k])
        return total


@dataclass(frozen=True)
class BetaPrior:
    """Beta for every probability of a Bernoulli or binomial mixture, Dirichlet for the weights.

    Worth `ones - 1` samples that are 1 and `zeros - 1` that are 0; all at least 1.
    """

    ones: float = 1.0
    zeros: float = 1.0
    concentration: float = 1.0

    def __post_init__(self) -> None:
        if min(self.ones, self.zeros, self.concentration) < 1:
            raise ValueError(f"{self} must be at least 1 throughout, or the maximum is at a border")

    def log_density(self, weights: Floats, probabilities: Floats) -> float:
        """Ln p of the parameters up to a constant."""
        tiny = np.finfo(np.float64).tiny
        p = np.clip(probabilities, tiny, None)
        q = np.clip(1 - probabilities, tiny, None)
        total = (self.ones - 1) * np.log(p).sum() + (self.zeros - 1) * np.log(q).sum()
        total += (self.concentration - 1) * np.log(np.maximum(weights, tiny)).sum()
        return float(total)


@dataclass(frozen=True)
class GammaPrior:
    """Gamma(shape, rate) for every rate of a Poisson mixture, Dirichlet for the weights."""

    shape: float = 1.0
    rate: float = 0.0
    concentration: float = 1.0

    def __post_init__(self) -> None:
        if self.shape < 1 or self.rate < 0 or self.concentration < 1:
            raise ValueError(f"{self}: shape and concentration are at least 1, rate at least 0")

    def log_density(self, weights: Floats, rates: Floats) -> float:
        """Ln p of the parameters up to a constant."""
        tiny = np.finfo(np.float64).tiny
        total = (self.shape - 1) * np.log(np.maximum(rates, tiny)).sum() - self.rate * rates.sum()
        total += (self.concentration - 1) * np.log(np.maximum(weights, tiny)).sum()
        return float(total)
