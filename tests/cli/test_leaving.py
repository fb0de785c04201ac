"""The command ends early, but not before all is done."""

import subprocess
import sys

SCRIPT = """
import atexit, sys, threading, time
from segment.cli.leaving import leave

atexit.register(lambda: print("at the end"))
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
print("last")
{watch}
leave(3)
print("left to Python")
"""


def end(watch=""):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(watch=watch)], capture_output=True, text=True
    )


def test_threads_and_what_is_to_be_done_at_the_end_are_done():
    done = end()
    assert (done.returncode, done.stdout.split("\n")) == (3, ["last", "thread", "at the end", ""])


def test_who_measures_a_run_sees_its_end():
    done = end("sys.setprofile(lambda *_: None)")
    assert done.returncode == 0
    assert "left to Python" in done.stdout


def test_a_program_that_runs_it_goes_on():
    script = "import runpy, sys\nsys.argv = ['segment', '--version']\ntry:\n    runpy.run_module("
    script += "'segment', run_name='__main__')\nfinally:\n    print('went on')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "went on")


def test_the_command_ends_with_its_code():
    done = subprocess.run(
        [sys.executable, "-m", "segment", "read", "nothing.mp4", "subtract", "export", "out"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
