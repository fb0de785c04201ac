"""A plan is carried out: sequence by sequence, in threads, with an account of what happened."""

import contextlib
import functools
import logging
import platform
import shlex
import time
from collections.abc import Generator, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segment import pipeline
from segment.absurd import Watch
from segment.cli import delivering, jobs, owned, record, room
from segment.cli.chain import Link
from segment.cli.counting import count
from segment.cli.exporting import ExportLink
from segment.cli.plan import Job, Plan
from segment.cli.progress import Reporter
from segment.cli.report import RunReport, SequenceReport
from segment.cli.reserved import Reserved, lock_of
from segment.cli.signals import Ending
from segment.cli.summary import row_of
from segment.errors import InputError, NoFrames
from segment.feedback import Told
from segment.frame import Frame
from segment.protocols import Damage, FrameSource

if TYPE_CHECKING:
    from segment.cli.stretching import Joined
    from segment.export import Origin
    from segment.jobs.shards import Shard

_ALIKE, _NAMED = 3, 3
"""Sequences from which on one line stands for all that are alike, and how many it names."""

_HEEDING = ("subtract",)
"""Subtractors that objects tell of places."""


def execute(plan: Plan, reporter: Reporter, part: "Shard | None" = None) -> RunReport:
    """Carry out every job in turn; an input that fails does not keep the others from running.

    `part` : of which shard they are, for the summary.

    Raises SegmentError for what concerns all of them: an output that cannot be
    written, a stage that lacks what it needs.
    """
    check(plan)
    whole = RunReport()
    with contextlib.ExitStack() as opened:
        opened.enter_context(library_messages(reporter))
        reserved = opened.enter_context(Reserved(plan.jobs))
        # Of one input its own run.json says all.
        summaries = jobs.summaries_of(plan, part) if len(plan.order) > 1 else []
        opened.enter_context(jobs.delivered(plan))
        for summary in summaries:
            opened.enter_context(summary)
        for line in plan.advice:
            reporter.warn(line)
        for job in plan.jobs:
            begin = time.monotonic()
            with reserved.turn(job):
                report = run_job(job, reporter)
            whole.sequences.append(report)
            reporter.end(report)
            seconds = time.monotonic() - begin
            row = row_of(report, jobs.chain_of(plan), seconds, platform.node())
            for summary in summaries:
                summary.add(row, already=report.already)
            if report.interrupted:
                break
        tell_absurd(whole.sequences, reporter)
        reporter.finish(whole)
    return whole


def check(plan: Plan) -> None:
    """Raise SegmentError for what can be seen before anything is done. Nothing is changed."""
    plan.check_outputs()
    for job in plan.jobs:
        record.check(job)
        for folder in job.folders():
            lock_of(folder).check()


def run_job(job: Job, reporter: Reporter, joined: "Joined | None" = None) -> SequenceReport:
    """Do one job, whose folders are locked. Raises SegmentError for what concerns all of them.

    `joined` : its frames as far as stretches have them, instead of its input.
    """
    report = SequenceReport(job.name, job.told)
    # Another run may have come to its end between the first look and the lock.
    for link in job.exports:
        link.check(job.name)
    record.check(job)
    if record.finished(job):
        report.already = True
        report.frames, report.damage, report.absurd = record.outcome(job)
        report.outputs = [*_outputs(job)]
        report.objects, report.events = count(job)
        return report
    try:
        # Opened inside: a thread that reads ahead is told of the run that it belongs to.
        with (
            told_of_input(report.warnings),
            job.open() if joined is None else joined.open() as source,
        ):
            for folder in job.folders():
                owned.sweep_away(folder)
            signed = record.begin(job)
            ending = Ending(source)
            try:
                with ending:
                    if joined is None:
                        _drain(job, source, report, reporter)
                    else:
                        _drain_joined(job, joined, report, reporter)
            finally:
                report.damage = source.damage
                report.scaled = getattr(source, "size_changes", 0)
                report.parts = list(getattr(source, "parts", ()))
            report.interrupted = ending.code
        if record.is_changed(job, signed):
            report.warnings.append(f"{job.told} was changed or replaced while it was read")
            reporter.warn(report.warnings[-1])
        record.finish(job, report, signed)
    except InputError as error:
        report.error = error
    report.outputs = [*_outputs(job, that_are_here=True)]
    if report.error is None:
        report.objects, report.events = count(job)
        if not report.interrupted:
            for link in job.exports:
                if link.store is not None:
                    delivering.deliver(link.address(job.name), link.folder(job.name))
    if report.damage and report.error is None:
        reporter.warn(_describe_damage(job.name, report.damage))
    return report


def _outputs(job: Job, that_are_here: bool = False) -> Iterator[Path | str]:
    """What the exports write: paths, and of what goes into a store the addresses."""
    for link in job.exports:
        for path in link.outputs(job.name):
            if path.exists() or not that_are_here:
                yield path if link.store is None else link.told(path)


def tell_absurd(reports: Sequence[SequenceReport], reporter: Reporter) -> None:
    """Say what can hardly be meant; what holds for several sequences in one line."""
    found: dict[str, list[tuple[str, str]]] = {}
    for report in reports:
        if report.error is None and not report.already:
            for kind, line in report.absurd.items():
                found.setdefault(kind, []).append((report.name, line))
    for told in found.values():
        if len(told) < _ALIKE:
            for name, line in told:
                reporter.warn(f"{name}: {line}")
            continue
        names = ", ".join(name for name, _ in told[:_NAMED])
        more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
        lines = {line for _, line in told}
        like = "" if len(lines) == 1 else "for example "
        reporter.warn(f"{len(told)} of {len(reports)} inputs ({names}{more}): {like}{told[0][1]}")


