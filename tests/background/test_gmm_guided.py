"""The mixture, told something with a frame, and on images of other types."""

import numpy as np
import pytest

from segment.background import GaussianMixtureSubtractor
from segment.background.memory import as_flat
from tests.background.mixtures import GREY_LEVELS, as_type, run, same_state
from tests.background.test_kernels import state_of
from tests.conftest import moving_square

# --- what a frame comes with ----------------------------------------------------------------


def test_an_array_of_one_rate_is_that_rate():
    images, _ = moving_square(length=16)
    plain, guided = GaussianMixtureSubtractor(), GaussianMixtureSubtractor()
    for n, image in enumerate(images):
        rate = [0.05, 0, 1, 0.3, None][n % 5]
        rates = np.full(image.shape[:2], np.nan if rate is None else rate)
        np.testing.assert_array_equal(guided.apply(image, rates), plain.apply(image, rate))
    same_state(plain, guided)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rate_0_freezes_single_pixels_bit_for_bit(dtype):
    images, _ = moving_square(length=20)
    frozen = np.random.default_rng(1).random(images.shape[1:3]) < 0.5
    plain, guided = (GaussianMixtureSubtractor(dtype=dtype) for _ in range(2))
    run(plain, images[:10])
    run(guided, images[:10])
    before = guided.copy()
    for image in images[10:]:
        plain.apply(image, 0.1)
        guided.apply(image, np.where(frozen, 0, 0.1))
    same_state(guided, before, frozen)
    for ours, theirs in zip(state_of(guided), state_of(plain), strict=True):
        np.testing.assert_allclose(ours[..., ~frozen], theirs[..., ~frozen], rtol=1e-6)


def test_known_foreground_is_foreground_and_not_learned():
    images, _ = moving_square(length=16)
    known = np.zeros(images.shape[1:3], np.int8)
    known[5:20, 10:30] = 1
    subtractor = GaussianMixtureSubtractor()
    run(subtractor, images[:8])
    before = subtractor.copy()
    masks = [subtractor.apply(image, known=known) for image in images[8:]]
    assert all(mask[known == 1].all() for mask in masks)
    same_state(subtractor, before, known == 1)
    bools = [before.apply(image, known=known == 1) for image in images[8:]]
    np.testing.assert_array_equal(bools, masks)


def test_known_background_is_background_and_learned():
    empty, full = np.full((6, 70, 1), 50, np.uint8), np.full((6, 70, 1), 150, np.uint8)
    known = np.zeros((6, 70), np.int8)
    known[:, :30] = -1
    subtractor = GaussianMixtureSubtractor(history=50)
    run(subtractor, [empty] * 50)
    plain = subtractor.copy()
    for _ in range(40):
        mask = subtractor.apply(full, known=known)
        assert not mask[:, :30].any()
        np.testing.assert_array_equal(mask[:, 30:], plain.apply(full)[:, 30:])
    assert (subtractor.background() == 150).all()


def test_outside_the_region_nothing_is_found_or_learned():
    images, _ = moving_square(length=24)
    region = np.zeros(images.shape[1:3], bool)
    region[3:, 20:] = True
    everywhere, inside = GaussianMixtureSubtractor(), GaussianMixtureSubtractor(region=region)
    for image in images[:16]:
        mask = inside.apply(image)
        np.testing.assert_array_equal(mask, everywhere.apply(image) & region)
    same_state(inside, everywhere, region)
    np.testing.assert_array_equal(inside.background()[~region], images[0][~region])
    # What was outside becomes background when it is looked at for the first time.
    inside.region = None
    mask = inside.apply(images[16])
    assert not mask[~region].any()
    np.testing.assert_array_equal(inside.background()[~region], images[16][~region])


def test_sensitivity_divides_the_threshold():
    images, _ = moving_square(length=16)
    for factor in (0.25, 1.0, 2.0):
        one = GaussianMixtureSubtractor(threshold=16 / factor)
        other = GaussianMixtureSubtractor(sensitivity=np.full(images.shape[1:3], factor))
        np.testing.assert_array_equal(run(other, images), run(one, images))
    other.sensitivity = np.ones((3, 4))
    with pytest.raises(ValueError, match=r"sensitivity is \(3, 4\)"):
        other.apply(images[0])


