"""Where objects have been of late."""

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segment.objects import Object

__all__ = ["Trails"]

_LONG = 25  # frames that a trail goes back


class Trails:
    """Follows the feet of objects, the middle of the lower edge of their boxes, for 25 frames.

    Memory holds the ids of the last 25 frames. One object serves one sequence.
    """

    def __init__(self) -> None:
        self._frame = 0
        self._feet: dict[int, deque[tuple[int, float, float]]] = {}

    def follow(self, things: Iterable[Object]) -> dict[int, NDArray[np.float64]]:
        """Add a frame's objects; return the trail (N, 2), columns and rows, of each that is seen.

        The newest place comes last. Where an object was not seen in between, the trail goes
        straight on.
        """
        self._frame += 1
        trails = {}
        for thing in things:
            feet = self._feet.setdefault(thing.id, deque())
            feet.append(
                (self._frame, thing.x + (thing.width - 1) / 2, float(thing.y + thing.height - 1))
            )
            trails[thing.id] = feet
        for number, feet in list(self._feet.items()):
            while feet and feet[0][0] <= self._frame - _LONG:
                feet.popleft()
            if not feet:
                del self._feet[number]
        return {number: np.array(feet)[:, 1:] for number, feet in trails.items()}
