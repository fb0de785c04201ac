"""The equations of Gaussian mixtures: four shapes of covariance, priors, missing values."""

from typing import Any, Literal, NamedTuple

import numpy as np

from segment.mixture import fused, missing
from segment.mixture.family import EPS, LOG_2PI, Assign, Collapse, Family, Pass
from segment.mixture.fused import Form, Moments, Precision
from segment.mixture.priors import GaussianPrior
from segment.mixture.samples import Floats, Samples

__all__ = ["CovarianceType", "GaussianFamily", "GaussianParameters"]

CovarianceType = Literal["full", "tied", "diag", "spherical"]


class GaussianParameters(NamedTuple):
    """The parameters of K Gaussians."""

    weights: Floats
    """(K,) mixture weights, sum 1."""

    means: Floats
    """(K, D)."""

    covariances: Floats
    """full (K, D, D), tied (D, D), diag (K, D), spherical (K,)."""


class GaussianFamily(Family):
    """Equations of a mixture of K Gaussians in D dimensions.

    `scale` (D,) says what is of the order of 1 in each feature; only `pack` uses it.
    """

    def __init__(
        self,
        n_components: int,
        covariance_type: CovarianceType,
        *,
        reg_covar: float,
        scale: Floats,
        prior: GaussianPrior | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
        self.scale = scale
        self.prior = prior
        self.precision = precision
        self._recent: tuple[tuple[GaussianParameters, Form], ...] = ()

    @property
    def full(self) -> bool:
        """Whether scatters are matrices."""
        return self.covariance_type in ("full", "tied")

    def form(self, parameters: GaussianParameters) -> Form:
        """Factors of the precisions, and constants; Collapse where there are none."""
        # An iteration asks several times: before the sweep, and for the bound after it.
        for known, form in self._recent:
            if known is parameters:
                return form
        form = self._form(parameters)
        self._recent = (*self._recent[-1:], (parameters, form))
        return form

    def _form(self, parameters: GaussianParameters) -> Form:
        weights, means, covariances = parameters
        components, features = means.shape
        if self.full:
            lower = _cholesky(np.atleast_3d(covariances.T).T)
            factors = np.linalg.inv(lower)
            if self.covariance_type == "tied":
                factors = np.broadcast_to(factors, (components, features, features))
            log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        else:
            if self.covariance_type == "spherical":
                covariances = np.repeat(covariances[:, None], features, axis=1)
            if not (covariances > 0).all():
                raise Collapse(_whose((covariances > 0).all(axis=1), "its variance is 0"))
            factors = 1.0 / np.sqrt(covariances)
            log_det = np.log(factors).sum(axis=1)
        log_weights = np.log(np.maximum(weights, np.finfo(np.float64).tiny))
        return Form(means, factors, log_weights + log_det - 0.5 * features * LOG_2PI)

    def sweep(
        self, samples: Samples, parameters: GaussianParameters, assign: Assign | None = None
    ) -> Pass:
        if not samples.complete:
            covariances = self.covariance(parameters)
            return missing.sweep(samples, covariances, parameters, assign, self.full)
        if assign is not None:
            return super().sweep(samples, parameters, assign)
        return Pass(*fused.sweep(samples, self.form(parameters), self.precision))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_recent": ()}

    def log_joint(self, X: Floats, parameters: GaussianParameters) -> Floats:
        if np.isnan(X).any():
            return missing.log_joint(X, self.covariance(parameters), parameters)
        centre = parameters.means.mean(axis=0)
        return fused.judge(X, centre, self.form(parameters), 0, len(X))

    def statistics(self, X: Floats, shares: Floats) -> Moments:
        counts, means = fused.middles(X, shares)
        scatters = []
        for k in range(self.n_components):
            d = X - means[k]
            wd = shares[:, k, None] * d
            scatters.append(wd.T @ d if self.full else (wd * d).sum(axis=0))
        return Moments(counts, means, np.array(scatters))

    def statistics_at(self, X: Floats, shares: Floats, parameters: GaussianParameters) -> Moments:
        if np.isnan(X).any():
            covariances = self.covariance(parameters)
            return missing.statistics(X, shares, covariances, parameters, self.full)
        return fused.weigh(np.ascontiguousarray(X), shares, parameters.means, self.full)

    def blend(self, old: Moments, new: Moments, keep: float, add: float) -> Moments:
        a, b = keep * old.counts, add * new.counts
        counts = a + b
        safe = np.where(counts > 0, counts, 1.0)
        apart = new.means - old.means
        means = old.means + (b / safe)[:, None] * apart
        between = apart[:, :, None] * apart[:, None, :] if self.full else apart**2
        shape = (-1,) + (1,) * (old.scatters.ndim - 1)
        scatters = keep * old.scatters + add * new.scatters
        return Moments(counts, means, scatters + (a * b / safe).reshape(shape) * between)

    def maximise(self, statistics: Moments, parameters: GaussianParameters) -> GaussianParameters:
        counts, means, scatters = statistics
        # A component without samples stays where it is, and weighs next to nothing.
        empty = counts <= 0
        counts = counts + EPS
        means = np.where(empty[:, None], parameters.means, means)
        total = float(counts.sum())
        weights = counts / total
        divisor = counts
        tied_divisor = total
        if self.prior is not None:
            weights = self.prior.weights(counts)
            scatters = self.prior.add_scatter(scatters, means, counts)
            means = self.prior.means(means, counts)
            divisor = self.prior.divisor(counts, means.shape[1])
            tied_divisor = self.prior.tied_divisor(counts, means.shape[1])
        features = means.shape[1]
        if self.covariance_type == "full":
            covariances = scatters / divisor[:, None, None]
            covariances[:, range(features), range(features)] += self.reg_covar
        elif self.covariance_type == "tied":
            scatter = scatters.sum(axis=0)
            if self.prior is not None and self.prior.covariance is not None:
                # One covariance has one prior, not K of them.
                scatter -= (self.n_components - 1) * self.prior.spread(features, True)
            covariances = scatter / tied_divisor
            covariances[range(features), range(features)] += self.reg_covar
        elif self.covariance_type == "diag":
            covariances = scatters / divisor[:, None] + self.reg_covar
        else:
            covariances = scatters.mean(axis=1) / divisor + self.reg_covar
        if empty.any() and self.covariance_type != "tied" and self.prior is None:
            covariances[empty] = parameters.covariances[empty]
        if not (np.isfinite(means).all() and np.isfinite(covariances).all()):
            raise Collapse("the parameters are no longer finite")
        return GaussianParameters(weights, means, covariances)

    def expected(self, statistics: Moments, parameters: GaussianParameters) -> float:
        counts, means, scatters = statistics
        form = self.form(parameters)
        apart = np.where(counts[:, None] > 0, means - form.means, 0.0)
        if self.full:
            distances = np.einsum("kij,kjl,kil->k", form.factors, scatters, form.factors)
            distances += counts * (np.einsum("kij,kj->ki", form.factors, apart) ** 2).sum(axis=1)
        else:
            distances = (form.factors**2 * (scatters + counts[:, None] * apart**2)).sum(axis=1)
        return float(counts @ form.constants - 0.5 * distances.sum())

    def gradient(self, statistics: Moments, parameters: GaussianParameters) -> Floats:
        if self.prior is not None:
            return super().gradient(statistics, parameters)
        counts, means, scatters = statistics
        form = self.form(parameters)
        features = means.shape[1]
        apart = np.where(counts[:, None] > 0, means - form.means, 0.0)
        parts = [counts - counts.sum() * parameters.weights]
        if not self.full:
            precisions = form.factors**2
            parts.append((precisions * counts[:, None] * apart * self.scale).ravel())
            slopes = precisions * (scatters + counts[:, None] * apart**2) - counts[:, None]
            if self.covariance_type == "spherical":
                slopes = slopes.sum(axis=1)
            return np.concatenate([*parts, slopes.ravel()])
        # Σ = L L': dQ/dL = Σ⁻¹ (S - n Σ) Σ⁻¹ L, and L⁻¹ is the factor.
        precisions = form.factors.transpose(0, 2, 1) @ form.factors
        pull = np.einsum("kij,kj->ki", precisions, counts[:, None] * apart)
        parts.append((pull * self.scale).ravel())
        spread = scatters + counts[:, None, None] * apart[:, :, None] * apart[:, None, :]
        upper = form.factors.transpose(0, 2, 1)
        slopes = precisions @ spread @ upper - counts[:, None, None] * upper
        lower = np.linalg.inv(form.factors)
        if self.covariance_type == "tied":
            slopes, lower = slopes.sum(axis=0, keepdims=True), lower[:1]
        rows, columns = np.tril_indices(features, -1)
        logs = np.diagonal(slopes * lower, axis1=1, axis2=2)
        below = (slopes * self.scale[:, None])[:, rows, columns]
        return np.concatenate([*parts, logs.ravel(), below.ravel()])

    def log_prior(self, parameters: GaussianParameters) -> float:
        if self.prior is None:
            return 0.0
        tied = self.covariance_type == "tied"
        return self.prior.log_density(
            parameters.weights, parameters.means, self.covariance(parameters), tied
        )

    def covariance(self, parameters: GaussianParameters) -> Floats:
        """The covariances as (K, D, D), whatever their shape."""
        components, features = parameters.means.shape
        given = parameters.covariances
        if self.covariance_type == "full":
            return given
        if self.covariance_type == "tied":
            return np.broadcast_to(given, (components, features, features))
        if self.covariance_type == "spherical":
            given = np.repeat(given[:, None], features, axis=1)
        return given[:, :, None] * np.eye(features)

    def collapsed(self, parameters: GaussianParameters, total: float) -> Floats:
        """(K,) bool: whose spread is nothing but regularisation, or who has no sample left."""
        smallest = np.linalg.eigvalsh(self.covariance(parameters)).min(axis=1)
        floor = 2 * self.reg_covar + 1e-14 * float((self.scale**2).max())
        thin = (smallest <= floor) & (self.scale.min() ** 2 > 100 * self.reg_covar)
        collapsed: Floats = thin | (parameters.weights * total < 1e-3)
        return collapsed

    def pack(self, parameters: GaussianParameters) -> Floats:
        weights, means, covariances = parameters
        logits = np.log(np.maximum(weights, np.finfo(np.float64).tiny))
        parts = [logits - logits.mean(), (means / self.scale).ravel()]
        if self.full:
            lower = _cholesky(np.atleast_3d(covariances.T).T) / self.scale[:, None]
            rows, columns = np.tril_indices(means.shape[1], -1)
            parts.append(np.log(np.diagonal(lower, axis1=1, axis2=2)).ravel())
            parts.append(lower[:, rows, columns].ravel())
        else:
            parts.append(0.5 * np.log(covariances).ravel())
        return np.concatenate(parts)

    def unpack(self, vector: Floats) -> GaussianParameters:
        components, features = self.n_components, len(self.scale)
        logits, rest = np.split(vector, [components])
        weights = np.exp(logits - logits.max())
        means, rest = np.split(rest, [components * features])
        means = means.reshape(components, features) * self.scale
        if self.full:
            matrices = 1 if self.covariance_type == "tied" else components
            rows, columns = np.tril_indices(features, -1)
            lower = np.zeros((matrices, features, features))
            logs, below = np.split(rest, [matrices * features])
            lower[:, range(features), range(features)] = _bounded_exp(logs).reshape(matrices, -1)
            lower[:, rows, columns] = below.reshape(matrices, -1)
            lower *= self.scale[:, None]
            covariances = lower @ lower.transpose(0, 2, 1)
            if self.covariance_type == "tied":
                covariances = covariances[0]
        else:
            covariances = _bounded_exp(2 * rest)
            if self.covariance_type == "diag":
                covariances = covariances.reshape(components, features)
        return GaussianParameters(weights / weights.sum(), means, covariances)

    def count_free(self, features: int) -> int:
        square = features * (features + 1) // 2
        spread = {
            "full": self.n_components * square,
            "tied": square,
            "diag": self.n_components * features,
            "spherical": self.n_components,
        }[self.covariance_type]
        return self.n_components * features + spread + self.n_components - 1


def _cholesky(covariances: Floats) -> Floats:
    try:
        lower: Floats = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        smallest = np.linalg.eigvalsh(covariances).min(axis=1)
        sound = smallest > smallest.max() * 1e-15
        raise Collapse(_whose(sound, "its covariance is singular")) from None
    return lower


def _whose(sound: Any, what: str) -> str:
    bad = np.flatnonzero(~np.asarray(sound))
    whose = f"component {bad[0]}" if len(bad) else "a component"
    return f"{whose} has collapsed: {what}; raise reg_covar, give a prior or fewer components"


def _bounded_exp(x: Floats) -> Floats:
    """exp, without infinities when an accelerator has gone too far."""
    bounded: Floats = np.exp(np.clip(x, -300.0, 300.0))
    return bounded
