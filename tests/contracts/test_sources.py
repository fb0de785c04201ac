"""What every source does, with no knowledge of which it is."""

import io
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from segment.arrays import check_image
from segment.frame import SequenceInfo
from segment.protocols import Damage, FrameSource
from segment.video import ImageFolder, Picture, RawFrames, VideoFile, open_frames
from segment.video.camera import Camera
from segment.video.source import reaches
from tests.conftest import write_video
from tests.video.makers import scenes, write, write_grey

LENGTH = 7


def video(folder):
    return VideoFile(write_video(folder / "clip.mkv", scenes(LENGTH)))


def b_frames(folder):
    return VideoFile(write(folder / "clip.mp4", scenes(LENGTH)))


def rotated(folder):
    return VideoFile(write(folder / "clip.mp4", scenes(LENGTH), rotation=90))


def raw_h264(folder):
    return VideoFile(write(folder / "clip.h264", scenes(LENGTH)))


def deep_grey(folder):
    planes = scenes(LENGTH)[..., 0].astype(np.uint16) * 256
    return VideoFile(write_grey(folder / "clip.mkv", planes, "gray16le"))


def stream(folder):
    return VideoFile(io.BytesIO(write_video(folder / "clip.mkv", scenes(LENGTH)).read_bytes()))


def folder_of_pictures(folder):
    for t, image in enumerate(scenes(LENGTH)):
        cv2.imwrite(str(folder / f"frame{t}.png"), image)
    return ImageFolder(folder)


def picture(folder):
    cv2.imwrite(str(folder / "still.png"), scenes(1)[0])
    return Picture(folder / "still.png")


def raw(folder):
    return RawFrames(io.BytesIO(scenes(LENGTH).tobytes()), (46, 62), "bgr")


def opened(folder):
    return open_frames(write_video(folder / "clip.mkv", scenes(LENGTH)))


SOURCES = [video, b_frames, rotated, raw_h264, deep_grey, stream]
SOURCES += [folder_of_pictures, picture, raw, opened]


@pytest.fixture(params=SOURCES, ids=lambda make: make.__name__)
def make(request, tmp_path):
    return lambda: request.param(tmp_path)


@pytest.fixture
def source(make):
    return make()


def length(source):
    return 1 if isinstance(source, Picture) else LENGTH


def test_it_is_a_source(source):
    assert isinstance(source, FrameSource)
    assert isinstance(source.damage, Damage)
    assert source.live is False


def test_frames_are_numbered_timed_and_of_one_shape(source):
    with source as same:
        assert same is source
        frames = list(source)

    assert [frame.index for frame in frames] == list(range(length(source)))
    times = [frame.time for frame in frames]
    assert times[0] == 0.0
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    for frame in frames:
        check_image(frame.image)
        assert frame.image.shape == frames[0].image.shape
        assert frame.image.shape[:2] == source.info.size
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.writeable
        assert isinstance(frame.index, int)
        assert isinstance(frame.time, float)
        assert frame.sequence is source.info
        assert frame.region is frame.foreground is frame.labels is None


def test_the_sequence_is_known_before_the_first_frame(source):
    info = source.info
    assert isinstance(info, SequenceInfo)
    assert info.name
    assert isinstance(info.rate, Fraction)
    assert info.rate > 0
    assert info.length in (None, length(source))
    source.close()


def test_sound_input_is_not_called_damaged(source):
    for _ in source:
        pass
    assert not source.damage


def test_frames_keep_their_pixels_while_later_ones_are_read(source):
    kept = [(frame.image, frame.image.copy()) for frame in source]
    for image, copy in kept:
        np.testing.assert_array_equal(image, copy)
    for (image, _), (other, _) in pairwise(kept):
        assert not np.shares_memory(image, other)


def test_it_is_read_once(source):
    assert len(list(source)) == length(source)
    with pytest.raises(RuntimeError, match="read once"):
        iter(source)


def test_stopping_ends_after_the_current_frame(source):
    seen = 0
    for frame in source:
        seen += 1
        if frame.index == min(2, length(source) - 1):
            source.stop()
    assert seen == min(3, length(source))
    assert not source.damage


@pytest.mark.parametrize("start", [0, 2, 0.08, 99])
def test_skipping_gives_the_rest_unchanged(make, start):
    wanted = [frame for frame in make() if reaches(frame.index, frame.time, start)]
    again = make()
    again.skip_before(start)
    frames = list(again)

    assert [(f.index, f.time) for f in frames] == [(f.index, f.time) for f in wanted]
    for frame, other in zip(frames, wanted, strict=True):
        np.testing.assert_array_equal(frame.image, other.image)
    assert not again.damage


def test_stopped_before_it_began_it_gives_nothing(source):
    source.stop()
    assert list(source) == []


def test_leaving_early_and_closing_twice_is_fine(source):
    with source:
        assert next(iter(source)).index == 0
    source.close()
    assert not source.damage


class Webcam:
    """What OpenCV gives for a camera, without one."""

    def __init__(self, number):
        self.pictures = list(scenes(LENGTH))

    def isOpened(self):
        return True

    def get(self, _):
        return 25.0

    def read(self):
        return (True, self.pictures.pop(0)) if self.pictures else (False, None)

    def release(self):
        self.pictures.clear()


def test_a_camera_keeps_the_contract_too(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)
    with Camera(0) as source:
        assert isinstance(source, FrameSource)
        assert source.live is True
        assert source.info.length is None
        frames = []
        for frame in source:
            frames.append(frame)
            if frame.index == 4:
                source.stop()

    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert frames[0].time == 0.0
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    for frame in frames:
        check_image(frame.image)
        assert frame.image.flags.c_contiguous
        assert frame.sequence is source.info
    assert not source.damage
