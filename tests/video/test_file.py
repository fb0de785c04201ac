"""Videos as they should be, and as phones, cameras and broadcasters make them."""

import logging
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from segment.video import open_frames
from tests.conftest import write_video
from tests.video.makers import SIZE, scenes, write, write_grey
from tests.video.reading import read


def test_ffv1_comes_back_exactly(tmp_path):
    images = scenes(12)
    source, frames = read(write_video(tmp_path / "clip.mkv", images))

    np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == [t / 25 for t in range(12)]
    assert source.info.name == "clip"
    assert source.info.size == SIZE
    assert source.info.rate == 25
    assert source.info.length == 12
    assert not source.damage


def test_ffv1_grey_comes_back_exactly_with_one_channel(tmp_path):
    images = scenes(5)[:, :, :, :1]
    source, frames = read(write_video(tmp_path / "grey.mkv", images))

    np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert not source.damage


SOUND = {
    "h264.mp4": {},
    "h264.mov": {},
    "h264.mkv": {},
    "h264.avi": {"options": {"bf": "0"}},
    "b-frames.avi": {},
    "h264.ts": {},
    "h264.flv": {},
    "raw.h264": {},
    "mpeg4.mp4": {"codec": "mpeg4"},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "vp8.webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "prores.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
    "odd.mkv": {"codec": "ffv1", "pixels": "bgr0", "rate": Fraction(30000, 1001)},
    "fragments.mp4": {"mux": {"movflags": "frag_keyframe+empty_moov"}},
    "open-gop.mp4": {"options": {"g": "8", "x264-params": "open-gop=1:scenecut=0"}},
    "intra-refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=10"}},
    "long-sound.mkv": {"audio": 3.0},
    "long-sound.mp4": {"audio": 3.0},
    "long-sound.flv": {"audio": 3.0},
    "short-sound.mkv": {"audio": 0.3},
    "irregular.mkv": {"stamps": np.cumsum(np.arange(40) % 7 * 35 + 10)},
    "irregular.mp4": {"stamps": np.cumsum(np.arange(40) % 7 * 35 + 10)},
    "pause.mkv": {"stamps": np.arange(40) * 40 + (np.arange(40) > 25) * 5000, "audio": 7.0},
    "pause.mp4": {"stamps": np.arange(40) * 40 + (np.arange(40) > 25) * 5000},
    "late.mkv": {"stamps": np.arange(40) * 40 + 10_000},
    "late.mp4": {"stamps": np.arange(40) * 40 + 10_000},
    "late.ts": {"stamps": np.arange(40) * 40 + 10_000},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:bframes=4"}},
    "hevc.ts": {"codec": "libx265", "options": {"x265-params": "log-level=none:bframes=4"}},
    "windows.wmv": {"codec": "wmv2"},
    "plain.y4m": {"codec": "wrapped_avframe"},
    "moving.apng": {"codec": "apng", "pixels": "rgb24"},
    "moving.gif": {"codec": "gif", "pixels": "rgb8"},
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_gives_every_frame_and_reports_no_damage(tmp_path, name):
    options = dict(SOUND[name])
    source, frames = read(write(tmp_path / name, scenes(40), **options))

    assert len(frames) == 40
    assert not source.damage, source.damage
    assert all(frame.image.shape == (*SIZE, 3) for frame in frames)
    times = [frame.time for frame in frames]
    assert times[0] == 0.0
    assert times == sorted(times)


def test_a_rate_that_is_no_whole_number_stays_exact(tmp_path):
    rate = Fraction(30000, 1001)
    source, frames = read(write(tmp_path / "ntsc.mp4", scenes(9), rate=rate))

    assert source.info.rate == rate
    assert [frame.time for frame in frames] == pytest.approx([float(t / rate) for t in range(9)])


def test_variable_rate_times_are_the_written_ones(tmp_path):
    stamps = np.array([0, 17, 50, 51, 400, 1000, 1040])
    source, frames = read(write(tmp_path / "phone.mp4", scenes(7), stamps=stamps))

    assert [frame.time for frame in frames] == pytest.approx(stamps / 1000, abs=1e-9)
    assert source.info.length == 7


