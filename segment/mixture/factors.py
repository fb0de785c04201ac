"""Mixtures of factor analysers: many features that a few factors explain, in K ways."""

from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.base import Mixture, Propose
from segment.mixture.conditional import Conditional, condition
from segment.mixture.factor_family import FactorFamily, FactorParameters, Noise
from segment.mixture.fused import Precision
from segment.mixture.gaussian import given, given_weights
from segment.mixture.samples import Floats, Samples

__all__ = ["MixtureOfFactorAnalyzers"]


class MixtureOfFactorAnalyzers(Mixture):
    """Mixture of Gaussians of covariance W W' + Ψ: q factors and noise of each feature.

    Parameters
    ----------
    n_components : K. n_factors : q, 1 to D.
    noise : "diag", a variance for each feature (factor analysis), or "isotropic", one for
        all (probabilistic principal components).
    floor : the least noise, as a share of each feature's variance.
    algorithm : "em"; "px", EM with the factors' covariance expanded; "ecme", the best
        loadings for each noise in closed form, the fewest iterations; "gem", "sem", "saem",
        "mcem", "online". acceleration goes with "em" and "px".
    weights_init, means_init, loadings_init, noise_init : (K,), (K, D), (K, D, q), and (K, D) or
        (D,): given starts; with a noise alone, the best loadings for it.
    The other parameters as in `GaussianMixture`; NaN is a missing value.

    After `fit`: weights_ (K,), means_ (K, D), loadings_ (K, D, q), noise_variance_ (K, D),
    covariances_ (K, D, D), and what `Mixture` lists. Loadings are known up to a rotation.

    Sources: Rubin and Thayer, 1982; Ghahramani and Hinton, The EM algorithm for mixtures of
    factor analyzers, 1996; Liu, Rubin and Wu, 1998; Tipping and Bishop, 1999.
    """

    n_factors: int = field(default=1, kw_only=False)
    noise: Noise = "diag"
    floor: float = 1e-6
    max_iter: int = 1000
    weights_init: Any = None
    means_init: Any = None
    loadings_init: Any = None
    noise_init: Any = None
    algorithm: str = "ecme"
    precision: Precision = "auto"

    _algorithms = ("ecme", "em", "px", "gem", "sem", "saem", "mcem", "online")
    _takes_missing = True

    def conditional(self, X: Any) -> Conditional:
        """The distribution of every NaN of X (n_samples, n_features) given the rest of its row.

        Mean, variances, covariances, quantiles, intervals and draws; see `Conditional`.
        """
        X = self._check_known(X).astype(np.float64)
        return condition(X, self.covariances_, self._learned_family().as_gaussians(self._learned()))

    def fill(self, X: Any) -> Floats:
        """X (n_samples, n_features) with every NaN replaced by its expectation."""
        return self.conditional(X).mean

    def _shaping(self) -> dict[str, Any]:
        return super()._shaping() | {"n_factors": self.n_factors}

    def _equations(self, scale: Floats) -> FactorFamily:
        if self.n_factors > len(scale):
            raise ValueError(
                f"n_factors is {self.n_factors}, wanted at most the {len(scale)} features of X"
            )
        return FactorFamily(
            self.n_components,
            self.n_factors,
            self.noise,
            self.algorithm,
            self.floor,
            scale,
            self.precision,
        )

    def _family(self, samples: Samples) -> FactorFamily:
        return self._equations(samples.scale)

    def _learned_family(self) -> FactorFamily:
        return self._equations(np.ones(self.n_features_in_))

    def _begin(self, family: FactorFamily, samples: Samples, propose: Propose) -> FactorParameters:
        components, features = self.n_components, len(samples.centre)
        weights = given_weights(self.weights_init, components)
        means = given(self.means_init, "means_init", (components, features))
        shape = (components, features, self.n_factors)
        loadings = given(self.loadings_init, "loadings_init", shape)
        noise = None
        if self.noise_init is not None:
            every = np.asarray(self.noise_init, np.float64)
            size = (features,) if every.ndim == 1 else (components, features)
            noise = given(every, "noise_init", size)
        whole = family.whole(samples)
        sums = family.statistics(*propose()) if whole is None else whole
        found = family.maximise(sums, None) if noise is None else family.begin(sums, noise)
        return FactorParameters(
            found.weights if weights is None else weights,
            found.means if means is None else means,
            found.loadings if loadings is None else loadings,
            found.noises,
        )

    def _learn(self, parameters: FactorParameters, samples: Samples) -> None:
        self.weights_, self.means_, self.loadings_, self.noise_variance_ = parameters
        self.covariances_ = self._equations(samples.scale).as_gaussians(parameters).covariances

    def _learned(self) -> FactorParameters:
        return FactorParameters(self.weights_, self.means_, self.loadings_, self.noise_variance_)

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        z = rng.normal(size=(len(labels), self.n_factors))
        noise = rng.normal(size=(len(labels), self.n_features_in_))
        drawn: Floats = parameters.means[labels] + noise * np.sqrt(parameters.noises[labels])
        drawn += np.einsum("nij,nj->ni", parameters.loadings[labels], z)
        return drawn

    def _check_settings(self) -> None:
        super()._check_settings()
        if isinstance(self.n_factors, bool) or not isinstance(self.n_factors, (int, np.integer)):
            raise TypeError(f"n_factors is {self.n_factors!r}, wanted a whole number")
        if self.n_factors < 1:
            raise ValueError(f"n_factors is {self.n_factors}, wanted at least 1")
        if self.noise not in ("diag", "isotropic"):
            raise ValueError(f"noise is {self.noise!r}, wanted 'diag' or 'isotropic'")
        if not 0 < self.floor < 1:
            raise ValueError(f"floor is {self.floor}, wanted a share between 0 and 1")
