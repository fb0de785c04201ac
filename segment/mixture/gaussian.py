"""Mixtures of Gaussians: the model most people mean when they say EM."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.base import Mixture, Propose
from segment.mixture.conditional import Conditional, condition
from segment.mixture.em import Fit
from segment.mixture.fused import Precision
from segment.mixture.gaussian_family import CovarianceType, GaussianFamily, GaussianParameters
from segment.mixture.priors import GaussianPrior
from segment.mixture.samples import Floats, Samples

__all__ = ["GaussianMixture"]


class GaussianMixture(Mixture):
    """Mixture of Gaussians, fitted by EM in one fused sweep an iteration.

    Parameters
    ----------
    n_components : K, at least 1.
    covariance_type : "full", "tied", "diag" or "spherical".
    tol : gain in mean log-likelihood, nats a sample, below which the fit ends.
    reg_covar : added to each variance, in squared units of the samples; 0 leaves plain EM.
    max_iter : sweeps after the first, at most.
    n_init : starts; the best fit is kept. They run in parallel.
    init_params : "kmeans", "k-means++", "random" or "random_from_data".
    weights_init, means_init, precisions_init : (K,), (K, D) and as `precisions_`: given starts.
    covariances_init : the same as covariances, instead of precisions.
    responsibilities_init : (n_samples, K), a start by an M-step.
    prior : GaussianPrior, for the maximum a posteriori.
    algorithm : "em", "gem", "sem", "saem", "mcem" or "online".
    acceleration : None, "squarem", "anderson", "aitken" or "conjugate-gradient".
    precision : arithmetic within a block of samples. "auto" is single for float32, uint8 and
        from 65,536 samples on: the mean log-likelihood differs by about 1e-7; sums are double.
    warm_start : begin where the last fit ended.
    random_state : seed, Generator or None.
    threads : None for all processors; the result is the same for any number.
    callback : called with the `Step` of each visited point.

    X may be float64, float32 or uint8; NaN is a missing value. After `fit`: weights_ (K,),
    means_ (K, D), covariances_, precisions_ and precisions_cholesky_, shaped as
    scikit-learn's, and what `Mixture` lists. No array of (n_samples, K) is made.

    Sources: Dempster, Laird and Rubin, JRSS B 39, 1977; Bishop, PRML, 2006, section 9.2.
    """

    covariance_type: CovarianceType = "full"
    reg_covar: float = 1e-6
    weights_init: Any = None
    means_init: Any = None
    precisions_init: Any = None
    covariances_init: Any = None
    responsibilities_init: Any = None
    prior: GaussianPrior | None = None
    precision: Precision = "auto"

    _takes_missing = True

    def conditional(self, X: Any) -> Conditional:
        """The distribution of every NaN of X (n_samples, n_features) given the rest of its row.

        Mean, variances, covariances, quantiles, intervals and draws; see `Conditional`.
        """
        X = self._check_known(X).astype(np.float64)
        learned = self._learned()
        return condition(X, self._learned_family().covariance(learned), learned)

    def fill(self, X: Any) -> Floats:
        """X (n_samples, n_features) with every NaN replaced by its expectation."""
        return self.conditional(X).mean

    def _shaping(self) -> dict[str, Any]:
        return super()._shaping() | {"covariance_type": self.covariance_type}

    def _family(self, samples: Samples) -> GaussianFamily:
        return GaussianFamily(
            self.n_components,
            self.covariance_type,
            reg_covar=self.reg_covar,
            scale=samples.scale,
            prior=self.prior,
            precision=self.precision,
        )

    def _learned_family(self) -> GaussianFamily:
        scale = np.ones(self.n_features_in_)
        return GaussianFamily(
            self.n_components, self.covariance_type, reg_covar=self.reg_covar, scale=scale
        )

    def _begin(
        self, family: GaussianFamily, samples: Samples, propose: Propose
    ) -> GaussianParameters:
        components, features = self.n_components, samples.X.shape[1]
        weights = given_weights(self.weights_init, components)
        means = given(self.means_init, "means_init", (components, features))
        covariances = self._given_covariances(components, features)
        if weights is None or means is None or covariances is None:
            if self.responsibilities_init is not None:
                in_memory(samples, "responsibilities_init")
                size = (len(samples), components)
                shares: Any = given(self.responsibilities_init, "responsibilities_init", size)
                X = samples.X.astype(np.float64)
                if not samples.complete:
                    X = np.where(np.isnan(X), samples.centre, X)
                if samples.weight.size:
                    shares = shares * samples.weight[:, None]
            else:
                X, shares = propose()
            nothing = GaussianParameters(
                np.full(components, 1 / components),
                np.tile(samples.centre, (components, 1)),
                self._broad(samples.scale**2),
            )
            found = family.maximise(family.statistics(X, shares), nothing)
            weights = found.weights if weights is None else weights
            means = found.means if means is None else means
            covariances = found.covariances if covariances is None else covariances
        return GaussianParameters(weights, means, covariances)

    def _broad(self, variance: Floats) -> Floats:
        """All the samples' spread, for a component that has none of its own."""
        shapes = {
            "full": np.tile(np.diag(variance), (self.n_components, 1, 1)),
            "tied": np.diag(variance),
            "diag": np.tile(variance, (self.n_components, 1)),
            "spherical": np.full(self.n_components, variance.mean()),
        }
        return shapes[self.covariance_type]

    def _given_covariances(self, components: int, features: int) -> Floats | None:
        shape = self._shape(components, features)
        if self.covariances_init is not None:
            return given(self.covariances_init, "covariances_init", shape)
        precisions = given(self.precisions_init, "precisions_init", shape)
        return None if precisions is None else self._invert(precisions)

    def _shape(self, components: int, features: int) -> tuple[int, ...]:
        shapes = {
            "full": (components, features, features),
            "tied": (features, features),
            "diag": (components, features),
            "spherical": (components,),
        }
        return shapes[self.covariance_type]

    def _invert(self, matrices: Floats) -> Floats:
        if self.covariance_type in ("full", "tied"):
            inverse: Floats = np.linalg.inv(matrices)
            return (inverse + np.swapaxes(inverse, -1, -2)) / 2
        reciprocal: Floats = 1.0 / matrices
        return reciprocal

    def _learn(self, parameters: GaussianParameters, samples: Samples) -> None:
        self.weights_, self.means_, self.covariances_ = parameters
        self.precisions_ = self._invert(self.covariances_)
        factors = self._learned_family().form(parameters).factors
        if self.covariance_type == "tied":
            self.precisions_cholesky_ = factors[0].T.copy()
        elif self.covariance_type == "full":
            self.precisions_cholesky_ = factors.transpose(0, 2, 1).copy()
        else:
            self.precisions_cholesky_ = np.sqrt(self.precisions_)

    def _learned(self) -> GaussianParameters:
        return GaussianParameters(self.weights_, self.means_, self.covariances_)

    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        lower = np.linalg.cholesky(self._learned_family().covariance(parameters))
        noise = rng.normal(size=(len(labels), self.n_features_in_))
        drawn: Floats = parameters.means[labels] + np.einsum("nij,nj->ni", lower[labels], noise)
        return drawn

    def _collapsed(self, family: Any, fit: Fit, samples: Samples) -> NDArray[np.bool_]:
        collapsed: NDArray[np.bool_] = family.collapsed(fit.point.parameters, samples.total)
        return collapsed

    def _check_settings(self) -> None:
        super()._check_settings()
        types = ("full", "tied", "diag", "spherical")
        if self.covariance_type not in types:
            raise ValueError(
                f"covariance_type is {self.covariance_type!r}, wanted one of {', '.join(types)}"
            )
        if not self.reg_covar >= 0:
            raise ValueError(f"reg_covar is {self.reg_covar}, wanted at least 0")


def in_memory(samples: Samples, what: str) -> None:
    """ValueError where samples come in blocks."""
    if len(samples.X) != len(samples):
        raise ValueError(f"{what} is for one array X; give means_init with Blocks")


def given(value: Any, name: str, shape: tuple[int, ...]) -> Floats | None:
    """`value` as float64 of this shape, or None; ValueError says what it was."""
    if value is None:
        return None
    array: Floats = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} is {array.shape}, wanted {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has NaN or infinity, wanted finite numbers")
    return array


def given_weights(value: Any, components: int) -> Floats | None:
    """`weights_init` as (K,) float64, or None; ValueError unless it is shares that sum to 1."""
    weights = given(value, "weights_init", (components,))
    if weights is not None and ((weights < 0).any() or abs(weights.sum() - 1) > 1e-6):
        raise ValueError(f"weights_init is {weights}, wanted shares that sum to 1")
    return weights
