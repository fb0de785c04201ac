"""How a frame lies on the background when the camera has turned, or moved by parts of a pixel."""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["STRAIGHT", "Pose"]


class Pose(NamedTuple):
    """A turn about the middle of the picture, and a shift after it.

    What the background shows at a place, the frame shows where this takes it.

    angle : radians, from the x axis towards the y axis, which points down.
    right, down : pixels.
    """

    angle: float
    right: float
    down: float

    def split(self) -> tuple[tuple[int, int], "Pose"]:
        """Return the whole pixels (right, down) that a background may follow by, and the rest."""
        turn = self._turn()
        right, down = (round(float(part)) for part in turn.T @ (self.right, self.down))
        rest = (self.right, self.down) - turn @ (right, down)
        return (right, down), Pose(self.angle, float(rest[0]), float(rest[1]))

    def onto_ground(self, image: NDArray[Any], beyond: Any, smooth: bool = False) -> NDArray[Any]:
        """Return an image (H, W) or (H, W, C) of the frame as it lies on the background.

        beyond : what is there that the frame does not show, a number or an image of that shape.
        smooth : interpolate; otherwise the nearest pixel is taken.
        """
        if self == STRAIGHT:
            return image
        height, width = image.shape[:2]
        laid = np.empty(image.shape, image.dtype)
        laid[:] = beyond
        cv2.warpAffine(
            image,
            self._matrix(height, width),
            (width, height),
            dst=laid,
            flags=cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST),
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        return laid

    def onto_frame(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return a picture (H, W) of the background as it lies in the frame, 0 beyond it.

        Numbers are interpolated, and uint8 is taken for 0 and 1.
        """
        if self == STRAIGHT:
            return image
        height, width = image.shape
        soft = np.asarray(image, np.float32)
        matrix = self._matrix(height, width)
        laid = cv2.warpAffine(soft, matrix, (width, height), flags=cv2.INTER_LINEAR)
        return laid if image.dtype == np.float32 else (laid > 0.5).astype(image.dtype)

    def _matrix(self, height: int, width: int) -> NDArray[np.float64]:
        """Return the (2, 3) that takes places (x, y) of the background to those of the frame."""
        turn = self._turn()
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        shift = middle + np.array([self.right, self.down]) - turn @ middle
        return np.column_stack([turn, shift])

    def _turn(self) -> NDArray[np.float64]:
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])


STRAIGHT = Pose(0.0, 0.0, 0.0)
"""That of a camera which has not moved."""
