"""Many videos at once: a job of the plan is a piece of work for `segment.jobs`, and comes back."""

import contextlib
import hashlib
import os
import platform
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from segment.cli import delivering, stretches
from segment.cli.exporting import ExportLink
from segment.cli.how import How
from segment.cli.plan import Job, Plan
from segment.cli.progress import Overall, Reporter
from segment.cli.report import RunReport, SequenceReport
from segment.cli.summary import Summary, row_of
from segment.errors import ChainError, InputError, OutputError, SegmentError
from segment.jobs import shards

if TYPE_CHECKING:
    from pathlib import Path

    from segment.cli.stretches import Piece
    from segment.jobs.local import Workers

_PATIENCE = 120.0
"""Seconds to wait for another worker that is still at a video which was given to this one: one
that has lost its connection does not know that it is not waited for any more."""


@dataclass
class Task:
    """One video, as it travels to a worker."""

    job: Job
    threads: int
    sharing: int = 1
    """How many workers share the memory of its machine."""
    place: str | None = None
    """The working folder that paths are relative to, where a worker has another."""
    piece: "Piece | None" = None
    """One stretch of it, instead of all."""
    joins: "tuple[Path, ...] | None" = None
    """What was found in its stretches, to be joined."""


@dataclass
class Done:
    """What became of it."""

    report: SequenceReport
    said: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    host: str = ""
    fatal: SegmentError | None = None
    """What concerns all videos: a full disk, a chain that does not fit."""
    void: bool = False
    """Whether a stretch says that its film cannot be cut."""


class _Gatherer(Reporter):
    """Keeps what is said for the process that hands out the work."""

    def __init__(self, counts: bool = True) -> None:
        self.said: list[tuple[str, str]] = []
        self._counts = counts  # frames that are joined were counted before

    def frame(self, name: str, done: int, length: int | None) -> None:
        from segment.jobs import local

        if self._counts:
            local.count_frame()

    def note(self, message: str) -> None:
        self.said.append(("note", message))

    def warn(self, message: str) -> None:
        self.said.append(("warn", message))


def work(task: Task) -> Done:
    """Do one video from its opening to its record. Called in a worker."""
    from segment.cli.execute import library_messages
    from segment.cli.signals import leaving_when_terminated
    from segment.jobs import machine
    from segment.video.limits import share_memory

    machine.capped(task.threads)
    share_memory(task.sharing)
    job = task.job
    begin = time.monotonic()
    said = _Gatherer(counts=task.joins is None)
    done = Done(SequenceReport(job.name, job.told), said.said, host=platform.node())
    try:
        _go_to(task.place)
        with leaving_when_terminated(), library_messages(said):
            if task.piece is not None:
                _compute(task.piece, done, job, said)
            else:
                done.report = _run(job, said, task.joins)
    except InputError as error:
        done.report.error = error
    except SegmentError as error:
        done.report.error = done.fatal = error
    except MemoryError:
        done.report.error = InputError(
            f"{job.told}: there is not enough memory; fewer --jobs, or smaller frames by "
            "read --size 640x360, need less"
        )
    except Exception as error:
        if os.environ.get("SEGMENT_DEBUG"):
            raise
        done.report.error = InputError(
            f"{job.told}: this should not have happened: {type(error).__name__}: {error}; "
            "SEGMENT_DEBUG=1 shows where, please report it"
        )
    done.seconds = time.monotonic() - begin
    return done


def _go_to(place: str | None) -> None:
    if place is not None and os.getcwd() != place:
        try:
            os.chdir(place)
        except OSError:
            raise OutputError(
                f"{platform.node()} has no folder {place}; the workers of a cluster see the same "
                "folders as the machine that asks them"
            ) from None


def _compute(piece: "Piece", done: Done, job: Job, said: Reporter) -> None:
    from segment.cli import stretching

    done.report.frames, done.void = stretching.compute(job, piece, said)


def _run(job: Job, said: Reporter, joins: "tuple[Path, ...] | None") -> SequenceReport:
    from segment.cli import execute, stretching
    from segment.cli.reserved import Reserved
    from segment.locks import Busy

    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with Reserved([job]):
                if joins is None:
                    report = execute.run_job(job, said)
                else:
                    report = stretching.join(job, joins, said)
            # It is in run.json, may be long, and nobody asks for it here.
            report.mapping = type(report.mapping)()
            return report
        except Busy:
            if time.monotonic() > until:
                raise
            time.sleep(0.25)


def carry_out(plan: Plan, reporter: Reporter, how: How) -> RunReport:
    """Do a plan by workers: those of this machine, or of a cluster. Raises SegmentError."""
    from segment.cli import execute

    part = how.part()
    mine = plan.jobs if part is None else part.of(plan.jobs)
    plan = replace(plan, jobs=mine)
    if plan.jobs and plan.jobs[0].cut is not None:
        return _begin(plan, reporter, how, part)
    if how.jobs is None and how.scheduler is None and how.client is None:
        return execute.execute(plan, reporter, part)
    return _begin(plan, reporter, how, part)


