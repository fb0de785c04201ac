"""Answers that the literature, or another program, has found before."""

import numpy as np
import pytest

from segment.mixture import (
    BayesianGaussianMixture,
    BernoulliMixture,
    BinomialMixture,
    GaussianMixture,
    KMeans,
    PoissonMixture,
    SoftKMeans,
    StudentMixture,
)
from segment.mixture.accelerate import squarem
from segment.mixture.em import Problem, expectation_maximisation, run
from segment.mixture.family import Family, Pass
from segment.mixture.samples import Samples
from tests.mixture.old_faithful import FAITHFUL

datasets = pytest.importorskip("sklearn.datasets")
IRIS = datasets.load_iris().data


def best(X, components, kind, starts=8):
    return GaussianMixture(
        components,
        covariance_type=kind,
        n_init=starts,
        random_state=0,
        tol=1e-10,
        reg_covar=0,
        max_iter=2000,
        acceleration="squarem",
    ).fit(X)


def test_old_faithful_has_two_kinds_of_eruptions():
    # mclust, VVV, two components.
    model = best(FAITHFUL, 2, "full", 1)
    order = model.weights_.argsort()
    assert model.score(FAITHFUL) * 272 == pytest.approx(-1130.2640, abs=1e-4)
    assert model.bic(FAITHFUL) == pytest.approx(2322.192, abs=1e-3)
    assert model.weights_[order] == pytest.approx([0.3559, 0.6441], abs=1e-4)
    assert model.means_[order[0]] == pytest.approx([2.036, 54.479], abs=1e-3)
    assert model.means_[order[1]] == pytest.approx([4.290, 79.968], abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("full", -1119.2141), ("tied", -1126.316), ("diag", -1127.0076), ("spherical", -1637.4345)],
)
def test_old_faithful_with_three_components(kind, expected):
    assert best(FAITHFUL, 3, kind, 12).score(FAITHFUL) * 272 == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "components", "expected"),
    [
        ("full", 2, -214.3547),
        ("full", 3, -180.1855),
        ("tied", 3, -256.354),
        ("diag", 3, -307.1776),
        ("spherical", 3, -384.3141),
    ],
)
def test_iris(kind, components, expected):
    assert best(IRIS, components, kind).score(IRIS) * 150 == pytest.approx(expected, abs=1e-3)


