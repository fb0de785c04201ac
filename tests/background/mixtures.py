"""Mixtures in tests: run over images, compared to the last bit, images in other types."""

import numpy as np

from tests.background.test_kernels import state_of

GREY_LEVELS = {np.uint8: 1, np.uint16: 1 / 257, np.float32: 255, np.float64: 255}


def as_type(images, dtype):
    """8-bit images in another type."""
    if np.dtype(dtype).kind == "f":
        return (images / 255).astype(dtype)
    return images.astype(dtype) * dtype(np.iinfo(dtype).max // 255)


def same_state(one, other, where=None):
    """To the last bit, at all pixels or those of a mask (H, W)."""
    for ours, theirs in zip(state_of(one), state_of(other), strict=True):
        everywhere = np.ones(ours.shape[-2:], bool)
        chosen = everywhere if where is None else where
        np.testing.assert_array_equal(ours[..., chosen], theirs[..., chosen])


def run(subtractor, images):
    return np.array([subtractor.apply(image) for image in images])
