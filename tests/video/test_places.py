"""Frames keep their numbers and times although others are lost."""

import av
import numpy as np
import pytest

from segment.video import open_frames
from tests.video.makers import scenes, write


def without(path, out, lost):
    """Copy a film but for the packets `lost`."""
    with av.open(str(path)) as film, av.open(str(out), "w") as copy:
        stream = film.streams.video[0]
        target = copy.add_stream_from_template(stream)
        packets = (packet for packet in film.demux(stream) if packet.dts is not None)
        for n, packet in enumerate(packets):
            if n not in lost:
                packet.stream = target
                copy.mux(packet)
    return out


def numbers(path):
    with open_frames(path) as source:
        frames = list(source)
    return [frame.index for frame in frames], [frame.time for frame in frames]


@pytest.mark.parametrize("suffix", ["mkv", "avi", "mov", "mp4", "ts", "nut", "wmv"])
def test_packets_that_are_gone_keep_their_places(tmp_path, suffix):
    codec, pixels = {
        "mkv": ("ffv1", "bgr0"), "avi": ("mjpeg", "yuvj420p"), "mov": ("mjpeg", "yuvj420p"),
        "nut": ("ffv1", "bgr0"), "wmv": ("mjpeg", "yuvj420p"),
    }.get(suffix, ("libx264", "yuv420p"))  # fmt: skip
    options = {"bf": "0", "g": "1"} if codec == "libx264" else {}
    whole = tmp_path / f"whole.{suffix}"
    write(whole, scenes(40), codec=codec, pixels=pixels, options=options)
    lost = {15, 16, 30}
    path = without(whole, tmp_path / f"lost.{suffix}", lost)

    index, time = numbers(path)

    assert numbers(whole)[0] == list(range(40))
    assert index == [n for n in range(40) if n not in lost]
    np.testing.assert_allclose(time, np.array(index) / 25, atol=1e-3)


@pytest.mark.parametrize("stamps", [np.arange(60) % 3 * 20 + 20, np.arange(60) % 2 * 40 + 40])
def test_a_varying_rate_has_no_gaps(tmp_path, stamps):
    path = write(tmp_path / "phone.mkv", scenes(60), stamps=np.cumsum(stamps))
    assert numbers(path)[0] == list(range(60))
