"""Samples and settings at the edge give a clear error or a right answer, never NaN."""

import logging

import numpy as np
import pytest

from segment.mixture import (
    BernoulliMixture,
    BetaPrior,
    BinomialMixture,
    GaussianMixture,
    GaussianPrior,
    KMeans,
    PoissonMixture,
    SoftKMeans,
    StudentMixture,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
MODELS = [
    GaussianMixture(2),
    GaussianMixture(2, covariance_type="tied"),
    GaussianMixture(2, covariance_type="diag"),
    GaussianMixture(2, covariance_type="spherical"),
    StudentMixture(2),
    SoftKMeans(2),
    KMeans(2),
]


def fresh(model, **settings):
    return type(model)(**model.get_params()).set_params(random_state=0, **settings)


def finite(model):
    arrays = [value for value in vars(model).values() if isinstance(value, np.ndarray)]
    assert len(arrays) > 2
    return all(np.isfinite(array).all() for array in arrays if array.dtype.kind == "f")


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_identical_points_have_their_mean(model):
    fit = fresh(model).fit(np.full((20, 3), 7.5))
    assert finite(fit)
    np.testing.assert_allclose(fit.means_[fit.weights_ > 1e-6], 7.5)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_one_sample_is_its_own_mean(model):
    fit = fresh(model, n_components=1).fit([[3.0, -2.0]])
    assert finite(fit)
    np.testing.assert_allclose(fit.means_, [[3, -2]])


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_a_constant_feature_does_no_harm(model):
    fit = fresh(model).fit(np.c_[X, np.full(60, 4.0)])
    assert finite(fit)
    np.testing.assert_allclose(fit.means_[:, 2], 4)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_more_components_than_samples_are_refused(model):
    with pytest.raises(ValueError, match=r"n_samples=4.*n_components=5"):
        fresh(model, n_components=5).fit(X[:4])


@pytest.mark.parametrize("offset", [1e6, 1e8, -3e9])
@pytest.mark.parametrize("precision", ["single", "double"])
def test_huge_offsets_change_nothing(offset, precision):
    whole = np.round(X * 64) / 64
    begin = {"init_params": "kmeans", "random_state": 0, "tol": 0, "max_iter": 5}
    here = GaussianMixture(2, precision=precision, **begin).fit(whole)
    there = GaussianMixture(2, precision=precision, **begin).fit(whole + offset)
    np.testing.assert_allclose(there.means_ - offset, here.means_, atol=1e-5)
    np.testing.assert_allclose(there.covariances_, here.covariances_, rtol=1e-4, atol=1e-5)
    assert there.lower_bound_ == pytest.approx(here.lower_bound_, abs=1e-4)


def test_float32_samples_are_as_good():
    large = np.concatenate([X + 100, X * 3 + 110]).astype(np.float32)
    single = GaussianMixture(2, random_state=0).fit(large)
    double = GaussianMixture(2, random_state=0).fit(large.astype(float))
    assert single.score(large) == pytest.approx(double.score(large.astype(float)), abs=1e-6)
    np.testing.assert_allclose(single.means_, double.means_, rtol=1e-3)


def test_a_collapse_is_stopped_and_told(caplog):
    # A component on a point that is there twice: without regularisation there is no maximum.
    doubled = np.concatenate([X, [[9, 9], [9, 9]]])
    begin = {
        "weights_init": [0.9, 0.1],
        "means_init": [[0, 0], [9, 9]],
        "covariances_init": np.tile(np.eye(2), (2, 1, 1)),
    }
    with caplog.at_level(logging.WARNING, "segment.mixture"):
        bare = GaussianMixture(2, reg_covar=0, tol=0, **begin).fit(doubled)
    assert finite(bare)
    assert not bare.converged_
    assert "component 1 has collapsed" in bare.reason_
    assert "collapsed" in caplog.text

    r = 1e-4
    held = GaussianMixture(2, reg_covar=r, tol=0, max_iter=50, **begin).fit(doubled)
    assert held.collapsed_.tolist() == [False, True]
    # PRML 9.2.1, with a floor: -D/2 ln(2 pi r), and ln of the weight.
    highest = -np.log(2 * np.pi * r) + np.log(2 / 62)
    assert held.score_samples([[9.0, 9.0]])[0] <= highest + 1e-6

    prior = GaussianPrior(covariance=np.eye(2) * 0.1, degrees_of_freedom=4)
    safe = GaussianMixture(2, reg_covar=0, prior=prior, **begin).fit(doubled)
    assert safe.converged_
    assert not safe.collapsed_.any()


def test_a_sound_start_is_preferred_to_a_collapsed_one():
    doubled = np.concatenate([X, [[9, 9], [9, 9]]])
    model = GaussianMixture(2, n_init=8, init_params="random_from_data", random_state=0)
    assert finite(model.fit(doubled))


def test_impossible_probabilities_stay_within_bounds():
    bits = np.zeros((10, 3))
    fit = BernoulliMixture(2, random_state=0).fit(bits)
    np.testing.assert_allclose(fit.means_, 1e-6)
    assert np.isfinite(fit.score(np.ones((1, 3))))
    smooth = BernoulliMixture(1, prior=BetaPrior(2, 2)).fit(bits)
    np.testing.assert_allclose(smooth.means_, 1 / 12)
    assert finite(PoissonMixture(2, random_state=0).fit(bits))


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (GaussianMixture(2), np.zeros(5), "2: "),
        (GaussianMixture(2), np.zeros((0, 3)), r"0 sample"),
        (GaussianMixture(2), np.array([[1, np.inf], [0, 0]]), "infinity"),
        (GaussianMixture(2), np.full((4, 2), np.nan), "NaN only in feature 0"),
        (KMeans(2), np.array([[1, np.nan], [0, 0]]), "NaN"),
        (GaussianMixture(0), X, "n_components is 0"),
        (GaussianMixture(2, covariance_type="round"), X, "'round'"),
        (GaussianMixture(2, algorithm="ecme"), X, "'ecme'.*this model has em, gem"),
        (GaussianMixture(2, acceleration="magic"), X, "'magic'.*squarem"),
        (GaussianMixture(2, algorithm="sem", acceleration="squarem"), X, "goes without"),
        (GaussianMixture(2, weights_init=[0.5, 0.6]), X, "sum to 1"),
        (GaussianMixture(2, means_init=[[1.0]]), X, r"\(1, 1\), wanted \(2, 2\)"),
        (GaussianMixture(2, init_params="best"), X, "'best'"),
        (GaussianMixture(2, reg_covar=-1), X, "reg_covar is -1"),
        (SoftKMeans(2, variance=0), X, "variance is 0"),
        (StudentMixture(2, degrees_of_freedom=-1), X, "degrees_of_freedom"),
        (BernoulliMixture(2), X, "wanted 0 to 1"),
        (BinomialMixture(2, n_trials=3), [[1], [2], [4]], "wanted 0 to 3"),
        (BinomialMixture(2, n_trials=0.5), [[0], [0], [0]], "n_trials is 0.5"),
        (PoissonMixture(2), -np.ones((4, 1)), "from -1.0"),
    ],
)
def test_errors_say_what_was_wanted(model, given, message):
    with pytest.raises(ValueError, match=message):
        fresh(model).fit(given)


def test_weights_must_be_weights():
    for weight in (np.zeros(60), np.full(60, -1.0), np.full(60, np.nan), np.ones(59)):
        with pytest.raises(ValueError, match="weight"):
            GaussianMixture(2).fit(X, sample_weight=weight)
