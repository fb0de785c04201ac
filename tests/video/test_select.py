"""Ranges, steps, sizes and regions."""

import logging
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segment.errors import UnreadableInput
from segment.video.select import between, every, read_mask, read_region, resize, within
from tests.conftest import as_frames
from tests.video.makers import scenes

IMAGES = np.zeros((20, 3, 5, 3), np.uint8)


def frames(rate=25):
    return as_frames(IMAGES, rate=rate)


def indices(chosen):
    return [frame.index for frame in chosen]


POSITIONS = st.none() | st.integers(0, 25) | st.fractions(0, 1) | st.floats(0, 1)


@given(start=POSITIONS, stop=POSITIONS, rate=st.sampled_from([25, 10, Fraction(30000, 1001)]))
@settings(deadline=None, max_examples=200)
def test_between_is_start_inclusive_and_stop_exclusive(start, stop, rate):
    def place(index, position):
        return index if isinstance(position, int) else index / rate

    wanted = [
        index
        for index in range(20)
        if (start is None or place(index, start) >= start - 1e-6)
        and (stop is None or place(index, stop) < stop - 1e-6)
    ]
    chosen = list(between(frames(rate), start, stop))

    assert indices(chosen) == wanted
    assert [frame.time for frame in chosen] == [float(index / rate) for index in wanted]
    for frame in chosen:
        assert abs(frame.sequence.length - len(wanted)) <= 1


def test_between_counts_exactly_where_the_numbers_are_given():
    for start, stop in ((3, 7), (None, 4), (18, None), (0, 100), (Fraction(1, 5), Fraction(2, 5))):
        chosen = list(between(frames(), start, stop))
        assert {frame.sequence.length for frame in chosen} == {len(chosen)}


def test_seconds_mean_the_frame_that_is_shown_then():
    """As floats, 3 / 25 is a little less than 0.12, and 0.28 a little more than 7 / 25."""
    assert indices(between(frames(), Fraction("0.12"), Fraction("0.28"))) == [3, 4, 5, 6]
    assert indices(between(frames(), 0.12, 0.28)) == [3, 4, 5, 6]


def test_between_reads_no_further_than_needed():
    read = []

    def watched():
        for frame in frames():
            read.append(frame.index)
            yield frame

    assert indices(between(watched(), 2, 5)) == [2, 3, 4]
    assert read == [0, 1, 2, 3, 4]
    read.clear()
    assert indices(between(watched(), None, 0.2)) == [0, 1, 2, 3, 4]
    assert read == [0, 1, 2, 3, 4, 5]
    read.clear()
    assert indices(between(watched(), None, 0)) == []
    assert read == []


def test_between_refuses_what_is_below_zero():
    for wrong in (-1, -0.5, float("nan")):
        with pytest.raises(ValueError, match="start is"):
            between(frames(), wrong)


@given(n=st.integers(1, 30))
@settings(deadline=None, max_examples=30)
def test_every_keeps_numbers_and_times(n):
    chosen = list(every(frames(), n))

    assert indices(chosen) == list(range(0, 20, n))
    for frame in chosen:
        assert frame.time == frame.index / 25
        assert frame.sequence.length == len(chosen)
        assert frame.sequence.rate == Fraction(25, n)


def test_every_of_a_stream_without_end_knows_no_length():
    endless = (replace(f, sequence=replace(f.sequence, length=None)) for f in frames())
    assert {frame.sequence.length for frame in every(endless, 3)} == {None}


def test_every_refuses_less_than_one():
    with pytest.raises(ValueError, match="n is 0"):
        every(frames(), 0)


def test_every_after_between_starts_at_its_first():
    assert indices(every(between(frames(), 5, 15), 4)) == [5, 9, 13]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(23, 31), (92, 124), (46, 62), (7, 200), (1, 1)])
def test_resize(size, channels):
    images = np.ascontiguousarray(scenes(2)[..., :channels])
    chosen = list(resize(as_frames(images), size))

    for frame, image in zip(chosen, images, strict=True):
        assert frame.image.shape == (*size, channels)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.sequence.size == size
        assert frame.image.mean() == pytest.approx(image.mean(), abs=6)


def test_half_the_size_is_the_mean_of_four():
    images = scenes(1)
    (frame,) = resize(as_frames(images), (23, 31))
    means = images[0].reshape(23, 2, 31, 2, 3).mean(axis=(1, 3))
    assert np.abs(frame.image - means).max() <= 0.5


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    new=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_a_region_is_scaled_to_the_nearest(size, new, seed):
    region = np.random.default_rng(seed).random(size) < 0.5
    frame = next(as_frames(np.zeros((1, *size, 1), np.uint8)))

    (scaled,) = resize([replace(frame, region=region)], new)

    for y in range(new[0]):
        for x in range(new[1]):
            old_y = int((y + 0.5) * size[0] / new[0] + 1e-9)
            old_x = int((x + 0.5) * size[1] / new[1] + 1e-9)
            assert scaled.region[y, x] == region[old_y, old_x]


