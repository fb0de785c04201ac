"""Transparency in frames is told once, and only where there is some."""

import json
import logging

import av
import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

import segment
from segment.video import open_frames
from tests.video.makers import scenes


def painted(clear, length=4):
    """Pictures (T, H, W, 4) RGBA, with a corner that is transparent from the second one on."""
    images = scenes(length)
    alpha = np.full((*images.shape[:3], 1), 255, np.uint8)
    if clear:
        alpha[1:, :10, :10] = 0
    return np.concatenate([images, alpha], axis=3)


def film(path, codec, pixels, clear, **options):
    images = painted(clear)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = images.shape[1:3]
        stream.pix_fmt = pixels
        for image in images:
            picture = av.VideoFrame.from_ndarray(image, format="rgba")
            out.mux(stream.encode(picture.reformat(format=pixels)))
        out.mux(stream.encode())
    return path


def animated(path, clear, **options):
    first, *others = (Image.fromarray(image, "RGBA") for image in painted(clear))
    first.save(path, save_all=True, append_images=others, duration=40, **options)
    return path


def stack(path, clear):
    deep = painted(clear).astype(np.uint16) * 16 + 15  # twelve bits of sixteen
    tifffile.imwrite(path, deep, photometric="rgb", extrasamples=["unassalpha"])
    return path


def folder(path, clear, depth=np.uint8, ending="png"):
    path.mkdir()
    for t, image in enumerate(painted(clear)):
        deep = image.astype(depth) * (257 if depth is np.uint16 else 1)
        assert cv2.imwrite(str(path / f"{t:03}.{ending}"), deep[:, :, [2, 1, 0, 3]])
    return path


MAKERS = {
    "pictures": lambda at, clear: folder(at / "f", clear),
    "deep pictures": lambda at, clear: folder(at / "f", clear, np.uint16),
    "webp pictures": lambda at, clear: folder(at / "f", clear, ending="webp"),
    "deep stack": lambda at, clear: stack(at / "f.tif", clear),
    "webp": lambda at, clear: animated(at / "f.webp", clear, lossless=True),
    "apng": lambda at, clear: animated(at / "f.png", clear),
    "tif": lambda at, clear: animated(at / "f.tif", clear),
    "gif": lambda at, clear: animated(at / "f.gif", clear, disposal=2),
    "qtrle": lambda at, clear: film(at / "f.mov", "qtrle", "argb", clear),
    "png in mov": lambda at, clear: film(at / "f.mov", "png", "rgba", clear),
    "raw": lambda at, clear: film(at / "f.avi", "rawvideo", "bgra", clear),
    "ffv1": lambda at, clear: film(at / "f.mkv", "ffv1", "yuva420p", clear),
    "ffv1 deep": lambda at, clear: film(at / "f.mkv", "ffv1", "yuva444p12le", clear),
    "planes": lambda at, clear: film(at / "f.avi", "utvideo", "gbrap", clear),
    "prores": lambda at, clear: film(
        at / "f.mov", "prores_ks", "yuva444p10le", clear, profile="4444"
    ),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_transparent_is_told_once(tmp_path, kind, caplog):
    caplog.set_level(logging.WARNING, logger="segment.video")
    for clear in (True, False):
        caplog.clear()
        (tmp_path / str(clear)).mkdir()
        with open_frames(MAKERS[kind](tmp_path / str(clear), clear)) as source:
            assert len(list(source)) == 4
        told = [line for line in caplog.messages if "counts as opaque" in line]
        assert len(told) == clear, told
        if clear and kind != "gif":  # in which what is drawn over may be left open
            assert "transparent in 4 % of its pixels" in told[0]


def test_colours_under_what_is_transparent_are_as_stored(tmp_path):
    with open_frames(folder(tmp_path / "f", clear=True)) as source:
        for frame, image in zip(source, painted(clear=True), strict=True):
            np.testing.assert_array_equal(frame.image, image[:, :, :3])


def test_a_layer_that_is_not_decoded_is_told(tmp_path, caplog):
    path = film(tmp_path / "f.webm", "libvpx-vp9", "yuva420p", clear=True)
    with open_frames(path) as source:
        list(source)
    assert any("transparency is not read" in line for line in caplog.messages)


def test_it_stands_in_the_record(tmp_path):
    frames = folder(tmp_path / "f", clear=True)
    segment.run(f"read {frames} subtract-mixture export {tmp_path / 'out'}")
    record = json.loads((tmp_path / "out" / "f" / "run.json").read_text())
    assert any("transparent" in line for line in record["warnings"])
