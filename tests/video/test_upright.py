"""The eight ways a picture can lie; pixels that are no squares; several tracks of video."""

import logging
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from segment.errors import UnreadableInput
from segment.export import MaskVideo, OverlayVideo
from segment.frame import Frame, SequenceInfo
from segment.video import open_frames
from segment.video.inspect import inspect
from segment.video.select import resize
from segment.video.upright import by_exif, by_matrix, turned
from tests.video.makers import scenes

SIZE = (32, 48)
STORED = np.kron(np.arange(1, 7).reshape(2, 3) * 40, np.ones((16, 16), int)).astype(np.uint8)
# a, b, c, d of x' = a x + c y, y' = b x + d y
MATRICES = [
    (1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
    (0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0),
]  # fmt: skip


def shown(stored, a, b, c, d):
    """Put every stored pixel where the matrix says, one by one."""
    rows, columns = np.indices(stored.shape)
    x, y = a * columns + c * rows, b * columns + d * rows
    x, y = x - x.min(), y - y.min()
    picture = np.zeros((y.max() + 1, x.max() + 1), stored.dtype)
    picture[y, x] = stored
    return picture


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_matrix_moves_every_pixel_where_it_says(matrix):
    a, b, c, d = matrix
    turn = by_matrix([a, b, 0, c, d, 0, 0, 0, 1])
    np.testing.assert_array_equal(turned(STORED, turn), shown(STORED, *matrix))


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_all_eight_display_matrices_of_a_film(tmp_path, matrix, suffix):
    a, b, c, d = (65536 * n for n in matrix)
    path = tmp_path / f"film.{suffix}"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.dstack([STORED] * 3), format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode())

    with open_frames(path) as source:
        frames = list(source)

    expected = shown(STORED, *matrix)
    for frame in frames:
        assert frame.image.shape[:2] == source.info.size == expected.shape
        assert np.abs(frame.image[..., 1].astype(int) - expected).max() < 12


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_of_a_photograph(tmp_path, orientation, suffix):
    # TIFF 6.0: what the first stored row and column are of the upright picture.
    sides = ["tl", "tr", "br", "bl", "lt", "rt", "rb", "lb"][orientation - 1]
    upright = STORED
    stored = upright if sides[0] in "tb" else upright.T
    stored = stored[::-1] if sides[0] in "br" else stored
    stored = stored[:, ::-1] if sides[1] in "br" else stored
    tags = Image.Exif()
    tags[274] = orientation
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(np.dstack([stored] * 3)).save(
        path, **({} if suffix == "tif" else {"quality": 95}), exif=tags
    )

    with open_frames(path) as source:
        (frame,) = source

    assert frame.image.shape == (*SIZE, 3)
    assert np.abs(frame.image[..., 1].astype(int) - upright).mean() < 5
    np.testing.assert_array_equal(turned(stored, by_exif(orientation)), upright)


def film(path, sar=None, tracks=1, rotation=0):
    with av.open(str(path), "w") as out:
        streams = []
        for _ in range(tracks):
            stream = out.add_stream("libx264", rate=25, options={"crf": "10"})
            stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
            if sar:
                stream.codec_context.sample_aspect_ratio = sar
            if rotation:
                stream.set_display_rotation(rotation)
            streams.append(stream)
        for t, image in enumerate(scenes(4, SIZE)):
            for n, stream in enumerate(streams):
                picture = av.VideoFrame.from_ndarray(image // (n + 1), format="rgb24")
                picture.pts, picture.time_base = t, Fraction(1, 25)
                out.mux(stream.encode(picture))
        for stream in streams:
            out.mux(stream.encode())
    return path


def test_the_shape_of_pixels_is_kept_in_what_is_written(tmp_path):
    path = film(tmp_path / "wide.mkv", sar=Fraction(2))
    with open_frames(path) as source:
        frames = list(source)
    assert source.info.aspect == 2
    assert inspect(path).aspect == 2
    with open_frames(film(tmp_path / "turned.mp4", sar=Fraction(2), rotation=90)) as source:
        assert source.info.aspect == Fraction(1, 2)
        assert source.info.size == SIZE[::-1]

    for kind in (MaskVideo, OverlayVideo):
        with kind(tmp_path) as sink:
            for frame in frames:
                mask = frame.image[..., 0] > 200
                sink.write(replace(frame, foreground=mask))
        with open_frames(tmp_path / kind.output) as written:
            assert written.info.aspect == 2


def test_another_size_keeps_the_shape_of_the_picture():
    image = np.zeros((576, 720, 3), np.uint8)
    frame = Frame(image, 0, 0.0, SequenceInfo("dv", (576, 720), 25, 1, aspect=Fraction(16, 15)))
    for size, aspect in [
        ((288, 360), Fraction(16, 15)),
        ((576, 768), 1),
        ((288, 720), 8 / 15),
    ]:
        (scaled,) = resize([frame], size)
        assert scaled.sequence.aspect == pytest.approx(aspect, abs=1e-3)


def test_several_tracks_are_told_and_chosen(tmp_path, caplog):
    path = film(tmp_path / "dash.mkv", tracks=2)
    with caplog.at_level(logging.WARNING, "segment.video"), open_frames(path) as source:
        front = np.array([frame.image for frame in source])
    assert "2 video tracks, of which track 0 is read; --track" in caplog.text
    with open_frames(path, track=1) as source:
        rear = np.array([frame.image for frame in source])
    assert front.mean() > 1.8 * rear.mean()
    assert inspect(path).tracks == 2
    with pytest.raises(UnreadableInput, match="no video track 2; it holds 2, the first is 0"):
        open_frames(path, track=2)
