"""The command line: the chain on real files, what it writes, and how it answers mistakes."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import segment
from segment.background import PosteriorSubtractor
from segment.cli import main
from segment.errors import ChainError, OutputError, OutputExists, UnreadableInput
from segment.video import open_frames
from tests.conftest import moving_square, write_video


def call(*words, **settings):
    """Run one line in this process; words are split unless they are paths."""
    line = [
        part for word in words for part in ([str(word)] if isinstance(word, Path) else word.split())
    ]
    return CliRunner().invoke(main, line, **settings)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# --- the chain ------------------------------------------------------------------------------


def test_chain_writes_one_mask_per_frame(clip, tmp_path):
    result = call("read", clip, "subtract export", tmp_path / "out")

    assert result.exit_code == 0, result.output
    assert result.output == ""
    assert files(tmp_path / "out" / "clip" / "masks") == [f"{t:06}.png" for t in range(20)]


def test_the_square_is_found(clip, tmp_path):
    _, truth = moving_square()
    result = call("read", clip, "subtract clean --smallest 9 export", tmp_path / "out")
    assert result.exit_code == 0, result.output

    for t in range(6, 20):
        mask = cv2.imread(str(tmp_path / f"out/clip/masks/{t:06}.png"), cv2.IMREAD_UNCHANGED)
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 255}
        found = mask > 0
        assert (found & truth[t]).sum() / (found | truth[t]).sum() > 0.7, t


def test_everything_in_one_line(clip, tmp_path):
    out = tmp_path / "out"
    result = call(
        "read", clip, "subtract clean group-components export", out,
        "--as masks --as video --as labels --as coco --as overlay",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert files(out / "clip") == [
        "labels", "masks", "masks.mkv", "objects.json", "overlay.mp4", "run.json", "tracks.csv",
    ]  # fmt: skip
    with (out / "clip" / "tracks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"frame", "time", "id", "area"} <= set(rows[0])
    assert all(abs(float(row["time"]) - int(row["frame"]) / 25) < 1e-6 for row in rows)
    coco = json.loads((out / "clip" / "objects.json").read_text())
    assert len(coco["images"]) == 20
    assert len(coco["annotations"]) == len(rows) > 10
    with open_frames(out / "clip" / "masks.mkv") as frames:
        for frame in frames:
            mask = cv2.imread(str(out / f"clip/masks/{frame.index:06}.png"), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(frame.image[:, :, 0], mask)


def test_two_exports_follow_each_other(clip, tmp_path):
    result = call(
        "read", clip, "subtract export", tmp_path / "raw",
        "clean group-components export", tmp_path / "tidy", "--as labels",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert len(files(tmp_path / "raw/clip/masks")) == 20
    assert len(files(tmp_path / "tidy/clip/labels")) == 20


def test_peers_run_through_the_same_chain(clip, tmp_path):
    for method in ("mog2", "knn"):
        out = tmp_path / method
        result = call("read", clip, f"subtract-opencv --method {method} export", out)
        assert result.exit_code == 0, result.output
        assert len(files(out / "clip/masks")) == 20


def test_options_stand_before_or_after_arguments(clip, tmp_path):
    before = call("read --start 4 --every 3", clip, "subtract export --as video", tmp_path / "a")
    after = call("read", clip, "--start 4 --every=3 subtract export", tmp_path / "b", "--as video")
    assert before.exit_code == after.exit_code == 0, before.output + after.output
    first = (tmp_path / "a/clip/masks.mkv").read_bytes()
    assert first == (tmp_path / "b/clip/masks.mkv").read_bytes()


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        ("--start 15", range(15, 20)),
        ("--stop 3", range(3)),
        ("--start 0.2s --stop 00:00:00.4", range(5, 10)),
        ("--every 7", range(0, 20, 7)),
        ("--start 1 --every 5 --stop 12", [1, 6, 11]),
    ],
)
def test_masks_keep_the_numbers_of_their_frames(clip, tmp_path, options, indices):
    result = call("read", clip, options, "subtract export", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert files(tmp_path / "out/clip/masks") == [f"{t:06}.png" for t in indices]


def test_size_and_region(clip, tmp_path):
    region = np.zeros((46, 62), np.uint8)
    region[:, 31:] = 255
    cv2.imwrite(str(tmp_path / "region.png"), region)
    result = call(
        "read", clip, "--size 124x92 --region", tmp_path / "region.png",
        "subtract export", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    masks = [
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted((tmp_path / "out/clip/masks").iterdir())
    ]
    assert {mask.shape for mask in masks} == {(92, 124)}
    assert any(mask.any() for mask in masks)
    assert not any(mask[:, :62].any() for mask in masks)


def test_several_inputs_are_sequences_of_their_own(make_clip, tmp_path):
    first, second = make_clip("a.mkv"), make_clip("b.mkv", length=7)
    result = call("read", first, second, "subtract export", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(files(tmp_path / "out/a/masks")) == 20
    assert len(files(tmp_path / "out/b/masks")) == 7


def test_inputs_of_the_same_name_are_told_apart_by_their_folders(make_clip, tmp_path):
    first = make_clip("input.mkv", folder=tmp_path / "north")
    second = make_clip("input.mkv", folder=tmp_path / "south", length=7)
    result = call("read", first, second, "subtract export", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(files(tmp_path / "out/north/input/masks")) == 20
    assert len(files(tmp_path / "out/south/input/masks")) == 7


def test_a_folder_of_pictures_and_a_single_picture(tmp_path):
    images, _ = moving_square(5)
    (tmp_path / "shots").mkdir()
    for t, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"shots/shot{t + 1}.png"), image[:, :, ::-1])
    for given, count in ((tmp_path / "shots", 5), (tmp_path / "shots/shot3.png", 1)):
        result = call("read", given, "subtract export", tmp_path / "out")
        assert result.exit_code == 0, result.output
        assert len(files(tmp_path / "out" / given.stem / "masks")) == count


def test_raw_frames_from_standard_input(tmp_path):
    images, _ = moving_square(9)
    result = call(
        "read - --raw-size 62x46 subtract export", tmp_path / "out", input=images.tobytes()
    )
    assert result.exit_code == 0, result.output
    assert len(files(tmp_path / "out/stdin/masks")) == 9


def test_a_video_stream_from_standard_input(clip, tmp_path):
    result = call("read - subtract export", tmp_path / "out", input=clip.read_bytes())
    assert result.exit_code == 0, result.output
    assert len(files(tmp_path / "out/stdin/masks")) == 20


# --- what happens when it goes wrong --------------------------------------------------------


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


# --- interrupted and resumed ----------------------------------------------------------------


@pytest.fixture
def long_clip(tmp_path):
    images, _ = moving_square(600, (92, 124))
    return write_video(tmp_path / "long.mkv", images)


def interrupted(line, folder, number, at):
    """Start the command, send it a signal when `at` masks are there, and return how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "segment", *map(str, line)],
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in the background ignores interrupts, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if folder.is_dir() and len(list(folder.glob("*.png"))) >= at:
            process.send_signal(number)
            break
        time.sleep(0.002)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_then_resume_equals_one_run(long_clip, tmp_path, number, code):
    chain = ["read", long_clip, "subtract", "clean", "group-components", "export"]
    formats = ["--as", "masks", "--as", "labels", "--as", "coco", "--as", "video"]
    out = tmp_path / "out" / "long"
    line = [*chain, tmp_path / "out", *formats]

    returncode, stderr = interrupted(line, out / "masks", number, at=25)

    assert returncode == code, stderr
    assert len(stderr.strip().splitlines()) <= 1, stderr
    written = files(out / "masks")
    assert 25 <= len(written) < 600
    assert written == [f"{t:06}.png" for t in range(len(written))]
    assert not (out / "objects.json").exists()
    assert not (out / "masks.mkv").exists()
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]

    assert call(*line, "--resume").exit_code == 0
    assert call(*chain, tmp_path / "whole", *formats).exit_code == 0
    for path in sorted((tmp_path / "whole" / "long").rglob("*")):
        if path.is_file() and path.name not in ("run.json", "objects.json"):
            twin = out / path.relative_to(tmp_path / "whole" / "long")
            assert path.read_bytes() == twin.read_bytes(), path
    ours, whole = (
        json.loads((f / "objects.json").read_text()) for f in (out, tmp_path / "whole/long")
    )
    assert ours["annotations"] == whole["annotations"]


