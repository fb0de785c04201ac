"""Every option of every command with every odd word: one line, and an exit code that is told.

    python -m tests.fuzz.options             all of it, some minutes
    python -m tests.fuzz.options --part 20   every twentieth

Commands and options are found by introspection: a new one takes part by itself. All lines run in
this process, one after the other, so that a crash shows as its signal.
"""

import argparse
import contextlib
import faulthandler
import io
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from segment.cli import main
from segment.cli.chain import Stage
from tests.conftest import moving_square, write_video

FINE = {0, 1, 2, 3, 4}
UNEXPECTED = ("this should not have happened", "Traceback")
PATIENCE = 30  # seconds of processor time for one line; they take a tenth
WAIT = 240  # seconds by the clock, on a machine that has other work
HEAVY = {"train", "score-neural", "group", "bench", "subtract"}

TIMERS = [
    (signal.SIGPROF, signal.ITIMER_PROF, PATIENCE),
    (signal.SIGALRM, signal.ITIMER_REAL, WAIT),
]

WORDS = [
    "nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "-1", "0", "1", "-0", str(10**30),
    str(2**31), str(2**31 - 1), str(2**63), "9" * 5000, "", " ", "\0", "x" * 100_000, "a\nb",
    "½", "²", "\udcff", "0x10", "1_0", "--", "-", "..", "/", "/dev/null", "%s%n", "missing/file",
    "1e3s", "99999999999h", "0x0", "1x" + "9" * 30, "1000000x1000000", "auto", "none",
    "1e-7", "1e9", "1/0", "999999999", "@folder", "@clip", "@garbage", "@empty", "@loop",
]  # fmt: skip


def lines(folder):
    """Every line: a command in its place, with one option, or one argument, changed."""
    clip = str(folder / "clip.mkv")
    for name, command in main.commands.items():
        for param in command.params:
            for word in WORDS:
                value = str(folder / word[1:]) if word.startswith("@") else word
                yield from _line(name, command, param, value, clip, folder)
    for param in main.params:
        for word in WORDS:
            value = str(folder / word[1:]) if word.startswith("@") else word
            yield [param.opts[0], value, "read", clip, "--stop", "2", "subtract"]


def _line(name, command, param, value, clip, folder):
    if isinstance(param, click.Option):
        given = [param.opts[-1]] if param.is_flag else [param.opts[-1], value]
        if param.is_flag and value != "nan":
            return  # once is enough
        words = [*_arguments(name, clip, folder), *given]
    else:
        words = [value]
    if not isinstance(command, Stage):
        yield [name, *words, *_cheap(name, param)]
    elif name == "read":
        stop = ["--stop", "2"] if param.name != "stop" else []
        yield ["read", *words, *stop, "subtract-opencv", "export", _out()]
    else:
        before = ["read", clip, "--stop", "3"]
        if not name.startswith("subtract"):
            before.append("subtract-opencv")
        after = [] if name == "export" else ["export", _out()]
        yield [*before, name, *words, *after]


def _arguments(name, clip, folder):
    return {
        "read": [clip],
        "export": [_out()],
        "score": [clip, clip],
        "info": [clip],
        "bench": [clip],
        "train": [str(folder / "recipe.toml"), "--out", _out(), "--seconds", "0.01"],
        "score-neural": ["rnn-em-static-shapes"],
        "completion": ["bash"],
    }.get(name, [])


def _cheap(name, param):
    """Options that keep a line short, but for the one that is tried."""
    few = {
        "score-neural": {"--count": "1", "--seed": "0", "--steps": "2"},
        "train": {"--count": "0"},
        "bench": {"--frames": "4"},
    }.get(name, {})
    return [w for option, v in few.items() if option not in param.opts for w in (option, v)]


_count = 0


def _out():
    global _count
    _count += 1
    return f"out{_count}"


def run(line):
    """The exit code and all that a line says; None for one that went on for too long."""

    class TooLong(BaseException):
        pass

    def stop(*_):
        raise TooLong

    said = io.StringIO()
    for number, clock, seconds in TIMERS:
        signal.signal(number, stop)
        signal.setitimer(clock, seconds)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main.main([str(word) for word in line], prog_name="segment")
    except SystemExit as end:
        return end.code, said.getvalue()
    except TooLong:
        return None, said.getvalue()
    finally:
        for _, clock, _ in TIMERS:
            signal.setitimer(clock, 0)
    return 0, said.getvalue()


def complaint(line, code, said):
    """What is wrong with how a line ended, or None."""
    if code is None:
        return "hangs"
    if any(words in said for words in UNEXPECTED):
        return "is taken by surprise"
    if code not in FINE:
        return f"ends with {code}"
    errors = [text for text in said.splitlines() if text.startswith("Error")]
    if code in (1, 2) and len(errors) != 1:
        return f"says {len(errors)} errors"
    if any(len(text) > 3000 for text in errors):
        return "says more than anybody reads"
    return None


def prepare(folder):
    images, _ = moving_square(6, (24, 36), 6)
    write_video(folder / "clip.mkv", images)
    (folder / "folder").mkdir()
    (folder / "garbage").write_bytes(np.random.default_rng(0).bytes(3000))
    (folder / "empty").touch()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "recipe.toml").write_text(
        "[model]\nslots = 2\nhidden = 4\n[training]\nupdates = 1\nbatch = 1\n", encoding="utf-8"
    )
    os.chdir(folder)
    # A line that reads standard input gets nothing.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def go():
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--light", action="store_true", help="Without what needs torch.")
    options = parser.parse_args()
    faulthandler.enable()
    failed = count = 0
    slowest = []
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for number, line in enumerate(lines(Path(name))):
            if number % options.part or (options.only and options.only not in line):
                continue
            if options.light and HEAVY & set(line):
                continue
            shown = json.dumps([word if len(word) < 80 else word[:70] + "..." for word in line])
            (Path(name) / "now").write_text(shown)
            began = time.monotonic()
            code, said = run(line)
            slowest.append((time.monotonic() - began, shown))
            count += 1
            wrong = complaint(line, code, said)
            if wrong:
                failed += 1
                print(f"{wrong}: {shown}\n    {said[-600:]}", flush=True)
    print(f"{count} lines, {failed} of them wrong")
    for seconds, shown in sorted(slowest)[-5:]:
        print(f"{seconds:6.1f} s {shown}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(go())
