"""What goes into a subtractor: images of every type, learning rates, what is known, where to look.

Small functions that check one argument each and return it in the one form that a
subtractor works with. The words they give a meaning to are the same for every subtractor:

image : (H, W, C), C from 1 to 8; uint8, uint16 over its full range, or float32 and float64
    in [0, 1]. Parameters are in grey levels of 256 whatever the type: `grey_levels`.
learning rate : None, a number in [0, 1], or (H, W) of them with NaN where the subtractor is to
    choose. 0 leaves the model of a pixel exactly as it is.
known : (H, W), what the caller knows of this frame: 1 foreground, -1 background, 0 nothing.
    The mask says so, and the model learns accordingly.
region : (H, W) bool, where to look. Nothing outside is ever foreground, or counts for
    anything measured on the frame as a whole.
sensitivity : (H, W) above 0; thresholds are divided by it, so that 2 finds fainter objects.
invalid : what to do about NaN and infinity in an image, "raise" or take the pixel as
    "unknown": background in this frame, and nothing learned from it.
"""

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from segment.arrays import Mask, check_number

__all__ = [
    "AUTOMATIC",
    "MOST_CHANNELS",
    "Guided",
    "Invalid",
    "as_known",
    "as_rate",
    "as_region",
    "as_sensitivity",
    "check_guidance",
    "check_image",
    "check_like_before",
    "check_size",
    "find_invalid",
    "grey_levels",
    "to_eight_bits",
    "where_to_look",
]

Invalid = Literal["raise", "unknown"]

MOST_CHANNELS = 8

AUTOMATIC = -1.0
"""In a plane of learning rates: the subtractor chooses."""

# Resampling and sharpening overshoot white and black by as much; 0 to 255 goes far beyond.
_OVERSHOOT = 0.25

_LEVELS = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0, "float64": 255.0}


def check_image(
    image: Any, *, channels: Collection[int] | None = None, dtypes: Collection[str] | None = None
) -> None:
    """Raise unless `image` is (H, W, C) of a known type, not empty, C from 1 to 8.

    A subtractor that takes less names its `channels` and `dtypes`. Values are not looked at:
    `find_invalid` does that.
    """
    if not isinstance(image, np.ndarray):
        types = "uint8, uint16, float32 or float64" if dtypes is None else " or ".join(dtypes)
        raise TypeError(f"image is a {type(image).__name__}, wanted a numpy array of {types}")
    if dtypes is None:
        grey_levels(image.dtype)
    elif image.dtype.name not in dtypes:
        wanted = " or ".join(dtypes)
        raise TypeError(f"image is {image.dtype}, wanted {wanted}; convert it before the call")
    known = range(1, MOST_CHANNELS + 1) if channels is None else channels
    if image.ndim != 3 or image.shape[2] not in known:
        some = f"1 to {MOST_CHANNELS}" if channels is None else " or ".join(map(str, channels))
        raise ValueError(
            f"image is {image.shape}, wanted (height, width, channels) with {some} channels; "
            "a grey picture gets its axis by image[:, :, None]"
        )
    if image.size == 0:
        raise ValueError(f"image is {image.shape} and holds no pixel")


def check_like_before(
    image: NDArray[Any], shape: tuple[int, ...] | None, dtype: DTypeLike | None, name: str
) -> None:
    """Raise when a background of another shape or type has been learned; None is not yet.

    `name` is the subtractor's class, for the message.
    """
    if shape is not None and image.shape != shape:
        raise ValueError(
            f"image is {image.shape}, but the background learned so far is {tuple(shape)}; "
            f"begin a new sequence with a new {name}"
        )
    if dtype is not None and image.dtype != np.dtype(dtype):
        raise TypeError(
            f"image is {image.dtype}, but the background learned so far is {np.dtype(dtype)}; "
            f"convert the image, or begin a new sequence with a new {name}"
        )


def grey_levels(dtype: DTypeLike) -> float:
    """Return the grey levels of 256 in a step of 1 of `dtype`: 1, 1/257, 255 for floats.

    Raises TypeError for types that no subtractor takes.
    """
    dtype = np.dtype(dtype)
    # A type of the other byte order is equal to none of these, and no loop is compiled for it.
    if dtype.name not in _LEVELS or not dtype.isnative:
        raise TypeError(
            f"image is {dtype}, wanted uint8, uint16, or float32 or float64 in [0, 1]; "
            "convert it before the call"
        )
    return _LEVELS[dtype.name]


