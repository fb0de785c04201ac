"""What the camera does to a whole frame: its light, its noise, and shifts by whole pixels."""

import logging
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.background.posterior import kernels
from segment.background.posterior.learned import EPISODE, NEVER, Learned
from segment.background.registration import Contours, find_contours, find_shift

__all__ = ["Camera"]

_log = logging.getLogger("segment.background")

# Points at which the light, the noise and the camera's movement are measured.
_SAMPLES = 1500

# Frames between looks for a shift that was missed, and that the last frame tells nothing of.
_SECOND_LOOK = 25

# Variance of the noise from which on frames are softened, and below which they no longer are.
_NOISY = 20.0
_QUIET = 7.0

# What softening leaves of the variance of a pixel, and of that of the difference of neighbours.
_LEFT = (6 / 16) ** 2
_LEFT_OF_NEIGHBOURS = 2 / 16 * 6 / 16

_Bytes = NDArray[np.uint8]


class Camera(Learned):
    """Measures every frame as a whole, and moves with the camera."""

    def _choose_softness(self) -> None:
        """Begin to soften frames when the camera is noisy, and end when it no longer is."""
        if not self._soft and self._noise > _NOISY:
            self._soft = True
            self._noise *= _LEFT
            for planes in (self._before, self._ground):
                for plane in planes.reshape(-1, self._height, self._width):
                    plane[:] = cv2.GaussianBlur(plane, (3, 3), 0)
            _log.info("after %d frames: the camera is noisy, frames are softened", self._learned)
        elif self._soft and self._noise < _QUIET * _LEFT:
            self._soft = False
            self._noise /= _LEFT

    def _soften(self, image: _Bytes) -> _Bytes:
        """Return the frame, by [1 2 1] / 4 along both axes if the camera is noisy.

        Pooling the evidence of noisy pixels is not enough: their mixtures are wide, and what has
        little contrast is lost in them. A mean of pixels before them keeps them narrow.
        """
        if not self._soft:
            return image
        softened: _Bytes = np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)
        return softened.reshape(image.shape)

    def _grid(self) -> int:
        return max(1, int((self._height * self._width / _SAMPLES) ** 0.5))

    def _points(self) -> NDArray[np.float32]:
        step = self._grid()
        return np.empty(-(-self._height // step) * -(-self._width // step), np.float32)

    def _measure_light(self, points: _Bytes, outside: _Bytes) -> float:
        """Return the gain from this frame to the background: the median over a grid of pixels."""
        # When what was background cannot tell, as after a switch that made all foreground, all may.
        for avoid in (self._mask | outside if outside.size else self._mask, outside):
            gain, share, agreeing = map(
                float,
                kernels.sample_light(
                    self._which,
                    points,
                    self._ground,
                    avoid,
                    self._height,
                    self._width,
                    self._grid(),
                    self._points(),
                ),
            )
            if share >= 0.1 and 0.4 < gain < 2.5 and agreeing > 0.5:
                return gain if abs(gain - 1) > 0.02 else 1.0
        return self._gain

    def _measure_noise(self, points: _Bytes, outside: _Bytes, gain: float) -> float:
        """Return the variance of the camera's noise: a low quantile of change, slowly averaged."""
        channels = len(self._which)
        quantile = float(
            kernels.sample_noise(
                self._which,
                points,
                self._before,
                outside,
                np.float32(gain),
                np.float32(self._gain),
                self._height,
                self._width,
                self._grid(),
                self._points(),
            )
        )
        if quantile < 0:
            return self._noise
        # The lower quartile of chi-squared is 0.404 C with C = 3, 0.102 with C = 1.
        level = quantile / (4 * channels) / (0.102 if channels == 1 else 0.404)
        if self._soft:
            level *= _LEFT / _LEFT_OF_NEIGHBOURS
        rate = 1.0 if self._learned == 1 else 0.2 if level < self._noise else 0.02
        return self._noise + rate * (min(level, 400.0) - self._noise)

    def _register(self, image: _Bytes, outside: _Bytes, gain: float) -> bool:
        """Look for a shift of the camera, and move all that is known by it, if there is one.

        `gain` takes the frame to the light of the background: a light that changes must not be
        taken for a camera that moves.
        """
        again = self._learned % _SECOND_LOOK == 0
        dx, dy = find_shift(
            image.reshape(self._height, -1),
            self._ground,
            None if again else self._before,
            gain,
            self._gain,
            self._noise,
            outside,
            None if again else self._look_at(outside),
        )
        moves = (dx, dy) != (0, 0)
        self._shake += 0.05 * (moves - self._shake)
        if not moves:
            self._calm += 1
            return False
        if self._calm >= EPISODE:
            _log.info(
                "the camera moves: %d pixels to the right and %d down in frame %d; its background "
                "moves with it",
                dx,
                dy,
                self._learned,
            )
        self._calm = 0
        self._contours_from = NEVER
        self._move(image, dx, dy)
        return True

    def _look_at(self, outside: _Bytes) -> Contours | None:
        """Return where the background has contours, as was found some frames ago at most.

        To look for them costs more than all the rest of the search where nothing moves.
        """
        if outside.size:
            return None
        if self._contours_from + _SECOND_LOOK < self._learned:
            found = find_contours(self._ground, self._height, self._width, self._noise)
            self._contour_count = len(found[0])
            self._contours[:, : self._contour_count] = found
            self._contours_from = self._learned
        rows, columns = self._contours[:, : self._contour_count]
        return rows, columns

    def _move(self, image: _Bytes, dx: int, dy: int) -> None:
        """Move all that is known; what comes into view is begun with this frame."""
        height, width = self._height, self._width
        size = height * width
        frame = np.moveaxis(image, 2, 0)
        kernels.move_modes(self._minor, self._count, dx, dy, height, width)
        # What comes into view: value, or None for the frame.
        planes: list[tuple[NDArray[Any], Any]] = [
            (self._weight[0], 1),
            *((plane, 0) for plane in self._weight[1:]),
            (self._variance, self.initial_variance),
            *zip(self._mean, frame, strict=True),
            (self._count, 1),
            (self._seen, 0),
            (self._mask, 0),
            *zip(self._before, frame, strict=True),
            *zip(self._ground, frame, strict=True),
        ]

        def move(start: int, stop: int) -> None:
            for plane, value in planes[start:stop]:
                line = np.empty(width, plane.dtype)
                kernels.move_plane(plane[:size], dx, dy, height, width, line)
                for strip in _new_strips(dx, dy, height, width):
                    new = value[strip] if isinstance(value, np.ndarray) else value
                    plane[:size].reshape(height, width)[strip] = new

        worth = 1 if size > 65536 else len(planes)
        rows.over_rows(move, len(planes), rows.count_threads(self.threads), worth)
        for grids, block in (
            (self._votes[None], 4),
            (self._changes, 8),
            (self._unrest[None], 8),
            (self._motion[None], 8),
        ):
            right, down = round(dx / block), round(dy / block)
            for grid in grids:
                tall, wide = grid.shape
                line = np.empty(wide, grid.dtype)
                kernels.move_plane(grid.reshape(-1), right, down, tall, wide, line)
                for strip in _new_strips(right, down, tall, wide):
                    grid[strip] = 0


def _new_strips(dx: int, dy: int, height: int, width: int) -> list[Any]:
    """Return the parts of a plane (H, W) that come into view when it moves by (dx, dy)."""
    lines = slice(0, dy) if dy > 0 else slice(max(0, height + dy), height)
    columns = slice(0, dx) if dx > 0 else slice(max(0, width + dx), width)
    return [(lines, slice(None)), (slice(None), columns)]
