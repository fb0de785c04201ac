"""A light that is switched: what is known of the scene goes over to the new light at once.

Between two frames most of the picture changes, more than a gain of all explains, and yet its
texture stays: then it is the light, whatever it does to single places and colours. How much of it
is left is measured from frame to frame, smoothly over the picture. What was background takes this
frame's colours; what stands or walks before it keeps its place, and the background behind it goes
dark or bright by what is measured there.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.background.posterior import kernels
from segment.background.posterior.kernels.records import Bytes, Floats, Frame

__all__ = ["Relit", "find_light"]

# Share of a grid of points that changes at once, share that one gain for all leaves unexplained,
# and the grey levels from which on a point has changed, plus so many deviations of the noise.
_SHARE, _LEFT_OVER, _LEVELS, _DEVIATIONS = 0.5, 0.15, 12.0, 3.0
_POINTS = 1500

# Pixels along the side of the squares whose means are compared; contrasts between a square and
# those around it, in grey levels, that say anything; how many of the squares have to have them;
# and how many of these must have the contrast of before: of another picture it is half of them.
_SQUARE, _CONTRAST, _TEXTURED, _ALIKE = 4, 6.0, 0.01, 0.88

# Share of the picture that must look as the light that is left lets expect.
_EXPLAINED = 0.75

# Grey levels that are added before ratios are taken: the darkest say nothing.
_DARK = 0.5

# Squares of the median of what light is left, and deviation of its smoothing.
_MEDIAN, _SMOOTH = 5, 1.5

# Pixels by which foreground may have holes, and may have moved since the last frame.
_HOLES, _MOVED = 15, 19


class Relit(NamedTuple):
    """A scene in its new light."""

    means: Floats  # (C, H * W), of the background
    before: Bytes  # (C, H * W), the last frame


def find_light(
    frame: Frame,
    before: Bytes,
    behind: Floats,
    mask: Bytes,
    gains: tuple[float, float],
    noise: float,
) -> Relit | None:
    """Return the scene in this frame's light, if that was switched since the last; else None.

    before (C, H * W) uint8 : the last frame. behind (C, H * W) : means of the background.
    mask (H * W,) uint8 : the last foreground. gains : from this frame and from the last to the
    background's light. noise : its variance, summed over the channels.
    """
    channels = len(frame.which)
    size = frame.height, frame.width
    if not _changes(frame, before, gains, noise / channels):
        return None
    image = frame.image.reshape(*size, channels)
    last = before.reshape(channels, *size)
    new = image.astype(np.float32)
    old = np.ascontiguousarray(np.moveaxis(last, 0, 2), np.float32)
    new_squares, old_squares = _in_squares(new), _in_squares(old)
    if not _is_alike(new_squares.mean(2), old_squares.mean(2)):
        return None
    left = np.empty_like(new)
    for c in range(channels):
        part = (new_squares[..., c] + _DARK) / (old_squares[..., c] + _DARK)
        part = cv2.GaussianBlur(cv2.medianBlur(part, _MEDIAN), (0, 0), _SMOOTH)
        left[..., c] = cv2.resize(part, size[::-1], interpolation=cv2.INTER_LINEAR)
    bar = _bar(noise / channels)
    explained = np.abs(new - old * left).mean(2) < bar
    if explained.mean() < _EXPLAINED:
        return None
    hidden = np.moveaxis(behind.reshape(channels, *size), 0, 2) / np.float32(gains[1])
    kept = cv2.morphologyEx(mask.reshape(size), cv2.MORPH_CLOSE, _disc(_HOLES))
    near = cv2.dilate(kept, _disc(_MOVED)) > 0
    # What was background and is no more than lit in another way still is.
    near &= ~(explained & (np.abs(old - hidden).mean(2) < bar) & (mask.reshape(size) == 0))
    means = np.where(near[..., None], np.minimum(hidden * left, 255), new)
    shown = np.where(near[..., None], np.minimum(old * left, 255), new)
    return Relit(_in_planes(means), np.rint(_in_planes(shown)).astype(np.uint8))


def _changes(frame: Frame, before: Bytes, gains: tuple[float, float], variance: float) -> bool:
    """Whether most of the picture has changed since the last frame, and not by one gain."""
    step = max(1, int((frame.height * frame.width / _POINTS) ** 0.5))
    now, then, bar = map(np.float32, (*gains, _bar(variance)))
    bare, lit = kernels.sample_change(frame, before, now, then, bar, step)
    return bool(bare > _SHARE and lit > _LEFT_OVER)


def _bar(variance: float) -> float:
    """Change in grey levels, the mean over the channels, that is more than the noise of one."""
    return float(_LEVELS + _DEVIATIONS * max(variance, 0.0) ** 0.5)


def _in_squares(picture: Floats) -> Floats:
    """Return the means of squares of a picture (H, W, C): (h, w, C)."""
    height, width = picture.shape[:2]
    few = max(1, width // _SQUARE), max(1, height // _SQUARE)
    # Of more than four channels OpenCV takes no means.
    planes = [
        cv2.resize(np.ascontiguousarray(plane), few, interpolation=cv2.INTER_AREA)
        for plane in np.moveaxis(picture, 2, 0)
    ]
    return np.stack(planes, axis=2)


def _is_alike(new: Floats, old: Floats) -> bool:
    """Whether two pictures of squares (h, w) have the same texture, and any at all."""
    fine_new, fine_old = (picture - cv2.blur(picture, (5, 5)) for picture in (new, old))
    strong = np.maximum(np.abs(fine_new), np.abs(fine_old)) > _CONTRAST
    count = int(np.count_nonzero(strong))
    same = int(np.count_nonzero(strong & (fine_new * fine_old > 0)))
    return count >= max(20, _TEXTURED * strong.size) and same >= _ALIKE * count


def _disc(across: int) -> Bytes:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across)), np.uint8)


def _in_planes(picture: Floats) -> Floats:
    """(H, W, C) -> (C, H * W)."""
    planes: NDArray[np.float32] = np.moveaxis(picture, 2, 0).astype(np.float32)
    return np.ascontiguousarray(planes).reshape(len(planes), -1)
