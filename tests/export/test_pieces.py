"""Pieces for other tools: clips with their sound, crops, and Cell Tracking Challenge folders."""

import json
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

import segment
from segment import pipeline
from segment.cli import main
from segment.errors import ChainError, OutputError
from segment.events import Line, Scene, Watcher, Zone
from segment.export import FORMATS, Chosen, Origin
from segment.frame import Frame, SequenceInfo

RATE = 20
SIZE = (96, 160)
GATE = Zone("the gate", ((60, 0), (100, 0), (100, 95), (60, 95)))
ROAD = Line("road", ((80, 0), (80, 95)))


def frames(walks, count, size=SIZE):
    """Frames in which object n goes right from frame walks[n] on, 2 pixels a frame; t is drawn.

    A grey bar at the top is t levels bright, so that a frame can be told from its picture.
    """
    info = SequenceInfo("yard", size, Fraction(RATE), count)
    plain = np.random.default_rng(0).integers(70, 90, (*size, 3), np.uint8)
    for t in range(count):
        image, labels = plain.copy(), np.zeros(size, np.int32)
        image[:16] = 20 + t
        for number, (begin, row) in walks.items():
            x = 2 * (t - begin)
            if 0 <= x < size[1]:
                image[row : row + 20, x : x + 12] = (230, 30 * number % 200, 60)
                labels[row : row + 20, x : x + 12] = number
        yield Frame(image, t, t / RATE, info, foreground=labels > 0, labels=labels)


def export(folder, stream, name, scene=None, **settings):
    scene = Scene((GATE,), (ROAD,), before=0.5, after=0.75) if scene is None else scene
    sink = FORMATS[name](folder, **settings)
    for _ in pipeline.export(pipeline.watch(stream, Watcher(scene, merge=0.5)), sink):
        pass
    return folder / FORMATS[name].output


def levels(path):
    """Which frames a clip shows, by the bar at their top."""
    with av.open(str(path)) as video:
        return [
            round(float(f.to_ndarray(format="gray")[3:12].mean())) for f in video.decode(video=0)
        ]


def test_a_clip_shows_its_event_and_the_seconds_around_it(tmp_path):
    folder = export(tmp_path, frames({1: (30, 30), 2: (150, 60)}, 235), "clips")
    names = sorted(path.name for path in folder.iterdir())
    assert [name.split("-")[1] for name in names] == ["motion.mp4"] * 2
    for name, begin in zip(names, (30, 150), strict=True):
        first = int(name[:6])
        assert abs(first - begin) <= 2
        shown = levels(folder / name)
        # Half a second before, three quarters after, each frame once: 80 frames of the walk.
        last = min(begin + 79 + 15, 234)
        assert abs(len(shown) - (last - first + 10 + 1)) <= 2
        assert np.all(np.diff(shown) >= -1)
        with av.open(str(folder / name)) as video:
            stream = video.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            assert float(stream.duration * stream.time_base) == pytest.approx(
                len(shown) / 20, abs=0.06
            )


def test_clips_are_there_before_the_input_ends(tmp_path):
    sink = FORMATS["clips"](tmp_path)
    watched = pipeline.watch(
        frames({1: (20, 30)}, 230), Watcher(Scene(before=0.2, after=0.2), merge=0.5)
    )
    with sink:
        for frame in watched:
            sink.write(frame)
            if frame.index == 140:
                assert len(list((tmp_path / "clips").iterdir())) == 1


def test_what_is_chosen_is_shown_and_nothing_else(tmp_path):
    walks = {1: (0, 30), 2: (40, 60)}
    by = {
        "one": Chosen(ids=frozenset({2})),
        "zone": Chosen(places=frozenset({"the gate"})),
        "crossed": Chosen(kinds=frozenset({"cross"})),
        "both": Chosen(ids=frozenset({1}), kinds=frozenset({"enter", "leave"})),
    }
    found = {
        name: sorted(
            path.stem.split("-", 1)[1]
            for path in export(
                tmp_path / name, frames(walks, 125), "clips", chosen=chosen
            ).iterdir()
        )
        for name, chosen in by.items()
    }
    assert found["one"] == ["object-2-the-gate"]
    assert found["zone"] == ["object-1-the-gate", "object-2-the-gate"]
    assert found["crossed"] == ["cross-1-road", "cross-2-road"]
    assert found["both"] == ["enter-1-the-gate", "leave-1-the-gate"]
    crops = export(tmp_path, frames(walks, 125), "crops", chosen=by["one"])
    assert [path.name for path in crops.iterdir()] == ["000002.png"]


def test_only_reads_ids_kinds_and_names():
    chosen = Chosen.parse(["3", "cross", "gate", "zone:left", "id:12", "a: b"])
    assert chosen.ids == {3, 12}
    assert chosen.kinds == {"cross"}
    assert chosen.places == {"gate", "left", "a: b"}
    for odd in ("", "id:x", "kind:walk", "0", "zone: "):
        with pytest.raises(ValueError, match="wanted"):
            Chosen.parse([odd])


