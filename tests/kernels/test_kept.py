"""Compiled loops that are kept: what may be wrong with the place, and with what is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segment.kernels import places

ROOT = Path(__file__).parents[2]
NOWHERE = {
    "NUMBA_CACHE_DIR": "",
    "XDG_CACHE_HOME": "",
    "HOME": "/proc/nowhere",
    "TMPDIR": "/proc/nowhere",
}


def start(lines="import runpy", **environment):
    """Run both loops in a process of its own, after `lines`."""
    given = {k: v for k, v in os.environ.items() if k not in NOWHERE}
    code = f"{lines}; runpy.run_module('tests.kernels.loops', run_name='__main__')"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=given | {k: str(v) for k, v in environment.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(lines="import runpy", **environment):
    """Return how many loops were found compiled, and what was said."""
    process = start(lines, **environment)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return int(out), said.splitlines()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder in which both loops are kept."""
    folder = tmp_path_factory.mktemp("kept")
    assert run(XDG_CACHE_HOME=folder) == (0, [])
    return folder


def kept_in(folder):
    return sorted(folder.rglob("*.loops"))


def test_the_second_run_compiles_nothing(tmp_path, whole):
    assert len(kept_in(whole)) == 2
    assert {path.stat().st_mode & 0o777 for path in kept_in(whole)} == {0o600}
    assert not [path for path in whole.rglob("*") if path.suffix == ".part"]
    assert run(XDG_CACHE_HOME=whole) == (1, [])
    # What was asked for goes first.
    assert run(NUMBA_CACHE_DIR=tmp_path, XDG_CACHE_HOME=whole) == (0, [])
    assert len(kept_in(tmp_path)) == 2


HARM = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:900] + bytes([data[900] ^ 4]) + data[901:],
}


@pytest.mark.parametrize("harm", HARM)
def test_damaged_files_are_compiled_again_and_that_is_said_once(harm, tmp_path, whole):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    for path in kept_in(tmp_path):
        path.write_bytes(HARM[harm](path.read_bytes()))
    hits, said = run(XDG_CACHE_HOME=tmp_path)
    assert hits == 0
    assert len(said) == 1, said
    assert "loops are compiled again" in said[0]
    assert kept_in(tmp_path)[0].stat().st_size > 900


def test_without_any_place_it_works_and_says_so_once():
    lines = "import tempfile, runpy; tempfile.tempdir = '/proc/nowhere'"
    hits, said = run(lines, **NOWHERE)
    assert hits == 0
    assert len(said) == 1, said
    assert "every start compiles them again; NUMBA_CACHE_DIR=FOLDER" in said[0]


def test_without_a_home_the_folder_for_temporary_files_does(tmp_path):
    there = NOWHERE | {"TMPDIR": str(tmp_path)}
    assert run(**there) == (0, [])
    assert len(kept_in(tmp_path)) == 2


def test_a_disk_without_room_is_told_once(tmp_path):
    lines = (
        "import resource, signal, runpy; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    )
    hits, said = run(lines, XDG_CACHE_HOME=tmp_path)
    assert hits == 0
    assert len(said) == 1, said
    assert "cannot be kept" in said[0]
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part"]


def test_what_others_may_write_is_not_loaded(tmp_path, whole):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    for path in kept_in(tmp_path):
        path.chmod(0o666)
    hits, said = run(XDG_CACHE_HOME=tmp_path)
    assert hits == 0
    assert "somebody else" in said[0]
    tag = next(path for path in (tmp_path / "segment").iterdir())
    tag.chmod(0o777)
    assert "somebody else" in places.make_private(tag)
    link = tmp_path / "segment-link"
    link.symlink_to(tag)
    assert places.make_private(link) is not None


def test_processes_that_start_at_once_compile_once(tmp_path):
    processes = [start(XDG_CACHE_HOME=tmp_path) for _ in range(3)]
    found = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, found
    assert sorted(int(out) for out, _ in found)[-1] == 1, found
    assert len(kept_in(tmp_path)) == 2


@pytest.mark.parametrize("home", ["/", "", "relative"])
def test_odd_homes(home, monkeypatch, tmp_path):
    for name in NOWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert all(path.is_absolute() for path in places.candidates("tag"))
