"""Sequences of known states, and chains of every emission to fit to them."""

import numpy as np

from segment.mixture import (
    BernoulliMixture,
    BinomialMixture,
    GaussianMixture,
    GaussianPrior,
    HiddenMarkovModel,
    PoissonMixture,
    StudentMixture,
)

RNG = np.random.default_rng(0)


def drawn(steps=400, seed=0, stay=0.9):
    """Three states in two dimensions, and what they emit."""
    rng = np.random.default_rng(seed)
    moves = stay * np.eye(3) + (1 - stay) / 3
    path = [0]
    for _ in range(steps - 1):
        path.append(rng.choice(3, p=moves[path[-1]] / moves[path[-1]].sum()))
    path = np.array(path)
    centres = np.array([[0.0, 0.0], [2.0, 1.0], [-1.0, 3.0]])
    return centres[path] + rng.normal(size=(steps, 2)), path


X, PATH = drawn()
LENGTHS = [150, 1, 199, 50]
BITS = (RNG.random((400, 4)) < np.where(PATH[:, None] == 1, 0.8, 0.25)).astype(float)
COUNTS = RNG.poisson(np.array([1.0, 4.0, 9.0])[PATH][:, None], (400, 2)).astype(float)
GAPS = np.where(RNG.random(X.shape) < 0.15, np.nan, X)

CASES = {
    "full": (GaussianMixture(reg_covar=0), X),
    "tied": (GaussianMixture(covariance_type="tied", reg_covar=0), X),
    "diag": (GaussianMixture(covariance_type="diag", reg_covar=0), X),
    "spherical": (GaussianMixture(covariance_type="spherical", reg_covar=0), X),
    "gaps": (GaussianMixture(reg_covar=0), GAPS),
    "mixtures": (GaussianMixture(2, covariance_type="diag", reg_covar=0), X),
    "map": (GaussianMixture(reg_covar=0, prior=GaussianPrior(1.0, 0.0, 0.5, np.eye(2), 5.0)), X),
    "student": (StudentMixture(algorithm="em", reg_covar=0), X),
    "student-px": (StudentMixture(reg_covar=0), X),
    "bernoulli": (BernoulliMixture(), BITS),
    "binomial": (BinomialMixture(1, n_trials=40), COUNTS),
    "poisson": (PoissonMixture(), COUNTS),
    "poissons": (PoissonMixture(2), COUNTS),
}


def model(case, states=3, **more):
    emission, samples = CASES[case]
    return HiddenMarkovModel(states, emission, random_state=0, **more), samples


def objectives(fit):
    return np.array([step.objective for step in fit.history_])
