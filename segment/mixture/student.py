"""Mixtures of Student's t: Gaussians whose samples may each be wide of the mark."""

from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, gammaln, logsumexp, polygamma

from segment.mixture import fused
from segment.mixture.base import Mixture, Propose
from segment.mixture.family import EPS, Family
from segment.mixture.fused import Form
from segment.mixture.gaussian import given
from segment.mixture.gaussian_family import GaussianFamily, GaussianParameters
from segment.mixture.priors import GaussianPrior
from segment.mixture.samples import Floats, Samples

__all__ = ["StudentMixture"]

# Above, a Student is a Gaussian; below, it has no middle to speak of.
_MOST, _LEAST = 1e4, 0.05
_START = 10.0


class StudentParameters(NamedTuple):
    """Weights (K,), means (K, D), scale matrices (K, D, D), degrees of freedom (K,)."""

    weights: Floats
    means: Floats
    scales: Floats
    degrees: Floats


class StudentSums(NamedTuple):
    """Sums under responsibilities r and the expected precisions u of single samples."""

    counts: Floats
    """(K,) sum of r."""

    masses: Floats
    """(K,) sum of r u."""

    means: Floats
    """(K, D) sum of r u x / sum of r u."""

    scatters: Floats
    """(K, D, D) sum of r u (x - mean)(x - mean)'."""

    logs: Floats
    """(K,) sum of r E[ln u]."""


