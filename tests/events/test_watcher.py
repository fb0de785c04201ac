"""What the watcher says of walks that are known."""

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from segment import pipeline
from segment.errors import MissingForeground, MissingLabels
from segment.events import Event, Ground, Line, Scene, Watcher, Zone
from tests.conftest import as_frames
from tests.events.drawn import along, of_kind, seen, straight, walk

LEVEL = Scene(lines=(Line("road", ((0, 60), (199, 60))),))
ROOM = Scene((Zone("room", ((60, 20), (140, 20), (140, 110), (60, 110))),))


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
