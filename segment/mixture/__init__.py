"""Mixtures and EM in all its variants, on (n_samples, n_features)."""

from segment.mixture.bayesian import BayesianGaussianMixture
from segment.mixture.blocks import Blocks
from segment.mixture.chains import HiddenMarkovModel
from segment.mixture.conditional import Conditional
from segment.mixture.counts import BernoulliMixture, BinomialMixture, PoissonMixture
from segment.mixture.em import Step
from segment.mixture.factor_analysis import FactorAnalysis, ProbabilisticPCA
from segment.mixture.factors import MixtureOfFactorAnalyzers
from segment.mixture.gaussian import GaussianMixture
from segment.mixture.kmeans import KMeans, SoftKMeans
from segment.mixture.priors import BetaPrior, GammaPrior, GaussianPrior
from segment.mixture.seeing import Bound, Selection, bound, select
from segment.mixture.student import StudentMixture

__all__ = [
    "BayesianGaussianMixture",
    "BernoulliMixture",
    "BetaPrior",
    "BinomialMixture",
    "Blocks",
    "Bound",
    "Conditional",
    "FactorAnalysis",
    "GammaPrior",
    "GaussianMixture",
    "GaussianPrior",
    "HiddenMarkovModel",
    "KMeans",
    "MixtureOfFactorAnalyzers",
    "PoissonMixture",
    "ProbabilisticPCA",
    "Selection",
    "SoftKMeans",
    "Step",
    "StudentMixture",
    "bound",
    "select",
]
