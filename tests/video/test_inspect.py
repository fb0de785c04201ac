"""What `segment info` tells."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from segment.errors import UnreadableInput
from segment.video.inspect import inspect
from tests.conftest import write_video
from tests.video.makers import cut, scenes, scribble, write


def test_the_facts_of_a_video(tmp_path):
    path = write(
        tmp_path / "a.mp4",
        scenes(30),
        rate=Fraction(30000, 1001),
        audio=1.0,
        rotation=90,
        mux={"movflags": "faststart"},
    )

    facts = inspect(path)

    assert facts.path == str(path)
    assert facts.kind == "video"
    assert "mp4" in facts.container
    assert facts.codec == "h264"
    assert facts.pixels == "yuv420p"
    assert facts.size == (62, 46)
    assert facts.rotation == 90
    assert facts.rate == Fraction(30000, 1001)
    assert facts.frames == 30
    assert facts.duration == pytest.approx(30 * 1001 / 30000, abs=0.01)
    assert facts.audio
    assert facts.bytes == path.stat().st_size
    assert facts.sound is None
    assert facts.variable_rate is None

    checked = inspect(path, check=True)
    assert checked.sound
    assert (checked.decoded, checked.lost, checked.flagged) == (30, 0, 0)
    assert not checked.variable_rate
    assert checked.size_changes == 0


def test_a_variable_rate_is_told(tmp_path):
    stamps = np.array([0, 40, 80, 200, 240, 300])
    facts = inspect(write(tmp_path / "a.mp4", scenes(6), stamps=stamps), check=True)
    assert facts.variable_rate
    assert facts.shortest == pytest.approx(0.04)
    assert facts.longest == pytest.approx(0.12)
    assert facts.sound


def test_rounded_time_stamps_are_no_variable_rate(tmp_path):
    path = write_video(tmp_path / "a.mkv", scenes(30), rate=Fraction(30000, 1001))
    facts = inspect(path, check=True)
    assert facts.longest > facts.shortest
    assert not facts.variable_rate


def test_the_start_is_told(tmp_path):
    stamps = 40 * np.arange(5) + 7000
    assert inspect(write(tmp_path / "a.mkv", scenes(5), stamps=stamps)).start == 7.0


def test_damage_is_told(tmp_path):
    facts = inspect(cut(write_video(tmp_path / "a.mkv", scenes(40)), 0.5), check=True)
    assert facts.sound is False
    assert facts.decoded + facts.lost == 40
    assert facts.reasons

    facts = inspect(scribble(write(tmp_path / "b.mkv", scenes(80))), check=True)
    assert facts.sound is False
    assert facts.lost + facts.flagged > 0


def test_folders_and_pictures(tmp_path):
    for t, image in enumerate(scenes(3)):
        cv2.imwrite(str(tmp_path / f"{t}.png"), image)
    cv2.imwrite(str(tmp_path / "3.png"), scenes(1, size=(8, 9))[0])
    (tmp_path / "4.png").write_bytes(b"broken")

    facts = inspect(tmp_path, check=True)
    assert facts.kind == "pictures"
    assert facts.frames == 5
    assert (facts.decoded, facts.lost) == (4, 1)
    assert facts.size_changes == 1
    assert facts.sound is False
    assert facts.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())

    facts = inspect(tmp_path / "0.png", check=True)
    assert facts.kind == "picture"
    assert facts.sound
    assert facts.bytes == (tmp_path / "0.png").stat().st_size


def test_what_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(UnreadableInput, match="no such file"):
        inspect(tmp_path / "none.mp4")
