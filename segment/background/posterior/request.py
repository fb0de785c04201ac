"""What `apply` is asked for a frame: how it is learned, what is known of it, where to look."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask
from segment.background.posterior.kernels.records import Bytes
from segment.background.posterior.learning import BACKGROUND, FOREGROUND, UNSEEN

__all__ = ["NOTHING", "Request", "tell"]

NOTHING = np.empty(0, np.uint8)
"""What is told of pixels when nothing is."""


class Request(NamedTuple):
    """What `apply` is asked for, checked.

    rate : None, a number, or (H, W) of them. frozen : nothing at all is to be learned. free : no
    pixel is frozen. facts : whether anything is known. told (H * W,) uint8: FOREGROUND, BACKGROUND,
    UNSEEN or 0, empty if nothing is told. where (H, W) bool: what is looked at, None for all.
    unknown (H, W) bool: NaN and infinity, None for none.
    """

    rate: Any
    frozen: bool
    free: bool
    facts: bool
    told: Bytes
    where: Mask | None
    unknown: Mask | None


def tell(
    known: NDArray[np.int8] | None, where: Mask | None, size: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return what is told of every pixel, (H * W,), nothing if that is nothing."""
    if known is None and where is None:
        return NOTHING
    told = np.zeros(size, np.uint8)
    if known is not None:
        told[known > 0] = FOREGROUND
        told[known < 0] = BACKGROUND
    if where is not None:
        told[~where] = UNSEEN
    return told.reshape(-1)