def test_iris_has_its_bic():
    assert best(IRIS, 3, "full").bic(IRIS) == pytest.approx(580.839, abs=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_every_iteration_is_scikit_learns(kind):
    mixture = pytest.importorskip("sklearn.mixture")
    rng = np.random.default_rng(1)
    shape = {"full": (3, 4, 4), "tied": (4, 4), "diag": (3, 4), "spherical": (3,)}[kind]
    precisions = np.ones(shape) if kind in ("diag", "spherical") else np.eye(4) + np.zeros(shape)
    begin = {
        "weights_init": np.full(3, 1 / 3),
        "means_init": IRIS[rng.choice(150, 3, replace=False)],
        "precisions_init": precisions,
    }
    theirs = [
        mixture.GaussianMixture(3, covariance_type=kind, tol=0, max_iter=n, **begin)
        .fit(IRIS)
        .score(IRIS)
        for n in (1, 2, 3, 10, 30)
    ]
    ours = GaussianMixture(3, covariance_type=kind, tol=0, max_iter=30, **begin).fit(IRIS)

    scores = [ours.history_[n].log_likelihood for n in (1, 2, 3, 10, 30)]
    np.testing.assert_allclose(scores, theirs, rtol=1e-11)


COINS = np.array([[5], [9], [8], [4], [7]])


@pytest.mark.parametrize(
    ("iterations", "expected"),
    [(1, (0.71301, 0.58134)), (10, (0.79674, 0.51966)), (500, (0.796789, 0.519583))],
)
def test_two_coins(iterations, expected):
    # Do and Batzoglou, Nature Biotechnology 26, 2008, figure 1b; they round to two digits.
    model = BinomialMixture(
        2,
        n_trials=10,
        weights_fixed=True,
        means_init=[[0.6], [0.5]],
        tol=0,
        max_iter=iterations,
    ).fit(COINS)
    assert model.means_.ravel() == pytest.approx(expected, abs=6e-6)


def test_two_coins_first_responsibilities():
    model = BinomialMixture(2, n_trials=10, weights_fixed=True, means_init=[[0.6], [0.5]])
    model.fit(COINS)
    model.means_ = np.array([[0.6], [0.5]])
    shares = model.predict_proba(COINS)[:, 0]
    assert shares == pytest.approx([0.45, 0.80, 0.73, 0.35, 0.65], abs=0.005)


class Linkage(Family):
    """197 animals in four classes of probability (2 + t, 1 - t, 1 - t, t) / 4.

    The first class is two: how many of the 125 are of probability t / 4 is not known.
    A family of a few lines: this is all that the loop and its accelerators want.
    """

    n_components = 1

    def sweep(self, samples, parameters, assign=None):
        (t,) = parameters
        y = samples.X[0]
        total = y @ np.log([2 + t, 1 - t, 1 - t, t])
        return Pass((np.array([y[0] * t / (2 + t) + y[3], y[1] + y[2]]),), total)

    def maximise(self, statistics, parameters):
        ((ones, zeros),) = statistics
        return (ones / (ones + zeros),)

    def expected(self, statistics, parameters):
        ((ones, zeros),) = statistics
        return ones * np.log(parameters[0]) + zeros * np.log(1 - parameters[0])

    def pack(self, parameters):
        return np.log([parameters[0] / (1 - parameters[0])])

    def unpack(self, vector):
        return (1 / (1 + np.exp(-vector[0])),)

    def count_free(self, features):
        return 1

    log_joint = statistics = None


def linkage(method, iterations=40):
    samples = Samples.check([[125.0, 18.0, 20.0, 34.0]])
    problem = Problem(Linkage(), samples, np.random.default_rng(0))
    fit = run(problem, (0.5,), method, tol=0, max_iter=iterations)
    return fit.point.parameters[0]


def test_genetic_linkage():
    # Dempster, Laird and Rubin, 1977, table 1.
    assert linkage(expectation_maximisation) == pytest.approx(0.6268214979, abs=1e-10)
    errors = [linkage(expectation_maximisation, n) - 0.62682149787 for n in (5, 6)]
    assert errors[1] / errors[0] == pytest.approx(0.1327831, abs=1e-4)
    assert linkage(squarem) == pytest.approx(0.6268214979, abs=1e-8)


DEATHS = np.repeat(np.arange(10), [162, 267, 271, 185, 111, 61, 27, 8, 3, 1])[:, None]


@pytest.mark.parametrize(
    ("acceleration", "most"),
    [
        (None, 2600),
        ("squarem", 260),
        ("aitken", 260),
        ("anderson", 130),
        ("conjugate-gradient", 130),
    ],
)
def test_deaths_of_women_above_eighty(acceleration, most):
    # Hasselblad, JASA 64, 1969; Varadhan and Roland, 2008: EM takes 2586 evaluations.
    model = PoissonMixture(
        2,
        weights_init=[0.3, 0.7],
        means_init=[[1.0], [2.5]],
        acceleration=acceleration,
        tol=1e-12,
        max_iter=5000,
    ).fit(DEATHS)
    assert model.score(DEATHS) * 1096 == pytest.approx(-1989.9459, abs=1e-4)
    assert model.weights_ == pytest.approx([0.3599, 0.6401], abs=2e-4)
    assert model.means_.ravel() == pytest.approx([1.2561, 2.6634], abs=2e-4)
    assert model.n_iter_ <= most


_ = np.nan
MURRAY = np.array(
    [
        *[(1, 1), (1, -1), (-1, 1), (-1, -1)],
        *[(2, _), (2, _), (-2, _), (-2, _)],
        *[(_, 2), (_, 2), (_, -2), (_, -2)],
    ],
    float,
)


@pytest.mark.parametrize(
    ("start", "correlation", "variance"), [(0.0, 0, 2.5), (0.1, 0.5, 8 / 3), (-0.1, -0.5, 8 / 3)]
)
def test_murrays_twelve_pairs_have_two_maxima_and_a_saddle(start, correlation, variance):
    # Murray, discussion of Dempster, Laird and Rubin, 1977.
    model = GaussianMixture(
        1,
        means_init=[[0, 0]],
        weights_init=[1],
        covariances_init=[[[1, start], [start, 1]]],
        reg_covar=0,
        tol=0,
        max_iter=400,
    ).fit(MURRAY)
    covariance = model.covariances_[0]
    assert np.diagonal(covariance) == pytest.approx([variance] * 2, abs=1e-6)
    assert covariance[0, 1] / covariance[0, 0] == pytest.approx(correlation, abs=1e-6)


@pytest.mark.parametrize("degrees", [1.0, 2.0, None])
def test_students_end_alike_and_px_is_quickest(degrees):
    # Liu, Rubin and Wu, 1998: fewer iterations, the same maximum.
    rng = np.random.default_rng(0)
    true, features = (degrees or 5.0), (10 if degrees else 2)
    X = rng.normal(size=(200, features)) / np.sqrt(rng.gamma(true / 2, 2 / true, (200, 1)))
    fits = {
        algorithm: StudentMixture(
            1,
            degrees_of_freedom=degrees,
            algorithm=algorithm,
            tol=1e-10,
            max_iter=2000,
            reg_covar=0,
        ).fit(X)
        for algorithm in ("em", "ecm", "ecme", "px")
    }
    scores = [fit.score(X) for fit in fits.values()]
    assert np.ptp(scores) < 1e-8
    iterations = {name: fit.n_iter_ for name, fit in fits.items()}
    assert iterations["px"] < 0.7 * iterations["ecme"] <= 0.7 * iterations["ecm"]
    if degrees is None:
        assert iterations["ecme"] < 0.5 * iterations["ecm"]
    else:
        assert iterations["px"] < 0.2 * iterations["em"]


def test_a_student_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    model = StudentMixture(1).fit(IRIS)
    theirs = stats.multivariate_t(
        model.means_[0], model.scales_[0], model.degrees_of_freedom_[0]
    ).logpdf(IRIS)
    np.testing.assert_allclose(model.score_samples(IRIS), theirs, rtol=1e-10)


def test_binary_digits_are_recovered():
    # PRML, section 9.3.3: the digits 2, 3 and 4.
    digits = datasets.load_digits()
    chosen = np.isin(digits.target, [2, 3, 4])
    X, truth = digits.data[chosen] > 7.5, digits.target[chosen]
    model = BernoulliMixture(3, n_init=5, random_state=0).fit(X)
    labels = model.predict(X)
    right = sum(np.bincount(truth[labels == k]).max() for k in range(3))
    assert right / len(truth) > 0.9


def test_k_means_is_lloyds():
    cluster = pytest.importorskip("sklearn.cluster")
    start = IRIS[[0, 60, 120]]
    theirs = cluster.KMeans(3, init=start, n_init=1, tol=0, algorithm="lloyd").fit(IRIS)

    ours = KMeans(3, means_init=start).fit(IRIS)

    np.testing.assert_allclose(ours.means_, theirs.cluster_centers_, atol=1e-6)
    assert ours.inertia_ == pytest.approx(theirs.inertia_)
    assert ours.converged_


def test_soft_k_means_becomes_k_means():
    start = IRIS[[0, 60, 120]]
    hard = KMeans(3, means_init=start).fit(IRIS).means_
    apart = [
        np.abs(SoftKMeans(3, variance=v, means_init=start, tol=1e-12).fit(IRIS).means_ - hard).max()
        for v in (1.0, 0.1, 0.01, 0.001)
    ]
    assert apart[0] > apart[1] > apart[2] > apart[3]
    assert apart[3] < 1e-6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_variational_bayes_is_scikit_learns():
    mixture = pytest.importorskip("sklearn.mixture")
    shares = np.random.default_rng(0).dirichlet(np.ones(4), len(IRIS))

    class Given(mixture.BayesianGaussianMixture):
        def _initialize_parameters(self, X, random_state, **more):
            self._initialize(X, shares)

    kind = "dirichlet_distribution"
    theirs = Given(n_components=4, weight_concentration_prior_type=kind, tol=0, max_iter=40)
    theirs.fit(IRIS)

    ours = BayesianGaussianMixture(4, responsibilities_init=shares, tol=0, max_iter=40).fit(IRIS)

    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-9)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-9)
    np.testing.assert_allclose(ours.weight_concentration_, theirs.weight_concentration_, rtol=1e-9)


def test_variational_bayes_keeps_two_of_six_components():
    # PRML, figure 10.6: Old Faithful, scaled, alpha 0.001.
    X = (FAITHFUL - FAITHFUL.mean(axis=0)) / FAITHFUL.std(axis=0)
    model = BayesianGaussianMixture(
        6,
        weight_concentration_prior=1e-3,
        covariance_prior=np.eye(2),
        degrees_of_freedom_prior=2.0,
        tol=1e-9,
        max_iter=3000,
        random_state=0,
    ).fit(X)
    assert (model.weights_ > 0.01).sum() == 2
