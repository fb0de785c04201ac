"""Cut and damaged files: what decodes is delivered, what does not is counted and named."""

import logging

import av
import numpy as np
import pytest

from segment.video import VideoFile, open_frames
from tests.conftest import write_video
from tests.video.makers import blank, cut, packets_and_frames, scenes, scribble, write

FAST = {"movflags": "faststart"}  # the index in front


def read(path):
    with open_frames(path) as source:
        frames = list(source)
    return source.damage, frames


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {"mux": FAST}),
        ("h264.mov", {"mux": FAST}),
        ("h264.mkv", {}),
        ("mpeg4.mp4", {"codec": "mpeg4", "mux": FAST}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("vp9.webm", {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}}),
        ("ffv1.mkv", {"codec": "ffv1", "pixels": "bgr0"}),
        ("sound.mp4", {"mux": FAST, "audio": 3.0}),
        ("sound.mkv", {"audio": 3.0}),
        ("late.mp4", {"mux": FAST, "stamps": 40 * np.arange(80) + 9000}),
        ("late.mkv", {"stamps": 40 * np.arange(80) + 9000}),
        ("irregular.mkv", {"stamps": np.cumsum(np.arange(80) % 5 * 30 + 20)}),
    ],
)
@pytest.mark.parametrize("share", [0.45, 0.7])
def test_a_file_cut_in_the_middle(tmp_path, name, options, share):
    path = write(tmp_path / name, scenes(80), **options)
    assert not read(path)[0], "sound before the cut"
    cut(path, share)

    damage, frames = read(path)

    _, decodable, _ = packets_and_frames(path)
    assert 0 < decodable < 80
    assert len(frames) == decodable
    assert [frame.index for frame in frames] == list(range(decodable))
    # A rate that varies leaves only an estimate.
    assert damage.lost == pytest.approx(80 - decodable, abs=9 if "irregular" in name else 1)
    assert any(f"after {decodable} frames" in reason for reason in damage.reasons)
    assert all(str(path) in reason for reason in damage.reasons)


