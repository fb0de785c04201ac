"""Inputs and outputs that lie in a store, of which fsspec's memory:// stands for all."""

import json

import fsspec
import pytest

import segment
from segment import stores
from segment.errors import ChainError, InputError, OutputError, SegmentError
from tests.conftest import moving_square, write_video

CHAIN = "subtract-mixture clean group-components export"


@pytest.fixture(autouse=True)
def memory(monkeypatch, tmp_path):
    """An empty store, and a folder of its own for what is on its way there."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    place = fsspec.filesystem("memory")
    place.store.clear()
    place.pseudo_dirs[:] = [""]
    yield place
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def clips(tmp_path, memory):
    """Two clips in a folder; in the store the same, whose index lies at the end."""
    (tmp_path / "in").mkdir()
    for seed, name in enumerate(("gate", "road")):
        images, _ = moving_square(30, size=(48, 64), seed=seed)
        path = write_video(tmp_path / f"in/{name}.mp4", images, codec="libx264")
        memory.pipe(f"/cams/{name}.mp4", path.read_bytes())
    return tmp_path / "in"


def made(folder):
    """The files that a run leaves, without what says when and where."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in (".png", ".csv") and path.name != "summary.csv"
    }


def stored(memory, top):
    return {
        name.removeprefix(f"{top}/"): memory.cat(name)
        for name in memory.find(top)
        if name.endswith((".png", ".csv")) and not name.endswith("summary.csv")
    }


def test_a_film_is_read_in_blocks_and_its_outputs_are_there_as_from_a_disk(clips, memory, tmp_path):
    segment.run(f"read {clips}/gate.mp4 {clips}/road.mp4 {CHAIN} {tmp_path}/out --as masks")
    report = segment.run(
        f"read memory://cams/gate.mp4 memory://cams/road.mp4 {CHAIN} memory://out --as masks"
    )
    assert report.exit_code == 0
    assert stored(memory, "/out") == made(tmp_path / "out")
    assert report.sequences[0].outputs[0] == "memory://out/gate/masks"
    assert json.loads(memory.cat("/out/gate/run.json"))["complete"] is True
    assert memory.cat("/out/summary.csv").startswith(b"sequence,state")
    assert not list((tmp_path / "tmp").rglob("*.png")), "what was delivered is not left here"


@pytest.mark.parametrize("given", ["'memory://cams/*.mp4'", "--recursive memory://cams",
                                   "--from memory://list.txt"])  # fmt: skip
def test_patterns_folders_and_lists(clips, memory, tmp_path, given):
    memory.pipe("/list.txt", b"memory://cams/gate.mp4\nmemory://cams/road.mp4\n")
    report = segment.run(f"read {given} subtract-mixture export {tmp_path}/out --as video")
    assert [one.name for one in report.sequences] == ["gate", "road"]
    assert report.exit_code == 0


def test_what_was_delivered_is_left_alone_by_resume_and_refused_without(clips, memory):
    line = f"read memory://cams/gate.mp4 {CHAIN} memory://out --as masks"
    segment.run(line)
    with pytest.raises(OutputError, match="is there already; add --overwrite or --resume"):
        segment.run(line)
    assert segment.run(f"{line} --resume").sequences[0].already
    memory.pipe("/cams/gate.mp4", memory.cat("/cams/road.mp4") + b"\0")
    with pytest.raises(OutputError, match="before that file was changed"):
        segment.run(f"{line} --resume")
    assert not segment.run(f"{line} --overwrite").sequences[0].already


def test_another_one_s_files_are_never_replaced(clips, memory):
    memory.pipe("/out/gate/tracks.csv", b"mine")
    with pytest.raises(OutputError, match="not made by segment"):
        segment.run(f"read memory://cams/gate.mp4 {CHAIN} memory://out --overwrite")
    assert memory.cat("/out/gate/tracks.csv") == b"mine"


def test_a_store_that_fails_has_no_complete_record_and_resume_brings_the_rest(
    clips, memory, monkeypatch
):
    line = f"read memory://cams/gate.mp4 {CHAIN} memory://out --as masks"
    put, left = stores.put, iter(range(3))

    def fail(path, address):
        if next(left, None) is None:
            raise OutputError(f"{address}: the store says no room (Full)")
        put(path, address)

    monkeypatch.setattr(stores, "put", fail)
    with pytest.raises(SegmentError, match="no room") as failed:
        segment.run(line)
    assert "\n" not in str(failed.value)
    assert json.loads(memory.cat("/out/gate/run.json"))["complete"] is False
    monkeypatch.setattr(stores, "put", put)
    segment.run(f"{line} --resume")
    assert json.loads(memory.cat("/out/gate/run.json"))["complete"] is True
    assert len(memory.find("/out/gate/masks")) == 30


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("read memory://cams/none.mp4 subtract export {}", "no such file"),
        ("read memory://a::memory://b subtract export {}", "chain of addresses"),
        ("read memory://list.m3u8 subtract export {}", "HLS playlist"),
        ("read 'memory://cams/x*.mp4' subtract export {}", "no file is called"),
        ("read --from memory://none.txt subtract export {}", "no such file"),
        ("read sample:street subtract export https://host/out", "nothing can be written"),
        ("read sample:street subtract export s3://", "a store without a place in it"),
        ("--jobs 2 read sample:street subtract export memory://out", "do not share"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(memory, tmp_path, line, wanted):
    memory.pipe("/list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n")
    with pytest.raises((InputError, OutputError, ChainError), match=wanted) as refused:
        segment.run(line.format(tmp_path / "out"))
    assert "\n" not in str(refused.value)


def test_a_password_is_not_shown():
    address = "s3://key:se/cret@host/bucket/a.mp4?token=1"
    assert "token" not in stores.told(address)
    assert stores.told("s3://key:secret@bucket/a.mp4") == "s3://bucket/a.mp4"
