"""The loops over time of a chain: against every path counted, scaled and in logarithms."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.mixture import HiddenMarkovModel
from segment.mixture.chains import kernels, sequences, smoothing
from segment.mixture.chains.smoothing import Chain
from tests.mixture.chain_cases import LENGTHS, X, objectives


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
    monkeypatch.setattr(smoothing, "KEPT", kept)
    monkeypatch.setattr(sequences, "BLOCK", 3 * 64)
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


def test_a_block_of_one_state_in_one_step():
    alpha, scale = np.empty((1, 1)), np.empty(1)
    b, ahead = np.array([[0.25]]), np.zeros(1)
    got = kernels.filter_block(
        b, np.array([True]), np.ones(1), np.ones((1, 1)), ahead, alpha, scale, (0,)
    )
    assert got == pytest.approx(np.log(0.25))
    assert alpha[0, 0] == 1
