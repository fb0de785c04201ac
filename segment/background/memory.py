"""Where the plain mixture's numbers lie: in large pages, and an image as one row of them."""

import contextlib
import mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.background.inputs import grey_levels
from segment.background.kernels import SETTINGS, WIDTH

__all__ = [
    "Mixtures",
    "Parts",
    "as_flat",
    "begin",
    "mixtures_of",
    "parts_of",
    "settings_of",
    "zeros",
]

# Numbers between the heaviest modes and the others: parts that begin at the same place in their
# pages share few lines of the cache (320x240, grey, restless: 0.28 ms a frame, 0.62 without).
_GAP = 80

# Bytes; a block of 16 float32 that lies in one line of the cache is fetched once.
_LINE = 64

# Bytes of a large page, where there are such.
_PAGE = 1 << 21


class Parts(NamedTuple):
    """Views of what is kept, B blocks of 16 neighbours a row.

    first (H, B, 1 + C, 16) : variance and means of the heaviest modes.
    others (H, B, K - 1, 1 + C, 16) : of the others. weights (H, B, K, 16).
    """

    first: NDArray[Any]
    others: NDArray[Any]
    weights: NDArray[Any]


class Mixtures(NamedTuple):
    """The modes of every pixel, the heaviest first; one that is not in use has weight 0.

    weight (K, H, W) : of a pixel, sum 1. variance (K, H, W) : in grey levels squared, the mean
    over the channels. mean (K, C, H, W) : in grey levels.
    """

    weight: NDArray[Any]
    variance: NDArray[Any]
    mean: NDArray[Any]


def begin(
    image: NDArray[Any], components: int, variance: float, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]]:
    """Return modes, weights and counts (H, B) of a mixture of which `image` is the only mode."""
    height, width, channels = image.shape
    blocks = -(-width // WIDTH)
    size = height * blocks * WIDTH
    modes = zeros(components * size * (1 + channels) + _GAP, dtype)
    weights = zeros(components * size, dtype)
    count = np.ones((height, blocks), np.uint8)
    padded = np.zeros((height, blocks * WIDTH, channels), dtype)
    padded[:, :width] = image
    if image.dtype != np.uint8:
        padded *= np.asarray(grey_levels(image.dtype), dtype)
    parts = parts_of(modes, weights, count, channels)
    parts.first[:, :, 0] = variance
    parts.first[:, :, 1:] = padded.reshape(height, blocks, WIDTH, channels).swapaxes(2, 3)
    parts.weights[:, :, 0] = 1
    return modes, weights, count


def parts_of(
    modes: NDArray[Any], weights: NDArray[Any], count: NDArray[np.uint8], channels: int
) -> Parts:
    """Return views of what `begin` made."""
    height, blocks = count.shape
    weights = weights.reshape(height, blocks, -1, WIDTH)
    heaviest = height * blocks * (1 + channels) * WIDTH
    first = modes[:heaviest].reshape(height, blocks, 1 + channels, WIDTH)
    shape = (height, blocks, weights.shape[2] - 1, 1 + channels, WIDTH)
    return Parts(first, modes[heaviest + _GAP :].reshape(shape), weights)


def mixtures_of(parts: Parts, width: int) -> Mixtures:
    """Return the modes of a picture of that `width`, a copy."""
    modes = np.concatenate([parts.first[:, :, None], parts.others], axis=2)
    height, _, components, planes, _ = modes.shape
    weight = parts.weights.transpose(2, 0, 1, 3).reshape(components, height, -1)
    modes = modes.transpose(3, 2, 0, 1, 4).reshape(planes, components, height, -1)[..., :width]
    return Mixtures(weight[..., :width].copy(), modes[0], modes[1:].swapaxes(0, 1))


def settings_of(
    parameters: Any, image: tuple[int, Any], rate: float, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the numbers of the kernel, in its order and in the type of the state.

    parameters : an object with the numbers as attributes. image : channels, and the images' type.
    """
    channels, kind = image
    numbers = {
        "share": 1 / channels,
        "levels": grey_levels(kind),
        "rate": rate,
        "zero": 0,
        "one": 1,
        "infinity": np.inf,
    }
    values = [numbers[n] if n in numbers else getattr(parameters, n) for n in SETTINGS]
    return np.array(values, dtype)


def zeros(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return `count` zeros that begin with a line of the cache, in large pages if there are any.

    640x480, colour, every pixel restless: 1.3 ms a frame in large pages, 4.1 in small ones, which
    numpy gives to arrays of that size when memory was used before.
    """
    size = count * dtype.itemsize
    room: Any = np.zeros(size + _LINE, np.uint8) if size < _PAGE else _pages(size + _PAGE)
    begin = -room.ctypes.data % (_LINE if size < _PAGE else _PAGE)
    found: NDArray[Any] = room[begin : begin + size].view(dtype)
    return found


def _pages(size: int) -> NDArray[np.uint8]:
    """Return `size` zeros in memory fresh from the system."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.zeros(size, np.uint8)
    # Private: a forked child has a state of its own.
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a system without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint8)


def as_flat(image: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return the image's numbers, flat and read-only, and how many there are from row to row.

    It is copied only if the pixels of a row do not follow each other.
    """
    height, width, channels = image.shape
    size = image.itemsize
    step = image.strides[0]
    in_rows = image.flags.aligned and image[:1].flags.c_contiguous and step % size == 0
    if image.flags.c_contiguous and image.flags.aligned:
        flat, step = image.reshape(-1), width * channels * size
    elif in_rows and step >= width * channels * size:
        length = (height - 1) * (step // size) + width * channels
        flat = np.lib.stride_tricks.as_strided(image, (length,), (size,))
    else:
        flat, step = np.ascontiguousarray(image).copy().reshape(-1), width * channels * size
    # The compiler takes what may be written for another type.
    flat = flat.view()
    flat.flags.writeable = False
    return flat, step // size
