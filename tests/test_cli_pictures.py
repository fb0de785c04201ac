"""Pictures on the command line: many as one sequence, deep ones, tracks."""

import json

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from segment.cli import main
from tests.conftest import moving_square


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    images, _ = moving_square(8)
    for t, image in enumerate(images, 3):
        assert cv2.imwrite(str(folder / f"{t:04}.png"), image[:, :, ::-1])
    return folder


def masks(folder):
    return sorted(path.name for path in folder.glob("masks/*.png"))


def numbers(folder):
    return [f"{t:06}.png" for t in range(3, 11)]


def test_pictures_on_the_line_are_one_sequence_when_asked(pictures, tmp_path):
    files = sorted(pictures.iterdir())
    result = call("read", *files, "--sequence", "subtract", "export", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert masks(tmp_path / "out" / "frames") == numbers(pictures)

    result = call("read", *files, "subtract-mixture", "export", tmp_path / "each")
    assert "8 pictures of" in result.output
    assert "--sequence" in result.output
    assert len([path for path in (tmp_path / "each").iterdir() if path.is_dir()]) == 8


@pytest.mark.parametrize("pattern", ["%04d.png", "%d.png", "*.png", "000?.png"])
def test_patterns_stand_for_a_sequence(pictures, tmp_path, pattern):
    line = ["read", pictures / pattern, "subtract-mixture", "export", tmp_path / "out"]
    result = call(*line)
    assert result.exit_code == 0, result.output
    expected = numbers(pictures) if pattern != "000?.png" else numbers(pictures)[:7]
    assert masks(tmp_path / "out" / "frames") == expected
    content = json.loads((tmp_path / "out" / "frames" / "run.json").read_text())
    assert content["numbers"] == f"3-{int(expected[-1][:6])}"
    assert content["pictures"] == {"name": "%04d.png", "plus": 0}
    assert call(*line, "--resume").exit_code == 0
    (pictures / "0004.png").unlink()  # another sequence than the one that is resumed
    assert call(*line, "--resume").exit_code == 1


def test_what_is_no_sequence_of_pictures_is_refused(pictures, clip, tmp_path):
    for words, message in [
        (["--sequence", clip], "is none"),
        (["--sequence", pictures], "is none"),
        ([pictures / "%05d.jpg"], "no file is called like"),
        ([clip.parent / "**" / "*.??[gv]"], "is no picture"),
        (["--sequence", pictures / "0003.png", pictures / "0003.png"], "given twice"),
        (["--white", "nan", clip], "no level"),
        (["--white", "much", clip], "no level"),
        (["--white", "5", "--black", "9", clip], "wanted white above black"),
        (["--track", "-1", clip], "--track"),
    ]:
        result = call("read", *words, "subtract-mixture", "export", tmp_path / "out")
        assert result.exit_code == 2, result.output
        assert message in result.output
    result = call("read", "--track", 1, clip, "subtract-mixture", "export", tmp_path / "out")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "no video track 1; it holds 1" in result.output


def test_an_overlay_wider_than_its_encoder_takes_is_scaled_and_told(tmp_path):
    image = np.full((20, 20000, 3), 90, np.uint8)
    assert cv2.imwrite(str(tmp_path / "wide.png"), image)
    result = call(
        "read", tmp_path / "wide.png", "subtract-mixture", "export", tmp_path / "out",
        "--as", "overlay", "--as", "video",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "overlay.mp4 is 16384x16" in result.output
    for name, width in (("overlay.mp4", 16384), ("masks.mkv", 20000)):
        with av.open(str(tmp_path / "out" / "wide" / name)) as film:
            assert film.streams.video[0].width == width


def test_levels_are_asked_for_on_the_line(tmp_path):
    deep = (np.linspace(0, 3000, 600).reshape(20, 30)).astype(np.uint16)
    for t in range(3):
        assert cv2.imwrite(str(tmp_path / f"{t}.png"), deep)
    told = {}
    for white in (None, "65535", "auto"):
        more = [] if white is None else ["--white", white]
        result = call("read", tmp_path, *more, "subtract-mixture", "export", tmp_path / f"o{white}")
        assert result.exit_code == 0, result.output
        told[white] = result.output
    assert "taken as 12 bits" in told[None]
    assert "most of the range is unused" in told["65535"]
    assert "bits" not in told["auto"]


def test_a_limit_that_refuses_all_pictures_is_named(pictures):
    line = ["read", pictures, "--max-pixels", "10", "subtract-mixture"]
    said = call(*line, "export", pictures.parent / "out")
    assert said.exit_code == 1
    assert "none of its" in said.output
    assert "--max-pixels" in said.output


@pytest.mark.parametrize("words", ["--remember 0", "--remember 0s", "--absorb soon"])
def test_times_that_make_no_sense_are_words_of_the_line(words, pictures):
    line = ["read", pictures, "--sequence", "subtract", *words.split()]
    said = call(*line, "export", pictures.parent / "out")
    assert said.exit_code == 2
    assert "should not have happened" not in said.output
    assert words.split()[1] in said.output
