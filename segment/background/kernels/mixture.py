"""The online mixture of every pixel: E-step and M-step of 16 neighbours at once.

A block is 16 neighbours of a row, one to a lane. Three paths, the same results bit for bit:

- a run of blocks whose pixels have one mode each and are near it, as most of a still scene: a
  short loop, everything in registers, that reads and moves the modes and nothing else;
- all of a block's pixels are near their heaviest mode: only that mode is read and moved, and
  the weights if any of the pixels has another mode;
- the whole E- and M-step, without a branch that depends on a single pixel: all lanes do the
  same, and `select` keeps what must not change.

No += on what has two names: without a compiler it would change both. Offsets are unsigned: a
signed one might be negative, and numba tests for that.
"""

from typing import Any

import numpy as np

from segment.background.compiling import entry_apart, inline
from segment.background.kernels.block import follow, measure, weigh
from segment.background.kernels.lanes import (
    WIDTH,
    every,
    load,
    prefetch,
    select,
    splat,
    store,
    store_answers,
    unpack,
)

__all__ = ["SETTINGS", "update_mixture"]

SETTINGS = (
    "threshold",
    "match_threshold",
    "background_weight",
    "initial_variance",
    "smallest_variance",
    "largest_variance",
    "darkest_shadow",
    "complexity",
    "share",  # 1 / C
    "levels",  # grey levels of 256 in a step of the image's type
    "rate",
    "zero",
    "one",
    "infinity",
)
"""What stands in `settings`, in this order, in the type of the state."""

_0: Any = np.uint64(0)
_1: Any = np.uint64(1)
_W: Any = np.uint64(WIDTH)

# Blocks between the one worked on and the one asked for. 1080p, still, one thread: grey 1.05 ms
# a frame with it, 1.24 without; colour 1.76 and 1.93.
_AHEAD: Any = np.uint64(32)
# The same for what other modes and weights it has. 640x480, colour, restless: 1.1 ms a frame with
# it, 2.1 without; 1.5 at 4.
_SOON: Any = np.uint64(10)


