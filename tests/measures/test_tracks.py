"""Objects and identities: known answers by hand, laws, and scikit-learn's figures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from segment.measures.clustering import adjusted_mutual_information, adjusted_rand, contingency
from segment.measures.tracks import MEASURES, TrackScore


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-2, 4)), min_size=2, max_size=80),
)
def test_agreement_is_scikit_learns(pairs):
    truth, found = np.array(pairs).T
    table = contingency(truth, found)
    assert table.sum() == len(pairs)
    assert adjusted_rand(table) == pytest.approx(adjusted_rand_score(truth, found), abs=1e-9)
    wanted = adjusted_mutual_info_score(truth, found, average_method="max")
    assert adjusted_mutual_information(table) == pytest.approx(wanted, abs=1e-7)


def test_large_tables_agree_with_scikit_learn_too():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 40, 20_000)
    found = np.where(generator.random(20_000) < 0.7, truth // 2, generator.integers(0, 30, 20_000))
    table = contingency(truth, found)
    wanted = adjusted_mutual_info_score(truth, found, average_method="max")
    assert adjusted_mutual_information(table) == pytest.approx(wanted, abs=1e-9)
    assert adjusted_rand(table) == pytest.approx(adjusted_rand_score(truth, found), abs=1e-12)


def strip(*numbers, wide=4):
    """A frame of one row in which every number has `wide` pixels."""
    return np.repeat(np.array(numbers, np.int32), wide)[None]


def score(frames):
    result = TrackScore()
    for labels, truth in frames:
        result.count(labels, truth)
    return result


def test_perfect_labels_are_perfect_under_other_numbers():
    truth = [strip(0, 1, 0, 2), strip(1, 0, 2, 0), strip(1, 2, 0, 3)]
    names = np.array([0, 7, 5, 6], np.int32)
    found = score([(names[t], t) for t in truth]).as_dict()
    for name in set(MEASURES) - {"switches", "count_error"}:
        assert found[name] == pytest.approx(1.0), name
    assert found["switches"] == 0
    assert found["count_error"] == 0
    assert set(found) == set(MEASURES)


def test_two_that_swap_numbers():
    # Ten frames of two objects; after five, each has the other's number.
    truth = [strip(1, 0, 2)] * 10
    labels = [strip(1, 0, 2)] * 5 + [strip(2, 0, 1)] * 5
    result = score(zip(labels, truth, strict=True))
    assert result.frame_ari == 1
    assert result.frame_ami == pytest.approx(1)
    # 40 pixels of each, half of them under either number: as random.
    assert result.sequence_ari == pytest.approx(-1 / 78)
    assert result.switches == 2
    assert result.mota == pytest.approx(1 - 2 / 20)
    assert result.idf1 == pytest.approx(0.5)
    assert result.deta == pytest.approx(1)
    assert result.assa == pytest.approx(5 / 15)
    assert result.hota == pytest.approx(math.sqrt(1 / 3))


def test_two_that_melt_into_one():
    truth = [strip(1, 2, 0)] * 4
    labels = [strip(1, 1, 0)] * 4
    result = score(zip(labels, truth, strict=True))
    assert result.frame_ari == 0
    assert result.count_error == pytest.approx(0.5)
    # One of two is found with an overlap of one half; the other is missed.
    assert result.mota == pytest.approx(0.5)
    assert result.idf1 == pytest.approx(2 * 4 / 12)
    # Found up to an overlap of .5, ten of nineteen: 4 of 8 + 4 - 4.
    assert result.deta == pytest.approx(10 / 19 * 0.5)
    assert result.assa == pytest.approx(10 / 19)


def test_what_is_not_there_counts_against():
    truth = [strip(1, 0)] * 5
    labels = [strip(1, 2)] * 5
    result = score(zip(labels, truth, strict=True))
    assert result.mota == pytest.approx(0)
    assert result.idf1 == pytest.approx(2 * 5 / 15)
    assert result.count_error == 1
    assert result.frame_ari == 1  # background is not asked


def test_one_that_comes_back_under_its_number_has_not_switched():
    truth = [strip(1, 0), strip(1, 0), strip(0, 0), strip(0, 1)]
    again = [strip(4, 0), strip(4, 0), strip(0, 0), strip(0, 4)]
    other = [strip(4, 0), strip(4, 0), strip(0, 0), strip(0, 5)]
    assert score(zip(again, truth, strict=True)).switches == 0
    assert score(zip(other, truth, strict=True)).switches == 1


def test_a_pair_is_kept_though_another_overlaps_as_much():
    truth = [np.array([[1] * 10], np.int32)] * 2
    labels = [np.array([[5] * 10], np.int32), np.array([[4] * 5 + [5] * 5], np.int32)]
    result = score(zip(labels, truth, strict=True))
    assert result.switches == 0
    assert result.mota == pytest.approx(0.5)  # the other one is false


def test_pixels_that_are_not_scored_do_not_count():
    truth, labels = strip(1, 0, 2), strip(1, 3, 9)
    scored = strip(1, 0, 0) > 0
    result = TrackScore()
    result.count(labels, truth, scored)
    assert result.as_dict()["mota"] == 1
    assert result.as_dict()["count_error"] == 0


def test_an_empty_sequence_has_no_measure_and_an_empty_frame_does_no_harm():
    empty = strip(0, 0)
    for result in (TrackScore(), score([(empty, empty)])):
        values = result.as_dict()
        assert values.pop("switches") == 0
        assert all(math.isnan(value) for value in values.values())
    result = score([(empty, empty), (strip(1, 0), strip(1, 0))])
    assert result.hota == pytest.approx(1)
    missed = score([(strip(0, 0), strip(1, 0))])
    assert missed.hota == missed.idf1 == missed.mota == 0


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match="labels are"):
        TrackScore().count(strip(1), strip(1, 1))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_numbers_do_not_matter_and_measures_have_their_bounds(seed):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 4, (5, 6, 7)).astype(np.int32)
    labels = np.where(generator.random((5, 6, 7)) < 0.6, truth, generator.integers(0, 5, (5, 6, 7)))
    names = np.concatenate([[0], generator.permutation(np.arange(1, 9))]).astype(np.int32)
    one = score(zip(labels.astype(np.int32), truth, strict=True)).as_dict()
    other = score(zip(names[labels], truth, strict=True)).as_dict()
    for name, value in one.items():
        assert other[name] == pytest.approx(value), name
        if name not in ("switches", "count_error"):
            assert value <= 1


def box(*sides):
    return np.array(sides, np.float64).reshape(-1, 4)


def test_boxes_are_compared_by_their_overlap():
    result = TrackScore()
    true = box((0, 0, 10, 20), (30, 5, 40, 25))
    # Shifted by a third of the width: 2/3 of 4/3; the other by half of it: 1/2 of 3/2.
    found = box((10 / 3, 0, 40 / 3, 20), (35, 5, 45, 25))
    result.count_boxes(np.array([7, 8]), found, np.array([1, 2]), true)
    assert result.mota == pytest.approx(1 - 2 / 2)  # one is missed, one is false
    assert result.idf1 == pytest.approx(2 * 1 / 4)
    assert result.count_error == 0
    assert math.isnan(result.frame_ari)
    assert math.isnan(result.sequence_ari)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_boxes_score_as_masks_that_fill_them(seed):
    generator = np.random.default_rng(seed)
    masks, boxes = TrackScore(), TrackScore()
    for _ in range(4):
        sides = []
        for _ in "ab":
            # Two boxes a side that do not overlap, so that labels can draw them.
            top = generator.integers(0, 6, 2)
            left = np.array([0, 12]) + generator.integers(0, 6, 2)
            extent = generator.integers(1, 6, (2, 2))
            sides.append(np.stack([left, top, left + extent[0], top + extent[1]], axis=1))
        pictures = np.zeros((2, 12, 24), np.int32)
        for picture, places in zip(pictures, sides, strict=True):
            for number, (x0, y0, x1, y1) in enumerate(places.tolist(), 1):
                picture[y0:y1, x0:x1] = number
        masks.count(pictures[0], pictures[1])
        one, other = (places.astype(np.float64) for places in sides)
        boxes.count_boxes(np.array([1, 2]), one, np.array([1, 2]), other)
    for name in ("idf1", "hota", "mota", "switches", "count_error"):
        assert getattr(boxes, name) == pytest.approx(getattr(masks, name)), name


def test_who_may_be_ignored_is_neither_missed_nor_false():
    true = box((0, 0, 10, 20), (30, 5, 40, 25))
    ignored = np.array([False, True])
    for found, mota in (
        (true, 1.0),  # found all the same
        (true[:1], 1.0),  # not found
        (box((0, 0, 10, 20), (60, 5, 70, 25)), 0.0),  # false, and elsewhere
        (true[1:], 0.0),  # the other one is missed
    ):
        result = TrackScore()
        result.count_boxes(np.arange(len(found)), found, np.array([1, 2]), true, ignored)
        assert result.mota == pytest.approx(mota)


def test_boxes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=r"boxes are \(1, 4\), wanted \(2, 4\)"):
        TrackScore().count_boxes(np.array([1, 2]), box((0, 0, 1, 1)), np.array([]), box())
    with pytest.raises(ValueError, match=r"two boxes in a frame: \[3, 3\]"):
        TrackScore().count_boxes(
            np.array([3, 3]), box((0, 0, 1, 1), (2, 2, 3, 3)), np.array([]), box()
        )
    with pytest.raises(ValueError, match=r"ignored is \(2,\), wanted \(1,\)"):
        TrackScore().count_boxes(
            np.array([]), box(), np.array([1]), box((0, 0, 1, 1)), np.ones(2, bool)
        )
