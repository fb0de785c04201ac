"""What mathematics promises of every model and every algorithm."""

import pickle

import numpy as np
import pytest

import segment.mixture as mixture
from segment.mixture import (
    BayesianGaussianMixture,
    BernoulliMixture,
    BetaPrior,
    BinomialMixture,
    GammaPrior,
    GaussianMixture,
    GaussianPrior,
    KMeans,
    PoissonMixture,
    SoftKMeans,
    StudentMixture,
)
from segment.mixture.em import Problem, run
from segment.mixture.gaussian_family import GaussianFamily, GaussianParameters
from segment.mixture.samples import Samples
from tests.mixture.caught import check_slope

RNG = np.random.default_rng(0)
BLOBS = np.concatenate(
    [RNG.normal(size=(90, 3)), RNG.normal(2.5, 1.5, (70, 3)), RNG.normal(-3, 0.7, (40, 3))]
)
BITS = (RNG.random((200, 6)) < np.where(RNG.random((200, 1)) < 0.4, 0.8, 0.25)).astype(float)
COUNTS = RNG.poisson(np.where(RNG.random((200, 1)) < 0.4, 2.0, 7.0), (200, 2)).astype(float)
GAPS = np.where(RNG.random(BLOBS.shape) < 0.15, np.nan, BLOBS)

CASES = {
    "full": (GaussianMixture(3), BLOBS),
    "tied": (GaussianMixture(3, covariance_type="tied"), BLOBS),
    "diag": (GaussianMixture(3, covariance_type="diag"), BLOBS),
    "spherical": (GaussianMixture(3, covariance_type="spherical"), BLOBS),
    "gaps": (GaussianMixture(2), GAPS),
    "gaps-diag": (GaussianMixture(2, covariance_type="diag"), GAPS),
    "map": (
        GaussianMixture(
            3,
            prior=GaussianPrior(2.0, np.zeros(3), 0.5, np.eye(3), 6.0),
        ),
        BLOBS,
    ),
    "map-tied": (
        GaussianMixture(
            3,
            covariance_type="tied",
            prior=GaussianPrior(2.0, np.zeros(3), 0.5, np.eye(3), 6.0),
        ),
        BLOBS,
    ),
    "map-spherical": (
        GaussianMixture(
            3, covariance_type="spherical", prior=GaussianPrior(1.5, 1.0, 2.0, 2.0, 5.0)
        ),
        BLOBS,
    ),
    "student": (StudentMixture(2, algorithm="em"), BLOBS),
    "student-known": (StudentMixture(2, degrees_of_freedom=3, algorithm="em"), BLOBS),
    "bernoulli": (BernoulliMixture(2), BITS),
    "bernoulli-map": (BernoulliMixture(2, prior=BetaPrior(2, 2, 2)), BITS),
    "binomial": (BinomialMixture(2, n_trials=30), COUNTS),
    "poisson": (PoissonMixture(2), COUNTS),
    "poisson-map": (PoissonMixture(2, prior=GammaPrior(2, 0.1, 2)), COUNTS),
    "soft": (SoftKMeans(3, variance=2.0), BLOBS),
    "kmeans": (KMeans(3), BLOBS),
    "bayes": (BayesianGaussianMixture(4), BLOBS),
}
MONOTONE = ["em", "gem", "aitken", "anderson", "conjugate-gradient", "squarem"]


def copy(case, **settings):
    model, X = CASES[case]
    fresh = type(model)(**model.get_params())
    if "reg_covar" in fresh.get_params():
        # Regularisation adds to what EM has maximised.
        settings = {"reg_covar": 0.0} | settings
    return fresh.set_params(random_state=1, **settings), X


def objectives(model):
    return np.array([step.objective for step in model.history_])


@pytest.mark.parametrize("way", MONOTONE)
@pytest.mark.parametrize("case", CASES)
def test_the_objective_never_falls(case, way):
    if case == "kmeans" and way != "em":
        pytest.skip("k-means has no other way")
    if case == "bayes" and way == "gem":
        pytest.skip("a posterior has no gradient step")
    settings = {"algorithm": way} if way in ("em", "gem") else {"acceleration": way}
    if case == "kmeans":
        settings = {}
    model, X = copy(case, tol=0, max_iter=25, **settings)
    rises = np.diff(objectives(model.fit(X)))
    assert len(rises) > 1
    assert rises.min() > -1e-9
    assert rises.max() > 1e-6


@pytest.mark.parametrize("algorithm", ["ecm", "ecme", "px"])
@pytest.mark.parametrize("case", ["student", "student-known"])
@pytest.mark.parametrize("acceleration", [None, "squarem"])
def test_students_variants_never_fall(case, algorithm, acceleration):
    settings = {"algorithm": algorithm}
    if algorithm != "ecme":
        settings["acceleration"] = acceleration
    model, X = copy(case, tol=0, max_iter=20, **settings)
    assert np.diff(objectives(model.fit(X))).min() > -1e-9


