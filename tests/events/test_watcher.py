"""What the watcher says of walks that are known."""

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment import pipeline
from segment.errors import MissingForeground, MissingLabels
from segment.events import Event, Ground, Line, Scene, Watcher, Zone
from tests.conftest import as_frames
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


# --- objects and motion ---------------------------------------------------------------------


def test_an_object_lasts_from_its_first_frame_to_its_last():
    places = [*[None] * 5, *straight((20, 50), (120, 90), 30), *[None] * 40]
    events = seen(places, shortest=1, merge=2)
    (thing,) = of_kind(events, "object")
    assert (thing.first, thing.last, thing.id) == (5, 34, 1)
    assert thing.start == pytest.approx(0.5)
    assert thing.duration == pytest.approx(2.9)
    assert thing.distance == pytest.approx(math.hypot(100, 40), rel=0.06)
    assert thing.mean_speed == pytest.approx(thing.distance / 2.9)
    assert thing.top_speed == pytest.approx(math.hypot(100, 40) / 2.9, rel=0.06)
    assert thing.area == 200
    (moved,) = of_kind(events, "motion")
    assert moved.start == pytest.approx(0.5, abs=0.11)
    assert moved.end == pytest.approx(3.4, abs=0.11)
    assert moved.id is None


def test_who_is_back_soon_was_never_gone_and_who_is_not_was():
    one, two = straight((20, 50), (80, 50), 20), straight((100, 50), (160, 50), 20)
    again = seen([*one, *[None] * 15, *two], merge=2)
    assert len(of_kind(again, "object")) == len(of_kind(again, "motion")) == 1
    apart = seen([*one, *[None] * 25, *two], merge=2)
    assert len(of_kind(apart, "object")) == len(of_kind(apart, "motion")) == 2


def test_what_is_shorter_than_asked_is_none():
    brief = [*[None] * 3, *straight((20, 50), (70, 50), 8), *[None] * 30]
    assert of_kind(seen(brief, shortest=1), "object", "motion") == []
    assert len(of_kind(seen(brief, shortest=0.5), "object", "motion")) == 2


def test_an_event_is_given_out_when_it_is_over_and_not_before():
    watcher = Watcher(merge=1)
    when = {}
    for t, things in enumerate(along([*straight((20, 50), (120, 50), 30), *[None] * 40])):
        labels = np.zeros((120, 200), np.int32)
        for number, (x, y, wide, high) in things.items():
            labels[round(y) : round(y + high), round(x) : round(x + wide)] = number
        for event in watcher.watch(
            np.zeros((120, 200, 3), np.uint8), labels > 0, labels, t, t / 10
        ):
            when[event.kind] = t
    assert set(when) == {"object", "motion"}
    assert all(40 <= t <= 41 for t in when.values())  # one second after frame 29
    assert watcher.finish() == ()


def test_metres_by_scale_and_by_four_points():
    places = straight((20, 50), (120, 50), 31)
    (pixels,) = of_kind(seen(places), "object")
    (metres,) = of_kind(seen(places, Scene(ground=Ground.scaled(0.02))), "object")
    for name in ("distance", "mean_speed", "top_speed"):
        assert getattr(metres, name) == pytest.approx(0.02 * getattr(pixels, name))
    plane = Ground.measured(
        [[0, 0], [200, 0], [200, 120], [0, 120]], [[0, 0], [4, 0], [4, 2.4], [0, 2.4]]
    )
    (same,) = of_kind(seen(places, Scene(ground=plane)), "object")
    assert same.distance == pytest.approx(metres.distance)


def test_standing_people_walk_no_way():
    rng = np.random.default_rng(4)
    flicker = [(100 + x, 60 + y) for x, y in rng.integers(-1, 2, (200, 2))]
    (thing,) = of_kind(seen(flicker), "object")
    assert thing.distance < 12
    assert thing.mean_speed < 1


def test_who_stands_long_enough_has_stopped():
    places = [
        *straight((20, 50), (80, 50), 20),
        *[(80, 50)] * 60,
        *straight((80, 50), (160, 50), 30),
    ]
    (stop,) = of_kind(seen(places, stop=5), "stop")
    assert stop.start == pytest.approx(2.0, abs=0.5)
    assert stop.duration == pytest.approx(6.0, abs=0.8)
    assert of_kind(seen(places, stop=8), "stop") == []


