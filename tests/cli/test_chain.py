"""The command line: the chain on real files, and what it writes."""

import csv
import json
import shutil
import threading

import cv2
import numpy as np
import pytest

import segment
from segment.errors import OutputError
from segment.video import open_frames
from tests.cli.lines import call, files
from tests.conftest import moving_square, write_video

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
