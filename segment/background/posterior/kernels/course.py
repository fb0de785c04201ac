# mypy: disable-error-code="no-untyped-def"
"""What places go through, at half resolution: posteriors, their length, averages over time."""

import numpy as np

from segment.background.compiling import entry, inline, loop
from segment.background.lines import copy
from segment.background.posterior.kernels.constants import ONE, ZERO, f

__all__ = ["follow_course", "keep"]

u8 = np.uint8

TOP = f(255)

# The posterior that is one half; what is left, after a frame of background, of the frames for which
# there was foreground, and how many more are forgotten.
_EVEN = np.int32(128)
_FORGETS, _FORGOTTEN = f(0.7), f(0.3)

# Evidence (of 255) from which on it has come; shares of a frame in the averages.
_COME = f(70)
_BLINK, _SLOW = f(0.04), f(0.03)


@loop
def _average(now, rate, state):
    for k in range(state.size):
        state[k] += rate * (f(now[k]) - state[k])


@loop
def _average_blinks(now, match, state):
    for k in range(state.size):
        come = u8(1) if f(now[k]) > _COME else u8(0)
        v = state[k]
        state[k] = v + _BLINK * ((TOP if come != match[k] else ZERO) - v)
        match[k] = come


@entry
def follow_course(course, planes, learned, start, stop):
    """Take a frame, and the posterior `course.last` of it, into what places go through.

    Half-resolution rows `start` to `stop`."""
    slow = ONE / f(1 + learned)
    slow = slow if slow > _SLOW else _SLOW
    for r in range(start, stop):
        copy(planes[10, r], course.light[r])
        _average_blinks(planes[9, r], course.come[r], course.blink[r])
        _average(planes[9, r], slow, course.evidence[r])
        _average(course.last[r], slow, course.posterior[r])


@entry
def keep(foreground, kept, posterior, course, start, stop):
    """Keep the posterior of half-resolution rows, and for how long they have been foreground.

    foreground, kept and posterior (H, W) uint8 : foreground, where it is kept, and what is not,
    count as decided: they may be known, or decided at another threshold.
    """
    height, width = foreground.shape
    for row in range(start, stop):
        one, two = 2 * row, min(2 * row + 1, height - 1)
        last, stay = course.last[row], course.stay[row]
        _keep_row(
            foreground[one], foreground[two], kept[one], kept[two], posterior[one], posterior[two],
            last, stay,
        )  # fmt: skip
        if width % 2 == 1:  # the last column counts twice
            a = width - 1
            s = _agreed(foreground[one, a] & kept[one, a], posterior[one, a])
            s += _agreed(foreground[two, a] & kept[two, a], posterior[two, a])
            _keep(2 * s, a // 2, last, stay)


@loop
def _keep_row(mask, mask_below, kept, kept_below, soft, soft_below, last, stay):
    for x in range(mask.size // 2):
        a, b = 2 * x, 2 * x + 1
        s = _agreed(mask[a] & kept[a], soft[a]) + _agreed(mask[b] & kept[b], soft[b])
        s += _agreed(mask_below[a] & kept_below[a], soft_below[a])
        s += _agreed(mask_below[b] & kept_below[b], soft_below[b])
        _keep(s, x, last, stay)


@inline
def _keep(s, x, last, stay):
    found = (s + 2) >> 2
    last[x] = u8(found)
    v = stay[x]
    gone = v * _FORGETS - _FORGOTTEN
    gone = gone if gone > ZERO else ZERO
    stay[x] = v + ONE if found >= _EVEN else gone


@inline
def _agreed(mask, soft):
    v = np.int32(soft)
    high = v if v > _EVEN else _EVEN
    low = v if v < _EVEN - 1 else _EVEN - 1
    return high if mask != 0 else low
