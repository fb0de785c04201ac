"""The command line: score and info; and the same from Python."""

import json

import cv2
import numpy as np
import pytest

import segment
from segment.errors import ChainError, OutputExists, UnreadableInput
from tests.cli.lines import call
from tests.conftest import moving_square, write_video

# --- score and info -------------------------------------------------------------------------


def test_score_of_exact_masks_is_one(tmp_path):
    _, truth = moving_square()
    labels = (truth[:, :, :, None] * np.uint8(255)).astype(np.uint8)
    exact = write_video(tmp_path / "truth.mkv", labels)
    result = call("score", exact, exact, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["mean"]["f"] == 1.0


def test_score_follows_export(clip, tmp_path):
    _, truth = moving_square()
    labels = (truth[:, :, :, None] * np.uint8(255)).astype(np.uint8)
    write_video(tmp_path / "truth.mkv", labels)
    assert call("read", clip, "subtract export", tmp_path / "out").exit_code == 0
    result = call("score", tmp_path / "out/clip/masks", tmp_path / "truth.mkv", "--json")
    assert result.exit_code == 0, result.output
    score = json.loads(result.output)["sequences"][0]

    found = np.stack([
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0
        for path in sorted((tmp_path / "out/clip/masks").iterdir())
    ])[1:]  # fmt: skip
    wanted = truth[1:]
    tp, fp, fn = (found & wanted).sum(), (found & ~wanted).sum(), (~found & wanted).sum()
    assert abs(score["f"] - 2 * tp / (2 * tp + fp + fn)) < 1e-9
    assert abs(score["recall"] - tp / (tp + fn)) < 1e-9


def test_info_tells_what_is_there(clip):
    result = call("info", clip, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.output)[0]
    assert facts["sound"] is True
    assert facts["frames"] == facts["decoded"] == 20
    assert call("info", clip).exit_code == 0


def test_info_of_a_cut_video(make_clip, tmp_path):
    whole = make_clip("whole.mkv", length=40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    assert call("info", cut).exit_code == 4
    assert call("info", tmp_path / "no.mkv").exit_code == 1
    assert call("info", tmp_path / "no.mkv", tmp_path / "whole.mkv").exit_code == 3


# --- the same from Python -------------------------------------------------------------------


def test_run_is_the_line_from_python(clip, tmp_path, capfd):
    told = []
    report = segment.run(
        f"read {clip} subtract export {tmp_path / 'out'}", progress=lambda *done: told.append(done)
    )
    assert report.exit_code == 0
    assert report.sequences[0].frames == 20
    assert report.sequences[0].outputs == [tmp_path / "out/clip/masks"]
    assert told == [("clip", done, 20) for done in range(1, 21)]
    assert capfd.readouterr() == ("", "")


def test_run_raises_what_the_command_prints(clip, tmp_path, capfd):
    with pytest.raises(ChainError, match="did you mean 'subtract'"):
        segment.run(f"read {clip} subtrct export {tmp_path / 'out'}")
    with pytest.raises(UnreadableInput, match=r"no\.mp4"):
        segment.run(["read", tmp_path / "no.mp4", "subtract", "export", tmp_path / "out"])
    segment.run(f"read {clip} subtract export {tmp_path / 'out'}")
    with pytest.raises(OutputExists):
        segment.run(f"read {clip} subtract export {tmp_path / 'out'}")
    assert capfd.readouterr() == ("", "")
