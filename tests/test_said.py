"""What a line is told before and after it runs: options that do nothing, what differs, secrets."""

import json
import threading

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import segment
from segment.cli import main
from segment.errors import without_password
from segment.locks import Lock
from tests.conftest import moving_square, write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    return write_video(path, moving_square(12, (46, 62))[0])


def call(*words):
    line = [part for word in words for part in (word.split() if isinstance(word, str) else [word])]
    return CliRunner().invoke(main, [str(word) for word in line])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("rtsp://me:secret@cam:554/a?x=@", "rtsp://cam:554/a?x=@"),
        ("rtsp://me@cam/a@b", "rtsp://cam/a@b"),
        ("rtsp://me:sec/ret@cam/a", "rtsp://cam/a"),
        ("rtsp://me:sec@ret@cam", "rtsp://cam"),
        ("http://cam:80/a@b.ts", "http://cam:80/a@b.ts"),
        ("me:secret@home.mp4", "me:secret@home.mp4"),
        ("http://cam/a.cgi?user=me&pwd=secret&n=1", "http://cam/a.cgi?user=me&pwd=***&n=1"),
        ("https://a/b.m3u8?Policy=x&access_token=y", "https://a/b.m3u8?Policy=x&access_token=***"),
        ("srt://a:9?passphrase=long&mode=caller", "srt://a:9?passphrase=***&mode=caller"),
        ("http://a/what?page=3&speed=2", "http://a/what?page=3&speed=2"),
    ],
)
def test_an_address_is_shown_without_its_password(given, told):
    assert without_password(given) == told


def test_no_password_is_written_or_said(tmp_path):
    address = "http://me:secret@127.0.0.1:9/cam.ts"
    result = call("read", address, "--timeout 1 subtract export", tmp_path / "out")
    assert result.exit_code == 1
    twice = call("read", address, address, "subtract export", tmp_path / "out")
    dry = call("--dry-run read", address, "--timeout 1 subtract export", tmp_path / "out")
    for said in (result, twice, dry):
        assert "secret" not in said.output
    assert "127.0.0.1:9/cam.ts" in twice.output
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes()


def test_info_tells_no_password(tmp_path):
    address = "http://me:sec/ret@127.0.0.1:9/cam.ts?pwd=secret"
    result = call("info --json --timeout 1", address)
    assert result.exit_code == 1
    assert "secret" not in result.output
    assert "sec/ret" not in result.output
    assert "127.0.0.1:9/cam.ts" in result.output


def test_a_sample_is_known_to_every_command(tmp_path):
    assert call("info --fast sample:street").exit_code == 0
    page = tmp_path / "zones.json"
    result = call("zones sample:street --start 7s -o", page)
    assert result.exit_code == 0, result.output
    assert page.with_suffix(".html").is_file()
    for line in ("info sample:none", "zones sample:none"):
        result = call(line)
        assert result.exit_code == 1
        assert "there is no sample clip 'none'" in result.output


def test_what_later_stages_replace_unseen_is_refused_across_others(clip, tmp_path):
    for line in (
        "subtract clean group-components subtract-mixture group-components",
        "subtract group-components events subtract-mixture group-components events",
        "subtract clean subtract-mixture",
    ):
        result = call("read", clip, line, "export", tmp_path / "out")
        assert result.exit_code == 2, result.output
        assert "takes the place of" in result.output


def test_objects_beside_masks_that_they_were_not_made_of_are_told(clip, tmp_path):
    line = ("subtract group-components subtract-mixture export", tmp_path / "out")
    result = call("read", clip, *line, "--as labels --as masks")
    assert result.exit_code == 0, result.output
    assert result.output.count("which they were not made of") == 1
    assert "objects that group-components found, of what subtract found" in result.output
    line = ("subtract clean group-components export", tmp_path / "a")
    result = call("read", clip, *line, "subtract-mixture group-components export", tmp_path / "b")
    assert "not made of" not in result.output


