"""A part of a film has the frames, numbers and times that reading from the beginning gives."""

from fractions import Fraction

import av
import numpy as np
import pytest

from segment.video import VideoFile
from segment.video.parts import FilmPart, NotExact, survey
from tests.conftest import moving_square

# Container, encoder and its options: key frames every 12, and what decoders find hard.
KINDS = {
    "mp4": ("libx264", {"g": "12", "bf": "3"}),
    "open.mkv": ("libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
    "mov": ("mpeg4", {"g": "12", "bf": "2"}),
    "avi": ("mpeg4", {"g": "12"}),
    "motion.avi": ("mjpeg", {}),
    "ts": ("libx264", {"g": "12", "bf": "2"}),
    "mpeg.ts": ("mpeg2video", {"g": "12", "bf": "2"}),
    "mkv": ("ffv1", {}),
    "hevc.mkv": ("libx265", {"x265-params": "keyint=12:bframes=3:log-level=none"}),
    "webm": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "flv": ("flv", {"g": "12"}),
}
TIMES = {
    "even": lambda n: 40 * n,
    "varying": lambda n: 40 * n + 13 * (n % 3) + (400 if n > 30 else 0),
}


def write(path, kind, times, count=70):
    images, _ = moving_square(count, size=(48, 64), seed=5)
    codec, options = KINDS[kind]
    clock = Fraction(1, 1000)
    # With its index in front a film that is cut can be opened.
    front = {"movflags": "+faststart"} if kind == "mp4" else {}
    with av.open(str(path), "w", options=front) as container:
        stream = container.add_stream(codec, rate=25, options=dict(options))
        stream.height, stream.width = images.shape[1:3]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = (
            clock if codec not in ("mpeg4", "mpeg2video") else (Fraction(1, 25))
        )
        for n, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
                format=stream.pix_fmt
            )
            base = stream.codec_context.time_base
            frame.pts, frame.time_base = round(Fraction(times(n), 1000) / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path):
    with VideoFile(path) as film:
        found = [(f.index, f.time, f.image) for f in film]
        assert not film.damage, film.damage
    return found


def surveyed(path):
    with VideoFile(path) as film:
        return survey(film, path)


def part_of(path, found, first, last, wanted=None):
    wanted = np.ones(len(found.stamps), bool) if wanted is None else wanted
    with FilmPart(path, found.part(first, last, wanted)) as film:
        return [(f.index, f.time, f.image) for f in film]


def assert_same(found, wanted):
    assert [one[:2] for one in found] == [one[:2] for one in wanted]
    for (number, _, image), (_, _, other) in zip(found, wanted, strict=True):
        assert np.array_equal(image, other), f"frame {number}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", TIMES)
def test_every_part_is_what_the_whole_has_there(tmp_path, kind, times):
    if times == "varying" and KINDS[kind][0] in ("mpeg4", "mpeg2video", "mjpeg", "flv"):
        pytest.skip("these have a clock of one tick a frame")
    path = write(tmp_path / f"film.{kind}", kind, TIMES[times])
    whole = read(path)
    found = surveyed(path)
    assert found.numbers.tolist() == [one[0] for one in whole]
    assert found.times.tolist() == [one[1] for one in whole]
    for first, last in ((0, 24), (11, 12), (13, 36), (25, 25), (24, 59), (69, 69), (40, 69)):
        assert_same(part_of(path, found, first, last), whole[first : last + 1])


def test_what_is_not_wanted_is_left_out(tmp_path):
    path = write(tmp_path / "film.mp4", "mp4", TIMES["varying"])
    found = surveyed(path)
    wanted = np.arange(70) % 3 == 1
    frames = part_of(path, found, 16, 40, wanted)
    assert_same(frames, [one for one in read(path)[16:41] if one[0] % 3 == 1])


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-2000])


def overwritten(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [cut_off, overwritten])
@pytest.mark.parametrize("kind", ["open.mkv", "mkv", "ts", "avi", "mp4"])
def test_a_damaged_film_is_never_taken_for_a_sound_one(tmp_path, kind, harm):
    path = write(tmp_path / f"film.{kind}", kind, TIMES["even"])
    harm(path)
    try:
        with VideoFile(path) as film:
            whole = [(f.index, f.time, f.image) for f in film]
        damage = film.damage
    except Exception as error:
        pytest.skip(f"nothing is read of it: {error}")
    try:
        found = surveyed(path)
        parts = [part_of(path, found, a, min(a + 19, 69)) for a in range(0, 70, 20)]
    except (NotExact, IndexError):
        return
    assert not damage, damage
    assert_same([one for part in parts for one in part], whole)


def test_a_bare_stream_cannot_be_cut(tmp_path):
    path = write(tmp_path / "film.h264", "mp4", TIMES["even"])
    with pytest.raises(NotExact, match="cannot be cut exactly"):
        surveyed(path)
