"""What objects say of places, on its way back from a grouper to a subtractor.

One small record a frame, heeded a fixed number of frames later: so a mask depends on the frames
before it alone, and neither on threads nor on how fast anything is.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask

__all__ = ["CELL", "Places", "Told", "heed"]

CELL = 4
"""Side, in pixels, of the squares of a picture of which something is said."""

_STILL = 1e-7
"""Learning rate where an object stands: not 0, with which a subtractor would freeze its camera."""


@dataclass(frozen=True, slots=True)
class Places:
    """What objects say of the squares of a picture, `CELL` pixels wide; immutable.

    Attributes
    ----------
    sensitivity : (h, w) float32 above 0, what thresholds are divided by: above 1 where an object
        is expected, below 1 where foreground never became one.
    standing : (h, w) bool, where an object stands that was seen to move: it is no background.
    """

    sensitivity: NDArray[np.float32]
    standing: Mask

    def __post_init__(self) -> None:
        for plane in (self.sensitivity, self.standing):
            plane.flags.writeable = False


class Told:
    """Records on their way back: that of frame n is for frame n + lag.

    One thread sends, in the order of the frames, and one may wait for it. As a context manager
    it is closed in the end: who waits then gets nothing.

    Parameters
    ----------
    lag : frames between what is said and what is made of it, at least 1; as many stages as lie
        between may be at work at once.
    """

    def __init__(self, lag: int = 4) -> None:
        if lag < 1:
            raise ValueError(f"lag is {lag} frames, wanted at least 1")
        self.lag = lag
        self._said: dict[int, Places | None] = {}
        self._number = 0
        self._closed = False
        self._change = threading.Condition()

    def send(self, places: Places | None) -> None:
        """Say what the next frame's objects say; None is nothing."""
        with self._change:
            self._said[self._number] = places
            self._number += 1
            self._change.notify_all()

    def take(self, number: int) -> Places | None:
        """Return what there is to heed with frame `number`, from 0; wait until it is known."""
        wanted = number - self.lag
        if wanted < 0:
            return None
        with self._change:
            self._change.wait_for(lambda: self._closed or self._number > wanted)
            return self._said.pop(wanted, None)

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def heed(subtractor: Any, apply: Callable[..., Mask], image: Image, places: Places | None) -> Mask:
    """Return the mask of the next frame by `apply`, of a subtractor that may be told of places.

    Its own `sensitivity` counts as well, and is the same afterwards.
    """
    if places is None:
        return apply(image)
    own = subtractor.sensitivity
    given = _enlarged(places.sensitivity, image.shape[:2])
    subtractor.sensitivity = given if own is None else given * own
    try:
        if not places.standing.any():
            return apply(image)
        rates = np.where(_enlarged(places.standing, image.shape[:2]), np.float32(_STILL), np.nan)
        return apply(image, learning_rate=rates)
    finally:
        subtractor.sensitivity = own


def _enlarged(cells: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    return cells.repeat(CELL, 0)[: size[0]].repeat(CELL, 1)[:, : size[1]]
