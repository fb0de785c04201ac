"""The stages as generators: frames in, frames out, one at a time, whatever stands behind them.

Each stage passes on new frames and changes none. Stages chain by nesting, and
nothing is computed before somebody asks for the next frame:

    frames = subtract(frames, subtractor)
    frames = clean(frames)
    for frame in export(frames, sink): ...
"""

import collections
import contextlib
import math
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from segment import masks, threads
from segment.arrays import Mask
from segment.errors import MissingForeground, MissingLabels
from segment.feedback import Told, heed
from segment.frame import Frame
from segment.protocols import Grouper, Namer, SeesShadows, Sink, Subtractor, Telling, Watcher

__all__ = [
    "clean",
    "decide",
    "export",
    "group",
    "joint",
    "peek",
    "read_ahead",
    "subtract",
    "threaded",
    "watch",
]

Stage = Callable[[Iterator[Frame]], Iterator[Frame]]


def subtract(
    frames: Iterable[Frame],
    subtractor: Subtractor,
    *,
    shadows: bool = False,
    freeze_after: float = math.inf,
    told: Told | None = None,
) -> Iterator[Frame]:
    """Give every frame its foreground mask; nothing outside `frame.region` is foreground.

    With `shadows` also where the subtractor's `shadows()` sees a shadow on the background;
    TypeError when it is none that `SeesShadows`, ValueError when it does not look for any. From
    `freeze_after` seconds after the first frame on nothing is learned any more: the subtractor's
    `apply` is called with learning_rate=0. With 0 the first frame is the background for good.
    `told` brings back what the objects of frames before say of places (`joint`), for a subtractor
    that has a `sensitivity`.
    """
    seer = subtractor if isinstance(subtractor, SeesShadows) else None
    if shadows and seer is None:
        raise TypeError(
            f"shadows are asked for, but {type(subtractor).__name__} has no shadows(); leave them "
            "out, or take another subtractor"
        )
    apply: Any = subtractor.apply
    begin = None
    with _closing(frames):
        for number, frame in enumerate(frames):
            begin = frame.time if begin is None else begin
            places = None if told is None else told.take(number)
            if frame.time - begin >= freeze_after:
                foreground = apply(frame.image, learning_rate=0.0)
            else:
                foreground = heed(subtractor, apply, frame.image, places)
            shadow = None
            if shadows and seer is not None:
                shadow = _within(seer.shadows() & ~foreground, frame.region)
            foreground = _within(foreground, frame.region)
            yield replace(frame, foreground=foreground, shadow=shadow)


def clean(frames: Iterable[Frame], **settings: Any) -> Iterator[Frame]:
    """Tidy every foreground mask; `settings` are those of `segment.masks.clean`.

    Raises MissingForeground when a frame has no mask.
    """
    with _closing(frames):
        for frame in frames:
            if frame.foreground is None:
                raise MissingForeground(
                    f"frame {frame.index} has no foreground mask to clean; "
                    "put a subtract command before clean"
                )
            foreground = masks.clean(frame.foreground, **settings)
            yield replace(frame, foreground=_within(foreground, frame.region))


def group(frames: Iterable[Frame], grouper: Grouper) -> Iterator[Frame]:
    """Gather every frame's foreground into objects.

    A frame without a mask takes part as a whole, or as its region says; a grouper
    that cannot work without a mask raises MissingForeground.
    """
    with _closing(frames):
        for frame in frames:
            where = frame.region if frame.foreground is None else frame.foreground
            yield replace(frame, labels=grouper.group(frame.image, where))


