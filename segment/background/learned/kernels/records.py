"""What travels through the kernels together: arrays under names, and the sizes of the network."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "KEPT",
    "LASTING",
    "LATELY",
    "PLANES",
    "Course",
    "Flow",
    "Layer",
    "Memory",
    "Sight",
]

KEPT = 12
"""Samples of the background at every pixel: as many as the trial that showed the way had."""

LASTING = 8
"""So many of these are exchanged at an even pace; the others take what is new in a hurry."""

LATELY = 6
"""Samples of what was seen last, whatever it was."""

PLANES = 24
"""Planes of statistics that the network reads; `statistics` says which is which."""

BLOCK = 8
"""Half-resolution pixels along a block that is judged, or not, as a whole."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Memory(NamedTuple):
    """What every pixel remembers; P = H * W pixels are one axis, row after row.

    kept (KEPT, C, P), of the background; lately (LATELY, C, P), of anything; turn, quick_turn and
    lately_turn (P,): which sample is overwritten next, of the lasting, the quick and the latest;
    ground (C, P): the background picture, a running median; before (C, P): the last frame. All
    uint8.
    """

    kept: Bytes
    lately: Bytes
    turn: Bytes
    quick_turn: Bytes
    lately_turn: Bytes
    ground: Bytes
    before: Bytes


class Course(NamedTuple):
    """What half-resolution pixels have been through, (h, w).

    change, change_slow: running means of the change in time; blink: how often the match with the
    background begins or ends; news: how often it is unlike anything seen lately; match uint8: did
    the last frame match; stay: frames for which it has been foreground; last uint8: posterior of
    the last frame.
    """

    change: Floats
    change_slow: Floats
    blink: Floats
    news: Floats
    match: Bytes
    stay: Floats
    last: Bytes


class Sight(NamedTuple):
    """What a frame is compared by, and what comes of it.

    frame (C, P) uint8, in the light and the place of the background; planes (PLANES, h, w) and
    far (P,) uint8, the distance from what is kept, written.
    """

    frame: Bytes
    planes: Bytes
    far: Bytes


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
