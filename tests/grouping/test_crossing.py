"""Who is who after a crossing: looks decide where a grouper's labels went on as each other."""

import numpy as np
import pytest

from segment.grouping.tracks.decider import Decider
from segment.grouping.tracks.naming import TrackNamer
from segment.grouping.tracks.track import Sighting

RED, BLUE = np.eye(8)[1] * 200, np.eye(8)[6] * 200
ASHES = np.array([1, 1, 0.9, 1.1, 1, 1, 1, 1]) * 25


def ids_of(frames):
    """Which object each sighting is by what is known eight frames later, a dict a frame."""
    decider, held, found = Decider(60, 200, 10.0), [], []
    for seen in frames:
        decider.take(seen)
        held.append(seen)
        if len(held) > 8:
            found.append(decider.names(held.pop(0)))
    return decider, found + [decider.names(seen) for seen in held]


def meeting(one, other, exchanged, seed=0):
    """Two come from both sides, touch for some frames, and go on; labels 1 and 2 by `exchanged`."""
    rng = np.random.default_rng(seed)
    for t in range(70):
        left, right = 10 + 2 * t, 170 - 2 * t
        numbers = (2, 1) if exchanged and left > right else (1, 2)
        seen = []
        for number, x, looks in zip(numbers, (left, right), (one, other), strict=True):
            colours = np.maximum(0, looks + rng.normal(0, 1, 8))
            seen.append(Sighting(number, (20, x, 40, x + 10), 200, colours))
        yield sorted(seen, key=lambda sighting: sighting.id)


def at(frames, found, t, left):
    """The object of who is on the left, or on the right, in a frame."""
    seen = sorted(frames[t], key=lambda sighting: sighting.box[1])
    return found[t][seen[0 if left else -1].id]


@pytest.mark.parametrize("exchanged", [False, True])
def test_ids_go_with_looks_through_a_crossing(exchanged):
    frames = list(meeting(RED, BLUE, exchanged))
    decider, found = ids_of(frames)
    assert {at(frames, found, 20, True), at(frames, found, 20, False)} == {1, 2}
    # Who came from the left is on the right in the end.
    assert at(frames, found, 69, False) == at(frames, found, 20, True)
    assert at(frames, found, 69, True) == at(frames, found, 20, False)
    told = decider.roster.reunions
    assert len(told) == (2 if exchanged else 0)
    assert all(0.9 < confidence <= 1 for *_, confidence in told)


@pytest.mark.parametrize("exchanged", [False, True])
def test_who_looks_the_same_stays_where_labels_say(exchanged):
    frames = list(meeting(ASHES, ASHES, exchanged))
    decider, found = ids_of(frames)
    assert not decider.roster.reunions
    assert [found[69][n] for n in (1, 2)] == [found[20][n] for n in (1, 2)]


def test_one_that_is_seen_in_part_after_a_crossing_is_not_judged_by_that():
    frames = []
    for t, seen in enumerate(meeting(RED, BLUE, exchanged=False)):
        if t > 45:  # of each a third is left, in the other's colours
            seen = [
                Sighting(
                    s.id, (s.box[0], s.box[1], s.box[0] + 7, s.box[3]), 60, (BLUE, RED)[s.id - 1]
                )
                for s in seen
            ]
        frames.append(seen)
    decider, _ = ids_of(frames)
    assert not decider.roster.reunions


@pytest.mark.parametrize("changes", [True, False])
def test_a_label_that_goes_over_to_another_is_another_from_then_on(changes):
    """A car drives off, and its label stays with somebody who stood behind it unseen."""
    rng, frames = np.random.default_rng(2), []
    for t in range(80):
        x = 5 + 2 * t if t < 40 else 83 - (t - 40)
        colours = BLUE if changes and t >= 40 else RED
        seen = [Sighting(1, (20, x, 40, x + 10), 200, colours + rng.random(8))]
        if t > 5:  # somebody far away, who teaches what looks say
            seen.append(Sighting(2, (42, 2 * t, 59, 2 * t + 8), 150, ASHES + rng.random(8)))
        frames.append(seen)
    _, found = ids_of(frames)
    first = [names[1] for names in found[2:38]]
    assert len(set(first)) == 1  # what was told before it changed stays true
    assert first[0] > 0
    last = {names[1] for names in found[60:]}
    assert (last == {first[0]}) != changes
    assert 0 not in last


def test_one_who_is_seen_in_part_for_a_while_stays_the_same():
    frames = []
    for t in range(80):
        x, hidden = 5 + 2 * t, 30 <= t < 42  # behind a sign, his legs are all that is seen
        box = (34, x, 40, x + 10) if hidden else (20, x, 40, x + 10)
        looks = np.eye(8)[3] * 60 if hidden else RED + np.eye(8)[3] * 60
        frames.append([Sighting(1, box, 60 if hidden else 200, looks)])
    _, found = ids_of(frames)
    assert {names[1] for names in found[2:]} == {1}


def test_the_namer_tells_where_an_id_went_by_looks_and_how_sure_it_is():
    namer = TrackNamer(10.0)
    assert namer.reunions() == []
    for t in range(70):
        left, right = 10 + 2 * t, 170 - 2 * t
        labels, image = np.zeros((60, 200), np.int32), np.full((60, 200, 3), 90, np.uint8)
        for number, x, colour in ((1, left, (200, 20, 20)), (2, right, (20, 20, 200))):
            number = 3 - number if left > right else number
            labels[20:40, x : x + 10], image[20:40, x : x + 10] = number, colour
        namer.take(image, labels)
    told = namer.reunions()
    assert {number for _, number, _ in told} == {1, 2}
    assert all(40 < frame < 60 and 0.9 < sure <= 1 for frame, _, sure in told)
