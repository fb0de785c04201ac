"""What every sink must do, whatever it writes."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segment import pipeline
from segment.errors import (
    MissingEvents,
    MissingForeground,
    MissingLabels,
    OutputError,
    OutputExists,
)
from segment.events import Scene, Watcher, Zone
from segment.export import FORMATS, Chosen, check_output
from tests.conftest import as_frames

NAMES = list(FORMATS)
ONE_A_FRAME = ("masks", "labels")
SIZES = [(1, 1), (7, 5), (33, 47), (46, 62)]


def found_frames(length=5, size=(33, 47), channels=3, seed=0):
    """Frames with masks and labels drawn at random: blobs, touching pieces, empty frames."""
    rng = np.random.default_rng(seed)
    height, width = size
    images = rng.integers(0, 256, (length, height, width, channels), np.uint8)
    labels = np.zeros((length, height, width), np.int32)
    for t in range(length):
        if t == 1:
            continue  # an empty frame
        for number in (1, 2, 700):
            y, x = rng.integers(0, height), rng.integers(0, width)
            labels[t, y : y + 1 + height // 3, x : x + 1 + width // 3] = number
    masks = labels > 0
    masks[:, 0, 0] = True  # foreground that belongs to no object
    frames = as_frames(images, masks, labels)
    scene = Scene((Zone("all", ((0, 0), (width, 0), (width, height), (0, height))),))
    return list(pipeline.watch(frames, Watcher(scene, shortest=0, merge=0.01)))


# Blobs at random are no motion.
SETTINGS = {"clips": {"chosen": Chosen(kinds=frozenset({"object"}))}}


def write(name, folder, frames, mode="new"):
    with FORMATS[name](folder, mode=mode, **SETTINGS.get(name, {})) as sink:
        for frame in frames:
            sink.write(frame)
    return folder / FORMATS[name].output


def interrupted_after(count, frames):
    """The first `count` frames, then Ctrl-C."""
    yield from frames[:count]
    raise KeyboardInterrupt


def contents(path):
    """Everything that an output holds, by file name."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


def leftovers(folder):
    return list(folder.rglob(".*"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_output_is_there_when_the_frames_end(name, size, channels, tmp_path):
    target = write(name, tmp_path / "a" / "b", found_frames(4, size, channels))
    assert target.exists()
    assert contents(target)
    assert all(contents(target).values())
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_half_written_is_left_after_an_exception(name, tmp_path):
    whole = write(name, tmp_path / "whole", found_frames())
    with pytest.raises(KeyboardInterrupt):
        write(name, tmp_path / "cut", interrupted_after(3, found_frames()))
    assert not leftovers(tmp_path)
    target = tmp_path / "cut" / FORMATS[name].output
    if whole.is_dir() and target.exists():  # what is whole in it stays
        complete = contents(whole)
        assert all(complete[file] == content for file, content in contents(target).items())
    if name in ONE_A_FRAME:
        assert len(contents(target)) == 3
    elif not whole.is_dir():
        assert not target.exists()


@pytest.mark.parametrize("name", NAMES)
def test_no_frames_no_output(name, tmp_path):
    write(name, tmp_path / "out", [])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_frames_give_the_same_bytes(name, tmp_path):
    first = write(name, tmp_path / "a", found_frames())
    second = write(name, tmp_path / "b", found_frames())
    assert contents(first) == contents(second)


@pytest.mark.parametrize("name", NAMES)
def test_overwriting_leaves_nothing_of_a_longer_run(name, tmp_path):
    write(name, tmp_path / "out", found_frames(9, seed=4))
    (tmp_path / "out" / "mine.txt").write_text("keep me")
    target = write(name, tmp_path / "out", found_frames(3), mode="overwrite")
    assert contents(target) == contents(write(name, tmp_path / "fresh", found_frames(3)))
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep me"


@pytest.mark.parametrize("name", NAMES)
def test_resuming_equals_an_uninterrupted_run(name, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(name, tmp_path / "out", interrupted_after(2, found_frames()))
    target = write(name, tmp_path / "out", found_frames(), mode="resume")
    assert contents(target) == contents(write(name, tmp_path / "whole", found_frames()))


@pytest.mark.parametrize("name", NAMES)
def test_all_formats_share_a_folder(name, tmp_path):
    other = "tracks" if name != "tracks" else "masks"
    settings = SETTINGS.get(name, {})
    with FORMATS[name](tmp_path, **settings) as one, FORMATS[other](tmp_path) as two:
        for frame in found_frames():
            one.write(frame)
            two.write(frame)
    alone = write(name, tmp_path / "alone", found_frames())
    assert contents(tmp_path / FORMATS[name].output) == contents(alone)


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_that_lacks_something_is_named(name, tmp_path):
    needs = FORMATS[name].needs
    if needs == "any":
        bare = [replace(frame, foreground=None, labels=None) for frame in found_frames()]
        assert write(name, tmp_path, bare).exists()
        return
    kind, says = {
        "foreground": (MissingForeground, "frame 0 has no foreground mask.*subtract"),
        "labels": (MissingLabels, "frame 0 has no objects.*group"),
        "events": (MissingEvents, "frame 0 has no events.*put events before"),
    }[needs]
    with pytest.raises(kind, match=says):
        write(name, tmp_path, [replace(frame, **{needs: None}) for frame in found_frames()])
    assert not leftovers(tmp_path)
    assert not (tmp_path / FORMATS[name].output).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_told_in_one_line(name, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("segment.files.os.replace", full)
    with pytest.raises(OutputError, match="cannot be written: no space left on device") as told:
        write(name, tmp_path, found_frames())
    assert "\n" not in str(told.value)
    assert FORMATS[name].output in str(told.value)
    monkeypatch.undo()
    assert not leftovers(tmp_path)
    assert not (tmp_path / FORMATS[name].output).is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("name", [name for name in NAMES if "." in FORMATS[name].output])
def test_a_disk_that_fills_while_writing(name, tmp_path, monkeypatch):
    (tmp_path / "full").symlink_to("/dev/full")
    monkeypatch.setattr("segment.export.files.partial", lambda target: tmp_path / "full")
    monkeypatch.setattr("segment.files.os.replace", lambda *_: None)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(OutputError, match="no space left"):
        write(name, tmp_path, found_frames(40, (46, 62)))


_UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
from segment.errors import OutputError
from tests.contracts.test_sinks import NAMES, found_frames, leftovers, write

frames = found_frames(40, (46, 62))
for most in (0, 100, 5000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    for name in NAMES:
        folder = Path(sys.argv[1]) / f"{name}-{most}"
        try:
            write(name, folder, frames)
        except OutputError as error:
            assert "file too large" in str(error), error
        else:
            assert most > 0, name
        assert not leftovers(folder), name
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit there")
def test_no_write_that_fails_ends_the_process(tmp_path):
    """The head of a film that could not be written was written once more: SIGSEGV."""
    words = [sys.executable, "-c", _UNDER_A_LIMIT, str(tmp_path)]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


# --- before anything is written -------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_is_there_is_not_touched(name, tmp_path):
    folder = tmp_path / "out"
    check_output(folder, [name], "new")
    target = write(name, folder, found_frames())
    with pytest.raises(OutputExists, match=rf"{FORMATS[name].output}.*--overwrite or --resume"):
        check_output(folder, [name], "new")
    check_output(folder, [name], "overwrite")
    check_output(folder, [name], "resume")
    assert target.exists()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file is a file"):
        check_output(tmp_path / "file" / "street", NAMES, "new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path):
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="no permission"):
        check_output(tmp_path / "shut" / "street", NAMES, "new")
