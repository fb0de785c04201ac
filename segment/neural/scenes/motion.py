"""Straight flight between walls, in closed form."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["bounce"]


def bounce(
    rng: np.random.Generator,
    room: NDArray[np.int64],
    length: int,
    speed: tuple[float, float],
) -> NDArray[np.float64]:
    """Return places (count, length, objects, 2), pixels within [0, room].

    room (count, objects, 2); starts and directions are uniform, and so is the speed,
    between the two given, pixels a frame.
    """
    count, objects = room.shape[:2]
    start = rng.random((count, objects, 2)) * room
    angle = rng.random((count, objects)) * (2 * np.pi)
    pace = rng.uniform(*speed, (count, objects))
    velocity = np.stack([np.sin(angle), np.cos(angle)], axis=-1) * pace[..., None]
    time = np.arange(length)[None, :, None, None]
    flown = start[:, None] + velocity[:, None] * time
    # A mirrored room after every room: folding the straight line back is all the bouncing.
    wide = np.maximum(room[:, None], 1e-9)
    folded = np.abs((flown + wide) % (2 * wide) - wide)
    places: NDArray[np.float64] = np.minimum(folded, room[:, None])
    return places
