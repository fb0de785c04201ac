"""Files of many pictures: TIFF stacks of every layout, animated WebP, PNG and AVIF."""

import logging
import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from segment.errors import UnreadableInput
from segment.video import open_frames
from segment.video.inspect import inspect
from tests.video.makers import scenes

SIZE = (30, 46)
STACK = scenes(7, SIZE)
GREY = STACK[..., 0]


def read(path, **options):
    with open_frames(path, **options) as source:
        frames = list(source)
        assert not source.damage, source.damage
        assert source.info.length == len(frames)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return np.array([frame.image for frame in frames]), frames


def write_tiff(path, data, **options):
    tifffile.imwrite(path, data, **{"photometric": "minisblack", **options})
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"compression": "lzw"},
        {"compression": "deflate", "predictor": True},
        {"compression": "packbits"},
        {"tile": (16, 32)},
        {"metadata": None},  # pages without a word of what they are
        {"metadata": {"axes": "TYX"}, "ome": True},
        {"metadata": {"axes": "ZYX"}, "ome": True, "compression": "deflate"},
        {"metadata": {"axes": "TYX"}, "imagej": True},
        {"rowsperstrip": 7},
    ],
    ids=str,
)
def test_every_page_of_a_stack(tmp_path, options):
    images, frames = read(write_tiff(tmp_path / "stack.tif", GREY, **options))

    np.testing.assert_array_equal(images[..., 0], GREY)
    assert [frame.time for frame in frames] == [n / 25 for n in range(7)]


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_colour_stored_by_pixel_or_by_plane(tmp_path, planar, compression):
    data = STACK if planar == "contig" else np.moveaxis(STACK, -1, 1)
    path = tmp_path / "colour.tif"
    write_tiff(path, data, photometric="rgb", planarconfig=planar, compression=compression)
    np.testing.assert_array_equal(read(path)[0], STACK)


@pytest.mark.parametrize("kind", ["ome", "imagej"])
def test_times_depths_and_channels(tmp_path, kind, caplog):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, (3, 2, 2, *SIZE), np.uint8)  # T, Z, C
    path = write_tiff(tmp_path / "cells.tif", data, metadata={"axes": "TZCYX"}, **{kind: True})
    with caplog.at_level(logging.INFO, "segment.video"):
        images, _ = read(path)

    assert images.shape == (6, *SIZE, 3)
    np.testing.assert_array_equal(images[..., :2], np.moveaxis(data.reshape(6, 2, *SIZE), 1, -1))
    assert (images[..., 2] == 0).all()
    assert "2 channels" in caplog.text
    assert "2 planes of depth (Z) at each of 3 times" in caplog.text


def test_four_channels_show_three_and_a_stack_of_channels_shows_all(tmp_path, caplog):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, (3, 4, *SIZE), np.uint8)
    path = write_tiff(tmp_path / "c.ome.tif", data, metadata={"axes": "TCYX"})
    with caplog.at_level(logging.INFO, "segment.video"):
        np.testing.assert_array_equal(read(path)[0], np.moveaxis(data[:, :3], 1, -1))
    assert "4 channels; the first three" in caplog.text
    path = write_tiff(tmp_path / "many.ome.tif", data[0], metadata={"axes": "CYX"})
    np.testing.assert_array_equal(read(path)[0][..., 0], data[0])


def test_several_series_are_told_and_chosen(tmp_path, caplog):
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(GREY, photometric="minisblack", metadata={"axes": "TYX"})
        file.write(255 - GREY[:4], photometric="minisblack", metadata={"axes": "TYX"})
    with caplog.at_level(logging.INFO, "segment.video"):
        np.testing.assert_array_equal(read(path)[0][..., 0], GREY)
    assert "holds 2 series" in caplog.text
    np.testing.assert_array_equal(read(path, track=1)[0][..., 0], 255 - GREY[:4])
    with pytest.raises(UnreadableInput, match="no series 2; it holds 2"):
        open_frames(path, track=2)


@pytest.mark.parametrize("library", ["tifffile", "pillow"])
def test_pages_of_several_sizes_keep_their_order(tmp_path, library, caplog):
    pages = [GREY[0], cv2.resize(GREY[1], (23, 15)), GREY[2], GREY[3][:20]]
    path = tmp_path / "mixed.tif"
    if library == "tifffile":
        with tifffile.TiffWriter(path) as file:
            for page in pages:
                file.write(page, photometric="minisblack")
    else:
        first, *rest = map(Image.fromarray, pages)
        first.save(path, save_all=True, append_images=rest)
    with caplog.at_level(logging.WARNING, "segment.video"):
        images, _ = read(path)
    assert images.shape == (4, *SIZE, 1)
    np.testing.assert_array_equal(images[[0, 2], ..., 0], [pages[0], pages[2]])
    assert caplog.text.count("page 1, is (15, 23)") == 1


