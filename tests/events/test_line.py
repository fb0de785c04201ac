"""`events` on the command line: what it leaves, and what it refuses in one line."""

import csv
import json

import pytest
from click.testing import CliRunner

from segment.cli import main
from segment.export.events import COLUMNS

CHAIN = "subtract-mixture clean group-components"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A square that crosses from left to right, as a video file."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    rng = np.random.default_rng(0)
    plain = rng.integers(80, 110, (96, 160, 3), np.uint8)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=10, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for t in range(80):
            picture = plain.copy()
            if 20 <= t < 60:
                picture[40:64, 3 * (t - 20) : 3 * (t - 20) + 16] = (220, 60, 40)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())
    return path


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def line(clip, out, *options, formats=("events",), chain=CHAIN):
    kinds = [word for name in formats for word in ("--as", name)]
    return run("read", clip, *chain.split(), "events", *options, "export", out, *kinds)


def test_the_line_of_the_readme_leaves_its_files(clip, tmp_path):
    result = line(
        clip, tmp_path, "--zone", "mid: 40,20 100,20 100,90 40,90", "--line", "gate: 80,0 80,95",
        "--clock", "2026-11-27T06:00:00", "--metres-per-pixel", ".05",
        formats=("events", "edl", "counts"),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    folder = tmp_path / "walk"
    rows = table(folder / "events.csv")
    assert tuple(rows[0]) == COLUMNS
    assert {row["kind"] for row in rows} >= {"motion", "object", "enter", "leave", "cross"}
    (cross,) = [row for row in rows if row["kind"] == "cross"]
    assert (cross["place"], cross["direction"], cross["unit"]) == ("gate", "right", "m")
    # The feet, the middle of 16 pixels, are at column 80 in frame 20 + 24.
    assert float(cross["start"]) == pytest.approx(4.5, abs=0.3)
    assert cross["start_clock"].startswith("2026-11-27T06:00:04")
    assert float(cross["mean_speed"]) == pytest.approx(1.5, rel=0.15)  # 3 px a frame, 30 a second
    document = json.loads((folder / "events.json").read_text())
    assert (document["schema"], document["unit"], document["size"]) == (1, "m", [160, 96])
    assert len(document["events"]) == len(rows)
    assert [e["kind"] for e in document["events"]] == [row["kind"] for row in rows]
    counts = table(folder / "counts.csv")
    assert {(r["place"], r["direction"]): r["count"] for r in counts} == {
        ("mid", "enter"): "1", ("mid", "leave"): "1", ("gate", "left"): "0", ("gate", "right"): "1",
    }  # fmt: skip
    cuts = (folder / "events.edl").read_text()
    assert cuts.startswith(
        "TITLE: walk\nFCM: NON-DROP FRAME\n\n001  WALK     V     C        00:00:00:"
    )


def test_motion_alone_needs_no_objects(clip, tmp_path):
    result = line(clip, tmp_path, chain="subtract-mixture clean")
    assert result.exit_code == 0, result.output
    rows = table(tmp_path / "walk" / "events.csv")
    assert [row["kind"] for row in rows] == ["motion"]
    assert float(rows[0]["start"]) == pytest.approx(2.0, abs=0.5)


ZONE = ("--zone", "a: 0,0 9,0 9,9")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--zone", "gate: 10,20 30,40"), "has 2 different points"),
        (("--zone", "gate: 0,0 20,20 20,0 0,20"), "crosses itself"),
        (("--zone", "gate: 500,0 520,0 520,20"), "lies outside the picture"),
        (("--line", "gate: 0,500 20,500"), "lies outside the picture"),
        (("--zone", "gate: 0,nan 20,20 20,0"), "wanted pixels"),
        (("--line", "gate: 1,2"), "wanted its two ends"),
        ((*ZONE, "--line", "a: 0,0 9,9"), "two zones or lines are called 'a'"),
        (("--clock", "noon"), "'noon' is no clock"),
        (("--clock", "2026-02-30T06:00"), "is no clock"),
        (("--zones", "none.json"), "cannot be read: no such file"),
        (("--ground", "none.json"), "cannot be read: no such file"),
        (("--metres-per-pixel", "nan"), "nan"),
        (("--metres-per-pixel", "0"), "0"),
        (("--metres-per-pixel", "1", "--ground", "x"), "exclude each other"),
        (("--shortest", "-1s"), "is not a length of time"),
        (("--merge", "nan"), "is not a length of time"),
        (("--stop", "soon"), "is not a length of time"),
        (("--before", "1e9"), "is not a length of time"),
        (("--kind", "jump"), "jump"),
    ],
)
def test_a_bad_option_is_one_line(clip, tmp_path, options, says):
    result = line(clip, tmp_path, *options)
    assert result.exit_code in (1, 2), result.output
    assert says in result.output
    assert result.output.count("\n") == 1
    assert "should not have happened" not in result.output
    assert not (tmp_path / "walk" / "events.csv").exists()


def test_stages_in_the_wrong_order_are_one_line(clip, tmp_path):
    without = run("read", clip, "subtract-mixture", "export", tmp_path, "--as", "events")
    assert (without.exit_code, without.output.count("\n")) == (2, 1)
    assert "put events before it" in without.output
    lonely = line(clip, tmp_path, *ZONE, chain="subtract-mixture")
    assert "events needs objects; put a group command before it" in lonely.output
    first = run("read", clip, "events", "export", tmp_path)
    assert "events needs a foreground mask" in first.output


def test_a_zones_file_of_another_size_follows_the_frames(clip, tmp_path):
    drawn = {
        "version": 1, "size": [320, 192],
        "lines": [{"name": "gate", "points": [[160, 0], [160, 190]]}],
    }  # fmt: skip
    (tmp_path / "zones.json").write_text(json.dumps(drawn))
    result = line(clip, tmp_path, "--zones", tmp_path / "zones.json", "--kind", "cross")
    assert result.exit_code == 0, result.output
    assert (
        '"points": [[80.0, 0.0], [80.0, 95.0]]' in (tmp_path / "walk" / "events.json").read_text()
    )
    assert len(table(tmp_path / "walk" / "events.csv")) == 1


def test_resume_sees_that_the_zones_have_changed(clip, tmp_path):
    path = tmp_path / "zones.json"
    drawn = {"lines": [{"name": "gate", "points": [[80, 0], [80, 95]]}]}
    path.write_text(json.dumps(drawn))
    words = ["read", clip, *CHAIN.split(), "events", "--zones", path, "export", tmp_path / "o",
             "--as", "events"]  # fmt: skip
    assert run(*words).exit_code == 0
    again = run(*words, "--resume")
    assert again.exit_code == 0, again.output
    drawn["lines"][0]["points"][0] = [70, 0]
    path.write_text(json.dumps(drawn))
    other = run(*words, "--resume")
    assert other.exit_code == 1
    assert "was made with another events --zones" in other.output
