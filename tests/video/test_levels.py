"""Deep pictures: which level is white, what is told, and what is asked for."""

import logging

import av
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.video import Levels, open_frames
from segment.video.levels import Scale, to_eight_bits
from tests.video.makers import write_grey

SIZE = (30, 46)
PLANE = np.linspace(5, 200, SIZE[0] * SIZE[1]).reshape(SIZE)


def folder(path, dtype, times, count=3):
    path.mkdir()
    for n in range(count):
        tifffile.imwrite(path / f"{n}.tif", (PLANE * times).astype(dtype))
    return path


def first(path, **options):
    with open_frames(path, **options) as source:
        return next(iter(source)).image[..., 0]


@pytest.mark.parametrize(
    ("dtype", "times", "told"),
    [
        (np.uint16, 16, "taken as 12 bits, white is 4095"),
        (np.uint16, 4, "taken as 10 bits, white is 1023"),
        (np.uint16, 64, "taken as 14 bits, white is 16383"),
        (np.uint16, 1, "taken as 8 bits, white is 255"),
        (np.uint16, 257, None),
        (np.int16, 16, "white is 4095; --white 32767"),
        (np.int16, 128, None),
        (np.uint32, 16, "white is 4095"),
        (np.float32, 1, "white is 255"),
        (np.float32, 16, "white is 4095"),
        (np.float64, 257, "white is 65535"),
        (np.float32, 1 / 255, None),
        (np.float16, 1 / 255, None),
    ],
)
def test_the_depth_in_use_is_found_and_told(tmp_path, dtype, times, told, caplog):
    with caplog.at_level(logging.WARNING, "segment.video"):
        image = first(folder(tmp_path / "deep", dtype, times))
    assert np.abs(image - PLANE).max() <= 1.7
    assert (told in caplog.text) if told else not caplog.records


def test_levels_below_zero(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "segment.video"):
        image = first(_ct(tmp_path / "ct"))
    assert (image.min(), image.max()) == (0, 255)
    assert "run from -1000 to 2900" in caplog.text
    signed = np.sin(np.linspace(0, 30, 1380)).reshape(SIZE).astype(np.float32)
    tifffile.imwrite(tmp_path / "sine.tif", signed)
    np.testing.assert_array_equal(first(tmp_path / "sine.tif"), np.rint((signed + 1) * 127.5))


def _ct(path):
    tifffile.imwrite(path.with_suffix(".tif"), (PLANE * 20 - 1100).astype(np.int16))
    return path.with_suffix(".tif")


def test_levels_that_are_asked_for(tmp_path, caplog):
    path = folder(tmp_path / "deep", np.uint16, 16)
    whole = (PLANE * 16).astype(np.uint16)
    with caplog.at_level(logging.WARNING, "segment.video"):
        image = first(path, levels=Levels(white=65535))
        np.testing.assert_array_equal(image, np.rint(whole / 257))
        assert "brightest level is 3200 of 0 to 65535" in caplog.text
        caplog.clear()
        image = first(path, levels=Levels(black=400, white=1600))
        assert (image.min(), image.max()) == (0, 255)
        assert "above the white level 1600" in caplog.text
        caplog.clear()
        image = first(path, levels=Levels("auto", "auto"))
        assert (image.min(), image.max()) == (0, 255)
        assert not caplog.records
    for wrong in [(5, 5), (9, 2), (None, float("nan")), (float("inf"), None)]:
        with pytest.raises(ValueError, match="wanted"):
            Levels(*wrong)


def test_a_brighter_picture_later_is_told(tmp_path, caplog):
    path = folder(tmp_path / "deep", np.uint16, 16, count=40)
    tifffile.imwrite(path / "7.tif", (PLANE * 200).astype(np.uint16))
    with caplog.at_level(logging.WARNING, "segment.video"), open_frames(path) as source:
        assert len(list(source)) == 40
    assert "a later picture reaches 40000, above the white level 4095" in caplog.text


def test_eight_bits_stay_as_they_are(tmp_path, caplog):
    path = folder(tmp_path / "plain", np.uint8, 0.1)
    with caplog.at_level(logging.WARNING, "segment.video"):
        np.testing.assert_array_equal(first(path), (PLANE * 0.1).astype(np.uint8))
        assert not caplog.records
        assert first(path, levels=Levels(white=20)).max() == 255


@given(
    levels=st.lists(st.integers(-3000, 3000), min_size=1, max_size=20),
    black=st.integers(-2000, 1000),
    span=st.integers(1, 4000),
)
@settings(deadline=None, max_examples=60)
def test_scaling_rounds_to_the_nearest_whatever_the_type(levels, black, span):
    exact = (np.clip(levels, black, black + span) - black) / span * 255
    for dtype in (np.int16, np.int32, np.float64):
        found = to_eight_bits(np.array(levels, dtype)[:, None, None], black + span, black)
        assert np.abs(found[:, 0, 0] - exact).max() <= 0.5 + 1e-9


def test_what_is_no_number_is_black_and_nothing_is_printed():
    plane = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)[:, :, None]
    assert Scale("odd").apply(plane)[0, :, 0].tolist() == [0, 255, 0, 128]
    assert Scale("none").apply(np.full((2, 2, 1), np.nan, np.float32)).max() == 0


@pytest.mark.parametrize(
    ("pixels", "times"), [("gray10le", 4), ("gray12le", 16), ("gray16le", 16), ("gray16le", 257)]
)
def test_films_of_deep_grey(tmp_path, pixels, times, caplog):
    planes = (np.stack([PLANE] * 6) * times).astype(np.uint16)
    path = write_grey(tmp_path / "deep.mkv", planes, pixels)
    with caplog.at_level(logging.WARNING, "segment.video"):
        assert np.abs(first(path) - PLANE).max() <= 1.7
    assert ("taken as 12 bits" in caplog.text) == (pixels == "gray16le" and times == 16)


@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
def test_films_of_deep_colour(tmp_path, codec, caplog):
    pixels, times = ("gbrp16le", 16) if codec == "ffv1" else ("yuv420p10le", 257)
    colour = np.dstack([PLANE * times] * 3).astype(np.uint16)
    with av.open(str(tmp_path / "deep.mkv"), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, pixels
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(colour, format="rgb48le")
            out.mux(stream.encode(picture.reformat(format=pixels)))
        out.mux(stream.encode())
    with caplog.at_level(logging.WARNING, "segment.video"):
        assert np.abs(first(tmp_path / "deep.mkv").astype(int) - PLANE).mean() <= 3
    assert ("white is 4095" in caplog.text) == (codec == "ffv1")
    brighter = first(tmp_path / "deep.mkv", levels=Levels(white=2047 if codec == "ffv1" else 511))
    assert brighter.max() == 255
