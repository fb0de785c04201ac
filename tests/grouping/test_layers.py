"""Moving layers: what they must tell apart, and how little that may cost."""

import numpy as np
import pytest

from segment.grouping import MovingLayers
from segment.measures.tracks import TrackScore
from segment.neural.scenes.silhouettes import CrowdSettings, crowd, spoil

SIZE = (60, 90)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]]
RED, BLUE = (200, 60, 40), (40, 70, 210)


def discs(paths, colours, radii):
    """Discs on grey, the later before the earlier: images, masks, truth (T, H, W)."""
    length = len(paths[0])
    images = np.full((length, *SIZE, 3), 120, np.uint8)
    truth = np.zeros((length, *SIZE), np.int32)
    for number, (path, colour, radius) in enumerate(zip(paths, colours, radii, strict=True), 1):
        for t, (row, column) in enumerate(path):
            disc = (Y - row) ** 2 + (X - column) ** 2 <= radius**2
            images[t][disc], truth[t][disc] = colour, number
    return images, truth > 0, truth


def follow(images, masks, **settings):
    grouper = MovingLayers(**settings)
    return [grouper.group(image, mask) for image, mask in zip(images, masks, strict=True)]


def score(found, truth, masks):
    result = TrackScore()
    for labels, true, mask in zip(found, truth, masks, strict=True):
        result.count(labels, true, mask)
    return result


def straight(start, step, length=40):
    return [(start[0] + step[0] * t, start[1] + step[1] * t) for t in range(length)]


@pytest.mark.parametrize("colours", [(RED, BLUE), (RED, RED)])
def test_two_discs_that_cross_keep_their_ids(colours):
    paths = straight((28, 12), (0, 1.7)), straight((34, 78), (0, -1.7))
    images, masks, truth = discs(paths, colours, (9, 9))
    found = follow(images, masks)

    for t in (0, 8, 32, 39):
        assert found[t][truth[t] == 1].tolist() == [1] * np.count_nonzero(truth[t] == 1)
        assert found[t][truth[t] == 2].tolist() == [2] * np.count_nonzero(truth[t] == 2)
    result = score(found, truth, masks)
    assert result.sequence_ari > 0.9
    assert result.switches == 0
    assert result.count_error < 0.05


def test_two_that_meet_and_turn_back_are_told_by_their_colours():
    there = straight((30, 14), (0, 1.5), 20)
    back = straight((30, 76), (0, -1.5), 20)
    paths = [*there, *there[::-1]], [*back, *back[::-1]]
    images, masks, truth = discs(paths, (RED, BLUE), (9, 9))
    found = follow(images, masks)

    assert score(found, truth, masks).sequence_ari > 0.95
    assert set(np.unique(found[-1][truth[-1] == 1])) == {1}


def test_what_was_wholly_hidden_comes_back_under_its_id():
    paths = straight((30, 8), (0, 1.8)), [(30, 45)] * 40
    images, masks, truth = discs(paths, (RED, BLUE), (5, 14))
    hidden = [t for t in range(40) if not (truth[t] == 1).any()]
    assert len(hidden) > 8
    found = follow(images, masks)

    first = found[0][truth[0] == 1][0]
    assert set(np.unique(found[-1][truth[-1] == 1])) == {first}
    assert all(set(np.unique(found[t])) == {0, *np.unique(found[0][truth[0] == 2])} for t in hidden)


def test_a_queue_that_closes_up_stays_a_queue():
    def stops(start, at):
        return [(30, min(start + 1.5 * t, at)) for t in range(40)]

    paths = stops(52, 70), stops(28, 56), stops(4, 42)
    images, masks, truth = discs(paths, (RED, RED, RED), (8, 8, 8))
    result = score(follow(images, masks), truth, masks)

    assert result.sequence_ari > 0.9
    assert result.switches == 0
    assert result.count_error < 0.05


