"""Chains by other ways than EM of one array: paths drawn, sequences weighed, in blocks, judged."""

import itertools

import numpy as np
import pytest

from segment.mixture import (
    BernoulliMixture,
    Blocks,
    FactorAnalysis,
    GaussianMixture,
    HiddenMarkovModel,
    StudentMixture,
    bound,
    select,
)
from segment.mixture.chains import smoothing
from segment.mixture.chains.smoothing import Chain
from tests.mixture.chain_cases import BITS, GAPS, LENGTHS, X, model, objectives

PARTS = np.split(X, np.cumsum(LENGTHS)[:-1])


@pytest.fixture(scope="module")
def plain():
    return HiddenMarkovModel(3, random_state=0, tol=1e-10, max_iter=2000).fit(X, LENGTHS)


# Paths drawn.


@pytest.mark.parametrize("holes", [False, True])
def test_drawn_paths_are_as_frequent_as_they_are_probable(holes, monkeypatch):
    rng = np.random.default_rng(3)
    joint = rng.normal(0, 2, (150, 3))
    moves = rng.dirichlet(np.ones(3), 3)
    if holes:
        moves = np.triu(moves) / np.triu(moves).sum(axis=1, keepdims=True)
    chain, begins = Chain(np.array([0.6, 0.4, 0.0]), moves), np.array([0, 1, 90, 150])
    found = {}

    def run(way, *more):
        gamma = np.empty_like(joint)

        def visit(a, b, some):
            gamma[a:b] = some

        found[way] = way(lambda a, b: joint[a:b].copy(), begins, (0, 150), chain, visit, *more)
        return found[way], gamma

    whole, gamma = run(smoothing.smooth)
    # Blocks of 64 steps, forward twice, and few paths at a time.
    monkeypatch.setattr("segment.mixture.chains.sequences.BLOCK", 3 * 64)
    monkeypatch.setattr(smoothing, "KEPT", 0)
    monkeypatch.setattr(smoothing, "DRAWN", 64 * 7000)
    drawn, often = run(smoothing.draw, np.random.default_rng(0), 20_000)
    # Six deviations of a share of 20,000.
    np.testing.assert_allclose(often, gamma, atol=6 * 0.5 / np.sqrt(20_000))
    np.testing.assert_allclose(drawn.starts, whole.starts, atol=0.03)
    np.testing.assert_allclose(drawn.moves, whole.moves, atol=0.3)
    assert (drawn.moves[whole.moves == 0] == 0).all()
    assert drawn.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
    assert drawn.moves.sum() == pytest.approx(150 - 3)
    np.testing.assert_allclose(often.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("algorithm", "near"), [("sem", 0.01), ("saem", 3e-3), ("mcem", 1e-3), ("online", 0.02)]
)
def test_drawn_and_stepwise_ways_end_about_em(plain, algorithm, near):
    other = HiddenMarkovModel(3, random_state=0, algorithm=algorithm, max_iter=100)
    apart = plain.lower_bound_ - other.fit(X, LENGTHS).lower_bound_
    assert -1e-6 < apart < near
    assert "iterations are done" in other.reason_


@pytest.mark.parametrize("case", ["mixtures", "gaps", "poisson"])
def test_draws_do_not_depend_on_threads(case, monkeypatch):
    monkeypatch.setattr("segment.mixture.chains.sequences.BLOCK", 3 * 64)
    fits = []
    for threads in (1, 3):
        hmm, samples = model(case, algorithm="sem", max_iter=6, threads=threads)
        fits.append(objectives(hmm.fit(samples, LENGTHS)))
    np.testing.assert_array_equal(*fits)


def test_online_wants_more_than_one_sequence():
    for samples in (X, Blocks([X])):
        with pytest.raises(ValueError, match="X is one; give lengths"):
            HiddenMarkovModel(2, algorithm="online").fit(samples)


# Sequences weighed, and in blocks.


@pytest.mark.parametrize("case", ["full", "mixtures", "student", "bernoulli", "map"])
def test_a_weight_of_two_is_a_sequence_twice(case):
    hmm, samples = model(case, max_iter=6, tol=0)
    again, _ = model(case, max_iter=6, tol=0)
    parts = np.split(samples, np.cumsum(LENGTHS)[:-1])
    times = [2, 0, 1, 3]
    order = np.repeat(np.arange(4), times)
    more, lengths = np.concatenate([parts[n] for n in order]), [LENGTHS[n] for n in order]
    hmm.fit(samples, LENGTHS, sequence_weight=times)
    again.fit(more, lengths)
    np.testing.assert_allclose(objectives(hmm), objectives(again), rtol=1e-9)
    np.testing.assert_allclose(hmm.transitions_, again.transitions_, rtol=1e-6, atol=1e-12)
    for judge in (hmm.score, hmm.bic, hmm.aic, hmm.icl):
        assert judge(samples, LENGTHS, times) == pytest.approx(judge(more, lengths), rel=1e-9)


