"""What is an object, decided by its track: who goes somewhere is one, flutter and parts are not."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from segment import pipeline
from segment.errors import MissingLabels
from segment.frame import Frame, SequenceInfo
from segment.grouping.tracks.decider import Decider, Evidence
from segment.grouping.tracks.naming import TrackNamer
from segment.grouping.tracks.track import Sighting
from segment.grouping.usual import Usual

SIZE = (60, 90)
INFO = SequenceInfo("drawn", SIZE, Fraction(10))


def frames_of(boxes):
    """Frames whose labels are boxes, {id: (top, left, bottom, right)} a frame."""
    for t, held in enumerate(boxes):
        labels = np.zeros(SIZE, np.int32)
        for number, (top, left, bottom, right) in held.items():
            labels[max(0, top) : bottom, max(0, left) : right] = number
        image = np.full((*SIZE, 3), 90, np.uint8)
        yield Frame(image, t, t / 10, INFO, foreground=labels > 0, labels=labels)


def decided(boxes, delay=0, **settings):
    namer = TrackNamer(10.0, **settings)
    return [f.labels for f in pipeline.decide(frames_of(boxes), namer, delay=delay)]


def walker(length, number=7, top=20):
    return [{number: (top, 5 + 2 * t, top + 12, 11 + 2 * t)} for t in range(length)]


def test_who_goes_somewhere_has_an_id_from_where_it_began():
    found = decided(walker(30), delay=8)
    assert [int(labels.max()) for labels in found] == [1] * 30


def test_without_delay_only_the_beginning_is_missing():
    late, early = decided(walker(30), delay=0), decided(walker(30), delay=8)
    first = next(t for t, labels in enumerate(late) if labels.any())
    assert 3 <= first <= 8
    assert not any(labels.any() for labels in late[:first])
    for one, other in zip(late[first:], early[first:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_still_scene_that_flutters_for_long_has_no_object():
    rng = np.random.default_rng(1)
    boxes = []
    for t in range(2000):
        number = 1 + t // 40  # a grouper begins anew now and then
        y, x = 30 + rng.integers(-1, 2), 40 + rng.integers(-2, 3)
        boxes.append({number: (y, x, y + 5 + rng.integers(0, 2), x + 14 + rng.integers(-3, 4))})
    assert not any(labels.any() for labels in decided(boxes))


def boiling(seed, length=400):
    """The crown of a tree in wind: what moves in it is here and there, large and small."""
    rng = np.random.default_rng(seed)
    middle, half = np.array([30.0, 40.0]), np.array([9.0, 9.0])
    for _ in range(length):
        middle = np.clip(middle + rng.normal(0, 4, 2), (16, 16), (44, 74))
        half = np.clip(half + rng.normal(0, 2.5, 2), 4, 15)
        (top, left), (bottom, right) = np.rint(middle - half), np.rint(middle + half)
        yield {1: (int(top), int(left), int(bottom), int(right))}


def test_what_boils_is_no_object_however_far_it_has_been():
    objects = sum(any(n.any() for n in decided(boiling(seed))) for seed in range(10))
    assert objects <= 1
    with_less = Evidence(purpose=0.0)
    assert any(n.any() for n in decided(boiling(1), evidence=with_less))


def test_one_who_trembled_for_long_and_walks_then_is_an_object():
    rng = np.random.default_rng(3)
    boxes = []
    for t in range(700):
        x = 10 + 2 * max(0, t - 670) + int(rng.integers(-1, 2))
        y = 20 + int(rng.integers(-1, 2))
        boxes.append({1: (y, x, y + 14, x + 8)})
    found = decided(boxes, delay=8)
    assert not found[600].any()
    assert (found[699] == 1).any()


def test_a_part_has_the_id_of_the_whole():
    boxes = [
        {1: (10, 5 + 2 * t, 34, 17 + 2 * t), 2: (30, 8 + 2 * t, 36, 14 + 2 * t)} for t in range(30)
    ]
    found = decided(boxes, delay=8)
    assert set(np.unique(found[20])) == {0, 1}
    assert (found[20] == 1)[35, 50]  # the part, below the whole


def test_who_was_a_part_of_what_is_gone_is_somebody():
    boxes = []
    for t in range(50):
        x = 10 + 2 * max(0, t - 15)
        boxes.append({2: (20, x, 30, x + 6)})
        if t < 15:
            boxes[-1][1] = (10, 5, 40, 35)  # that was nobody
    found = decided(boxes, delay=8)
    assert not found[10].any()
    assert set(np.unique(found[49])) == {0, 1}


def test_two_who_walk_side_by_side_stay_two():
    boxes = [
        {1: (10, 5 + 2 * t, 34, 14 + 2 * t), 2: (11, 14 + 2 * t, 35, 23 + 2 * t)} for t in range(30)
    ]
    assert set(np.unique(decided(boxes, delay=8)[29])) == {0, 1, 2}


def test_who_crosses_in_front_of_somebody_is_no_part():
    boxes = [
        {1: (10, 5 + 2 * t, 40, 25 + 2 * t), 2: (20, 70 - 2 * t, 30, 76 - 2 * t)} for t in range(30)
    ]
    found = decided(boxes, delay=8)
    assert all(len(np.unique(labels)) == 3 for labels in found[5:12] + found[25:])


def test_ids_are_never_given_twice():
    boxes = [{1 + t // 30: (20, 5 + 2 * (t % 30), 32, 11 + 2 * (t % 30))} for t in range(90)]
    assert [int(labels.max()) for labels in decided(boxes, delay=8)[20::30]] == [1, 2, 3]


def learned(heights, widths, rows):
    """What is usual after boxes of 30 tracks, of which every fourth lacks most of itself."""
    usual = Usual(500)
    assert not usual.known
    assert usual.ratios((70, 10, 100, 20)) == (1.0, 1.0)
    for k, (high, wide, row) in enumerate(zip(heights, widths, rows, strict=True)):
        part = 0.4 if k % 4 == 0 else 1.0
        usual.add((row - round(part * high), 50, row, 50 + wide), k // 30)
    usual.fit()
    assert usual.known
    return usual


def test_the_usual_height_is_learned_by_row_and_scraps_do_not_count():
    rng = np.random.default_rng(0)
    rows = rng.integers(200, 500, 900)
    heights = np.rint(20 * np.exp(2 * rows / 500 + rng.normal(0, 0.1, 900))).astype(int)
    widths = np.rint(heights * np.exp(rng.normal(-1, 0.5, 900))).astype(int)
    usual = learned(heights.tolist(), widths.tolist(), rows.tolist())
    assert usual.upright
    for row in (250, 400, 480):
        high = round(20 * np.exp(2 * row / 500))
        assert usual.ratios((row - high, 50, row, 60))[0] == pytest.approx(1, abs=0.12)
        assert not usual.is_scrap((row - high, 50, row, 60))
        assert usual.is_scrap((row - high // 2, 50, row, 60))


def test_a_person_among_cars_is_no_scrap():
    rng = np.random.default_rng(0)
    kinds = rng.random(900) < 0.2
    heights = np.where(kinds, 50, 60 * np.exp(rng.normal(0, 0.3, 900))).astype(int)
    widths = np.where(kinds, 15, 120).astype(int)
    usual = learned(heights.tolist(), widths.tolist(), [300] * 900)
    assert not usual.is_scrap((250, 50, 300, 65))
    assert usual.is_scrap((280, 50, 300, 65))


def test_animals_from_above_have_a_usual_side():
    rng = np.random.default_rng(0)
    turned = np.exp(rng.normal(0, 0.4, 900))
    heights, widths = np.rint(60 * turned).astype(int), np.rint(60 / turned).astype(int)
    usual = learned(heights.tolist(), widths.tolist(), rng.integers(200, 500, 900).tolist())
    assert not usual.upright
    for high, wide in ((30, 120), (60, 60), (120, 30)):
        assert not usual.is_scrap((300 - high, 50, 300, 50 + wide))
        assert usual.may_be_one((300 - high, 50, 300, 50 + wide))
    assert usual.is_scrap((270, 50, 300, 80))
    assert not usual.may_be_one((200, 50, 300, 150))


def test_scraps_by_what_is_usual_are_no_objects():
    decider = Decider(400, 900, 10.0)
    colours = np.ones(512)

    def see(t):
        seen = []
        for k in range(6):  # six people who walk through, one after the other
            x = 6 * (t - 20 * k)
            if 0 <= x < 800:
                seen.append(Sighting(k + 1, (100, x, 160, x + 20), 1000, colours))
        # A scrap close behind the last of them, and one that is all alone.
        for number, row, behind in ((50, 160, 101), (51, 300, 101)):
            x = 6 * (t - behind)
            if 0 <= x < 800:
                seen.append(Sighting(number, (row - 20, x - 8, row, x), 100, colours))
        return seen

    for t in range(200):
        decider.take(see(t))
    names = decider.names(see(199))
    assert names.pop(50) == 0
    assert len(names) == len(set(names.values())) > 2
    assert all(names.values())


def test_frames_that_were_held_come_before_the_error():
    def breaking():
        yield from frames_of(walker(20))
        raise OSError("gone")

    frames, found = pipeline.decide(breaking(), TrackNamer(10.0), delay=8), []

    def take_all():
        found.extend(frame.index for frame in frames)

    with pytest.raises(OSError, match="gone"):
        take_all()
    assert found == list(range(20))


def test_what_is_wrong_is_named():
    frame = replace(next(frames_of(walker(1))), labels=None)
    with pytest.raises(MissingLabels, match="frame 0 has no labels"):
        list(pipeline.decide([frame], TrackNamer()))
    with pytest.raises(ValueError, match="delay is -1"):
        list(pipeline.decide([], TrackNamer(), delay=-1))
    with pytest.raises(ValueError, match="rate is 0"):
        TrackNamer(0.0)
    namer = TrackNamer()
    with pytest.raises(ValueError, match="no frame was taken"):
        namer.name(np.zeros(SIZE, np.int32), [])
    namer.take(np.zeros((*SIZE, 3), np.uint8), np.zeros(SIZE, np.int32))
    with pytest.raises(ValueError, match=r"labels are \(4, 5\), but the frames before"):
        namer.take(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.int32))


def test_what_is_too_large_is_no_object():
    boxes = [{**small, 9: (2, 4 * t, 50, 40 + 4 * t)} for t, small in enumerate(walker(12))]
    free = decided([{9: one[9]} for one in boxes], delay=8)
    assert any(labels.any() for labels in free)
    found = decided(boxes, delay=8, evidence=Evidence(largest=500))
    assert all((labels > 0).sum() <= 72 for labels in found)


def test_evidence_can_be_asked_for():
    strict = decided(walker(30), evidence=Evidence(moved=1e9))
    assert not any(labels.any() for labels in strict)


def flies(length, lost=()):
    """Two flies that walk to and fro; the grouper loses one now and then, and begins it anew."""
    boxes = []
    for t in range(length):
        x = 10 + abs(30 - 2 * t % 60)
        held = {1 + 10 * (t // 20): (5, x, 15, x + 14)}
        if t not in lost:
            held[2 + 10 * (t // 25)] = (40, 60 - x, 50, 74 - x)
        if t % 30 > 20:  # a leg by itself
            held[5 + 10 * (t // 30)] = (16, x, 19, x + 4)
        boxes.append(held)
    return boxes


def test_a_known_number_of_animals_is_never_more():
    found = decided(flies(200, lost=range(95, 105)), delay=8, number=2)
    assert {int(n) for labels in found for n in np.unique(labels)} == {0, 1, 2}
    # Everyone keeps the id it had, whatever the grouper calls it.
    first, second = int(found[30][7].max()), int(found[30][45].max())
    for t in (60, 90, 130, 199):
        assert int(found[t][7].max()) == first
        assert int(found[t][45].max()) == second


def test_an_id_never_leaves_its_arena():
    arenas = np.zeros(SIZE, np.int32)
    arenas[:, 2:40], arenas[:, 45:88] = 1, 2
    found = decided(walker(40), delay=8, arenas=arenas)
    ids = [np.unique(labels[labels > 0]).tolist() for labels in found]
    assert ids[4] == [1]
    assert ids[38] == [2]
    assert all(len(held) <= 1 for held in ids)
    here = np.stack(found)
    assert not (here[:, :, 46:] == 1).any()
    assert not (here[:, :, :30] == 2).any()
    with pytest.raises(ValueError, match=r"arenas are \(3, 4\), but the labels are \(60, 90\)"):
        decided(walker(3), arenas=np.ones((3, 4), np.int32))


@pytest.mark.parametrize("gap", [4, 8])
def test_who_was_out_of_sight_comes_back_as_the_same(gap):
    boxes = []
    for t in range(41):
        number = 1 if t < 18 else 2  # the grouper takes him for another
        hidden = 18 <= t < 18 + gap
        boxes.append({} if hidden else {number: (20, 5 + 2 * t, 32, 11 + 2 * t)})
    found = decided(boxes, delay=8)
    assert [int(labels.max()) for labels in found] == [1] * 18 + [0] * gap + [1] * (23 - gap)


def test_a_label_that_goes_from_a_walker_to_a_tree_behind_is_no_object_any_more():
    rng = np.random.default_rng(4)
    boxes = walker(30)
    for _ in range(60):
        top, left, bottom, right = rng.integers(-2, 3, 4)
        boxes.append({7: (5 + top, 30 + left, 50 + bottom, 80 + right)})
    found = decided(boxes, delay=8)
    assert all(labels.any() for labels in found[:22])
    assert not any(labels.any() for labels in found[30:])


def test_who_comes_in_over_the_border_grows_and_stays_the_same():
    boxes = [{7: (20, 0, 50, max(2, 2 * t))} for t in range(12)]
    boxes += [{7: (20, 2 * t, 50, 24 + 2 * t)} for t in range(20)]
    found = decided(boxes, delay=8)
    assert {int(labels.max()) for labels in found[15:]} == {1}
