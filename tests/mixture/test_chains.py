"""Hidden Markov models: against every path counted, textbooks, hmmlearn, laws and edges."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.mixture import (
    BernoulliMixture,
    BinomialMixture,
    Blocks,
    GaussianMixture,
    GaussianPrior,
    HiddenMarkovModel,
    KMeans,
    PoissonMixture,
    StudentMixture,
    select,
)
from segment.mixture.chains import kernels, sequences, smoothing
from segment.mixture.chains.smoothing import Chain
from segment.mixture.family import Family
from tests.mixture.old_faithful import FAITHFUL

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


# Every path counted.


def counted(joint, chain):
    """ln p, P(state) (n, K), expected moves (K, K), and the best path, over all K^n paths."""
    steps, states = joint.shape
    with np.errstate(divide="ignore"):
        first, moves = np.log(chain.start), np.log(chain.moves)
    paths = list(itertools.product(range(states), repeat=steps))
    logs = np.array(
        [
            first[path[0]]
            + sum(joint[t, k] for t, k in enumerate(path))
            + sum(moves[a, b] for a, b in itertools.pairwise(path))
            for path in paths
        ]
    )
    total = np.logaddexp.reduce(logs)
    gamma, pairs = np.zeros((steps, states)), np.zeros((states, states))
    for path, share in zip(paths, np.exp(logs - total), strict=True):
        for t, k in enumerate(path):
            gamma[t, k] += share
        for a, b in itertools.pairwise(path):
            pairs[a, b] += share
    return total, gamma, pairs, paths[int(logs.argmax())], logs.max()


def smoothed(joint, chain, arithmetic, begins=None):
    gamma = np.empty_like(joint)

    def visit(a, b, some):
        gamma[a:b] = some

    begins = np.array([0, len(joint)]) if begins is None else begins
    found = smoothing.smooth(
        lambda a, b: joint[a:b].copy(), begins, (0, len(joint)), chain, visit, arithmetic
    )
    return found, gamma


@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 5),
    states=st.integers(1, 3),
    arithmetic=st.sampled_from(["auto", "log"]),
    holes=st.booleans(),
    spread=st.sampled_from([1.0, 30.0, 900.0]),
)
@settings(deadline=None, max_examples=80)
def test_the_loops_do_what_counting_every_path_does(seed, steps, states, arithmetic, holes, spread):
    rng = np.random.default_rng(seed)
    start, moves = rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), states)
    if holes:
        moves = np.where(rng.random(moves.shape) < 0.4, 0.0, moves) + 1e-12 * np.eye(states)
        moves /= moves.sum(axis=1, keepdims=True)
    joint = rng.normal(0, spread, (steps, states))
    chain = Chain(start, moves)
    total, gamma, pairs, path, best = counted(joint, chain)

    found, ours = smoothed(joint, chain, arithmetic)

    assert found.log_likelihood == pytest.approx(total, rel=1e-12, abs=1e-9)
    np.testing.assert_allclose(ours, gamma, atol=1e-11)
    np.testing.assert_allclose(found.moves, pairs, atol=1e-11)
    np.testing.assert_allclose(found.starts, gamma[0], atol=1e-11)
    run, begins = (0, steps), np.array([0, steps])
    each = smoothing.evidence(lambda a, b: joint[a:b].copy(), begins, run, chain)
    assert each.sum() == pytest.approx(total, rel=1e-12, abs=1e-9)
    ours, value = smoothing.viterbi(lambda a, b: joint[a:b].copy(), begins, run, chain)
    assert value == pytest.approx(best, rel=1e-12, abs=1e-9)
    assert tuple(ours) == path


@pytest.mark.parametrize("states", [1, 3, 8, 9])
def test_scaled_loops_and_logarithms_agree_written_out_or_not(states):
    rng = np.random.default_rng(states)
    joint = rng.normal(0, 3, (700, states))
    chain = Chain(rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), states))
    begins = np.array([0, 1, 300, 301, 700])
    scaled, one = smoothed(joint, chain, "scaled", begins)
    logs, other = smoothed(joint, chain, "log", begins)
    np.testing.assert_allclose(one, other, atol=1e-12)
    np.testing.assert_allclose(scaled.moves, logs.moves, rtol=1e-10)
    np.testing.assert_allclose(scaled.starts, logs.starts, rtol=1e-10)
    assert scaled.log_likelihood == pytest.approx(logs.log_likelihood, rel=1e-13)
    assert logs.moves.sum() == pytest.approx(700 - 4)


@pytest.mark.parametrize("kept", [0, 10**9])
@pytest.mark.parametrize("arithmetic", ["scaled", "log"])
def test_small_blocks_change_nothing(kept, arithmetic, monkeypatch):
    whole = HiddenMarkovModel(3, random_state=0, max_iter=4, tol=0, arithmetic=arithmetic)
    whole.fit(X, LENGTHS)
    path = whole.predict(X, LENGTHS)
    monkeypatch.setattr(smoothing, "_KEPT", kept)
    monkeypatch.setattr(sequences, "_BLOCK", 3 * 64)
    parts = HiddenMarkovModel(3, random_state=0, max_iter=4, tol=0, arithmetic=arithmetic)
    parts.fit(X, LENGTHS)
    np.testing.assert_allclose(objectives(parts), objectives(whole), rtol=1e-12)
    np.testing.assert_allclose(parts.transitions_, whole.transitions_, rtol=1e-9)
    np.testing.assert_array_equal(parts.predict(X, LENGTHS), path)
    np.testing.assert_allclose(
        parts.predict_proba(X, LENGTHS), whole.predict_proba(X, LENGTHS), atol=1e-10
    )


def test_what_scaled_numbers_lose_is_found_in_logarithms():
    # Two worlds that never meet: the first half speaks for one, the second, louder, for the other.
    joint = np.zeros((200, 2))
    joint[:100, 0], joint[100:, 1] = 30.0, 60.0
    chain = Chain(np.array([0.5, 0.5]), np.eye(2))
    expected = np.logaddexp(np.log(0.5) + 3000, np.log(0.5) + 6000)
    found, gamma = smoothed(joint, chain, "auto")
    assert found.log_likelihood == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(gamma[:, 1], 1)
    with pytest.raises(ArithmeticError, match="'auto' or 'log'"):
        smoothed(joint, chain, "scaled")
    each = smoothing.evidence(lambda a, b: joint[a:b].copy(), np.array([0, 200]), (0, 200), chain)
    assert each.sum() == pytest.approx(expected, rel=1e-14)


# Textbooks.


def test_rain_and_umbrellas():
    # Russell and Norvig, Artificial Intelligence, section 15.2 and figure 15.5.
    days = np.array([[1.0], [1.0], [0.0], [1.0], [1.0]])
    world = HiddenMarkovModel(
        2,
        BernoulliMixture(means_init=[[0.9], [0.2]], weights_init=[0.5, 0.5]),
        start_init=[0.5, 0.5],
        transitions_init=[[0.7, 0.3], [0.3, 0.7]],
        max_iter=1,
    ).fit(days)
    world.start_, world.transitions_ = np.array([0.5, 0.5]), np.array([[0.7, 0.3], [0.3, 0.7]])
    world.emission_.means_ = np.array([[0.9], [0.2]])
    online = world.filter()
    assert online.step(days[0])[0] == pytest.approx(0.818, abs=5e-4)
    assert online.step(days[1])[0] == pytest.approx(0.883, abs=5e-4)
    # The state without new observations returns to (1/2, 1/2).
    np.testing.assert_allclose(online.ahead(100), 0.5)
    smooth = world.predict_proba(days[:2])[:, 0]
    np.testing.assert_allclose(smooth, 0.883, atol=5e-4)
    assert world.predict(days).tolist() == [0, 0, 1, 0, 0]
    # By hand: (.5 x .9 + .5 x .2) and then (.627 x .9 + .373 x .2).
    assert np.exp(world.score_samples(days[:2])) == pytest.approx([0.55, 0.6391], abs=1e-4)


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


# hmmlearn.


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
    assert one._free() == mixture._free()


# Laws.


@pytest.mark.parametrize(
    "way", ["em", "gem", "squarem", "anderson", "aitken", "conjugate-gradient"]
)
@pytest.mark.parametrize("case", CASES)
def test_the_objective_never_falls(case, way):
    if way == "conjugate-gradient" and case in ("map", "student"):
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
    monkeypatch.setattr(sequences, "_BLOCK", 3 * 64)
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
    hmm.fit(samples, LENGTHS)
    states = hmm._all_states()
    checked = hmm._check_sequences(samples, LENGTHS, states)
    family = hmm._equations(states, states._family(checked))
    sums, _ = family.sweep(checked, hmm._learned())
    moved = family.unpack(family.pack(hmm._learned()) + 0.03)
    np.testing.assert_allclose(
        family.gradient(sums, moved), Family.gradient(family, sums, moved), rtol=1e-4, atol=1e-3
    )
    there = family.unpack(family.pack(moved))
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


# Topologies.


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
    assert around._free() == 3 + 2 + 6


# Missing steps.


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


# Edges.


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
        (HiddenMarkovModel(2, algorithm="sem"), (X, None), "'sem'.*this model has em, gem"),
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


def test_a_block_of_one_state_in_one_step():
    alpha, scale = np.empty((1, 1)), np.empty(1)
    b, ahead = np.array([[0.25]]), np.zeros(1)
    got = kernels.filter_block(
        b, np.array([True]), np.ones(1), np.ones((1, 1)), ahead, alpha, scale, (0,)
    )
    assert got == pytest.approx(np.log(0.25))
    assert alpha[0, 0] == 1


def test_the_number_of_states_is_chosen():
    assert select(HiddenMarkovModel(random_state=0), X, [1, 2, 3, 4], "bic").n_components == 3
    with pytest.raises(TypeError, match="mapped perhaps"):
        HiddenMarkovModel(2).fit(Blocks([X]))
    with pytest.raises(ValueError, match="weights_fixed"):
        HiddenMarkovModel(2, BinomialMixture(1, n_trials=40, weights_fixed=True)).fit(COUNTS)
