"""What source, subtractor, grouper, watcher and sink promise; the pipeline knows no more."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from segment.arrays import Image, Labels, Mask
from segment.events.records import Event, Scene
from segment.feedback import Places
from segment.frame import Frame, SequenceInfo


@dataclass(slots=True)
class Damage:
    """What a source could not read, counted while it is read.

    Attributes
    ----------
    lost : frames that did not decode and are missing from the sequence.
    flagged : frames that were delivered, though the decoder calls them corrupt.
    reasons : one line each, what happened where; at most `MOST_REASONS` are kept.
    gaps : where a stream was lost and came back: (number of the last frame before, its time and
        how long nothing came, both in seconds).
    """

    MOST_REASONS: ClassVar[int] = 20

    lost: int = 0
    flagged: int = 0
    reasons: list[str] = field(default_factory=list)
    gaps: list[tuple[int, float, float]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.flagged or self.reasons)

    def note(self, reason: str) -> None:
        if len(self.reasons) < self.MOST_REASONS:
            self.reasons.append(reason)


class Entered(Protocol):
    """A context manager that is entered as itself, and lets exceptions pass."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class FrameSource(Entered, Protocol):
    """Frames of one sequence, read once from first to last; a context manager.

    Attributes
    ----------
    info : what is common to all frames, known as soon as the source is open.
    damage : what could not be read so far.
    live : True when frames come as they happen (camera, stream, pipe) and have no end of
        their own.
    """

    info: SequenceInfo
    damage: Damage
    live: bool

    def __iter__(self) -> Iterator[Frame]: ...

    def stop(self) -> None:
        """End the iteration after the current frame; may come from a signal or a thread."""
        ...


@runtime_checkable
class Subtractor(Protocol):
    """Tells foreground from background, online; one object serves one sequence."""

    def apply(self, image: Image) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it."""
        ...

    def background(self) -> Image:
        """Return the background picture learned so far, (H, W, C) uint8."""
        ...


@runtime_checkable
class SeesShadows(Subtractor, Protocol):
    """A subtractor that tells shadows on the background from foreground."""

    def shadows(self) -> Mask:
        """Return where the last frame has a shadow, (H, W) bool; nowhere in the first frame.

        Raises ValueError before the first frame, and when shadows are not looked for.
        """
        ...


@runtime_checkable
class Grouper(Protocol):
    """Gathers the foreground of one frame after the other into objects; one object a sequence."""

    def group(self, image: Image, foreground: Mask | None) -> Labels:
        """Return labels (H, W), 0 outside `foreground`; None lets the whole image take part."""
        ...


@runtime_checkable
class Telling(Grouper, Protocol):
    """A grouper that can say what its objects say of places."""

    def places(self, objects: Collection[int] | None = None, ahead: int = 4) -> Places:
        """Return what the last frame's objects say, `ahead` frames later; once a frame.

        objects : labels that are objects; None leaves it to the grouper.
        """
        ...


@runtime_checkable
class Namer(Protocol):
    """Says which labels of a grouper are objects, and which; one object a sequence."""

    def take(self, image: Image, labels: Labels) -> Any:
        """Take in the labels (H, W) of the next frame; return what `name` wants of it."""
        ...

    def objects(self) -> set[int]:
        """Return the labels of the last frame taken in that are objects by now."""
        ...

    def name(self, labels: Labels, seen: Any) -> Labels:
        """Return labels (H, W) with ids of objects by what is known now, 0 for what is none."""
        ...


@runtime_checkable
class Watcher(Protocol):
    """Says what happened in one sequence, each event once, when it is over."""

    scene: Scene

    @property
    def since(self) -> float | None:
        """Second at which the earliest of what still goes on began; None when nothing does."""
        ...

    def watch(
        self, image: Image, foreground: Mask | None, labels: Labels | None, index: int, time: float
    ) -> tuple[Event, ...]:
        """Take the next frame in, and return the events that are over by now."""
        ...

    def finish(self) -> tuple[Event, ...]:
        """Return what was still going on when the sequence ended."""
        ...


@runtime_checkable
class Sink(Entered, Protocol):
    """Writes the frames of one sequence to one output; a context manager.

    The output stands under its final name only when it is whole: leaving the
    context with an exception discards what is half written.
    """

    def write(self, frame: Frame) -> None: ...
