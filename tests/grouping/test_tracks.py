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
from segment.grouping.tracks.usual import Usual

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


def test_a_part_has_the_id_of_the_whole():
    boxes = [
        {1: (10, 5 + 2 * t, 34, 17 + 2 * t), 2: (30, 8 + 2 * t, 36, 14 + 2 * t)} for t in range(30)
    ]
    found = decided(boxes, delay=8)
    assert set(np.unique(found[20])) == {0, 1}
    assert (found[20] == 1)[35, 50]  # the part, below the whole


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


def test_size_that_is_usual_is_learned_by_row_and_scraps_do_not_count():
    rng = np.random.default_rng(0)
    usual = Usual(500)
    assert not usual.known
    assert usual.ratio(100, 30) == 1.0
    for k in range(900):
        row = rng.uniform(100, 500)
        size = 20 * np.exp(2 * row / 500) * np.exp(rng.normal(0, 0.1))
        usual.add(row, size * (0.4 if k % 4 == 0 else 1.0), k // 30)
    usual.fit()
    assert usual.known
    for row in (150, 300, 480):
        assert usual.ratio(row, 20 * np.exp(2 * row / 500)) == pytest.approx(1, abs=0.12)


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


def test_evidence_can_be_asked_for():
    strict = decided(walker(30), evidence=Evidence(moved=1e9))
    assert not any(labels.any() for labels in strict)
