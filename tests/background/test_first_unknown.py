"""Pixels that are NaN in the first frame are no background, whatever else is known of it."""

import numpy as np
import pytest

from segment.background import GaussianMixtureSubtractor, PosteriorSubtractor

KINDS = [GaussianMixtureSubtractor, PosteriorSubtractor]
UNKNOWN = np.s_[10:14, 20:26]


def frames(count):
    image = np.full((32, 44, 3), 0.6, np.float32)
    rng = np.random.default_rng(0)
    return [np.clip(image + rng.normal(0, 0.005, image.shape), 0, 1) for _ in range(count)]


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_first_frame_does_not_show_is_not_learned_as_black(kind, told):
    subtractor = kind(invalid="unknown")
    first, *others = frames(12)
    first[UNKNOWN] = np.nan
    known = np.zeros(first.shape[:2], np.int8)
    known[:4, :4] = 1
    subtractor.apply(first, known=known if told else None)
    masks = [subtractor.apply(image) for image in others]
    assert not any(mask[UNKNOWN].any() for mask in masks)
    assert np.abs(subtractor.background()[UNKNOWN] - 0.6).max() < 0.05
    assert not np.isnan(subtractor.background()).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_frame_that_shows_nothing_is_no_error(kind):
    subtractor = kind(invalid="unknown")
    first = np.full((32, 44, 3), np.nan, np.float32)
    assert not subtractor.apply(first).any()
    assert not np.isnan(subtractor.background()).any()
