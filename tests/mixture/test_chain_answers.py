"""Answers of chains that textbooks, hmmlearn or a mixture of one state have found before."""

import itertools

import numpy as np
import pytest

from segment.mixture import BernoulliMixture, GaussianMixture, HiddenMarkovModel, PoissonMixture
from tests.mixture.caught import free_numbers
from tests.mixture.chain_cases import LENGTHS, X
from tests.mixture.old_faithful import FAITHFUL


def test_rain_and_umbrellas():
    """The guard who sees umbrellas and wonders whether it rains, by all 32 courses of five days.

    Source: Russell and Norvig, Artificial Intelligence, 3rd edition, section 15.2 and figure
    15.5; its numbers are also those that the authors' own code is tested with (aima-python,
    test_forward_backward: .8673 .8204 .3075 .8204 .8673).
    """
    days = np.array([[1.0], [1.0], [0.0], [1.0], [1.0]])
    moves, seen = np.array([[0.7, 0.3], [0.3, 0.7]]), np.array([0.9, 0.2])
    world = HiddenMarkovModel(
        2,
        BernoulliMixture(means_init=seen[:, None], weights_init=[0.5, 0.5]),
        start_init=[0.5, 0.5],
        transitions_init=moves,
        max_iter=1,
    ).fit(days)
    world.start_, world.transitions_ = np.array([0.5, 0.5]), moves
    world.emission_.means_ = seen[:, None]

    def courses(count):
        """Every course of the weather over the first days, and how likely it is with them."""
        for course in itertools.product((0, 1), repeat=count):
            chance = 0.5
            for t, state in enumerate(course):
                chance *= moves[course[t - 1], state] if t else 1.0
                chance *= seen[state] if days[t, 0] else 1 - seen[state]
            yield course, chance

    online, total = world.filter(), 1.0
    for t in range(5):
        all_of_them = list(courses(t + 1))
        before, total = total, sum(chance for _, chance in all_of_them)
        rain = sum(chance for course, chance in all_of_them if course[t] == 0) / total
        assert online.step(days[t])[0] == pytest.approx(rain, abs=1e-12)
        surprise = world.score_samples(days[: t + 1])[t]
        assert np.exp(surprise) == pytest.approx(total / before if t else total, abs=1e-12)
        if t < 2:
            assert rain == pytest.approx([0.818, 0.883][t], abs=5e-4)
    smooth = [
        sum(chance for course, chance in all_of_them if course[t] == 0) / total for t in range(5)
    ]
    np.testing.assert_allclose(world.predict_proba(days)[:, 0], smooth, atol=1e-12)
    assert smooth == pytest.approx([0.8673, 0.8204, 0.3075, 0.8204, 0.8673], abs=5e-5)
    likeliest = max(all_of_them, key=lambda one: one[1])
    assert world.predict(days).tolist() == list(likeliest[0]) == [0, 0, 1, 0, 0]
    assert world.decode(days)[0] == pytest.approx(np.log(likeliest[1]), abs=1e-12)
    # The state without new observations returns to (1/2, 1/2).
    np.testing.assert_allclose(online.ahead(100), 0.5)


# Earthquakes of magnitude 7 and more in the world, each year from 1900 to 2006; U.S. Geological
# Survey, as Zucchini and MacDonald print them.
_YEARS = """
13 14 8 10 16 26 32 27 18 32 36 24 22 23 22 18 25 21 21 14 8 11 14 23 18 17 19 20 22 19 13 26
13 14 22 24 21 22 26 21 23 24 27 41 31 27 35 26 28 36 39 21 17 22 17 19 15 34 10 15 22 18 15 20
15 22 19 16 30 27 29 23 20 16 21 21 25 16 18 15 18 14 10 15 8 15 6 11 8 7 18 16 13 12 13 20 15
16 12 18 15 16 13 15 16 11 11
"""
QUAKES = np.array(_YEARS.split(), float)[:, None]