@pytest.mark.parametrize("rate", [5.0, 25.0, 120.0])
def test_who_stands_in_a_box_that_flickers_has_stopped_once(rate):
    rng = np.random.default_rng(3)
    ways = [straight((20, 50), (80, 50), round(3 * rate)), [(80, 50)] * round(15 * rate)]
    places = [*ways[0], *ways[1], *straight((80, 50), (160, 50), round(4 * rate))]
    # Errors that last a fifth of a second, of a tenth of the size of 14 pixels.
    noise, slow = rng.normal(0, 1.4, (len(places), 2)), np.zeros(2)
    keep = math.exp(-5 / rate)
    for t, step in enumerate(noise):
        slow = keep * slow + math.sqrt(1 - keep**2) * step
        places[t] = places[t][0] + slow[0], places[t][1] + slow[1]
    (stop,) = of_kind(walk(Watcher(Scene()), along(places), rate=rate), "stop")
    assert stop.start == pytest.approx(3, abs=0.8)
    assert stop.end == pytest.approx(18, abs=0.8)


def test_a_rest_of_a_second_is_one_when_so_short_a_one_is_looked_for():
    places = [
        *straight((20, 50), (80, 50), 20),
        *[(80, 50)] * 12,
        *straight((80, 50), (160, 50), 30),
    ]
    (stop,) = of_kind(seen(places, stop=1), "stop")
    assert stop.start == pytest.approx(2.0, abs=0.2)
    assert stop.duration == pytest.approx(1.2, abs=0.3)
    assert of_kind(seen(straight((20, 50), (160, 50), 60), stop=1), "stop") == []


@pytest.mark.parametrize("kind", ["left", "taken"])
def test_a_thing_that_stays_and_a_thing_that_is_gone(kind):
    rng = np.random.default_rng(1)
    plain = rng.integers(80, 100, (120, 200, 3), np.uint8)
    thing = plain.copy()
    thing[60:80, 90:120] = (200, 40, 60)
    before, after = (plain, thing) if kind == "left" else (thing, plain)
    boxes = [*[{}] * 20, *[{3: (90, 60, 30, 20)}] * 60, *[{}] * 30]
    watcher = Watcher(stop=3)
    events = walk(watcher, boxes, image=lambda t: before if t < 20 else after)
    (found,) = of_kind(events, "left", "taken", "stop")
    assert (found.kind, found.id) == (kind, 3)
    assert found.start == pytest.approx(2.0)
    assert found.end == pytest.approx(7.9)


def test_leaves_that_wave_and_rain_are_no_motion_but_a_walker_in_them_is():
    rng = np.random.default_rng(0)

    def masks(walker):
        for t in range(300):
            mask = np.zeros((240, 320), bool)
            for x, y in rng.integers(0, (310, 100), (12, 2)):  # leaves, anywhere in the crown
                mask[y : y + 6, x : x + 8] = True
            x = 100 + int(4 * math.sin(t / 3))  # a branch that swings
            mask[40:80, x : x + 30] = True
            if walker and 100 <= t < 200:
                mask[150:190, 3 * (t - 100) : 3 * (t - 100) + 16] = True
            yield mask

    def events(walker):
        watcher = Watcher()
        picture = np.zeros((240, 320, 1), np.uint8)
        over = []
        for t, mask in enumerate(masks(walker)):
            over += watcher.watch(picture, mask, None, t, t / 25)
        return over + list(watcher.finish())

    assert events(False) == []
    (moved,) = events(True)
    assert moved.start == pytest.approx(4.0, abs=0.5)
    assert moved.end == pytest.approx(8.0, abs=0.5)


# --- the record and the calls ---------------------------------------------------------------


