"""AMI and ARI against plain definitions, one picture at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.neural.measure import adjusted_mutual_information, adjusted_rand, contingency


def groupings(seed, objects, clusters, agreement):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, objects + 1, (3, 5, 7))
    found = rng.integers(0, clusters, (3, 5, 7))
    return truth, np.where(rng.random(truth.shape) < agreement, truth % clusters, found)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_rand_counts_pairs(seed, objects, clusters, agreement):
    truth, found = groupings(seed, objects, clusters, agreement)
    ours = adjusted_rand(contingency(truth, found))
    for value, a, b in zip(ours, truth, found, strict=True):
        a, b = a[a > 0], b[a > 0]
        first, second = np.triu_indices(len(a), 1)
        same_a, same_b = a[first] == a[second], b[first] == b[second]
        both, expected = (same_a & same_b).sum(), same_a.sum() * same_b.sum() / len(first)
        most = (same_a.sum() + same_b.sum()) / 2
        assert value == pytest.approx(
            1 if most == expected else (both - expected) / (most - expected)
        )


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(2, 4), st.floats(0, 1))
@settings(deadline=None, max_examples=25)
def test_mutual_information_agrees_with_scikit_learn(seed, objects, clusters, agreement):
    metrics = pytest.importorskip("sklearn.metrics", reason="the twin is scikit-learn's")
    truth, found = groupings(seed, objects, clusters, agreement)
    ours = adjusted_mutual_information(contingency(truth, found))
    for value, a, b in zip(ours, truth, found, strict=True):
        expected = metrics.adjusted_mutual_info_score(a[a > 0], b[a > 0], average_method="max")
        assert value == pytest.approx(expected, abs=1e-9)


def test_expected_information_is_what_shuffling_gives():
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 4, (1, 60))
    found = np.stack([rng.permutation(truth[0]) for _ in range(3000)])
    ami = adjusted_mutual_information(contingency(np.repeat(truth, 3000, axis=0), found))
    assert abs(ami.mean()) < 0.003


def test_a_renamed_truth_is_perfect_and_chunks_change_nothing():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, (7, 30, 31))
    counts = contingency(truth, (truth + 1) % 4)
    np.testing.assert_allclose(adjusted_rand(counts), 1)
    np.testing.assert_allclose(adjusted_mutual_information(counts), 1)
    noisy = contingency(truth, rng.integers(0, 4, truth.shape))
    one_by_one = [adjusted_mutual_information(noisy[i : i + 1])[0] for i in range(7)]
    np.testing.assert_allclose(adjusted_mutual_information(noisy), one_by_one, atol=1e-12)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"truth is \(1, 4\), but found is \(1, 5\)"):
        contingency(np.ones((1, 4), int), np.ones((1, 5), int))
