"""What a run tells while it runs: a bar on a terminal, JSON lines for machines, or nothing."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import click

from segment.cli.chain import one_line

if TYPE_CHECKING:
    from rich.progress import TaskID

    from segment.cli.report import RunReport, SequenceReport

OnProgress = Callable[[str, int, int | None], None]
"""(name of the sequence, frames done, frames expected or None)"""


@dataclass(frozen=True)
class Overall:
    """How far a run over many inputs is."""

    done: int
    total: int
    failed: int
    frames_per_second: float
    seconds_left: float | None

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        left = "" if self.seconds_left is None else f", {_clock(self.seconds_left)} left"
        return (
            f"{self.done} of {self.total} inputs{failed}, {self.frames_per_second:.0f} frames a "
            f"second{left}"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


class Reporter:
    """Says nothing; the base of those that do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def prepare(self, name: str) -> None:
        """A sequence is open; its first frame may take a while, where loops must be compiled."""

    def begin(self, name: str, length: int | None) -> None:
        """The first frame is through; `length` are expected, None when nobody knows."""

    def frame(self, name: str, done: int, length: int | None) -> None:
        """`done` frames of the sequence are through."""

    def overall(self, overall: Overall) -> None:
        """So far is a run whose inputs are worked on side by side; called twice a second."""

    def compiling(self, message: str, seconds_left: float | None) -> None:
        """Loops are compiled, and frames wait for them; called once a second."""

    def note(self, message: str) -> None:
        """Something worth knowing happened."""

    def warn(self, message: str) -> None:
        """Something is not as it should be, but the run goes on."""

    def fail(self, message: str) -> None:
        """The run ends here."""

    def end(self, report: "SequenceReport") -> None:
        """A sequence is through, or has failed."""

    def finish(self, report: "RunReport") -> None:
        """All sequences are through."""


class Callback(Reporter):
    """Tells a Python caller's function about every frame."""

    def __init__(self, function: OnProgress | None, client: Any = None) -> None:
        self._function = function
        self.client = client
        """Of a Dask cluster whose workers the caller wants to do the work."""

    def frame(self, name: str, done: int, length: int | None) -> None:
        if self._function is not None:
            self._function(name, done, length)


class Plain(Reporter):
    """Messages only: stderr is a file or a pipe."""

    OVERALL_EVERY = 60.0  # seconds between two lines on how far a run over many inputs is

    COMPILING_EVERY = 5.0  # and on how long compiling will still take

    _told_overall: float | None = None
    _told_compiling: float | None = None

    def compiling(self, message: str, seconds_left: float | None) -> None:
        now = time.monotonic()
        told = self._told_compiling
        if told is None or now - told >= self.COMPILING_EVERY:
            self._told_compiling = now
            self._line(message)

    def overall(self, overall: Overall) -> None:
        now = time.monotonic()
        if self._told_overall is None:
            self._told_overall = now
        elif now - self._told_overall >= self.OVERALL_EVERY:
            self._told_overall = now
            self.note(str(overall))

    def note(self, message: str) -> None:
        self._line(message)

    def warn(self, message: str) -> None:
        self._line(f"Warning: {message}")

    def fail(self, message: str) -> None:
        self._line(f"Error: {message}")

    def end(self, report: "SequenceReport") -> None:
        if report.error is not None:
            self.fail(str(report.error))

    def _line(self, text: str) -> None:
        click.echo(one_line(text), err=True)


class Quiet(Plain):
    """Failures only."""

    def compiling(self, message: str, seconds_left: float | None) -> None:
        pass

    def note(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        pass


class Bars(Plain):
    """A bar per sequence with frames a second and time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} frames/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            refresh_per_second=8,
        )
        self._task: TaskID | None = None
        self._name = ""
        self._of_many = False  # one bar for all inputs
        self._began = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def overall(self, overall: Overall) -> None:
        if self._task is None:
            self._task = self._progress.add_task("inputs", total=overall.total, rate="–")
        failed = f", {overall.failed} failed" if overall.failed else ""
        self._progress.update(
            self._task,
            completed=overall.done,
            description=f"inputs{failed}",
            rate=f"{overall.frames_per_second:.0f}",
        )
        self._of_many = True

    def prepare(self, name: str) -> None:
        self._task = self._progress.add_task(name, total=None, rate="–")
        self._name = name

    def compiling(self, message: str, seconds_left: float | None) -> None:
        if self._task is None:
            super().compiling(message, seconds_left)
            return
        self._progress.update(self._task, description=f"{self._name}: {message}")

    def begin(self, name: str, length: int | None) -> None:
        self._began = time.monotonic()
        if self._task is not None:
            self._progress.update(self._task, description=name)

    def frame(self, name: str, done: int, length: int | None) -> None:
        if self._task is not None:
            rate = done / max(time.monotonic() - self._began, 1e-9)
            self._progress.update(self._task, completed=done, total=length, rate=f"{rate:.1f}")

    def end(self, report: "SequenceReport") -> None:
        if self._task is not None and report.error is None and not self._of_many:
            self._progress.update(self._task, completed=report.frames, total=report.frames)
        super().end(report)

    def finish(self, report: "RunReport") -> None:
        if self._of_many:
            return  # the summary names them all
        for sequence in report.sequences:
            for output in sequence.outputs:
                self._line(f"wrote {output}")

    def _line(self, text: str) -> None:
        self._console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


class JsonLines(Reporter):
    """One JSON object a line on stderr; progress once a second."""

    EVERY = 1.0  # seconds between two progress lines

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()

    def begin(self, name: str, length: int | None) -> None:
        self._began = self._said = time.monotonic()
        self._say("begin", sequence=name, length=length)

    def frame(self, name: str, done: int, length: int | None) -> None:
        now = time.monotonic()
        if now - self._said < self.EVERY:
            return
        self._said = now
        rate = done / max(now - self._began, 1e-9)
        left = None if length is None else round(max(length - done, 0) / rate, 1)
        self._say(
            "progress",
            sequence=name,
            frames=done,
            length=length,
            frames_per_second=round(rate, 2),
            seconds_left=left,
        )

    def overall(self, overall: Overall) -> None:
        now = time.monotonic()
        if now - self._said >= self.EVERY:
            self._said = now
            self._say("overall", **asdict(overall))

    def compiling(self, message: str, seconds_left: float | None) -> None:
        left = None if seconds_left is None else round(seconds_left, 1)
        self._say("compiling", seconds_left=left)

    def note(self, message: str) -> None:
        self._say("note", message=message)

    def warn(self, message: str) -> None:
        self._say("warning", message=message)

    def fail(self, message: str) -> None:
        self._say("error", message=message)

    def end(self, report: "SequenceReport") -> None:
        self._say("end", **report.as_dict())

    def finish(self, report: "RunReport") -> None:
        self._say("finish", exit_code=report.exit_code, sequences=len(report.sequences))

    def _say(self, event: str, **fields: Any) -> None:
        click.echo(json.dumps({"event": event, **fields}), err=True)


def for_terminal(*, quiet: bool, log: str) -> Reporter:
    """The reporter for a command line: by its options, and whether stderr is a terminal."""
    if quiet:
        return Quiet()
    if log == "json":
        return JsonLines()
    return Bars() if sys.stderr.isatty() else Plain()