@pytest.mark.parametrize("algorithm", ["em", "gem", "online"])
@pytest.mark.parametrize("together", [1, 10**6])
def test_blocks_are_sequences(algorithm, together, monkeypatch):
    monkeypatch.setattr("segment.mixture.chains.sequences.TOGETHER", together)
    parts = np.split(GAPS, np.cumsum(LENGTHS)[:-1])
    settings = {"algorithm": algorithm, "random_state": 0, "tol": 0, "max_iter": 5}
    whole = HiddenMarkovModel(3, **settings).fit(GAPS, LENGTHS)
    fit = HiddenMarkovModel(3, **settings).fit(Blocks(lambda: iter(parts)))
    if algorithm == "online":
        # The same sequences, in the order of the blocks.
        assert fit.lower_bound_ == pytest.approx(whole.lower_bound_, abs=0.05)
    else:
        np.testing.assert_allclose(fit.lower_bounds_, whole.lower_bounds_, rtol=1e-11)
    with pytest.raises(TypeError, match="one sequence after the other"):
        fit.predict(Blocks(parts))
    with pytest.raises(ValueError, match="each of the Blocks is a sequence"):
        fit.fit(Blocks(parts), LENGTHS)
    with pytest.raises(ValueError, match="wanted 0 to 1"):
        HiddenMarkovModel(2, BernoulliMixture()).fit(Blocks([BITS, BITS + 1]))
    bits = BITS.copy()
    bits[3, 1] = np.nan
    with pytest.raises(ValueError, match="step 3; BernoulliMixture"):
        HiddenMarkovModel(2, BernoulliMixture()).fit(Blocks([BITS, bits]))


# Judged.


@pytest.mark.parametrize("case", ["full", "mixtures", "gaps", "bernoulli", "student"])
def test_bound_and_gap_make_the_likelihood_of_any_q(case):
    hmm, samples = model(case, max_iter=5)
    hmm.fit(samples, LENGTHS)
    total = hmm.score(samples, LENGTHS) * 400
    own = bound(hmm, samples, lengths=LENGTHS)
    assert own.log_likelihood == pytest.approx(total, rel=1e-11)
    assert own.bound == pytest.approx(total, rel=1e-11)
    assert own.gap == 0
    field = bound(hmm, samples, hmm.predict_proba(samples, LENGTHS), lengths=LENGTHS)
    assert field.gap > 0
    assert abs(field.bound + field.gap - total) < 1e-10 * abs(total)
    q = np.random.default_rng(2).dirichlet(np.ones(3), 400)
    other = bound(hmm, samples, q, lengths=LENGTHS)
    assert other.gap > field.gap
    assert abs(other.bound + other.gap - total) < 1e-10 * abs(total)
    # The path's entropy, by the compiled loops and without them.
    extra = hmm.icl(samples, LENGTHS) - hmm.bic(samples, LENGTHS)
    assert extra == pytest.approx(2 * own.entropy, rel=1e-8)


def test_a_q_that_moves_where_nothing_may_has_no_bound():
    hmm = HiddenMarkovModel(2, topology="left-to-right", random_state=0).fit(X[:100])
    split = bound(hmm, X[:100], np.full((100, 2), 0.5))
    assert split.bound == -np.inf
    assert split.gap == np.inf
    with pytest.raises(ValueError, match=r"\(100, 3\), wanted \(100, 2\)"):
        bound(hmm, X[:100], np.full((100, 3), 1 / 3))


@pytest.mark.parametrize("criterion", ["bic", "icl", "heldout"])
def test_the_number_of_states_is_chosen_of_several_sequences(criterion):
    found = select(
        HiddenMarkovModel(random_state=0), X, [1, 3, 4], criterion, lengths=LENGTHS, folds=3
    )
    assert found.n_components == found.best.n_components == 3
    alone = getattr(found.best, "bic" if criterion == "heldout" else criterion)
    if criterion != "heldout":
        assert found.scores[3] == pytest.approx(alone(X, LENGTHS))