def test_a_hole_through_the_middle_does_not_make_two():
    paths = (straight((30, 20), (0, 1.0)),)
    images, masks, truth = discs(paths, (RED,), (10,))
    for t in range(15, 22):
        masks[t, 29:31] = False
    found = follow(images, masks)

    assert {int(n) for labels in found for n in np.unique(labels)} == {0, 1}
    assert truth.max() == 1


def test_what_goes_apart_becomes_two():
    # Overlapping at first, they are one; who has gone apart has an id of its own.
    paths = straight((30, 45), (0, 0.8)), straight((30, 45), (0, -0.8))
    images, masks, _ = discs(paths, (RED, BLUE), (8, 8))
    found = follow(images, masks)

    assert set(np.unique(found[0])) == {0, 1}
    assert len(np.unique(found[-1])) == 3


def test_boxes_that_touch_are_two_from_the_start():
    mask = ((Y - 30) ** 2 + (X - 30) ** 2 <= 100) | ((Y - 30) ** 2 + (X - 48) ** 2 <= 100)
    image = np.full((*SIZE, 3), 90, np.uint8)

    assert len(np.unique(MovingLayers().group(image, mask))) == 3


def test_crowds_are_parted_where_components_cannot():
    from segment.grouping import ConnectedComponents

    ours, theirs = [], []
    for seed in range(3):
        drawn = crowd(seed, CrowdSettings(stories=("meet",), length=40))
        for grouper, scores in ((MovingLayers(), ours), (ConnectedComponents(), theirs)):
            pairs = zip(drawn.images, drawn.foreground, strict=True)
            found = [grouper.group(image, mask) for image, mask in pairs]
            scores.append(score(found, drawn.truth, drawn.foreground).sequence_ari)
    assert np.mean(ours) > np.mean(theirs) + 0.1


def test_memory_stays_flat():
    rng = np.random.default_rng(3)
    grouper = MovingLayers(patience=5)
    image = rng.integers(0, 256, (40, 60, 3), np.uint8)
    most = []
    for t in range(300):
        mask = np.zeros((40, 60), bool)
        for _ in range(3):
            y, x = rng.integers(0, 34), rng.integers(0, 54)
            mask[y : y + 6, x : x + 6] = True
        grouper.group(image, mask)
        most.append(sum(layer.colour.size for layer in grouper.layers))
        if t == 0:
            assert len(grouper.layers) <= 3
    assert max(most[200:]) <= 2 * max(most[:100])


def test_settings_are_checked():
    with pytest.raises(ValueError, match="patience is -1 frames, wanted 0 or more"):
        MovingLayers(patience=-1)
    with pytest.raises(TypeError, match=r"smallest is 1\.5, wanted a whole number of pixels"):
        MovingLayers(1.5)


def test_small_pieces_are_background():
    mask = np.zeros(SIZE, bool)
    mask[5:7, 5:7] = mask[30:40, 30:40] = True
    labels = MovingLayers(smallest=5).group(np.zeros((*SIZE, 3), np.uint8), mask)

    np.testing.assert_array_equal(labels > 0, (Y >= 30) & mask)


def test_crowds_are_the_same_for_the_same_seed():
    settings = CrowdSettings(length=6, noise=1.0)
    one, other, third = crowd(4, settings), crowd(4, settings), crowd(5, settings)

    for name in ("images", "truth", "foreground"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.images != third.images).any()
    assert one.images.shape == (6, 120, 160, 3)


def test_spoiled_masks_are_wrong_in_some_places_only():
    drawn = crowd(8, CrowdSettings(stories=("cross",), length=30))
    rng = np.random.default_rng(1)
    masks = spoil(rng, drawn.truth)
    true = drawn.truth > 0
    missed = np.count_nonzero(true & ~masks) / np.count_nonzero(true)
    false = np.count_nonzero(masks & ~true) / np.count_nonzero(true)

    assert 0.01 < missed < 0.3
    assert 0.0 < false < 0.15
