"""What the watershed promises: waists part objects, holes and ragged edges do not."""

import numpy as np
import pytest

from segment.grouping import ConnectedComponents, Watershed

SIZE = (80, 120)


def discs(*places, size=SIZE):
    """A mask of discs (row, column, radius)."""
    rows, columns = np.indices(size)
    mask = np.zeros(size, bool)
    for row, column, radius in places:
        mask |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return mask


def group(mask, grouper=None):
    image = np.full((*mask.shape, 3), 90, np.uint8)
    return (grouper or Watershed()).group(image, mask)


def objects(labels):
    return set(np.unique(labels).tolist()) - {0}


def test_two_discs_that_touch_are_two_objects():
    mask = discs((40, 40, 14), (40, 66, 14))
    labels = group(mask)
    assert len(objects(group(mask, ConnectedComponents()))) == 1
    assert len(objects(labels)) == 2
    left, right = labels[40, 40], labels[40, 66]
    assert (labels[:, :50][mask[:, :50]] == left).all()
    assert (labels[:, 57:][mask[:, 57:]] == right).all()


def test_three_of_different_sizes():
    mask = discs((40, 25, 16), (40, 52, 12), (40, 72, 9))
    labels = group(mask)
    assert len(objects(labels)) == 3
    assert len({labels[40, 25], labels[40, 52], labels[40, 72]}) == 3


@pytest.mark.parametrize("size", [(7, 90), (60, 9), (2, 50), (1, 1), (80, 120)])
def test_bars_and_boxes_stay_whole(size):
    mask = np.zeros(SIZE, bool)
    mask[: size[0], : size[1]] = True
    assert objects(group(mask)) == {1}


def test_a_ragged_edge_cuts_nothing():
    mask = discs((40, 60, 25))
    generator = np.random.default_rng(0)
    edge = mask & ~discs((40, 60, 23))
    mask[edge & (generator.random(SIZE) < 0.4)] = False
    pieces = group(mask, ConnectedComponents())
    labels = group(mask)
    assert len(np.unique(labels[discs((40, 60, 22))])) == 1
    assert len(objects(labels)) == len(objects(pieces))


def test_a_small_hole_cuts_nothing_when_holes_are_filled():
    mask = discs((40, 60, 25))
    mask[35:39, 58:62] = False
    labels = group(mask, Watershed(holes=0.05))
    assert len(objects(labels)) == 1
    assert (labels[35:39, 58:62] == 0).all()


def test_discs_that_meet_and_part_keep_their_ids():
    grouper = Watershed()
    ids = []
    for t in range(20):
        gap = abs(10 - t) + 22
        labels = group(discs((40, 60 - gap // 2, 12), (40, 60 + gap - gap // 2, 12)), grouper)
        ids.append((labels[40, 60 - gap // 2], labels[40, 60 + gap - gap // 2]))
        assert len(objects(labels)) == 2
    assert len(set(ids)) == 1


def test_thousands_of_specks_are_each_their_own():
    mask = np.zeros((200, 300), bool)
    mask[::3, ::3] = True
    labels = group(mask)
    assert len(objects(labels)) == mask.sum()


def test_a_larger_prominence_cuts_less():
    mask = discs((40, 40, 14), (40, 58, 14))
    assert len(objects(group(mask, Watershed(prominence=1.05)))) == 2
    assert len(objects(group(mask, Watershed(prominence=2.0)))) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"prominence": 1.0}, "prominence is 1.0"),
        ({"smoothing": -1.0}, "smoothing is -1.0"),
        ({"holes": 2.0}, "holes is 2.0"),
        ({"smallest": -1}, "smallest is -1"),
    ],
)
def test_wrong_parameters_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        Watershed(**wrong)