def find_invalid(image: NDArray[Any], invalid: Invalid = "raise") -> Mask | None:
    """Return where a pixel is NaN or infinite in any channel, (H, W) bool; None when nowhere.

    Raises ValueError when there are such and `invalid` is "raise", and when a float image
    goes beyond [0, 1] by more than a resampled one would. An image of integers is not read.
    """
    if image.dtype.kind != "f":
        return None
    low, high = image.min(), image.max()  # NaN if there is one
    found: Mask | None = None
    if not (np.isfinite(low) and np.isfinite(high)):
        sound = np.isfinite(image)
        found = ~sound.all(axis=2)
        if invalid == "raise":
            y, x = np.argwhere(found)[0]
            raise ValueError(
                f"image has NaN or infinity at {np.count_nonzero(found)} of {found.size} pixels, "
                f'the first at row {y}, column {x}; with invalid="unknown" they count as unknown'
            )
        low = np.min(image, initial=np.inf, where=sound)
        high = np.max(image, initial=-np.inf, where=sound)
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise ValueError(
            f"image is {image.dtype} from {low:g} to {high:g}, wanted [0, 1], in which thresholds "
            "have their meaning; divide it by the value of white (image / 255)"
        )
    return found


def to_eight_bits(image: NDArray[Any], unknown: Mask | None = None) -> NDArray[np.uint8]:
    """Return `image` in 256 grey levels, (H, W, C) uint8, rounded; as it is if it is uint8.

    `unknown` (H, W) bool pixels become 0; an image with NaN or infinity needs them.
    """
    if image.dtype == np.uint8:
        return image
    import cv2

    height, width, channels = image.shape
    plane = np.ascontiguousarray(image).reshape(height, width * channels)
    # Rounds and saturates. A product with a number would be taken for four channels at 1 x 1.
    scaled = cv2.addWeighted(plane, grey_levels(image.dtype), plane, 0, 0, dtype=cv2.CV_8U)
    rounded = np.asarray(scaled, np.uint8).reshape(image.shape)
    if unknown is not None:
        rounded[unknown] = 0
    return rounded


def as_rate(learning_rate: Any, size: tuple[int, int]) -> float | NDArray[np.float32] | None:
    """Return a learning rate as None, a float in [0, 1], or (H, W) float32 of the image's `size`.

    In the plane NaN has become `AUTOMATIC`; it is C-contiguous and the caller's own array is
    not kept. Raises ValueError for numbers outside [0, 1] and other sizes.
    """
    if learning_rate is None:
        return None
    if isinstance(learning_rate, np.ndarray) and learning_rate.ndim:
        if learning_rate.dtype.kind not in "fiub":
            raise TypeError(f"learning_rate is {learning_rate.dtype}, wanted numbers in [0, 1]")
        check_size(learning_rate, size, "learning_rate")
        low, high = np.fmin.reduce(learning_rate, None), np.fmax.reduce(learning_rate, None)
        if low < 0 or high > 1:
            raise ValueError(
                f"learning_rate is from {low:g} to {high:g}, wanted numbers in [0, 1], "
                "or NaN where the subtractor is to choose"
            )
        rates = np.array(learning_rate, np.float32, order="C")
        rates[np.isnan(rates)] = AUTOMATIC
        return rates
    wanted = "a number in [0, 1], (height, width) of them, or None"
    check_number("learning_rate", learning_rate, wanted)
    if not 0 <= learning_rate <= 1:
        raise ValueError(f"learning_rate is {learning_rate}, wanted {wanted}")
    return float(learning_rate)


def as_known(known: Any, size: tuple[int, int]) -> NDArray[np.int8] | None:
    """Return what is known of a frame, (H, W) int8: 1 foreground, -1 background, 0 nothing.

    A bool mask is foreground where it is True and says nothing elsewhere. None stays None, and
    so does an array that says nothing. Raises TypeError and ValueError for anything else.
    """
    if known is None:
        return None
    if not isinstance(known, np.ndarray):
        raise TypeError(f"known is a {type(known).__name__}, wanted a numpy array of int8 or bool")
    if known.dtype.kind not in "iub":
        raise TypeError(
            f"known is {known.dtype}, wanted int8 (1 foreground, -1 background, 0 nothing) or bool"
        )
    check_size(known, size, "known")
    low, high = known.min(), known.max()
    if low < -1 or high > 1:
        raise ValueError(
            f"known is from {low} to {high}, wanted 1 (foreground), -1 (background) and 0 "
            "(nothing is known)"
        )
    return np.ascontiguousarray(known, np.int8) if low or high else None


