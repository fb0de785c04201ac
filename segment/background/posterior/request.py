"""What `apply` is asked for a frame: how it is learned, what is known of it, where to look."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask
from segment.background.inputs import (
    Guided,
    as_known,
    as_rate,
    check_guidance,
    check_image,
    check_like_before,
    find_invalid,
    where_to_look,
)
from segment.background.posterior import kernels
from segment.background.posterior.kernels.records import Bytes
from segment.background.posterior.learning import BACKGROUND, FOREGROUND, UNSEEN
from segment.background.registration import Pose

__all__ = ["Request", "understand"]

_NOTHING = np.empty(0, np.uint8)


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

    @property
    def outside(self) -> Bytes:
        """Where nothing is looked at, (H * W,) uint8, empty if that is nowhere."""
        return _NOTHING if self.where is None else (~self.where).view(np.uint8).reshape(-1)

    def as_told(self, foreground: Bytes) -> Bytes:
        """Return a mask (H, W) uint8, in which what is known now stands as it was told."""
        if self.told.size:
            kernels.obey(self.told, foreground.reshape(-1))
        return foreground

    def onto_ground(self, pose: Pose, size: tuple[int, int]) -> "Request":
        """Return it as it lies on the background (H, W); what the frame does not show is unseen."""
        where = np.ones(size, np.uint8) if self.where is None else self.where.view(np.uint8)
        told = self.told.reshape(size) if self.told.size else np.zeros(size, np.uint8)
        rate = self.rate
        if isinstance(rate, np.ndarray):
            rate = pose.onto_ground(rate, 0)
        return self._replace(
            rate=rate,
            told=pose.onto_ground(told, UNSEEN).reshape(-1),
            where=pose.onto_ground(where, 0).view(np.bool_),
        )


def understand(
    image: Any,
    learning_rate: Any,
    known: Any,
    guided: Guided,
    like: tuple[tuple[int, ...], Any] | None,
) -> Request:
    """Check what `apply` was given, and what guides it, against shape and type of what is known.

    like : those of the images so far, None before the first. Raises what `apply` does.
    """
    shape, dtype = like or (None, None)
    # What was looked at before need not be again: little else is done in one thread only.
    alike = like is not None and type(image) is np.ndarray and image.shape == shape
    if not alike or image.dtype != dtype:
        check_image(image)
        check_like_before(image, shape, dtype, type(guided).__name__)
    size = image.shape[:2]
    check_guidance(guided, size)
    rate = as_rate(learning_rate, size)
    facts = as_known(known, size)
    unknown = find_invalid(image, guided.invalid)
    where = where_to_look(guided.region, unknown)
    frozen = rate is not None and not np.any(rate)
    # What concerns all pixels at once must leave those alone that are frozen one by one.
    free = not (np.any(rate == 0) if isinstance(rate, np.ndarray) else frozen)
    told = _tell(facts, where, size)
    return Request(rate, frozen, free, facts is not None, told, where, unknown)


def _tell(
    known: NDArray[np.int8] | None, where: Mask | None, size: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return what is told of every pixel, (H * W,), nothing if that is nothing."""
    if known is None and where is None:
        return _NOTHING
    told = np.zeros(size, np.uint8)
    if known is not None:
        told[known > 0] = FOREGROUND
        told[known < 0] = BACKGROUND
    if where is not None:
        told[~where] = UNSEEN
    return told.reshape(-1)
