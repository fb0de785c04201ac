"""Factor analysis and probabilistic principal components: one component, and its factors."""

import sys
from typing import Any, ClassVar, Self

import numpy as np

from segment.mixture.blocks import Blocks
from segment.mixture.conditional import Conditional
from segment.mixture.em import Bound
from segment.mixture.factor_family import Noise, posterior
from segment.mixture.factors import MixtureOfFactorAnalyzers
from segment.mixture.samples import Floats
from segment.mixture.settings import Settings

__all__ = ["FactorAnalysis", "ProbabilisticPCA"]


class _Factors(Settings):
    """What both have in common: a mixture of one factor analyser does the work."""

    max_iter: int = 1000
    algorithm: str = "ecme"

    _takes_missing = True
    _noise: ClassVar[Noise]
    _copied = (
        "history_",
        "converged_",
        "reason_",
        "n_iter_",
        "lower_bound_",
        "lower_bounds_",
        "n_features_in_",
    )

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features); NaN is a missing value; weights (n_samples,).

        Raises ValueError for samples or settings that cannot be used.
        """
        self._check_factors(X)
        own = self.get_params(deep=False) | {"n_components": 1}
        one = MixtureOfFactorAnalyzers(n_factors=self.n_components, noise=self._noise, **own)
        if self.warm_start and hasattr(self, "_one"):
            vars(one).update({k: v for k, v in vars(self._one).items() if k.endswith("_")})
        one.fit(X, sample_weight=sample_weight)
        self._one: MixtureOfFactorAnalyzers = one
        self._note_names(X)
        for name in self._copied:
            setattr(self, name, getattr(one, name))
        self.mean_ = one.means_[0]
        self.components_ = one.loadings_[0].T
        self.noise_variance_: Any = one.noise_variance_[0]
        return self

    def _check_factors(self, X: Any) -> None:
        # In their own words: the mixture that does the work calls them n_factors.
        number = self.n_components
        shape = () if isinstance(X, Blocks) else np.asarray(X).shape
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise TypeError(f"n_components is {number!r}, wanted a whole number of factors")
        most = shape[1] if len(shape) == 2 and shape[1] else number
        if not 1 <= number <= most:
            raise ValueError(f"n_components is {number}, wanted 1 to {most}, the features of X")
        learned = len(self.components_) if self.warm_start and hasattr(self, "_one") else number
        if learned != number:
            raise ValueError(
                f"n_components is {number}, but {learned} when this was fitted; fit again without "
                "warm_start"
            )

    def fit_transform(self, X: Any, y: Any = None) -> Floats:
        """Fit, and return the expected factors."""
        return self.fit(X).transform(X)

    def transform(self, X: Any) -> Floats:
        """The expected factors (n_samples, n_components) of each sample, gaps or not."""
        filled = self.fill(X)
        slope, _ = posterior(self._one.loadings_[0], self._one.noise_variance_[0])
        factors: Floats = (filled - self.mean_) @ slope.T
        return factors

    def inverse_transform(self, Z: Any) -> Floats:
        """The expected features (n_samples, n_features) of factors (n_samples, n_components)."""
        self._check_fitted()
        given = np.asarray(Z, np.float64)
        if given.ndim != 2 or given.shape[1] != len(self.components_):
            raise ValueError(
                f"Z is {given.shape}, wanted (n_samples, {len(self.components_)}): the factors"
            )
        features: Floats = given @ self.components_ + self.mean_
        return features

    def get_covariance(self) -> Floats:
        """The model's covariance (D, D): W W' + noise."""
        self._check_fitted()
        covariance: Floats = self._one.covariances_[0]
        return covariance

    def get_precision(self) -> Floats:
        """The inverse of the covariance, (D, D)."""
        precision: Floats = np.linalg.inv(self.get_covariance())
        return precision

    def conditional(self, X: Any) -> Conditional:
        """The distribution of every NaN of X given the rest of its row; see `Conditional`."""
        return self._fitted(X).conditional(X)

    def fill(self, X: Any) -> Floats:
        """X (n_samples, n_features) with every NaN replaced by its expectation."""
        return self.conditional(X).mean

    def score_samples(self, X: Any) -> Floats:
        """Ln p of each sample, (n_samples,) nats."""
        return self._fitted(X).score_samples(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean ln p of a sample, nats."""
        return self._fitted(X).score(X, sample_weight=sample_weight)

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; lower is better."""
        return self._fitted(X).bic(X, sample_weight)

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's information criterion; lower is better."""
        return self._fitted(X).aic(X, sample_weight)

    def sample(self, n_samples: int = 1) -> Floats:
        """Draw (n_samples, n_features) samples."""
        self._check_fitted()
        return self._one.sample(n_samples)[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags = sys.modules["sklearn.utils"].TransformerTags(preserves_dtype=[])
        return tags

    def _bound(self, X: Any, q: Any, sample_weight: Any, lengths: Any) -> Bound:
        return self._fitted(X)._bound(X, q, sample_weight, lengths)

    def _fitted(self, X: Any) -> MixtureOfFactorAnalyzers:
        self._check_fitted()
        self._compare_names(X)
        return self._one


class FactorAnalysis(_Factors):
    """Factor analysis: x = mean + W z + noise, a variance of noise for each feature.

    n_components : q, the factors, 1 to D. noise_init : (D,) variances to start from; None is
    Jöreskog's guess. The other parameters as in `MixtureOfFactorAnalyzers`. NaN is a missing
    value. With `algorithm="ecme"` and noise_init of ones each iteration is scikit-learn's.

    After `fit`: mean_ (D,), components_ (q, D), noise_variance_ (D,), history_ and what else
    `Estimator` lists. Loadings are known up to a rotation.

    Sources: Rubin and Thayer, EM algorithms for ML factor analysis, Psychometrika 47, 1982.
    """

    noise_init: Any = None
    floor: float = 1e-6

    _noise = "diag"


class ProbabilisticPCA(_Factors):
    """Principal components with a density: x = mean + W z + noise of one variance.

    n_components : q, 1 to D - 1 (D leaves no noise but its floor). algorithm "ecme" is the
    closed form, one step unless values are missing; "em" and "px" go there step by step. The
    other parameters as in `MixtureOfFactorAnalyzers`. NaN is a missing value.

    After `fit`: mean_ (D,), components_ (q, D), along the principal axes, each as long as the
    factor spreads; noise_variance_, a number; history_ and what else `Estimator` lists.

    Source: Tipping and Bishop, Probabilistic principal component analysis, JRSS B 61, 1999.
    """

    _noise = "isotropic"

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        super().fit(X, y, sample_weight)
        self.noise_variance_ = float(self.noise_variance_[0])
        return self
