"""Lines and zones: who crosses, comes and goes, and how often it is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.events import Line, Scene, Watcher, Zone
from tests.events.drawn import along, of_kind, seen, straight, walk

LEVEL = Scene(lines=(Line("road", ((0, 60), (199, 60))),))
ROOM = Scene((Zone("room", ((60, 20), (140, 20), (140, 110), (60, 110))),))


def ways(events):
    return [event.direction for event in of_kind(events, "cross")]


# --- lines ----------------------------------------------------------------------------------


def test_who_crosses_a_line_is_counted_once_with_the_way():
    down = seen(straight((100, 30), (100, 110), 41), LEVEL)
    assert ways(down) == ["down"]
    (event,) = of_kind(down, "cross")
    assert event.place == "road"
    assert event.start == event.end == pytest.approx(1.6, abs=0.2)  # feet at row 60 in frame 15
    assert ways(seen(straight((100, 110), (100, 30), 41), LEVEL)) == ["up"]


def test_who_turns_on_the_line_is_not_counted():
    there = straight((100, 30), (100, 62), 20)
    assert ways(seen([*there, *there[::-1]], LEVEL)) == []
    # Also when the feet go a good step beyond it before they come back.
    there = straight((100, 30), (100, 70), 30)
    assert ways(seen([*there, *there[::-1]], LEVEL)) == []


@settings(deadline=None, max_examples=25)  # four at a time
@given(seed=st.integers(0, 2**32 - 1))
def test_who_dawdles_on_the_line_is_counted_at_most_once(seed):
    rng = np.random.default_rng(seed)
    through, back = [], []
    for number in range(4):
        x = 40 + 40 * number
        dither = [(x + a, 60 + b) for a, b in np.clip(rng.normal(0, 2, (40, 2)), -3, 3)]
        start, end = straight((x, 20), (x, 58), 20), straight((x, 62), (x, 110), 20)
        through.append(along([*start, *dither, *end], 1 + number))
        back.append(along([*start, *dither, *start[::-1]], 1 + number))
    crossed = of_kind(walk(Watcher(LEVEL), together(through)), "cross")
    assert sorted((event.id, event.direction) for event in crossed) == [
        (1, "down"), (2, "down"), (3, "down"), (4, "down")
    ]  # fmt: skip
    assert ways(walk(Watcher(LEVEL), together(back))) == []


def together(films):
    """Several who walk at once."""
    return [
        {k: box for one in boxes for k, box in one.items()} for boxes in zip(*films, strict=True)
    ]


def test_who_goes_and_comes_back_later_is_counted_both_ways():
    there = straight((100, 20), (100, 110), 40)
    assert ways(seen([*there, *there[::-1]], LEVEL)) == ["down", "up"]


def test_who_walks_round_the_end_of_a_line_never_crosses_it():
    short = Scene(lines=(Line("road", ((60, 60), (100, 60))),))
    assert ways(seen(straight((150, 20), (150, 110), 40), short)) == []
    assert ways(seen(straight((80, 20), (80, 110), 40), short)) == ["down"]
    # Its head and shoulders pass over the line, its feet do not.
    assert ways(seen(straight((10, 75), (190, 75), 40), LEVEL)) == []


def test_who_leaves_the_picture_just_behind_the_line_has_crossed_it():
    low = Scene(lines=(Line("door", ((0, 112), (199, 112))),))
    assert ways(seen(straight((100, 60), (100, 117), 30), low)) == ["down"]


def test_two_who_cross_at_once_are_two():
    one = along(straight((60, 30), (60, 110), 41), 1)
    two = along(straight((120, 110), (120, 30), 41), 2)
    events = walk(Watcher(LEVEL), [a | b for a, b in zip(one, two, strict=True)])
    assert sorted((e.id, e.direction) for e in of_kind(events, "cross")) == [(1, "down"), (2, "up")]


# --- zones ----------------------------------------------------------------------------------


def test_a_zone_tells_who_came_who_left_and_how_long_he_was_there():
    through = straight((10, 70), (190, 70), 61)  # 3 pixels a frame, 30 a second
    events = seen(through, ROOM)
    enter, leave = of_kind(events, "enter", "leave")
    assert (enter.kind, leave.kind, enter.place, leave.place) == ("enter", "leave", "room", "room")
    assert enter.start == pytest.approx(50 / 30, abs=0.25)
    assert leave.dwell == pytest.approx(80 / 30, abs=0.2)
    assert leave.start - enter.start == pytest.approx(leave.dwell)
    (thing,) = of_kind(events, "object")
    assert thing.place == "room"


def test_who_vanishes_in_a_zone_has_left_it():
    events = seen([*straight((10, 70), (100, 70), 31), *[None] * 30], ROOM)
    assert [e.kind for e in of_kind(events, "enter", "leave")] == ["enter", "leave"]
    assert of_kind(events, "leave")[0].start == pytest.approx(3.0)


def test_flicker_at_the_border_of_a_zone_is_one_visit():
    trembling = [(60 + (1.5 if t % 2 else -1.5), 70) for t in range(40)]
    start, end = straight((10, 70), (58, 70), 20), straight((62, 70), (100, 70), 20)
    events = seen([*start, *trembling, *end], ROOM)
    assert [e.kind for e in of_kind(events, "enter", "leave")] == ["enter", "leave"]
