"""What is known of missing values: regressions by hand, coverage, and what must hold."""

import numpy as np
import pytest
from scipy import stats

from segment.mixture import (
    FactorAnalysis,
    GaussianMixture,
    HiddenMarkovModel,
    MixtureOfFactorAnalyzers,
    ProbabilisticPCA,
)
from tests.mixture.old_faithful import FAITHFUL

RNG = np.random.default_rng(0)


def known_gaussian(mean, covariance):
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    model = GaussianMixture(
        1, means_init=mean[None], covariances_init=covariance[None], weights_init=[1.0]
    ).fit(RNG.normal(size=(50, len(mean))))
    model.means_, model.covariances_ = mean[None], covariance[None]
    return model


def test_a_regression_by_hand():
    # y given x = 2: mean 1 + .5 (2 - 0), variance 3 - .5 x 2.
    model = known_gaussian([0.0, 1.0], [[4.0, 2.0], [2.0, 3.0]])
    answer = model.conditional([[2.0, np.nan], [1.0, 5.0], [np.nan, np.nan]])
    np.testing.assert_allclose(answer.mean, [[2, 2], [1, 5], [0, 1]])
    np.testing.assert_allclose(answer.variance, [[0, 2], [0, 0], [4, 3]])
    np.testing.assert_allclose(answer.covariance[2], [[4, 2], [2, 3]])
    np.testing.assert_allclose(answer.covariance[0], [[0, 0], [0, 2]])
    low, high = answer.interval(0.9)
    np.testing.assert_allclose(high[0, 1] - 2, 1.6448536 * np.sqrt(2), rtol=1e-6)
    np.testing.assert_allclose(low + high, 2 * answer.mean, atol=1e-9)
    assert "3 missing of 3 x 2" in repr(answer)


def test_a_mixture_is_not_one_gaussian():
    model = GaussianMixture(2, random_state=0, tol=1e-9).fit(FAITHFUL)
    answer = model.conditional([[np.nan, np.nan]])
    np.testing.assert_allclose(answer.mean[0], model.weights_ @ model.means_)
    between = model.means_ - answer.mean[0]
    whole = np.einsum("k,kij->ij", model.weights_, model.covariances_)
    whole += np.einsum("k,ki,kj->ij", model.weights_, between, between)
    np.testing.assert_allclose(answer.covariance[0], whole)
    np.testing.assert_allclose(np.diagonal(whole), answer.variance[0])
    for q in (0.05, 0.3559, 0.5, 0.99):
        value = answer.quantile(q)[0, 1]
        spread = np.sqrt(model.covariances_[:, 1, 1])
        below = stats.norm.cdf((value - model.means_[:, 1]) / spread) @ model.weights_
        assert below == pytest.approx(q, abs=1e-9)
    drawn = answer.sample(40_000, random_state=0)[:, 0]
    np.testing.assert_allclose(np.cov(drawn.T), whole, rtol=0.03)
    np.testing.assert_allclose(np.quantile(drawn[:, 1], 0.3), answer.quantile(0.3)[0, 1], atol=0.4)


MODELS = {
    "mixture": GaussianMixture(3, random_state=0),
    "diag": GaussianMixture(3, covariance_type="diag", random_state=0),
    "factors": MixtureOfFactorAnalyzers(3, 1, random_state=0),
    "one": FactorAnalysis(1),
    "principal": ProbabilisticPCA(1),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_intervals_cover_what_they_say(name, coverage):
    rng = np.random.default_rng(1)
    parts = [
        rng.normal(size=(400, 1)) * [1.5, -1, 0.5] + rng.normal(0, 0.5, (400, 3)) + at
        for at in ([0, 0, 0], [4, 1, 0], [-2, 3, 5])
    ]
    model = MODELS[name].fit(np.concatenate(parts))
    drawn = model.sample(30_000)
    whole = drawn[0] if isinstance(drawn, tuple) else drawn
    holes = rng.random(whole.shape) < 0.4
    low, high = model.conditional(np.where(holes, np.nan, whole)).interval(coverage)
    inside = ((low <= whole) & (whole <= high))[holes].mean()
    assert inside == pytest.approx(coverage, abs=0.01)


def test_known_values_are_certain_and_draws_agree():
    model = MODELS["mixture"].fit(RNG.normal(size=(300, 3)) + np.repeat([[0.0], [4.0]], 150, 0))
    X = np.array([[np.nan, 1.0, np.nan], [0.5, np.nan, 2.0], [1.0, 2.0, 3.0]])
    answer = model.conditional(X)
    known = ~np.isnan(X)
    for other in (answer.mean, answer.quantile(0.1), *answer.interval(0.99), *answer.sample(3)):
        np.testing.assert_array_equal(other[known], X[known])
    assert (answer.variance[known] == 0).all()
    np.testing.assert_array_equal(answer.mean, model.fill(X))
    assert (answer.quantile(0.2) <= answer.quantile(0.4)).all()
    np.testing.assert_array_equal(answer.sample(2, 5), answer.sample(2, 5))
    drawn = answer.sample(20_000, 0)
    np.testing.assert_allclose(drawn.mean(axis=0), answer.mean, atol=0.06)
    np.testing.assert_allclose(drawn.var(axis=0), answer.variance, rtol=0.06)


def test_what_cannot_be_asked():
    model = MODELS["mixture"]
    answer = model.fit(RNG.normal(size=(50, 2))).conditional([[np.nan, 0.0]])
    for q in (0, 1, -0.1, np.nan, 90, [0.1, 0.9], "half"):
        with pytest.raises(ValueError, match="wanted a probability"):
            answer.quantile(q)
        with pytest.raises(ValueError, match="wanted a probability"):
            answer.interval(q)
    with pytest.raises(ValueError, match="n_samples is 0"):
        answer.sample(0)
    with pytest.raises(ValueError, match=r"n_samples is 1\.5"):
        answer.sample(1.5)
    with pytest.raises(ValueError, match="infinity"):
        model.conditional([[np.inf, 0.0]])
    with pytest.raises(ValueError, match="3 features"):
        model.conditional([[0.0, 0.0, 0.0]])
    with pytest.raises(AttributeError, match="not fitted"):
        GaussianMixture().conditional([[0.0]])
    assert not hasattr(HiddenMarkovModel(), "conditional")
