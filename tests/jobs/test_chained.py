"""A camera's files in order are one sequence: model, clock and ids go on over their borders."""

import csv
import itertools
import json
import shutil

import pytest

import segment
from segment.errors import ChainError
from tests.conftest import moving_square, write_video

CHAIN = "subtract-mixture clean group-components export"
BORDERS = (0, 17, 40, 60)


@pytest.fixture(scope="module")
def cameras(tmp_path_factory):
    """Two cameras, each with what it saw in one file, and in three."""
    top = tmp_path_factory.mktemp("cameras")
    for seed, camera in enumerate(("gate", "road")):
        images, _ = moving_square(60, seed=seed)
        (top / "parts" / camera).mkdir(parents=True)
        write_video(top / f"{camera}.mkv", images)
        # As people count: 10 comes after 9.
        for number, (begin, end) in enumerate(itertools.pairwise(BORDERS), 8):
            write_video(top / "parts" / camera / f"{number}.mkv", images[begin:end])
    return top


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".png", ".csv") and path.name != "summary.csv"
    }


@pytest.fixture(scope="module")
def whole(cameras):
    report = segment.run(
        f"read {cameras}/gate.mkv {cameras}/road.mkv {CHAIN} {cameras}/whole --as masks --as tracks"
    )
    assert report.exit_code == 0
    return files(cameras / "whole")


@pytest.mark.parametrize("jobs", [None, 2])
def test_three_files_give_what_one_gives(cameras, whole, tmp_path, jobs):
    report = segment.run(
        f"read --chain-files --recursive {cameras}/parts {CHAIN} {tmp_path}/out --as masks "
        "--as tracks",
        jobs=jobs,
    )
    assert [one.name for one in report.sequences] == ["gate", "road"]
    assert files(tmp_path / "out") == whole
    record = json.loads((tmp_path / "out/gate/run.json").read_text())
    assert [(part[0][-5:], *part[1:]) for part in record["files"]] == [
        ("8.mkv", 0, 0.0), ("9.mkv", 17, 0.68), ("0.mkv", 40, 1.6),
    ]  # fmt: skip


def test_a_damaged_file_among_them_is_told_and_costs_the_others_nothing(cameras, tmp_path):
    shutil.copytree(cameras / "parts/gate", tmp_path / "gate")
    (tmp_path / "gate/9.mkv").write_text("no film")
    report = segment.run(f"read --chain-files {tmp_path}/gate {CHAIN} {tmp_path}/out --as tracks")
    (one,) = report.sequences
    assert report.exit_code == 4
    assert one.frames == 37
    assert "9.mkv" in one.damage.reasons[0]
    assert "left out" in one.damage.reasons[0]
    with (tmp_path / "out/gate/tracks.csv").open() as table:
        times = {int(row["frame"]): float(row["time"]) for row in csv.DictReader(table)}
    assert all(time == pytest.approx(frame / 25) for frame, time in times.items())


def test_a_run_is_done_again_when_the_camera_has_written_another_file(cameras, tmp_path):
    shutil.copytree(cameras / "parts/gate", tmp_path / "gate")
    line = f"read --chain-files {tmp_path}/gate {CHAIN} {tmp_path}/out --as masks"
    assert segment.run(line).sequences[0].frames == 60
    assert segment.run(f"{line} --resume").sequences[0].already
    shutil.copy(tmp_path / "gate/8.mkv", tmp_path / "gate/11.mkv")
    with pytest.raises(segment.SegmentError, match="changed"):
        segment.run(f"{line} --resume")
    assert segment.run(f"{line} --overwrite").sequences[0].frames == 77


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("-", "is none"), ("sample:street", "is none"), ("rtsp://camera/1", "is none"),
     ("nothing.mp4", "is none"), ("--sequence", "choose one")],
)  # fmt: skip
def test_what_cannot_be_chained_is_refused_in_one_line(given, wanted, tmp_path):
    with pytest.raises(ChainError, match=wanted) as refused:
        segment.run(f"read --chain-files {given} {tmp_path} {CHAIN} {tmp_path}/out")
    assert "\n" not in str(refused.value)