def test_thumbnails_and_pyramids_are_no_frames(tmp_path):
    path = tmp_path / "pyramid.tif"
    with tifffile.TiffWriter(path) as file:
        for page in GREY[:3]:
            file.write(page, photometric="minisblack", metadata=None)
            file.write(page[::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read(path)[0][..., 0], GREY[:3])


def test_black_and_white_palettes_ink_and_inverted_pages(tmp_path):
    bits = GREY[0] > 90
    for name, save in {
        "bits": lambda p: Image.fromarray(bits).save(p, compression="group4"),
        "white": lambda p: tifffile.imwrite(
            p, 255 - bits * np.uint8(255), photometric="miniswhite"
        ),
        "palette": lambda p: Image.fromarray(bits.astype(np.uint8) * 255).convert("P").save(p),
    }.items():
        save(tmp_path / f"{name}.tif")
        (image,), _ = read(tmp_path / f"{name}.tif")
        np.testing.assert_array_equal(image[..., 0] > 0, bits, err_msg=name)
    Image.fromarray(STACK[0]).convert("CMYK").save(tmp_path / "ink.tif")
    np.testing.assert_array_equal(read(tmp_path / "ink.tif")[0][0], STACK[0])
    Image.fromarray(cv2.blur(STACK[0], (9, 9))).save(tmp_path / "j.tif", compression="jpeg")
    (image,), _ = read(tmp_path / "j.tif")
    assert np.abs(image.astype(int) - cv2.blur(STACK[0], (9, 9))).mean() < 8


@pytest.mark.parametrize("imagej", [True, False])
def test_a_declared_rate_is_kept_and_another_one_goes_before(tmp_path, imagej):
    more = {"imagej": True} if imagej else {"ome": True}
    key = "finterval" if imagej else "TimeIncrement"
    path = write_tiff(tmp_path / "slow.tif", GREY, metadata={"axes": "TYX", key: 0.5}, **more)
    assert [frame.time for frame in read(path)[1]] == [n / 2 for n in range(7)]
    assert [frame.time for frame in read(path, rate=10)[1]] == [n / 10 for n in range(7)]


@pytest.mark.parametrize("alpha", [1, 2])
def test_alpha_of_a_page_is_dropped_in_frames(tmp_path, alpha):
    data = np.concatenate([STACK, np.full((7, *SIZE, 1), 9, np.uint8)], axis=-1)
    path = tmp_path / "alpha.tif"
    tifffile.imwrite(path, data, photometric="rgb", extrasamples=[alpha])
    np.testing.assert_array_equal(read(path)[0], STACK)


def test_a_damaged_page_keeps_its_number(tmp_path):
    path = write_tiff(tmp_path / "hurt.tif", GREY, compression="deflate", metadata=None)
    with tifffile.TiffFile(path) as file:
        at, size = file.pages[3].dataoffsets[0], file.pages[3].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[at : at + size // 2] = bytes(size // 2)
    path.write_bytes(data)

    with open_frames(path) as source:
        frames = list(source)

    assert [frame.index for frame in frames] == [0, 1, 2, 4, 5, 6]
    assert [frame.time for frame in frames] == [n / 25 for n in (0, 1, 2, 4, 5, 6)]
    assert source.damage.lost == 1
    assert "page 3 cannot be read" in source.damage.reasons[0]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_cut_stack_loses_its_end_and_says_so(tmp_path, compression, capfd):
    path = write_tiff(tmp_path / "cut.tif", GREY, compression=compression)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    with open_frames(path) as source:
        frames = list(source)

    assert 3 <= len(frames) < 7
    for frame in frames:
        np.testing.assert_array_equal(frame.image[..., 0], GREY[frame.index])
    assert source.damage
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["webp", "png", "apng", "avif"])
def test_animated_pictures_give_every_frame_and_its_time(tmp_path, suffix):
    path = tmp_path / f"film.{suffix}"
    first, *rest = map(Image.fromarray, STACK)
    more = {"quality": 100, "subsampling": "4:4:4"} if suffix == "avif" else {"lossless": True}
    times = [40, 40, 120, 40, 40, 40, 40]
    first.save(
        path, format="PNG" if suffix == "apng" else None,
        save_all=True, append_images=rest, duration=times, **more,
    )  # fmt: skip

    images, frames = read(path)

    slack = 6 if suffix == "avif" else 0
    assert np.abs(images.astype(int) - STACK).max() <= slack
    assert [frame.time for frame in frames] == pytest.approx(
        np.cumsum([0, *times[:-1]]) / 1000, abs=1e-9
    )
    assert [frame.time for frame in read(path, rate=5)[1]] == [n / 5 for n in range(7)]
    facts = inspect(path, check=True)
    assert (facts.kind, facts.frames, facts.decoded, facts.sound) == ("pages", 7, 7, True)


def test_a_still_avif_and_a_still_webp_are_one_frame(tmp_path):
    for suffix in ("avif", "webp"):
        Image.fromarray(STACK[0]).save(tmp_path / f"still.{suffix}", quality=100)
        images, _ = read(tmp_path / f"still.{suffix}")
        assert np.abs(images[0].astype(int) - STACK[0]).mean() < 12


def test_a_stack_in_a_folder_is_told(tmp_path, caplog):
    write_tiff(tmp_path / "0.tif", GREY)
    Image.fromarray(GREY[1]).save(tmp_path / "1.png")
    with caplog.at_level(logging.WARNING, "segment.video"):
        images, _ = read(tmp_path)
    np.testing.assert_array_equal(images[..., 0], GREY[:2])
    assert "0.tif holds 7 pictures" in caplog.text
    assert "1 .tif, 1 .png" in caplog.text


@pytest.mark.parametrize("imagej", [False, True])
def test_a_stack_of_ten_gigabytes_takes_no_memory(tmp_path, imagej):
    path = tmp_path / "large.tif"
    more = {"imagej": True, "metadata": {"axes": "TYX"}} if imagej else {}
    shape = (5000, 1024, 2048)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ImageJ lists one page of the 5000
            stack = tifffile.memmap(path, shape=shape, dtype=np.uint8, **more)
    except OSError:
        pytest.skip("no room for a sparse file")
    stack[0], stack[4999, 7, 9] = 3, 77
    stack.flush()
    del stack
    code = f"""
import resource, sys
from segment.video import open_frames
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_frames({str(path)!r}) as source:
    source.skip_before(4900)
    for frame in source:
        pass
    print(frame.index, source.info.length, frame.image[7, 9, 0],
          (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    index, length, value, megabytes = map(int, done.stdout.split())
    assert (index, length, value) == (4999, 5000, 77)
    assert megabytes < 100