def test_the_record_holds_what_quiet_does_not_say(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, size in enumerate([(5, 7), (17, 15), (5, 7), (9, 9)]):
        cv2.imwrite(str(folder / f"{n}.png"), np.full((*size, 3), 90 + n, np.uint8))
    result = call("-q read", folder, "subtract export", tmp_path / "out")
    assert (result.exit_code, result.output) == (0, "")
    account = json.loads((tmp_path / "out" / "pictures" / "run.json").read_text())
    assert account["scaled"] == 2
    assert len(account["warnings"]) == 1
    assert "1.png is (17, 15)" in account["warnings"][0]
    again = call("-q read", folder, "subtract export --resume", tmp_path / "out")
    assert (again.exit_code, again.output) == (0, "")


def test_a_record_holds_the_warnings_of_its_own_run(tmp_path):
    """Of two runs at once in one process."""
    for name in "ab":
        (tmp_path / name).mkdir()
        for n in range(12):
            size = (6 + 4 * (n == 3 + 4 * (name == "b")), 9)
            cv2.imwrite(str(tmp_path / name / f"{n}.png"), np.full((*size, 3), 90, np.uint8))

    def run(name):
        segment.run(["read", str(tmp_path / name), "subtract", "export", str(tmp_path / "out")])

    threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, number in (("a", 3), ("b", 7)):
        told = json.loads((tmp_path / "out" / name / "run.json").read_text())["warnings"]
        assert len(told) == 1
        assert f"{number}.png is" in told[0]


def test_the_dry_run_looks_at_masks(clip, tmp_path):
    def mask(name, picture):
        cv2.imwrite(str(tmp_path / name), picture)
        return tmp_path / name

    white = mask("white.png", np.full((46, 62), 255, np.uint8))
    small = mask("small.png", np.full((23, 31), 255, np.uint8))
    black = mask("black.png", np.zeros((46, 62), np.uint8))
    tail = ("subtract export", tmp_path / "out")
    for line in (("--region", white), ("--size 31x23 --region", small)):
        result = call("--dry-run read", clip, *line, *tail)
        assert result.exit_code == 0, result.output
    for wrong in (small, black, tmp_path / "none.png", clip):
        for line in (
            ("--region", wrong, *tail),
            ("subtract --region", wrong, "export", tmp_path / "out"),
        ):
            result = call("--dry-run read", clip, *line)
            assert result.exit_code == 1, (line, result.output)
            assert len(result.output.splitlines()) == 1
    result = call("--dry-run read", clip, "subtract --ignore", white, "export", tmp_path / "out")
    assert result.exit_code == 1
    assert "nothing is left" in result.output


@pytest.mark.parametrize("level", ["0", "-1"])
def test_white_at_or_below_black_is_a_wrong_word(clip, tmp_path, level):
    result = call("read", clip, "--white", level, "subtract export", tmp_path / "out")
    assert result.exit_code == 2
    assert "not above black" in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--track 0", None),
        ("--reconnect", "--reconnect is for cameras"),
        ("--reconnect-for 9", "--reconnect-for is for cameras"),
        ("--rate 5", "--rate is for pictures"),
        ("--raw-pixels grey", "--raw-pixels goes with"),
    ],
)
def test_an_option_that_does_nothing_is_told(clip, tmp_path, options, told):
    result = call("read", clip, options, "subtract export", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert ("here it does nothing" in result.output) == (told is not None)
    assert told is None or result.output.count(told) == 1


def test_options_of_stages_and_folders_that_do_nothing_are_told(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(3):
        cv2.imwrite(str(folder / f"{n}.png"), np.full((46, 62, 3), 90 + n, np.uint8))
    result = call("read", folder, "--track 1 subtract --state-every 2 export", tmp_path / "out")
    assert "--track is for files" in result.output
    assert "--state-every of subtract goes with --state" in result.output


def test_what_nothing_sees_is_refused(clip, tmp_path):
    result = call("read", clip, "subtract subtract-mixture export", tmp_path / "out")
    assert result.exit_code == 2
    assert "subtract-mixture takes the place of what subtract found" in result.output
    line = ("subtract clean group-components", "group-watershed export", tmp_path / "out")
    assert call("read", clip, *line).exit_code == 2
    both = ("subtract export", tmp_path / "a", "subtract-mixture export", tmp_path / "b")
    assert call("read", clip, *both).exit_code == 0


def test_a_resumed_run_is_told_what_differs(clip, tmp_path):
    out = tmp_path / "out"
    assert call("read", clip, "subtract export", out).exit_code == 0
    (tmp_path / "b").mkdir()
    other = write_video(tmp_path / "b" / "clip.mkv", moving_square(12, (46, 62))[0])
    lines = {
        ("read", clip, "subtract --threshold 9 export", out): "--threshold: it was 16.0, it is 9.0",
        ("read", clip, "--every 2 subtract export", out): "read --every: it was 1, it is 2",
        ("read", clip, "subtract clean export", out): "it was read subtract export, it is read",
        ("read", other, "subtract export", out): "from another input: it was",
    }
    for line, told in lines.items():
        result = call(*line, "--resume")
        assert result.exit_code == 1
        assert told in result.output
        assert len(result.output) < 500


def test_what_holds_for_many_inputs_is_one_line(tmp_path):
    inputs = []
    for n in range(4):
        inputs.append(tmp_path / f"{'abcd'[n]}.png")
        cv2.imwrite(str(inputs[-1]), np.full((46, 62, 3), 90 + n, np.uint8))
    result = call("read", *inputs, "subtract export", tmp_path / "out")
    assert result.exit_code == 0
    assert result.output.count("nothing was ever found") == 1
    assert "4 of 4 inputs (a, b, c and 1 more)" in result.output


def test_two_trainings_do_not_share_a_folder(tmp_path):
    out = tmp_path / "model"
    out.mkdir()
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("")
    with Lock(out / ".run.lock", out):
        result = call("train --on sample:street --out", out)
    assert result.exit_code == 1
    assert "is being written by another run" in result.output
