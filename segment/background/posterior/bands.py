"""Bands of mains light: a rolling shutter sees its rows in turn, each in a light of its own.

Lamps on the mains go bright and dark a hundred times a second, and with a short exposure every row
of pixels catches them elsewhere. So each row has a gain, one for all of its columns: the median of
what the background is to the frame.
"""

import numpy as np
from numpy.typing import NDArray

from segment.background.posterior.kernels.records import Bytes, Floats

__all__ = ["find_bands", "without_bands"]

# Rows and columns of the grid, and places of a row that must tell something.
_ROWS, _COLUMNS, _LEAST = 120, 48, 10

# Change of light from which on a row is lit otherwise than most, and the share of such rows.
_DEVIATION, _SHARE = 0.03, 0.4

# Share of the picture that must be no foreground, for only that to be looked at.
_FREE = 0.4

# Places of a row agree with its median so far; the share of them that has to, and of such rows.
_NEAR, _AGREEING, _PLAIN = 0.06, 0.6, 0.85

# A gain is not believed beyond.
_LARGEST = 2.5

# Grey levels between which a place tells its light.
_DARK, _GLARING = 20, 245


def find_bands(image: Bytes, ground: Bytes, mask: Bytes) -> Floats | None:
    """Return the gain from every row to the background, (H,), 1 in the middle; None without bands.

    image (H, W, C) uint8; ground (C, H * W) uint8 : the background; mask (H * W,) uint8 : the last
    foreground, where nothing is looked at unless it is most of the picture.
    """
    height, width, channels = image.shape
    down, right = max(1, height // _ROWS), max(1, width // _COLUMNS)
    first = down // 2, right // 2
    there = np.s_[first[0] :: down, first[1] :: right]
    new = image[there].sum(2, dtype=np.float32) / np.float32(channels)
    planes = ground.reshape(channels, height, width)[:, first[0] :: down, first[1] :: right]
    old = planes.sum(0, dtype=np.float32) / np.float32(channels)
    valid = (old > _DARK) & (new > _DARK) & (new < _GLARING) & (old < _GLARING)
    free = mask.reshape(height, width)[there] == 0
    if free.mean() > _FREE:  # otherwise bands may be what made all foreground
        valid &= free
    count = valid.sum(1)
    known = count >= _LEAST
    if known.mean() < _PLAIN or len(known) < 8:
        return None
    ratio = np.where(valid, old / np.maximum(new, 1), np.float32(np.inf))
    ratio = np.sort(ratio, axis=1)
    middle = np.take_along_axis(ratio, np.maximum(count - 1, 0)[:, None] // 2, axis=1)[:, 0]
    middle = np.where(known, middle, np.float32(1))
    usual = np.float32(np.median(middle[known]))
    off = np.abs(middle / usual - 1) > _DEVIATION
    if off[known].mean() < _SHARE:
        return None
    near = (np.abs(ratio / middle[:, None] - 1) < _NEAR).sum(1) >= _AGREEING * count
    if near[known].mean() < _PLAIN:
        return None
    places = first[0] + down * np.flatnonzero(known)
    gains = np.interp(np.arange(height), places, _smoothed(middle[known] / usual))
    return np.clip(gains, 1 / _LARGEST, _LARGEST).astype(np.float32)


def without_bands(image: Bytes, gains: Floats) -> Bytes:
    """Return an image (H, W, C) uint8 whose rows are lit alike."""
    lit = image * gains[:, None, None]
    lit += np.float32(0.5)
    flat: Bytes = np.minimum(lit, np.float32(255)).astype(np.uint8)
    return flat


def _smoothed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means of three."""
    padded = np.pad(values, 1, mode="edge")
    smooth: NDArray[np.float32] = (padded[:-2] + padded[1:-1] + padded[2:]) / np.float32(3)
    return smooth
