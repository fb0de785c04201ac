"""What every kind of scene gives: pictures, and the truth beside them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scenes"]


@dataclass(frozen=True, slots=True)
class Scenes:
    """B sequences of T frames with their truth; a still picture is a sequence of one."""

    images: NDArray[np.uint8]
    """(B, T, H, W, C)"""
    groups: NDArray[np.uint8]
    """(B, T, H, W), 0 background or overlap, else the object's number."""
    overlaps: NDArray[np.bool_]
    """(B, T, H, W), more than one object covers the pixel."""
    collisions: NDArray[np.bool_] | None = None
    """(B, T, H, W), the pixel's object touches another or a wall in this frame; balls only."""

    def __len__(self) -> int:
        return len(self.images)