# --- types of images ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_parameters_mean_the_same_for_every_type(dtype):
    images, _ = moving_square(length=24)
    expected = GaussianMixtureSubtractor()
    masks = run(expected, images)
    subtractor = GaussianMixtureSubtractor()
    found = run(subtractor, as_type(images, dtype))
    assert masks.any()
    assert (found != masks).mean() < 1e-4
    assert subtractor.background().dtype == dtype
    levels = subtractor.background() * GREY_LEVELS[dtype]
    np.testing.assert_allclose(levels, expected.background(), atol=0.51)
    np.testing.assert_allclose(subtractor.spread(), expected.spread(), rtol=1e-2)
    with pytest.raises(TypeError, match="uint8.*" + np.dtype(dtype).name):
        subtractor.apply(images[0])


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_less_than_a_grey_level_of_256_is_seen(dtype):
    image = np.full((5, 40, 1), 100.0)
    fine = {"smallest_variance": 1e-4, "initial_variance": 1e-4, "largest_variance": 1.0}
    subtractor = GaussianMixtureSubtractor(**fine)
    for _ in range(3):
        subtractor.apply((image / GREY_LEVELS[dtype]).astype(dtype))
    image[:, 20:] += 0.2
    mask = subtractor.apply((image / GREY_LEVELS[dtype]).astype(dtype))
    assert mask[:, 20:].all()
    assert not mask[:, :20].any()


def test_no_number_is_refused_and_leaves_everything_as_it_was():
    images = as_type(moving_square(length=6)[0], np.float32)
    subtractor = GaussianMixtureSubtractor()
    run(subtractor, images[:4])
    before = subtractor.copy()
    broken = images[4].copy()
    broken[3, 5, 1] = np.nan
    broken[7, 2] = np.inf
    with pytest.raises(ValueError, match=r"at 2 of .* row 3, column 5"):
        subtractor.apply(broken)
    same_state(subtractor, before)
    np.testing.assert_array_equal(subtractor.apply(images[4]), before.apply(images[4]))


def test_unknown_pixels_are_background_and_not_learned():
    images = as_type(moving_square(length=16)[0], np.float32)
    rng = np.random.default_rng(2)
    subtractor = GaussianMixtureSubtractor(invalid="unknown", keep_posterior=True)
    always = rng.random(images.shape[1:3]) < 0.1
    for image in images[:12]:
        unknown = always | (rng.random(always.shape) < 0.2)
        image = np.where(unknown[..., None], np.float32([np.nan, 0, np.inf]), image)
        before = subtractor.copy()
        mask = subtractor.apply(image)
        assert not mask[unknown].any()
        assert not subtractor.posterior()[unknown].any()
        if before.image_shape:
            same_state(subtractor, before, unknown)
    assert all(np.isfinite(part).all() for part in subtractor.mixtures())
    assert not subtractor.background()[always].any()
    assert not subtractor.apply(images[12])[always].any()
    np.testing.assert_allclose(subtractor.background()[always], images[12][always], rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_crop_is_read_where_it_lies(channels):
    images, _ = moving_square(length=12, size=(40, 70))
    crops = images[:, 3:31, 7:60, :channels]
    flat, step = as_flat(images[0, 3:31, 7:60])
    assert np.shares_memory(flat, images)
    assert step == 70 * 3
    assert flat[step * 27 + 52 * 3 + 2] == images[0, 30, 59, 2]
    np.testing.assert_array_equal(
        run(GaussianMixtureSubtractor(), crops),
        run(GaussianMixtureSubtractor(), [crop.copy() for crop in crops]),
    )
    for odd in (images[0, ::-1], images[0, :, ::2], images[0].transpose(1, 0, 2)):
        flat, step = as_flat(odd)
        np.testing.assert_array_equal(flat.reshape(odd.shape), odd)
