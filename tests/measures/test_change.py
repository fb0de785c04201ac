"""CDnet's measures: by hand, against a plain count, and where there is nothing to count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segment.measures import MEASURES, ChangeScore

SIZES = st.tuples(st.integers(1, 6), st.integers(1, 9))
LABELS = st.sampled_from([0, 50, 85, 170, 255])


def test_known_counts():
    #         moving             still       shadow   not scored
    truth = [255, 255, 255, 255, 0, 0, 0, 0, 50, 50, 85, 170, 170]
    found = [1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0]
    score = ChangeScore()

    score.count(np.array([found], bool), np.array([truth], np.uint8))

    assert (score.tp, score.fn, score.fp, score.tn) == (3, 1, 2, 4)
    assert (score.shadow_fp, score.shadow) == (1, 2)
    assert score.recall == 3 / 4
    assert score.specificity == 4 / 6
    assert score.fpr == 2 / 6
    assert score.fnr == 1 / 4
    assert score.pwc == pytest.approx(100 * 3 / 10, rel=1e-15)
    assert score.precision == 3 / 5
    assert score.f == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6), rel=1e-15)
    assert set(MEASURES) <= set(score.as_dict())


@given(data=st.data(), size=SIZES, length=st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_measures_are_those_of_a_plain_count(data, size, length):
    truths = data.draw(arrays(np.uint8, (length, *size), elements=LABELS))
    masks = data.draw(arrays(np.bool_, (length, *size)))
    score = ChangeScore()
    for mask, truth in zip(masks, truths, strict=True):
        score.count(mask, truth)

    tp = fp = fn = tn = 0
    for found, label in zip(masks.flat, truths.flat, strict=True):
        tp += label == 255 and found
        fn += label == 255 and not found
        fp += label <= 50 and found
        tn += label <= 50 and not found
    assert (score.tp, score.fp, score.fn, score.tn) == (tp, fp, fn, tn)
    if tp:
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        expected = 2 * precision * recall / (precision + recall)
        assert score.f == pytest.approx(expected, abs=1e-9)
        assert score.precision == pytest.approx(precision, abs=1e-9)
        assert score.recall == pytest.approx(1 - score.fnr, abs=1e-9)
    if fp + tn:
        assert score.specificity == pytest.approx(1 - score.fpr, abs=1e-9)
    assert all(0 <= getattr(score, name) <= 100 for name in MEASURES)


def test_nothing_to_find_and_nothing_found_is_perfect():
    score = ChangeScore()
    score.count(np.zeros((2, 3), bool), np.zeros((2, 3), np.uint8))

    assert (score.recall, score.precision, score.f, score.specificity) == (1, 1, 1, 1)
    assert (score.fpr, score.fnr, score.pwc) == (0, 0, 0)
    assert ChangeScore().f == 1

    score.count(np.ones((2, 3), bool), np.zeros((2, 3), np.uint8))
    assert (score.recall, score.precision, score.f) == (1, 0, 0)


def test_strange_truth_is_named_and_not_counted():
    score = ChangeScore()

    with pytest.raises(ValueError, match="truth holds 7, 254; wanted 0 still, 50 shadow"):
        score.count(np.ones((1, 3), bool), np.array([[255, 254, 7]], np.uint8))
    with pytest.raises(ValueError, match=r"mask is \(3, 2\), but its truth is \(2, 3\)"):
        score.count(np.ones((3, 2), bool), np.zeros((2, 3), np.uint8))
    with pytest.raises(TypeError, match="mask is uint8, wanted bool"):
        score.count(np.ones((2, 3), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(TypeError, match="truth is bool, wanted uint8"):
        score.count(np.ones((2, 3), bool), np.zeros((2, 3), bool))
    assert score == ChangeScore()


def test_names_that_moved_still_work_and_say_where_they_are():
    import segment.scores

    for name in ("ChangeScore", "clustering", "tracks"):
        with pytest.warns(DeprecationWarning, match=rf"now segment\.measures\.{name}"):
            old = getattr(segment.scores, name)
        assert old is getattr(__import__("segment.measures", fromlist=[name]), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = segment.scores.nothing
