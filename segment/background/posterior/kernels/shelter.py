"""What is not to be learned: foreground, and its rim where that is unlike the background."""

import numpy as np

from segment.background.compiling import entry, loop
from segment.background.lines import copy, join

__all__ = ["REACH", "shelter"]

u8 = np.uint8

# How far the rim of foreground reaches, in pixels to all sides.
REACH = 2


@entry
def shelter(foreground, own, told, least, line, mask, start, stop):
    """Write into rows `start` to `stop` of `mask` what is sheltered from learning.

    foreground, mask (H, W) uint8, 0 and 1. own (H * W,) uint8 : evidence; a rim has at least
    `least` of it. told (H * W,) or nothing : where it is not 0 there is no rim. line (W + 2 REACH,)
    uint8: scratch, 0 at both ends.
    """
    height, width = foreground.shape
    for y in range(start, stop):
        first, last = max(y - REACH, 0), min(y + REACH, height - 1)
        across = line[REACH : REACH + width]
        copy(foreground[first], across)
        for other in range(first + 1, last + 1):
            join(foreground[other], across)
        if _any(across):
            p = y * width
            _spread(line, mask[y])
            _confirm(own[p : p + width], least, mask[y])
            if told.size > 0:
                _spare(told[p : p + width], mask[y])
            join(foreground[y], mask[y])
        else:
            copy(across, mask[y])


@loop
def _any(values):
    found = u8(0)
    for k in range(values.size):
        found |= values[k]
    return found != 0


@loop
def _spread(line, out):
    for k in range(out.size):
        near = line[k] | line[k + 1] | line[k + 2]
        out[k] = near | line[k + 3] | line[k + 4]


@loop
def _confirm(own, least, out):
    for k in range(out.size):
        out[k] &= u8(1) if own[k] >= least else u8(0)


@loop
def _spare(told, out):
    for k in range(out.size):
        out[k] &= u8(1) if told[k] == 0 else u8(0)
