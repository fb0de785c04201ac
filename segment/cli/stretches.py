"""Films in stretches: where each is cut, what is given to workers in turn, and what comes back."""

import contextlib
import hashlib
import shutil
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment.cli import record
from segment.cli.chain import Link
from segment.cli.exporting import ExportLink
from segment.cli.plan import Job, Plan
from segment.cli.progress import Reporter
from segment.cli.report import SequenceReport
from segment.errors import ChainError, InputError, SegmentError, without_password
from segment.files import make_folder, write_text
from segment.jobs import pieces
from segment.locks import Lock

if TYPE_CHECKING:
    from segment.protocols import FrameSource
    from segment.video.parts import Part, Survey

__all__ = ["WARM_UP", "Cutter", "check", "tell", "with_cut"]

WARM_UP = 30.0
"""Seconds by which a stretch is warmed up, where nobody says; see docs/measurements/scale.md."""

FOLDER = ".stretches"
"""Beside a sequence's outputs: what was found in its stretches, until they are joined."""

GIVEN_UP = "given-up"
"""A file in there: a stretch has failed, and whoever waits for it waits no longer."""

_AHEAD = 1.0
"""Seconds behind the end of a stretch that are read in any case: stages look ahead a little."""


@dataclass(frozen=True)
class Piece:
    """One stretch of a film, as it travels to a worker.

    Attributes
    ----------
    stretch : which, seconds since `zero`.
    path : the file in which it will be.
    part : where its frames are; None to read the input from its beginning.
    first : number and time of the first frame of all; None where only reading tells.
    """

    stretch: pieces.Stretch
    path: Path
    part: "Part | None" = None
    first: tuple[int, float] | None = None


def split(links: tuple[Link, ...]) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
    """The stages that are done for each stretch, and those that come when all are joined."""
    ends = [n for n, link in enumerate(links) if not _is_late(link)]
    at = ends[-1] + 1 if ends else 0
    return links[:at], links[at:]


def _is_late(link: Link) -> bool:
    return isinstance(link, ExportLink) or "events" in link.gives


def check(links: Sequence[Link], inputs: Sequence[str], cut: tuple[float, float]) -> None:
    """Raise ChainError for a line that cannot be done in stretches."""
    length, warm_up = cut
    if warm_up > length:
        raise ChainError(
            f"--warm-up {warm_up:g}s is longer than --stretch {length:g}s: every stretch would "
            "take longer to warm up than to be done; give longer stretches, or a shorter warm-up"
        )
    early, late = split(tuple(links))
    if not early:
        raise ChainError("--stretch has nothing to share out; put subtract or group in the line")
    exports = [link for link in late if isinstance(link, ExportLink)]
    if not exports:
        raise ChainError("--stretch has nothing to join; put export at the end of the line")
    for link in early:
        if isinstance(link, ExportLink) or "events" in link.gives:
            raise ChainError(
                f"--stretch joins what stands at the end of the line, and {link.command} stands "
                f"before {early[-1].command}; put it behind, or leave out --stretch"
            )
        for option in ("state", "freeze_after"):
            if link.options.get(option) is not None:
                raise ChainError(
                    f"{link.command} --{option.replace('_', '-')} is for one model from the "
                    "first frame to the last, and every stretch learns its own; leave out one "
                    "of them and --stretch"
                )
    for given in inputs:
        if given == "-":
            raise ChainError("--stretch cuts files, and standard input comes once; leave it out")
        if _is_live(given):
            raise ChainError(_no_end(given))


def _is_live(given: str) -> bool:
    """Whether an input is a camera or a stream by its name."""
    scheme, sign, _ = given.partition("://")
    if sign:
        return scheme.lower() in ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt", "rtp")
    return given.startswith("/dev/video") or (given.isdecimal() and not Path(given).exists())


def _no_end(given: str) -> str:
    told = without_password(given)
    return f"--stretch cuts what has an end, and {told} has none, or comes once; leave it out"


