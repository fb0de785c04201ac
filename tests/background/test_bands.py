"""Bands of mains light: rows that are lit in turn are neither foreground nor do they hide any."""

import numpy as np
import pytest

from segment.background import PosteriorSubtractor
from segment.background.posterior.bands import find_bands, without_bands
from tests.background.test_scenes import noisy, scene, with_square

SIZE = (120, 160)


def banded(image, t, depth, period=50):
    wave = 1 + depth * np.sin(2 * np.pi * np.arange(len(image)) / period + 2.3 * t)
    return np.clip(image * wave[:, None, None], 0, 255).astype(np.uint8)


def in_planes(image):
    return np.ascontiguousarray(np.moveaxis(image, 2, 0)).reshape(image.shape[2], -1)


@pytest.mark.parametrize("quality", ["best", "fast"])
@pytest.mark.parametrize("depth", [0.06, 0.25])
def test_bands_are_nothing_and_who_walks_through_them_is_seen(quality, depth):
    generator = np.random.default_rng(3)
    subtractor = PosteriorSubtractor(quality=quality)
    for t in range(90):
        image = with_square(scene(9, SIZE), t - 30) if t >= 30 else scene(9, SIZE)
        mask = subtractor.apply(noisy(banded(image, t, depth), generator, 1.5))
        if 20 <= t < 30:
            assert mask.mean() < 0.01, t
        if t >= 45:
            assert mask[32:44, t - 28 : t - 16].mean() > 0.9, t
            assert mask.sum() < 2.5 * 16 * 16, t


@pytest.mark.parametrize("channels", [1, 3])
def test_every_row_has_the_gain_that_it_was_given(channels):
    still = scene(9, SIZE)[..., :channels]
    image = banded(still, 1, 0.2)
    gains = find_bands(image, in_planes(still), np.zeros(still.size // channels, np.uint8))
    flat = without_bands(image, gains).astype(int)
    off = np.median(flat / np.maximum(still, 1))
    assert np.abs(flat / off - still)[image < 250].mean() < 2


def one_gain(image):
    return np.clip(image * 0.7, 0, 255).astype(np.uint8)


def lorry(image):
    covered = image.copy()
    covered[20:70, 10:150] = np.random.default_rng(1).integers(60, 200, (50, 140, 1))
    return covered


@pytest.mark.parametrize("change", [one_gain, lorry, np.copy, lambda image: image[::-1].copy()])
def test_other_changes_are_no_bands(change):
    still = scene(9, SIZE)
    mask = np.zeros(SIZE[0] * SIZE[1], np.uint8)
    assert find_bands(change(still), in_planes(still), mask) is None


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (5, 7), (300, 2), (33, 47)])
def test_small_pictures_are_looked_at_as_well(size):
    generator = np.random.default_rng(0)
    subtractor = PosteriorSubtractor()
    for _ in range(4):
        assert subtractor.apply(generator.integers(0, 256, (*size, 3), np.uint8)).shape == size


def test_who_follows_no_light_follows_no_bands():
    subtractor = PosteriorSubtractor(quality="fast", follow_light=False)
    for t in range(12):
        subtractor.apply(banded(scene(9, SIZE), t, 0.2))
    assert subtractor.inside.state.camera.banded == 0
