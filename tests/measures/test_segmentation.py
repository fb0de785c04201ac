"""Segmentations against people's: known answers, laws, and a matching that misses nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from segment.measures.segmentation import (
    boundary,
    covering,
    match_boundaries,
    rand_index,
    score_labels,
    summarise,
    variation_of_information,
)

HALVES = np.repeat([[1, 1, 1, 2, 2, 2]], 4, axis=0)
ROWS = np.array([[1] * 6] * 2 + [[2] * 6] * 2)
WHOLE = np.ones((4, 6), int)
LABELS = arrays(np.int32, (5, 7), elements=st.integers(0, 4))


def test_halves_against_the_whole():
    # Either half covers half of the whole; the whole covers each half by half.
    assert covering(HALVES, WHOLE) == covering(WHOLE, HALVES) == 0.5
    assert variation_of_information(HALVES, WHOLE) == 1.0
    # 24 pixels have 276 pairs, of which 2 * 66 lie within a half.
    assert rand_index(HALVES, WHOLE) == pytest.approx(132 / 276)


def test_halves_across_halves():
    # Quarters of 6 pixels: intersection over union 6/18, two bits of surprise.
    assert covering(HALVES, ROWS) == pytest.approx(1 / 3)
    assert variation_of_information(HALVES, ROWS) == 2.0
    # Pairs that both join: 4 * 15; that both part: 276 - 132 - 132 + 60.
    assert rand_index(HALVES, ROWS) == pytest.approx((60 + 72) / 276)


def test_covering_weighs_segments_with_their_area():
    truth = np.array([[1, 1, 1, 2]])
    found = np.array([[5, 5, 6, 6]])
    assert covering(found, truth) == pytest.approx((3 * (2 / 3) + 1 * (1 / 2)) / 4)


@given(LABELS)
@settings(deadline=None, max_examples=40)
def test_identical_segmentations_are_perfect(labels):
    score = score_labels(labels, [labels, labels])

    assert score.covering == pytest.approx(1)
    assert score.rand_index == 1
    assert score.variation == pytest.approx(0, abs=1e-12)
    assert score.boundary_f == 1
    assert score.segments == len(np.unique(labels))


@given(LABELS, LABELS, st.permutations(range(5)), st.integers(-7, 10**6))
@settings(deadline=None, max_examples=60)
def test_names_of_labels_mean_nothing(labels, truth, order, shift):
    renamed = (np.array(order) * 1000 + shift)[labels]

    for measure in (covering, rand_index, variation_of_information):
        assert measure(renamed, truth) == pytest.approx(measure(labels, truth))
        assert measure(truth, renamed) == pytest.approx(measure(truth, labels))
    np.testing.assert_array_equal(boundary(renamed), boundary(labels))


@given(LABELS, LABELS)
@settings(deadline=None, max_examples=60)
def test_laws_of_the_measures(one, other):
    flat_one, flat_other = one.ravel(), other.ravel()
    same = np.triu(flat_one[:, None] == flat_one, 1), np.triu(flat_other[:, None] == flat_other, 1)
    pairs = np.triu(np.ones((35, 35), bool), 1)

    assert rand_index(one, other) == pytest.approx((same[0] == same[1])[pairs].mean())
    assert variation_of_information(one, other) == pytest.approx(
        variation_of_information(other, one)
    )
    assert 0 <= variation_of_information(one, other) <= 2 * np.log2(35)
    best = sum(
        (other == t).sum() * max(
            ((one == k) & (other == t)).sum() / ((one == k) | (other == t)).sum()
            for k in np.unique(one)
        )
        for t in np.unique(other)
    )  # fmt: skip
    assert covering(one, other) == pytest.approx(best / 35)


def test_the_boundary_is_thin_and_lies_before_the_change():
    np.testing.assert_array_equal(np.flatnonzero(boundary(HALVES).any(axis=0)), [2])
    np.testing.assert_array_equal(np.flatnonzero(boundary(ROWS).any(axis=1)), [1])
    assert not boundary(WHOLE).any()


@given(
    arrays(np.bool_, (9, 13), elements=st.booleans()),
    arrays(np.bool_, (9, 13), elements=st.booleans()),
    st.sampled_from([0.0, 0.07, 0.15, 0.3]),
)
@settings(deadline=None, max_examples=80)
def test_no_matching_is_larger(found, truth, tolerance):
    ours, met = match_boundaries(found, truth, tolerance)

    here, there = np.argwhere(found), np.argwhere(truth)
    near = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1))
    allowed = near <= tolerance * np.hypot(9, 13)
    largest = 0
    if allowed.any():
        largest = (maximum_bipartite_matching(csr_array(allowed)) >= 0).sum()
    assert len(ours) == len(met) == largest
    assert found.ravel()[ours].all()
    assert truth.ravel()[met].all()
    assert len(np.unique(ours)) == len(ours)
    assert len(np.unique(met)) == len(met)


def test_a_line_may_lie_four_pixels_beside_but_not_five():
    # 0.0075 of the diagonal of 481 x 321 is 4.34 pixels.
    truth = np.zeros((321, 481), bool)
    truth[:, 100] = True
    for offset, share in ((4, 1.0), (5, 0.0)):
        found = np.roll(truth, offset, axis=1)
        assert len(match_boundaries(found, truth)[0]) == share * 321


def test_boundaries_are_counted_over_people():
    people = [HALVES.repeat(20, 0).repeat(20, 1), np.ones((80, 120), int)]
    score = score_labels(people[0], people)

    # Every pixel found is right, since one person drew it; the other drew nothing to miss.
    assert score.found == score.right == score.drawn == score.met == 80
    assert score.boundary_f == 1
    nothing = score_labels(people[1], people)
    assert (nothing.found, nothing.met, nothing.drawn) == (0, 0, 80)
    assert nothing.boundary_f == 0


def test_one_scale_for_all_or_the_best_for_each():
    scores = [
        [score_labels(labels, [truth]) for labels in (WHOLE, HALVES)] for truth in (WHOLE, HALVES)
    ]

    summary = summarise(scores)

    assert summary.covering == pytest.approx(0.75)
    assert summary.covering_ois == summary.covering_best == 1
    assert (summary.variation, summary.variation_ois) == (0.5, 0)
    assert summary.rand_index == pytest.approx((1 + 132 / 276) / 2)
    assert summary.rand_index_ois == summary.boundary_f_ois == 1
    # Halves against both: four pixels right of eight found, of four drawn.
    assert summary.boundary_f == pytest.approx(2 * 0.5 / 1.5)


def test_best_takes_each_segment_from_another_scale():
    truth = np.array([[1, 1, 2, 2, 3, 3]])
    scales = np.array([[1, 1, 2, 2, 2, 2]]), np.array([[1, 1, 1, 1, 2, 2]])

    summary = summarise([[score_labels(labels, [truth]) for labels in scales]])

    assert summary.covering == summary.covering_ois == pytest.approx((2 + 1 + 1) / 6 * 1)
    assert summary.covering_best == pytest.approx((2 + 1 + 2) / 6)


def test_wrong_input_is_refused_with_its_numbers():
    with pytest.raises(ValueError, match=r"segmentation is \(4, 6\) and the truth \(6, 4\)"):
        covering(HALVES, HALVES.T)
    with pytest.raises(ValueError, match="no person"):
        score_labels(HALVES, [])
    with pytest.raises(ValueError, match="every picture"):
        summarise([[], []])