def decide(
    frames: Iterable[Frame],
    namer: Namer,
    *,
    delay: int = 0,
    told: Told | None = None,
    grouper: Telling | None = None,
) -> Iterator[Frame]:
    """Give ids to the labels that are objects, by what is known `delay` frames later.

    What is no object, or not yet known to be one, becomes 0. So many frames are held in memory,
    or fewer, where they are more than `HELD_BYTES`. When frames end with an error, those that
    were held come first. Raises MissingLabels when a frame has no labels. With `told` and the
    `grouper` of these frames, what its objects say of places goes back, see `joint`.
    """
    if delay < 0:
        raise ValueError(f"delay is {delay} frames, wanted 0 or more")
    held: collections.deque[tuple[Frame, Any]] = collections.deque()
    failure: Exception | None = None
    with _closing(frames), told or contextlib.nullcontext():
        try:
            for frame in frames:
                if frame.labels is None:
                    raise MissingLabels(
                        f"frame {frame.index} has no labels; put a group command before"
                    )
                held.append((frame, namer.take(frame.image, frame.labels)))
                if told is not None and grouper is not None:
                    told.send(grouper.places(namer.objects(), told.lag))
                if len(held) > min(delay, HELD_BYTES // max(1, _bytes(frame))):
                    yield _named(*held.popleft(), namer)
        except Exception as error:
            failure = error
        while held:
            yield _named(*held.popleft(), namer)
        if failure is not None:
            raise failure


def joint(
    frames: Iterable[Frame],
    subtractor: Subtractor,
    grouper: Telling,
    namer: Namer | None = None,
    *,
    delay: int = 0,
    lag: int = 4,
    **settings: Any,
) -> Iterator[Frame]:
    """Subtract, clean and group, and let pixels and objects inform each other.

    What objects say of places goes back to the subtractor and is heeded `lag` frames later: where
    an object is expected, fainter evidence is foreground, and where it stands, nothing is learned
    as background; where foreground never becomes an object, it takes more evidence. Masks depend
    on the frames before alone, so that nothing changes in threads.

    subtractor : one with a `sensitivity`, that takes learning rates by pixel. namer, delay : as of
    `decide`; without one labels are the grouper's. settings : of `segment.masks.clean`.

    Raises TypeError for a subtractor or a grouper that has no part in it.
    """
    for one, wanted in ((subtractor, "sensitivity"), (grouper, "places")):
        if not hasattr(one, wanted):
            raise TypeError(
                f"{type(one).__name__} has no {wanted}, so nothing can go back; chain subtract, "
                "clean and group instead"
            )
    told = Told(lag)
    grouped = group(clean(subtract(frames, subtractor, told=told), **settings), grouper)
    if namer is None:
        return _telling(grouped, grouper, told)
    return decide(grouped, namer, delay=delay, told=told, grouper=grouper)


def _telling(frames: Iterable[Frame], grouper: Telling, told: Told) -> Iterator[Frame]:
    with _closing(frames), told:
        for frame in frames:
            told.send(grouper.places(None, told.lag))
            yield frame


HELD_BYTES = 256 * 2**20
"""What `decide` holds at most: 40 frames of 1280x720, 5 of 3840x2160."""


def _bytes(frame: Frame) -> int:
    planes = (frame.image, frame.foreground, frame.shadow, frame.labels)
    return sum(plane.nbytes for plane in planes if plane is not None)


def _named(frame: Frame, seen: Any, namer: Namer) -> Frame:
    assert frame.labels is not None
    return replace(frame, labels=namer.name(frame.labels, seen))


def watch(frames: Iterable[Frame], watcher: Watcher) -> Iterator[Frame]:
    """Give every frame the events that are over by then.

    One frame is held back, so that the last one can carry what was still going on. A frame
    without labels gives motion alone; MissingLabels when there are zones or lines, which need
    objects, MissingForeground when a frame has neither.
    """
    with _closing(frames):
        held: Frame | None = None
        for frame in frames:
            if held is not None:
                yield held
            _check_watchable(frame, watcher)
            events = watcher.watch(
                frame.image, frame.foreground, frame.labels, frame.index, frame.time
            )
            sequence = replace(frame.sequence, scene=watcher.scene)
            held = replace(frame, events=events, since=watcher.since, sequence=sequence)
        if held is not None:
            yield replace(held, events=(*(held.events or ()), *watcher.finish()))


def _check_watchable(frame: Frame, watcher: Watcher) -> None:
    if frame.labels is None and (watcher.scene.zones or watcher.scene.lines):
        raise MissingLabels(
            f"frame {frame.index} has no objects that could enter a zone or cross a line; "
            "put a group command before events"
        )
    if frame.labels is None and frame.foreground is None:
        raise MissingForeground(
            f"frame {frame.index} has no foreground mask to watch; "
            "put a subtract command before events"
        )


def export(frames: Iterable[Frame], sink: Sink) -> Iterator[Frame]:
    """Write every frame and pass it on, so that two sinks can follow each other.

    The sink's output is whole, and under its final name, when the frames end.
    """
    with _closing(frames), sink:
        for frame in frames:
            sink.write(frame)
            yield frame


def read_ahead(frames: Iterable[Frame], depth: int = 4) -> Iterator[Frame]:
    """Let everything before this point run in a thread, up to `depth` frames ahead.

    Order and frames stay the same; an error arrives where the frame would have
    come. Decoding, kernels and encoding release Python's lock, so a chain with
    two of these keeps three cores busy. `depth` frames are held in memory.
    """
    if depth < 1:
        raise ValueError(f"depth is {depth}, wanted at least 1 frame")
    return _read_ahead(iter(frames), depth)


_END = object()

LONGEST_WAIT = 20.0
"""Seconds that closing waits for a thread; a silent stream ends by itself after 15."""


def _read_ahead(frames: Iterator[Frame], depth: int) -> Iterator[Frame]:
    # `room` is taken before a frame is computed and given back when it is consumed:
    # the bound holds for frames in the making, and closing never waits for a full queue.
    ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
    room = threading.Semaphore(depth)
    closing = threading.Event()

    def work() -> None:
        ending: Any = _END
        try:
            while True:
                room.acquire()
                if closing.is_set():
                    break
                frame = next(frames, _END)
                if frame is _END:
                    break
                ready.put(frame)
        except BaseException as error:
            ending = error
        finally:
            # The chain behind is closed where it ran: a sink there discards or finishes its file.
            try:
                with _closing(frames):
                    pass
            except BaseException as error:
                ending = error
            ready.put(ending)

    worker = threading.Thread(target=work, name="segment-read-ahead", daemon=True)
    worker.start()
    try:
        while True:
            frame = ready.get()
            if frame is _END:
                return
            if isinstance(frame, BaseException):
                raise frame
            room.release()
            yield frame
    finally:
        closing.set()
        room.release()
        # Who closes the source next must not find a thread in it. A camera may never answer.
        worker.join(timeout=LONGEST_WAIT)


def threaded(
    frames: Iterable[Frame],
    stages: Iterable[Stage | tuple[Stage, ...]],
    *,
    depth: int = 2,
    told: Told | None = None,
) -> Generator[Frame, None, None]:
    """Chain stages, each in a thread of its own: while one frame is written the next is grouped.

    Order and results are those of one thread. However it ends, by an error, or closed before its
    last frame, every stage is closed before what stands behind it, and every thread before the
    frames that it reads.

    frames : of one sequence.
    stages : functions from frames to frames, such as `partial(subtract, subtractor=...)`; those
        in one tuple share a thread.
    depth : frames that wait between two stages, held in memory; with 0 all run in one thread, and
        so they do where `threads.use_at_most(1)` was said.
    told : what brings something back from a stage to one before it (`joint`); it is closed before
        a thread that may wait for it.

    Raises ValueError when `depth` is below 0.
    """
    if depth < 0:
        raise ValueError(f"depth is {depth} frames, wanted 0 or more")
    # A worker that has one processor has nothing to win by threads.
    return _threaded(frames, stages, 0 if threads.most() == 1 else depth, told)


def _threaded(
    frames: Iterable[Frame],
    stages: Iterable[Stage | tuple[Stage, ...]],
    depth: int,
    told: Told | None,
) -> Generator[Frame, None, None]:
    with contextlib.ExitStack() as begun:
        # A stage that was closed before its first frame, or one that is no generator, closes
        # nothing of its own.
        frames = iter(frames)
        begun.callback(_close, frames)
        for together in stages:
            if depth:
                frames = read_ahead(frames, depth)
                begun.callback(_close, frames)
            if told is not None:
                begun.callback(told.close)
            for stage in together if isinstance(together, tuple) else (together,):
                frames = stage(frames)
                begun.callback(_close, frames)
        yield from frames


def peek(frames: Iterable[Frame]) -> tuple[Frame | None, Iterator[Frame]]:
    """Return the first frame, None where there is none, and all frames with the first among them.

    Closing those closes `frames`, begun or not.
    """
    frames = iter(frames)
    first = next(frames, None)
    return first, frames if first is None else _WithFirst(first, frames)


class _WithFirst:
    """No generator: one that is closed before its second frame would leave `frames` open."""

    def __init__(self, first: Frame, frames: Iterator[Frame]) -> None:
        self._first: Frame | None = first
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        first, self._first = self._first, None
        return next(self._frames) if first is None else first

    def close(self) -> None:
        self._first = None
        _close(self._frames)


def _close(frames: Iterator[Frame]) -> None:
    """Close a stage's frames, where they can be closed, and so what stands before it."""
    closing = getattr(frames, "close", None)
    # ValueError: it is still at work, in a thread that did not answer and was given up.
    with contextlib.suppress(ValueError):
        if closing is not None:
            closing()


@contextlib.contextmanager
def _closing(frames: Iterable[Frame]) -> Iterator[None]:
    """Close the stage before this one when this one ends.

    Left to the collector, it would go on after an error here, for the error's traceback
    keeps it alive: with a thread that reads a file that is closed under it.
    """
    try:
        yield
    finally:
        close = getattr(frames, "close", None)
        # A generator, or what behaves like one; a source is closed by who has opened it.
        if close is not None and isinstance(frames, Iterator):
            close()


def _within(mask: Mask, region: Mask | None) -> Mask:
    return mask if region is None else mask & region
