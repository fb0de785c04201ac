"""The command line: one line for every mistake, and nothing is left behind."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.lines import call, files


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("raed a.mp4", "there is no command 'raed'; did you mean 'read'?"),
        ("read a.mp4 subtrct", "no file and no command 'subtrct'; did you mean 'subtract'?"),
        ("read a.mp4 subtract --histry 5", "--history"),
        ("read a.mp4 subtract claen", "subtract has no use for 'claen'; did you mean 'clean'?"),
        ("read a.mp4 --start 5x subtract", "'5x' is not a moment"),
        ("read a.mp4 --size 640", "'640' is not a size"),
        ("read a.mp4 subtract clean --median 4", "4 is even"),
        ("subtract", "the chain begins with read"),
        ("read a.mp4 subtract read b.mp4", "read stands twice"),
        ("read a.mp4 clean subtract", "clean needs a foreground mask; put a subtract"),
        ("read a.mp4 group-components", "group-components needs a foreground mask"),
        ("read a.mp4 subtract export out --as labels", "export needs objects; put a group"),
        ("read a.mp4 subtract export out --overwrite --resume", "exclude each other"),
        ("read a.mp4 subtract export out export out", "two exports write masks into out"),
        ("read a.mp4 a.mp4 subtract", "a.mp4 is given twice"),
        ("read a.mp4 score x y", "score is a command of its own"),
    ],
)
def test_a_mistake_on_the_line_is_named(line, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(line)
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1, result.output
    assert files(tmp_path) == []


def bad_inputs(folder, clip):
    folder.mkdir()
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video\n" * 50)
    (folder / "nothing").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("no picture")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    return {
        "missing.mp4": "no",
        "empty.mp4": "empty",
        "text.mp4": "",
        "nothing": "",
        "notes": "",
        "broken.png": "",
    }


def test_bad_inputs_get_one_line_each_and_leave_nothing(clip, tmp_path):
    for name, word in bad_inputs(tmp_path / "in", clip).items():
        result = call("read", tmp_path / "in" / name, "subtract export", tmp_path / "out")
        assert result.exit_code == 1, (name, result.output)
        assert result.output.startswith("Error: "), result.output
        assert len(result.output.splitlines()) == 1, result.output
        assert name in result.output
        assert word in result.output
        assert not (tmp_path / "out").exists(), name


def test_one_bad_input_does_not_keep_the_others(clip, tmp_path):
    result = call("read", tmp_path / "missing.mp4", clip, "subtract export", tmp_path / "out")
    assert result.exit_code == 3, result.output
    assert "missing.mp4" in result.output
    assert len(files(tmp_path / "out/clip/masks")) == 20


def test_a_cut_video_gives_what_it_has_and_says_so(make_clip, tmp_path):
    whole = make_clip("whole.mkv", length=40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    result = call("read", cut, "subtract export", tmp_path / "out")
    assert result.exit_code == 4, result.output
    assert "cut" in result.output
    count = len(files(tmp_path / "out/cut/masks"))
    assert 20 <= count < 40
    assert json.loads((tmp_path / "out/cut/run.json").read_text())["frames"] == count


def test_an_empty_range_is_named(clip, tmp_path):
    result = call("read", clip, "--start 5m subtract export", tmp_path / "out")
    assert result.exit_code == 1
    assert "no frame in the asked range" in result.output
    assert not list(tmp_path.glob("out/clip/masks"))


def test_an_existing_output_is_not_touched(clip, tmp_path):
    line = ("read", clip, "subtract export", tmp_path / "out")
    assert call(*line).exit_code == 0
    target = tmp_path / "out/clip/masks/000007.png"
    target.write_bytes(b"mine")

    refused = call(*line)

    assert refused.exit_code == 1
    assert "--overwrite" in refused.output
    assert "--resume" in refused.output
    assert target.read_bytes() == b"mine"
    assert call(*line, "--overwrite").exit_code == 0
    assert target.read_bytes() != b"mine"


@pytest.mark.parametrize("kind", ["a file", "no permission"])
def test_an_output_that_cannot_be_written(clip, tmp_path, kind):
    out = tmp_path / "out"
    if kind == "a file":
        out.write_text("in the way")
    else:
        if os.geteuid() == 0:
            out = Path("/proc/segment-out")
        else:
            out.mkdir(mode=0o500)
    result = call("read", clip, "subtract export", out)
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1, result.output
    assert str(out) in result.output


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_a_broken_region_is_named(clip, tmp_path, content):
    region = tmp_path / "region.png"
    if content is None:
        cv2.imwrite(str(region), np.full((10, 10), 255, np.uint8))
    else:
        region.write_bytes(content)
    result = call("read", clip, "--region", region, "subtract export", tmp_path / "out")
    assert result.exit_code == 1
    assert "region.png" in result.output
    assert len(result.output.splitlines()) == 1, result.output


def test_a_bug_shows_no_traceback(clip, tmp_path, monkeypatch):
    from segment import pipeline

    def broken(frames, subtractor, **options):
        raise RuntimeError("a slip\nof ours")

    monkeypatch.setattr(pipeline, "subtract", broken)
    result = call("read", clip, "subtract export", tmp_path / "out")
    assert result.exit_code == 1
    assert result.output.startswith("Error: this should not have happened: RuntimeError: a slip of")
    assert len(result.output.splitlines()) == 1
