"""Variational Bayes: mixtures of Gaussians whose parameters are distributions too."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, multigammaln

from segment.mixture import fused
from segment.mixture.base import Mixture, Propose
from segment.mixture.em import Fit
from segment.mixture.family import EPS, LOG_2PI, Assign, Collapse, Family, Pass
from segment.mixture.fused import Form, Moments, Precision
from segment.mixture.gaussian import given, in_memory
from segment.mixture.gaussian_family import GaussianFamily
from segment.mixture.samples import Floats, Samples

__all__ = ["BayesianGaussianMixture"]


class Posterior(NamedTuple):
    """Dirichlet for the weights, normal-Wishart for means and precisions."""

    concentrations: Floats
    """(K,)."""

    means: Floats
    """(K, D)."""

    mean_precisions: Floats
    """(K,) how many samples each mean rests on."""

    degrees: Floats
    """(K,) of the Wisharts."""

    scales: Floats
    """(K, D, D) W⁻¹, the inverse of the Wisharts' scale matrices: prior plus scatter."""


class BayesianFamily(Family):
    """EM with posteriors in place of parameters; its objective is the lower bound."""

    def __init__(
        self, n_components: int, prior: Posterior, reg_covar: float, scale: Floats
    ) -> None:
        self.n_components = n_components
        self.prior = prior
        """Of one component: arrays with a first axis of 1."""
        self.reg_covar = reg_covar
        self.scale = scale
        self.precision: Precision = "auto"
        self.gaussian = GaussianFamily(n_components, "full", reg_covar=reg_covar, scale=scale)

    def form(self, posterior: Posterior) -> Form:
        alpha, means, beta, degrees, scales = posterior
        features = means.shape[1]
        try:
            factors = np.linalg.inv(np.linalg.cholesky(scales))
        except np.linalg.LinAlgError:
            raise Collapse("a component's scale matrix is singular; raise reg_covar") from None
        log_det = 2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        halves = 0.5 * (degrees[:, None] - np.arange(features))
        log_precision = digamma(halves).sum(axis=1) + features * np.log(2) + log_det
        log_weights = digamma(alpha) - digamma(alpha.sum())
        constants = log_weights + 0.5 * (log_precision - features / beta - features * LOG_2PI)
        return Form(means, factors * np.sqrt(degrees)[:, None, None], constants)

    def sweep(self, samples: Samples, parameters: Posterior, assign: Assign | None = None) -> Pass:
        if assign is not None:
            return super().sweep(samples, parameters, assign)
        return Pass(*fused.sweep(samples, self.form(parameters), self.precision))

    def log_joint(self, X: Floats, parameters: Posterior) -> Floats:
        X = np.ascontiguousarray(X)
        return fused.judge(X, parameters.means.mean(axis=0), self.form(parameters), 0, len(X))

    def statistics(self, X: Floats, shares: Floats) -> Moments:
        return self.gaussian.statistics(X, shares)

    def blend(self, old: Moments, new: Moments, keep: float, add: float) -> Moments:
        return self.gaussian.blend(old, new, keep, add)

    def maximise(self, statistics: Moments, parameters: Any) -> Posterior:
        counts, means, scatters = statistics
        counts = counts + EPS
        features = means.shape[1]
        alpha, m, beta, degrees, scale = self.prior
        means = np.where(statistics.counts[:, None] > 0, means, m)
        worth = beta + counts
        apart = means - m
        shrunk = beta * counts / worth
        scales = scale + scatters + shrunk[:, None, None] * apart[:, :, None] * apart[:, None, :]
        scales[:, range(features), range(features)] += counts[:, None] * self.reg_covar
        middle = (beta[:, None] * m + counts[:, None] * means) / worth[:, None]
        return Posterior(alpha + counts, middle, worth, degrees + counts, scales)

    def expected(self, statistics: Moments, parameters: Posterior) -> float:
        counts, means, scatters = statistics
        form = self.form(parameters)
        apart = np.where(counts[:, None] > 0, means - form.means, 0.0)
        distances = np.einsum("kij,kjl,kil->k", form.factors, scatters, form.factors)
        distances += counts * (np.einsum("kij,kj->ki", form.factors, apart) ** 2).sum(axis=1)
        return float(counts @ form.constants - 0.5 * distances.sum())

    def log_prior(self, parameters: Posterior) -> float:
        """Minus KL(posterior || prior): what turns the sum of ln evidence into the bound.

        Source: Bishop, PRML, 2006, equations 10.70 to 10.77, gathered.
        """
        alpha, means, beta, degrees, scales = parameters
        features = means.shape[1]
        a0, m0, b0, v0, s0 = (part[0] for part in self.prior)
        components = len(alpha)
        total = gammaln(alpha.sum()) - gammaln(alpha).sum()
        total -= gammaln(components * a0) - components * gammaln(a0)
        total += ((alpha - a0) * (digamma(alpha) - digamma(alpha.sum()))).sum()
        log_det0 = np.linalg.slogdet(s0)[1]
        for k in range(components):
            inverse = np.linalg.inv(scales[k])
            log_det = np.linalg.slogdet(scales[k])[1]
            v = degrees[k]
            total += 0.5 * v0 * (log_det - log_det0)
            total += 0.5 * v * (float((s0 * inverse).sum()) - features)
            total += multigammaln(0.5 * v0, features) - multigammaln(0.5 * v, features)
            halves = 0.5 * (v - np.arange(features))
            total += 0.5 * (v - v0) * digamma(halves).sum()
            apart = means[k] - m0
            total += 0.5 * features * (b0 / beta[k] - 1 - np.log(b0 / beta[k]))
            total += 0.5 * b0 * v * float(apart @ inverse @ apart)
        return -float(total)

    def pack(self, parameters: Posterior) -> Floats:
        alpha, means, beta, degrees, scales = parameters
        features = means.shape[1]
        lower = np.linalg.cholesky(scales / degrees[:, None, None]) / self.scale[:, None]
        rows, columns = np.tril_indices(features, -1)
        parts = [
            np.log(alpha),
            (means / self.scale).ravel(),
            np.log(beta),
            np.log(degrees - features + 1),
            np.log(np.diagonal(lower, axis1=1, axis2=2)).ravel(),
            lower[:, rows, columns].ravel(),
        ]
        return np.concatenate(parts)

    def unpack(self, vector: Floats) -> Posterior:
        components, features = self.n_components, len(self.scale)
        sizes = np.cumsum([components, components * features] + [components] * 2)
        sizes = np.append(sizes, sizes[-1] + components * features)
        alpha, means, beta, degrees, logs, below = np.split(vector, sizes)
        rows, columns = np.tril_indices(features, -1)
        lower = np.zeros((components, features, features))
        lower[:, range(features), range(features)] = np.exp(
            np.clip(logs, -300, 300).reshape(components, -1)
        )
        lower[:, rows, columns] = below.reshape(components, -1)
        lower *= self.scale[:, None]
        worth = np.exp(np.clip(degrees, -30, 30)) + features - 1
        return Posterior(
            np.exp(np.clip(alpha, -30, 30)),
            means.reshape(components, features) * self.scale,
            np.exp(np.clip(beta, -30, 30)),
            worth,
            lower @ lower.transpose(0, 2, 1) * worth[:, None, None],
        )

    def count_free(self, features: int) -> int:
        return self.gaussian.count_free(features)


