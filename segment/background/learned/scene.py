"""What concerns a frame as a whole: its place, its light and its noise beside the background's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.background.learned.kernels.records import Bytes

__all__ = ["Shift", "brighten", "measure_light", "measure_noise", "put_back", "put_in_place"]

# Pixels to the right, and down.
Shift = tuple[int, int]

# Points at which light and noise are measured.
_POINTS = 4000

# Logarithm of a gain below which light is the same; within which points agree on one.
_SAME, _ALIKE = 0.02, 0.08
_LARGEST = 1.0

# Grey levels, below and above which a point says nothing of light: black, clipped.
_BLACK, _WHITE = 8, 250

# Share of the points that must agree, and by how much more than agree on no change.
_AGREED, _MORE = 0.5, 0.1


def put_in_place(image: Bytes, ground: Bytes, shift: Shift) -> Bytes:
    """Return the frame (H, W, C) as the background lies.

    What is at (y + down, x + right) comes to (y, x); what is not in the frame is the background's,
    ground (C, H * W).
    """
    height, width, channels = image.shape
    placed = np.moveaxis(ground.reshape(channels, height, width), 0, 2).copy()
    to, origin = _overlap((height, width), shift)
    placed[to] = image[origin]
    return placed


def put_back(plane: NDArray[Any], shift: Shift) -> NDArray[Any]:
    """Return a plane (H, W) of the background's place in the frame's; 0 where it says nothing."""
    if shift == (0, 0):
        return plane
    back = np.zeros_like(plane)
    to, origin = _overlap((plane.shape[0], plane.shape[1]), shift)
    back[origin] = plane[to]
    return back


def _overlap(
    size: tuple[int, int], shift: Shift
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    (height, width), (right, down) = size, shift
    top, bottom = max(0, -down), min(height, height - down)
    left, end = max(0, -right), min(width, width - right)
    to = slice(top, bottom), slice(left, end)
    return to, (slice(top + down, bottom + down), slice(left + right, end + right))


def _points(planes: Bytes) -> Bytes:
    step = max(1, planes.shape[1] // _POINTS)
    # Odd, so that no column or row of a picture of even size is left out.
    return planes[:, :: step | 1]


def measure_light(frame: Bytes, ground: Bytes, posterior: Bytes, last: float) -> float:
    """Return the gain that takes the frame to the light of the background, both (C, P).

    The median ratio over a grid of points that are not foreground by the last `posterior` (P,);
    the `last` gain where these cannot tell, 1 where few agree.
    """
    now = _points(frame).mean(axis=0, dtype=np.float32)
    then = _points(ground).mean(axis=0, dtype=np.float32)
    sound = (now > _BLACK) & (now < _WHITE) & (then > _BLACK) & (then < _WHITE)
    still = sound & (_points(posterior[None])[0] < 100)
    for chosen in (still, sound):
        if np.count_nonzero(chosen) >= 0.1 * chosen.size:
            break
    else:
        return last
    ratio = np.log((then[chosen] + 4) / (now[chosen] + 4))
    middle = float(np.median(ratio))
    if abs(middle) < _SAME:
        return 1.0
    agreed = float(np.mean(np.abs(ratio - middle) < _ALIKE))
    unchanged = float(np.mean(np.abs(ratio) < _ALIKE))
    if abs(middle) <= _LARGEST:
        if agreed >= _AGREED and agreed >= unchanged + _MORE:
            return float(np.exp(middle))
        return last if agreed >= _AGREED - _MORE else 1.0
    return 1.0


def brighten(gain: float) -> Bytes:
    """Return the table (256,) uint8 that multiplies grey levels by a gain."""
    table: Bytes = np.clip(np.rint(np.arange(256) * gain), 0, 255).astype(np.uint8)
    return table


def measure_noise(frame: Bytes, before: Bytes) -> float:
    """Return the deviation of a channel's noise, grey levels, by the median change, (C, P) both."""
    change = np.abs(_points(frame).astype(np.int16) - _points(before))
    few = np.minimum(change, 60)
    middle = float(np.median(few))
    if middle > 0:
        return min(max((middle + 0.3) / 0.6745 / 2**0.5, 0.3), 20.0)
    small = few[few < 12]
    level = float(small.mean()) if small.size else 0.0
    return min(max(level / 0.8 / 2**0.5, 0.3), 20.0)
