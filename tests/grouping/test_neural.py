"""Objects by Neural EM: better than what it is built on, where it is meant to be."""

import numpy as np
import pytest

from segment.errors import MissingForeground, SegmentError
from segment.grouping import MovingLayers, NeuralGrouper
from segment.grouping.objects import network
from segment.grouping.objects.grouper import ObjectGrouper
from segment.grouping.objects.network import ByNetwork
from segment.masks import clean
from segment.measures.tracks import TrackScore
from segment.neural.scenes.silhouettes import CrowdSettings, crowd
from segment.neural.seeded.loaded import LoadedSeeded


def follow(grouper, drawn, masks):
    score = TrackScore()
    for image, mask, truth in zip(drawn.images, masks, drawn.truth, strict=True):
        score.count(grouper.group(image, mask), truth, mask)
    return score


def test_spoiled_masks_are_grouped_better_than_without_the_network():
    ours, theirs = [], []
    for seed in range(3000, 3006):
        drawn = crowd(seed, CrowdSettings(noise=1.0, length=40))
        masks = [clean(mask) for mask in drawn.foreground]
        ours.append(follow(NeuralGrouper(device="cpu"), drawn, masks))
        theirs.append(follow(MovingLayers(), drawn, masks))
    ari = [np.mean([one.sequence_ari for one in scores]) for scores in (ours, theirs)]
    wrong = [np.mean([one.count_error for one in scores]) for scores in (ours, theirs)]
    assert ari[0] > 0.8
    assert ari[0] > ari[1]
    assert wrong[0] < wrong[1]


def test_a_model_that_is_not_there_is_named():
    masks = np.ones((1, 40, 40), bool)
    grouper = NeuralGrouper(model="nobody")
    with pytest.raises(SegmentError, match="nobody"):
        grouper.group(np.zeros((40, 40, 3), np.uint8), masks[0])


def test_a_model_of_another_kind_is_refused():
    image, mask = np.zeros((40, 40, 3), np.uint8), np.ones((40, 40), bool)
    mask[3:9, 5:20] = mask[20:22, 30:39] = False  # nothing compact
    grouper = NeuralGrouper(model="rnn-em-static-shapes", device="cpu")
    with pytest.raises(SegmentError, match="wanted a seeded one"):
        grouper.group(image, mask)


def test_a_mask_is_needed():
    with pytest.raises(MissingForeground, match=r"^group needs"):
        NeuralGrouper().group(np.zeros((4, 4, 3), np.uint8), None)


def test_an_array_may_be_used_again_for_the_next_frame():
    drawn = crowd(3001, CrowdSettings(noise=1.0, length=20, apart=False))
    masks = [clean(mask) for mask in drawn.foreground]
    one, judge = NeuralGrouper(device="cpu"), ByNetwork(device="cpu")
    other = ObjectGrouper(judge)
    buffer = np.empty_like(drawn.images[0])
    for image, mask in zip(drawn.images, masks, strict=True):
        buffer[:] = image
        np.testing.assert_array_equal(one.group(image, mask), other.group(buffer, mask))
    # Labels may agree by luck: what is kept for motion must be the caller's no longer.
    assert not any(np.shares_memory(past, buffer) for past in judge.past)


@pytest.mark.parametrize(("side", "asked"), [(6, 0), (12, 1)])
def test_nobody_is_asked_about_a_splinter(side, asked, monkeypatch):
    questions = []

    def part(self, window, slots=None, steps=None):
        """To this network everything is one object."""
        questions.append(window)
        return np.ones((1, *window.shape[1:]), np.float32)

    monkeypatch.setattr(LoadedSeeded, "part", part)
    monkeypatch.setattr(ByNetwork, "is_due", lambda *a: False)  # no second thoughts
    monkeypatch.setattr(network, "begin_compact", lambda *a: False)
    image = np.full((90, 130, 3), 90, np.uint8)
    mask = np.zeros((90, 130), bool)
    mask[20:70, 30:80] = True
    grouper = NeuralGrouper(device="cpu")
    for _ in range(3):
        labels = grouper.group(image, mask)
    whole = labels[30, 40]
    assert (labels[mask] == whole).all()
    questions.clear()
    mask[40 : 40 + side, 84 : 84 + side] = True  # 36 or 144 of 2,500 pixels, four away
    labels = grouper.group(image, mask)
    assert len(questions) == asked
    assert labels[42, 86] == whole
