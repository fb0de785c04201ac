"""Nobody's data is lost: where outputs go, whose files they replace, and who else may write."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segment.cli.names import as_folder, name_of, sequence_names
from tests.conftest import moving_square, write_video
from tests.outputs import call, contents, found

# --- the output is never the input ------------------------------------------------------------


def _itself(recording, out):
    return recording


def _symbolic(recording, out):
    link = out.parent / "elsewhere" / "overlay.mkv"
    link.parent.mkdir()
    link.symlink_to(recording)
    return link


def _hard(recording, out):
    link = out.parent / "elsewhere" / "overlay.mkv"
    link.parent.mkdir()
    os.link(recording, link)
    return link


def _dotted(recording, out):
    return out / "overlay" / ".." / "overlay" / recording.name


def _addressed(recording, out):
    return f"file:{recording}"


@pytest.mark.parametrize("given", [_itself, _symbolic, _hard, _dotted, _addressed])
@pytest.mark.parametrize("options", [[], ["--overwrite"], ["--resume"]])
def test_an_output_is_never_the_input(clip, tmp_path, given, options):
    out = tmp_path / "out"
    recording = out / "masks" / "masks.mkv"
    assert found(clip, out, formats=["--as", "video"]).exit_code == 0
    (out / "clip").rename(out / "masks")  # it is even ours, as run.json says
    before = contents(tmp_path)
    path = given(recording, out)
    link = contents(tmp_path).keys() - before.keys()
    if given is _dotted:
        path = out / "masks" / ".." / "masks" / "masks.mkv"
    elif given in (_symbolic, _hard):
        path = path.rename(path.with_name("masks.mkv"))
        link = {"elsewhere/masks.mkv"}

    result = call("read", path, "subtract-mixture", "export", out, "--as", "video", *options)

    assert result.exit_code in (1, 2)
    assert len(result.output.strip().splitlines()) == 1
    after = contents(tmp_path)
    assert {name: held for name, held in after.items() if name not in link} == before


def test_an_output_is_no_other_input_and_no_picture_of_a_folder(clip, tmp_path):
    out = tmp_path / "out"
    assert found(clip, out, formats=["--as", "overlay"]).exit_code == 0
    assert found(clip, tmp_path / "p").exit_code == 0
    before = contents(tmp_path)
    overlay = out / "clip" / "overlay.mp4"
    chain = ["subtract-mixture", "export", out, "--as", "overlay", "--overwrite"]
    result = call("read", clip, overlay, *chain)
    assert (result.exit_code, "is the input" in result.output) == (2, True)
    # The pictures read are those that would be removed first.
    (tmp_path / "p" / "clip").rename(tmp_path / "p" / "masks")
    before = contents(tmp_path)
    masks = tmp_path / "p" / "masks" / "masks"
    result = call(
        "read", masks, "subtract-mixture", "export", tmp_path / "p", "--as", "masks", "--overwrite"
    )
    assert (result.exit_code, "is the input" in result.output) == (2, True)
    assert contents(tmp_path) == before


def test_standard_input_that_is_the_output(clip, tmp_path):
    assert found(clip, tmp_path / "out", formats=["--as", "video"]).exit_code == 0
    (tmp_path / "out/clip").rename(tmp_path / "out/stdin")
    recording = tmp_path / "out/stdin/masks.mkv"
    before = recording.read_bytes()
    line = ["read", "-", "subtract-opencv", "export", tmp_path / "out", "--as", "video"]
    with recording.open("rb") as file:
        ended = subprocess.run(
            [sys.executable, "-m", "segment", *map(str, line), "--overwrite"],
            stdin=file, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert recording.read_bytes() == before


def test_two_outputs_are_never_one(clip, tmp_path):
    out = tmp_path / "out"
    link = tmp_path / "link"
    out.mkdir()
    link.symlink_to(out)
    chain = ["read", clip, "subtract-mixture", "export", out]
    for second in (link, tmp_path / "x" / ".." / "out", out / "clip" / "masks"):
        result = call(*chain, "group-components", "export", second, "--as", "labels")
        assert result.exit_code == 2, result.output
    state = out / "clip" / "tracks.csv"
    line = ["read", clip, "subtract-mixture", "--state", state, "group-components", "export", out]
    assert call(*line, "--as", "tracks").exit_code == 2
    assert contents(tmp_path) == {"clip.mkv": clip.read_bytes(), "link": str(out)}


# --- names ------------------------------------------------------------------------------------

STRANGE = [
    "...mkv", "..mkv", "....mkv", ".mkv", "CON.mkv", "nul.mkv", "aux.tar.mkv", "com1.mkv", "a..mkv",
    "a .mkv", " .mkv", "\n.mkv", "\x1b[2J.mkv", "-rf.mkv", "~.mkv", "%s.mkv", "masks.mkv",
    "run.json.mkv", ".run.lock.mkv", "ü" * 125 + ".mkv", "字" * 83 + "ab.mkv", "a\\b.mkv",
    "\u202egnp.mkv", "a:b.mkv", "*.mkv",
]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_everything_stays_below_out_in_a_folder_of_its_own(clip, tmp_path, name):
    room = tmp_path / "room"
    (room / "in").mkdir(parents=True)
    shutil.copy(clip, room / "in" / name)
    before = contents(room)
    result = call(
        "read", room / "in" / name, "--stop", "2", "subtract-mixture", "--state", f"{room}/s/",
        "export", room / "deep" / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    new = contents(room).keys() - before.keys()
    (folder,) = (room / "deep" / "out").iterdir()
    assert new == {f"s/{folder.name}.state"} | {
        f"deep/out/{folder.name}/{made}"
        for made in ("run.json", "masks/000000.png", "masks/000001.png")
    }
    assert folder.name.isprintable()
    assert name_of(str(room / "in" / name)) == folder.name


@pytest.mark.parametrize(
    "given",
    ["rtsp://host/..", "http://h/a/..?x=/../..", "rtsp://u:p@host", "http://h/...mp4?q", "x://",
     "rtsp://h/%2e%2e/", "http://h/a#/../b", "http://h/.?../", "sample:../../x", "..", ".", "/"],
)  # fmt: skip
def test_addresses_and_dots_lead_nowhere(given):
    name = name_of(given)
    assert name == as_folder(name)
    assert not set(name) & set("/\\\0")
    assert name not in ("", ".", "..")


def test_names_stay_apart_on_file_systems_without_cases(make_clip, tmp_path):
    paths = [
        make_clip(name, 4)
        for name in ("A.mkv", "a.mkv", "ä.mkv", "a\u0308.mkv", "x\ny.mkv", "x_y.mkv")
    ]
    names = sequence_names([str(path) for path in paths])
    assert len({name.casefold() for name in names}) == len(names)
    chain = ["subtract-mixture", "export", tmp_path / "out"]
    assert call("read", *paths, *chain).exit_code == 0
    assert len(list((tmp_path / "out").rglob("run.json"))) == len(paths)


def test_long_names_keep_what_tells_them_apart():
    first, second = as_folder("字" * 200 + "1"), as_folder("字" * 200 + "2")
    assert first != second
    assert all(len(name.encode()) <= 200 for name in (first, second))


# --- resumed ----------------------------------------------------------------------------------


def _empty(path):
    path.write_bytes(b"")


def _cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def _cut_short(path):
    path.write_bytes(path.read_bytes()[:20])


def _zeros(path):
    path.write_bytes(bytes(len(path.read_bytes())))


def _flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 4
    path.write_bytes(content)


def _garbage(path):
    path.write_bytes(np.random.default_rng(0).bytes(500))


def _gone(path):
    path.unlink()


@pytest.mark.parametrize("harm", [_empty, _cut, _cut_short, _zeros, _flipped, _garbage, _gone])
@pytest.mark.parametrize("name", ["masks/000003.png", "objects.json", "masks.mkv", "overlay.mp4"])
def test_resume_makes_again_what_is_damaged(tmp_path, name, harm, whole_run, monkeypatch):
    shutil.copytree(whole_run, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    out = Path("out")
    before = contents(out)
    harm(out / "clip" / name)
    assert contents(out) != before
    result = found("clip.mkv", out, "--resume")
    assert result.exit_code == 0, result.output
    assert name.split("/")[0] in result.output
    assert contents(out) == before


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A folder with a clip and all the outputs of a finished run."""
    folder = tmp_path_factory.mktemp("whole")
    write_video(folder / "clip.mkv", moving_square(8)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert found("clip.mkv", Path("out")).exit_code == 0
    return folder


def test_what_stands_beside_an_output_is_ours_too_after_a_kill(clip, tmp_path, monkeypatch):
    """A run was killed when all its files were there, and its record did not say so yet."""

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    formats = ["--as", "synopsis", "--as", "tracks"]
    with monkeypatch.context() as patch:
        patch.setattr("segment.cli.record.finish", kill)
        with pytest.raises(Killed):
            found(clip, tmp_path / "out", formats=formats)
    assert (tmp_path / "out" / "clip" / "synopsis.json").exists()
    for option in ("--resume", "--overwrite"):
        result = found(clip, tmp_path / "out", option, formats=formats)
        assert result.exit_code == 0, result.output


# --- what lies beside the sequences' folders, and what is kept beside outputs -------------------


@pytest.mark.parametrize("name", ["summary.csv", "report.jsonl", "Report.1of2.JSONL", "index.html"])
def test_a_sequence_is_not_called_like_the_summary_of_many(clip, tmp_path, name):
    assert as_folder(name) == f"{name}_"
    other = tmp_path / f"{name}.mkv"
    shutil.copy(clip, other)
    result = call("read", clip, other, "subtract-mixture", "export", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out" / f"{name}_" / "masks").glob("*.png"))) > 1
    assert (tmp_path / "out" / "summary.csv").is_file()


@pytest.mark.parametrize("place", ["run.json", "masks", "masks/000000.png", "masks/deeper/a.state"])
def test_a_state_does_not_lie_among_outputs(clip, tmp_path, place):
    state = tmp_path / "out" / clip.stem / place
    result = call("read", clip, "subtract-mixture", "--state", state, "export", tmp_path / "out")
    assert result.exit_code == 2, result.output
    assert len(result.output.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_state_beside_outputs_is_kept(clip, tmp_path):
    state = tmp_path / "out" / clip.stem / "a.state"
    result = call("read", clip, "subtract-mixture", "--state", state, "export", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert state.is_file()


def test_a_state_behind_a_link_that_leads_nowhere(clip, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    result = call("read", clip, "subtract-mixture", "--state", loop, "export", tmp_path / "out")
    assert result.exit_code == 1
    assert "leads nowhere" in result.output
    assert loop.is_symlink()


@pytest.mark.parametrize(
    "line",
    [
        "read {} subtract export ''",
        "read {} subtract --state '' export o",
        "read {} subtract --state= export o",
        "read {} '' subtract export o",
        "info ''",
    ],
)
def test_an_empty_word_is_told(clip, tmp_path, line, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(*shlex.split(line.format(clip)))
    assert result.exit_code == 2, result.output
    assert "empty word" in result.output
    assert os.listdir(tmp_path) == [clip.name]
