"""Runs are killed at random moments and resumed: the end must be that of a run nobody disturbed.

    python -m tests.fuzz.kills --count 200 --load 2

Each trial kills one line with every export one to three times, by INT, TERM, HUP or KILL, at a
moment drawn at random; in every other trial a second run wants the same folder meanwhile, and a
third of them have `--jobs 2`, half of them `--quality fast`. A run that ends before it is killed is
begun anew, up to three times. After each kill all files must be whole and no process may be left,
after a tidy end no hidden or temporary file; after the last resume all must be equal to an
undisturbed run.
"""

import argparse
import contextlib
import csv
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from segment.cli import main
from segment.export import FORMATS, png
from segment.files import checksum
from tests.conftest import moving_square, write_video

SIGNALS = ("INT", "TERM", "HUP", "KILL")
TIDY = {"INT": 130, "TERM": 143, "HUP": 129}  # these leave nothing behind, and say so
FILES = list(FORMATS)
TRIES = 3  # how often a run is begun anew that ended before it was killed
PATIENCE = 45.0  # seconds in which the workers of a run that was killed notice and leave
TIDY_PATIENCE = 5.0  # those of a run that ended in order have left before it
EVENTS = ["events", "--zone", "half: 0,0 60,0 60,91 0,91", "--line", "middle: 62,0 62,91"]
QUALITIES = ("best", "fast")
CHAIN = ["clean", "group-components", *EVENTS, "export", "out"]
ACCOUNTS = ("report.jsonl", "summary.csv")
TOLD = ("sequence", "state", "frames", "lost", "flagged", "objects", "events", "error")
CHAIN += [word for name in FILES for word in ("--as", name)]
READ = ["read", "clip.mkv", "second.mkv", "subtract", "--quality"]
READ_BEFORE = ["video", "pipeline", "export", "background", "grouping", "cli.execute", "masks"]
SEQUENCES = ("clip", "second")


