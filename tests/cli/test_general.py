"""The command line: options of the whole line, help, completion, presets, defaults."""

import json
import os
import subprocess
import sys

import pytest

from segment.background import PosteriorSubtractor
from segment.cli import main
from tests.cli.lines import call


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
