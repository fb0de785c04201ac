# mypy: disable-error-code="no-untyped-def"
"""For how long a place has been foreground, and making background of what has stood long enough."""

import numpy as np

from segment.background.compiling import entry, part
from segment.background.posterior.kernels.constants import HALF, ONE, ZERO, f, u

__all__ = ["absorb", "count_standing"]

# What a frame of background leaves of the frames for which there was foreground: one that is missed
# now and then is not the end of it.
_LEFT, _LESS = f(0.7), f(0.3)

# Weight of what is absorbed; what was there before shares the rest, and so stays background.
_SHARE = f(0.5)


@entry
def count_standing(mask, stands, start, stop):
    """Count the frames for which pixels `start` to `stop` have been foreground."""
    for i in range(start, stop):
        v = stands[i]
        less = v * _LEFT - _LESS
        less = less if less > ZERO else ZERO
        stands[i] = v + ONE if mask[i] != 0 else less


@entry
def absorb(frame, gain, motion, calm, longest, variance, modes, pictures, stands, start, stop):
    """Make background of what has stood for `longest` frames in rows `start` to `stop`.

    Where a place changes, `motion` of `calm` and more, it waits. What was background before stays
    among the modes: when the thing leaves, no ghost is left. variance : of the new mode.
    """
    for y in range(start, stop):
        for x in range(frame.width):
            p = u(y) * u(frame.width) + u(x)
            if stands[p] >= longest and motion[y // 8, x // 8] < calm:
                _absorb(frame, gain, variance, modes, pictures, p)
                stands[p] = ZERO


@part
def _absorb(frame, gain, variance, modes, pictures, p):
    channels = len(frame.which)
    step = 1 + channels
    most = modes.weight.shape[0]
    alive = int(modes.alive[p])
    kept = min(alive, most - 1)
    left = ZERO
    for k in range(kept):
        left += modes.weight[k, p]
    for back in range(kept):  # from the end: every mode takes the place of the next
        k = kept - 1 - back
        modes.weight[k + 1, p] = modes.weight[k, p] * ((ONE - _SHARE) / left)
        low = k * step
        if k == 0:
            modes.minor[p, low] = modes.first.variance[p]
            for c in range(channels):
                modes.minor[p, low + 1 + c] = modes.first.mean[c, p]
        else:
            for r in range(step):
                modes.minor[p, low + r] = modes.minor[p, low - step + r]
    modes.weight[0, p] = _SHARE if kept > 0 else ONE
    modes.alive[p] = np.uint8(kept + 1)
    modes.first.variance[p] = variance
    for c in range(channels):
        v = gain * f(frame.image[u(channels) * p + u(c)])
        v = v if v < f(255) else f(255)
        modes.first.mean[c, p] = v
        pictures.ground[c, p] = np.uint8(np.int32(v + HALF if v + HALF < f(255) else f(255)))
    pictures.mask[p] = np.uint8(0)