@pytest.mark.parametrize("way", MONOTONE[1:])
@pytest.mark.parametrize("case", ["full", "poisson", "bernoulli", "map", "student-known", "bayes"])
def test_every_way_ends_where_em_ends(case, way):
    if case == "bayes" and way in ("gem", "conjugate-gradient"):
        pytest.skip("its slopes are taken by differences: minutes")
    settings = {"algorithm": way} if way == "gem" else {"acceleration": way}
    plain, X = copy(case, tol=1e-10, max_iter=3000)
    other, _ = copy(case, tol=1e-10, max_iter=3000, **settings)
    assert other.fit(X).lower_bound_ == pytest.approx(plain.fit(X).lower_bound_, abs=2e-5)


@pytest.mark.parametrize("case", ["full", "poisson", "bernoulli"])
@pytest.mark.parametrize(
    ("algorithm", "near"), [("sem", 0.02), ("saem", 5e-3), ("mcem", 5e-3), ("online", 0.02)]
)
def test_drawn_and_stepwise_ways_end_about_em(case, algorithm, near):
    plain, X = copy(case, tol=1e-10, max_iter=3000)
    begin = plain.fit(X)
    given = {"weights_init": begin.weights_, "means_init": begin.means_}
    if case == "full":
        given["covariances_init"] = begin.covariances_
    model, _ = copy(case, algorithm=algorithm, max_iter=100, **given)
    apart = begin.lower_bound_ - model.fit(X).lower_bound_
    assert -1e-6 < apart < near
    assert "iterations are done" in model.reason_


def test_more_draws_come_nearer():
    plain, X = copy("full", tol=1e-10, max_iter=3000)
    best = plain.fit(X).lower_bound_
    apart = []
    for sweeps in (10, 150):
        errors = []
        for seed in range(4):
            model, _ = copy("full", algorithm="mcem", max_iter=sweeps)
            begin = {"means_init": plain.means_, "covariances_init": plain.covariances_}
            model.set_params(random_state=seed, weights_init=plain.weights_, **begin)
            errors.append(best - model.fit(X).lower_bound_)
        apart.append(np.mean(errors))
    assert apart[1] < 0.3 * apart[0]


@pytest.mark.parametrize("case", CASES)
def test_bound_and_gap_make_the_likelihood(case):
    if case in ("kmeans", "bayes"):
        pytest.skip("their objective is no log-likelihood")
    model, X = copy(case, max_iter=5, tol=0)
    model.fit(X)
    own = mixture.bound(model, X)
    assert own.gap == pytest.approx(0, abs=1e-9)
    q = np.random.default_rng(2).dirichlet(np.ones(model.n_components), len(X))
    other = mixture.bound(model, X, q)
    assert other.gap > 0
    assert abs(other.bound + other.gap - other.log_likelihood) < 1e-10 * abs(other.log_likelihood)
    assert other.bound < other.log_likelihood
    for step in model.history_[1:]:
        assert step.bound + step.gap == pytest.approx(step.log_likelihood, abs=1e-12)
        assert step.gap > -1e-11


@pytest.mark.parametrize("case", CASES)
def test_responsibilities_are_probabilities(case):
    model, X = copy(case, max_iter=5)
    shares = model.fit(X).predict_proba(X)
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-15 * shares.shape[1] * 4)
    np.testing.assert_array_equal(shares.argmax(axis=1), model.predict(X))
    np.testing.assert_array_equal(model.predict(X), copy(case, max_iter=5)[0].fit_predict(X))


