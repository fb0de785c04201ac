"""The stages as generators: what they pass on, how they end, and that memory stays bounded."""

import threading
import time
from functools import partial

import numpy as np
import pytest

from segment import pipeline
from segment.errors import MissingForeground
from segment.feedback import Told
from tests.conftest import as_frames, moving_square


class Everything:
    """Takes every pixel for foreground; counts its calls."""

    def __init__(self):
        self.calls = 0

    def apply(self, image):
        self.calls += 1
        return np.ones(image.shape[:2], bool)

    def background(self):
        raise NotImplementedError


class Numbered:
    """Makes all foreground one object."""

    def group(self, image, foreground):
        return foreground.astype(np.int32)


class Memory:
    """A sink that remembers what happened to it."""

    def __init__(self, fail_at=None):
        self.indices, self.events, self.fail_at = [], [], fail_at

    def __enter__(self):
        self.events.append("open")
        return self

    def __exit__(self, kind, error, trace):
        self.events.append("discarded" if kind else "finished")

    def write(self, frame):
        if frame.index == self.fail_at:
            raise OSError("full")
        self.indices.append(frame.index)


def images(length=6):
    return moving_square(length)[0]


def test_subtract_gives_every_frame_its_mask_and_changes_none():
    frames = list(as_frames(images()))

    subtracted = list(pipeline.subtract(frames, Everything()))

    assert [frame.index for frame in subtracted] == list(range(6))
    assert all(frame.foreground.all() for frame in subtracted)
    assert all(frame.foreground is None for frame in frames)


def test_nothing_outside_the_region_is_foreground():
    from segment.video.select import within

    region = np.zeros((46, 62), bool)
    region[5:9, 10:31] = True
    frames = pipeline.subtract(within(as_frames(images()), region), Everything())

    for frame in pipeline.clean(frames, median=5):
        np.testing.assert_array_equal(frame.foreground & ~region, False)
        assert frame.foreground.any()


def test_one_frame_is_computed_at_a_time():
    subtractor = Everything()
    frames = pipeline.subtract(as_frames(images()), subtractor)
    assert subtractor.calls == 0
    next(frames)
    next(frames)
    assert subtractor.calls == 2


def test_clean_without_a_mask_says_what_to_do():
    with pytest.raises(MissingForeground, match=r"frame 0 has no foreground mask.*subtract"):
        list(pipeline.clean(as_frames(images())))


def test_group_takes_the_region_where_there_is_no_mask():
    from segment.video.select import within

    class Recorder:
        def group(self, image, foreground):
            self.where = foreground
            return np.zeros(image.shape[:2], np.int32)

    region = np.zeros((46, 62), bool)
    region[3:20, 3:20] = True
    grouper = Recorder()
    frame = next(pipeline.group(as_frames(images()), grouper))
    assert grouper.where is None
    frame = next(pipeline.group(within(as_frames(images()), region), grouper))
    np.testing.assert_array_equal(grouper.where, region)
    assert frame.labels.dtype == np.int32


def test_two_exports_follow_each_other():
    first, second = Memory(), Memory()

    frames = pipeline.export(pipeline.export(as_frames(images()), first), second)

    assert len(list(frames)) == 6
    assert first.indices == second.indices == list(range(6))
    assert first.events == second.events == ["open", "finished"]


def test_a_sink_that_fails_discards_its_output_and_its_neighbours():
    first, second = Memory(), Memory(fail_at=3)

    with pytest.raises(OSError, match="full"):
        list(pipeline.export(pipeline.export(as_frames(images()), first), second))

    assert second.events == ["open", "discarded"]


# --- read_ahead -----------------------------------------------------------------------------


def test_read_ahead_changes_nothing():
    plain = list(as_frames(images()))
    ahead = list(pipeline.read_ahead(iter(plain), depth=2))
    assert len(ahead) == len(plain)
    assert all(ours is theirs for ours, theirs in zip(ahead, plain, strict=True))


def test_read_ahead_works_in_another_thread_and_keeps_its_bound():
    computed, threads = [], set()

    def slow_reader():
        for frame in as_frames(images(20)):
            computed.append(frame.index)
            threads.add(threading.get_ident())
            yield frame

    frames = pipeline.read_ahead(slow_reader(), depth=3)
    next(frames)
    time.sleep(0.2)  # time enough to run away, were there no bound

    assert len(computed) <= 1 + 3
    assert threading.get_ident() not in threads
    assert len(list(frames)) == 19


def test_read_ahead_brings_an_error_to_its_place():
    def broken():
        yield from list(as_frames(images()))[:3]
        raise ValueError("frame 3 is bad")

    frames = pipeline.read_ahead(broken(), depth=2)
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="frame 3 is bad"):
        next(frames)


def test_leaving_early_ends_the_thread_and_discards_the_sink():
    sink = Memory()
    before = threading.active_count()
    frames = pipeline.read_ahead(pipeline.export(as_frames(images(20)), sink), depth=2)
    next(frames)

    frames.close()

    assert sink.events == ["open", "discarded"]
    assert threading.active_count() == before


