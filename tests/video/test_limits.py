"""What an input may cost and open is asked before it is decoded."""

import io
import os
import struct
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import simplejpeg
import tifffile
from click.testing import CliRunner

from segment.cli import main
from segment.errors import UnreadableInput
from segment.video import VideoFile, open_frames
from segment.video.headers import picture_size, pixel_bytes
from segment.video.limits import Limits, use
from tests.video.makers import scenes, write

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
KINDS = ["png", "jpg", "bmp", "tif", "webp", "jp2", "ppm", "pgm", "pam", "hdr"]


def encoded(kind):
    picture = PIXELS.astype(np.float32) / 255 if kind == "hdr" else PIXELS
    done, data = cv2.imencode(f".{kind}", picture[:, :, 0] if kind == "pgm" else picture)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_tells_the_size(kind):
    data = encoded(kind)
    assert picture_size(data, io.BytesIO(data)) == (80, 48)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_is_cut_tells_nothing_and_does_no_harm(kind):
    data = encoded(kind)
    for length in range(0, min(len(data), 400), 3):
        size = picture_size(data[:length], io.BytesIO(data[:length]))
        assert size is None or max(size) <= 80


def test_tiff_of_either_order_and_size_counts_its_largest_page(tmp_path):
    for order in "<>":
        for big in (False, True):
            with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=order, bigtiff=big) as file:
                for shape in ((4, 5), (40, 50), (6, 7)):
                    file.write(np.zeros(shape, np.uint8))
            data = (tmp_path / "a.tif").read_bytes()
            assert picture_size(data[:64], io.BytesIO(data)) == (50, 40)


def test_a_jpeg_behind_long_remarks_and_a_thumbnail():
    data = encoded("jpg")
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data
    remarks = (b"\xff\xfe" + struct.pack(">H", 60000) + bytes(59998)) * 5
    whole = data[:2] + thumbnail + remarks + data[2:]
    assert picture_size(whole[:4096], io.BytesIO(whole)) == (80, 48)


def bomb(kind, side=30_000):
    """A picture of a few hundred bytes that declares to be `side` x `side`."""
    data = bytearray(encoded(kind))
    if kind == "png":
        struct.pack_into(">II", data, 16, side, side)
    elif kind == "jpg":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, side, side)
    elif kind == "bmp":
        struct.pack_into("<ii", data, 18, side, side)
    elif kind == "jp2":
        struct.pack_into(">II", data, data.index(b"\xff\x4f\xff\x51") + 8, side, side)
    else:
        data = bytearray(b"P6\n%d %d\n255\n" % (side, side) + bytes(100))
    return bytes(data)


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "jp2", "ppm"])
@pytest.mark.parametrize("name", ["a.{}", "a.mp4", "a"])
def test_a_bomb_is_refused_whatever_it_is_called(kind, name, tmp_path):
    path = tmp_path / name.format(kind)
    path.write_bytes(bomb(kind))
    with pytest.raises(
        UnreadableInput, match=r"is 30000x30000, 900 million pixels.*--max-pixels 900000000"
    ):
        open_frames(path)
    with pytest.raises(UnreadableInput, match="900 million"):
        open_frames(io.BytesIO(path.read_bytes()))


