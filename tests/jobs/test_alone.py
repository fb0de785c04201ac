"""Workers whose parent is killed leave, whatever they are at: reading, working, cleaning up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCRIPT = """
import signal, sys, time
from pathlib import Path

if __name__ != "__main__" and {slow}:
    Path("begun").touch()
    time.sleep(60)  # as libraries take on a busy machine, and longer

from segment.jobs.local import Workers
from tests.jobs.pieces import {work}

if __name__ == "__main__":
    list(Workers(1, 1, {work}).run(["begun"]))
"""


def children_of(pid):
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("at", ["its start", "work", "work that leaves in order"])
def test_no_worker_outlives_its_parent(tmp_path, at):
    work = "touch_and_clean_up" if at.endswith("order") else "touch_and_sleep"
    (tmp_path / "script.py").write_text(SCRIPT.format(slow=at == "its start", work=work))
    # It imports the tests, which nobody has installed.
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, env=environ)
    mark = tmp_path / "begun"
    try:
        while not mark.exists() and parent.poll() is None:
            time.sleep(0.02)
        left = children_of(parent.pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert left
    _, alive = psutil.wait_procs(left, timeout=15)
    for process in alive:
        process.kill()
    assert not alive
    assert Path(tmp_path / "cleaned").exists() == (work == "touch_and_clean_up")