def test_a_start_that_is_not_zero_is_subtracted(tmp_path):
    stamps = 10_000 + 40 * np.arange(6)
    source, frames = read(write(tmp_path / "late.mkv", scenes(6), stamps=stamps))

    assert [frame.time for frame in frames] == pytest.approx(0.04 * np.arange(6), abs=1e-9)
    assert source.start == pytest.approx(10.0)
    assert source.info.length == 6
    assert not source.damage


def test_raw_h264_without_time_stamps_counts_by_the_rate(tmp_path):
    path = write(tmp_path / "raw.h264", scenes(10))

    source, frames = read(path)
    assert [frame.time for frame in frames] == [t / 25 for t in range(10)]
    assert source.info.length is None

    source, frames = read(path, rate=10)
    assert source.info.rate == 10
    assert [frame.time for frame in frames] == [t / 10 for t in range(10)]


def test_joined_recordings_keep_one_size_and_a_clock_that_never_runs_back(tmp_path, caplog):
    first = write(tmp_path / "a.ts", scenes(30))
    second = write(tmp_path / "b.ts", scenes(8, size=(94, 126)))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())

    with caplog.at_level(logging.WARNING, "segment.video"):
        source, frames = read(joined)

    assert len(frames) == 38
    assert {frame.image.shape for frame in frames} == {(*SIZE, 3)}
    assert source.size_changes == 8
    assert len(caplog.records) == 1
    assert "(94, 126)" in caplog.text
    times = np.array([frame.time for frame in frames])
    assert np.diff(times) == pytest.approx(np.full(37, 0.04), abs=1e-6)
    assert source.damage.lost == source.damage.flagged == 0


@pytest.mark.parametrize("rotation", [0, 90, -90, 180])
def test_a_phone_held_upright_gives_upright_frames(tmp_path, rotation):
    corner = np.zeros((3, 46, 62, 3), np.uint8)
    corner[:, :12, :16] = (250, 20, 20)  # red, top left as stored
    corner[:, -12:, -16:] = (20, 20, 250)  # blue, bottom right
    path = write(tmp_path / "phone.mp4", corner, pixels="yuv444p", rotation=rotation)

    source, frames = read(path)
    peer = cv2.VideoCapture(str(path)).read()[1][:, :, ::-1]

    stored = corner[0]
    upright = np.rot90(stored, {0: 0, 90: 1, -90: 3, 180: 2}[rotation])
    image = frames[0].image
    assert source.info.size == image.shape[:2] == upright.shape[:2]
    assert source.rotation == rotation % 360
    assert np.abs(image.astype(int) - upright).mean() < 5
    assert np.abs(image.astype(int) - peer).max() <= 3
    assert image.flags.c_contiguous


@pytest.mark.parametrize(
    ("pixels", "bits"), [("gray", 8), ("gray10le", 10), ("gray12le", 12), ("gray16le", 16)]
)
def test_deep_grey_is_scaled_by_its_full_range(tmp_path, pixels, bits):
    deepest = 2**bits - 1
    plane = np.linspace(0, deepest, 46 * 62).reshape(1, 46, 62)
    plane = plane.astype(np.uint8 if bits == 8 else np.uint16)

    _, frames = read(write_grey(tmp_path / "deep.mkv", plane, pixels))

    wanted = np.rint(plane[0] * (255 / deepest))
    np.testing.assert_array_equal(frames[0].image[:, :, 0], wanted)


def test_ten_bit_colour_looks_like_eight_bit_colour(tmp_path):
    images = np.full((3, 46, 62, 3), (200, 90, 30), np.uint8)
    images[:, :, 30:] = (20, 130, 240)

    _, shallow = read(write(tmp_path / "8.mp4", images, options={"qp": "0"}))
    source, deep = read(
        write(tmp_path / "10.mp4", images, pixels="yuv420p10le", options={"qp": "0"})
    )

    assert source.pixels == "yuv420p10le"
    assert deep[0].image.dtype == np.uint8
    away = np.abs(deep[0].image.astype(int) - images[0])[:, np.r_[:26, 34:62]]
    assert away.max() <= 3
    assert np.abs(deep[0].image.astype(int) - shallow[0].image)[:, np.r_[:26, 34:62]].max() <= 3


