"""The posterior subtractor, told rates, what is known, a region; images of other types."""

import numpy as np
import pytest

from segment.background.posterior import PosteriorSubtractor
from tests.background.inside import all_of, learned_of, run
from tests.conftest import moving_square


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.7])
def test_rates_by_pixel_that_are_all_the_same_are_one_rate(rate):
    images, _ = moving_square(length=30)
    one, many = run(images[:20]), run(images[:20])
    for image in images[20:]:
        rates = np.full(image.shape[:2], rate)
        np.testing.assert_array_equal(one.apply(image, rate), many.apply(image, rates))
    assert all_of(one) == all_of(many)
    chosen, automatic = run(images[:20]), run(images[:20])
    for image in images[20:]:
        nothing = np.full(image.shape[:2], np.nan)
        np.testing.assert_array_equal(chosen.apply(image), automatic.apply(image, nothing))
    assert all_of(chosen) == all_of(automatic)


@pytest.mark.parametrize("elsewhere", [np.nan, 0.02, 1.0])
def test_a_rate_of_0_leaves_those_pixels_bit_for_bit(elsewhere):
    images, _ = moving_square(length=40)
    s = run(images[:20])
    frozen = np.random.default_rng(3).random((46, 62)) < 0.5
    before, others = learned_of(s, frozen), learned_of(s, ~frozen)
    for image in images[20:]:
        s.apply(image, np.where(frozen, 0, elsewhere))
    after = learned_of(s, frozen)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], name)
    assert (others["mean"] != learned_of(s, ~frozen)["mean"]).mean() > 0.2


def test_what_is_known_comes_out_as_said_and_is_learned_accordingly():
    images, _ = moving_square(length=40)
    s = run(images[:30])
    known = np.zeros((46, 62), np.int8)
    known[:10], known[-12:] = 1, -1
    before = learned_of(s, known == 1)
    for image in images[30:]:
        inverse = 255 - image
        mask = s.apply(inverse, known=known)
        assert mask[:10].all()
        assert not mask[-12:].any()
    after = learned_of(s, known == 1)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], name)
    for _ in range(40):
        s.apply(inverse, known=known)
    off = np.abs(s.background().astype(int) - inverse)
    assert np.median(off[-12:]) < 4
    assert np.median(off[:10]) > 20

    first = PosteriorSubtractor()
    np.testing.assert_array_equal(first.apply(images[0], known=known), known == 1)


def test_outside_of_the_region_nothing_is_found_or_learned_or_felt():
    images, _ = moving_square(length=30)
    region = np.zeros((46, 62), bool)
    region[8:40, 5:50] = True
    rng = np.random.default_rng(5)
    other = images.copy()
    other[1:, ~region] = rng.integers(0, 256, (29, (~region).sum(), 3))
    one, two, found = PosteriorSubtractor(region=region), PosteriorSubtractor(region=region), 0
    for image, changed in zip(images, other, strict=True):
        mask = one.apply(image)
        np.testing.assert_array_equal(mask, two.apply(changed))
        assert not mask[~region].any()
        found += mask.sum()
    assert found > 0
    assert all_of(one) == all_of(two)
    np.testing.assert_array_equal(two.background()[~region], images[0][~region])


def test_sensitivity_divides_the_threshold():
    images, _ = moving_square(length=24)
    plain, halved = (
        run(images, threshold=8, quality="fast"),
        PosteriorSubtractor(quality="fast", threshold=16),
    )
    halved.sensitivity = np.full((46, 62), 2.0)
    mixed = PosteriorSubtractor(quality="fast", threshold=16)
    mixed.sensitivity = np.where(np.arange(62) < 31, 2.0, 1e-3) * np.ones((46, 1))
    for image in images:
        mask = halved.apply(image)
        some = mixed.apply(image)
        assert not some[:, 40:].any()
    np.testing.assert_array_equal(plain.inside.state.pictures.mask.reshape(46, 62), mask)
    np.testing.assert_allclose(plain.posterior(), halved.posterior(), atol=1e-6)
    assert not (mixed.posterior()[:, 40:] > 0.5).any()
    with pytest.raises(ValueError, match=r"sensitivity is \(46, 62\).*\(45, 62\)"):
        PosteriorSubtractor(quality="fast", sensitivity=halved.sensitivity).apply(images[0][1:])


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float32, 1), (np.float64, 1)])
def test_thresholds_mean_the_same_for_every_type(dtype, white):
    images, _ = moving_square(length=24)
    eight, other = PosteriorSubtractor(), PosteriorSubtractor()
    for image in images:
        scaled = (image.astype(np.float64) * (white / 255)).astype(dtype)
        np.testing.assert_array_equal(eight.apply(image), other.apply(scaled))
    picture = other.background()
    assert picture.dtype == dtype
    off = picture.astype(float) * (255 / white) - eight.background()
    assert np.abs(off).max() < 0.51
    assert np.abs(off).max() > 0.1  # it has fractions
    np.testing.assert_array_equal(eight.spread(), other.spread())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_unknown_pixels_are_background_and_nothing_is_learned_there(bad):
    images, _ = moving_square(length=24)
    images = images.astype(np.float32) / 255
    hole = np.zeros((46, 62), bool)
    hole[20:30, 10:30] = True
    holed = images[-1].copy()
    holed[hole, 1] = bad
    s = run(images[:20])
    with pytest.raises(ValueError, match=r"200 of 2852.*row 20, column 10"):
        s.apply(holed)
    s.invalid = "unknown"
    before = learned_of(s, hole)
    for _ in range(3):
        mask = s.apply(holed)
        assert not mask[hole].any()
    after = learned_of(s, hole)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], name)

    # What the first frame does not show is begun with the next.
    s = PosteriorSubtractor(invalid="unknown")
    s.apply(holed)
    s.apply(images[0])
    np.testing.assert_allclose(s.background()[hole], images[0][hole], atol=1 / 255)
