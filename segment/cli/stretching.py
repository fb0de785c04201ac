"""What a worker does for films in stretches: one stretch, or the joining of all."""

import contextlib
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment.absurd import Watch
from segment.cli import execute
from segment.cli.chain import Link
from segment.cli.exporting import ExportLink
from segment.cli.plan import Job
from segment.cli.progress import Reporter
from segment.cli.report import SequenceReport
from segment.cli.stretches import GIVEN_UP, Piece, split
from segment.errors import InputError
from segment.frame import Frame
from segment.jobs import borders, pieces
from segment.video.parts import NotExact
from segment.video.source import Source

if TYPE_CHECKING:
    from segment.protocols import FrameSource

_LOOK = 0.1  # seconds between two looks whether a stretch is through

_SEEING = frozenset(["overlay", "report", "clips", "crops", "synopsis"])
"""Formats that look at the pictures; to join these, the film is read once more."""


class _Void(Exception):
    """The stretches cannot be joined; the film is read in one pass."""


# -- one stretch --------------------------------------------------------------------------------


def compute(job: Job, piece: Piece, reporter: Reporter) -> tuple[int, bool]:
    """Do one stretch of a job's film; return how many frames are its own, and if it is void."""
    found = pieces.Found()
    early, _ = split(job.links)
    shorter = replace(job, links=early)
    try:
        with execute.told_of_input(found.warnings), _open(job, piece) as source:
            execute.expect_loops(shorter)
            kept = _Kept(piece, _asked(job, piece, source), source, reporter)
            done = execute.chained(shorter, source, kept.watch, frames=kept.wanted())
            with contextlib.closing(done):
                count = pieces.write_piece(piece.path, kept.sorted_out(done, found), found)
        return count, False
    except NotExact as error:
        found = pieces.Found(void=str(error))
        return pieces.write_piece(piece.path, iter(()), found), True


def _open(job: Job, piece: Piece) -> "FrameSource":
    if piece.part is None:
        source = job.open()
        if piece.first is not None and piece.stretch.warm is not None:
            # What lies before is not looked at; the last frame of it may be a little late.
            source.skip_before(max(0.0, piece.first[1] + piece.stretch.warm - 1e-3))  # type: ignore[attr-defined]
        return source
    return job.read.open_part(job.input, job.name, piece.part)


def _asked(job: Job, piece: Piece, source: "FrameSource") -> Iterator[Frame]:
    """The frames that `read` was asked for, and no more: a part holds only those."""
    if piece.part is None:
        return job.select(iter(source))
    assert piece.first is not None
    return job.read.rest_of(iter(source), piece.first)


class _Kept:
    """What goes into the stages of one stretch, and what of it is kept."""

    def __init__(
        self, piece: Piece, frames: Iterator[Frame], source: Any, reporter: Reporter
    ) -> None:
        self.watch = Watch()
        self._stretch = piece.stretch
        self._frames = frames
        self._source = source
        self._reporter = reporter
        self._zero = None if piece.first is None else piece.first[1]

    def _place(self, frame: Frame) -> str:
        assert self._zero is not None
        return self._stretch.place(frame.time - self._zero)

    def wanted(self) -> Iterator[Frame]:
        """Yield the frames of the warm-up, of the stretch, and a few behind it."""
        try:
            for frame in self._frames:
                self._zero = frame.time if self._zero is None else self._zero
                place = self._place(frame)
                if place == "behind":
                    return
                if place != "before":
                    yield frame
        finally:
            closing = getattr(self._frames, "close", None)
            if closing is not None:
                closing()

    def sorted_out(
        self, frames: Iterator[Frame], found: pieces.Found
    ) -> Iterator[tuple[Frame, bool]]:
        """Yield what is kept of them, and whether it is the stretch's own; then fill `found`."""
        warm: Frame | None = None
        last: Frame | None = None
        scaled = 0
        for frame in frames:
            place = self._place(frame)
            if place == "warm":
                warm = frame
                yield frame, False
            elif place == "own":
                if last is None and warm is not None:
                    scaled = getattr(self._source, "size_changes", 0)
                    found.seam = zlib.crc32(warm.image.tobytes())
                last = frame
                self.watch.see(frame)
                self._reporter.frame(frame.sequence.name, 0, None)
                yield frame, True
        found.end = None if last is None else zlib.crc32(last.image.tobytes())
        found.absurd = self.watch.findings()
        found.scaled = getattr(self._source, "size_changes", 0) - scaled
        damage = self._source.damage
        found.damage = (damage.lost, damage.flagged, list(damage.reasons))


# -- all of them --------------------------------------------------------------------------------


