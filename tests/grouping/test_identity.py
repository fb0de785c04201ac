"""Ids that last: drawn discs that meet, cross, vanish, leave and fall apart."""

import cv2
import numpy as np
import pytest

from segment.grouping import ConnectedComponents
from segment.grouping.identity import IdentityTracker

SIZE = (90, 151)
RED, GREEN, BLUE = (200, 40, 40), (40, 190, 40), (30, 60, 220)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]


def picture(discs, noise=0, seed=0):
    """A grey ground with discs (row, column, radius, colour), and its foreground."""
    rng = np.random.default_rng(seed)
    image = np.full((*SIZE, 3), 90.0)
    mask = np.zeros(SIZE, bool)
    for row, column, radius, colour in discs:
        disc = np.hypot(ROWS - row, COLUMNS - column) <= radius
        image[disc] = colour
        mask |= disc
    image += rng.normal(0, noise, image.shape)
    return image.clip(0, 255).astype(np.uint8), mask


def follow(scene, length, grouper=None, noise=0):
    """Return for each frame the id at the centre of each disc of `scene(t)`, 0 outside."""
    grouper = grouper or ConnectedComponents()
    ids = []
    for t in range(length):
        discs = scene(t)
        image, mask = picture(discs, noise, seed=t)
        labels = grouper.group(image, mask)
        np.testing.assert_array_equal(labels > 0, mask)
        inside = [0 <= row < SIZE[0] and 0 <= column < SIZE[1] for row, column, *_ in discs]
        ids.append(
            [
                int(labels[round(row), round(column)]) if ok else 0
                for ok, (row, column, *_) in zip(inside, discs, strict=True)
            ]
        )
    return ids


@pytest.mark.parametrize("colours", [(RED, GREEN), (RED, RED)], ids=["two colours", "one colour"])
@pytest.mark.parametrize("speed", [1, 2, 3.5])
def test_discs_that_cross_keep_their_ids(colours, speed):
    length = int(120 / speed)

    def scene(t):
        return [
            (45, 15 + speed * t, 9, colours[0]),
            (48, 135 - speed * t, 9, colours[1]),
        ]

    ids = follow(scene, length, noise=4)

    assert ids[0] == ids[-1] == [1, 2]
    assert any(a == b for a, b in ids), "they never were one component"
    assert {i for frame in ids for i in frame} == {1, 2}


def test_discs_that_turn_back_keep_their_ids_by_colour():
    def scene(t):
        forth = min(t, 64 - t)
        return [(45, 15 + 2 * forth, 9, RED), (45, 141 - 2 * forth, 9, GREEN)]

    ids = follow(scene, 65, noise=4)

    assert any(a == b for a, b in ids), "they never were one component"
    assert ids[0] == ids[-1] == [1, 2]


def test_discs_that_walk_together_for_long_keep_their_ids():
    def scene(t):
        apart = max(6, 30 - t, t - 140)
        column = 30 + 0.5 * t
        return [(40 - apart / 2, column, 9, RED), (40 + apart / 2, column, 9, GREEN)]

    ids = follow(scene, 170, noise=4)

    assert sum(a == b for a, b in ids) > 100, "longer than the patience of 25 frames"
    assert ids[0] == ids[-1] == [1, 2]


def test_three_discs_that_meet_in_one_place_part_again():
    def scene(t):
        way = 2 * t - 60
        return [
            (45, 75 + way, 8, RED),
            (45 + way / 2, 75 - way / 2, 8, GREEN),
            (45 - way / 2, 75 - way / 2, 8, BLUE),
        ]

    ids = follow(scene, 61, noise=4)

    assert any(len(set(frame)) == 1 for frame in ids), "they never were one component"
    assert sorted(ids[0]) == [1, 2, 3]
    assert ids[-1] == ids[0]


@pytest.mark.parametrize("gap", [1, 5, 20])
def test_short_losses_are_bridged(gap):
    def scene(t):
        return [(45, 15 + 1.5 * t, 9, RED)] if not 20 <= t < 20 + gap else []

    ids = follow(scene, 60)

    assert {i for frame in ids for i in frame} == {1}


def test_patience_is_a_number_of_frames():
    def scene(t):
        return [(45, 75, 9, RED)] if t < 10 or t >= 14 else []

    assert follow(scene, 15, ConnectedComponents(patience=4))[-1] == [1]
    assert follow(scene, 15, ConnectedComponents(patience=3))[-1] == [2]


def test_another_colour_in_the_same_place_is_another_object_after_a_loss():
    def scene(t):
        if t < 10:
            return [(45, 40, 9, RED)]
        return [(45, 110, 9, GREEN)] if t >= 14 else []

    assert follow(scene, 16)[-1] == [2]


def test_who_comes_in_where_another_left_is_new():
    def scene(t):
        if t < 42:
            return [(45, 80 + 2 * t, 9, RED)]  # out over the right border
        return [(45, 163 - 2 * (t - 45), 9, GREEN)] if t >= 52 else []

    ids = follow(scene, 75)

    assert ids[0] == [1]
    assert ids[-1] == [2]


def test_ids_hold_while_entering_and_leaving():
    ids = follow(lambda t: [(45, -10 + 3 * t, 9, RED)], 58)

    assert {i for frame in ids for i in frame} == {0, 1}


