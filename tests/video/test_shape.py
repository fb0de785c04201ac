"""Pixels that are not square: read from every kind of file, and kept in every output."""

import json
import zlib
from fractions import Fraction

import av
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from segment import open_frames
from segment.cli.main import run
from segment.export.aspect import as_shown, shown_size
from segment.export.zones import zones_page
from tests.conftest import moving_square

ALL = ["masks", "video", "labels", "overlay", "clips", "crops", "synopsis", "report"]
ALL += ["coco", "tracks", "ctc"]


def film(path, aspect, length=30):
    images, _ = moving_square(length, (60, 80))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 60, 80, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for image in images:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    return path


def test_every_output_keeps_the_shape_of_pixels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    film("wide.mp4", Fraction(3, 2))
    words = " ".join(f"--as {name}" for name in ALL)
    run(f"read wide.mp4 subtract clean group-components events export out {words}")
    out = tmp_path / "out" / "wide"

    for path in (*out.glob("*.mp4"), *out.glob("*.mkv"), *out.glob("clips/*.mp4")):
        with av.open(str(path)) as file:
            assert file.streams.video[0].sample_aspect_ratio == Fraction(3, 2), path.name
    pictures = [*out.glob("masks/*.png"), *out.glob("labels/*.png"), *out.glob("crops/*.png")]
    assert {path.parent.name for path in pictures} == {"masks", "labels", "crops"}
    for path in pictures:
        with Pillow.open(path) as picture:
            assert picture.info["aspect"] == (2, 3), path  # pixels across and down
    with tifffile.TiffFile(out / "ctc" / "mask000.tif") as file:
        across, down = (Fraction(*file.pages[0].tags[f"{a}Resolution"].value) for a in "XY")
        assert down / across == Fraction(3, 2)
    assert json.loads((out / "objects.json").read_text())["info"]["pixel_aspect"] == 1.5
    assert json.loads((out / "run.json").read_text())["aspect"] == "3/2"
    report = (out / "report.html").read_text()
    assert '<svg viewBox="0 0 120 60"' in report
    assert '<video id="video" width="120" height="60"' in report
    with open_frames(out / "masks") as masks:
        assert masks.info.aspect == Fraction(3, 2)


def test_square_pixels_are_not_mentioned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    film("plain.mp4", Fraction(1), 3)
    run("read plain.mp4 subtract group-components export out --as masks --as coco --as ctc")
    out = tmp_path / "out" / "plain"
    with Pillow.open(out / "masks" / "000000.png") as picture:
        assert "aspect" not in picture.info
    assert "aspect" not in (out / "objects.json").read_text() + (out / "run.json").read_text()


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif"])
@pytest.mark.parametrize(("dots", "aspect"), [((100, 200), 2), ((200, 100), 0.5), ((72, 72), 1)])
def test_pictures_say_it_by_their_dots(tmp_path, kind, dots, aspect):
    path = tmp_path / f"a.{kind}"
    Pillow.new("RGB", (16, 12), (90, 80, 70)).save(path, dpi=dots)
    for given in (path, tmp_path):
        with open_frames(given) as source:
            assert float(source.info.aspect) == pytest.approx(aspect, abs=0.01)
            assert next(iter(source)).sequence.aspect == source.info.aspect


@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_a_turned_picture_has_turned_pixels(tmp_path, kind):
    exif = Pillow.Exif()
    exif[274] = 6
    more = {"exif": exif} if kind == "jpg" else {"tiffinfo": {274: 6}}
    path = tmp_path / f"a.{kind}"
    Pillow.new("RGB", (16, 12)).save(path, dpi=(100, 200), **more)
    with open_frames(path) as source:
        assert source.info.size == (16, 12)
        assert source.info.aspect == Fraction(1, 2)


def test_dots_that_can_be_no_camera_s_are_none(tmp_path):
    for number, dots in enumerate([(1, 1000), (0, 5), (5, 0)]):
        path = tmp_path / f"{number}.png"
        Pillow.new("RGB", (16, 12)).save(path)
        data = path.read_bytes()
        content = b"pHYs" + dots[0].to_bytes(4, "big") + dots[1].to_bytes(4, "big") + b"\0"
        chunk = (9).to_bytes(4, "big") + content + zlib.crc32(content).to_bytes(4, "big")
        path.write_bytes(data[:33] + chunk + data[33:])
        with open_frames(path) as source:
            assert source.info.aspect == 1


def test_a_picture_as_shown_has_square_pixels_and_loses_none():
    assert shown_size((60, 80), Fraction(3, 2)) == (60, 120)
    assert shown_size((60, 80), Fraction(1, 2)) == (120, 80)
    image = np.zeros((6, 8, 1), np.uint8)
    assert as_shown(image, Fraction(1)) is image
    assert as_shown(image, Fraction(2)).shape == (6, 16, 1)
    assert as_shown(np.zeros((6, 8, 3), np.uint8), Fraction(1, 2)).shape == (12, 8, 3)


def test_zones_are_clicked_on_a_picture_of_the_right_shape():
    text = zones_page(np.zeros((60, 80, 3), np.uint8), "yard", aspect=Fraction(3, 2))
    assert 'viewBox="0 0 120 60"' in text
    assert 'transform="scale(1.5 1)"' in text


def test_a_stereo_jpeg_tells_that_there_are_two(tmp_path, caplog):
    left, right = Pillow.new("RGB", (16, 12)), Pillow.new("RGB", (16, 12), (9, 9, 9))
    path = tmp_path / "a.jpg"
    left.save(path, "MPO", save_all=True, append_images=[right])
    for given in (path, tmp_path):
        caplog.clear()
        with open_frames(given) as source:
            assert len(list(source)) == 1
        assert "holds 2 pictures" in caplog.text
