"""The three arrays that travel through Segment, and the checks at its doors."""

import numbers
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, C) uint8, C is 3 (RGB) or 1 (grey)."""

Mask = NDArray[np.bool_]
"""(H, W) bool, True is foreground."""

Labels = NDArray[np.int32]
"""(H, W) int32, 0 is background, every object has a number of its own from 1 up."""


def check_image(image: Any) -> None:
    """Raise unless `image` is an `Image`: (H, W, 1) or (H, W, 3) uint8, not empty."""
    _check_array(image, "image", np.uint8)
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f"image is {image.shape}, wanted (height, width, 1) grey or (height, width, 3) RGB; "
            "a grey picture gets its axis by image[:, :, None]"
        )
    if image.size == 0:
        raise ValueError(f"image is {image.shape} and holds no pixel")


def check_mask(mask: Any, size: tuple[int, int] | None = None, name: str = "mask") -> None:
    """Raise unless `mask` is a `Mask`, (H, W) bool, and of `size` (height, width) if given."""
    _check_array(mask, name, np.bool_)
    _check_plane(mask, size, name)


def check_labels(labels: Any, size: tuple[int, int] | None = None, name: str = "labels") -> None:
    """Raise unless `labels` is `Labels`, (H, W) int32, and of `size` (height, width) if given."""
    _check_array(labels, name, np.int32)
    _check_plane(labels, size, name)


def check_number(name: str, value: Any, wanted: str = "a number") -> None:
    """Raise TypeError unless `value` is one real number; any, also infinity and not a number."""
    one = isinstance(value, (numbers.Real, np.number, np.bool_)) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "biuf"
    )
    if not one or isinstance(value, np.complexfloating):
        raise TypeError(f"{name} is {_shown(value)}, wanted {wanted}")


def whole_number(name: str, value: Any, wanted: str = "a whole number") -> int:
    """Return `value` as an int; raise TypeError unless it is one whole number of any type."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {_shown(value)}, wanted {wanted}") from None


def like_before(
    name: str, shape: tuple[int, ...], before: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return `shape`; raise ValueError unless the frames `before` had it, None where none were."""
    if before is not None and shape != before:
        raise ValueError(
            f"{name} is {shape}, but the frames before were {before}; begin a new sequence with a "
            "new object"
        )
    return shape


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}... ({type(value).__name__})"


def _check_array(array: Any, name: str, dtype: type[np.generic]) -> None:
    wanted = np.dtype(dtype)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, wanted a numpy array of {wanted}")
    if array.dtype != wanted:
        raise TypeError(f"{name} is {array.dtype}, wanted {wanted}; convert it before the call")


def _check_plane(array: NDArray[Any], size: tuple[int, int] | None, name: str) -> None:
    if array.ndim != 2:
        raise ValueError(f"{name} is {array.shape}, wanted (height, width)")
    if size is not None and array.shape != size:
        raise ValueError(f"{name} is {array.shape}, but the image is {size} (height, width)")