def test_full_range_is_not_stretched_once_more(tmp_path):
    """Taken for limited range, 200 would come back as 214 and 60 as 51."""
    image = np.full((46, 62, 3), 200, np.uint8)
    image[:, 30:] = 60
    limited = write(tmp_path / "limited.mp4", [image] * 2)
    jpeg = write(tmp_path / "jpeg.avi", [image] * 2, codec="mjpeg", pixels="yuvj420p")
    full = tmp_path / "full.webm"
    with av.open(str(full), "w") as out:
        stream = out.add_stream("libvpx-vp9", rate=25, options={"lossless": "1"})
        stream.height, stream.width, stream.pix_fmt = 46, 62, "yuv420p"
        stream.codec_context.color_range = 2
        picture = av.VideoFrame.from_ndarray(image, format="rgb24")
        out.mux(stream.encode(picture.reformat(format="yuv420p", dst_color_range=2)))
        out.mux(stream.encode())

    for path in (limited, jpeg, full):
        _, frames = read(path)
        away = np.abs(frames[0].image.astype(int) - image)[:, np.r_[:26, 34:62]]
        assert away.max() <= 5, path


@pytest.mark.parametrize("size", [(45, 61), (1, 1), (3, 130), (47, 62)])
def test_odd_sizes(tmp_path, size):
    images = scenes(4, size=(50, 140))[:, : size[0], : size[1]]
    source, frames = read(write_video(tmp_path / "odd.mkv", np.ascontiguousarray(images)))

    assert source.info.size == size
    np.testing.assert_array_equal([frame.image for frame in frames], images)


def test_transparency_is_dropped(tmp_path):
    path = tmp_path / "alpha.mkv"
    images = scenes(3)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 46, 62, "bgra"
        for image in images:
            alpha = np.dstack([image, np.full(SIZE, 7, np.uint8)])
            picture = av.VideoFrame.from_ndarray(alpha, format="rgba")
            out.mux(stream.encode(picture.reformat(format="bgra")))
        out.mux(stream.encode())

    _, frames = read(path)

    np.testing.assert_array_equal([frame.image for frame in frames], images)


def test_a_film_beside_a_cover_is_the_film(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        large = out.add_stream("ffv1", rate=25)
        large.height, large.width, large.pix_fmt = 46, 62, "bgr0"
        small = out.add_stream("ffv1", rate=25)
        small.height, small.width, small.pix_fmt = 22, 30, "bgr0"
        for one, two in zip(scenes(5), scenes(5, size=(22, 60))[:, :, :30], strict=True):
            for stream, image in ((large, one), (small, np.ascontiguousarray(two))):
                picture = av.VideoFrame.from_ndarray(image, format="rgb24")
                out.mux(stream.encode(picture.reformat(format="bgr0")))
        out.mux(large.encode())
        out.mux(small.encode())

    source, frames = read(path)

    assert source.info.size == SIZE
    assert len(frames) == 5
    assert not source.damage


def test_names_with_colons_signs_and_letters_of_the_world(tmp_path):
    for name in ("a:b.mkv", "-dash.mkv", "100%d.mkv", "straße 東京.mkv", "#1?.mkv"):
        path = write_video(tmp_path / name, scenes(2))
        source, frames = read(path)
        assert len(frames) == 2
        assert source.info.name == path.stem


def test_images_are_the_callers_own(tmp_path):
    """Writing into a frame changes no later one, though decoders predict from earlier ones."""
    images = scenes(10)[:, :, :, :1]
    path = write_video(tmp_path / "grey.mkv", images, options={"g": "10"})

    with open_frames(path) as source:
        kept = []
        for frame in source:
            kept.append(frame.image.copy())
            frame.image[:] = 0

    np.testing.assert_array_equal(kept, images)