@pytest.mark.parametrize("drawn", [False, True])
def test_outlines_are_drawn_where_they_are_asked_for(tmp_path, drawn):
    folder = export(tmp_path, frames({1: (10, 40)}, 60), "clips", drawn=drawn)
    with av.open(str(next(folder.iterdir()))) as video:
        pictures = [f.to_ndarray(format="rgb24") for f in video.decode(video=0)]
    with_clock = pictures[-1][-12:, :40].max() > 200  # the plate with the time has light letters
    assert with_clock == drawn


# --- sound ----------------------------------------------------------------------------------


def talkie(path, codec, seconds=6.0, rate=16000):
    """A film whose sound is a tone of 500 Hz from second 2 to 4, and silence around it."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE)
        video.height, video.width, video.pix_fmt = 64, 64, "yuv420p"
        audio = out.add_stream(codec, rate=rate, layout="mono")
        for _ in range(int(seconds * RATE)):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
            out.mux(video.encode(picture))
        out.mux(video.encode())
        times = np.arange(int(seconds * rate)) / rate
        tone = 0.5 * np.sin(2 * np.pi * 500 * times) * ((times >= 2) & (times < 4))
        wave = (tone * 32767).astype(np.int16)
        for n in range(0, len(wave), 1024):
            part = av.AudioFrame.from_ndarray(wave[None, n : n + 1024], format="s16", layout="mono")
            part.sample_rate, part.pts = rate, n
            out.mux(audio.encode(part))
        out.mux(audio.encode())
    return path


def loud(path):
    """First and last second at which a clip is loud, on the clock of its pictures."""
    with av.open(str(path)) as clip:
        begin, wave, rate = None, [], 1
        for sound in clip.decode(audio=0):
            begin = sound.time if begin is None else begin
            rate = sound.sample_rate
            wave.append(sound.to_ndarray().astype(float).reshape(-1)[: sound.samples])
    level = np.abs(np.concatenate(wave))
    times = begin + np.flatnonzero(level > 0.2 * level.max()) / rate
    return times[0], times[-1]


@pytest.mark.parametrize(("codec", "ending"), [("aac", "mp4"), ("pcm_s16le", "mkv")])
def test_sound_is_kept_and_stays_in_step(tmp_path, codec, ending):
    film = talkie(tmp_path / f"talk.{ending}", codec)
    stream = list(frames({1: (30, 40)}, 120))
    folder = export(tmp_path, stream, "clips", origin=Origin(film))
    (clip,) = folder.iterdir()
    start = int(clip.name[:6]) / RATE - 0.5
    first, last = loud(clip)
    assert first == pytest.approx(2 - start, abs=0.08)
    assert last == pytest.approx(4 - start, abs=0.08)


def test_a_film_without_sound_gives_clips_without(tmp_path):
    stream = frames({1: (5, 40)}, 60)
    (clip,) = export(tmp_path, stream, "clips", origin=Origin(tmp_path / "none.mp4")).iterdir()
    with av.open(str(clip)) as video:
        assert not video.streams.audio


# --- what clips cost ------------------------------------------------------------------------


def test_frames_that_no_clip_can_need_leave_the_disk(tmp_path):
    from segment.export.spool import Spool

    spool = Spool(tmp_path, (32, 48), Fraction(10))
    image = np.zeros((32, 48, 3), np.uint8)
    for t in range(2000):
        spool.add(image, t / 10)
        spool.forget(t / 10 - 5)
    assert len(spool.chunks) <= 3
    spool.finish()
    assert spool.cut(tmp_path / "a.mp4", 197.0, 198.0)
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert len(list(video.decode(video=0))) == 11
    assert not spool.cut(tmp_path / "b.mp4", 1e4, 1e5)
    spool.close()


# --- crops ----------------------------------------------------------------------------------


def test_a_crop_is_the_largest_that_the_border_does_not_cut(tmp_path):
    folder = export(tmp_path, frames({1: (0, 30), 7: (20, 60)}, 110), "crops")
    assert sorted(path.name for path in folder.iterdir()) == ["000001.png", "000007.png"]
    crop = cv2.imread(str(folder / "000007.png"))[:, :, ::-1]
    assert crop.shape == (20 + 2 * 5, 12 + 2 * 5, 3)
    assert tuple(crop[15, 11]) == (230, 10, 60)


# --- Cell Tracking Challenge ----------------------------------------------------------------


def ctc_of(folder):
    masks = [tifffile.imread(path) for path in sorted(folder.glob("mask*.tif"))]
    text = (folder / "res_track.txt").read_text()
    return masks, [tuple(map(int, line.split())) for line in text.splitlines()]


def check_ctc(masks, tracks):
    """The challenge's rules of a valid result."""
    assert len({label for label, *_ in tracks}) == len(tracks)
    spans = {label: (begin, end) for label, begin, end, _ in tracks}
    for label, begin, end, parent in tracks:
        assert 0 <= begin <= end < len(masks)
        assert parent == 0 or spans[parent][1] < begin
        there = [t for t, mask in enumerate(masks) if (mask == label).any()]
        assert there == list(range(begin, end + 1)), label
    assert all(mask.dtype == np.uint16 for mask in masks)
    assert set(np.unique(masks)) - {0} == set(spans)