@dataclass
class _Film:
    """A film that is cut, and how far it is."""

    job: Job
    pieces: list[Piece]
    waiting: deque[Piece]
    lock: Lock
    at_work: int = 0
    void: bool = False
    through: bool = False
    failed: Any = None
    began: float = field(default_factory=time.monotonic)
    warned: list[tuple[str, str]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.pieces[0].path.parent

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        left = len(self.waiting) + self.at_work
        return 1 - left / max(1, len(self.pieces))


class Cutter:
    """Gives out the stretches of films, and what joins them, as the workers ask for more.

    keeps : whether whoever has a stretch keeps a worker until it is through, as those of this
        machine do; then what joins may begin while the last are at work.
    """

    def __init__(self, plan: Plan, reporter: Reporter, keeps: bool) -> None:
        self._plan = plan
        self._reporter = reporter
        self._keeps = keeps
        self._films: list[_Film] = []  # not yet joined
        self._by_name: dict[str, _Film] = {}

    def __enter__(self) -> "Cutter":
        return self

    def __exit__(self, *_: object) -> None:
        for film in self._by_name.values():
            film.lock.release()
            with contextlib.suppress(OSError):
                (film.folder / GIVEN_UP).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                film.folder.rmdir()  # empty: all is joined

    def work(self) -> Iterator[tuple[Job, Piece | None, tuple[Path, ...] | None] | None]:
        """Yield (job, stretch, None), (job, None, what to join) or (job, None, None) for all.

        None when there is nothing now, but there will be.
        """
        for job in self._plan.jobs:
            film = self._cut(job)
            if film is None:
                yield job, None, None
                continue
            self._films.append(film)
            self._by_name[job.name] = film
            while film.waiting:
                yield from self._ready()
                if not film.waiting:  # it has failed meanwhile
                    break
                piece = film.waiting.popleft()
                film.at_work += 1
                yield job, piece, None
            yield from self._ready()
        while self._films:
            ready = list(self._ready())
            yield from ready
            if not ready and self._films:
                yield None

    def _ready(self) -> Iterator[tuple[Job, None, tuple[Path, ...]]]:
        for film in list(self._films):
            if film.failed is not None:
                self._films.remove(film)
            elif not film.waiting and (film.at_work == 0 or (self._keeps and not film.void)):
                self._films.remove(film)
                yield film.job, None, tuple(piece.path for piece in film.pieces)

    def ended(self, job: Job, error: SegmentError | None) -> bool:
        """A stretch is through; return whether the film has just failed by it."""
        film = self._by_name[job.name]
        film.at_work -= 1
        if error is None or film.failed is not None:
            return False
        film.failed = error
        film.waiting.clear()
        waits = film not in self._films  # somebody joins already, and waits for this one
        if waits:
            with contextlib.suppress(SegmentError):
                write_text(film.folder / GIVEN_UP, "")
        return not waits

    def void(self, job: Job) -> None:
        """A stretch says that the film cannot be cut; the rest is left out."""
        _give_up_cutting(self._by_name[job.name])

    def joined(self, job: Job, report: SequenceReport) -> float:
        """A film is through; return how many seconds it took from its first stretch on."""
        film = self._by_name[job.name]
        film.failed = film.failed or report.error
        film.through = True
        film.lock.release()
        if report.error is None:
            _clear(film.folder)
        return time.monotonic() - film.began

    def is_cut(self, job: Job) -> bool:
        return job.name in self._by_name

    def error(self, job: Job) -> SegmentError | None:
        """What a film has failed by."""
        film = self._by_name.get(job.name)
        return None if film is None else film.failed

    @property
    def share(self) -> float:
        """How much of the films that are cut, and not joined yet, is done: in films."""
        return sum(film.share for film in self._by_name.values() if not film.through)

    # -- where to cut ---------------------------------------------------------------------------

    def _cut(self, job: Job) -> _Film | None:
        """The film in stretches; None where it is done as one piece, or is done already."""
        if job.cut is None:
            return None
        folder = job.folders()[0] / FOLDER
        if record.finished(job):
            _clear(folder)
            return None
        try:
            found = _pieces(job, folder, self._reporter)
        except InputError:
            return None  # it is told by whoever tries to read it
        if len(found) < 2:
            return None
        make_folder(folder)
        lock = Lock(folder / ".lock", job.folders()[0])
        lock.acquire()
        if all(link.mode != "resume" for link in job.exports):
            _clear(folder, keep=".lock")
        kept = [piece for piece in found if piece.path.exists() and _is_whole(piece.path)]
        _clear(folder, keep=".lock", names=[piece.path.name for piece in kept])
        left = [piece for piece in found if piece.path not in {one.path for one in kept}]
        film = _Film(job, found, deque(left), lock)
        if any(_why_void(piece.path) for piece in kept):
            _give_up_cutting(film)
        return film


def _give_up_cutting(film: _Film) -> None:
    film.void = True
    film.waiting.clear()
    # Whoever joins reads them in this order, and goes no further than the one that says so.
    film.pieces.sort(key=lambda piece: not piece.path.exists())


def _is_whole(path: Path) -> bool:
    try:
        with pieces.Piece(path):
            return True
    except SegmentError:
        return False


def _why_void(path: Path) -> str | None:
    with pieces.Piece(path) as piece:
        return piece.found.void


def _clear(folder: Path, keep: str = "", names: Sequence[str] = ()) -> None:
    """Remove what is left of stretches, but for these."""
    if not folder.is_dir() or folder.is_symlink():
        return
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.name != keep and path.name not in names and path.is_file():
            path.unlink(missing_ok=True)


def _pieces(job: Job, folder: Path, reporter: Reporter) -> list[Piece]:
    """The stretches of a film, each with what is needed to read it. Raises InputError."""
    from segment.video.parts import NotExact

    assert job.cut is not None
    length, warm_up = job.cut
    early, _ = split(job.links)
    more = _AHEAD + sum(float(link.options.get("delay") or 0) for link in early)
    with job.open() as source:
        if source.live:
            raise ChainError(_no_end(job.input))
        film = _is_film(source)
        seconds = _seconds(job, source)
    if seconds is None:
        reporter.note(f"{job.told}: does not say how long it is, so it is read in one pass")
        return []
    try:
        if not film:
            raise NotExact(f"{job.told}: is no film of one file")
        survey = job.read.survey(job.input, job.name)
    except NotExact as error:
        cut = pieces.stretches(0.0, seconds, length, warm_up, more)
        if len(cut) > 1 and film:
            reporter.note(f"{error}; every stretch reads what is before it, too")
        return [_piece(job, folder, stretch, first=_zero(job)) for stretch in cut]
    return _of_survey(job, folder, survey, more)


def _is_film(source: "FrameSource") -> bool:
    from segment.video import VideoFile

    return isinstance(getattr(source, "inner", source), VideoFile)


def _zero(job: Job) -> tuple[int, float] | None:
    """Number and time of the first frame, where it is known without reading."""
    options = job.read.options
    return (0, 0.0) if options["start"] is None and options["every"] == 1 else None


def _seconds(job: Job, source: "FrameSource") -> float | None:
    """About how long what is read lasts, None where nobody knows."""
    from fractions import Fraction

    length, rate = source.info.length, source.info.rate
    if length is None:
        return None
    start, stop = job.read.options["start"], job.read.options["stop"]

    def moment(asked: Any, default: float) -> float:
        if asked is None:
            return default
        return float(asked / rate) if isinstance(asked, int) else float(Fraction(asked))

    whole = float(length / rate)
    return max(0.0, min(moment(stop, whole), whole) - moment(start, 0.0))


def _of_survey(job: Job, folder: Path, survey: "Survey", more: float) -> list[Piece]:
    """Cut by the frames that `read` was asked for: all numbers and times are known."""
    assert job.cut is not None
    options = job.read.options
    chosen = survey.chosen(options["start"], options["stop"], options["every"])
    if chosen is None:
        return []
    found = []
    for stretch in pieces.stretches(0.0, chosen.seconds, *job.cut, more):
        end = None if stretch.end is None else stretch.end + stretch.more - pieces.SLACK
        begin = None if stretch.warm is None else stretch.warm - pieces.SLACK
        part = chosen.part(begin, end)
        if part is not None:
            found.append(_piece(job, folder, stretch, part=part, first=chosen.first))
    return found


def _piece(job: Job, folder: Path, stretch: pieces.Stretch, **more: Any) -> Piece:
    told = repr((sorted(record.signature(job).items()), stretch))
    code = hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return Piece(stretch, folder / f"{stretch.number:05}-{code}.piece", **more)


# -- what is told -------------------------------------------------------------------------------


def tell(reports: Sequence[SequenceReport], reporter: Reporter) -> None:
    """Say in one line how the stretches of a run fit together."""
    found = [report.stretches for report in reports if report.stretches]
    edges = [border for one in found for border in one.get("borders", [])]
    if not edges:
        return
    pixels = sum(border["pixels"] for border in edges)
    differ = sum(border["differ"] for border in edges)
    moving = sum(border["found"] for border in edges)
    there = sum(border["objects"] for border in edges)
    went = sum(border["joined"] for border in edges)
    films = f"{len(found)} films, " if len(found) > 1 else ""
    objects = f"; of {there} objects there {went} keep their id" if there else ""
    reporter.note(
        f"{films}{sum(one['count'] for one in found)} stretches: in the second before a border "
        f"{differ / max(1, pixels):.3%} of the masks' pixels differ from the stretch before "
        f"({differ / max(1, moving):.1%} of what is foreground there){objects}; run.json has all"
    )


def with_cut(plan: Plan, cut: tuple[float, float] | None) -> Plan:
    """The plan, with every job in stretches. Raises ChainError."""
    if cut is None:
        return plan
    for job in plan.jobs[:1]:
        check(job.links, [job.input for job in plan.jobs], cut)
        if job.read.chains:
            raise ChainError(
                "--stretch cuts single files, and --chain-files joins them; leave out one of them"
            )
    return replace(plan, jobs=tuple(replace(job, cut=cut) for job in plan.jobs))
