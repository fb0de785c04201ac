"""What mathematics promises of chains, of every emission and every way up."""

import pickle

import numpy as np
import pytest

from segment.mixture import GaussianMixture, HiddenMarkovModel
from segment.mixture.chains import sequences
from tests.mixture.caught import check_slope
from tests.mixture.chain_cases import CASES, GAPS, LENGTHS, X, drawn, model, objectives


@pytest.mark.parametrize(
    "way", ["em", "gem", "squarem", "anderson", "aitken", "conjugate-gradient"]
)
@pytest.mark.parametrize("case", CASES)
def test_the_objective_never_falls(case, way):
    if way == "conjugate-gradient" and case in ("map", "student", "student-px"):
        pytest.skip("its slopes are taken by differences: slow")
    if way not in ("em", "squarem") and case in ("tied", "spherical", "poissons", "binomial"):
        pytest.skip("equations that other cases have")
    settings_ = {"algorithm": way} if way in ("em", "gem") else {"acceleration": way}
    hmm, samples = model(case, tol=0, max_iter=12, **settings_)
    rises = np.diff(objectives(hmm.fit(samples, LENGTHS)))
    assert len(rises) > 1
    assert rises.min() > -1e-9
    assert rises.max() > 1e-6


@pytest.mark.parametrize("case", CASES)
def test_bound_and_gap_make_the_likelihood(case):
    hmm, samples = model(case, max_iter=5, tol=0)
    hmm.fit(samples, LENGTHS)
    for step in hmm.history_[1:]:
        assert step.bound + step.gap == pytest.approx(step.log_likelihood, abs=1e-12)
        assert step.gap > -1e-11
        assert step.entropy > 0
    assert hmm.score(samples, LENGTHS) == pytest.approx(hmm.history_[-1].log_likelihood, abs=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_answers_are_probabilities(case):
    hmm, samples = model(case, max_iter=5)
    gamma = hmm.fit(samples, LENGTHS).predict_proba(samples, LENGTHS)
    assert gamma.min() >= 0
    np.testing.assert_allclose(gamma.sum(axis=1), 1, atol=1e-14)
    np.testing.assert_allclose(hmm.transitions_.sum(axis=1), 1)
    np.testing.assert_allclose(hmm.mixing_.sum(axis=1), 1)
    np.testing.assert_allclose(hmm.stationary_ @ hmm.transitions_, hmm.stationary_, atol=1e-10)
    assert hmm.start_.sum() == pytest.approx(1)
    again = pickle.loads(pickle.dumps(hmm))
    np.testing.assert_array_equal(again.predict_proba(samples, LENGTHS), gamma)


@pytest.mark.parametrize("case", ["full", "mixtures", "student", "poisson", "gaps"])
def test_the_number_of_threads_changes_nothing(case, monkeypatch):
    monkeypatch.setattr(sequences, "BLOCK", 3 * 64)
    fits = []
    for threads in (1, 3):
        hmm, samples = model(case, max_iter=4, tol=0, threads=threads)
        hmm.fit(samples, LENGTHS)
        fits.append((objectives(hmm), hmm.transitions_, hmm.predict_proba(samples, LENGTHS)))
    for one, other in zip(*fits, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", ["full", "mixtures", "bernoulli"])
def test_the_order_of_sequences_does_not_matter(case):
    hmm, samples = model(case, max_iter=5, tol=0)
    hmm.fit(samples, LENGTHS)
    begin = {
        "start_init": hmm.start_,
        "transitions_init": hmm.transitions_,
    }
    emission = CASES[case][0].get_params() | {
        "means_init": hmm.emission_.means_,
        "weights_init": hmm.emission_.weights_,
    }
    parts = np.split(samples, np.cumsum(LENGTHS)[:-1])
    results = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        turned = HiddenMarkovModel(
            3, type(CASES[case][0])(**emission), max_iter=3, tol=0, random_state=0, **begin
        )
        some = np.concatenate([parts[i] for i in order])
        turned.fit(some, [LENGTHS[i] for i in order])
        results.append(objectives(turned)[0])
    assert results[0] == pytest.approx(results[1], rel=1e-6)


@pytest.mark.parametrize("case", ["full", "mixtures", "student", "poisson"])
def test_a_warm_start_goes_on_exactly(case):
    whole, samples = model(case, max_iter=7, tol=0)
    parts, _ = model(case, max_iter=3, tol=0, warm_start=True)
    whole.fit(samples, LENGTHS)
    first = objectives(parts.fit(samples, LENGTHS))
    parts.max_iter = 4
    second = objectives(parts.fit(samples, LENGTHS))
    together = np.concatenate([first, second[1:]])
    np.testing.assert_allclose(together, objectives(whole), rtol=1e-11)


@pytest.mark.parametrize("case", ["full", "diag", "mixtures", "poisson", "bernoulli"])
def test_the_slope_is_that_of_small_differences(case):
    hmm, samples = model(case, max_iter=2, tol=0, transition_concentration=1.5)
    moved, there = check_slope(hmm, [samples, LENGTHS], 0.03, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(there.moves, moved.moves, rtol=1e-12)
    np.testing.assert_allclose(there.emission.weights, moved.emission.weights, rtol=1e-12)


def test_every_way_ends_where_em_ends():
    plain = HiddenMarkovModel(3, random_state=0, tol=1e-10, max_iter=2000).fit(X, LENGTHS)
    for way in ("squarem", "anderson", "conjugate-gradient"):
        other = HiddenMarkovModel(
            3, random_state=0, tol=1e-10, max_iter=2000, acceleration=way
        ).fit(X, LENGTHS)
        assert other.lower_bound_ == pytest.approx(plain.lower_bound_, abs=2e-5)


def test_hidden_states_are_found_again():
    samples, path = drawn(5000, seed=3)
    fit = HiddenMarkovModel(3, random_state=0).fit(samples)
    found = fit.predict(samples)
    names = {k: np.bincount(path[found == k]).argmax() for k in range(3)}
    right = np.mean([names[k] == p for k, p in zip(found, path, strict=True)])
    assert right > 0.93
    mixture = GaussianMixture(3, random_state=0).fit(samples)
    alone = mixture.predict(samples)
    names = {k: np.bincount(path[alone == k]).argmax() for k in range(3)}
    assert right > 0.03 + np.mean([names[k] == p for k, p in zip(alone, path, strict=True)])
    again, states = fit.sample(20_000)
    np.testing.assert_allclose(np.bincount(states) / 20_000, fit.stationary_, atol=0.03)
    for k in range(3):
        np.testing.assert_allclose(
            again[states == k].mean(axis=0), fit.emission_.means_[k], atol=0.1
        )


def test_a_step_online_is_a_step_of_the_whole():
    fit = HiddenMarkovModel(3, random_state=0, max_iter=10).fit(GAPS, LENGTHS)
    online = fit.filter()
    np.testing.assert_allclose(online.probabilities, fit.start_)
    each = fit.score_samples(GAPS)
    for t in range(60):
        now = online.step(GAPS[t])
    assert online.log_likelihood == pytest.approx(each[:60].sum(), rel=1e-10)
    assert online.steps == 60
    # The last step has no future: smoothed there is filtered.
    np.testing.assert_allclose(fit.predict_proba(GAPS[:60])[-1], now, atol=1e-10)
    np.testing.assert_allclose(online.ahead(1), now @ fit.transitions_)
    with pytest.raises(ValueError, match="3 features"):
        online.step(np.zeros(3))


def test_priors_keep_states_alive():
    sticky = HiddenMarkovModel(
        3, transition_concentration=1 + 200 * np.eye(3), random_state=0, tol=0, max_iter=20
    ).fit(X, LENGTHS)
    plain = HiddenMarkovModel(3, random_state=0, tol=0, max_iter=20).fit(X, LENGTHS)
    assert np.diagonal(sticky.transitions_).min() > np.diagonal(plain.transitions_).min()
    assert np.diff(objectives(sticky)).min() > -1e-9


@pytest.mark.parametrize("case", ["full", "tied", "diag", "spherical", "gaps", "student-px"])
def test_shifting_and_scaling_the_steps_does_so_to_the_states(case):
    one, samples = model(case, max_iter=6, tol=0)
    moved, _ = model(case, max_iter=6, tol=0)
    one.fit(samples, LENGTHS)
    moved.fit(samples * 32 + 4096, LENGTHS)
    np.testing.assert_allclose(moved.emission_.means_, one.emission_.means_ * 32 + 4096, rtol=1e-8)
    np.testing.assert_allclose(moved.transitions_, one.transitions_, atol=1e-7)
    # Densities shrink with the volume.
    known = 2 - np.isnan(samples).sum(axis=1).mean()
    assert moved.lower_bound_ == pytest.approx(one.lower_bound_ - known * np.log(32), abs=1e-8)


def test_states_have_no_order():
    order = [2, 0, 1]
    start, moves = np.array([0.5, 0.3, 0.2]), np.full((3, 3), 0.2) + 0.4 * np.eye(3)
    moves[0] = [0.7, 0.2, 0.1]
    fits = []
    for turned in ([0, 1, 2], order):
        emission = GaussianMixture(
            means_init=X[[0, 50, 120]][turned],
            covariances_init=np.tile(np.eye(2), (3, 1, 1)),
            weights_init=np.full(3, 1 / 3),
        )
        begin = {"start_init": start[turned], "transitions_init": moves[np.ix_(turned, turned)]}
        fits.append(HiddenMarkovModel(3, emission, tol=0, max_iter=8, **begin).fit(X, LENGTHS))
    one, other = fits
    assert other.lower_bound_ == pytest.approx(one.lower_bound_, rel=1e-12)
    np.testing.assert_allclose(
        other.transitions_, one.transitions_[np.ix_(order, order)], rtol=1e-9
    )
    np.testing.assert_array_equal(
        np.array(order)[other.predict(X, LENGTHS)], one.predict(X, LENGTHS)
    )


def test_the_best_of_many_starts_is_never_below_one():
    emission = GaussianMixture(init_params="random_from_data")
    one, many = (
        HiddenMarkovModel(3, emission, random_state=1, n_init=n, max_iter=20).fit(X, LENGTHS)
        for n in (1, 5)
    )
    assert many.lower_bound_ >= one.lower_bound_ - 1e-12