# What a process that was started by a large one says of its own size counts from its beginning.
SIZED = """
import runpy, sys
sys.argv = ["segment", "info", sys.argv[1]]
try:
    runpy.run_module("segment", run_name="__main__")
finally:
    print(next(line.split()[1] for line in open("/proc/self/status") if line[:5] == "VmHWM"))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is measured on Linux")
def test_info_refuses_a_bomb_in_little_memory(tmp_path):
    (tmp_path / "a.jpg").write_bytes(bomb("jpg"))
    line = [sys.executable, "-c", SIZED, str(tmp_path / "a.jpg")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert int(done.stdout) < 300_000  # kB


def test_limits_can_be_asked_for(tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(encoded("png"))
    with (
        use(Limits(max_pixels=200)),
        pytest.raises(UnreadableInput, match=r"80x48, 0.00384 million"),
    ):
        open_frames(picture)
    with use(Limits(max_memory=1000)), pytest.raises(UnreadableInput, match="--max-memory 23040"):
        open_frames(picture)
    with use(Limits(max_pixels=3840)):
        assert open_frames(picture).info.size == (48, 80)


FILMS = {
    **dict.fromkeys(["mp4", "mkv", "avi", "ts", "h264", "flv", "mov", "3gp", "mxf"], "libx264"),
    "mpg": "mpeg2video",
    "m4v": "mpeg4",
    "webm": "libvpx",
    "wmv": "msmpeg4",
    "asf": "mpeg4",
    "gif": "gif",
    "mjpeg": "mjpeg",
    "nut": "ffv1",
    "vob": "mpeg2video",
    "y4m": "wrapped_avframe",
    "swf": "flv",
}
PIXEL_FORMATS = {"gif": "rgb8", "mjpeg": "yuvj420p", "ffv1": "bgr0"}


@pytest.mark.parametrize("kind", FILMS)
def test_a_film_of_large_pictures_is_refused_before_they_are_decoded(kind, tmp_path):
    codec = FILMS[kind]
    pixels = PIXEL_FORMATS.get(codec, "yuv422p" if kind == "mxf" else "yuv420p")
    path = write(tmp_path / f"a.{kind}", scenes(4, (48, 64)), codec=codec, pixels=pixels)
    with use(Limits(max_pixels=100)), pytest.raises(UnreadableInput) as refused:
        open_frames(path)
    told = str(refused.value)
    # A header that says so is quoted; where only the frames do, no decoder takes one of them.
    assert "million pixels" in told or "can be decoded" in told or "cannot be opened" in told


class Bits:
    """Writes what H.264 calls u(n) and ue(v)."""

    def __init__(self):
        self.text = ""

    def u(self, count, value):
        self.text += f"{value:0{count}b}"
        return self

    def ue(self, *values):
        for value in values:
            digits = f"{value + 1:b}"
            self.text += "0" * (len(digits) - 1) + digits
        return self

    def nal(self, head):
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
        safe, zeros = bytearray(), 0
        for byte in data:
            if zeros == 2 and byte <= 3:
                safe.append(3)
                zeros = 0
            safe.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes([head]) + bytes(safe)


def sps(wide, high):
    """A sequence parameter set of H.264 for that many macroblocks."""
    bits = Bits().u(8, 66).u(8, 0).u(8, 62).ue(0, 0, 2, 16).u(1, 0).ue(wide - 1, high - 1)
    return bits.u(1, 1).u(1, 1).u(1, 0).u(1, 0).nal(0x67)


def swollen(path, container, side=1 << 16):
    """Write a small H.264 film whose own head says that it is `side` pixels wide and high."""
    small = write(path.with_name("small.h264"), scenes(3, (48, 64)), options={"bf": "0"})
    data = small.read_bytes()
    at = data.index(b"\0\0\1\x67") + 3
    end = data.index(b"\0\0\1", at)
    raw = path.with_name("large.h264")
    large = data[:at] + sps(side // 16, side // 16) + b"\0" * (data[end - 1] == 0) + data[end:]
    raw.write_bytes(large)
    if container == "h264":
        raw.rename(path)
        return path
    with av.open(str(small)) as source, av.open(str(path), "w", format=container) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        stream.codec_context.extradata = None
        pieces = large.split(b"\0\0\1\x65")
        packet = av.Packet(pieces[0] + b"\0\0\1\x65" + pieces[1])
        packet.pts = packet.dts = 0
        packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, True
        out.mux(packet)
    return path


@pytest.mark.parametrize("container", ["h264", "mpegts", "avi"])
def test_a_film_whose_frames_are_larger_than_its_container_says(container, tmp_path):
    path = swollen(tmp_path / f"a.{container}", container)
    with pytest.raises(UnreadableInput):
        open_frames(path)


def test_a_decoder_takes_no_more_memory_than_it_may(tmp_path):
    path = write(tmp_path / "a.mp4", scenes(4, (96, 128)))
    each = 96 * 128 * 3 // 2
    with use(Limits(max_memory=30 * 2**20)), open_frames(path) as source:
        assert source.held >= 17 * each
        assert source.stream.thread_type.name != "NONE"
    with use(Limits(max_memory=17 * each)), open_frames(path) as source:
        assert source.held == 17 * each
        assert source.stream.thread_type.name == "NONE"
        assert len(list(source)) == 4
    with (
        use(Limits(max_memory=16 * each)),
        pytest.raises(UnreadableInput, match=r"128x96, of which h264 keeps.*--max-memory 313344"),
    ):
        open_frames(path)


@pytest.mark.parametrize(("kind", "each"), [(np.uint8, 3), (np.uint16, 6)])
def test_deep_pictures_take_more(kind, each, tmp_path):
    deep = PIXELS.astype(kind)
    for name in ("a.png", "a.tif"):
        cv2.imwrite(str(tmp_path / name), deep)
        data = (tmp_path / name).read_bytes()
        assert pixel_bytes(data[:4096], io.BytesIO(data)) == each
        with use(Limits(max_memory=48 * 80 * each * 2)):
            open_frames(tmp_path / name)
        with (
            use(Limits(max_memory=48 * 80 * each * 2 - 1)),
            pytest.raises(UnreadableInput, match="--max-memory"),
        ):
            open_frames(tmp_path / name)


def test_frames_on_their_way_count(tmp_path):
    path = write(tmp_path / "a.mp4", scenes(6, (96, 128)))
    line = ["read", str(path), "subtract", "clean", "export", str(tmp_path / "out")]
    read = line[:2]

    def run(memory):
        done = CliRunner().invoke(main, [*read, "--max-memory", str(memory), *line[2:]])
        return done.exit_code, done.output

    code, told = run(450_000)  # enough to decode
    assert code == 1
    assert len(told.splitlines()) == 1
    assert "on their way through this chain" in told
    needed = told.strip().rpartition("--max-memory ")[2]
    code, told = run(needed)
    assert code == 0, told
    assert not list((tmp_path / "out").glob("*/.*"))


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{}'\n",
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 59997 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">{}</MPD>',
    "pls": "[playlist]\nFile1={}\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list"])
def test_a_list_opens_nothing_unless_it_is_allowed(kind, name, tmp_path):
    target = write(tmp_path / "b.ts", scenes(3), codec="mpeg2video")
    path = tmp_path / name
    path.write_text("\ufeff" * (kind == "hls") + LISTS[kind].format(target))
    with pytest.raises(UnreadableInput, match=r"opens other files or addresses.*--allow"):
        open_frames(path)
    with pytest.raises(UnreadableInput, match="--allow"):
        open_frames(io.BytesIO(path.read_bytes()))


def test_a_list_of_files_that_is_allowed_is_read(tmp_path):
    write(tmp_path / "b.ts", scenes(5), codec="mpeg2video")
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile 'b.ts'\nfile 'b.ts'\n")
    with use(Limits(allow=frozenset(["files"]))):
        assert len(list(VideoFile(tmp_path / "list.ffconcat"))) == 10


def test_a_demuxer_that_hides_behind_other_bytes_is_not_used(tmp_path):
    """FFmpeg knows playlists by more than their first bytes; their readers are left out."""
    from segment.video.allowed import options_for

    local = options_for(None, frozenset())
    assert local["protocol_whitelist"] == "file"
    names = set(local["format_whitelist"].split(","))
    assert {"matroska", "mpegts", "gif", "h264"} <= names
    assert not {"hls", "concat", "sdp", "rtsp", "dash", "lavfi"} & names
    remote = options_for("http://127.0.0.1/a", frozenset())
    assert "file" not in remote["protocol_whitelist"].split(",")
    assert "sdp" not in remote["format_whitelist"].split(",")


def test_a_png_whose_piece_claims_far_more_than_there_is(tmp_path, monkeypatch):
    data = bytearray(encoded("png"))
    data[33] = 49  # of the length of its first piece of pixels: 822 MB
    (tmp_path / "a.png").write_bytes(data)
    monkeypatch.setattr(cv2, "imdecode", None)  # it would take them
    with pytest.raises(UnreadableInput, match="claims more bytes than the file has"):
        open_frames(tmp_path / "a.png")


def test_a_motion_jpeg_of_large_pictures_is_not_looked_into(tmp_path, monkeypatch):
    path = write(tmp_path / "a.avi", scenes(3, (48, 64)), codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    at = 0
    while (at := data.find(b"\xff\xc0", at)) >= 0:
        struct.pack_into(">HH", data, at + 5, 60_000, 60_000)
        at += 4
    path.write_bytes(data)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", None)  # it would take 3.6 GB
    with pytest.raises(UnreadableInput, match="no frame that can be decoded"):
        open_frames(path)


def test_a_film_in_which_a_picture_s_letters_stand_by_chance_is_none():
    """One of forty drawn films was taken for a picture of 2 million million pixels."""
    box = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"
    chance = b"mdat" + b"x" * 50 + b"ispe\0\0\0\0_\x01\x03q\\\xb9\x0d\x16"
    assert picture_size(box + chance) is None
    picture = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + b"meta" + b"ispe" + bytes(4)
    assert picture_size(picture + b"\0\0\4\0\0\0\3\0") == (1024, 768)
