"""Checks at the door that every subtractor shares."""

from collections.abc import Collection
from typing import Any

import numpy as np

__all__ = ["check_pixels", "check_same_shape"]


def check_pixels(image: Any, channels: Collection[int]) -> None:
    """Raise unless `image` is a numpy array (H, W, C) uint8, not empty, C one of `channels`."""
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image is a {type(image).__name__}, wanted a numpy array of uint8")
    if image.dtype != np.uint8:
        raise TypeError(f"image is {image.dtype}, wanted uint8; convert it before the call")
    if image.ndim != 3 or image.shape[2] not in channels:
        known = ", ".join(map(str, channels))
        raise ValueError(
            f"image is {image.shape}, wanted (height, width, channels) with channels one of "
            f"{known}; a grey picture gets its axis by image[:, :, None]"
        )
    if image.size == 0:
        raise ValueError(f"image is {image.shape} and holds no pixel")


def check_same_shape(image: Any, shape: tuple[int, ...] | None, name: str) -> None:
    """Raise ValueError if a background of another `shape` has been learned already."""
    if shape is not None and image.shape != shape:
        raise ValueError(
            f"image is {image.shape}, but the background learned so far is {shape}; "
            f"begin a new sequence with a new {name}"
        )