def _begin(plan: Plan, reporter: Reporter, how: How, part: shards.Shard | None) -> RunReport:
    from segment.cli import execute

    _check_inputs(plan.jobs, how)
    execute.check(plan)
    for line in plan.advice:
        reporter.warn(line)
    return _carry_out(plan, reporter, how, part)


def _check_inputs(jobs: Sequence[Job], how: How) -> None:
    stores = [link.store for job in jobs[:1] for link in job.exports if link.store is not None]
    delivering.check_memory([*stores, *(job.input for job in jobs)])
    if any(job.input == "-" for job in jobs):
        raise ChainError("standard input goes to one process; leave out --jobs and --scheduler")
    away = how.scheduler is not None or how.client is not None
    if stores and away and jobs[0].cut is not None:
        raise ChainError(
            "--stretch and --scheduler need a folder that all workers see, and what goes into a "
            "store is made on each machine; export into a folder, or leave one of them out"
        )


def _carry_out(plan: Plan, reporter: Reporter, how: How, part: shards.Shard | None) -> RunReport:
    from segment.cli import execute

    whole: dict[str, SequenceReport] = {}
    fatal: SegmentError | None = None
    chain = chain_of(plan)
    with contextlib.ExitStack() as opened:
        tally = _Tally(len(plan.jobs), reporter, is_cut=any(job.cut for job in plan.jobs))
        summaries = summaries_of(plan, part)
        opened.enter_context(delivered(plan))
        for summary in summaries:
            opened.enter_context(summary)
        workers = opened.enter_context(_workers(plan, how, reporter))
        cutter = opened.enter_context(stretches.Cutter(plan, reporter, workers.keeps))
        opened.enter_context(_draining(workers, reporter, tally))
        # Closed before anybody asks what went wrong: until then the workers would go on.
        results = opened.enter_context(
            contextlib.closing(
                workers.run(
                    _tasks(cutter, workers),
                    lambda: tally.look(workers.frames, workers.count, cutter.share),
                )
            )
        )
        for task, result in results:
            done = _as_done(task, result)
            for kind, message in done.said:
                (reporter.note if kind == "note" else reporter.warn)(message)
            if done.fatal is not None and fatal is None:
                fatal = done.fatal
                workers.stop()
            if not _is_through(task, done, cutter):
                continue
            tally.add(done)
            whole[task.job.name] = done.report
            reporter.end(done.report)
            row = row_of(done.report, chain, done.seconds, done.host)
            for summary in summaries:
                summary.add(row, already=done.report.already)
    if fatal is not None:
        raise fatal
    execute.tell_absurd(list(whole.values()), reporter)
    stretches.tell(list(whole.values()), reporter)
    report = RunReport([whole[job.name] for job in plan.jobs if job.name in whole])
    report.left = len(plan.jobs) - len(whole)
    reporter.finish(report)
    return report


def _is_through(task: Task, done: Done, cutter: stretches.Cutter) -> bool:
    """Whether what came is all of a video, and not one of its stretches."""
    if not cutter.is_cut(task.job):
        return True
    if task.piece is not None:
        if done.void:
            cutter.void(task.job)
        return cutter.ended(task.job, done.report.error)
    done.report.error = cutter.error(task.job) or done.report.error
    done.seconds = cutter.joined(task.job, done.report)
    return True


def chain_of(plan: Plan) -> str:
    """The chain as one line, without what it reads, and whether it resumes."""
    words = [word for link in plan.links for word in shlex.split(link.line)]
    return shlex.join(word for word in words if word not in ("--resume", "--overwrite"))


@contextlib.contextmanager
def delivered(plan: Plan) -> Iterator[None]:
    """While a run writes summaries: those that go into a store begin with what that has."""
    found = {link.store: link.out for link in plan.links if isinstance(link, ExportLink)}
    several = len(plan.order) > 1
    for store, out in found.items():
        if store is not None and several:
            delivering.fetch_summary(store, out)
    yield
    for store, out in found.items():
        if store is not None:
            delivering.deliver_summary(store, out)


def summaries_of(plan: Plan, part: shards.Shard | None = None) -> list[Summary]:
    """A summary below every OUT."""
    outs = dict.fromkeys(link.out for link in plan.links if isinstance(link, ExportLink))
    told = None if part is None else f"{part.number}of{part.count}"
    return [Summary(out, plan.order, told) for out in outs]


def _tasks(cutter: stretches.Cutter, workers: "Workers[Task, Done]") -> Iterator[Task | None]:
    place = getattr(workers, "place", None)
    for work in cutter.work():
        if work is None:
            yield None
            continue
        job, piece, joins = work
        # Of other machines nobody knows here how many workers share one.
        sharing = workers.count if place is None else 1
        yield Task(_for_worker(job), workers.threads, sharing, place, piece, joins)


