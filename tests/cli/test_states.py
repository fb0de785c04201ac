"""The command line: what a camera keeps between runs, and where it looks."""

import json
import re
import signal

import cv2
import numpy as np
import pytest

from segment.background import PosteriorSubtractor
from segment.errors import OutputError
from tests.cli.lines import call, files, interrupted, interrupted_live, masks_in
from tests.conftest import moving_square, write_video

subtracts = pytest.mark.parametrize("command", ["subtract", "subtract-mixture"])


@subtracts
def test_two_runs_with_a_state_are_as_good_as_one(clip, tmp_path, command):
    state = tmp_path / "new" / "hall.state"
    whole = call("read", clip, command, "export", tmp_path / "whole")
    first = call("read", clip, "--stop 12", command, "--state", state, "export", tmp_path / "out")
    second = call(
        "read", clip, "--start 12", command, "--state", state, "export", tmp_path / "more"
    )
    assert (whole.exit_code, first.exit_code, second.exit_code) == (0, 0, 0), second.output
    assert first.output == ""
    assert second.output == f"begins with what {state} has learned\n"
    cold = call("read", clip, "--start 12", command, "export", tmp_path / "cold")
    assert cold.exit_code == 0
    ours, theirs = masks_in(tmp_path / "out"), masks_in(tmp_path / "whole")
    assert len(ours) == 12
    assert ours | masks_in(tmp_path / "more") == theirs
    late = masks_in(tmp_path / "cold")
    assert any(theirs[name] != late[name] for name in late), "a cold start is as good: no test"
    assert files(state.parent) == ["hall.state"]


def test_a_folder_holds_a_state_for_every_input(make_clip, tmp_path):
    one, two = make_clip("one.mkv"), make_clip("two.mkv", 12)
    line = ("read", one, two, "subtract --state", f"{tmp_path / 'states'}/")
    assert call(*line).exit_code == 0
    assert files(tmp_path / "states") == ["one.state", "two.state"]
    again = call(*line)
    assert again.exit_code == 0
    assert [line.rsplit("/", 1)[1] for line in again.output.splitlines()] == [
        "one.state has learned",
        "two.state has learned",
    ]
    (tmp_path / "states" / "one.state").write_bytes(b"nothing")
    assert call(*line).exit_code == 3  # the other goes on


def test_a_state_that_does_not_fit_gets_one_line(clip, make_clip, tmp_path):
    state = tmp_path / "state"
    keep = ("subtract --state", state)
    assert call("read", clip, *keep).exit_code == 0
    whole = state.read_bytes()
    grey = write_video(tmp_path / "grey.mkv", moving_square()[0][..., :1])
    for line, content, code, words in (
        (("read", clip, "--size 31x23", *keep), whole, 1, "62x46 colour, but.*31x23 colour"),
        (("read", grey, *keep), whole, 1, "62x46 colour, but.*62x46 grey"),
        (("read", clip, *keep, "--components 3"), whole, 1, "--components 4, not 3"),
        (("read", clip, *keep, "--shrink 2"), whole, 1, "--shrink 1, not 2; give --shrink 1"),
        (("read", clip, "subtract-mixture --state", state), whole, 1, "put subtract in the line"),
        (("read", clip, *keep), whole[:-100], 1, "damaged"),
        (("read", clip, *keep), b"", 1, "empty"),
        (("read", clip, *keep), clip.read_bytes(), 1, "no state"),
        (("read", clip, grey, *keep), whole, 2, f"2 inputs.*--state {state}/"),
        (("read", clip, *keep, "export", tmp_path / "o", *keep), whole, 2, "two stages"),
        (("read", clip, *keep, "export", tmp_path / "o", "--resume"), whole, 2, "--resume reads"),
        (("read", clip, "subtract --state", clip / "s"), whole, 1, "cannot be written"),
    ):
        state.write_bytes(content)
        result = call(*line)
        assert result.exit_code == code, (line, result.output)
        assert len(result.output.splitlines()) == 1, result.output
        assert re.search(words, result.output), result.output
        assert state.read_bytes() == content  # nothing is written over


def test_a_state_goes_on_with_how_much_smaller_frames_were_seen(clip, tmp_path):
    state = tmp_path / "state"
    for more in ("--shrink 2", "", "--shrink 2"):  # by their size they would be seen as they are
        result = call("read", clip, "subtract", more, "--state", state)
        assert result.exit_code == 0, result.output
        assert PosteriorSubtractor.load(state).shrink == 2
    for more in ("", "--shrink 1"):
        assert call("read", clip, "subtract", more, "--state", tmp_path / "new").exit_code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_learned_is_kept_when_a_run_is_interrupted(long_clip, tmp_path, number, code):
    state = tmp_path / "kept" / "state"
    line = ["read", long_clip, "subtract", "--state", state, "export", tmp_path / "out"]
    returncode, stderr = interrupted(line, tmp_path / "out/long/masks", number, at=25)
    assert returncode == code, stderr
    assert files(state.parent) == ["state"]
    assert PosteriorSubtractor.load(state).image_shape == (92, 124, 3)