def test_resize_refuses_nothing_at_all():
    with pytest.raises(ValueError, match=r"size is \(0, 4\)"):
        resize(frames(), (0, 4))


def test_within_sets_the_region():
    region = np.zeros((3, 5), bool)
    region[1, 2:] = True
    for frame in within(frames(), region):
        assert frame.region is region


def test_within_refuses_another_size_and_other_types():
    with pytest.raises(ValueError, match=r"region is 5x3, but the frames of clip are 3x5"):
        list(within(frames(), np.ones((5, 3), bool)))
    with pytest.raises(TypeError, match="uint8, wanted bool"):
        within(frames(), np.ones((3, 5), np.uint8))


def test_a_region_is_read_from_a_picture(tmp_path):
    picture = np.zeros((9, 13), np.uint8)
    picture[2:4, 3:9] = 1
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    region = read_region(tmp_path / "mask.png")
    assert region.dtype == np.bool_
    np.testing.assert_array_equal(region, picture > 0)

    colour = np.zeros((9, 13, 3), np.uint8)
    colour[5, 5] = (0, 0, 9)
    cv2.imwrite(str(tmp_path / "colour.png"), colour)
    assert np.argwhere(read_region(tmp_path / "colour.png")).tolist() == [[5, 5]]


def test_faint_sixteen_bit_regions_are_not_lost(tmp_path):
    """Value 1 of 65535 is not black, though it is 0 of 255."""
    picture = np.zeros((4, 5), np.uint16)
    picture[1, 2] = 1
    cv2.imwrite(str(tmp_path / "labels.png"), picture)
    assert np.argwhere(read_region(tmp_path / "labels.png")).tolist() == [[1, 2]]


def test_broken_regions(tmp_path):
    def line(path):
        with pytest.raises(UnreadableInput) as caught:
            read_region(path, "--region")
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith("--region")
        return str(caught.value)

    assert "no such file" in line(tmp_path / "none.png")
    (tmp_path / "empty.png").touch()
    assert "is empty" in line(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("hello")
    assert "no picture" in line(tmp_path / "text.png")
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((4, 5), np.uint8))
    assert "black all over" in line(tmp_path / "black.png")


MASK = np.zeros((20, 30), np.uint8)
MASK[:, 17:] = 255


def painted(kind, path):
    """A mask whose right part is painted in white, as editors keep it."""
    white = np.full_like(MASK, 255)
    if kind == "la":
        Image.fromarray(np.dstack([white, MASK]), "LA").save(path)
    elif kind == "palette":
        picture = Image.fromarray((MASK > 0).astype(np.uint8), "P")
        picture.putpalette([255, 255, 255, 255, 255, 255])
        picture.save(path, transparency=0)
    elif kind == "deep":
        cv2.imwrite(str(path), np.dstack([white] * 3 + [MASK]).astype(np.uint16) * 257)
    elif kind == "tiff":
        data = np.dstack([white, white, white, MASK])
        tifffile.imwrite(path, data, photometric="rgb", extrasamples=[2])
    elif kind == "soft":  # a soft brush: half of it counts
        alpha = np.tile(np.linspace(0, 255, 30).round().astype(np.uint8), (20, 1))
        Image.fromarray(np.dstack([white, white, white, alpha])).save(path)
    elif kind == "webp":
        Image.fromarray(np.dstack([white, white, white, MASK])).save(path, lossless=True)
    else:
        Image.fromarray(np.dstack([white, white, white, MASK])).save(path)
    return path


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["rgba", "la", "palette", "deep", "tiff", "webp", "soft"])
def test_what_is_transparent_in_a_mask_is_black(tmp_path, kind):
    suffix = {"tiff": "tif", "webp": "webp"}.get(kind, "png")
    mask = read_mask(painted(kind, tmp_path / f"mask.{suffix}"))
    expected = np.tile(np.arange(30) >= 15, (20, 1)) if kind == "soft" else MASK > 0
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_a_mask_whose_format_rings_is_cut_at_half_and_that_is_told(tmp_path, suffix, caplog):
    disc = np.zeros((64, 80, 3), np.uint8)
    cv2.circle(disc, (40, 30), 19, (255, 255, 255), -1)
    Image.fromarray(disc).save(tmp_path / f"m.{suffix}", quality=5)
    with caplog.at_level(logging.WARNING, "segment.video"):
        mask = read_mask(tmp_path / f"m.{suffix}")
    assert (mask != (disc[..., 0] > 0)).mean() < 0.1
    assert "half of white" in caplog.text