def _drain(job: Job, source: FrameSource, report: SequenceReport, reporter: Reporter) -> None:
    reporter.prepare(job.name)
    expect_loops(job)
    watch = Watch()
    with contextlib.closing(chained(job, source, watch)) as frames:
        for frame in frames:
            if report.frames == 0:
                reporter.begin(job.name, frame.sequence.length)
            report.frames += 1
            report.mapping.add(frame)
            watch.see(frame)
            reporter.frame(job.name, report.frames, frame.sequence.length)
    report.absurd = watch.findings()
    if report.frames == 0:
        raise NoFrames(_no_frames(job))


def _drain_joined(job: Job, joined: "Joined", report: SequenceReport, reporter: Reporter) -> None:
    """What is absurd was looked for in the stretches, where the pictures are."""
    frames = chained(replace(job, links=joined.links), joined, frames=iter(joined), whole=job)
    with contextlib.closing(frames):
        for frame in frames:
            report.frames += 1
            report.mapping.add(frame)
            reporter.frame(job.name, report.frames, frame.sequence.length)
    report.absurd = joined.absurd()
    report.warnings += [line for line in joined.warnings if line not in report.warnings]
    report.stretches = joined.told()
    if report.frames == 0:
        raise NoFrames(_no_frames(job))


def _no_frames(job: Job) -> str:
    return f"{job.told} has no frame in the asked range; `segment info` tells how many it has"


def expect_loops(job: Job) -> None:
    """Let it be known what a chain will compile, so that can be told how long it will take."""
    from segment.kernels.countdown import countdown, entries_of

    countdown.expect(name for link in job.links for name in entries_of(link.command))


def chained(
    job: Job,
    source: FrameSource,
    watch: Watch | None = None,
    *,
    frames: Iterator[Frame] | None = None,
    whole: Job | None = None,
) -> Generator[Frame, None, None]:
    """The whole chain of one sequence; every stage runs in a thread of its own.

    `watch` sees the masks that `clean` gets.
    `frames` : instead of all that the job reads of `source`. `whole` : of which the job is a part.
    """
    frames = job.select(iter(source)) if frames is None else frames
    depth = room.AHEAD if room.reads_ahead(job, source) else 0
    told, ends = _feedback(job.links)
    stages: list[pipeline.Stage | tuple[pipeline.Stage, ...]] = []
    for link in job.links:
        run: pipeline.Stage
        if isinstance(link, ExportLink):
            run = functools.partial(link.write, origin=_origin(whole or job, source))
        elif any(link is end for end in ends):
            run = functools.partial(link.run, told=told)
        else:
            run = link.run
        stages.append((watch.before_clean, run) if watch and link.command == "clean" else run)
    return pipeline.threaded(frames, stages, depth=depth, told=told)


def _feedback(links: Sequence[Link]) -> tuple[Told | None, tuple[Link, ...]]:
    """What brings back to a link what objects say of places, and the two links it joins.

    It goes from the first `group` back to the subtractor before it, if both have a part in it.
    """
    for at, link in enumerate(links):
        if link.command != "group" or not link.options["feedback"] or link.options["candidates"]:
            continue
        for before in reversed(links[:at]):
            if before.command in _HEEDING:
                return Told(), (before, link)
            if "foreground" in before.gives and not before.needs:
                break
        break
    return None, ()


def _origin(job: Job, source: FrameSource) -> "Origin":
    """What sinks may tell of where their frames come from."""
    from segment.export import Origin

    path = Path(job.input)
    chain = (f"read {shlex.quote(job.told)}", *(_line(link) for link in job.links))
    return Origin(path if path.is_file() else None, chain, source.damage)


def _line(link: Link) -> str:
    """What was typed for a stage, without how it treats what is there: a page that is resumed is
    the page of a run that nobody disturbed."""
    if not isinstance(link, ExportLink):
        return link.line
    words = shlex.split(link.line)
    return shlex.join(word for word in words if word not in ("--resume", "--overwrite"))


def _describe_damage(name: str, damage: Damage) -> str:
    counts = []
    if damage.lost:
        counts.append(f"{damage.lost} frames could not be decoded and are missing")
    if damage.flagged:
        counts.append(f"{damage.flagged} frames are damaged but were used")
    reasons = f" ({'; '.join(damage.reasons[:3])})" if damage.reasons else ""
    return f"{name}: {' and '.join(counts) or 'the input is damaged'}{reasons}"


class _Forward(logging.Handler):
    """Hands the library's messages to the reporter."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.INFO)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "seconds_left"):
            self._reporter.compiling(record.getMessage(), record.seconds_left)
            return
        tell = self._reporter.note if record.levelno < logging.WARNING else self._reporter.warn
        tell(record.getMessage())


_MOST_TOLD = 100
"""Lines of one input that a record keeps."""

_run: ContextVar[object] = ContextVar("run")


class _Keep(logging.Handler):
    """Keeps warnings of one run: other threads of this process may carry out others."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        if _run.get(None) is self and len(self._lines) < _MOST_TOLD:
            self._lines.append(record.getMessage())


@contextlib.contextmanager
def told_of_input(lines: list[str]) -> Iterator[None]:
    """Keep in `lines` what is told as a warning of the input that is read inside."""
    logger = logging.getLogger("segment.video")
    handler = _Keep(lines)
    token = _run.set(handler)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        _run.reset(token)


@contextlib.contextmanager
def library_messages(reporter: Reporter) -> Iterator[None]:
    """Let `reporter` tell what the library logs."""
    logger = logging.getLogger("segment")
    handler = _Forward(reporter)
    level = logger.level
    logger.addHandler(handler)
    # Unless somebody has asked for more, or for less.
    if level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