def test_a_fragment_steals_no_id_and_the_whole_gets_its_own_back():
    grouper = ConnectedComponents()
    seen = []
    for t in range(40):
        image, mask = picture([(45, 20 + 2 * t, 12, RED)])
        whole = mask.copy()
        if t % 10 == 7:  # a bar hides the upper third for a frame
            mask[41:43] = False
        labels = grouper.group(image, mask)
        largest = np.bincount(labels[labels > 0]).argmax()
        assert largest == 1
        if t % 10 != 7:
            assert set(labels[whole].tolist()) == {1}
        seen += np.unique(labels[labels > 0]).tolist()

    assert len(set(seen)) <= 3


def test_two_that_meet_while_a_third_passes_far_away_do_not_disturb_it():
    def scene(t):
        return [
            (25, 15 + 2 * t, 7, RED),
            (26, 135 - 2 * t, 7, RED),
            (75, 15 + 2 * t, 7, RED),
        ]

    ids = follow(scene, 60)

    assert {frame[2] for frame in ids} == {3}
    assert ids[-1] == [1, 2, 3]


def test_ids_are_never_given_again():
    grouper = ConnectedComponents(patience=1)
    rng = np.random.default_rng(4)
    image = np.zeros((40, 50, 1), np.uint8)
    last_seen: dict[int, int] = {}
    highest = 0
    for t in range(60):
        labels = grouper.group(image, rng.random((40, 50)) < 0.02)
        for i in np.unique(labels[labels > 0]).tolist():
            if i in last_seen:
                assert t - last_seen[i] <= 11, "an id came back after its object was forgotten"
            else:
                assert i > highest
            last_seen[i] = t
        highest = max(last_seen, default=0)
    assert highest > 100


def test_labels_need_not_be_connected_or_small_numbers():
    tracker = IdentityTracker()
    image = np.zeros((20, 30, 1), np.uint8)
    ids = []
    for t in range(5):
        labels = np.zeros((20, 30), np.int32)
        labels[3:6, 2 + t : 6 + t] = labels[10:13, 2 + t : 6 + t] = 2_000_000_000 - t
        labels[3:13, 20:24] = 7 + t
        ids.append(tracker.update(labels, image))

    for t, found in enumerate(ids):
        assert set(found[3:6, 2 + t : 6 + t].ravel()) == {1}
        assert set(found[10:13, 2 + t : 6 + t].ravel()) == {1}
        assert set(found[3:13, 20:24].ravel()) == {2}


def remembered(tracker):
    """Bytes of pixels that all tracks keep alive, whole arrays behind views counted."""
    bases = {}
    for track in tracker.tracks:
        for array in (track.pixels, track.crowd):
            while array is not None and array.base is not None:
                array = array.base
            if array is not None:
                bases[id(array)] = array.nbytes
    return sum(bases.values())


@pytest.mark.parametrize(
    "length", [400, pytest.param(10_000, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_memory_stays_flat(length):
    tracker = IdentityTracker(patience=5)
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (40, 60, 3), np.uint8)
    most = [0, 0]
    tracks = [0, 0]
    for t in range(length):
        mask = rng.random((40, 60)) < 0.03
        mask[10:20, (2 * t) % 60 : (2 * t) % 60 + 12] = True
        mask[12:22, 50 - t % 50 : 60 - t % 50] = True
        mask[30:38] |= t % 7 < 3  # a region that swallows others and comes and goes
        _, regions = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
        tracker.update(regions, image)
        half = t * 2 // length
        most[half] = max(most[half], remembered(tracker))
        tracks[half] = max(tracks[half], len(tracker.tracks))

    assert most[1] <= 1.5 * most[0]
    assert tracks[1] <= 1.5 * tracks[0]


def test_an_empty_sequence_forgets_everything():
    tracker = IdentityTracker(patience=3)
    image, mask = picture([(45, 40, 9, RED), (45, 55, 9, GREEN)])
    tracker.update(mask.astype(np.int32), image)
    for _ in range(5):
        assert not tracker.update(np.zeros(SIZE, np.int32), image).any()

    assert tracker.tracks == []


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (ValueError, "patience is -1 frames", lambda: IdentityTracker(patience=-1)),
        (TypeError, r"patience is 2\.5, wanted a whole", lambda: IdentityTracker(patience=2.5)),
        (ValueError, "smallest is -3 pixels", lambda: ConnectedComponents(smallest=-3)),
        (TypeError, "smallest is 'many'", lambda: ConnectedComponents(smallest="many")),
    ],
)
def test_wrong_settings_are_named(error, message, make):
    with pytest.raises(error, match=message):
        make()


def test_negative_labels_are_refused():
    labels = np.array([[0, -4, 2]], np.int32)
    with pytest.raises(ValueError, match="labels go down to -4"):
        IdentityTracker().update(labels, np.zeros((1, 3, 1), np.uint8))


def test_smallest_is_background():
    mask = np.zeros((9, 14), bool)
    mask[1:3, 1:3] = mask[5:8, 5:8] = True
    mask[3, 3] = True  # diagonal: it belongs to the first

    labels = ConnectedComponents(smallest=6).group(np.zeros((9, 14, 1), np.uint8), mask)

    assert (labels > 0).sum() == 9
    assert labels[6, 6] == 1
