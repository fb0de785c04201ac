"""Intermediate code that comes with the package: used where it holds, and only there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOPS = """
import logging, sys
from pathlib import Path
import segment
from numba.core import event
from segment.kernels import kept, prepared

prepared.FILE = Path(sys.argv[1])
logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")

@kept.compiled(nogil=True, _nrt=False, no_cpython_wrapper=True)
def thrice(x):
    return 3 * x

@kept.compiled(nogil=True, _nrt=False)
def total(n, scale):
    found = 0.0
    for i in range(n):
        found += thrice(i) * scale
    return found

compiled = []
class Listener(event.Listener):
    def on_start(self, happened):
        compiled.append(happened.data["dispatcher"].py_func.__name__)
    def on_end(self, happened):
        pass
event.register("numba:compile", Listener())

if sys.argv[2] == "record":
    kept.recorder = prepared.Recorder()
    with kept.recorder.recording():
        result = total(10, 0.5)
    assert kept.recorder.write(prepared.FILE) == 1
else:
    result = total(10, 0.5)
assert result == 67.5
print(*compiled)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "loops.py").write_text(LOOPS)
    # Never found in what was kept before: it was recorded for another processor, too.
    assert run(folder, "record", cache="first") == ("total thrice", "")
    return folder


def run(folder, mode="use", cache="second", script="loops.py"):
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(folder / cache), "NUMBA_CPU_NAME": "znver3"}
    environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, folder / script, folder / "prepared.xz", mode],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout.strip(), ended.stderr


def test_what_is_prepared_is_not_compiled_from_its_source_and_is_kept_for_the_next_run(made):
    assert run(made) == ("", "")
    kept = list((made / "second").rglob("*.loops"))
    assert [path.name.split("-")[0].rpartition(".")[2] for path in kept] == ["total"]
    whole = (made / "prepared.xz").read_bytes()
    (made / "prepared.xz").write_bytes(b"")  # nobody looks there again
    try:
        assert run(made) == ("", "")
    finally:
        (made / "prepared.xz").write_bytes(whole)


def test_loops_that_were_changed_since_are_compiled(made):
    (made / "changed").mkdir()
    changed = LOOPS.replace("return 3 * x", "return 1 * x + 2 * x")
    (made / "changed/loops.py").write_text(changed)
    told = run(made, cache="third", script="changed/loops.py")
    assert told == ("total thrice", "")


def test_a_damaged_file_costs_time_and_a_warning(made):
    whole = (made / "prepared.xz").read_bytes()
    (made / "prepared.xz").write_bytes(whole[: len(whole) // 2])
    try:
        compiled, said = run(made, cache="fourth")
    finally:
        (made / "prepared.xz").write_bytes(whole)
    assert compiled == "total thrice"
    assert "cannot be used" in said
