"""A camera that starts warm: what a file holds is gone on with, and the file is kept up to date."""

import os

import numpy as np
import pytest

from segment import pipeline
from segment.background import GaussianMixtureSubtractor, OpenCVSubtractor, PosteriorSubtractor
from segment.background.warm import Warm
from segment.errors import BadState, OutputError
from segment.locks import Busy
from tests.conftest import as_frames, moving_square

IMAGES = moving_square(24)[0]


def masks_of(subtractor, images):
    return [frame.foreground for frame in pipeline.subtract(as_frames(images), subtractor)]


@pytest.mark.parametrize("kind", [PosteriorSubtractor, GaussianMixtureSubtractor])
def test_two_runs_are_one(kind, tmp_path):
    path = tmp_path / "new" / "camera.state"
    found = []
    for images in (IMAGES[:11], IMAGES[11:]):
        with Warm(kind, path) as subtractor:
            found += masks_of(subtractor, images)
            assert subtractor.background().shape == IMAGES.shape[1:]
        assert os.listdir(path.parent) == ["camera.state"]
    np.testing.assert_array_equal(found, masks_of(kind(), IMAGES))


def test_nobody_else_keeps_the_same_file(tmp_path):
    path = tmp_path / "camera.state"
    with Warm(PosteriorSubtractor, path), pytest.raises(Busy), Warm(PosteriorSubtractor, path):
        pass
    with Warm(PosteriorSubtractor, path):
        pass
    assert os.listdir(tmp_path) == []  # nothing was seen, so nothing is known


def test_an_error_between_frames_keeps_what_was_learned(tmp_path):
    path = tmp_path / "camera.state"

    def fails(images):
        with Warm(PosteriorSubtractor, path) as subtractor:
            masks_of(subtractor, images)
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fails(IMAGES[:8])
    wanted = PosteriorSubtractor()
    masks_of(wanted, IMAGES[:8])
    kept = PosteriorSubtractor.load(path)
    np.testing.assert_array_equal(masks_of(kept, IMAGES[8:]), masks_of(wanted, IMAGES[8:]))


def test_an_error_in_the_middle_of_a_frame_keeps_what_the_file_had(tmp_path, monkeypatch):
    path = tmp_path / "camera.state"
    with Warm(PosteriorSubtractor, path) as subtractor:
        masks_of(subtractor, IMAGES[:5])
    whole = path.read_bytes()

    def half(self, image, **how):
        raise KeyboardInterrupt

    def fails(images):
        with Warm(PosteriorSubtractor, path) as subtractor:
            masks_of(subtractor, images[:4])
            monkeypatch.setattr(PosteriorSubtractor, "apply", half)
            masks_of(subtractor, images[4:])

    with pytest.raises(KeyboardInterrupt):
        fails(IMAGES[5:])
    assert path.read_bytes() == whole


@pytest.mark.parametrize(("every", "times"), [(1e-9, 6), (3600, 0), (0, 0)])
def test_it_is_saved_now_and_then_and_a_disk_that_refuses_is_told(
    every, times, tmp_path, monkeypatch, caplog
):
    def refuse(self, path):
        raise OutputError(f"{path} cannot be written: no space left on device")

    def fails(images):
        with Warm(PosteriorSubtractor, tmp_path / "camera.state") as subtractor:
            monkeypatch.setattr(PosteriorSubtractor, "save", refuse)
            frames = pipeline.subtract(as_frames(images), subtractor)
            assert len(list(subtractor.saving(frames, every))) == len(images)

    with pytest.raises(OutputError, match="no space"):
        fails(IMAGES[:6])
    assert [record.levelname for record in caplog.records] == ["WARNING"] * times


def test_options_and_regions_are_those_of_this_run(tmp_path):
    path = tmp_path / "camera.state"
    region = np.zeros(IMAGES.shape[1:3], bool)
    region[:, :30] = True
    with Warm(PosteriorSubtractor, path, region=region, history=300) as subtractor:
        masks_of(subtractor, IMAGES[:5])
    np.testing.assert_array_equal(PosteriorSubtractor.load(path).region, region)
    with Warm(PosteriorSubtractor, path, history=200) as subtractor:
        masks_of(subtractor, IMAGES[5:7])
    kept = PosteriorSubtractor.load(path)
    assert kept.region is None
    assert kept.history == 200


@pytest.mark.parametrize(
    ("kind", "options", "images", "words"),
    [
        (GaussianMixtureSubtractor, {}, IMAGES, "state of a PosteriorSubtractor"),
        (PosteriorSubtractor, {"components": 3}, IMAGES, "components 4, not 3"),
        (PosteriorSubtractor, {}, IMAGES[:, :31], "62x46 colour, but the frames are 62x31 colour"),
        (PosteriorSubtractor, {}, IMAGES[..., :1], "62x46 colour, but the frames are 62x46 grey"),
    ],
)
def test_what_does_not_fit_is_refused_and_stays(kind, options, images, words, tmp_path):
    path = tmp_path / "camera.state"
    with Warm(PosteriorSubtractor, path) as subtractor:
        masks_of(subtractor, IMAGES[:5])
    whole = path.read_bytes()
    with pytest.raises(BadState, match=words), Warm(kind, path, **options) as subtractor:
        masks_of(subtractor, images)
    assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == ["camera.state"]


def test_of_a_link_the_file_is_kept_and_one_that_leads_nowhere_is_told(tmp_path):
    real, link = tmp_path / "real.state", tmp_path / "link.state"
    PosteriorSubtractor().save(real)
    link.symlink_to(real)
    with Warm(PosteriorSubtractor, link) as subtractor:
        masks_of(subtractor, IMAGES[:3])
    assert link.is_symlink()
    assert PosteriorSubtractor.load(real).image_shape == IMAGES.shape[1:]
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(OutputError, match="leads nowhere"), Warm(PosteriorSubtractor, link):
        pass


def test_who_learns_nothing_of_ours_cannot_be_kept(tmp_path):
    with pytest.raises(TypeError, match="OpenCVSubtractor cannot be saved"):
        Warm(OpenCVSubtractor, tmp_path / "camera.state")
