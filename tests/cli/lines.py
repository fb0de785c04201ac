"""Lines as they are typed, in this process or in one of their own that is interrupted."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from click.testing import CliRunner

from segment.cli import main


def call(*words, **settings):
    """Run one line in this process; words are split unless they are paths."""
    line = [
        part for word in words for part in ([str(word)] if isinstance(word, Path) else word.split())
    ]
    return CliRunner().invoke(main, line, **settings)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def masks_in(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/masks/*.png"))}


def heed_interrupts():
    """Begin a child: a suite that runs in the background ignores interrupts, and so would it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted_live(line, masks, images, rest):
    """Feed a line with raw pictures, and interrupt it when all but the last have their masks.

    Then `rest` is fed. Returns how it ended: code, and what it said.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "segment", *map(str, line)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )
    process.stdin.write(images.tobytes())
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        masks.is_dir() and len(files(masks)) >= len(images) - 1
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    _, stderr = process.communicate(rest.tobytes(), timeout=60)
    return process.returncode, stderr


def interrupted(line, folder, number, at):
    """Start the command, send it a signal when `at` masks are there, and return how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "segment", *map(str, line)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if folder.is_dir() and len(list(folder.glob("*.png"))) >= at:
            process.send_signal(number)
            break
        time.sleep(0.002)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr
