"""Everything that is random about training, in numpy: alike on every device, from one seed."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_noise", "flip_bits", "mask_uniform", "random_responsibilities"]

Floats = NDArray[np.float32]


def flip_bits(rng: np.random.Generator, x: Floats, share: float) -> Floats:
    """Noise for binary frames: every value is turned over with probability `share`."""
    # 16 bits a value instead of a double: four times the speed, a chance right to 1 in 65,536.
    flipped = rng.integers(0, 2**16, x.shape, np.uint16) < round(share * 2**16)
    return np.abs(x - flipped)


def mask_uniform(rng: np.random.Generator, x: Floats, share: float) -> Floats:
    """Noise for intensities: a value becomes U(0, 1) with probability `share`."""
    masked = rng.integers(0, 2**16, x.shape, np.uint16) < round(share * 2**16)
    return np.where(masked, rng.random(x.shape, np.float32), x)


def add_noise(rng: np.random.Generator, x: Floats, share: float, binary: bool) -> Floats:
    """Return `x` with the noise of its kind; with a share of 0, `x` itself."""
    if share == 0:
        return x
    return (flip_bits if binary else mask_uniform)(rng, x, share)


def random_responsibilities(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """γ (B, K, 1, H, W) to begin with, |N(0, 1)| normalised over K: what tells slots apart."""
    gamma: Floats = np.abs(rng.standard_normal(shape, np.float32)) + np.float32(1e-6)
    gamma /= gamma.sum(axis=1, keepdims=True)
    return gamma