def test_whole_sequences_are_held_out():
    times = [1, 2, 1, 1]
    model_ = HiddenMarkovModel(2, random_state=0, max_iter=3)
    found = select(model_, X, [2], "heldout", lengths=LENGTHS, sample_weight=times, folds=4)
    total = 0.0
    for n in range(4):
        rest = [m for m in range(4) if m != n]
        copy = HiddenMarkovModel(2, random_state=0, max_iter=3).fit(
            np.concatenate([PARTS[m] for m in rest]),
            [LENGTHS[m] for m in rest],
            [times[m] for m in rest],
        )
        total += times[n] * copy.score_samples(PARTS[n]).sum()
    assert found.scores[2] == pytest.approx(-2 * total, rel=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: select(HiddenMarkovModel(), X, [1], "heldout"), "holds out whole sequences"),
        (
            lambda: select(HiddenMarkovModel(), X, [1], "heldout", lengths=LENGTHS),
            "folds is 5, wanted 2 to 4, the number of sequences",
        ),
        (lambda: select(GaussianMixture(), X, [1], lengths=LENGTHS), "samples have no order"),
        (lambda: select(FactorAnalysis(), X, [1], "icl"), "FactorAnalysis has no icl"),
        (lambda: bound(GaussianMixture().fit(X), X, lengths=LENGTHS), "samples have no order"),
        (
            lambda: bound(HiddenMarkovModel().fit(X), X, sample_weight=np.ones(400)),
            "a chain takes none",
        ),
        (
            lambda: HiddenMarkovModel(2).fit(X, LENGTHS, np.ones(400)),
            r"sequence_weight is \(400,\), wanted \(4,\)",
        ),
        (lambda: HiddenMarkovModel(2).fit(X, LENGTHS, [1, -1, 1, 1]), "at least 0"),
        (
            lambda: HiddenMarkovModel(2, GaussianMixture(algorithm="sem")).fit(X),
            "the chain that climbs",
        ),
        (
            lambda: HiddenMarkovModel(2, GaussianMixture(acceleration="squarem")).fit(X),
            "the chain that climbs",
        ),
        (
            lambda: HiddenMarkovModel(2, BernoulliMixture()).fit(BITS).filter().step(BITS[0] * 7),
            "wanted 0 to 1",
        ),
        (lambda: HiddenMarkovModel(2).fit(X).filter().step([np.inf, 0]), "infinity"),
        (lambda: HiddenMarkovModel(2).fit(X).filter().step(X[:2]), r"\(2, 2\), wanted one obs"),
        (lambda: HiddenMarkovModel(2).fit(X).filter().ahead(-1), "does not look back"),
        (lambda: HiddenMarkovModel(2).fit(PARTS), "list of 4 sequences; give them in a row"),
        (lambda: HiddenMarkovModel(2, tol="x").fit(X), "tol is 'x'"),
        (lambda: HiddenMarkovModel(2, random_state="x").fit(X), "random_state is 'x'"),
        (
            lambda: HiddenMarkovModel(2, transition_concentration="x").fit(X),
            "transition_concentration is x",
        ),
        (
            lambda: HiddenMarkovModel(2).fit(X).set_params(n_components=3).predict(X),
            "n_components is 3, but 2 when this was fitted",
        ),
        (
            lambda: GaussianMixture(2, warm_start=True).fit(X).set_params(n_components=3).fit(X),
            "n_components is 3, but 2 when this was fitted",
        ),
        (
            lambda: (
                FactorAnalysis(2, warm_start=True).fit(BITS).set_params(n_components=1).fit(BITS)
            ),
            "n_components is 1, but 2 when this was fitted",
        ),
        (lambda: FactorAnalysis(1).fit(X).inverse_transform(X), r"Z is \(400, 2\)"),
    ],
)
def test_what_a_chain_cannot_do_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as told:
        call()
    assert "\n" not in str(told.value)


# Emissions.


@pytest.mark.parametrize("algorithm", ["px", "ecme", "ecm"])
def test_states_learn_their_degrees_of_freedom(algorithm):
    # Two states, one with outliers; "px" and "ecme" ask the likelihood, which a chain shares.
    rng = np.random.default_rng(0)
    path = np.repeat([0, 1] * 6, 150)
    noise = np.where(path == 0, rng.standard_t(2, len(path)), rng.normal(size=len(path)))
    samples = (8.0 * path + noise)[:, None]
    begin = StudentMixture(means_init=[[0], [8]], scales_init=np.ones((2, 1, 1)))
    emission = begin.set_params(algorithm=algorithm, weights_init=[0.5, 0.5], reg_covar=0)
    fit = HiddenMarkovModel(2, emission, tol=1e-9, max_iter=500).fit(samples)
    assert np.diff(objectives(fit)).min() > -1e-9
    heavy, light = fit.emission_.degrees_of_freedom_
    assert 1.5 < heavy < 3
    assert light > 15
    if algorithm != "ecm":
        other = HiddenMarkovModel(2, begin.set_params(algorithm="ecm"), tol=1e-9, max_iter=500).fit(
            samples
        )
        assert fit.lower_bound_ == pytest.approx(other.lower_bound_, abs=1e-5)


def test_settings_of_the_emission_are_settings():
    hmm = HiddenMarkovModel(2, GaussianMixture(2))
    assert hmm.get_params()["emission__covariance_type"] == "full"
    assert "emission__tol" not in hmm.get_params(deep=False)
    hmm.set_params(emission__covariance_type="diag", n_components=3)
    assert hmm.emission.covariance_type == "diag"
    hmm.set_params(emission__reg_covar=0.5, emission=GaussianMixture(1))
    assert (hmm.emission.n_components, hmm.emission.reg_covar) == (1, 0.5)
    for name in ("emission__shape", "states", "tol__x"):
        with pytest.raises(
            ValueError, match=f"Invalid parameter '{name.rpartition('__')[2]}|{name}"
        ):
            hmm.set_params(**{name: 1})
    pairs = itertools.product([1, 2], ["diag", "full"])
    fits = [
        HiddenMarkovModel(2, GaussianMixture(m, covariance_type=kind), random_state=0, max_iter=3)
        for m, kind in pairs
    ]
    assert len({round(fit.fit(X).score(X), 6) for fit in fits}) == 4
