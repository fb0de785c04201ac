"""The first responsibilities: what tells slots apart before they have seen anything."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segment.neural.em.config import Begin
from segment.neural.em.noise import random_responsibilities
from segment.neural.points import far_apart

__all__ = ["beginnings", "seeded_responsibilities"]

Floats = NDArray[np.float32]

_BLUR = 1 / 11  # of a frame's side: spread of the Gaussian under which light is looked for
_DARK = 0.25  # this share of a frame's places is taken for dark; noise has lit them, too
_LIT = 0.6  # a point to begin with lies above this share of the way from dark to brightest
_WIDE = 0.4  # of a frame's side: spread of the first γ about its point


def beginnings(kind: Begin) -> Callable[[np.random.Generator, Floats, int, bool], Floats]:
    """Return the function (rng, frames, slots, background) that makes the first γ of its kind.

    frames : (B, C, H, W), what is seen first. The result is (B, K', 1, H, W), sum 1 over K',
    which is `slots`, or one more with a background slot.
    """
    return _random if kind == "random" else seeded_responsibilities


def _random(rng: np.random.Generator, frames: Floats, slots: int, background: bool) -> Floats:
    B, _, H, W = frames.shape
    return random_responsibilities(rng, (B, slots + background, 1, H, W))


def seeded_responsibilities(
    rng: np.random.Generator, frames: Floats, slots: int, background: bool = False
) -> Floats:
    """γ that falls off about K points of light, each as far as can be from those before.

    The first point of a frame is drawn (Gonzalez, Theoretical Computer Science 38, 1985). Light
    is what is bright under a Gaussian, above the dark of the frame, so that noise is no beginning:
    what lies far from everything else would be chosen first. With K = 1, γ is 1; a background slot
    has the mean of all. To settle the points by K-means first begins nearer to the truth, but ends
    farther from it: two in one object stay there.
    """
    from scipy.ndimage import gaussian_filter

    H, W = frames.shape[2:]
    blur = _BLUR * max(H, W)
    light = gaussian_filter(frames.max(axis=1), (0, blur, blur), mode="constant")
    centres = np.stack([_spread_out(rng, one, slots) for one in light])  # (B, K, 2)
    down = np.arange(H)[:, None] - centres[..., 0, None, None]
    right = np.arange(W) - centres[..., 1, None, None]
    far = (down**2 + right**2) / (2 * (_WIDE * max(H, W)) ** 2)  # (B, K, H, W)
    gamma = np.exp(far.min(axis=1, keepdims=True) - far)
    if background:
        gamma = np.concatenate([gamma, gamma.mean(axis=1, keepdims=True)], axis=1)
    gamma /= gamma.sum(axis=1, keepdims=True)
    found: Floats = gamma[:, :, None].astype(np.float32)
    return found


def _spread_out(rng: np.random.Generator, light: Floats, count: int) -> NDArray[np.intp]:
    """Return `count` bright points (K, 2): the first drawn, each far from those before."""
    dark = np.quantile(light, _DARK)
    points = np.argwhere(light >= dark + _LIT * (light.max() - dark))
    return far_apart(points, int(rng.integers(len(points))), count)