def test_tracks_for_the_cell_tracking_challenge_keep_its_rules(tmp_path):
    stream = []
    for frame in frames({1: (0, 30), 700000: (10, 60)}, 40):
        hidden = 15 <= frame.index < 20
        labels = np.where(hidden & (frame.labels == 1), 0, frame.labels)
        stream.append(replace(frame, labels=labels, index=100 + 3 * frame.index))
    folder = export(tmp_path, stream, "ctc")
    masks, tracks = ctc_of(folder)
    check_ctc(masks, tracks)
    assert tracks == [(1, 0, 14, 0), (2, 10, 39, 0), (3, 20, 39, 1)]
    np.testing.assert_array_equal(masks[25] == 3, stream[25].labels == 1)


def test_numbers_of_many_masks_have_as_many_digits(tmp_path):
    info = SequenceInfo("long", (2, 3), Fraction(25))
    labels = np.ones((2, 3), np.int32)
    with FORMATS["ctc"](tmp_path) as sink:
        for t in range(1003):
            sink.write(Frame(np.zeros((2, 3, 1), np.uint8), t, t / 25, info, labels=labels))
    names = sorted(path.name for path in (tmp_path / "ctc").glob("mask*"))
    assert names == [f"mask{t:04}.tif" for t in range(1003)]


# --- the line -------------------------------------------------------------------------------


@pytest.fixture
def film(make_clip):
    return make_clip("film.mkv", length=60)


LINE = "subtract-mixture clean group-components events --zone 'gate: 5,5 40,5 40,40 5,40'"


def test_folders_are_made_resumed_and_replaced(film, tmp_path):
    out = tmp_path / "out"
    line = f"read {film} {LINE} --shortest .2s export {out} --as clips --as crops --as ctc"
    segment.run(line)
    made = json.loads((out / "film/run.json").read_text())["made"]
    assert set(made) == {"clips", "crops", "ctc", "tracks.csv"}
    assert set(made["clips"]) == {path.name for path in (out / "film/clips").iterdir()} != set()
    assert segment.run(f"{line} --resume").sequences[0].already
    clip = next((out / "film/clips").iterdir())
    clip.write_bytes(clip.read_bytes()[:-9])
    report = segment.run(f"{line} --resume").sequences[0]
    assert not report.already
    (out / "film/clips/notes.txt").write_text("mine")
    segment.run(f"{line} --overwrite")
    assert (out / "film/clips/notes.txt").read_text() == "mine"
    assert segment.run(f"{line} --resume").sequences[0].already


@pytest.mark.parametrize(
    "name", ["clips/000003-object-9.mp4", "ctc/mask001.tif", "crops/000077.png"]
)
def test_what_somebody_else_put_there_is_refused(film, tmp_path, name):
    kind = name.split("/")[0]
    line = f"read {film} {LINE} export {tmp_path / 'out'} --as {kind} --overwrite"
    path = tmp_path / "out/film" / name
    path.parent.mkdir(parents=True)
    path.write_text("holiday")
    with pytest.raises(OutputError, match="not made by segment"):
        segment.run(line)
    assert path.read_text() == "holiday"


def test_a_run_that_was_killed_is_swept_and_replaced(film, tmp_path):
    line = f"read {film} {LINE} export {tmp_path / 'out'} --as ctc --as clips"
    segment.run(line)
    folder = tmp_path / "out/film"
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(
        json.dumps({**record, "complete": False, "made": dict.fromkeys(record["made"])})
    )
    left = folder / ".ctc.123-0123abcd.part"
    left.mkdir()
    (left / "mask000.tif").write_bytes(b"II")
    (folder / "clips/000001-object-5.mp4").write_bytes(b"half")
    segment.run(f"{line} --overwrite")
    assert not left.exists()
    assert not (folder / "clips/000001-object-5.mp4").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--as clips --only yard", "--only yard: there is no such zone or line; there are 'gate'"),
        ("--as clips --only taken", "--only taken: events does not look for it; it looks for"),
        ("--as masks --only gate", "--only chooses what clips, crops"),
        ("--as clips --only id:none", "'id:none' is no id of an object"),
        ("--as masks --drawn", "--drawn is for clips"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(film, tmp_path, words, says):
    line = f"read {film} {LINE} --kind motion --kind object export {tmp_path / 'out'} {words}"
    result = CliRunner().invoke(main, line)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_a_choice_by_zone_needs_events(film, tmp_path):
    with pytest.raises(ChainError, match="put events before export"):
        segment.run(
            f"read {film} subtract-mixture group-components "
            f"export {tmp_path} --as crops --only gate"
        )
