"""What travels through the network's loops together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "FIRST_SIGNED", "LAST_SIGNED", "Bytes", "Floats", "Flow", "Layer"]

BLOCK = 8
"""Half-resolution pixels along a block that is judged, or not, as a whole."""

FIRST_SIGNED, LAST_SIGNED = 4, 7
"""Planes from and to which 128 is none; of the others it is 0."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Layer(NamedTuple):
    """A convolution, packed for four outputs at once: weight (out / 4, in, 36) or, of one pixel,
    (out / 4, in / 4, 16); bias (out,). All float32."""

    weight: Floats
    bias: Floats


class Flow(NamedTuple):
    """Where the network looks: active (rows, columns) uint8 blocks; open (rows, width) float32, 1
    on active pixels of a level, 0 elsewhere; step: pixels along a block on that level; starts and
    stops: room for the spans of a row."""

    active: Bytes
    open: Floats
    step: int
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