@entry_apart
def update_mixture(
    which,
    pixels,
    row_step,
    modes,
    weights,
    count,
    foreground,
    shadow,
    odds,
    guide,
    scratch,
    edge,
    edge_mask,
    settings,
    width,
    height,
    start,
    stop,
):
    """Compare rows start to stop with their mixtures, then let the mixtures follow them.

    A row has B = ceil(W / 16) blocks, the last one filled up with pixels that are no part of
    the image; N = H * B. State, all flat, float32 or float64, updated:

    modes: a mode has 16 variances, then the 16 means of every channel. First the heaviest modes
        of all blocks, then, from `others` on, the K - 1 others of the first block, of the second,
        and so on;
    weights (N * K * 16,): of mode k of block b from (b * K + k) * 16 on. The modes of a pixel
        come in descending weight, sum 1; those not in use weigh 0. A pixel of which nothing
        was learned yet has no mode in use, and variances 0;
    count (N,) uint8: most modes in use in the block, 1 to K.

    Image and results: pixels, flat, uint8, uint16, float32 or float64: pixel (y, x) from
    y * row_step + x * C on; foreground (H * W,) uint8, overwritten; shadow (N * 16,) uint8,
    overwritten, or (0,) to look for none; odds (N * 16,) of the state's type, overwritten by
    the logarithm of the odds of foreground, or (0,).

    guide: None, or for every place of the N * 16 its learning rate; what is known, int8, 1
    foreground, -1 background; and by what thresholds are multiplied. A pixel without a
    finite value must have rate 0.

    which: a tuple of C zeros. settings: see SETTINGS; a rate of 0 learns nothing. scratch (C *
    16,) of the state's type, edge (C * 16,) of the image's type, beginning as zeros, and
    edge_mask (16,) uint8 are overwritten. width W, height H.
    """
    channels = np.uint64(len(which))
    stride = (channels + _1) * _W
    blocks = (np.uint64(width) + _W - _1) // _W
    rest = np.uint64(width) % _W
    most = np.uint64(weights.size) // (np.uint64(height) * blocks * _W)
    # The end of the heaviest modes' part is left free.
    others = np.uint64(modes.size) - np.uint64(height) * blocks * (most - _1) * stride
    smallest = settings[4]
    largest = settings[5]
    share = settings[8]
    levels = settings[9]
    zero = settings[11]
    one = settings[12]
    near = min(settings[0], settings[1])
    rate = settings[10]
    decay = one - rate
    prior = rate * settings[7]
    # The weight of an only mode is 1.
    only = min(one, rate / (decay - prior + rate))
    whole = np.uint64(width) // _W
    in_runs = guide is None and odds.size == 0 and shadow.size == 0 and rate > zero
    for y in range(np.uint64(start), np.uint64(stop)):
        for i in range(rest * channels):
            edge[i] = pixels[y * row_step + (np.uint64(width) - rest) * channels + i]
        x = _0
        while x < blocks:
            if in_runs:
                x += _follow_run(
                    which,
                    pixels,
                    y * row_step + x * _W * channels,
                    modes,
                    count,
                    foreground,
                    y * np.uint64(width) + x * _W,
                    scratch,
                    settings,
                    y * blocks + x,
                    whole - min(x, whole),
                    near,
                    only,
                )
                if x == blocks:
                    break
            block = y * blocks + x
            x += _1
            first = block * stride
            for i in range(channels + _1):
                prefetch(modes, min(first + _AHEAD * stride, others - stride) + i * _W)
            soon = min(block + _SOON, np.uint64(count.size) - _1)
            if count[soon] > _1:
                for k in range(np.uint64(count[soon])):
                    prefetch(weights, (soon * most + k) * _W)
                begin = others + soon * (most - _1) * stride
                for i in range((np.uint64(count[soon]) - _1) * (channels + _1)):
                    prefetch(modes, begin + i * _W)
            if x > whole:
                unpack(edge, _0, which, levels, scratch)
                mask, place = edge_mask, _0
            else:
                column = (x - _1) * _W
                unpack(pixels, y * row_step + column * channels, which, levels, scratch)
                mask, place = foreground, y * np.uint64(width) + column
            if guide is None and odds.size == 0:
                variance = load(modes, first)
                squared = measure(which, modes, first, scratch) * share
                close = squared < near * variance
                if every(close):
                    store_answers(mask, place, ~close)
                    if shadow.size > 0:
                        store_answers(shadow, block * _W, ~close)
                    if rate == zero:
                        continue
                    step = splat(only)
                    if count[block] > _1:
                        step = weigh(weights, count, block, most, decay, prior, rate)
                    moved = variance + step * (squared - variance)
                    moved = select(moved > smallest, moved, smallest)
                    store(modes, first, select(moved < largest, moved, largest))
                    for c in range(channels):
                        mean = load(modes, first + (c + _1) * _W)
                        mean += step * (load(scratch, c * _W) - mean)
                        store(modes, first + (c + _1) * _W, mean)
                    continue
            follow(
                which,
                modes,
                weights,
                count,
                mask,
                place,
                shadow,
                odds,
                guide,
                scratch,
                settings,
                block,
                others,
                most,
            )
        for i in range(rest):
            foreground[(y + _1) * np.uint64(width) - rest + i] = edge_mask[i]


@inline
def _follow_run(
    which,
    pixels,
    pixel,
    modes,
    count,
    foreground,
    place,
    scratch,
    settings,
    block,
    length,
    near,
    only,
):
    """Do blocks from `block` on, `length` at most, while their pixels are near their only modes.

    Return how many were done.
    """
    channels = np.uint64(len(which))
    stride = (channels + _1) * _W
    smallest = settings[4]
    largest = settings[5]
    done = _0
    while done < length:
        first = (block + done) * stride
        # Beyond these modes lie others, or nothing; to ask for that does no harm.
        for i in range(channels + _1):
            prefetch(modes, first + _AHEAD * stride + i * _W)
        unpack(pixels, pixel + done * _W * channels, which, settings[9], scratch)
        variance = load(modes, first)
        squared = measure(which, modes, first, scratch) * settings[8]
        close = squared < near * variance
        if count[block + done] != _1 or not every(close):
            break
        store_answers(foreground, place + done * _W, ~close)
        moved = variance + only * (squared - variance)
        moved = select(moved > smallest, moved, smallest)
        store(modes, first, select(moved < largest, moved, largest))
        for c in range(channels):
            mean = load(modes, first + (c + _1) * _W)
            mean += only * (load(scratch, c * _W) - mean)
            store(modes, first + (c + _1) * _W, mean)
        done += _1
    return done