class StudentFamily(Family):
    """x is Gaussian with covariance scale / u, and u is Gamma(ν/2, ν/2).

    algorithm : "em" and "ecm" (the conditional steps for (mean, scale) and for ν are
        separate in Q, so both are one), "ecme" (ν maximises the likelihood itself),
        "px" (scale divided by the sum of r u, a parameter that EM keeps at 1; ν as ecme).
    known : (K,) degrees of freedom, or None to learn them.
    """

    def __init__(
        self,
        n_components: int,
        algorithm: str,
        known: Floats | None,
        reg_covar: float,
        scale: Floats,
        prior: GaussianPrior | None = None,
    ) -> None:
        self.n_components = n_components
        self.algorithm = algorithm
        self.refines = algorithm in ("ecme", "px")
        self.known = known
        self.reg_covar = reg_covar
        self.scale = scale
        self.prior = prior
        self.gaussian = GaussianFamily(
            n_components, "full", reg_covar=reg_covar, scale=scale, prior=prior
        )

    def distances(self, X: Floats, parameters: StudentParameters) -> tuple[Floats, Floats]:
        """Squared Mahalanobis distances (n, K), and ln det of the factors (K,)."""
        flat = np.ones(self.n_components)
        form = self.gaussian.form(GaussianParameters(flat, parameters.means, parameters.scales))
        log_det = np.log(np.diagonal(form.factors, axis1=1, axis2=2)).sum(axis=1)
        bare = Form(form.means, form.factors, np.zeros(self.n_components))
        centre = parameters.means.mean(axis=0)
        joint = fused.judge(np.ascontiguousarray(X), centre, bare, 0, len(X))
        return -2 * joint, log_det

    def log_joint(self, X: Floats, parameters: StudentParameters) -> Floats:
        distances, log_det = self.distances(X, parameters)
        return _log_density(distances, X.shape[1], parameters, log_det)

    def statistics(self, X: Floats, shares: Floats) -> StudentSums:
        return self._sums(X, shares, np.ones_like(shares), np.zeros_like(shares))

    def statistics_at(
        self, X: Floats, shares: Floats, parameters: StudentParameters
    ) -> StudentSums:
        features = X.shape[1]
        distances, _ = self.distances(X, parameters)
        half_sum = 0.5 * (parameters.degrees + features)
        below = 0.5 * (parameters.degrees + distances)
        return self._sums(X, shares, half_sum / below, digamma(half_sum) - np.log(below))

    def _sums(self, X: Floats, shares: Floats, u: Floats, log_u: Floats) -> StudentSums:
        mass = shares * u
        moments = self.gaussian.statistics(X, mass)
        logs = (shares * log_u).sum(axis=0)
        return StudentSums(
            shares.sum(axis=0), moments.counts, moments.means, moments.scatters, logs
        )

    def blend(self, old: StudentSums, new: StudentSums, keep: float, add: float) -> StudentSums:
        moments = self.gaussian.blend(
            fused.Moments(old.masses, old.means, old.scatters),
            fused.Moments(new.masses, new.means, new.scatters),
            keep,
            add,
        )
        return StudentSums(
            keep * old.counts + add * new.counts,
            moments.counts,
            moments.means,
            moments.scatters,
            keep * old.logs + add * new.logs,
        )

    def maximise(
        self, statistics: StudentSums, parameters: StudentParameters | None
    ) -> StudentParameters:
        counts = statistics.counts + EPS
        means, scatters = statistics.means, statistics.scatters
        divisor = counts
        if self.algorithm == "px":
            divisor = statistics.masses + EPS
        weights = counts / counts.sum()
        if self.prior is not None:
            features = means.shape[1]
            weights = self.prior.weights(counts)
            scatters = self.prior.add_scatter(scatters, means, statistics.masses)
            means = self.prior.means(means, statistics.masses)
            divisor = self.prior.divisor(divisor, features)
        scales = scatters / divisor[:, None, None]
        features = means.shape[1]
        scales[:, range(features), range(features)] += self.reg_covar
        if parameters is None:
            degrees = np.full(self.n_components, _START) if self.known is None else self.known
            return StudentParameters(weights, means, scales, degrees)
        empty = statistics.counts <= 0
        if empty.any():
            means = np.where(empty[:, None], parameters.means, means)
            scales = np.where(empty[:, None, None], parameters.scales, scales)
        degrees = parameters.degrees
        if self.known is None and not self.refines:
            masses, logs = statistics.masses, statistics.logs
            if self.algorithm == "px":
                # What u is expected to be besides its own scale, which went into the matrices.
                logs = logs - counts * np.log(np.maximum(masses, EPS) / counts)
                masses = counts
            slopes = (logs - masses) / counts
            degrees = np.array([_solve_degrees(float(slope)) for slope in slopes])
        return StudentParameters(weights, means, scales, degrees)

    def refine(self, samples: Samples, parameters: StudentParameters) -> StudentParameters:
        """ECME: with u no longer hidden, ν by Newton's method on the likelihood itself.

        Responsibilities stay those of the new means and scales: for one component this is
        the likelihood's maximum over ν, for more it still only rises.
        """
        if self.known is not None or not self.refines:
            return parameters
        features = samples.X.shape[1]
        degrees = parameters.degrees
        logs = np.log(degrees)
        # Kept between the sides that the slope has shown to be too low and too high.
        low, high = np.full_like(logs, np.log(_LEAST)), np.full_like(logs, np.log(_MOST))
        for _ in range(30):
            slope, bend = self._slope(samples, parameters, np.exp(logs), features)
            low, high = np.where(slope > 0, logs, low), np.where(slope < 0, logs, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                newton = np.where(bend < 0, logs - slope / bend, np.nan)
            outside = ~((newton >= low) & (newton <= high))
            moved = np.where(outside, 0.5 * (low + high), newton)
            change = np.abs(moved - logs).max()
            logs = moved
            if change < 1e-7:
                break
        return parameters._replace(degrees=np.clip(np.exp(logs), _LEAST, _MOST))

    def by_sums(self) -> "StudentFamily":
        other = copy(self)
        other.refines = False
        return other

    def _slope(
        self, samples: Samples, parameters: StudentParameters, degrees: Floats, features: int
    ) -> tuple[Floats, Floats]:
        """First and second derivative of sum r ln t along ln ν, (K,) each; r at `parameters`."""
        first, second = np.zeros_like(degrees), np.zeros_like(degrees)
        for X, weight in samples.chunks():
            distances, log_det = self.distances(X, parameters)
            joint = _log_density(distances, features, parameters, log_det)
            shares = np.exp(joint - logsumexp(joint, axis=1)[:, None])
            if weight is not None:
                shares *= weight[:, None]
            n = shares.sum(axis=0)
            below = degrees + distances
            common = digamma(0.5 * (degrees + features)) - digamma(0.5 * degrees)
            terms = np.log(degrees / below) + 1 - (degrees + features) / below
            d1 = 0.5 * (n * common + (shares * terms).sum(axis=0))
            bend = polygamma(1, 0.5 * (degrees + features)) - polygamma(1, 0.5 * degrees)
            inner = 1 / degrees - 1 / below - (distances - features) / below**2
            d2 = 0.5 * (0.5 * n * bend + (shares * inner).sum(axis=0))
            first += d1 * degrees
            second += d2 * degrees**2 + d1 * degrees
        return first, second

    def expected(self, statistics: StudentSums, parameters: StudentParameters) -> float:
        counts, masses, means, scatters, logs = statistics
        features = means.shape[1]
        ones = np.ones(self.n_components)
        form = self.gaussian.form(GaussianParameters(ones, parameters.means, parameters.scales))
        apart = np.where(masses[:, None] > 0, means - parameters.means, 0.0)
        distances = np.einsum("kij,kjl,kil->k", form.factors, scatters, form.factors)
        distances += masses * (np.einsum("kij,kj->ki", form.factors, apart) ** 2).sum(axis=1)
        half = 0.5 * parameters.degrees
        log_weights = np.log(np.maximum(parameters.weights, np.finfo(np.float64).tiny))
        total = counts * (log_weights + form.constants) - 0.5 * distances
        total += 0.5 * features * logs
        total += counts * (half * np.log(half) - gammaln(half)) + (half - 1) * logs - half * masses
        return float(total.sum())

    def log_prior(self, parameters: StudentParameters) -> float:
        if self.prior is None:
            return 0.0
        return self.prior.log_density(
            parameters.weights, parameters.means, parameters.scales, False
        )

    def pack(self, parameters: StudentParameters) -> Floats:
        gaussian = self.gaussian.pack(GaussianParameters(*parameters[:3]))
        if self.known is not None:
            return gaussian
        return np.concatenate([gaussian, np.log(parameters.degrees)])

    def unpack(self, vector: Floats) -> StudentParameters:
        if self.known is not None:
            return StudentParameters(*self.gaussian.unpack(vector), self.known)
        vector, logs = vector[: -self.n_components], vector[-self.n_components :]
        degrees = np.exp(np.clip(logs, np.log(_LEAST), np.log(_MOST)))
        return StudentParameters(*self.gaussian.unpack(vector), degrees)

    def count_free(self, features: int) -> int:
        learned = self.n_components if self.known is None else 0
        return self.gaussian.count_free(features) + learned


def _log_density(
    distances: Floats, features: int, parameters: StudentParameters, log_det: Floats
) -> Floats:
    degrees = parameters.degrees
    half_sum = 0.5 * (degrees + features)
    constants = gammaln(half_sum) - gammaln(0.5 * degrees) + log_det
    constants -= 0.5 * features * np.log(np.pi * degrees)
    constants += np.log(np.maximum(parameters.weights, np.finfo(np.float64).tiny))
    joint: Floats = constants - half_sum * np.log1p(distances / degrees)
    return joint


def _solve_degrees(slope: float) -> float:
    """ν of Q's maximum: ln(ν/2) - ψ(ν/2) + 1 + mean of (E ln u - u) = 0."""

    def equation(log_degrees: float) -> float:
        half = 0.5 * np.exp(log_degrees)
        return float(np.log(half) - digamma(half) + 1 + slope)

    low, high = np.log(_LEAST), np.log(_MOST)
    if equation(low) <= 0:
        return _LEAST
    if equation(high) >= 0:
        return _MOST
    return float(np.exp(brentq(equation, low, high, xtol=1e-13)))


class StudentMixture(Mixture):
    """Mixture of multivariate Student's t with full scale matrices: outliers count less.

    degrees_of_freedom : number or (K,) if known, None to learn one for each component.
    algorithm : "em", "ecm", "ecme" or "px"; and "gem", "sem", "saem", "mcem", "online".
    means_init, scales_init, weights_init : (K, D), (K, D, D), (K,): a given start.
    The other parameters as in `GaussianMixture`. After `fit`: weights_ (K,), means_ (K, D),
    scales_ (K, D, D), degrees_of_freedom_ (K,), within 0.05 and 10,000, and what `Mixture`
    lists.

    Sources: Peel and McLachlan, Statistics and Computing 10, 2000; Liu and Rubin, ML
    estimation of the t distribution using EM and its extensions, ECM and ECME, 1995;
    Liu, Rubin and Wu, Parameter expansion to accelerate EM: the PX-EM algorithm, 1998.
    """

    degrees_of_freedom: Any = None
    reg_covar: float = 1e-6
    weights_init: Any = None
    means_init: Any = None
    scales_init: Any = None
    prior: GaussianPrior | None = None
    algorithm: str = "px"

    _algorithms = ("em", "ecm", "ecme", "px", "gem", "sem", "saem", "mcem", "online")

    def _equations(self, scale: Floats) -> StudentFamily:
        known = None
        if self.degrees_of_freedom is not None:
            degrees = np.asarray(self.degrees_of_freedom, np.float64)
            known = np.broadcast_to(degrees, (self.n_components,)).copy()
            if not (known > 0).all():
                raise ValueError(f"degrees_of_freedom is {degrees}, wanted above 0")
        return StudentFamily(
            self.n_components, self.algorithm, known, self.reg_covar, scale, self.prior
        )

    def _family(self, samples: Samples) -> Family:
        return self._equations(samples.scale)

    def _learned_family(self) -> Family:
        return self._equations(np.ones(self.n_features_in_))

    def _begin(self, family: Any, samples: Samples, propose: Propose) -> Any:
        components, features = self.n_components, samples.X.shape[1]
        weights = given(self.weights_init, "weights_init", (components,))
        means = given(self.means_init, "means_init", (components, features))
        scales = given(self.scales_init, "scales_init", (components, features, features))
        begin = super()._begin(family, samples, propose)
        return StudentParameters(
            begin.weights if weights is None else weights,
            begin.means if means is None else means,
            begin.scales if scales is None else scales,
            begin.degrees,
        )

    def _learn(self, parameters: StudentParameters, samples: Samples) -> None:
        self.weights_, self.means_, self.scales_, self.degrees_of_freedom_ = parameters

    def _learned(self) -> StudentParameters:
        return StudentParameters(self.weights_, self.means_, self.scales_, self.degrees_of_freedom_)

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        lower = np.linalg.cholesky(parameters.scales)
        noise = rng.normal(size=(len(labels), self.n_features_in_))
        half = 0.5 * parameters.degrees[labels]
        u = rng.gamma(half) / half
        wide = np.einsum("nij,nj->ni", lower[labels], noise) / np.sqrt(u)[:, None]
        drawn: Floats = parameters.means[labels] + wide
        return drawn
