"""Pictures that decode although their bytes are wrong: flagged, named, and nobody else speaks."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from segment import open_frames
from segment.errors import UnreadableInput
from segment.video.soundness import find_flaw, jpeg_flaw
from tests.video.makers import scenes

PICTURE = cv2.GaussianBlur(scenes(1, (90, 120))[0], (0, 0), 1.5)


def encoded(kind, *settings):
    done, data = cv2.imencode(kind, PICTURE, list(settings))
    assert done
    return data.tobytes()


def by_pillow(kind, mode="RGB", **settings):
    file = io.BytesIO()
    Pillow.fromarray(PICTURE).convert(mode).save(file, kind, **settings)
    return file.getvalue()


SOUND = {
    "a.jpg": encoded(".jpg"),
    "progressive.jpg": encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts.jpg": encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
    "grey.jpg": by_pillow("JPEG", "L"),
    "cmyk.jpg": by_pillow("JPEG", "CMYK"),
    "a.png": encoded(".png"),
    "palette.png": by_pillow("PNG", "P"),
    "a.webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
    "lossless.webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "exif.webp": by_pillow("WEBP", exif=Pillow.Exif()),
    "a.jp2": encoded(".jp2"),
    "pillow.jp2": by_pillow("JPEG2000"),
    "a.bmp": encoded(".bmp"),
    "grey.bmp": by_pillow("BMP", "L"),
    "palette.bmp": by_pillow("BMP", "P"),
    "a.ppm": encoded(".ppm"),
    "grey.pgm": by_pillow("PPM", "L"),
    "black.pbm": by_pillow("PPM", "1"),
    "remark.ppm": encoded(".ppm").replace(b"P6\n", b"P6\n# by hand\n", 1),
    "a.tif": by_pillow("TIFF"),
    "lzw.tif": by_pillow("TIFF", compression="tiff_lzw"),
    "deflate.tif": by_pillow("TIFF", compression="tiff_adobe_deflate"),
}


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_wrong_with_a_sound_picture(tmp_path, name):
    assert find_flaw(SOUND[name]) is None
    (tmp_path / name).write_bytes(SOUND[name])
    with open_frames(tmp_path / name) as source:
        assert len(list(source)) == 1
    assert not source.damage


def zeroed(data):
    at = len(data) // 2
    return data[:at] + bytes(len(data) // 8) + data[at + len(data) // 8 :]


def overwritten(data):
    at, length = len(data) // 2, len(data) // 8
    return data[:at] + np.random.default_rng(1).bytes(length) + data[at + length :]


def lost(data):
    return data[: len(data) // 2] + data[len(data) // 2 + len(data) // 8 :]


def cut(data):
    return data[: len(data) * 3 // 4]


@pytest.mark.parametrize("harm", [zeroed, overwritten, lost, cut])
@pytest.mark.parametrize(
    "name",
    ["a.jpg", "progressive.jpg", "restarts.jpg", "grey.jpg", "a.png", "lzw.tif", "deflate.tif"],
)
def test_damage_is_told_and_the_libraries_are_silent(tmp_path, capfd, name, harm):
    (tmp_path / name).write_bytes(harm(SOUND[name]))
    try:
        with open_frames(tmp_path / name) as source:
            frames = list(source)
        told = " ".join(source.damage.reasons)
        assert source.damage.flagged == len(frames) or source.damage.lost
    except UnreadableInput as error:
        told = str(error)
    assert name in told
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.webp", "lossless.webp", "a.bmp", "a.ppm", "grey.pgm", "a.jp2"])
def test_formats_without_a_sum_know_when_bytes_are_missing(tmp_path, capfd, name):
    for harm in (lost, cut):
        (tmp_path / name).write_bytes(harm(SOUND[name]))
        try:
            with open_frames(tmp_path / name) as source:
                list(source)
            told = " ".join(source.damage.reasons)
        except UnreadableInput as error:
            told = str(error)
        assert name in told
    assert capfd.readouterr() == ("", "")


def test_a_damaged_picture_in_a_folder_is_named_with_its_frame(tmp_path):
    for i in range(4):
        (tmp_path / f"{i:04d}.jpg").write_bytes(SOUND["a.jpg"])
    (tmp_path / "0002.jpg").write_bytes(zeroed(SOUND["a.jpg"]))
    with open_frames(tmp_path) as source:
        frames = list(source)
    assert len(frames) == 4
    assert (source.damage.lost, source.damage.flagged) == (0, 1)
    assert "0002.jpg: frame 2 is damaged" in source.damage.reasons[0]


def changed(name, at, new):
    data = SOUND[name]
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (changed("a.jpg", SOUND["a.jpg"].index(b"\xff\xdb") + 9, b"\0"), "multiplied by is 0"),
        (
            changed("progressive.jpg", SOUND["progressive.jpg"].rindex(b"\xff\xdb") + 60, b"\0"),
            "multiplied by is 0",
        ),
        (changed("a.webp", SOUND["a.webp"].index(b"\x9d\x01\x2a") + 7, b"\x80"), "its colours"),
        (changed("a.bmp", 5, b"\x01"), "bytes are declared"),
    ],
)
def test_a_number_that_cannot_be_is_told(data, told):
    assert told in find_flaw(data)


def test_a_jpeg_that_ends_anywhere_in_its_tables_is_told():
    data = SOUND["a.jpg"]
    for length in range(2, 200):
        assert find_flaw(data[:length]) is not None


@pytest.mark.parametrize("filling", [b"\0" * 40, b"\xff" * 40, b"\0\x55" * 20])
def test_bytes_that_a_camera_fills_a_motion_jpeg_up_with_are_sound(filling):
    data = SOUND["a.jpg"]
    assert jpeg_flaw(data[:-2] + filling + data[-2:], film=True) is None


def test_a_part_of_a_motion_jpeg_that_nothing_takes_is_no_filling():
    data, restarts = SOUND["a.jpg"], SOUND["restarts.jpg"]
    assert "extraneous" in jpeg_flaw(data[:-2] + data[700:766] + data[-2:], film=True)
    at = restarts.index(b"\xff\xd3")
    assert "extraneous" in jpeg_flaw(restarts[:at] + b"\x11" * 9 + restarts[at:], film=True)
