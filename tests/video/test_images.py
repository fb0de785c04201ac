"""Folders of pictures and single pictures, in every depth and orientation."""

import logging

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.errors import UnreadableInput
from segment.video import ImageFolder, Picture, open_frames
from segment.video.levels import to_eight_bits
from segment.video.source import natural
from tests.video.makers import SIZE, scenes


def save(path, image):
    """Write RGB, RGBA or grey with cv2, whose order is BGR."""
    if image.ndim == 3:
        image = image[:, :, [2, 1, 0, 3][: image.shape[2]]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(image))
    return path


def read_picture(path):
    with open_frames(path) as source:
        (frame,) = source
    return frame.image


def test_a_folder_is_read_in_natural_order(tmp_path):
    images = scenes(12)
    for t, image in enumerate(images):
        save(tmp_path / f"frame{t}.png", image)  # frame10 comes before frame2 in the alphabet
    (tmp_path / "notes.txt").write_text("left out")
    (tmp_path / ".hidden.png").write_bytes(b"left out")
    (tmp_path / "folder.png").mkdir()

    with ImageFolder(tmp_path, rate=10) as source:
        frames = list(source)

    np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert [frame.time for frame in frames] == [t / 10 for t in range(12)]
    assert source.info.length == 12
    assert source.info.name == tmp_path.name
    assert source.info.size == SIZE
    assert not source.live
    assert not source.damage


@given(numbers=st.lists(st.integers(0, 10**9), unique=True, max_size=8))
@settings(deadline=None, max_examples=50)
def test_numbers_sort_as_numbers(numbers):
    names = [f"Cam1_{number}.png" for number in numbers]
    assert sorted(names, key=natural) == [f"Cam1_{number}.png" for number in sorted(numbers)]


def test_broken_pictures_are_counted_and_named(tmp_path):
    images = scenes(5)
    for t, image in enumerate(images):
        save(tmp_path / f"{t}.png", image)
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "3.png").write_bytes(b"no picture")

    with open_frames(tmp_path) as source:
        frames = list(source)

    np.testing.assert_array_equal([frame.image for frame in frames], images[[1, 2, 4]])
    assert [frame.index for frame in frames] == [1, 2, 4]
    assert [frame.time for frame in frames] == [1 / 25, 2 / 25, 4 / 25]
    assert source.damage.lost == 2
    assert "0.png: is empty" in source.damage.reasons[0]
    assert "3.png" in source.damage.reasons[1]


def test_a_picture_that_vanishes_while_the_others_are_read(tmp_path):
    for t, image in enumerate(scenes(3)):
        save(tmp_path / f"{t}.png", image)

    with open_frames(tmp_path) as source:
        (tmp_path / "1.png").unlink()
        frames = list(source)

    assert len(frames) == 2
    assert source.damage.lost == 1
    assert "1.png: no such file" in source.damage.reasons[0]


def test_other_sizes_and_kinds_become_the_first_pictures(tmp_path, caplog):
    save(tmp_path / "1.png", np.full((30, 40, 3), (200, 20, 20), np.uint8))
    save(tmp_path / "2.png", np.full((60, 20, 3), (20, 200, 20), np.uint8))
    save(tmp_path / "3.png", np.full((10, 10), 90, np.uint8))

    with caplog.at_level(logging.WARNING, "segment.video"), open_frames(tmp_path) as source:
        frames = list(source)

    assert [frame.image.shape for frame in frames] == [(30, 40, 3)] * 3
    assert [frame.image[5, 5].tolist() for frame in frames] == [
        [200, 20, 20],
        [20, 200, 20],
        [90, 90, 90],
    ]
    assert source.size_changes == 2
    assert len(caplog.records) == 1
    assert "2.png" in caplog.text
    assert not source.damage


def test_a_grey_folder_stays_grey(tmp_path):
    save(tmp_path / "1.png", np.full((5, 7), 90, np.uint8))
    save(tmp_path / "2.png", np.full((5, 7, 3), 80, np.uint8))

    with open_frames(tmp_path) as source:
        frames = list(source)

    assert [frame.image.shape for frame in frames] == [(5, 7, 1)] * 2
    assert [frame.image[0, 0, 0] for frame in frames] == [90, 80]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "ppm", "PNG"])
def test_a_single_picture(tmp_path, suffix):
    image = scenes(1, size=(45, 61))[0]
    path = tmp_path / f"still.{suffix}"
    data = cv2.imencode(f".{suffix.lower()}", image[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[1]
    path.write_bytes(data.tobytes())

    with open_frames(path) as source:
        (frame,) = source

    assert isinstance(source, Picture)
    np.testing.assert_array_equal(frame.image, image)
    assert (frame.index, frame.time) == (0, 0.0)
    assert source.info.length == 1
    assert source.info.name == "still"


def test_jpeg(tmp_path):
    image = np.full((45, 61, 3), (200, 120, 40), np.uint8)
    image = read_picture(save(tmp_path / "photo.jpg", image))
    assert np.abs(image.astype(int) - (200, 120, 40)).max() <= 3


def test_sixteen_bits_are_scaled_by_their_full_range(tmp_path):
    deep = np.linspace(0, 65535, 35 * 41).reshape(35, 41).astype(np.uint16)
    image = read_picture(save(tmp_path / "deep.png", deep))
    np.testing.assert_array_equal(image[:, :, 0], np.rint(deep / 257))

    colour = np.stack([deep, deep[::-1], deep[:, ::-1]], axis=2)
    image = read_picture(save(tmp_path / "colour.tif", colour))
    np.testing.assert_array_equal(image, np.rint(colour / 257))


@given(value=st.integers(0, 65535))
@settings(max_examples=50)
def test_scaling_rounds_to_the_nearest(value):
    assert to_eight_bits(np.array([value], np.uint16))[0] == round(value / 257)


def test_transparency_is_dropped(tmp_path):
    image = np.dstack([scenes(1)[0], np.zeros(SIZE, np.uint8)])  # all transparent
    np.testing.assert_array_equal(
        read_picture(save(tmp_path / "clear.png", image)), image[:, :, :3]
    )


def test_black_and_white_pictures(tmp_path):
    bits = np.zeros((9, 13), np.uint8)
    bits[2:5, 3:11] = 255
    path = tmp_path / "mask.png"
    assert cv2.imwrite(str(path), bits, [cv2.IMWRITE_PNG_BILEVEL, 1])
    np.testing.assert_array_equal(read_picture(path)[:, :, 0], bits)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_the_cameras_orientation_is_applied(tmp_path, orientation, turns):
    image = np.zeros((40, 64, 3), np.uint8)
    image[:16, :16] = (255, 0, 0)
    path = save(tmp_path / "phone.jpg", image)
    data = path.read_bytes()
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + b"\0\0" * 3
    exif = b"Exif\0\0" + tiff
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])

    with open_frames(path) as source:
        (frame,) = source

    upright = np.rot90(image, turns)
    assert source.info.size == frame.image.shape[:2] == upright.shape[:2]
    assert np.abs(frame.image.astype(int) - upright).mean() < 10
    assert frame.image.flags.c_contiguous


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "ppm"])
def test_a_cut_picture_is_refused_and_nothing_printed(tmp_path, suffix, capfd):
    path = save(tmp_path / f"cut.{suffix}", scenes(1)[0])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])

    with pytest.raises(UnreadableInput, match=f"cut.{suffix}: is damaged"):
        read_picture(path)

    assert capfd.readouterr() == ("", "")
