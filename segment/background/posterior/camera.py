"""What the camera does to a whole frame: its light, its noise, shifts and turns."""

import logging
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.background.posterior import kernels
from segment.background.posterior.kernels.records import Bytes, Frame, Light, Pictures
from segment.background.registration import (
    STRAIGHT,
    Contours,
    Pose,
    find_contours,
    find_pose,
    find_shift,
    has_changed,
    most_contours,
)

__all__ = ["Camera"]

_log = logging.getLogger("segment.background")

# Points at which the light, the noise and the camera's movement are measured.
_SAMPLES = 1500

# Frames between looks for a shift that was missed, and that the last frame tells nothing of.
_SECOND_LOOK = 25

# And after a search in vain, until it is asked again whether much differs from the background.
_VAIN = 5

# Frames without a shift of the camera after which the next one is news.
_EPISODE = 100

# Number of a frame long before the first.
_NEVER = -1_000_000

# Frames for which a switch of the light counts, and switches that are believed within these.
_SWITCHED = 12
_SWITCHES = 4

# Share of a frame in the average of bands, and the average from which on they are believed.
_BAND_RATE = 0.15
_BANDED = 0.4

# Where there are hardly any, frames from one look to the next; and until when every frame counts.
_NO_BANDS, _BANDS_EVERY, _BANDS_SOON = 0.02, 5, 20

# Variance of the noise from which on frames are softened, and below which they no longer are.
_NOISY = 20.0
_QUIET = 7.0

# What softening leaves of the variance of a pixel, and of that of the difference of neighbours.
_LEFT = (6 / 16) ** 2
_LEFT_OF_NEIGHBOURS = 2 / 16 * 6 / 16


