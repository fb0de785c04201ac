"""What is not ours stays: files of others in the way, orphans of ours, one writer a folder."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from segment.locks import Lock
from tests.outputs import call, contents, found

# --- whose files ------------------------------------------------------------------------------


def _foreign_pictures(folder, elsewhere):
    (folder / "masks").mkdir()
    for name in ("000000.png", "000777.png"):
        (folder / "masks" / name).write_text("precious")


def _their_real_pictures(folder, elsewhere):
    (folder / "masks").mkdir()
    cv2.imwrite(str(folder / "masks" / "000777.png"), np.eye(46, 62, dtype=np.uint8))


def _linked_pictures(folder, elsewhere):
    (elsewhere / "000000.png").write_text("precious")
    (folder / "masks").symlink_to(elsewhere)


def _linked_file(folder, elsewhere):
    (elsewhere / "coco.json").write_text("precious")
    (folder / "objects.json").symlink_to(elsewhere / "coco.json")


def _dangling_file(folder, elsewhere):
    (folder / "objects.json").symlink_to(elsewhere / "nothing")


def _foreign_file(folder, elsewhere):
    (folder / "overlay.mp4").write_text("precious")


def _foreign_record(folder, elsewhere):
    (folder / "run.json").write_text('{"name": "of another tool"}')


def _foreign_words(folder, elsewhere):
    (folder / "run.json").write_text("notes on my runs")


def _linked_record(folder, elsewhere):
    (elsewhere / "run.json").write_text(json.dumps({"segment": "", "chain": [], "complete": True}))
    (folder / "run.json").symlink_to(elsewhere / "run.json")


def _linked_folder(folder, elsewhere):
    folder.rmdir()
    folder.symlink_to(elsewhere)


def _a_file_in_the_way(folder, elsewhere):
    (folder / "masks").write_text("precious")


def _a_folder_in_the_way(folder, elsewhere):
    (folder / "tracks.csv").mkdir()


def _linked_lock(folder, elsewhere):
    (elsewhere / "lock").write_text("precious")
    (folder / ".run.lock").symlink_to(elsewhere / "lock")


ATTACKS = [value for name, value in list(globals().items()) if name.startswith(
    ("_foreign", "_linked", "_their", "_dangling", "_a_f"))]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("options", [[], ["--overwrite"], ["--resume"]])
def test_what_is_not_ours_stays(clip, tmp_path, attack, options):
    folder, elsewhere = tmp_path / "out" / "clip", tmp_path / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    attack(folder, elsewhere)
    before = contents(tmp_path)
    result = found(clip, tmp_path / "out", *options)
    assert result.exit_code == 1, result.output
    assert len(result.output.strip().splitlines()) == 1
    assert contents(tmp_path) == before


def test_overwriting_replaces_only_what_run_json_names(clip, tmp_path):
    out = tmp_path / "out"
    assert found(clip, out, formats=["--as", "masks"]).exit_code == 0
    (out / "clip" / "objects.json").write_text("somebody's")
    assert found(clip, out, "--overwrite").exit_code == 1
    assert (out / "clip" / "objects.json").read_text() == "somebody's"
    (out / "clip" / "objects.json").unlink()
    # A picture that somebody has painted over is somebody's, by whatever name.
    mask = out / "clip" / "masks" / "000003.png"
    ours = mask.read_bytes()
    cv2.imwrite(str(mask), 255 - cv2.imread(str(mask), cv2.IMREAD_UNCHANGED))
    theirs = mask.read_bytes()
    for option in ("--overwrite", "--resume"):
        assert found(clip, out, option, formats=["--as", "masks"]).exit_code == 1
        assert mask.read_bytes() == theirs
    mask.write_bytes(ours)
    assert found(clip, out, "--overwrite").exit_code == 0
    assert found(clip, out, "--overwrite").exit_code == 0
    assert set(json.loads((out / "clip/run.json").read_text())["made"]) == {
        path.name for path in (out / "clip").iterdir() if path.name != "run.json"
    }


def test_dry_run_says_what_would_be_removed(clip, tmp_path):
    out = tmp_path / "out"
    assert found(clip, out).exit_code == 0
    (out / "clip" / ".objects.json.1-0123abcd.part").touch()
    before = contents(tmp_path)
    said = found(clip, out, "--overwrite", "--dry-run").output
    assert f"would remove 20 pictures in {out / 'clip' / 'masks'}" in said
    assert f"would replace {out / 'clip' / 'objects.json'}" in said
    assert f"would remove {out / 'clip' / '.objects.json.1-0123abcd.part'}" in said
    assert contents(tmp_path) == before


def test_only_our_own_orphans_are_swept(clip, tmp_path):
    out = tmp_path / "out"
    folder = out / "clip"
    (folder / "masks").mkdir(parents=True)
    ours = [
        folder / ".objects.json.77-0123abcd.part",
        folder / "masks/.000003.png.77-0123abcd.part",
    ]
    theirs = [
        folder / ".mine", folder / "overlay.mp4.part", folder / ".letter.odt.77-0123abcd.part",
        folder / ".objects.json.part", folder / "masks/.cat.png.77-0123abcd.part",
    ]  # fmt: skip
    for path in (*ours, *theirs):
        path.touch()
    link = folder / ".tracks.csv.77-0123abcd.part"
    link.symlink_to(tmp_path / "clip.mkv")
    assert found(clip, out).exit_code == 0
    assert not any(path.exists() for path in ours)
    assert all(os.path.lexists(path) for path in (*theirs, link))


# --- one writer -------------------------------------------------------------------------------


def test_a_second_run_is_refused_and_names_the_first(clip, tmp_path):
    out = tmp_path / "out"
    (out / "clip").mkdir(parents=True)
    with Lock(out / "clip" / ".run.lock", out / "clip"):
        for options in ([], ["--overwrite"], ["--resume"], ["--dry-run"]):
            result = found(clip, out, *options)
            assert result.exit_code == 1
            assert f"process {os.getpid()} on" in result.output
            assert "started 2" in result.output
            assert len(result.output.strip().splitlines()) == 1
        assert list((out / "clip").iterdir()) == [out / "clip" / ".run.lock"]
    assert found(clip, out).exit_code == 0
    assert not list(out.rglob(".*"))


def test_a_second_run_with_one_state_is_refused(clip, tmp_path):
    state = tmp_path / "s.state"
    with Lock(tmp_path / ".s.state.lock", state):
        result = call("read", clip, "subtract-mixture", "--state", state)
    assert (result.exit_code, "process" in result.output) == (1, True)
    assert not state.exists()
    assert call("read", clip, "subtract-mixture", "--state", state).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "s.state"]


def test_a_run_that_fails_leaves_no_folder_and_no_lock(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    assert found(tmp_path / "bad.mp4", tmp_path / "out").exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.mp4"]


def test_a_state_behind_a_link_is_kept_where_it_is(clip, tmp_path):
    (tmp_path / "volume").mkdir()
    (tmp_path / "s.state").symlink_to(tmp_path / "volume" / "s.state")
    line = ("read", clip, "subtract-mixture", "--state", tmp_path / "s.state")
    assert call(*line).exit_code == 0
    assert call(*line).exit_code == 0
    assert (tmp_path / "s.state").is_symlink()
    assert not (tmp_path / "volume" / "s.state").is_symlink()
    assert [path.name for path in (tmp_path / "volume").iterdir()] == ["s.state"]
    assert Path(os.path.realpath(tmp_path / "s.state")).stat().st_size > 1000