def test_ctrl_c_ends_a_live_source_and_finishes_its_files(tmp_path):
    images, _ = moving_square(12)
    line = ["read", "-", "--raw-size", "62x46", "subtract", "export", tmp_path / "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "segment", *map(str, line), "--as", "masks", "--as", "video"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    masks = tmp_path / "out/stdin/masks"
    process.stdin.write(images[:6].tobytes())
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (masks.is_dir() and len(files(masks)) >= 5):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    _, stderr = process.communicate(images[6:].tobytes(), timeout=60)

    assert process.returncode == 130, stderr
    with open_frames(tmp_path / "out/stdin/masks.mkv") as frames:
        count = sum(1 for _ in frames)
        assert not frames.damage
    assert 5 <= count < 12
    assert len(files(masks)) == count


def test_resume_leaves_what_is_finished_alone(clip, tmp_path):
    line = ("read", clip, "subtract export", tmp_path / "out")
    assert call(*line).exit_code == 0
    mask = tmp_path / "out/clip/masks/000003.png"
    before = mask.stat().st_mtime_ns
    result = call(*line, "--resume")
    assert result.exit_code == 0, result.output
    assert mask.stat().st_mtime_ns == before


def test_resume_of_a_finished_run_remembers_its_damage(make_clip, tmp_path):
    whole = make_clip("whole.mkv", length=40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    line = ("read", cut, "subtract export", tmp_path / "out")
    first = call("--log json", *line)
    again = call("--log json", *line, "--resume")
    assert first.exit_code == again.exit_code == 4
    ends = [json.loads(result.stderr.splitlines()[-2]) for result in (first, again)]
    assert [end["already"] for end in ends] == [False, True]
    assert ends[0]["frames"] == ends[1]["frames"] > 0
    assert ends[0]["lost"] == ends[1]["lost"] > 0


def test_resume_refuses_to_mix_two_chains(clip, tmp_path):
    assert call("read", clip, "subtract export", tmp_path / "out").exit_code == 0
    result = call("read", clip, "subtract --history 7 export", tmp_path / "out", "--resume")
    assert result.exit_code == 1
    assert "another subtract --history: it was 500, it is 7" in result.output


# --- general options ------------------------------------------------------------------------


def test_dry_run_does_nothing_and_tells_all(clip, tmp_path):
    result = call("read", clip, "subtract --history 77 export", tmp_path / "out", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "62x46" in result.output
    assert "history 77" in result.output
    assert str(tmp_path / "out/clip/masks") in result.output
    assert not (tmp_path / "out").exists()


def test_dry_run_finds_what_would_fail(clip, tmp_path):
    missing = call("--dry-run read", tmp_path / "no.mp4", "subtract export", tmp_path / "out")
    assert missing.exit_code == 1
    assert "no.mp4" in missing.output


def test_a_preset_keeps_a_chain(clip, tmp_path):
    preset = tmp_path / "street.toml"
    saved = call(
        "--save-preset", preset, "read", clip, "subtract --history 60 clean export",
        tmp_path / "a", "--as video",
    )  # fmt: skip
    assert saved.exit_code == 0, saved.output

    result = call("--preset", preset, "read", clip, "export", tmp_path / "b", "--as video")

    assert result.exit_code == 0, result.output
    first = (tmp_path / "a/clip/masks.mkv").read_bytes()
    assert first == (tmp_path / "b/clip/masks.mkv").read_bytes()
    shown = call(
        "--preset", preset, "read", clip, "subtract --history 9 --dry-run export", tmp_path / "c"
    )
    assert "history 9" in shown.output
    assert "history 60" not in shown.output


@pytest.mark.parametrize("content", ["chain = 3", "chain = [", "", 'chain = ["subtrct"]'])
def test_a_bad_preset_is_named(clip, tmp_path, content):
    preset = tmp_path / "bad.toml"
    preset.write_text(content)
    result = call("--preset", preset, "read", clip, "export", tmp_path / "out")
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1, result.output


def test_json_log(clip, tmp_path):
    result = call("--log json read", clip, "subtract export", tmp_path / "out")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert [event["event"] for event in events if event["event"] != "progress"] == [
        "begin", "end", "finish",
    ]  # fmt: skip
    assert events[-2]["frames"] == 20
    assert events[-1]["exit_code"] == 0


def test_json_log_of_an_error(clip, tmp_path):
    line = ("--log json read", clip, "subtract export", tmp_path / "out")
    assert call(*line).exit_code == 0
    result = call(*line)
    assert result.exit_code == 1
    events = [json.loads(text) for text in result.stderr.splitlines()]
    assert [event["event"] for event in events] == ["error"]
    assert "--overwrite" in events[0]["message"]


def test_quiet_says_nothing_of_damage_but_exits_with_it(make_clip, tmp_path):
    whole = make_clip("whole.mkv", length=40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    result = call("read", cut, "subtract export", tmp_path / "out", "--quiet")
    assert result.exit_code == 4
    assert result.output == ""


@pytest.mark.parametrize("name", list(main.commands))
def test_help_is_complete(name):
    result = call(f"{name} --help")
    assert result.exit_code == 0
    for option in main.commands[name].params:
        if getattr(option, "opts", None) and option.opts[0].startswith("-"):
            assert option.opts[-1] in result.output
            assert option.help, f"{name} {option.opts} says nothing of itself"


def test_shell_completion_knows_stages_and_options():
    def complete(line):
        environment = os.environ | {
            "_SEGMENT_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        }
        code = "from segment.cli import main; main(prog_name='segment')"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        return {part.split(",")[1] for part in done.stdout.split() if "," in part}

    assert "subtract" in complete("segment sub")
    assert "subtract-opencv" in complete("segment read a.mp4 sub")
    assert "--history" in complete("segment read a.mp4 subtract --hi")
    assert "overlay" in complete("segment read a.mp4 subtract export out --as ov")
    assert "_SEGMENT_COMPLETE" in call("completion bash").output


def test_formats_on_the_line_are_those_of_the_library():
    from segment import export
    from segment.cli.exporting import FORMATS

    assert list(export.FORMATS) == list(FORMATS)


def test_dry_run_opens_a_pipe_once(clip, tmp_path):
    """It was opened to be checked, and once more, empty, to be described."""
    line = ["read", "-", "subtract", "export", str(tmp_path / "out"), "--dry-run"]
    done = subprocess.run(
        [sys.executable, "-m", "segment", *line], input=clip.read_bytes(), capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert b"62x46" in done.stdout


def test_defaults_on_the_line_are_those_of_the_library():
    import inspect

    from segment import masks
    from segment.background import (
        GaussianMixtureSubtractor,
        OpenCVSubtractor,
        PosteriorSubtractor,
    )
    from segment.grouping import ConnectedComponents

    for name, function in {
        "clean": masks.clean,
        "subtract": PosteriorSubtractor,
        "subtract-mixture": GaussianMixtureSubtractor,
        "subtract-opencv": OpenCVSubtractor,
        "group-components": ConnectedComponents,
    }.items():
        defaults = {
            key: parameter.default
            for key, parameter in inspect.signature(function).parameters.items()
        }
        for option in main.commands[name].params:
            own = {"state", "state_every", "region", "ignore", "shadows", "freeze_after"}
            if option.name in own:
                continue  # the line's own
            assert option.name in defaults, f"{name} has no parameter {option.name}"
            if isinstance(option.default, (str, int, float)):
                assert option.default == defaults[option.name], f"{name} --{option.name}"


# --- states and regions ---------------------------------------------------------------------

subtracts = pytest.mark.parametrize("command", ["subtract", "subtract-mixture"])


def masks_in(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/masks/*.png"))}


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
    process = subprocess.Popen(
        [sys.executable, "-m", "segment", *map(str, line), str(tmp_path / "out")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    masks = tmp_path / "out/stdin/masks"
    process.stdin.write(images[:12].tobytes())
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (masks.is_dir() and len(files(masks)) >= 11):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    _, stderr = process.communicate(images[12:13].tobytes(), timeout=60)
    assert process.returncode == 130, stderr

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


# --- group ----------------------------------------------------------------------------------


def test_group_gives_one_picture_to_the_mixture_and_says_so(tmp_path):
    images, _ = moving_square(8)
    cv2.imwrite(str(tmp_path / "photo.png"), images[-1])

    result = call("read", tmp_path / "photo.png", "group export", tmp_path / "out", "--as labels")

    assert result.exit_code == 0, result.stderr
    assert "as by group-mixture" in result.stderr
    assert len(files(tmp_path / "out" / "photo" / "labels")) == 1


def test_group_warns_that_a_video_has_no_masks(tmp_path):
    images, _ = moving_square(8)
    write_video(tmp_path / "clip.mkv", images)

    result = call("read", tmp_path / "clip.mkv", "group export", tmp_path / "out", "--as labels")

    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("clip has no foreground masks") == 1
    assert "put subtract before group" in result.stderr
    assert len(files(tmp_path / "out" / "clip" / "labels")) == 8


def test_group_follows_what_moves(tmp_path):
    images, _ = moving_square(24)
    write_video(tmp_path / "clip.mkv", images)

    line = "subtract-mixture clean group --smallest 20 --device cpu export"
    result = call("read", tmp_path / "clip.mkv", line, tmp_path / "out", "--as mot")

    assert result.exit_code == 0, result.stderr
    rows = (tmp_path / "out" / "clip" / "mot.txt").read_text().split()
    assert {row.split(",")[1] for row in rows[-5:]} == {rows[-1].split(",")[1]}


@pytest.mark.parametrize(
    "chain",
    [
        "subtract-mixture export {out} --overwrite",
        "subtract-mixture export {out} --as masks --as overlay --overwrite",
        "subtract-mixture clean group-components export {out} --as labels --as masks --overwrite",
    ],
)
def test_an_error_on_the_first_frame_closes_what_stands_before_it(chain, clip, tmp_path):
    """A file was closed while a thread read it: SIGSEGV, most times."""
    for _ in range(4):
        folder = tmp_path / "out" / clip.stem
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "masks").write_text("in the way")
        with pytest.raises(OutputError):
            segment.run(f"read {clip} {chain.format(out=tmp_path / 'out')}")
        assert not [t.name for t in threading.enumerate() if t.name.startswith("segment-read")]
        shutil.rmtree(tmp_path / "out")