def as_region(region: Any) -> Mask | None:
    """Return a read-only copy of `region`, (H, W) bool; None is everywhere and stays None.

    Raises TypeError and ValueError for anything else, and for a region without a pixel.
    """
    if region is None:
        return None
    if not isinstance(region, np.ndarray) or region.dtype != np.bool_:
        kind = region.dtype if isinstance(region, np.ndarray) else type(region).__name__
        raise TypeError(f"region is {kind}, wanted a numpy array of bool, or None for everywhere")
    if region.ndim != 2:
        raise ValueError(f"region is {region.shape}, wanted (height, width)")
    if not region.any():
        raise ValueError(
            f"region {region.shape} is False everywhere and leaves nothing to look at; "
            "wanted True where to look"
        )
    return _kept(region, np.bool_)


_DEAF = 1e-20
"""Sensitivity at which nothing is found, whatever the threshold; less would leave float32."""


def as_sensitivity(sensitivity: Any) -> NDArray[np.float32] | None:
    """Return a read-only copy of `sensitivity`, (H, W) float32; None is 1 and stays None.

    What is below 1e-20, or above 1e20, is taken for these. Raises TypeError and ValueError for
    anything else, and unless all of it is above 0.
    """
    if sensitivity is None:
        return None
    if not isinstance(sensitivity, np.ndarray) or sensitivity.dtype.kind not in "fiu":
        array = isinstance(sensitivity, np.ndarray)
        kind = sensitivity.dtype if array else type(sensitivity).__name__
        raise TypeError(f"sensitivity is {kind}, wanted a numpy array of numbers above 0, or None")
    if sensitivity.ndim != 2 or not sensitivity.size:
        raise ValueError(f"sensitivity is {sensitivity.shape}, wanted (height, width)")
    with np.errstate(over="ignore", under="ignore"):
        plane = np.asarray(sensitivity, np.float32)
    low, high = plane.min(), plane.max()
    if not (low > 0 and high < np.inf):
        raise ValueError(
            f"sensitivity is from {low:g} to {high:g}, wanted finite numbers above 0: 1 leaves "
            "thresholds as they are, 2 halves them"
        )
    return _kept(np.clip(plane, _DEAF, 1 / _DEAF), np.float32)


def check_size(plane: NDArray[Any] | None, size: tuple[int, int], name: str) -> None:
    """Raise ValueError unless `plane` is None or of the image's `size` (height, width)."""
    if plane is not None and plane.shape != tuple(size):
        raise ValueError(
            f"{name} is {plane.shape}, but the image is {tuple(size)} (height, width); "
            "both must have the same size"
        )


def check_guidance(guided: "Guided", size: tuple[int, int]) -> None:
    """Raise ValueError unless region and sensitivity have the image's `size`."""
    check_size(guided.region, size, "region")
    check_size(guided.sensitivity, size, "sensitivity")


def where_to_look(region: Mask | None, unknown: Mask | None) -> Mask | None:
    """Return where a frame is looked at, (H, W) bool: in the region, not `unknown`."""
    if unknown is None:
        return region
    return ~unknown if region is None else region & ~unknown


class Guided:
    """The attributes of a subtractor that say where to look, how closely, and at what not.

    A base class without a constructor: a subtractor that inherits has all three, and checks
    them against the first image with `check_guidance`.
    """

    _region: Mask | None = None
    _sensitivity: NDArray[np.float32] | None = None
    _invalid: Invalid = "raise"

    @property
    def region(self) -> Mask | None:
        """Where to look, (H, W) bool, a read-only copy of what was given; None is everywhere."""
        return self._region

    @region.setter
    def region(self, region: Mask | None) -> None:
        self._region = as_region(region)

    @property
    def sensitivity(self) -> NDArray[np.float32] | None:
        """What thresholds are divided by, (H, W) float32, a read-only copy; None is 1."""
        return self._sensitivity

    @sensitivity.setter
    def sensitivity(self, sensitivity: NDArray[Any] | None) -> None:
        self._sensitivity = as_sensitivity(sensitivity)

    @property
    def invalid(self) -> Invalid:
        """What to do about NaN and infinity in an image: "raise", or take it as "unknown"."""
        return self._invalid

    @invalid.setter
    def invalid(self, invalid: Invalid) -> None:
        if invalid not in ("raise", "unknown"):
            raise ValueError(f'invalid is {invalid!r}, wanted "raise" or "unknown"')
        self._invalid = invalid


def _kept(plane: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    copy = np.array(plane, dtype, order="C")
    copy.flags.writeable = False
    return copy