def test_a_live_source_keeps_its_state_and_starts_warm(tmp_path):
    images, _ = moving_square(20)
    state = tmp_path / "state"
    line = ["read", "-", "--raw-size", "62x46", "subtract", "--state", state, "export"]
    masks = tmp_path / "out/stdin/masks"
    code, stderr = interrupted_live([*line, tmp_path / "out"], masks, images[:12], images[12:13])
    assert code == 130, stderr

    seen = len(files(masks))
    expected = PosteriorSubtractor()
    for image in images[:seen]:
        expected.apply(image)
    warm = PosteriorSubtractor.load(state)
    for image in images[seen:]:
        np.testing.assert_array_equal(warm.apply(image), expected.apply(image))


def test_the_state_is_written_now_and_then(clip, tmp_path, monkeypatch):
    times = []
    monkeypatch.setattr(PosteriorSubtractor, "save", lambda self, path: times.append(path))
    line = ("read", clip, "subtract --state", tmp_path / "state", "--state-every")
    for minutes, count in (("1e-9", 21), ("15", 1), ("0", 1)):
        times.clear()
        assert call(*line, minutes).exit_code == 0
        assert len(times) == count


def test_a_full_disk_does_not_blind_a_camera_but_is_told_at_the_end(clip, tmp_path, monkeypatch):
    def refuse(self, path):
        raise OutputError(f"{path} cannot be written: no space left on device")

    monkeypatch.setattr(PosteriorSubtractor, "save", refuse)
    result = call(
        "read", clip, "subtract --state", tmp_path / "s", "--state-every 1e-9 export",
        tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 1
    *warnings, last = result.output.splitlines()
    assert len(warnings) == 20
    assert all(line.startswith("Warning: ") for line in warnings)
    assert last.startswith("Error: ")
    assert "no space left" in last


def test_the_log_says_where_a_run_begins(clip, tmp_path):
    state = tmp_path / "state"
    line = ("read", clip, "subtract --state", state)
    assert call(*line).exit_code == 0
    told = [json.loads(line) for line in call("--log json", *line).output.splitlines()]
    notes = [entry for entry in told if entry["event"] == "note"]
    assert [str(state) in note["message"] for note in notes] == [True]
    assert call("--quiet", *line).output == ""


def test_dry_run_tells_what_becomes_of_the_state(clip, tmp_path):
    line = ("read", clip, "subtract --state", tmp_path / "state")
    told = call("--dry-run", *line)
    assert told.exit_code == 0
    assert f"would write {tmp_path / 'state'}" in told.output
    assert files(tmp_path) == ["clip.mkv"]
    assert call(*line).exit_code == 0
    assert f"would begin with {tmp_path / 'state'}" in call("--dry-run", *line).output
    assert "state" not in call("--dry-run read", clip, "subtract").output


@subtracts
def test_nothing_is_found_outside_the_region_or_where_it_is_ignored(clip, tmp_path, command):
    half = np.zeros((46, 62), np.uint8)
    half[:, :31] = 255
    cv2.imwrite(str(tmp_path / "half.png"), half)
    found = {}
    for option in ("", "--region", "--ignore"):
        out = tmp_path / f"out{option}"
        mask = [option, tmp_path / "half.png"] if option else []
        result = call("read", clip, command, *mask, "clean --smallest 0 export", out)
        assert result.exit_code == 0, result.output
        found[option] = np.array(
            [
                cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0
                for path in sorted(out.glob("*/masks/*.png"))
            ]
        )
    everywhere, left, right = found[""], found["--region"], found["--ignore"]
    for ours, inside in ((left, half > 0), (right, half == 0)):
        assert ours[:, inside].any()
        assert not ours[:, ~inside].any()
        # Far from the seam nothing differs much.
        assert (ours[:, inside] == everywhere[:, inside]).mean() > 0.98


def test_masks_that_leave_nothing_or_have_another_size_are_named(clip, tmp_path):
    white, small = tmp_path / "white.png", tmp_path / "small.png"
    cv2.imwrite(str(white), np.full((46, 62), 255, np.uint8))
    cv2.imwrite(str(small), np.full((23, 31), 255, np.uint8))
    for option, mask, words in (
        ("--ignore", white, "nothing is left to look at"),
        ("--ignore", small, "is 31x23, but the frames are 62x46"),
        ("--region", small, "is 31x23, but the frames are 62x46"),
        ("--ignore", tmp_path / "none.png", "no such file"),
    ):
        result = call("read", clip, "subtract", option, mask)
        assert result.exit_code == 1
        assert len(result.output.splitlines()) == 1, result.output
        assert words in result.output