def test_alarms_come_at_once_and_events_in_their_order():
    begun, over = [], []
    watcher = Watcher(LEVEL, stop=3, on_event=over.append, on_begin=begun.append)
    places = [*straight((100, 20), (100, 100), 40), *[(100, 100)] * 50]
    given = walk(watcher, along(places))
    assert over == given
    assert {e.kind for e in begun} == {"motion", "object", "stop"}
    assert len(begun) == 3
    object_begun = next(e for e in begun if e.kind == "object")
    assert object_begun.end == pytest.approx(1.0)  # as soon as it is long enough


def test_an_event_cannot_be_changed():
    event = Event("motion", 0, 1, 0, 10)
    with pytest.raises(FrozenInstanceError):
        event.kind = "object"


def test_only_kinds_that_were_asked_for():
    places = straight((100, 20), (100, 110), 40)
    assert {e.kind for e in seen(places, LEVEL, kinds={"cross"})} == {"cross"}
    with pytest.raises(ValueError, match="no kind of event 'jump'"):
        Watcher(kinds=["jump"])


@pytest.mark.parametrize("name", ["shortest", "merge", "stop"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_length_of_time_is_one(name, value):
    with pytest.raises(ValueError, match=rf"{name} is .* seconds"):
        Watcher(**{name: value})


def test_arrays_that_do_not_fit_are_refused():
    image = np.zeros((12, 20, 3), np.uint8)
    watcher = Watcher()
    with pytest.raises(ValueError, match="neither foreground nor labels"):
        watcher.watch(image, None, None, 0, 0.0)
    watcher.watch(image, np.zeros((12, 20), bool), None, 0, 0.0)
    with pytest.raises(ValueError, match=r"\(20, 12\).*\(12, 20\)"):
        watcher.watch(np.zeros((20, 12, 3), np.uint8), np.zeros((20, 12), bool), None, 1, 0.1)
    with pytest.raises(ValueError, match=r"at -1.0 s, but the one before was at 0.0"):
        watcher.watch(image, np.zeros((12, 20), bool), None, 1, -1.0)
    with pytest.raises(ValueError, match="at nan s"):
        watcher.watch(image, np.zeros((12, 20), bool), None, 1, math.nan)


def drawn_frames(count=30):
    images = np.zeros((count, 46, 62, 3), np.uint8)
    labels = np.zeros((count, 46, 62), np.int32)
    for t in range(5, count - 1):
        labels[t, 10:20, 2 * t : 2 * t + 8] = 4
    return list(as_frames(images, labels > 0, labels))


def test_the_last_frame_carries_what_was_still_going_on():
    frames = list(pipeline.watch(drawn_frames(), Watcher(shortest=0.1)))
    assert len(frames) == 30
    assert all(frame.events == () for frame in frames[:-1])
    assert {e.kind for e in frames[-1].events} == {"motion", "object"}
    assert frames[0].sequence.scene == Scene()
    assert list(pipeline.watch([], Watcher())) == []


def test_a_frame_that_lacks_something_is_named():
    frames = drawn_frames()
    bare = [replace(frame, labels=None) for frame in frames]
    assert any(frame.events for frame in pipeline.watch(bare, Watcher(shortest=0.1)))
    with pytest.raises(MissingLabels, match=r"frame 0 has no objects.*group"):
        list(pipeline.watch(bare, Watcher(Scene(lines=(Line("l", ((0, 9), (9, 0))),)))))
    bare = [replace(frame, labels=None, foreground=None) for frame in frames]
    with pytest.raises(MissingForeground, match=r"frame 0 has no foreground.*subtract"):
        list(pipeline.watch(bare, Watcher()))


def test_memory_does_not_grow_with_the_number_of_objects_that_were():
    import tracemalloc

    watcher = Watcher(ROOM, merge=0.2)
    picture = np.zeros((60, 80, 1), np.uint8)

    def run(first, count):
        for t in range(first, first + count):
            labels = np.zeros((60, 80), np.int32)
            labels[20:40, t % 60 : t % 60 + 10] = 1 + t // 15  # a new object every 15 frames
            watcher.watch(picture, labels > 0, labels, t, t / 10)

    run(0, 300)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run(300, 1500)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 40_000


# --- light and leaves -----------------------------------------------------------------------


def _moving(picture, mask, frames):
    """Motion of `frames` pictures, each with the mask that a subtractor might give."""
    from segment.events.motion import Motion

    motion = Motion(0.5, 2.0)
    found = [motion.see(mask(t), t, t / 10, picture(t)) for t in range(frames)]
    return [one for one in [*found, motion.finish()] if one is not None]


def _crossing(t, high=40, wide=30):
    mask = np.zeros((120, 200), bool)
    if t >= 10:
        x = 3 * (t - 10)
        mask[30 : 30 + high, x : min(x + wide, 200)] = True
    return mask


@pytest.mark.parametrize("who", ["somebody", "a cloud"])
def test_light_that_goes_by_is_nobody(who):
    rng = np.random.default_rng(0)
    ground = rng.integers(80, 140, (120, 200, 1)).astype(np.float64)
    coat = rng.integers(0, 60, (120, 200, 1)).astype(np.float64)

    def picture(t):
        front = coat if who == "somebody" else 0.6 * ground
        image = np.where(_crossing(t)[:, :, None], front, ground) + rng.normal(0, 1, ground.shape)
        return np.repeat(image.clip(0, 255).astype(np.uint8), 3, 2)

    found = _moving(picture, _crossing, 90)
    assert len(found) == (who == "somebody")
    if found:
        assert found[0].start == pytest.approx(1.0, abs=0.11)


def test_leaves_that_flutter_are_nobody_and_who_walks_beside_them_is():
    rng = np.random.default_rng(1)

    def leaves(t):
        mask = np.zeros((120, 200), bool)
        for _ in range(6):
            y, x = rng.integers(0, 40), rng.integers(0, 60)
            mask[y : y + rng.integers(4, 14), x : x + rng.integers(4, 20)] = True
        return mask

    def with_a_walker(t):
        mask = leaves(t)
        if 600 <= t < 700:
            x = 190 - 2 * (t - 600)
            mask[70:110, max(0, x) : x + 12] = True
        return mask

    image = np.full((120, 200, 3), 90, np.uint8)
    settled = [one for one in _moving(lambda _: image, leaves, 900) if one.start > 30]
    assert sum(one.end - one.start for one in settled) < 3
    found = [one for one in _moving(lambda _: image, with_a_walker, 900) if one.end > 62]
    assert any(abs(one.start - 60) < 0.5 and abs(one.end - 69.5) < 1.5 for one in found)


@pytest.mark.parametrize("rain", [False, True])
def test_who_is_elsewhere_in_every_frame_is_somebody_and_rain_is_not(rain):
    rng = np.random.default_rng(2)

    def mask(t, walker=True):
        found = np.zeros((120, 200), bool)
        for _ in range(rng.poisson(4) if rain else 0):
            y, x = rng.integers(0, 110), rng.integers(0, 196)
            found[y : y + 9, x : x + 3] = True
        if walker and 100 <= t < 110:  # a second, no two of whose masks overlap
            found[60:90, 5 + 18 * (t - 100) : 17 + 18 * (t - 100)] = True
        return found

    image = np.full((120, 200, 3), 90, np.uint8)
    (found,) = _moving(lambda _: image, mask, 300)
    assert (found.start, found.end) == pytest.approx((10.0, 10.9), abs=0.11)
    assert _moving(lambda _: image, lambda t: mask(t, False), 300) == []


@pytest.mark.parametrize("who", ["somebody", "a cloud"])
def test_a_cloud_before_a_bare_wall_has_no_edge(who):
    rng = np.random.default_rng(3)
    columns = np.arange(200.0)

    def depth(t):
        middle = 4 * t - 60
        if who == "somebody":
            return np.where(np.abs(columns - middle) < 15, 60.0, 0.0)
        return 60 * np.exp(-(((columns - middle) / 30) ** 2))

    def picture(t):
        image = 150 - depth(t)[None, :, None] + rng.normal(0, 0.5, (120, 200, 3))
        return image.clip(0, 255).astype(np.uint8)

    def mask(t):
        found = np.zeros((120, 200), bool)
        found[30:100] = depth(t) > 20
        return found

    # Above and below it ends with the wall: what is looked at is where it gets darker.
    assert len(_moving(picture, mask, 80)) == (who == "somebody")
