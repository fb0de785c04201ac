"""AMI and ARI of many pictures against plain definitions, one picture at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.measures import clustering
from segment.measures.clustering import (
    adjusted_mutual_information,
    adjusted_mutual_information_of_each,
    adjusted_rand,
    adjusted_rand_of_each,
    contingency,
    contingency_of_each,
)


def groupings(seed, objects, clusters, agreement):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, objects + 1, (3, 5, 7))
    found = rng.integers(0, clusters, (3, 5, 7))
    return truth, np.where(rng.random(truth.shape) < agreement, truth % clusters, found)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_rand_counts_pairs(seed, objects, clusters, agreement):
    truth, found = groupings(seed, objects, clusters, agreement)
    ours = adjusted_rand_of_each(contingency_of_each(truth, found))
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
    ours = adjusted_mutual_information_of_each(contingency_of_each(truth, found))
    for value, a, b in zip(ours, truth, found, strict=True):
        expected = metrics.adjusted_mutual_info_score(a[a > 0], b[a > 0], average_method="max")
        assert value == pytest.approx(expected, abs=1e-9)


def test_expected_information_is_what_shuffling_gives():
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 4, (1, 60))
    found = np.stack([rng.permutation(truth[0]) for _ in range(3000)])
    ami = adjusted_mutual_information_of_each(
        contingency_of_each(np.repeat(truth, 3000, axis=0), found)
    )
    assert abs(ami.mean()) < 0.003


def test_a_renamed_truth_is_perfect_and_chunks_change_nothing():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, (7, 30, 31))
    counts = contingency_of_each(truth, (truth + 1) % 4)
    np.testing.assert_allclose(adjusted_rand_of_each(counts), 1)
    np.testing.assert_allclose(adjusted_mutual_information_of_each(counts), 1)
    noisy = contingency_of_each(truth, rng.integers(0, 4, truth.shape))
    one_by_one = [adjusted_mutual_information_of_each(noisy[i : i + 1])[0] for i in range(7)]
    np.testing.assert_allclose(adjusted_mutual_information_of_each(noisy), one_by_one, atol=1e-12)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"truth is \(1, 4\), but found is \(1, 5\)"):
        contingency_of_each(np.ones((1, 4), int), np.ones((1, 5), int))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.floats(0, 1))
@settings(deadline=None, max_examples=25)
def test_many_tables_at_once_score_as_each_alone(seed, objects, clusters, agreement):
    truth, found = groupings(seed, objects, clusters, agreement)
    tables = contingency_of_each(truth, found, clusters + 2)
    ari, ami = adjusted_rand_of_each(tables), adjusted_mutual_information_of_each(tables)
    for i, (a, b) in enumerate(zip(truth, found, strict=True)):
        alone = contingency(a[a > 0], b[a > 0])
        np.testing.assert_array_equal(tables[i][tables[i] > 0], alone[alone > 0])
        assert ari[i] == pytest.approx(adjusted_rand(alone), abs=1e-12)
        assert ami[i] == pytest.approx(adjusted_mutual_information(alone), abs=1e-12)


def test_where_there_is_nothing_to_group_groupings_agree():
    nothing = contingency_of_each(np.zeros((2, 3, 4), int), np.zeros((2, 3, 4), int))
    apart = contingency_of_each(np.arange(1, 8)[None], np.arange(7)[None])
    for tables in (nothing, apart):
        np.testing.assert_array_equal(adjusted_rand_of_each(tables), 1)
        np.testing.assert_array_equal(adjusted_mutual_information_of_each(tables), 1)


def test_large_tables_are_summed_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 9, (2, 5, 400))
    tables = contingency_of_each(truth, found)
    whole = adjusted_mutual_information_of_each(tables)
    monkeypatch.setattr(clustering, "AT_ONCE", 50)
    np.testing.assert_allclose(adjusted_mutual_information_of_each(tables), whole, rtol=1e-12)
