"""Subtractors that have learned something, and whether two of them know the same."""

import numpy as np
import pytest

from segment.background import (
    GaussianMixtureSubtractor,
    PosteriorSubtractor,
    saved,
)
from tests.conftest import moving_square

MIXTURES = (GaussianMixtureSubtractor, PosteriorSubtractor)
CLASSES = MIXTURES
every = pytest.mark.parametrize("cls", CLASSES)


# By names that only mixtures have; test_learned.py asks the same of the learned E-step.
mixtures = pytest.mark.parametrize("cls", MIXTURES)


# Each kind of image has its own loops, and compiling them takes its time.
KINDS = [(np.uint8, 1), (np.uint8, 3), (np.uint16, 3), (np.float32, 3), (np.float64, 1)]


def film(dtype=np.uint8, channels=3, length=24, size=(33, 47)):
    """A moving square on a noisy ground, its channels repeated or left out."""
    images, _ = moving_square(length, size, seed=7)
    images = np.ascontiguousarray(
        np.resize(images.transpose(3, 0, 1, 2), (channels, *images.shape[:3])).transpose(1, 2, 3, 0)
    )
    if np.dtype(dtype).kind == "f":
        return (images / 255).astype(dtype)
    return images.astype(dtype) * dtype(np.iinfo(dtype).max // 255)


def taught(cls, images, **parameters):
    subtractor = cls(**parameters)
    for image in images:
        subtractor.apply(image)
    return subtractor


def all_of(subtractor):
    """All that is no scratch: parameters, and what was learned, of records too."""
    taken = subtractor.__getstate__()
    return {"picture": taken["picture"], **taken["parameters"], **taken["values"]}


def arrays_of(subtractor):
    """All its arrays, views and those in records too."""
    values = {}
    for name, value in vars(subtractor).items():
        if name not in type(subtractor).SCRATCH:
            saved.flatten(name, value, values)
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def assert_equal(one, other):
    ours, theirs = all_of(one), all_of(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert type(theirs[name]) is type(value), name
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(theirs[name], value, err_msg=name)
        else:
            assert theirs[name] == value, name


def assert_goes_on_alike(one, other, images):
    """Masks, background and all that is known stay equal to the last bit."""
    for image in images:
        mask = one.apply(image)
        np.testing.assert_array_equal(other.apply(image), mask)
    np.testing.assert_array_equal(other.background(), one.background())
    assert_equal(one, other)