def _for_worker(job: Job) -> Job:
    """The job as it travels: with its own input only, and such that it can be begun twice.

    What is there was looked at before; what a worker finds is another worker's, who was lost or
    is not waited for any more, and a run goes on with it.
    """
    options = dict(job.read.options)
    options["inputs"] = (job.input,)
    many = {job.input: job.read.many[job.input]} if job.input in job.read.many else {}
    read = replace(job.read, options=options, inputs=(job.input,), many=many)
    links = tuple(
        replace(link, mode="resume")
        if isinstance(link, ExportLink) and link.mode == "new"
        else link
        for link in job.links
    )
    return replace(job, read=read, links=links)


def _as_done(task: Task, result: Done | BaseException) -> Done:
    if isinstance(result, Done):
        return result
    if not isinstance(result, Exception):
        raise result
    report = SequenceReport(task.job.name, task.job.told)
    told = result if isinstance(result, InputError) else InputError(f"{result}")
    report.error = type(told)(f"{task.job.told}: {told}")
    return Done(report, host=platform.node())


@contextlib.contextmanager
def _workers(plan: Plan, how: How, reporter: Reporter) -> "Iterator[Workers[Task, Done]]":
    from functools import partial

    from segment.cli.warming import warm
    from segment.jobs import local, machine

    if how.scheduler is not None or how.client is not None:
        yield from _cluster(how)
        return
    is_cut = any(job.cut is not None for job in plan.jobs)
    most = machine.cores() if is_cut else len(plan.jobs)
    count = how.jobs or machine.workers_for(most)
    count = max(1, count if is_cut else min(count, most))
    threads = max(1, machine.cores() // count)
    first = None
    if count > 1 and not _kept_something():
        reporter.note("compiling, once for this machine: about half a minute")
        first = partial(warm, plan.jobs[0])
    yield local.Workers(count, threads, work, first)


def _cluster(how: How) -> "Iterator[Workers[Task, Done]]":
    from segment.jobs.cluster import Cluster, connect

    client = how.client if how.client is not None else connect(str(how.scheduler))
    try:
        cluster: Any = Cluster(client, work, _key)
        yield cluster
    finally:
        if how.client is None:
            client.close()


def _key(task: Task) -> str:
    """The same for the same video and chain, whoever asks for it."""
    from segment.cli import record

    code = hashlib.sha256(repr(sorted(record.signature(task.job).items())).encode()).hexdigest()
    what = ""
    if task.piece is not None:
        what = f"-{task.piece.stretch.number}"
    elif task.joins is not None:
        what = "-joined"
    return f"segment-{task.job.name}{what}-{code[:16]}"


def _kept_something() -> bool:
    """Whether loops have been compiled before; a guess, for a lock holds it true in any case."""
    from segment.kernels import places

    for folder in places.candidates("*"):
        # A folder for each version and processor, see segment.kernels.kept.
        if any(folder.parent.glob(f"{folder.name}/*.loops")):
            return True
    return False


class _Tally:
    """Counts what has ended, and tells how far the run is."""

    def __init__(self, total: int, reporter: Reporter, is_cut: bool = False) -> None:
        self.total, self.done, self.failed = total, 0, 0
        self.is_cut = is_cut
        self._reporter = reporter
        self._began = time.monotonic()
        self._frames = 0

    def add(self, done: Done) -> None:
        self.done += 1
        self.failed += done.report.error is not None
        self._frames += 0 if done.report.already else done.report.frames

    def look(self, frames: int, workers: int, share: float = 0.0) -> None:
        """`share` : of films that are not through, how much of them is, in films."""
        spent = time.monotonic() - self._began
        done = self.done + share
        left = (self.total - done) * spent / done if done else None
        rate = max(frames, self._frames) / max(spent, 1e-9)
        self._reporter.overall(Overall(self.done, self.total, self.failed, rate, left))


@contextlib.contextmanager
def _draining(workers: "Workers[Task, Done]", reporter: Reporter, tally: _Tally) -> Iterator[None]:
    """Let the first Ctrl-C end the run after the videos that are at work, the second at once."""
    before = None

    def drain(number: int, frame: FrameType | None) -> None:
        workers.stop()
        signal.signal(signal.SIGINT, before)
        at_work = min(workers.count, tally.total - tally.done)
        left = tally.total - tally.done - at_work
        what = f"{at_work} at work are brought to their end, {left} are left for --resume"
        if tally.is_cut:
            what = "stretches at work are brought to their end, the rest is left for --resume"
        sys.stderr.flush()
        reporter.note(f"interrupted: {what}; again ends at once")

    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            before = signal.signal(signal.SIGINT, drain)
    except ValueError:  # only the main thread may listen to signals
        before = None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