def test_a_cut_raw_stream_flags_its_last_frame(tmp_path):
    damage, frames = read(cut(write(tmp_path / "raw.h264", scenes(80)), 0.6))

    assert 20 < len(frames) < 80
    assert damage


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {"mux": FAST, "options": {"g": "20"}}),
        ("h264.mkv", {"options": {"g": "20"}}),
        ("h264.ts", {"options": {"g": "20"}}),
        ("raw.h264", {"options": {"g": "20"}}),
        ("mpeg4.mp4", {"codec": "mpeg4", "mux": FAST}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("ffv1.mkv", {"codec": "ffv1", "pixels": "bgr0"}),
    ],
)
def test_changed_bytes(tmp_path, name, options, seed):
    """Every frame a plain decoder gives is delivered, and the damage is told."""
    path = scribble(write(tmp_path / name, scenes(80), **options), seed)

    damage, frames = read(path)

    _, decodable, _ = packets_and_frames(path)
    assert len(frames) >= decodable
    assert len(frames) > 50
    assert damage.lost + damage.flagged > 0
    assert damage.reasons
    if name.endswith((".mp4", ".mkv")):
        assert len(frames) + damage.lost == pytest.approx(80, abs=1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {"mux": FAST}),
        ("h264.mkv", {}),
        ("ffv1.mkv", {"codec": "ffv1", "pixels": "bgr0"}),
        ("mpeg4.mp4", {"codec": "mpeg4", "mux": FAST}),
    ],
)
def test_a_hole_of_zeros(tmp_path, name, options):
    """What the container skips without a word is missed all the same."""
    path = write(tmp_path / name, scenes(80), **options)
    blank(path, path.stat().st_size // 8)

    damage, frames = read(path)

    assert 30 < len(frames) < 80
    assert len(frames) + damage.lost == pytest.approx(80, abs=1)
    # Where it is, in seconds; or after which frame nothing could be read. Which of both is told of
    # the last frame before a hole depends on whether the decoder's threads had complained by then.
    assert any(" s" in reason or "declared" in reason for reason in damage.reasons)


def test_the_checksums_of_ffv1_name_the_damaged_frame(tmp_path):
    """Its decoder compares them and tells nobody: a mask would be wrong in silence."""
    images = np.random.default_rng(3).integers(0, 255, (30, 46, 62, 1), dtype=np.uint8)
    options = {"level": "3", "slicecrc": "1", "g": "1"}
    path = write_video(tmp_path / "masks.mkv", images, options=options)
    with av.open(str(path)) as container:
        at = [(p.pos, p.size) for p in container.demux(video=0) if p.size][17]
    data = bytearray(path.read_bytes())
    data[at[0] + at[1] // 2] ^= 0x10
    path.write_bytes(bytes(data))

    damage, frames = read(path)

    wrong = [t for t in range(30) if (frames[t].image != images[t]).any()]
    assert wrong == [17]
    assert (damage.lost, damage.flagged) == (0, 1)
    assert "frame 17 (0.680 s)" in damage.reasons[0]


def test_lost_frames_are_named_by_their_time(tmp_path):
    """One packet of a film of pictures is made unreadable; its neighbours stay what they were."""
    images = scenes(20)
    options = {"codec": "mjpeg", "pixels": "yuvj420p", "mux": FAST}
    path = write(tmp_path / "clip.mp4", images, **options)
    _, whole = read(path)
    with av.open(str(path)) as container:
        pos, size = [(p.pos, p.size) for p in container.demux(video=0) if p.size][11]
    data = bytearray(path.read_bytes())
    data[pos : pos + size] = bytes(size)
    path.write_bytes(bytes(data))

    damage, frames = read(path)

    assert len(frames) == 19
    assert [frame.index for frame in frames] == [n for n in range(20) if n != 11]
    assert damage.lost == 1
    assert "0.440 s" in damage.reasons[0]
    assert frames[11].time == pytest.approx(12 / 25)
    np.testing.assert_array_equal(frames[11].image, whole[12].image)


def test_frames_behind_a_damaged_last_packet_are_delivered(tmp_path, monkeypatch):
    """A decoder with threads holds some back when an error ends it."""
    path = cut(write(tmp_path / "clip.mp4", scenes(80), mux=FAST), 0.6)
    before = []
    with monkeypatch.context() as without, VideoFile(path) as source:
        without.setattr("segment.video.file.rescue", lambda *a: before.append(1) or iter(()))
        with_out = len(list(source))

    with VideoFile(path) as again:
        frames = list(again)

    assert before, "nothing was held back: the file does not show the trouble"
    assert len(frames) == packets_and_frames(path)[1] > with_out
    times = [frame.time for frame in frames]
    assert times == pytest.approx([t / 25 for t in range(len(frames))])


def test_reading_gives_up_after_many_failures_and_keeps_what_it_has(tmp_path):
    path = write(tmp_path / "clip.mp4", scenes(250), codec="mjpeg", pixels="yuvj420p", mux=FAST)
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for pos, size in places[10:]:
        data[pos : pos + size] = bytes(size)
    path.write_bytes(bytes(data))

    damage, frames = read(path)

    assert len(frames) == 10
    assert damage.lost == 240
    assert any("gave up after 100 failures" in reason for reason in damage.reasons)
    assert len(damage.reasons) <= damage.MOST_REASONS


def test_damage_is_not_printed(tmp_path, capfd):
    with open_frames(scribble(write(tmp_path / "a.mkv", scenes(80)))) as source:
        list(source)

    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("libav").level == logging.WARNING


def test_stopping_early_tells_the_damage_up_to_there(tmp_path):
    path = blank(write(tmp_path / "clip.mkv", scenes(80), codec="ffv1", pixels="bgr0"), 20_000)
    whole, frames = read(path)

    with open_frames(path) as source:
        for frame in source:
            if frame.index == 5:
                break
    assert not source.damage

    with open_frames(path) as source:
        for frame in source:
            if frame.index == len(frames) - 2:
                break
    assert source.damage.lost == whole.lost > 0
    assert source.damage.reasons == whole.reasons


def test_a_transport_stream_that_begins_in_mid_picture_tells_how_many_frames_cannot_be_decoded(
    tmp_path,
):
    settings = {"g": "30", "bf": "0", "sc_threshold": "0"}
    path = write(tmp_path / "a.ts", scenes(74), options=settings)
    assert not read(path)[0]
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    # Behind the tables and the first 16 pictures: 14 are left before the next key frame.
    path.write_bytes(data[: 3 * 188] + data[packets[16].pos // 188 * 188 :])

    damage, frames = read(path)

    assert len(frames) == 44
    assert damage.lost == 14
    assert any("begins in mid-picture, 14 frames" in reason for reason in damage.reasons)


def test_packets_that_are_missing_from_a_transport_stream_are_noticed_by_their_counters(tmp_path):
    path = write(tmp_path / "a.ts", scenes(80), codec="mpeg2video")
    data = path.read_bytes()
    whole = read(path)
    assert not whole[0]
    with av.open(str(path)) as container:
        at = [packet.pos for packet in container.demux(video=0) if packet.size][40]
    path.write_bytes(data[:at] + data[at + 188 :])

    damage, frames = read(path)

    assert damage.flagged or damage.lost
    assert len(frames) < len(whole[1])


@pytest.mark.parametrize("harm", ["overwritten", "cut"])
def test_a_gif_whose_codes_make_no_picture_is_flagged(tmp_path, harm):
    path = write(tmp_path / "a.gif", scenes(20), codec="gif", pixels="rgb8")
    assert not read(path)[0]
    data = bytearray(path.read_bytes())
    if harm == "cut":
        del data[len(data) * 2 // 3 :]
    else:
        data[len(data) // 2 : len(data) // 2 + 60] = np.random.default_rng(0).bytes(60)
    path.write_bytes(data)

    damage, _ = read(path)

    assert damage.flagged or damage.lost
    assert all(str(path) in reason for reason in damage.reasons)


def test_frames_that_are_missing_from_an_even_matroska_are_counted_by_their_times(tmp_path):
    stamps = 40 * np.arange(200)
    kept = [n for n in range(200) if n not in (90, 91, 92, 150)]
    path = write(tmp_path / "a.mkv", scenes(196), codec="ffv1", pixels="bgr0", stamps=stamps[kept])

    damage, frames = read(path)

    assert len(frames) == 196
    assert damage.lost == 4
    assert "about 3 frames after 3.560 s are missing, by the times" in damage.reasons[0]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.ts", "mpeg2video"), ("a.wmv", "wmv2"), ("a.wtv", "mpeg2video")],
)
def test_packets_that_a_recorder_lost_are_counted_and_keep_their_numbers(tmp_path, name, codec):
    with av.open(str(tmp_path / name), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        packets = []
        for image in scenes(160):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            packets += stream.encode(frame)
        packets += stream.encode()
        file.mux([packet for n, packet in enumerate(packets) if not 100 <= n < 103])

    damage, frames = read(tmp_path / name)

    assert len(frames) == 157
    assert damage.lost == 3
    assert frames[-1].index == 159


@pytest.mark.parametrize(
    "stamps",
    [
        np.cumsum(np.arange(200) % 5 * 30 + 20),  # the rate varies
        40 * np.flatnonzero(np.arange(400) % 9 != 0)[:200],  # repeated frames are left out
        np.round(np.arange(200) * 1000 / 30),  # a clock of milliseconds
        np.round(np.arange(200) * 1001 / 24),
    ],
)
def test_a_matroska_of_another_rhythm_misses_nothing(tmp_path, stamps):
    path = write(tmp_path / "a.mkv", scenes(200), codec="ffv1", pixels="bgr0", stamps=stamps)
    assert not read(path)[0]


def test_a_first_packet_that_is_damaged_does_not_switch_off_the_sums(tmp_path):
    path = write(tmp_path / "a.mkv", scenes(20), codec="ffv1", pixels="bgr0")
    with av.open(str(path)) as container:
        first = next(container.demux(video=0))
        at = first.pos + first.size // 2
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)

    assert read(path)[0].flagged == 1
