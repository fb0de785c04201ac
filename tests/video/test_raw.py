"""Raw frames from a pipe."""

import io
import os
import threading

import numpy as np
import pytest

from segment.errors import UnreadableInput
from segment.video import RawFrames
from tests.video.makers import SIZE, scenes


@pytest.mark.parametrize("pixels", ["rgb", "bgr", "grey"])
def test_bytes_become_frames(pixels):
    images = scenes(4)
    written = images if pixels == "rgb" else images[..., ::-1]
    if pixels == "grey":
        images = written = images[..., :1]

    with RawFrames(io.BytesIO(written.tobytes()), SIZE, pixels, rate=5) as source:
        frames = list(source)

    np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert [frame.time for frame in frames] == [0.0, 0.2, 0.4, 0.6]
    assert all(frame.image.flags.c_contiguous and frame.image.flags.writeable for frame in frames)
    assert not source.live
    assert not source.damage
    assert source.info.name == "stdin"


def test_a_last_frame_that_is_cut_off_is_damage():
    images = scenes(3)
    data = images.tobytes()[:-5]

    with RawFrames(io.BytesIO(data), SIZE) as source:
        frames = list(source)

    assert len(frames) == 2
    assert source.damage.lost == 1
    assert (
        f"frame 2 is cut off, {46 * 62 * 3 - 5} of {46 * 62 * 3} bytes"
        in (source.damage.reasons[0])
    )
    assert "62x46 rgb" in source.damage.reasons[0]


def test_less_than_one_frame_is_damage_and_no_frame():
    with RawFrames(io.BytesIO(b"abc"), SIZE) as source:
        assert list(source) == []
    assert source.damage.lost == 1


def test_an_empty_pipe():
    with pytest.raises(UnreadableInput, match="holds no bytes, wanted raw frames of 62x46 rgb"):
        RawFrames(io.BytesIO(b""), SIZE)


def test_a_pipe_gives_its_bytes_in_pieces():
    images = scenes(5)
    out, into = os.pipe()

    def feed():
        with os.fdopen(into, "wb", buffering=0) as pipe:
            for piece in np.array_split(images.reshape(-1), 37):
                pipe.write(piece.tobytes())

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(out, "rb", buffering=0) as pipe, RawFrames(pipe, SIZE) as source:
        frames = list(source)
    feeder.join()

    assert source.live
    np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert not source.damage


def test_wrong_settings():
    stream = io.BytesIO(b"x")
    with pytest.raises(ValueError, match=r"\(0, 62\)"):
        RawFrames(stream, (0, 62))
    with pytest.raises(ValueError, match="'yuv'"):
        RawFrames(stream, SIZE, "yuv")
    with pytest.raises(ValueError, match="rate is -1"):
        RawFrames(stream, SIZE, rate=-1)
