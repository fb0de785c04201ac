"""What the camera does to a whole frame: its light, its noise, and shifts by whole pixels."""

import functools
import logging
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.background.posterior import kernels
from segment.background.posterior.learned import EPISODE, Learned

__all__ = ["Camera"]

_log = logging.getLogger("segment.background")

# Points at which the light, the noise and the camera's movement are measured.
_SAMPLES = 3000

# Pixels; pictures are made as small before a shift is looked for, and none is in smaller ones.
_WIDEST_SEARCH = 320
_LEAST_SEARCH = 16

# Of 6 x 8 blocks, those that must have contents for a shift to be believed.
_LEAST_BLOCKS = 12

# Share of them that the shift must bring nearer. An object that fills most of the picture moves
# up to 0.68 of them (sbi_Foliage), a camera more.
_LEAST_SHARE = 0.8

_Bytes = NDArray[np.uint8]


class Camera(Learned):
    """Measures every frame as a whole, and moves with the camera."""

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
        rate = 1.0 if self._learned == 1 else 0.2 if level < self._noise else 0.02
        return self._noise + rate * (min(level, 400.0) - self._noise)

    def _register(self, image: _Bytes, outside: _Bytes) -> None:
        """Look for a shift of the camera, and move all that is known by it."""
        dx, dy = self._find_shift(image, outside)
        moves = (dx, dy) != (0, 0)
        self._shake += 0.05 * (moves - self._shake)
        if not moves:
            self._calm += 1
            return
        if self._calm >= EPISODE:
            _log.info(
                "the camera moves: %d pixels to the right and %d down in frame %d; its background "
                "moves with it",
                dx,
                dy,
                self._learned,
            )
        self._calm = 0
        self._move(image, dx, dy)

    def _find_shift(self, image: _Bytes, outside: _Bytes) -> tuple[int, int]:
        """Return by how many pixels (right, down) the picture has moved; (0, 0) if in doubt."""
        height, width, channels = image.shape
        shrink = max(1, -(-width // _WIDEST_SEARCH))
        if min(height, width) // shrink < _LEAST_SEARCH:
            return 0, 0
        points = image.reshape(-1)
        ground = (self._ground, np.float32(1))
        # Moved or not, a block that changes little tells nothing; so looking is all it costs
        # as long as the camera stands still.
        least = 3 + 1.2 * self._noise**0.5
        restless = self._compare(points, outside, *ground, 0, 0)[1] > least
        if restless.sum() < 0.6 * _LEAST_BLOCKS:
            return 0, 0
        # Where people come and go there is always something; a camera moves all that has contents.
        contents = np.empty((6, 8), np.float32)
        kernels.measure_contents(
            self._which,
            points,
            np.float32(self._gain),
            max(1, shrink // 2),
            height,
            width,
            self._grid(),
            contents,
        )
        telling = contents > least
        if telling.sum() >= _LEAST_BLOCKS and (restless & telling).sum() < 0.5 * telling.sum():
            return 0, 0

        size = (width // shrink, height // shrink)
        gain = np.float32(self._gain)
        new = _shrink(np.moveaxis(image, 2, 0), size) * gain
        before = (self._before, gain)
        best = (_LEAST_SHARE, 0, 0)
        for other, other_gain in (ground, before):
            old = _shrink(other.reshape(channels, height, width), size) * other_gain
            (across, down), _ = cv2.phaseCorrelate(old, new, _window(size))
            if abs(across) > size[0] / 4 or abs(down) > size[1] / 4:
                continue
            found = round(across * shrink), round(down * shrink)
            found = self._refine(points, outside, other, other_gain, *found, shrink)
            if found == (0, 0):
                continue
            for reference in (ground, before):
                moved, kept = self._compare(points, outside, *reference, *found)
                telling = np.maximum(moved, kept) > 3
                if telling.sum() >= _LEAST_BLOCKS:
                    nearer = telling & (moved < 0.9 * kept)
                    best = max(best, (float(nearer.sum() / telling.sum()), *found))
        return best[1:]

    def _refine(
        self,
        points: _Bytes,
        outside: _Bytes,
        other: _Bytes,
        gain: np.float32,
        dx: int,
        dy: int,
        shrink: int,
    ) -> tuple[int, int]:
        """Return the shift near (dx, dy) that leaves least; it was found in a smaller picture."""
        # A small picture tells a shift to a fraction of its pixels, which is several of ours.
        step = -(-shrink // 3)
        while shrink > 1 and step:
            near = [(dx + step * u, dy + step * v) for v in (-1, 0, 1) for u in (-1, 0, 1)]
            _, dx, dy = min(
                (float(self._compare(points, outside, other, gain, *shift)[0].mean()), *shift)
                for shift in near
            )
            step //= 2
        return dx, dy

    def _compare(
        self, points: _Bytes, outside: _Bytes, other: _Bytes, gain: np.float32, dx: int, dy: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the differences by block, (6, 8), from `other` moved by (dx, dy), and as it is."""
        moved, kept = np.empty((2, 6, 8), np.float32)
        kernels.compare_shifted(
            self._which,
            points,
            other,
            outside,
            np.float32(self._gain),
            gain,
            dx,
            dy,
            self._height,
            self._width,
            self._grid(),
            moved,
            kept,
        )
        return moved, kept

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


@functools.lru_cache(maxsize=4)
def _window(size: tuple[int, int]) -> NDArray[Any]:
    return cv2.createHanningWindow(size, cv2.CV_32F)


def _shrink(planes: _Bytes, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean of planes (C, H, W), made smaller to `size` (width, height)."""
    smaller = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    mean: NDArray[np.float32] = np.mean(smaller, axis=0, dtype=np.float32)
    return mean


def _new_strips(dx: int, dy: int, height: int, width: int) -> list[Any]:
    """Return the parts of a plane (H, W) that come into view when it moves by (dx, dy)."""
    lines = slice(0, dy) if dy > 0 else slice(max(0, height + dy), height)
    columns = slice(0, dx) if dx > 0 else slice(max(0, width + dx), width)
    return [(lines, slice(None)), (slice(None), columns)]
