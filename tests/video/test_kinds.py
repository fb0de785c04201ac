"""What a file is called does not decide what is read of it: all of its pictures are."""

import contextlib
import os
import shutil
import threading

import numpy as np
import pytest
import tifffile
from PIL import Image

from segment.video import open_frames
from segment.video.kinds import is_bare_gif
from segment.video.pipes import Pipe
from tests.conftest import write_video
from tests.video.makers import scenes

LENGTH = 6


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same six pictures in several kinds of file."""
    folder = tmp_path_factory.mktemp("kinds")
    images = scenes(LENGTH, (24, 32))
    first, *more = map(Image.fromarray, images)
    settings = {"save_all": True, "append_images": more, "duration": 40}
    for kind in ("gif", "webp", "avif", "png"):
        first.save(folder / f"film.{kind}", lossless=True, **settings)
    tifffile.imwrite(folder / "film.tif", images, photometric="rgb")
    write_video(folder / "film.mkv", images)
    write_video(folder / "film.mp4", images, codec="libx264", pixels="yuv420p")
    return folder


@pytest.mark.parametrize("called", ["jpg", "mkv", "dat", "tif", "mp4", ""])
@pytest.mark.parametrize("kind", ["gif", "webp", "avif", "png", "tif", "mkv", "mp4"])
def test_all_pictures_are_read_whatever_it_is_called(files, tmp_path, kind, called):
    path = tmp_path / (f"other.{called}" if called else "other")
    shutil.copy(files / f"film.{kind}", path)
    with open_frames(files / f"film.{kind}") as wanted, open_frames(path) as found:
        pairs = list(zip(wanted, found, strict=True))
    assert len(pairs) == LENGTH
    assert all(np.array_equal(one.image, other.image) for one, other in pairs)


def test_a_gif_whose_pictures_say_no_time_is_read_whole(tmp_path):
    images = scenes(LENGTH, (24, 32))
    first, *more = (Image.fromarray(image).convert("P") for image in images)
    first.save(tmp_path / "bare.gif", save_all=True, append_images=more)
    assert is_bare_gif(tmp_path / "bare.gif")
    with open_frames(tmp_path / "bare.gif") as source, Image.open(tmp_path / "bare.gif") as known:
        for number, frame in enumerate(source):
            known.seek(number)
            assert np.array_equal(frame.image, np.asarray(known.convert("RGB")))
    assert number == LENGTH - 1


@pytest.mark.parametrize("kind", ["gif", "webp", "avif", "png", "tif", "mkv", "mp4"])
def test_all_pictures_come_by_a_pipe(files, kind):
    data = (files / f"film.{kind}").read_bytes()
    with open_frames(files / f"film.{kind}") as wanted, piped(data) as found:
        pairs = list(zip(wanted, found, strict=True))
    assert all(np.array_equal(one.image, other.image) for one, other in pairs)
    assert not found.damage


def test_what_a_pipe_declares_and_does_not_bring_is_lost(tmp_path):
    write_video(tmp_path / "film.mkv", scenes(40, (24, 32)))
    data = (tmp_path / "film.mkv").read_bytes()
    with piped(data[: len(data) * 2 // 3]) as source:
        came = sum(1 for _ in source)
    assert 0 < came < 40
    assert source.damage.lost == 40 - came


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_by_a_pipe_is_upright(tmp_path, orientation, kind):
    tags = Image.Exif()
    tags[274] = orientation
    down, across = np.mgrid[:24, :32]
    slope = (8 * down + across * across // 16).astype(np.uint8)  # no turn of it is another
    path = tmp_path / f"a.{kind}"
    Image.fromarray(np.dstack([slope] * 3)).save(path, exif=tags, quality=95)
    data = path.read_bytes()
    with open_frames(path) as wanted, piped(data) as found:
        (one,), (other,) = wanted, found
    assert one.image.shape == other.image.shape
    assert np.abs(one.image.astype(int) - other.image).mean() < 3  # another decoder


@contextlib.contextmanager
def piped(data):
    ours, theirs = os.pipe()

    def feed():
        with contextlib.suppress(OSError), os.fdopen(theirs, "wb") as file:
            file.write(data)

    threading.Thread(target=feed, daemon=True).start()
    pipe = Pipe(ours, "stdin", owned=True)
    try:
        with open_frames(pipe) as source:
            yield source
    finally:
        pipe.close()


def test_a_gif_of_one_picture_or_with_times_is_none(files, tmp_path):
    Image.fromarray(scenes(1, (24, 32))[0]).convert("P").save(tmp_path / "one.gif")
    assert not is_bare_gif(tmp_path / "one.gif")
    assert not is_bare_gif(files / "film.gif")
    (tmp_path / "cut.gif").write_bytes((files / "film.gif").read_bytes()[:800])
    assert not is_bare_gif(tmp_path / "cut.gif")
