"""Chains with forbidden moves, missing steps and degenerate sequences; what they refuse."""

import numpy as np
import pytest

from segment.mixture import (
    BernoulliMixture,
    BinomialMixture,
    HiddenMarkovModel,
    KMeans,
    select,
)
from tests.mixture.caught import free_numbers
from tests.mixture.chain_cases import COUNTS, LENGTHS, X, model, objectives


def test_left_to_right_never_goes_back():
    rng = np.random.default_rng(0)
    parts = [np.r_[rng.normal(0, 1, n), rng.normal(5, 1, n), rng.normal(-5, 1, n)] for n in (9, 14)]
    samples = np.concatenate(parts)[:, None]
    fit = HiddenMarkovModel(3, topology="left-to-right", random_state=0, n_init=4)
    path = fit.fit(samples, [27, 42]).predict(samples, [27, 42])
    assert (np.tril(fit.transitions_, -1) == 0).all()
    assert fit.start_.tolist() == [1, 0, 0]
    for some in np.split(path, [27]):
        assert (np.diff(some) >= 0).all()
        assert some[0] == 0
    ring = np.eye(3, dtype=bool) | np.roll(np.eye(3, dtype=bool), 1, axis=1)
    around = HiddenMarkovModel(3, topology=ring, random_state=0, max_iter=20).fit(samples)
    assert (around.transitions_[~ring] == 0).all()
    # 3 rows of 2 moves, 2 starts, and 3 means and variances.
    assert free_numbers(around, samples) == 3 + 2 + 6


@pytest.mark.parametrize("case", ["full", "student", "bernoulli", "poisson", "mixtures"])
def test_a_step_that_is_missing_is_a_move_nobody_saw(case):
    hmm, samples = model(case, max_iter=4, tol=0)
    holes = samples.copy()
    holes[[5, 6, 100, 399]] = np.nan
    hmm.fit(holes, LENGTHS)
    each = hmm.score_samples(holes, LENGTHS)
    np.testing.assert_allclose(each[[5, 6, 100, 399]], 0, atol=1e-10)
    assert np.diff(objectives(hmm)).min() > -1e-9
    gamma = hmm.predict_proba(holes)
    # Between two known steps: forward from one, backward from the other.
    assert np.isfinite(gamma).all()
    if case in ("student", "bernoulli", "poisson"):
        holes[3, 0] = np.nan
        with pytest.raises(ValueError, match="step 3"):
            hmm.fit(holes, LENGTHS)


def finite(fit):
    arrays = [fit.start_, fit.transitions_, fit.mixing_, fit.emission_.means_]
    return all(np.isfinite(array).all() for array in arrays)


def test_degenerate_sequences_are_fitted():
    same = HiddenMarkovModel(2, random_state=0).fit(np.full((20, 3), 7.5))
    assert finite(same)
    one = HiddenMarkovModel(1).fit([[3.0, -2.0]])
    np.testing.assert_allclose(one.emission_.means_, [[3, -2]])
    flat = HiddenMarkovModel(2, random_state=0).fit(np.c_[X, np.full(400, 4.0)])
    assert finite(flat)
    apart = HiddenMarkovModel(2, random_state=0).fit(X[:30], np.ones(30, int))
    # Nothing was seen to follow anything: the first guess stays.
    assert finite(apart)
    np.testing.assert_allclose(apart.transitions_, 0.5)
    single = HiddenMarkovModel(3, random_state=0, max_iter=5).fit(X.astype(np.float32))
    double = HiddenMarkovModel(3, random_state=0, max_iter=5)
    double.fit(X.astype(np.float32).astype(float))
    np.testing.assert_allclose(single.transitions_, double.transitions_, rtol=1e-9)


@pytest.mark.parametrize("arithmetic", ["auto", "log"])
def test_long_and_far_apart_sequences_do_not_underflow(arithmetic):
    # Each step is e^-5000 in the wrong state; 60,000 steps of one sequence.
    far = np.repeat([0.0, 100.0], 30_000)[:, None] + np.random.default_rng(0).normal(
        size=(60_000, 1)
    )
    fit = HiddenMarkovModel(2, random_state=0, arithmetic=arithmetic).fit(far)
    assert finite(fit)
    assert np.isfinite(fit.score(far))
    assert np.abs(np.diff(fit.predict(far))).sum() == 1
    # The right answer is the mixture's with labels known, and one move in 30,000.
    assert fit.transitions_.min() == pytest.approx(0, abs=1e-4)
    wild = far[:100].copy()
    wild[50] = 1e6
    assert np.isfinite(fit.score(wild))
    assert np.isfinite(fit.predict_proba(wild)).all()


@pytest.mark.parametrize(
    ("hmm", "given_", "message"),
    [
        (HiddenMarkovModel(2), (X, [100, 200]), "add up to 300, but X has 400"),
        (HiddenMarkovModel(2), (X, [400, 0]), "lengths has 0"),
        (HiddenMarkovModel(2), (X, [[400]]), r"shape \(1, 1\)"),
        (HiddenMarkovModel(2), (X, [200.0, 200.0]), "float64"),
        (HiddenMarkovModel(5), (X[:4], None), r"n_samples=4.*n_components=5"),
        (HiddenMarkovModel(2), (np.full((9, 2), np.nan), None), "NaN only in feature 0"),
        (HiddenMarkovModel(2), (np.full((9, 2), np.inf), None), "infinity"),
        (HiddenMarkovModel(2, topology="round"), (X, None), "'round'"),
        (HiddenMarkovModel(2, topology=np.eye(3, dtype=bool)), (X, None), r"\(3, 3\)"),
        (HiddenMarkovModel(2, topology=np.zeros((2, 2), bool)), (X, None), "state 0 has no move"),
        (HiddenMarkovModel(2, start_init=[0.5, 0.6]), (X, None), "sum to 1"),
        (HiddenMarkovModel(2, transitions_init=[[1, 1], [0, 1]]), (X, None), "sum to 1"),
        (HiddenMarkovModel(2, start_init=[1.0]), (X, None), r"\(1,\), wanted \(2,\)"),
        (HiddenMarkovModel(2, algorithm="px"), (X, None), "'px'.*this model has em, gem"),
        (HiddenMarkovModel(2, arithmetic="fast"), (X, None), "'fast'"),
        (HiddenMarkovModel(2, transition_concentration=0.5), (X, None), "at least 1"),
        (HiddenMarkovModel(2, BernoulliMixture()), (X, None), "wanted 0 to 1"),
        (HiddenMarkovModel(0), (X, None), "n_components is 0"),
    ],
)
def test_errors_say_what_was_wanted(hmm, given_, message):
    with pytest.raises(ValueError, match=message):
        hmm.fit(*given_)


def test_only_densities_are_emitted():
    for emission in (KMeans(1), "gaussian", HiddenMarkovModel()):
        with pytest.raises(TypeError, match="wanted a mixture"):
            HiddenMarkovModel(2, emission).fit(X)
    with pytest.raises(AttributeError, match="not fitted"):
        HiddenMarkovModel(2).predict(X)
    fit = HiddenMarkovModel(2, random_state=0, max_iter=2).fit(X)
    with pytest.raises(ValueError, match="3 features"):
        fit.predict(np.zeros((5, 3)))


def test_the_number_of_states_is_chosen():
    assert select(HiddenMarkovModel(random_state=0), X, [1, 2, 3, 4], "bic").n_components == 3
    with pytest.raises(ValueError, match="weights_fixed"):
        HiddenMarkovModel(2, BinomialMixture(1, n_trials=40, weights_fixed=True)).fit(COUNTS)
