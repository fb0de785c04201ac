"""The equations of factor analysers: Gaussians whose covariance is a few factors and noise."""

from typing import Any, Literal, NamedTuple

import numpy as np

from segment.mixture.family import EPS, Assign, Collapse, Family, Pass
from segment.mixture.fused import Moments, Precision
from segment.mixture.gaussian_family import GaussianFamily, GaussianParameters
from segment.mixture.samples import Floats, Samples

__all__ = ["FactorFamily", "FactorParameters", "Noise", "posterior"]

Noise = Literal["diag", "isotropic"]


class FactorParameters(NamedTuple):
    """The parameters of K factor analysers with q factors each."""

    weights: Floats
    """(K,) mixture weights, sum 1."""

    means: Floats
    """(K, D)."""

    loadings: Floats
    """(K, D, q): x = mean + loadings z + noise, z (q,) standard normal."""

    noises: Floats
    """(K, D) variances of the noise; all equal in a row where it is isotropic."""


class FactorFamily(Family):
    """Mixture of K Gaussians of covariance W W' + Ψ, Ψ diagonal.

    Only the component is hidden from the sweep, so that its sums are those of full
    Gaussians; given them, the M-step takes the factors for hidden and does a step of its own:

    algorithm : "em", Rubin and Thayer's; "px", the factors' covariance expanded and taken back
        into W; "ecme", Ψ by EM and then the best W for it, in closed form. Isotropic, "ecme" is
        the closed form of both: for one component the maximum itself.
    floor : the least noise, as a share of each feature's variance: the best Ψ above it.

    Sources: Rubin and Thayer, Psychometrika 47, 1982; Liu, Rubin and Wu, Biometrika 85, 1998;
    Ghahramani and Hinton, CRG-TR-96-1, 1996; Tipping and Bishop, JRSS B 61, 1999.
    """

    def __init__(
        self,
        n_components: int,
        factors: int,
        noise: Noise,
        algorithm: str,
        floor: float,
        scale: Floats,
        precision: Precision = "auto",
    ) -> None:
        self.n_components = n_components
        self.factors = factors
        self.noise = noise
        self.algorithm = algorithm
        self.least = floor * scale**2
        self.scale = scale
        self.gaussian = GaussianFamily(
            n_components, "full", reg_covar=0.0, scale=scale, precision=precision
        )
        self._recent: tuple[tuple[FactorParameters, GaussianParameters], ...] = ()
        self._whole: tuple[Any, Moments] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_recent": (), "_whole": None}

    def as_gaussians(self, parameters: FactorParameters) -> GaussianParameters:
        """The same densities, with covariances (K, D, D)."""
        for known, gaussians in self._recent:
            if known is parameters:
                return gaussians
        weights, means, loadings, noises = parameters
        covariances = loadings @ loadings.transpose(0, 2, 1)
        features = means.shape[1]
        covariances[:, range(features), range(features)] += noises
        gaussians = GaussianParameters(weights, means, covariances)
        self._recent = (*self._recent[-1:], (parameters, gaussians))
        return gaussians

    def sweep(
        self, samples: Samples, parameters: FactorParameters, assign: Assign | None = None
    ) -> Pass:
        gaussians = self.as_gaussians(parameters)
        whole = self.whole(samples)
        if whole is None:
            return self.gaussian.sweep(samples, gaussians, assign)
        return Pass(whole, self.gaussian.expected(whole, gaussians))

    def whole(self, samples: Samples) -> Moments | None:
        """Sums that are the same at any parameters: of one component, and without gaps."""
        if self.n_components > 1 or not samples.complete:
            return None
        if self._whole is None or self._whole[0] is not samples:
            self._whole = (samples, self._moments(samples))
        return self._whole[1]

    def _moments(self, samples: Samples) -> Moments:
        features = len(samples.centre)
        total, first = 0.0, np.zeros(features)
        second = np.zeros((features, features))
        for X, weight in samples.chunks():
            d = X - samples.centre
            wd = d if weight is None else d * weight[:, None]
            total += float(len(d) if weight is None else weight.sum())
            first += wd.sum(axis=0)
            second += wd.T @ d
        shift = first / total
        second -= total * np.multiply.outer(shift, shift)
        return Moments(np.array([total]), (samples.centre + shift)[None], second[None])

    def log_joint(self, X: Floats, parameters: FactorParameters) -> Floats:
        return self.gaussian.log_joint(X, self.as_gaussians(parameters))

    def statistics(self, X: Floats, shares: Floats) -> Moments:
        return self.gaussian.statistics(X, shares)

    def statistics_at(self, X: Floats, shares: Floats, parameters: FactorParameters) -> Moments:
        return self.gaussian.statistics_at(X, shares, self.as_gaussians(parameters))

    def blend(self, old: Moments, new: Moments, keep: float, add: float) -> Moments:
        return self.gaussian.blend(old, new, keep, add)

    def expected(self, statistics: Moments, parameters: FactorParameters) -> float:
        return self.gaussian.expected(statistics, self.as_gaussians(parameters))

    def maximise(
        self, statistics: Moments, parameters: FactorParameters | None
    ) -> FactorParameters:
        counts, means, scatters = statistics
        weights = (counts + EPS) / (counts + EPS).sum()
        components, features = means.shape
        loadings = np.empty((components, features, self.factors))
        noises = np.empty((components, features))
        means = means.copy()
        for k in range(components):
            if counts[k] <= 0 and parameters is not None:
                # A component without samples stays as it is.
                means[k], loadings[k], noises[k] = (p[k] for p in parameters[1:])
                continue
            covariance = scatters[k] / (counts[k] + EPS)
            if not np.isfinite(covariance).all():
                raise Collapse("the parameters are no longer finite")
            if parameters is None:
                noise = self._first_noise(covariance)
                loadings[k], noises[k] = self._best(covariance, noise)
            else:
                loadings[k], noises[k] = self._step(
                    covariance, parameters.loadings[k], parameters.noises[k]
                )
        return FactorParameters(weights, means, loadings, noises)

    def begin(self, statistics: Moments, noise: Floats) -> FactorParameters:
        """The means of the samples, and the best loadings for noise (D,) or (K, D)."""
        counts, means, scatters = statistics
        noises = np.maximum(np.broadcast_to(noise, means.shape), self.least)
        found = [
            self._loadings(scatter / (count + EPS), psi)
            for scatter, count, psi in zip(scatters, counts, noises, strict=True)
        ]
        return FactorParameters(counts / counts.sum(), means, np.array(found), noises)

    def _first_noise(self, covariance: Floats) -> Floats:
        """Jöreskog's guess: most of what the other features do not tell of each."""
        features = len(covariance)
        variance = np.maximum(np.diagonal(covariance), self.least)
        unlike = covariance + 1e-6 * np.diag(variance)
        alone = 1 / np.diagonal(np.linalg.inv(unlike))
        share = 1 - 0.5 * self.factors / features
        return np.clip(share * alone, self.least, variance)

    def _step(self, covariance: Floats, loadings: Floats, noise: Floats) -> tuple[Floats, Floats]:
        """Better loadings (D, q) and noise (D,) for the covariance (D, D) of the samples."""
        if self.noise == "isotropic" and self.algorithm == "ecme":
            return self._best(covariance, noise)
        # E-step: factors given a sample are slope (x - mean), of covariance `left`.
        slope, left = posterior(loadings, noise)
        across = covariance @ slope.T
        factors = left + slope @ across
        better = np.linalg.solve(factors, across.T).T
        psi = np.diagonal(covariance) - (better * across).sum(axis=1)
        if self.noise == "isotropic":
            psi = np.full(len(psi), psi.mean())
        psi = np.maximum(psi, self.least if self.noise == "diag" else self.least.mean())
        if self.algorithm == "px":
            # The factors' own covariance, which EM keeps at 1, goes into the loadings.
            better = better @ np.linalg.cholesky(factors)
        elif self.algorithm == "ecme":
            better = self._loadings(covariance, psi)
        return better, psi

    def _best(self, covariance: Floats, noise: Floats) -> tuple[Floats, Floats]:
        """The best loadings for this noise, and where noise is isotropic the best of that, too."""
        if self.noise == "diag":
            return self._loadings(covariance, noise), noise
        values, vectors = np.linalg.eigh(covariance)
        features = len(values)
        rest = values[: features - self.factors]
        psi = max(float(rest.mean()) if len(rest) else 0.0, float(self.least.mean()))
        lengths = np.sqrt(np.maximum(values[features - self.factors :][::-1] - psi, 0.0))
        return vectors[:, ::-1][:, : self.factors] * lengths, np.full(features, psi)

    def _loadings(self, covariance: Floats, noise: Floats) -> Floats:
        """The loadings (D, q) of the highest likelihood for this noise."""
        root = np.sqrt(noise)
        values, vectors = np.linalg.eigh(covariance / root[:, None] / root)
        lengths = np.sqrt(np.maximum(values[::-1][: self.factors] - 1, 0.0))
        best: Floats = root[:, None] * vectors[:, ::-1][:, : self.factors] * lengths
        return best

    def pack(self, parameters: FactorParameters) -> Floats:
        weights, means, loadings, noises = parameters
        logits = np.log(np.maximum(weights, np.finfo(np.float64).tiny))
        if self.noise == "isotropic":
            noises = noises[:, :1]
        return np.concatenate(
            [
                logits - logits.mean(),
                (means / self.scale).ravel(),
                (loadings / self.scale[:, None]).ravel(),
                0.5 * np.log(noises).ravel(),
            ]
        )

    def unpack(self, vector: Floats) -> FactorParameters:
        components, features = self.n_components, len(self.scale)
        many = components * features
        logits, means, loadings, logs = np.split(
            vector, np.cumsum([components, many, many * self.factors])
        )
        weights = np.exp(logits - logits.max())
        noises = np.exp(np.clip(2 * logs, -300.0, 300.0)).reshape(components, -1)
        least = self.least if self.noise == "diag" else self.least.mean()
        return FactorParameters(
            weights / weights.sum(),
            means.reshape(components, features) * self.scale,
            loadings.reshape(components, features, -1) * self.scale[:, None],
            np.maximum(np.broadcast_to(noises, (components, features)), least),
        )

    def gradient(self, statistics: Moments, parameters: FactorParameters) -> Floats:
        counts, means, scatters = statistics
        gaussians = self.as_gaussians(parameters)
        form = self.gaussian.form(gaussians)
        precisions = form.factors.transpose(0, 2, 1) @ form.factors
        apart = np.where(counts[:, None] > 0, means - form.means, 0.0)
        pull = np.einsum("kij,kj->ki", precisions, counts[:, None] * apart)
        spread = scatters + counts[:, None, None] * apart[:, :, None] * apart[:, None, :]
        # dQ/dΣ = (Σ⁻¹ S Σ⁻¹ - n Σ⁻¹) / 2, and Σ = W W' + Ψ.
        slopes = precisions @ spread @ precisions - counts[:, None, None] * precisions
        noises = np.diagonal(slopes, axis1=1, axis2=2) * parameters.noises
        if self.noise == "isotropic":
            noises = noises.sum(axis=1)
        return np.concatenate(
            [
                counts - counts.sum() * parameters.weights,
                (pull * self.scale).ravel(),
                (slopes @ parameters.loadings * self.scale[:, None]).ravel(),
                noises.ravel(),
            ]
        )

    def count_free(self, features: int) -> int:
        # Loadings can be turned without any change: so many angles are not free.
        turned = self.factors * (self.factors - 1) // 2
        noise = features if self.noise == "diag" else 1
        each = features + features * self.factors - turned + noise
        return self.n_components * each + self.n_components - 1


def posterior(loadings: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Slope (q, D) of the expected factors along x - mean, and their covariance (q, q) given x."""
    scaled = loadings / noise[:, None]
    left = np.linalg.inv(np.eye(loadings.shape[1]) + loadings.T @ scaled)
    return left @ scaled.T, left