class Run:
    """One run of the command, in a process of its own: a new one, or a fork of this.

    A fork has read its libraries already: most of a short run is reading them.
    """

    def __init__(self, line: list[str], folder: Path, forks: bool) -> None:
        self.code: int | None = None
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed with its run
        sys.stdout.flush()
        if not forks:
            process = subprocess.Popen(
                [sys.executable, "-m", "segment", *line],
                cwd=folder,
                stderr=self._said,
                stdout=self._said,
                preexec_fn=_begin,
            )
            process.returncode = 0  # it is waited for here
            self.pid = process.pid
            return
        self.pid = os.fork()
        if self.pid:
            return
        try:
            _begin()
            signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python begins
            os.chdir(folder)
            for number in (1, 2):
                os.dup2(self._said.fileno(), number)
            main.main(line, prog_name="segment")
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        finally:
            os._exit(99)

    def poll(self) -> int | None:
        """The exit code, or the negative of the signal that ended it; None while it runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def send(self, name: str) -> None:
        if self.poll() is None:
            os.kill(self.pid, getattr(signal, f"SIG{name}"))

    def left(self, patience: float) -> list[str]:
        """Which processes of its session are still there after so many seconds."""
        until = time.monotonic() + patience
        while found := [told for pid in psutil.pids() if (told := _of_session(pid, self.pid))]:
            if time.monotonic() > until:
                return found
            time.sleep(0.05)
        return []

    def end(self) -> str:
        """Wait for its end, and return what it said."""
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._said.seek(0)
        said = self._said.read()
        self._said.close()
        return said


class Study:
    """Kills and resumes in a folder; `counts` say what happened, `wrong` what should not have."""

    def __init__(self, folder: Path, seed: int, length: int = 60, forks: bool = False) -> None:
        self.forks = forks
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        os.environ["TMPDIR"] = str(self.temporary)
        tempfile.tempdir = None  # asked anew, here and in every fork
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        for number, name in enumerate(SEQUENCES):
            images, _ = moving_square(length, (92, 124), seed=number)
            write_video(folder / f"{name}.mkv", images)
        self.undisturbed: dict[str, dict[str, object]] = {}
        for self.quality in QUALITIES:
            process = self.start()
            while process.poll() is None and not (folder / "out").is_dir():
                time.sleep(0.002)
            began = time.monotonic()
            process.end()
            self.seconds = time.monotonic() - began
            self.undisturbed[self.quality] = contents(folder / "out")
            assert self.whole, "the undisturbed run made nothing"
            (folder / "out").rename(folder / f"whole-{self.quality}")

    @property
    def whole(self) -> dict[str, object]:
        """What an undisturbed run of this quality made."""
        return self.undisturbed[self.quality]

    def start(self, *more: str) -> "Run":
        return Run([*READ, self.quality, *CHAIN, *more], self.folder, self.forks)

    def trial(self, number: int, sent: str) -> None:
        """Kill, look, and resume until the run is through."""
        out = self.folder / "out"
        _remove(out)
        two = number % 2 == 1
        self.quality = QUALITIES[number // 8 % 2]
        jobs = ("--jobs", "2") if number // 8 % 3 == 2 else ()
        for _ in range(self.random.choice((1, 1, 2, 3))):
            for _ in range(TRIES):
                if self._disturb(sent, two, jobs):
                    break
                _remove(out)
        process = self.start("--resume", *jobs)
        said = process.end()
        if process.code != 0:
            self._note(number, sent, f"the resumed run ends with {process.code}: {said}")
        self.counts[f"{sent} resumed"] += 1
        try:
            found = contents(out)
        except ValueError as error:
            self._note(number, sent, f"half written: {error}")
            return
        if found != self.whole:
            names = {
                n for n in found.keys() | self.whole.keys() if found.get(n) != self.whole.get(n)
            }
            self._note(number, sent, f"differs in {sorted(names)[:5]}")
        else:
            self.counts[f"{sent} equal"] += 1

    def _disturb(self, sent: str, two: bool, jobs: tuple[str, ...]) -> bool:
        """Begin a run and kill it; whether it was killed before its end."""
        out = self.folder / "out"
        first = self.start("--resume", *jobs)
        if self.random.random() < 0.8:  # most of a short run is its start: wait for its work
            while not out.is_dir() and first.poll() is None:
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, self.seconds * 0.8))
        else:
            time.sleep(self.random.uniform(0, self.seconds))
        second = self.start("--resume", *jobs) if two else None
        if second is not None:
            time.sleep(self.random.uniform(0, self.seconds * 0.8))
        alive = first.poll() is None
        first.send(sent)
        if sent == "INT" and jobs:  # the first lets the workers come to the end of their videos
            time.sleep(0.1)
            first.send(sent)
        code, said = self._ended(first)
        killed = bool(alive and code)
        self.counts[f"{sent} killed" if killed else f"{sent} too late"] += 1
        if second is not None:
            code_of_second, said_of_second = self._ended(second)
            writer = "process " if jobs else f"process {first.pid} on"  # a worker writes
            refused = code_of_second in (1, 3) and writer in said_of_second
            self.counts["second runs refused" if refused else "second runs in turn"] += 1
            if not refused and code_of_second != 0:
                self._note(-1, sent, f"the second run: {code_of_second} {said_of_second}")
        left = first.left(PATIENCE if sent == "KILL" else TIDY_PATIENCE)
        if left:
            self._note(-1, sent, f"left processes: {left}")
        fault = half_written(out, self.whole)
        if fault:
            self._note(-1, sent, f"half written: {fault}")
        hidden = [path.name for path in (*out.rglob(".*"), *self.temporary.rglob("*"))]
        if hidden and sent in TIDY and code == TIDY[sent]:
            self._note(-1, sent, f"left {hidden}")
        if sent in TIDY and code not in (0, TIDY[sent], -getattr(signal, f"SIG{sent}")):
            self._note(-1, sent, f"ends with {code}: {said}")
        self.counts[f"{sent} left hidden"] += bool(hidden)
        self.counts["with --jobs"] += bool(jobs)
        self.counts[f"quality {self.quality}"] += 1
        return killed

    def _ended(self, process: "Run") -> tuple[int, str]:
        said = process.end()
        if "Traceback" in said or "should not have happened" in said:
            self._note(-1, "", said)
        assert process.code is not None
        return process.code, said

    def _note(self, number: int, sent: str, what: str) -> None:
        self.wrong.append(f"trial {number}, {sent}: {what}")
        print(self.wrong[-1], flush=True)


def _of_session(pid: int, leader: int) -> str | None:
    """What a process of that session is called; None for others, and for what is dead."""
    try:
        process = psutil.Process(pid)
        if os.getsid(pid) != leader or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{pid} {' '.join(process.cmdline())[-80:]}"
    except (OSError, psutil.Error):
        return None


def _begin() -> None:
    """In the new process: a session of its own, which tells its processes, and open ears."""
    os.setsid()
    for name in SIGNALS[:3]:
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)


def contents(folder: Path) -> dict[str, object]:
    """Size and checksum of every file below `folder`, hidden ones, too; of accounts their words."""
    return {
        str(path.relative_to(folder)): said(path) if path.name in ACCOUNTS else checksum(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def said(path: Path) -> list[tuple[str, ...]]:
    """What an account says of every sequence, but when and how fast. ValueError when it is torn."""
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        raise ValueError(f"{path.name} ends within a row")
    if path.suffix == ".csv":
        rows = list(csv.DictReader(text.splitlines(), strict=True))
    else:
        rows = [json.loads(line) for line in text.splitlines()]
    return sorted(tuple(str(row[key] or "") for key in TOLD) for row in rows)


def half_written(out: Path, whole: dict[str, object]) -> str | None:
    """The first file under its final name that is not whole, or None."""
    for path in sorted(out.rglob("*")):
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(out).parts):
            continue
        name = str(path.relative_to(out))
        if path.name == "run.json":
            with contextlib.suppress(ValueError):
                json.loads(path.read_text(encoding="utf-8"))
                continue
            return name
        if path.name in ACCOUNTS:  # they grow by rows, which may be of the time before the kill
            if path.stat().st_size:
                try:
                    said(path)
                except (ValueError, KeyError, csv.Error):
                    return name
            continue
        if path.suffix == ".png" and png.fault(path):
            return name
        if checksum(path) != whole.get(name):
            return name
    return None


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with contextlib.suppress(FileNotFoundError):
        folder.rmdir()


@contextlib.contextmanager
def load(processes: int):
    """Keep that many processors busy."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def study(folder: Path, count: int, seed: int, busy: int = 0, forks: bool = False) -> Study:
    """Carry out `count` trials."""
    found = Study(folder, seed, forks=forks)
    with load(busy):
        for number in range(count):
            found.trial(number, SIGNALS[number // 2 % len(SIGNALS)])
            if number % 10 == 9:
                print(number + 1, dict(found.counts), len(found.wrong), "wrong", flush=True)
    return found


def go() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--load", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--processes", action="store_true", help="New ones instead of forks.")
    options = parser.parse_args()
    if not options.processes:
        for name in READ_BEFORE:
            importlib.import_module(f"segment.{name}")
    with tempfile.TemporaryDirectory() as name:
        found = study(Path(name), options.count, options.seed, options.load, not options.processes)
    for what, count in sorted(found.counts.items()):
        print(f"{count:6} {what}")
    print(f"{len(found.wrong):6} wrong")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(go())