class BayesianGaussianMixture(Mixture):
    """Mixture of Gaussians by variational Bayes: components that are not needed fade away.

    Full covariances, a Dirichlet prior on the weights.

    weight_concentration_prior : α₀ of each component; None is 1 / K. Small ones prune.
    mean_prior : (D,); None is the samples' mean. mean_precision_prior : β₀; None is 1.
    degrees_of_freedom_prior : ν₀, above D - 1; None is D.
    covariance_prior : (D, D), W₀⁻¹; None is the samples' covariance.
    responsibilities_init : (n_samples, K), a given start.
    The other parameters as in `GaussianMixture`. After `fit`: weights_ (K,), means_ (K, D),
    covariances_ (K, D, D), expected; weight_concentration_ (K,), mean_precision_ (K,),
    degrees_of_freedom_ (K,); lower_bound_, the bound on ln p(X) a sample, with every constant;
    and what `Mixture` lists. `score_samples` uses expected log-densities, as scikit-learn.

    Source: Bishop, PRML, 2006, section 10.2.
    """

    weight_concentration_prior: float | None = None
    mean_prior: Any = None
    mean_precision_prior: float | None = None
    degrees_of_freedom_prior: float | None = None
    covariance_prior: Any = None
    reg_covar: float = 1e-6
    max_iter: int = 500
    responsibilities_init: Any = None

    _algorithms = ("em", "online")
    _in_chains = False

    def _family(self, samples: Samples) -> Family:
        features = samples.X.shape[1]
        alpha = self.weight_concentration_prior
        alpha = 1 / self.n_components if alpha is None else alpha
        beta = 1.0 if self.mean_precision_prior is None else self.mean_precision_prior
        degrees = self.degrees_of_freedom_prior
        degrees = float(features) if degrees is None else degrees
        if not (alpha > 0 and beta > 0 and degrees > features - 1):
            raise ValueError(
                f"weight_concentration_prior {alpha} and mean_precision_prior {beta} must be "
                f"above 0, degrees_of_freedom_prior {degrees} above {features - 1}"
            )
        mean = given(self.mean_prior, "mean_prior", (features,))
        scale = given(self.covariance_prior, "covariance_prior", (features, features))
        prior = Posterior(
            np.array([alpha]),
            (samples.centre if mean is None else mean)[None],
            np.array([beta]),
            np.array([degrees]),
            (_covariance(samples) if scale is None else scale)[None],
        )
        self._prior = prior
        return BayesianFamily(self.n_components, prior, self.reg_covar, samples.scale)

    def _learned_family(self) -> Family:
        scale = np.ones(self.n_features_in_)
        return BayesianFamily(self.n_components, self._prior, self.reg_covar, scale)

    def _begin(self, family: Any, samples: Samples, propose: Propose) -> Posterior:
        if self.responsibilities_init is None:
            X, shares = propose()
        else:
            in_memory(samples, "responsibilities_init")
            size = (len(samples), self.n_components)
            given_shares: Any = given(self.responsibilities_init, "responsibilities_init", size)
            X, shares = samples.X.astype(np.float64), given_shares
            if samples.weight.size:
                shares = shares * samples.weight[:, None]
        begin: Posterior = family.maximise(family.statistics(X, shares), None)
        return begin

    def _learn(self, parameters: Posterior, samples: Samples) -> None:
        self.weight_concentration_ = parameters.concentrations
        self.means_ = parameters.means
        self.mean_precision_ = parameters.mean_precisions
        self.degrees_of_freedom_ = parameters.degrees
        self.weights_ = parameters.concentrations / parameters.concentrations.sum()
        self.covariances_ = parameters.scales / parameters.degrees[:, None, None]
        self.precisions_ = np.linalg.inv(self.covariances_)

    def _learned(self) -> Posterior:
        return Posterior(
            self.weight_concentration_,
            self.means_,
            self.mean_precision_,
            self.degrees_of_freedom_,
            self.covariances_ * self.degrees_of_freedom_[:, None, None],
        )

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        lower = np.linalg.cholesky(self.covariances_)
        noise = rng.normal(size=(len(labels), self.n_features_in_))
        drawn: Floats = self.means_[labels] + np.einsum("nij,nj->ni", lower[labels], noise)
        return drawn

    def _collapsed(self, family: Any, fit: Fit, samples: Samples) -> NDArray[np.bool_]:
        # A component that fades away here does what it should.
        return np.zeros(self.n_components, bool)


def _covariance(samples: Samples) -> Floats:
    """The samples' covariance (D, D) with its n - 1, and a little where a feature is flat."""
    features = samples.X.shape[1]
    total = np.zeros((features, features))
    for X, weight in samples.chunks():
        d = X - samples.centre
        total += d.T @ (d if weight is None else d * weight[:, None])
    covariance: Floats = total / max(samples.total - 1, 1e-300)
    flat = np.diagonal(covariance) <= 0
    covariance[flat, flat] = 1e-6
    return covariance