@pytest.mark.parametrize(
    ("rates", "scores", "end"),
    [
        (
            [10, 30],
            {0: 413.27542, 1: 343.76023, 2: 343.13618, 30: 341.87871, 200: 341.87870},
            ([15.421, 26.018], [[0.928374, 0.071626], [0.11903, 0.88097]]),
        ),
        (
            [10, 20, 30],
            {0: 342.90781, 1: 332.12143, 2: 330.63689, 30: 328.52748, 200: 328.52748},
            (
                [13.134, 19.713, 29.710],
                [[0.9393, 0.0321, 0.0286], [0.0404, 0.9064, 0.0532], [0.0, 0.1903, 0.8097]],
            ),
        ),
    ],
)
def test_a_century_of_earthquakes(rates, scores, end):
    # Zucchini and MacDonald, Hidden Markov Models for Time Series, 2009, tables 4.1 and 4.2: minus
    # ln p after so many iterations from moves of .1 to each other state, and where they end.
    states = len(rates)
    equal = np.full(states, 1 / states)
    fit = HiddenMarkovModel(
        states,
        PoissonMixture(means_init=np.array(rates)[:, None], weights_init=equal),
        start_init=equal,
        transitions_init=np.full((states, states), 0.1) + (1 - 0.1 * states) * np.eye(states),
        tol=0,
        max_iter=200,
    ).fit(QUAKES)
    for iterations, score in scores.items():
        found = -107 * fit.history_[min(iterations, len(fit.history_) - 1)].log_likelihood
        assert found == pytest.approx(score, abs=2e-5)
    order = fit.emission_.means_[:, 0].argsort()
    assert fit.emission_.means_[order, 0] == pytest.approx(end[0], abs=6e-4)
    np.testing.assert_allclose(fit.transitions_[np.ix_(order, order)], end[1], atol=6e-5)
    # The first year is of few earthquakes.
    assert fit.start_[order[0]] == pytest.approx(1, abs=1e-5)


def test_old_faithful_never_waits_shortly_twice():
    # What Azzalini and Bowman, 1990, report of the series: short waits are followed by long ones.
    waits = FAITHFUL[:, 1:]
    fit = HiddenMarkovModel(2, random_state=0, tol=1e-9).fit(waits)
    short = int(fit.emission_.means_[:, 0].argmin())
    assert fit.emission_.means_[:, 0] == pytest.approx(
        [54.6, 80.1] if short == 0 else [80.1, 54.6], abs=1.5
    )
    assert fit.transitions_[short, short] < 0.1
    mixture = GaussianMixture(2, random_state=0, tol=1e-9).fit(waits)
    assert fit.bic(waits) < mixture.bic(waits) - 20


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_every_iteration_is_hmmlearns(kind):
    hmm = pytest.importorskip("hmmlearn.hmm", reason="hmmlearn is not installed")
    start, moves = np.array([0.5, 0.3, 0.2]), np.full((3, 3), 0.2) + 0.4 * np.eye(3)
    means = X[[0, 50, 120]]
    shape = {"full": (3, 2, 2), "tied": (2, 2), "diag": (3, 2), "spherical": (3,)}[kind]
    begin = np.ones(shape) if kind in ("diag", "spherical") else np.eye(2) + np.zeros(shape)
    theirs = hmm.GaussianHMM(
        3,
        kind,
        n_iter=8,
        tol=-np.inf,
        init_params="",
        covars_prior=0,
        covars_weight=0 if kind in ("diag", "spherical") else -4 if kind == "tied" else -2,
        min_covar=0,
    )
    theirs.startprob_, theirs.transmat_, theirs.means_ = start, moves, means
    theirs.n_features, theirs.covars_ = 2, begin
    theirs.fit(X, LENGTHS)
    emission = GaussianMixture(
        covariance_type=kind,
        reg_covar=0,
        weights_init=np.full(3, 1 / 3),
        means_init=means,
        covariances_init=begin,
    )
    ours = HiddenMarkovModel(
        3, emission, start_init=start, transitions_init=moves, tol=0, max_iter=8
    ).fit(X, LENGTHS)
    scores = [step.log_likelihood for step in ours.history_[:8]]
    if kind in ("diag", "spherical"):
        np.testing.assert_allclose(scores, np.array(theirs.monitor_.history) / 400, atol=1e-9)
    # With our parameters in it, every answer is the same.
    theirs.startprob_, theirs.transmat_ = ours.start_, ours.transitions_
    theirs.means_, theirs.covars_ = ours.emission_.means_, ours.emission_.covariances_
    assert ours.score(X, LENGTHS) == pytest.approx(theirs.score(X, LENGTHS) / 400, abs=1e-9)
    np.testing.assert_allclose(
        ours.predict_proba(X, LENGTHS), theirs.predict_proba(X, LENGTHS), atol=1e-9
    )
    np.testing.assert_array_equal(ours.predict(X, LENGTHS), theirs.predict(X, LENGTHS))
    assert ours.decode(X, LENGTHS)[0] == pytest.approx(theirs.decode(X, LENGTHS)[0], rel=1e-9)


def test_one_state_is_a_mixture_of_one():
    one = HiddenMarkovModel(1, GaussianMixture(2, reg_covar=0), random_state=0, tol=1e-9).fit(X)
    mixture = GaussianMixture(
        2,
        reg_covar=0,
        weights_init=one.mixing_[0],
        means_init=one.emission_.means_,
        covariances_init=one.emission_.covariances_,
        max_iter=1,
    ).fit(X)
    assert one.score(X) == pytest.approx(mixture.history_[0].log_likelihood, abs=1e-10)
    # One parameter less for the weights of one state than none at all.
    assert free_numbers(one, X) == free_numbers(mixture, X)
