"""`segment bench`: every row is there, the table and the JSON say the same, mistakes get a line."""

import json
import subprocess
import sys
import types

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from segment.background import GaussianMixtureSubtractor, PosteriorSubtractor
from segment.background.compare import Comparison
from segment.cli import main
from segment.measures import ChangeScore
from tests.conftest import moving_square, write_video

ROWS = ["subtract", "subtract-mixture", "MOG2", "MOG2, no shadows", "KNN"]


def call(*words):
    return CliRunner().invoke(main, ["bench", *map(str, words)])


@pytest.fixture
def judged(tmp_path):
    """A clip with its truth beside it."""
    images, truth = moving_square(24)
    write_video(tmp_path / "square.truth.mkv", truth[..., None] * np.uint8(255))
    return write_video(tmp_path / "square.mkv", images), images, truth


def test_all_rows_are_there_and_say_what_was_measured(clip):
    result = call(clip, "--json", "--threads", 1)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["size"] == "62x46"
    assert (report["channels"], report["frames"], report["threads"]) == (3, 20, 1)
    assert report["opencv"] == cv2.__version__
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows)[:5] == ROWS
    assert all(row["ms"] > 0 and row["speed"] > 0 for row in rows.values())
    assert rows["MOG2"]["speed"] == 1
    assert all(row["f"] is None for row in rows.values())
    assert set(rows) | set(report["absent"]) == {*ROWS, "GSOC", "LSBP", "CNT"}


def test_the_table_can_be_read_by_people_and_programs(judged):
    clip, *_ = judged
    result = call(clip)
    assert result.exit_code == 0, result.output
    title, empty, header, *lines = result.stdout.splitlines()
    assert title.startswith(f"{clip}: 24 frames 62x46 colour, ")
    assert not empty
    assert header.split() == ["ms", "a", "frame", "speed", "F"]
    rows = {line[:18].strip(): line[18:].split() for line in lines}
    assert list(rows)[:5] == ROWS
    for name in ROWS:
        milliseconds, speed, f = rows[name]
        assert float(milliseconds) > 0
        assert speed.endswith("x")
        assert 0 <= float(f) <= 1
    assert rows["MOG2"][1] == "1.00x"
    if not hasattr(cv2, "bgsegm"):
        assert "opencv-contrib-python" in rows["GSOC"][-1]


def test_truth_beside_the_video_gives_the_f_of_all_frames_but_the_first(judged):
    clip, images, truth = judged
    report = json.loads(call(clip, "--json").stdout)
    for row, cls in zip(
        report["rows"], (PosteriorSubtractor, GaussianMixtureSubtractor), strict=False
    ):
        subtractor, score = cls(), ChangeScore()
        for t, image in enumerate(images):
            mask = subtractor.apply(image)
            if t:
                score.count(mask, truth[t] * np.uint8(255))
        assert 0 < score.f < 1
        assert row["f"] == score.f
    # As CDnet lays it out.
    folder = clip.parent / "sequence"
    folder.mkdir()
    clip.rename(folder / "input.mkv")
    (clip.parent / "square.truth.mkv").rename(folder / "truth.mkv")
    again = json.loads(call(folder / "input.mkv", "--json").stdout)
    assert [row["f"] for row in again["rows"]] == [row["f"] for row in report["rows"]]


def test_size_and_frames_are_those_asked_for(judged):
    clip, *_ = judged
    report = json.loads(call(clip, "--json", "--size", "31x24", "--frames", 7).stdout)
    assert (report["size"], report["frames"]) == ("31x24", 7)
    assert all(row["f"] is None for row in report["rows"])  # the truth has another size


def test_the_sample_is_taken_when_none_is_given():
    report = json.loads(call("--json", "--frames", 3, "--size", "64x36").stdout)
    assert report["video"] == "sample:street"


def test_grey_films_are_measured(tmp_path):
    grey = write_video(tmp_path / "grey.mkv", moving_square(6)[0][..., :1])
    report = json.loads(call(grey, "--json").stdout)
    assert report["channels"] == 1
    assert [row["name"] for row in report["rows"]][:5] == ROWS


def test_opencvs_threads_are_as_before(clip):
    before = cv2.getNumThreads()
    with Comparison(before + 1) as comparison:
        assert cv2.getNumThreads() == comparison.threads == before + 1
    assert cv2.getNumThreads() == before


def test_contribs_peers_take_part_where_they_are_and_leave_when_they_cannot(monkeypatch):
    class Double:
        def apply(self, image):
            return cv2.createBackgroundSubtractorMOG2().apply(image)

    class Fussy:
        def apply(self, image):
            raise cv2.error("no such frames")

    contrib = types.SimpleNamespace(
        createBackgroundSubtractorGSOC=Double, createBackgroundSubtractorLSBP=Fussy
    )
    monkeypatch.setattr(cv2, "bgsegm", contrib, raising=False)
    images, _ = moving_square(4)
    with Comparison(1) as comparison:
        assert set(comparison.absent) == {"CNT"}
        comparison.prepare(images[:3])
        assert comparison.names == [*ROWS, "GSOC"]
        assert set(comparison.absent) == {"CNT", "LSBP"}
        for image in images:
            masks = comparison.frame(image)
            assert list(masks) == [*ROWS, "GSOC"]
            assert all(mask.dtype == bool and mask.shape == (46, 62) for mask in masks.values())
        assert list(comparison.milliseconds()) == list(comparison.speed()) == [*ROWS, "GSOC"]


def test_preparing_teaches_nothing():
    images, _ = moving_square(12)
    with Comparison(1) as comparison:
        comparison.prepare(images[8:])
        ours = [comparison.frame(image)["subtract"] for image in images]
    alone = PosteriorSubtractor()
    np.testing.assert_array_equal(ours, [alone.apply(image) for image in images])


def test_mistakes_get_one_line(judged, tmp_path):
    clip, *_ = judged
    images, truth = moving_square(24)
    (tmp_path / "text.mp4").write_text("no film")
    cv2.imwrite(str(tmp_path / "one.png"), images[0])
    odd = write_video(tmp_path / "odd.mkv", images)
    write_video(tmp_path / "odd.truth.mkv", truth[..., None] * np.uint8(99))
    for words, code, says in (
        ((tmp_path / "none.mp4",), 1, "none.mp4: no such file"),
        ((tmp_path / "text.mp4",), 1, "text.mp4"),
        ((tmp_path / "one.png",), 1, "has 1 frame, wanted at least 2"),
        ((odd,), 1, "truth holds 99"),
        (("sample:nothing",), 1, "no sample clip 'nothing'"),
        ((clip, "--size", "big"), 2, "'big' is not a size"),
        ((clip, "--threads", "0"), 2, "threads"),
        ((clip, clip), 2, "unexpected extra argument"),
    ):
        result = call(*words)
        assert result.exit_code == code, (words, result.output)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert says in line


def test_help_loads_no_kernels():
    code = (
        "import sys; from segment.cli import main\n"
        "try: main(['bench', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*[m for m in ('numpy', 'cv2', 'numba', 'av') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Time the subtractors" in done.stdout
    assert not done.stderr.strip()
