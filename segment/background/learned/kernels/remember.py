"""What a frame leaves behind: samples of the background, of everything, and the picture of it.

The M-step: the posterior says whose sample a pixel is. Every pixel keeps one in `interval` frames,
along a lattice that moves on with each frame, so that each is met exactly once in that time.
Background that is far from all that is kept gives samples in a hurry, but only into places of their
own: a mistake of the E-step cannot wipe out what has been known for long.
"""

import numpy as np

from segment.background.compiling import entry, loop
from segment.background.learned.kernels.records import LASTING

__all__ = ["absorb", "remember", "stay"]

f = np.float32
i = np.int32
u = np.uint8

# Posteriors: foreground, and background beyond doubt.
_FOREGROUND = u(128)
_SURELY = u(64)


@loop
def _follow(frame, foreground, shadow, ground):
    """A step of one grey level towards the frame where it is background: a running median."""
    for k in range(frame.size):
        g = i(ground[k])
        v = i(frame[k])
        up = i(1) if v > g else i(0)
        down = i(1) if v < g else i(0)
        free = (foreground[k] < _FOREGROUND) & (shadow[k] < _FOREGROUND)
        ground[k] = u(i(g + i(up - down))) if free else ground[k]


@entry
def remember(sight, memory, posteriors, width, pace, far, start, stop):
    """Let rows `start` to `stop` of the memory follow a frame.

    posteriors : of foreground and of shadow, (P,) uint8 each. pace : frames so far; frames between
    two samples of a pixel, of one that is background but far from all that is kept, and of what
    was seen lately. far : distance from which on a pixel is far.
    """
    foreground, shadow = posteriors
    time, interval, hurry, lately = pace
    frame = sight.frame
    channels = frame.shape[0]
    quick = memory.kept.shape[0] - LASTING
    seen = memory.lately.shape[0]
    for y in range(start, stop):
        begin = y * width
        end = begin + width
        for p in range(begin + (time + 7 * y) % interval, end, interval):
            if foreground[p] < _FOREGROUND and shadow[p] < _FOREGROUND:
                s = memory.turn[p]
                for c in range(channels):
                    memory.kept[s, c, p] = frame[c, p]
                memory.turn[p] = (s + 1) % LASTING
                if s % 2 == 0:
                    # What came in a hurry goes at the same pace.
                    h = memory.quick_turn[p]
                    for c in range(channels):
                        memory.kept[LASTING + h, c, p] = frame[c, p]
                    memory.quick_turn[p] = (h + 1) % quick
        if interval > hurry:
            for p in range(begin + (3 * time + 2 * y) % hurry, end, hurry):
                new = sight.far[p] >= far and foreground[p] < _SURELY
                if new and shadow[p] < _FOREGROUND:
                    h = memory.quick_turn[p]
                    for c in range(channels):
                        memory.kept[LASTING + h, c, p] = frame[c, p]
                        g = i(memory.ground[c, p]) + i(frame[c, p])
                        memory.ground[c, p] = u(g >> 1)
                    memory.quick_turn[p] = (h + 1) % quick
        for p in range(begin + (3 * time + 5 * y) % lately, end, lately):
            s = memory.lately_turn[p]
            for c in range(channels):
                memory.lately[s, c, p] = frame[c, p]
            memory.lately_turn[p] = (s + 1) % seen
        if (time + y) % 2 == 0:
            for c in range(channels):
                _follow(
                    frame[c, begin:end],
                    foreground[begin:end],
                    shadow[begin:end],
                    memory.ground[c, begin:end],
                )
        for c in range(channels):
            for p in range(begin, end):
                memory.before[c, p] = frame[c, p]


@entry
def stay(foreground, course, size, start, stop):
    """Posterior of half-resolution pixels, and for how long they have been foreground."""
    height, width = size
    w = course.last.shape[1]
    for row in range(start, stop):
        one = 2 * row * width
        two = min(2 * row + 1, height - 1) * width
        for x in range(w):
            a = 2 * x
            b = min(2 * x + 1, width - 1)
            s = i(foreground[one + a]) + i(foreground[one + b])
            s = s + i(foreground[two + a]) + i(foreground[two + b])
            last = u((s + 2) >> 2)
            course.last[row, x] = last
            v = course.stay[row, x]
            gone = v * f(0.7) - f(0.3)
            gone = gone if gone > f(0) else f(0)
            course.stay[row, x] = v + f(1) if last >= _FOREGROUND else gone


@entry
def absorb(sight, memory, course, width, due):
    """Make background of the half-resolution pixels that are `due`, (h, w) uint8.

    Half of what is kept becomes what was seen lately: what was there before is still known when
    it comes to light again.
    """
    channels, size = sight.frame.shape
    height = size // width
    quick = memory.kept.shape[0] - LASTING
    for row in range(due.shape[0]):
        for x in range(due.shape[1]):
            if due[row, x] == 0:
                continue
            course.stay[row, x] = f(0)
            course.last[row, x] = u(0)
            for y in range(2 * row, min(2 * row + 2, height)):
                for p in range(y * width + 2 * x, y * width + min(2 * x + 2, width)):
                    for k in range(memory.lately.shape[0]):
                        s = LASTING + k if k < quick else i(memory.turn[p])
                        for c in range(channels):
                            memory.kept[s, c, p] = memory.lately[k, c, p]
                        if k >= quick:
                            memory.turn[p] = (s + 1) % LASTING
                    for c in range(channels):
                        memory.ground[c, p] = sight.frame[c, p]
