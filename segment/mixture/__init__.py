"""Mixtures and EM in all its variants, on (n_samples, n_features)."""

from segment.mixture.em import Step
from segment.mixture.gaussian import GaussianMixture
from segment.mixture.priors import GaussianPrior

__all__ = ["GaussianMixture", "GaussianPrior", "Step"]
