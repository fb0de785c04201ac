"""A film in stretches: what comes of them is one run's, and what cannot be is told."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import segment
from segment.cli import main
from segment.errors import ChainError, OutputError
from segment.frame import Frame
from segment.jobs import borders, pieces
from tests.conftest import as_frames, moving_square, write_video

CHAIN = "subtract-mixture clean group-components export"
FORMATS = [
    "masks", "video", "labels", "coco", "overlay", "tracks", "mot", "clips", "crops", "ctc",
    "synopsis", "events", "edl", "counts", "report",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two films of 80 frames, 3.2 s, one with a damaged middle."""
    top = tmp_path_factory.mktemp("films")
    images, _ = moving_square(80, size=(64, 80), side=14, seed=2)
    write_video(top / "film.mp4", images, codec="libx264", options={"g": "10", "bf": "2"})
    content = bytearray((top / "film.mp4").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    (top / "damaged.mp4").write_bytes(content)
    (top / "pictures").mkdir()
    for n, image in enumerate(images):
        cv2.imwrite(str(top / f"pictures/{n:03}.png"), image)
    return top


def line(top, film, out, stretch="", more="", formats=("masks", "tracks"), read=""):
    kinds = " ".join(f"--as {kind}" for kind in formats)
    return f"{stretch} read {top}/{film} {read} {more or CHAIN} {out} {kinds}"


def files(out):
    """All that was made, without what says how."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(Path(out).rglob("*"))
        if path.is_file() and path.name not in ("run.json", "summary.csv", "report.jsonl")
    }


def record(out, name="film"):
    return json.loads((Path(out) / name / "run.json").read_text())


@pytest.mark.parametrize("read", ["", "--start 3 --stop 3s --every 2 --size 40x32"])
def test_two_stretches_of_which_one_warms_the_other_are_one_pass(folder, tmp_path, read):
    """Warmed up by all that is before it a stretch has seen what one pass has seen."""
    chain = "subtract-mixture clean group-components events export"
    with contextlib.chdir(tmp_path):  # so that the page tells the same line
        shutil.copy(folder / "film.mp4", "film.mp4")
        segment.run(line(".", "film.mp4", "out", "", chain, FORMATS, read))
        one = files("out")
        Path("out").rename("first")
        cut = "--jobs 1 --stretch 1.6s --warm-up 1.6s"
        if read:
            cut = "--jobs 1 --stretch 1.5s --warm-up 1.5s"
        report = segment.run(line(".", "film.mp4", "out", cut, chain, FORMATS, read))
        assert files("out") == one
    told = report.sequences[0].stretches
    assert told["count"] == 2
    assert told["borders"][0]["differ"] == 0
    assert told["borders"][0]["objects"] == told["borders"][0]["joined"] > 0
    assert not (tmp_path / "out/film/.stretches").exists()


@pytest.fixture(scope="module")
def cut(folder, tmp_path_factory):
    """What one worker makes of four stretches."""
    out = tmp_path_factory.mktemp("cut") / "out"
    segment.run(line(folder, "film.mp4", out, "--jobs 1 --stretch .8s --warm-up .4s"))
    return out


def test_every_frame_is_there_once_with_its_number_and_time(folder, cut, tmp_path):
    segment.run(line(folder, "film.mp4", tmp_path / "one"))
    assert files(tmp_path / "one").keys() == files(cut).keys()
    assert record(cut)["numbers"] == "0-79"
    spans = record(cut)["stretches"]["stretches"]
    assert [(one["first"], one["last"], one["warm_up"]) for one in spans] == [
        (0, 19, 0), (20, 39, 10), (40, 59, 10), (60, 79, 10),
    ]  # fmt: skip
    begin = [f"film/masks/{n:06}.png" for n in range(20)]
    one, other = files(tmp_path / "one"), files(cut)
    assert all(one[name] == other[name] for name in begin)


def test_a_damaged_film_is_read_in_one_pass(folder, tmp_path):
    runner = CliRunner()
    words = line(folder, "damaged.mp4", tmp_path / "out", "--jobs 1 --stretch .8s").split()
    result = runner.invoke(main, words)
    assert result.exit_code == 4, result.output
    assert "one pass" in result.output or "reads what is before it" in result.output
    alone = runner.invoke(main, line(folder, "damaged.mp4", tmp_path / "one").split())
    assert alone.exit_code == 4
    assert files(tmp_path / "out").keys() == files(tmp_path / "one").keys()
    one, other = record(tmp_path / "one", "damaged"), record(tmp_path / "out", "damaged")
    for what in ("numbers", "lost", "flagged", "reasons"):
        assert one[what] == other[what]


def test_pictures_are_cut_too(folder, cut, tmp_path):
    report = segment.run(
        line(folder, "pictures", tmp_path / "out", "--jobs 1 --stretch .8s --warm-up .4s")
    )
    assert report.sequences[0].stretches["count"] == 4
    assert report.sequences[0].frames == 80
    assert record(tmp_path / "out", "pictures")["pictures"] == {"name": "%03d.png", "plus": 0}


def test_a_run_of_two_that_is_killed_goes_on_with_the_stretches_that_are_there(
    folder, cut, tmp_path
):
    words = line(folder, "film.mp4", tmp_path / "out", "--jobs 2 --stretch .8s --warm-up .4s")
    environ = {**os.environ, "PYTHONPATH": str(Path(segment.__file__).parents[1])}
    run = subprocess.Popen([sys.executable, "-m", "segment", "-q", *words.split()], env=environ)
    place = tmp_path / "out/film/.stretches"
    limit = time.monotonic() + 400
    while run.poll() is None and len(list(place.glob("*.piece"))) < 2:
        assert time.monotonic() < limit
        time.sleep(0.002)
    run.kill()
    run.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in place.glob("*.piece")}
    assert kept
    segment.run(f"{words} --resume")
    assert files(tmp_path / "out") == files(cut)
    assert record(tmp_path / "out")["stretches"] == record(cut)["stretches"]
    report = segment.run(f"{words} --resume")
    assert report.sequences[0].already
    with pytest.raises(OutputError, match=r"--stretch: it was 0\.8 s, warmed up by 0\.4 s, it is"):
        segment.run(f"{words} --resume --stretch 1s")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--stretch 0 read film.mp4 subtract export out", "no time at all"),
        ("--stretch 10 --warm-up 20 read film.mp4 subtract export out", "longer than --stretch"),
        ("--warm-up 20 read film.mp4 subtract export out", "add --stretch"),
        ("--stretch 10 read - subtract export out", "comes once"),
        ("--stretch 10 read 0 subtract export out", "0 has none"),
        ("--stretch 10 read rtsp://me:secret@cam/1 subtract export out", "rtsp://cam/1 has none"),
        ("--stretch 10 read film.mp4 export out --as overlay", "nothing to share out"),
        ("--stretch 10 read film.mp4 subtract", "nothing to join"),
        ("--stretch 10 read film.mp4 subtract export a clean export b", "export stands before"),
        ("--stretch 10 read film.mp4 subtract --state s export out", "--state is for one model"),
        ("--stretch 10 read film.mp4 subtract --freeze-after 5s export out", "--freeze-after"),
        ("--stretch 10 read --chain-files . subtract export out", "--chain-files joins"),
        ("--jobs 0 read film.mp4 subtract export out", "no number of processes"),
        ("--shard 3/2 read film.mp4 subtract export out", "no part 3 of 2"),
    ],
)
def test_odd_words_are_refused_in_a_line(folder, tmp_path, words, told):
    with contextlib.chdir(tmp_path):
        shutil.copy(folder / "film.mp4", "film.mp4")
        with pytest.raises(ChainError, match=told):
            segment.run(words)
        assert not Path("out").exists()


def test_a_dry_run_says_how_it_would_be_cut(folder, tmp_path):
    words = line(folder, "film.mp4", tmp_path / "out", "--dry-run --stretch 10m")
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 0
    assert "in stretches of 600 s, each warmed up by 30 s" in result.output
    assert not (tmp_path / "out").exists()


# -- the parts ----------------------------------------------------------------------------------


def labelled(*boxes, size=(20, 30)):
    labels = np.zeros(size, np.int32)
    for number, (top, left) in boxes:
        labels[top : top + 5, left : left + 5] = number
    return labels


def pairs_of(left, right):
    images = np.zeros((len(left), 20, 30, 3), np.uint8)
    return list(
        zip(
            as_frames(images, labels=np.array(left)), as_frames(images, labels=np.array(right)),
            strict=True,
        )
    )  # fmt: skip


def test_ids_go_on_by_where_objects_are():
    left = [labelled((7, (2, n)), (9, (10, n))) for n in range(10)]
    right = [labelled((1, (10, n)), (2, (2, n + 1)), (3, (15, 24))) for n in range(10)]
    border, matched = borders.compare(pairs_of(left, right), (10, 0.4))
    assert matched == {1: 9, 2: 7}
    assert (border.objects, border.joined) == (2, 2)
    ids = borders.Ids()
    ids(np.array([0, 7, 9], np.int32))
    ids.begin(matched)
    assert set(np.unique(ids(right[0]))) == {0, 7, 9, 10}  # who is new has the next number
    assert set(np.unique(ids(right[0]))) == {0, 3, 7, 9} or set(np.unique(ids(right[0]))) >= {
        0,
        7,
        9,
    }


def test_who_is_hidden_at_the_border_is_known_from_before_it():
    there = [labelled((4, (2, 2))) for _ in range(40)]
    hidden = [labelled() for _ in range(30)]
    mine = [labelled((1, (2, 2))) for _ in range(40)]
    border, matched = borders.compare(pairs_of(there + hidden, mine + hidden), (70, 2.8))
    assert matched == {1: 4}
    assert border.objects == 0


def test_a_piece_gives_back_what_it_got(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (3, 20, 30, 1), np.uint8)
    masks = rng.random((3, 20, 30)) < 0.5
    labels = rng.integers(0, 70_000, (3, 20, 30)).astype(np.int32)
    frames = list(as_frames(images, masks=masks, labels=labels))
    found = pieces.Found(seam=5, warnings=["ä"])
    pieces.write_piece(tmp_path / "p", ((frame, n > 0) for n, frame in enumerate(frames)), found)
    with pieces.Piece(tmp_path / "p") as piece:
        assert (piece.found.warm, piece.found.own, piece.found.seam) == ([0], [1, 2], 5)
        for frame, wanted in zip(piece.own(), frames[1:], strict=True):
            assert isinstance(frame, Frame)
            assert (frame.foreground == wanted.foreground).all()
            assert (frame.labels == wanted.labels).all()
            assert (frame.index, frame.time, frame.sequence) == (
                wanted.index, wanted.time, wanted.sequence,
            )  # fmt: skip
            assert frame.image.shape == wanted.image.shape
    content = (tmp_path / "p").read_bytes()
    (tmp_path / "p").write_bytes(content[:-9])
    with pytest.raises(pieces.BadPiece):
        pieces.Piece(tmp_path / "p")


def test_stretches_cover_all_time_once():
    for end in (1.0, 9.9, 10.0, 14.9, 15.1, 100.0):
        found = pieces.stretches(0.0, end, 10.0, 3.0, 1.0)
        assert found[0].begin is None
        assert found[-1].end is None
        for before, after in itertools.pairwise(found):
            assert before.end == after.begin
            assert after.warm == after.begin - 3
    last = pieces.stretches(0.0, 14.9, 10.0, 3.0, 1.0)
    assert len(last) == 1