@pytest.mark.parametrize("case", CASES)
def test_a_weight_of_two_is_a_sample_twice(case):
    model, X = copy(case, max_iter=8, tol=0)
    weight = np.random.default_rng(3).integers(0, 3, len(X)).astype(float)
    twice, _ = copy(case, max_iter=8, tol=0)

    model.fit(X, sample_weight=weight)
    twice.fit(np.repeat(X, weight.astype(int), axis=0))

    np.testing.assert_allclose(model.means_, twice.means_, rtol=1e-7, atol=1e-9)
    assert model.lower_bound_ == pytest.approx(twice.lower_bound_, rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_samples_does_not_matter(case):
    model, X = copy(case, max_iter=8, tol=0)
    order = np.random.default_rng(4).permutation(len(X))
    means = model.fit(X).means_

    np.testing.assert_allclose(model.fit(X[order]).means_, means, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("case", ["full", "tied", "diag", "spherical", "gaps", "student", "bayes"])
def test_shifting_and_scaling_the_samples_does_so_to_the_fit(case):
    model, X = copy(case, max_iter=8, tol=0)
    moved, _ = copy(case, max_iter=8, tol=0)
    model.fit(X)
    moved.fit(X * 32 + 4096)
    np.testing.assert_allclose(moved.means_, model.means_ * 32 + 4096, rtol=1e-8)
    if case != "bayes":
        # Densities shrink with the volume.
        known = 3 - np.isnan(X).sum(axis=1).mean()
        expected = model.lower_bound_ - known * np.log(32)
        assert moved.lower_bound_ == pytest.approx(expected, abs=1e-8)


def test_components_have_no_order():
    begin = {"means_init": BLOBS[[0, 100, 180]], "weights_init": [0.2, 0.3, 0.5]}
    begin["covariances_init"] = np.tile(np.eye(3), (3, 1, 1))
    order = [2, 0, 1]
    other = {name: np.asarray(value)[order] for name, value in begin.items()}
    model = GaussianMixture(3, max_iter=9, tol=0, **begin).fit(BLOBS)
    turned = GaussianMixture(3, max_iter=9, tol=0, **other).fit(BLOBS)

    np.testing.assert_allclose(turned.means_, model.means_[order], rtol=1e-10)
    assert turned.lower_bound_ == pytest.approx(model.lower_bound_, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_warm_start_goes_on_exactly(case):
    whole, X = copy(case, max_iter=7, tol=0)
    parts, _ = copy(case, max_iter=3, tol=0, warm_start=True)
    whole.fit(X)
    first = objectives(parts.fit(X))
    parts.max_iter = 4
    second = objectives(parts.fit(X))

    assert second[0] == pytest.approx(first[-1], rel=1e-13)
    together = np.concatenate([first, second[1:]])[: len(objectives(whole))]
    np.testing.assert_allclose(together, objectives(whole), rtol=1e-11)


@pytest.mark.parametrize("case", ["full", "student", "bernoulli", "kmeans", "bayes"])
def test_the_best_of_many_starts_is_never_below_one(case):
    one, X = copy(case, init_params="random_from_data", max_iter=30)
    many, _ = copy(case, init_params="random_from_data", max_iter=30, n_init=5)
    assert many.fit(X).lower_bound_ >= one.fit(X).lower_bound_ - 1e-12
    again, _ = copy(case, init_params="random_from_data", max_iter=30, n_init=5, threads=1)
    assert again.fit(X).lower_bound_ == pytest.approx(many.lower_bound_, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_fit_can_be_pickled_and_printed(case):
    model, X = copy(case, max_iter=3)
    model.fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert repr(model).startswith(type(model).__name__ + "(")


@pytest.mark.parametrize("case", ["full", "tied", "diag", "spherical", "student", "poisson"])
def test_a_large_sample_has_the_components_means(case):
    model, X = copy(case, max_iter=30, n_init=1)
    model.fit(X)
    if case == "student":
        model.degrees_of_freedom_ = np.full(2, 30.0)
    drawn, labels = model.sample(20_000)
    for k in range(model.n_components):
        own = drawn[labels == k]
        error = own.std(axis=0) / np.sqrt(len(own))
        assert (np.abs(own.mean(axis=0) - model.means_[k]) < 6 * error).all()
    assert np.bincount(labels) / 20_000 == pytest.approx(model.weights_, abs=0.02)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_the_slope_is_that_of_small_differences(kind):
    model, X = copy(kind, max_iter=2, tol=0)
    check_slope(model, [X], 0.05, rtol=1e-5, atol=1e-4)


def test_gaps_are_filled_with_what_is_expected():
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    X = np.stack([x, 2 * x + 1 + rng.normal(0, 0.1, 500)], axis=1)
    holes = X.copy()
    holes[::3, 1] = np.nan
    model = GaussianMixture(1).fit(holes)
    filled = model.fill(holes)
    assert not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[1::3], X[1::3])
    assert np.sqrt(np.mean((filled[::3, 1] - X[::3, 1]) ** 2)) < 0.15


def test_without_gaps_both_ways_are_one():
    whole, _ = copy("full", max_iter=4, tol=0)
    begin = {"means_init": BLOBS[:3], "weights_init": [0.2, 0.3, 0.5]}
    begin["covariances_init"] = np.tile(np.eye(3), (3, 1, 1))
    with_one = np.concatenate([BLOBS, [[np.nan, np.nan, np.nan]]])
    holed = GaussianMixture(3, max_iter=4, tol=0, reg_covar=0, **begin).fit(
        with_one, sample_weight=np.append(np.ones(len(BLOBS)), 1e-12)
    )
    whole.set_params(**begin).fit(BLOBS)
    np.testing.assert_allclose(holed.means_, whole.means_, rtol=1e-9)
    np.testing.assert_allclose(holed.covariances_, whole.covariances_, rtol=1e-8)


def test_a_fall_within_rounding_is_no_end_and_not_where_a_fit_ends():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(100, 2)), rng.normal(2, 2, (100, 2))])
    samples = Samples.check(X, threads=1)
    family = GaussianFamily(2, "full", reg_covar=0, scale=samples.scale)
    start = GaussianParameters(np.full(2, 0.5), X[[0, 150]], np.tile(np.eye(2), (2, 1, 1)))
    # The regularisation of variances lowers the step after a guess like that.
    slip = 3e-8 * len(X)

    def stumble(problem, point):
        for number in range(6):
            point = problem.visit(problem.map(point))
            yield point, False
            lower = point.objective - slip
            yield point._replace(objective=lower, log_likelihood=lower), number == 5

    fit = run(Problem(family, samples, rng), start, stumble, tol=1e-9, max_iter=50)

    objectives = [step.objective for step in fit.history]
    assert fit.passes == 7
    assert objectives[-1] == max(objectives) == pytest.approx(fit.point.objective / len(X))