@dataclass
class Camera:
    """Measures every frame as a whole.

    What the methods take: image (H, W, C) or frame, of uint8; `pictures` of the last frame;
    outside (H * W,) uint8, where nothing is looked at, or empty; `learned` frames so far.

    Attributes
    ----------
    contours : (2, N), rows and columns where the background has contrast, of which
        `contour_count` are in use, as found at frame number `contours_from`.
    gain : from the last frame to the light of the background.
    noise : variance of the camera's noise, grey levels squared, summed over the channels.
    shake : how often it moves, in [0, 1], averaged.
    soft : whether frames are softened.
    calm : frames since it moved by whole pixels.
    angle, right, down : how the last frame lies on the background, which follows by whole pixels
        only: see `Pose`.
    lit : frames until it is forgotten that the light was switched; many for each time.
    banded : how often there are bands of mains light, in [0, 1], averaged.
    vain : frames until it is asked again whether much differs from the background.
    """

    contours: NDArray[np.int64]
    contour_count: int = 0
    contours_from: int = _NEVER
    gain: float = 1.0
    noise: float = 0.0
    shake: float = 0.0
    soft: bool = False
    calm: int = _EPISODE
    lit: int = 0
    banded: float = 0.0
    angle: float = 0.0
    right: float = 0.0
    down: float = 0.0
    vain: int = 0

    @property
    def pose(self) -> Pose:
        """How the last frame lies on the background."""
        return Pose(self.angle, self.right, self.down)

    @classmethod
    def begin(cls, height: int, width: int) -> Self:
        """Return one that knows nothing yet."""
        return cls(np.zeros((2, most_contours(height, width)), np.int64))

    def check(self, size: tuple[int, int]) -> None:
        """Raise ValueError for contours with which a compiled loop would leave its arrays."""
        count = self.contour_count
        if not 0 <= count <= self.contours.shape[1]:
            raise ValueError(f"it has {count} contours, wanted 0 to {self.contours.shape[1]}")
        inside = np.array(size)[:, None]
        if np.any((self.contours < 0) | (self.contours >= inside)):
            raise ValueError("its contours are outside the picture")

    def looks_for_bands(self, learned: int) -> bool:
        """Whether to look for bands: now and then only, where there were none for long."""
        return self.banded > _NO_BANDS or learned < _BANDS_SOON or learned % _BANDS_EVERY == 0

    def expect_bands(self, found: bool) -> bool:
        """Take in whether bands were found in this frame; whether they are to be believed."""
        self.banded += _BAND_RATE * (found - self.banded)
        return self.banded > _BANDED

    def expect_switch(self) -> bool:
        """Whether a switch of the light in the next frame is to be believed.

        A lamp takes a few frames to go on; what flickers all the time would take with it all that
        moves.
        """
        self.lit = max(self.lit - 1, 0)
        return self.lit < _SWITCHES * _SWITCHED

    def switch_light(self) -> None:
        """Begin anew to measure the light."""
        self.gain = 1.0
        self.contours_from = _NEVER
        self.lit += _SWITCHED

    def choose_softness(self, pictures: Pictures, size: tuple[int, int], learned: int) -> None:
        """Begin to soften frames when the camera is noisy, and end when it no longer is."""
        if not self.soft and self.noise > _NOISY:
            self.soft = True
            self.noise *= _LEFT
            for planes in (pictures.before, pictures.ground):
                for plane in planes.reshape(-1, *size):
                    plane[:] = cv2.GaussianBlur(plane, (3, 3), 0)
            _log.info("after %d frames: the camera is noisy, frames are softened", learned)
        elif self.soft and self.noise < _QUIET * _LEFT:
            self.soft = False
            self.noise /= _LEFT

    def soften(self, image: Bytes) -> Bytes:
        """Return the frame, by [1 2 1] / 4 along both axes if the camera is noisy.

        Pooling the evidence of noisy pixels is not enough: their mixtures are wide, and what has
        little contrast is lost in them. A mean of pixels before them keeps them narrow.
        """
        if not self.soft:
            return image
        softened: Bytes = np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)
        return softened.reshape(image.shape)

    def measure_light(self, frame: Frame, pictures: Pictures, outside: Bytes) -> float:
        """Return the gain from this frame to the background: the median over a grid of pixels."""
        # When what was background cannot tell, as after a switch that made all foreground, all may.
        for avoid in (pictures.mask | outside if outside.size else pictures.mask, outside):
            gain, share, agreeing = map(
                float,
                kernels.sample_light(frame, pictures.ground, avoid, _step(frame), _points(frame)),
            )
            if share >= 0.1 and 0.4 < gain < 2.5 and agreeing > 0.5:
                return gain if abs(gain - 1) > 0.02 else 1.0
        return self.gain

    def measure_noise(
        self, frame: Frame, before: Bytes, outside: Bytes, gain: float, learned: int
    ) -> float:
        """Return the variance of the camera's noise: a low quantile of change, slowly averaged."""
        light = Light(np.float32(gain), np.float32(self.gain), np.float32(0))
        quantile = float(
            kernels.sample_noise(frame, before, outside, light, _step(frame), _points(frame))
        )
        if quantile < 0:
            return self.noise
        channels = len(frame.which)
        # The lower quartile of chi-squared is 0.404 C with C = 3, 0.102 with C = 1.
        level = quantile / (4 * channels) / (0.102 if channels == 1 else 0.404)
        if self.soft:
            level *= _LEFT / _LEFT_OF_NEIGHBOURS
        rate = 1.0 if learned == 1 else 0.2 if level < self.noise else 0.02
        return self.noise + rate * (min(level, 400.0) - self.noise)

    def follow(
        self, image: Bytes, pictures: Pictures, outside: Bytes, gain: float, learned: int
    ) -> tuple[tuple[int, int], Pose]:
        """Return by how many pixels (right, down) the camera has moved, and what remains then.

        Neither when in doubt. `gain` takes the frame to the light of the background: a light that
        changes must not be taken for a camera that moves.
        """
        flat, ground = image.reshape(image.shape[0], -1), pictures.ground
        pose, shift = STRAIGHT, (0, 0)
        # A frame that lay askew cannot be compared with the next as it is.
        again = learned % _SECOND_LOOK == 0 or self.pose != STRAIGHT
        looks = again or self._sees_change(image, pictures, outside, gain, learned)
        if looks:
            found = find_pose(flat, ground, gain, outside, self.pose)
            if found is None:
                shift = find_shift(flat, ground, gain, self.noise, outside)
            else:
                shift, pose = found.split()
        moves = shift != (0, 0)
        self.vain = max(self.vain - 1, 0)
        if looks and not again and not moves and pose == STRAIGHT:
            self.vain = _VAIN
        self.shake += 0.05 * (moves - self.shake)
        if not moves:
            self.calm += 1
            return shift, pose
        if self.calm >= _EPISODE:
            _log.info(
                "the camera moves: %d pixels to the right and %d down in frame %d; its background "
                "moves with it",
                *shift,
                learned,
            )
        self.calm = 0
        self.contours_from = _NEVER
        return shift, pose

    def stand(self, pose: Pose) -> None:
        """Take in how this frame lies on the background."""
        self.angle, self.right, self.down = pose

    def _sees_change(
        self, image: Bytes, pictures: Pictures, outside: Bytes, gain: float, learned: int
    ) -> bool:
        """Whether the frame differs so much from the last that the camera may have moved.

        Or from the background: one that moves slowly differs little from frame to frame, and ever
        more from that.
        """
        size = image.shape[0], image.shape[1]
        flat = image.reshape(size[0], -1)
        if outside.size:
            contours = find_contours(pictures.ground, *size, self.noise, outside)
        else:
            contours = self._look_at(pictures.ground, size, learned)
        if has_changed(flat, pictures.before, (gain, self.gain), self.noise, contours):
            return True
        asked = self.vain == 0
        return asked and has_changed(flat, pictures.ground, (gain, 1.0), self.noise, contours)

    def _look_at(self, ground: Bytes, size: tuple[int, int], learned: int) -> Contours:
        """Return where the background has contours, as was found some frames ago at most.

        To look for them costs more than all the rest of the search where nothing moves.
        """
        if self.contours_from + _SECOND_LOOK < learned:
            found = find_contours(ground, *size, self.noise)
            self.contour_count = len(found[0])
            self.contours[:, : self.contour_count] = found
            self.contours_from = learned
        rows, columns = self.contours[:, : self.contour_count]
        return rows, columns


def _step(frame: Frame) -> int:
    """Return the step of a grid of about _SAMPLES points."""
    return max(1, int((frame.height * frame.width / _SAMPLES) ** 0.5))


def _points(frame: Frame) -> NDArray[np.float32]:
    """Return a place for every point of the grid."""
    step = _step(frame)
    return np.empty(-(-frame.height // step) * -(-frame.width // step), np.float32)
