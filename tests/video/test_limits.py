"""What an input may cost and open is asked before it is decoded."""

import io
import os
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tifffile

from segment.errors import UnreadableInput
from segment.video import VideoFile, open_frames
from segment.video.headers import picture_size
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


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.h264"])
def test_a_film_of_large_pictures_is_refused_before_they_are_decoded(name, tmp_path):
    path = write(tmp_path / name, scenes(4), codec="libx264")
    with use(Limits(max_pixels=100)), pytest.raises(UnreadableInput, match="million pixels"):
        open_frames(path)


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