def join(job: Job, paths: tuple[Path, ...], reporter: Reporter) -> SequenceReport:
    """Make of the stretches what one run would have made, when they are there."""
    _, late = split(job.links)
    joined = Joined(job, paths, late)
    try:
        return execute.run_job(job, reporter, joined)
    except _Void as why:
        reporter.warn(f"{why}; so it is read in one pass, without --stretch")
        again = tuple(
            replace(link, mode="overwrite") if isinstance(link, ExportLink) else link
            for link in job.links
        )
        report = execute.run_job(replace(job, links=again), reporter)
        report.stretches = {"count": 1, "why": str(why)}
        return report
    finally:
        joined.close()


class Joined(Source):
    """The frames of all stretches in order, with ids that go on, as a source for what comes last.

    The stretches are waited for. Raises _Void when they are not of one film read exactly.
    """

    def __init__(self, job: Job, paths: tuple[Path, ...], late: tuple[Link, ...]) -> None:
        super().__init__()
        self.links = late
        self._job = job
        self._paths = paths
        self._borders: list[borders.Border] = []
        self._absurd: list[dict[str, str]] = []
        self._spans: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._ids = borders.Ids()
        self._files = contextlib.ExitStack()
        self.sees = any(
            not isinstance(link, ExportLink) or _SEEING & set(link.formats) for link in late
        )

    def open(self) -> "Joined":
        """Wait for the first stretch, which says what the frames are like."""
        first = self._piece(self._paths[0])
        with first:
            frame = next(first.own(), None)
        if frame is not None:
            self.info = frame.sequence
        else:
            with self._job.open() as source:
                self.info = source.info
        return self

    def close(self) -> None:
        self._files.close()

    def _piece(self, path: Path) -> pieces.Piece:
        while not path.exists():
            if (path.parent / GIVEN_UP).exists():
                raise InputError(f"{self._job.told}: one of its stretches has failed")
            if self._stopped:
                raise InputError(f"{self._job.told}: reading was broken off")
            time.sleep(_LOOK)
        piece = pieces.Piece(path)
        if piece.found.void is not None:
            piece.close()
            raise _Void(piece.found.void)
        return piece

    def _frames(self) -> Iterator[Frame]:
        pictures = self._pictures() if self.sees else None
        before: pieces.Piece | None = None
        for number, path in enumerate(self._paths):
            piece = self._files.enter_context(self._piece(path))
            self._take(piece)
            if before is not None:
                self._cross(before, piece)
                before.close()
            for frame in piece.own(self._ids):
                yield frame if pictures is None else self._with_picture(frame, pictures)
            before = piece
            if number + 1 == len(self._paths):
                lost, flagged, reasons = piece.found.damage
                self.damage.lost, self.damage.flagged = lost, flagged
                self.damage.reasons[:] = reasons

    def _take(self, piece: pieces.Piece) -> None:
        found = piece.found
        self.size_changes += found.scaled
        self.warnings += [line for line in found.warnings if line not in self.warnings]
        if found.own:
            self._absurd.append(found.absurd)
            span = {"first": found.own[0], "last": found.own[-1], "warm_up": len(found.warm)}
            self._spans.append(span)

    def _cross(self, before: pieces.Piece, after: pieces.Piece) -> None:
        """Go over a border: who goes on, and how far the masks agree."""
        if not after.found.own:
            return
        if before.found.end != after.found.seam:
            raise _Void(
                f"{self._job.told}: cannot be sought exactly (frame {after.found.own[0]} is "
                "decoded otherwise from a key frame before it)"
            )
        first = next(after.own())
        numbers = borders.sampled(after.found.warm, float(first.sequence.rate))
        pairs = zip(before.some(numbers, self._ids), after.some(numbers), strict=True)
        border, matched = borders.compare(pairs, (first.index, first.time))
        self._borders.append(border)
        self._ids.begin(matched)

    def _pictures(self) -> Iterator[Frame]:
        source = self._files.enter_context(self._job.open())
        return self._job.select(iter(source))

    def _with_picture(self, frame: Frame, pictures: Iterator[Frame]) -> Frame:
        picture = next(pictures, None)
        if picture is None or picture.index != frame.index:
            raise _Void(f"{self._job.told}: frame {frame.index} does not come again")
        return replace(frame, image=picture.image, sequence=picture.sequence)

    def absurd(self) -> dict[str, str]:
        """What was absurd in most stretches, and a frozen picture in any."""
        found: dict[str, str] = {}
        for kind in dict.fromkeys(kind for one in self._absurd for kind in one):
            lines = [one[kind] for one in self._absurd if kind in one]
            if kind == "frozen" or 2 * len(lines) > len(self._absurd):
                of = "" if len(self._absurd) == 1 else f" (of a stretch; so in {len(lines)} of "
                more = "" if not of else f"{of}{len(self._absurd)})"
                found[kind] = f"{lines[0]}{more}"
        return found

    def told(self) -> dict[str, Any]:
        """What run.json says of the stretches."""
        return {
            "count": len(self._spans),
            "stretches": self._spans,
            "borders": [asdict(border) for border in self._borders],
        }