def test_an_error_in_a_sink_ends_the_threads_before_it():
    """A traceback kept the stages alive, and a thread went on reading a file that was closed."""
    ended = threading.Event()

    def source():
        try:
            yield from as_frames(images(20))
        finally:
            ended.set()

    before = threading.active_count()
    frames = pipeline.read_ahead(source(), depth=2)
    frames = pipeline.group(pipeline.subtract(frames, Everything()), Numbered())
    frames = pipeline.export(pipeline.clean(frames), Memory(fail_at=3))
    with pytest.raises(OSError, match="full") as told:
        list(frames)
    del frames
    assert told.value.__traceback__ is not None  # it lives, and so do its frames' variables
    assert ended.is_set()
    assert threading.active_count() == before


@pytest.mark.parametrize("depth", [0, -1])
def test_read_ahead_refuses_no_room(depth):
    with pytest.raises(ValueError, match=f"depth is {depth}"):
        pipeline.read_ahead(as_frames(images()), depth=depth)


class Noted(Everything):
    """Notes with which rate it was asked to learn."""

    def __init__(self):
        super().__init__()
        self.rates = []

    def apply(self, image, learning_rate=None):
        self.rates.append(learning_rate)
        return super().apply(image)


@pytest.mark.parametrize(
    ("after", "learned"),
    [(float("inf"), 6), (0.12, 3), (0.0, 0)],
    ids=["never", "later", "at once"],
)
def test_nothing_is_learned_once_it_is_frozen(after, learned):
    subtractor = Noted()
    frames = list(as_frames(images(6)))  # 25 a second
    assert [round(frame.time, 2) for frame in frames[:4]] == [0.0, 0.04, 0.08, 0.12]
    list(pipeline.subtract(frames, subtractor, freeze_after=after))
    assert subtractor.rates == [None] * learned + [0.0] * (6 - learned)


@pytest.mark.parametrize("name", ["PosteriorSubtractor", "GaussianMixtureSubtractor"])
def test_a_frozen_background_stays_the_picture_it_was(name):
    from segment import background

    subtractor = getattr(background, name)()
    frames = list(as_frames(images(12)))
    list(pipeline.subtract(frames, subtractor, freeze_after=0.0))
    np.testing.assert_array_equal(subtractor.background(), frames[0].image)


# --- threaded and peek ----------------------------------------------------------------------


def chain_of(sink, source=None, depth=2, length=20):
    stages = [
        partial(pipeline.subtract, subtractor=Everything()),
        (pipeline.clean, partial(pipeline.group, grouper=Numbered())),
        partial(pipeline.export, sink=sink),
    ]
    return pipeline.threaded(source or as_frames(images(length)), stages, depth=depth)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_chain_in_threads_is_that_of_one_thread(depth):
    sink = Memory()
    found = list(chain_of(sink, depth=depth))
    wanted = pipeline.clean(pipeline.subtract(as_frames(images(20)), Everything()))
    wanted = list(pipeline.group(wanted, Numbered()))
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert sink.indices == list(range(20))
    assert sink.events == ["open", "finished"]


@pytest.mark.parametrize(("depth", "most", "others"), [(2, None, 3), (0, None, 0), (2, 1, 0)])
def test_every_stage_has_a_thread_but_those_in_one_tuple(depth, most, others, monkeypatch):
    monkeypatch.setattr(pipeline.threads, "most", lambda: most)
    seen = {}

    def noted(name):
        def stage(frames):
            for frame in frames:
                seen[name] = threading.get_ident()
                yield frame

        return stage

    stages = [noted("a"), (noted("b"), noted("c")), noted("d")]
    list(pipeline.threaded(as_frames(images()), stages, depth=depth))
    assert seen["b"] == seen["c"]
    assert seen["d"] == threading.get_ident()
    # The source has one of its own as well, which no stage shows.
    assert len(set(seen.values())) == (3 if others else 1)


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("begun", [1, 0])
def test_a_chain_that_is_left_early_closes_sink_and_source_and_ends_its_threads(depth, begun):
    closed = threading.Event()

    def source():
        try:
            yield from as_frames(images(20))
        finally:
            closed.set()

    before, sink = threading.active_count(), Memory()
    frames = chain_of(sink, source(), depth)
    for _ in range(begun):
        next(frames)
    frames.close()
    assert sink.events == ["open", "discarded"] * begun
    assert closed.is_set() == bool(begun)
    assert threading.active_count() == before


def test_a_stage_that_cannot_be_begun_leaves_nobody_waiting():
    """What is behind it may wait in its thread for what only a stage after it would have said."""
    told = Told(1)

    def waits(frames):
        for frame in frames:
            told.take(frame.index)
            yield frame

    def refuses(frames):
        next(frames)
        raise ValueError("no such model")

    before = threading.active_count()
    with pytest.raises(ValueError, match="no such model"):
        list(pipeline.threaded(as_frames(images()), [waits, refuses], told=told))
    assert threading.active_count() == before  # nobody waits, and nobody was given up


def test_a_depth_below_none_is_refused_at_once():
    with pytest.raises(ValueError, match="depth is -1"):
        chain_of(Memory(), depth=-1)


def test_a_frame_that_was_looked_at_is_still_there():
    plain = list(as_frames(images()))
    first, frames = pipeline.peek(iter(plain))
    assert first is plain[0]
    assert [frame.index for frame in frames] == list(range(6))
    nothing, frames = pipeline.peek(iter(()))
    assert nothing is None
    assert list(frames) == []


def test_closing_what_was_looked_at_closes_what_is_behind():
    closed = []

    def source():
        try:
            yield from as_frames(images())
        finally:
            closed.append(True)

    _, frames = pipeline.peek(source())
    frames.close()
    assert closed == [True]
    assert list(frames) == []
