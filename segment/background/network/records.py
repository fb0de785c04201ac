"""What travels through the network's loops together."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "EVIDENCE",
    "FIRST_SIGNED",
    "LAST_SIGNED",
    "Bytes",
    "Floats",
    "Layer",
    "Layers",
    "Room",
    "Runs",
]

BLOCK = 8
"""Half-resolution pixels along a block that is judged, or not, as a whole."""

FIRST_SIGNED, LAST_SIGNED = 4, 7
"""Planes from and to which 128 is none; of the others it is 0."""

EVIDENCE = 8
"""The plane of what a gain leaves of the evidence."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Layer(NamedTuple):
    """A convolution, packed for four outputs at once: weight (out / 4, in, 36) or, of one pixel,
    (out / 4, in / 4, 16); bias (out,). All float32."""

    weight: Floats
    bias: Floats


class Layers(NamedTuple):
    """The glance: g0, and its logit; c1, what it tells of a block. The U, by its three levels: on
    the way down e0, f0; a1, b1; a2, b2; on the way up u2, t1; u1, t0; u0, and the logits."""

    g0: Layer
    doubt: Layer
    c1: Layer
    e0: Layer
    f0: Layer
    a1: Layer
    b1: Layer
    a2: Layer
    b2: Layer
    u2: Layer
    t1: Layer
    u1: Layer
    t0: Layer
    u0: Layer
    out: Layer


class Runs(NamedTuple):
    """Blocks that are looked at, as runs of neighbours in every row of blocks.

    first, end (rows, most) int64 : the first block of a run, and one beyond its last.
    count, blocks (rows,) int64 : runs in a row, and blocks in all of them.
    """

    first: Any
    end: Any
    count: Any
    blocks: Any


class Room(NamedTuple):
    """Maps of a band, as strips; see `strips`. Those of (maps, rows, size) are kept for all rows,
    of (maps, 1, size) while a row of blocks is worked on.

    desk (planes, 1, size) float32; found (5, size) uint8 : scratch.
    """

    e0: Floats
    f0: Floats
    u0: Floats
    out: Floats
    p1: Floats
    a1: Floats
    b1: Floats
    u1: Floats
    t0: Floats
    p2: Floats
    a2: Floats
    b2: Floats
    s2: Floats
    u2: Floats
    t1: Floats
    desk: Floats
    found: Bytes
