"""What the posterior subtractor does when a camera shakes or is noisy, or the scene is new."""

import logging

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from segment.background import PosteriorSubtractor

SIZE = (72, 96)


def scene(seed, size=SIZE, contrast=50):
    rough = np.random.default_rng(seed).normal(0, 1, (*size, 3))
    smooth = gaussian_filter(rough, (2, 2, 0))
    return np.clip(120 + contrast * smooth / smooth.std(), 0, 255).astype(np.uint8)


def with_square(image, column, value=230):
    marked = image.copy()
    marked[30:46, column : column + 16] = value
    return marked


def noisy(image, generator, deviation):
    return np.clip(image + generator.normal(0, deviation, image.shape), 0, 255).astype(np.uint8)


def test_a_shaking_camera_leaves_the_object_only(caplog):
    generator = np.random.default_rng(1)
    wide = scene(2, (SIZE[0] + 6, SIZE[1] + 6))
    subtractor = PosteriorSubtractor()
    with caplog.at_level(logging.INFO, "segment.background"):
        for t in range(60):
            dy, dx = generator.integers(0, 7, 2)
            view = wide[dy : dy + SIZE[0], dx : dx + SIZE[1]]
            mask = subtractor.apply(with_square(view, 10 + t) if t >= 30 else view)
            if t >= 5:
                assert mask.mean() < (0.08 if t >= 30 else 0.01), t
            if t >= 35:
                assert mask[32:44, 12 + t : 24 + t].mean() > 0.9, t
    assert sum("the camera moves" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("back", [False, True])
def test_a_scene_that_has_changed_as_a_whole_is_learned_anew(caplog, back):
    one, other = scene(3), scene(4)
    subtractor = PosteriorSubtractor()
    for _ in range(30):
        subtractor.apply(one)
    with caplog.at_level(logging.INFO, "segment.background"):
        masks = [subtractor.apply(other) for _ in range(10)]
        if back:
            masks = [subtractor.apply(one) for _ in range(10)]
    assert masks[0].mean() > 0.8
    assert masks[-1].mean() == 0
    changes = [record for record in caplog.records if "has changed" in record.message]
    assert len(changes) == 1 + back
    assert subtractor.posterior().shape == SIZE
    assert subtractor.background().shape == (*SIZE, 3)


def test_the_posterior_of_the_frame_that_begins_anew_is_that_of_its_mask():
    one, other = scene(3), scene(4)
    subtractor = PosteriorSubtractor()
    for _ in range(30):
        subtractor.apply(one)
    for _ in range(8):
        mask = subtractor.apply(other)
        assert ((subtractor.posterior() > 0.5) == mask).mean() > 0.9
        assert not (subtractor.shadows() & mask).any()


def test_who_wants_no_new_scene_gets_none(caplog):
    one, other = scene(3), scene(4)
    subtractor = PosteriorSubtractor(quality="fast", relearn=False)
    for _ in range(30):
        subtractor.apply(one)
    with caplog.at_level(logging.INFO, "segment.background"):
        masks = [subtractor.apply(other) for _ in range(10)]
    assert masks[-1].mean() > 0.8
    assert not caplog.records


@pytest.mark.parametrize("rate", [0, 0.0, np.zeros(SIZE)])
def test_what_is_frozen_is_not_learned_anew(rate):
    one, other = scene(3), scene(4)
    subtractor = PosteriorSubtractor()
    for _ in range(30):
        subtractor.apply(one)
    before = subtractor.background()
    for _ in range(10):
        subtractor.apply(other, learning_rate=rate)
    np.testing.assert_array_equal(subtractor.background(), before)


def test_a_step_of_the_light_is_no_movement_and_no_new_scene(caplog):
    generator = np.random.default_rng(11)
    still = scene(12, contrast=30)
    subtractor = PosteriorSubtractor()
    with caplog.at_level(logging.INFO, "segment.background"):
        for t in range(80):
            gain = (1, 0.8, 1.15, 0.85)[t // 20]
            mask = subtractor.apply(noisy(gain * still, generator, 1))
            assert mask.mean() < 0.02, t
    assert not caplog.records


def test_a_flash_changes_nothing():
    subtractor = PosteriorSubtractor()
    still = scene(5)
    for _ in range(30):
        subtractor.apply(still)
    for _ in range(2):
        subtractor.apply(np.full_like(still, 250))
    assert all(subtractor.apply(still).mean() < 0.01 for _ in range(5))


def test_a_noisy_camera_finds_the_object_and_little_else(caplog):
    generator = np.random.default_rng(6)
    still = scene(7)
    subtractor = PosteriorSubtractor()
    found, false = [], []
    with caplog.at_level(logging.INFO, "segment.background"):
        for t in range(80):
            image = with_square(still, t, value=200) if t >= 40 else still
            mask = subtractor.apply(noisy(image, generator, 12))
            if t >= 45 and t < 78:
                found.append(mask[32:44, 2 + t : 14 + t].mean())
                rest = mask.copy()
                rest[26:50, max(0, t - 6) : t + 24] = False
                false.append(rest.mean())
    assert np.mean(found) > 0.9
    assert np.mean(false) < 0.005
    assert sum("noisy" in record.message for record in caplog.records) == 1


def test_a_copy_goes_on_through_all_of_it():
    generator = np.random.default_rng(8)
    one, other = scene(9), scene(10)
    subtractor = PosteriorSubtractor()
    for _ in range(20):
        subtractor.apply(noisy(one, generator, 10))
    twin = subtractor.copy()
    for t in range(12):
        image = noisy(other if t > 3 else one, generator, 10)
        np.testing.assert_array_equal(subtractor.apply(image), twin.apply(image))
