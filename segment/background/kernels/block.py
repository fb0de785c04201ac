"""The whole E- and M-step of a block, 16 neighbours of a row: `mixture` says when it is needed.

No += on what has two names: without a compiler it would change both.
"""

from typing import Any

import numpy as np

from segment.background.compiling import inline
from segment.background.kernels.lanes import (
    WIDTH,
    every,
    load,
    select,
    some,
    splat,
    store,
    store_answers,
)

__all__ = ["follow", "measure", "weigh"]

_0: Any = np.uint64(0)
_1: Any = np.uint64(1)
_W: Any = np.uint64(WIDTH)


@inline
def measure(which, modes, place, scratch):
    """Return the squared distances of the pixels from the means of the mode at `place`."""
    delta = load(scratch, _0) - load(modes, place + _W)
    squared = delta * delta
    for c in range(_1, np.uint64(len(which))):
        delta = load(scratch, c * _W) - load(modes, place + (c + _1) * _W)
        squared += delta * delta
    return squared


@inline
def weigh(weights, count, block, most, decay, prior, rate):
    """Move the weights of a block whose pixels belong to their first modes; return the steps."""
    begin = block * most * _W
    end = np.uint64(count[block])
    heaviest = load(weights, begin) * decay - prior + rate
    total = heaviest
    for k in range(_1, end):
        weight = load(weights, begin + k * _W) * decay - prior
        total += select(weight > 0, weight, 0)
    store(weights, begin, heaviest / total)
    scale = 1 / total
    used = _1
    for k in range(_1, end):
        weight = load(weights, begin + k * _W) * decay - prior
        weight = select(weight > 0, weight, 0) * scale
        store(weights, begin + k * _W, weight)
        if some(weight > 0):
            used = k + _1
    count[block] = np.uint8(used)
    step = rate / heaviest
    return select(step < 1, step, 1)


@inline
def follow(
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
):
    """Do all of it for a block: mask and odds, then weights, variances and means."""
    channels = np.uint64(len(which))
    stride = (channels + _1) * _W
    first = block * stride
    # Where mode 0 would be, were it one of the others.
    others += block * (most - _1) * stride - stride
    begin = block * most * _W
    here = block * _W
    end = np.uint64(count[block])
    match = settings[1]
    enough = settings[2]
    smallest = settings[4]
    largest = settings[5]
    share = settings[8]
    minus = -settings[12]
    rate = splat(settings[10])
    threshold = splat(settings[0])
    told = splat(settings[11])
    if guide is not None:
        rate = load(guide[0], here)
        for i in range(_W):
            scratch[channels * _W + i] = guide[1][here + i]
        told = load(scratch, channels * _W)
        threshold *= load(guide[2], here)
        ignored = (told < 0) & (rate == 0)
        if every(ignored):
            store_answers(mask, place, ~ignored)
            if shadow.size > 0:
                store_answers(shadow, here, ~ignored)
            if odds.size > 0:
                store(odds, here, splat(-settings[13]))
            return

    # E-step: the heaviest mode that matches; whether a background mode up to it explains.
    weight = load(weights, begin)
    seen = weight > 0
    variance = load(modes, first)
    squared = measure(which, modes, first, scratch) * share
    found = squared < match * variance
    explained = squared < threshold * variance
    matched = splat(settings[11])
    own = weight
    distance = squared
    heavier = weight
    number = settings[11]
    least = select(seen, squared / variance, 0) if odds.size > 0 else squared
    reach = _1
    while reach < end and not every(found):
        number += settings[12]
        weight = load(weights, begin + reach * _W)
        mode = others + reach * stride
        variance = load(modes, mode)
        squared = measure(which, modes, mode, scratch) * share
        sought = (weight > 0) & ~found
        judging = sought & (heavier < enough)
        explained |= judging & (squared < threshold * variance)
        if odds.size > 0:
            ratio = squared / variance
            least = select(judging & (ratio < least), ratio, least)
        hit = sought & (squared < match * variance)
        found |= hit
        matched = select(hit, number, matched)
        own = select(hit, weight, own)
        distance = select(hit, squared, distance)
        heavier = heavier + weight
        reach += _1
    # What was never seen becomes background, as a first frame does.
    explained |= ~seen
    if shadow.size > 0:
        dark = seen & ~seen
        if not every(explained):
            off = _measure_shadow(
                which, modes, weights, scratch, settings, begin, first, others, end
            )
            dark = ~explained & (off < threshold)
            explained |= dark
            if odds.size > 0:
                least = select(dark & (off < least), off, least)
        store_answers(shadow, here, dark & (told == 0))
    if odds.size > 0:
        certain = select(told > 0, settings[13], splat(-settings[13]))
        store(odds, here, select(told == 0, (least - threshold) * 0.5, certain))
    if guide is not None:
        explained = (explained & ~(told > 0)) | (told < 0)
    store_answers(mask, place, ~explained)
    learns = rate > 0
    if not some(learns):
        return

    # M-step. Weights: all lose, the one that matched gains. Its variance and means follow.
    decay = 1 - rate
    prior = rate * settings[7]
    weight = own * decay - prior + rate
    gained = select(found, weight, rate)
    step = rate / gained
    step = select(step < 1, step, 1)
    fresh = ~found & learns
    matched = select(found & learns, matched, minus)
    total = splat(settings[11])
    number = minus
    for k in range(end):
        number += settings[12]
        mine = matched == number
        weight = load(weights, begin + k * _W)
        lost = weight * decay - prior
        lost = select(lost > 0, lost, 0)
        lost = select(mine, gained, lost)
        if guide is not None:
            lost = select(learns, lost, weight)
        store(weights, begin + k * _W, lost)
        total += lost
        if k < reach and some(mine):
            mode = first if k == _0 else others + k * stride
            variance = load(modes, mode)
            moved = variance + step * (distance - variance)
            moved = select(moved > smallest, moved, smallest)
            moved = select(moved < largest, moved, largest)
            store(modes, mode, select(mine, moved, variance))
            for c in range(channels):
                mean = load(modes, mode + (c + _1) * _W)
                moved = mean + step * (load(scratch, c * _W) - mean)
                store(modes, mode + (c + _1) * _W, select(mine, moved, mean))

    # A pixel that no mode matches begins a new one behind the others, or in the last's place.
    if some(fresh):
        if end < most:
            store(weights, begin + end * _W, total - total)
            end += _1
        for k in range(end):
            weight = load(weights, begin + k * _W)
            here_now = fresh
            if k + _1 < most:
                here_now = fresh & ~(weight > 0)
            if some(here_now):
                fresh = fresh & ~here_now
                total = select(here_now, total - weight + rate, total)
                store(weights, begin + k * _W, select(here_now, rate, weight))
                mode = first if k == _0 else others + k * stride
                store(modes, mode, select(here_now, settings[3], load(modes, mode)))
                for c in range(channels):
                    mean = load(modes, mode + (c + _1) * _W)
                    pixel = load(scratch, c * _W)
                    store(modes, mode + (c + _1) * _W, select(here_now, pixel, mean))

    # At most one mode of a pixel weighs more than the one before it: once over, from the end.
    if guide is not None:
        total = select(learns, total, 1)
    scale = 1 / total
    used = _1
    k = end - _1
    weight = load(weights, begin + k * _W)
    while k > _0:
        above = load(weights, begin + (k - _1) * _W)
        swap = above < weight
        if some(swap):
            lower = others + k * stride
            upper = first if k == _1 else lower - stride
            for i in range(channels + _1):
                under = load(modes, lower + i * _W)
                over = load(modes, upper + i * _W)
                store(modes, lower + i * _W, select(swap, over, under))
                store(modes, upper + i * _W, select(swap, under, over))
        settled = select(swap, above, weight)
        if used == _1 and some(settled > 0):
            used = k + _1
        store(weights, begin + k * _W, settled * scale)
        weight = select(swap, weight, above)
        k -= _1
    # Divided, so that an only mode weighs 1 to the last bit.
    store(weights, begin, weight / total)
    count[block] = np.uint8(used)


@inline
def _measure_shadow(which, modes, weights, scratch, settings, begin, first, others, end):
    """Return the least squared distance, in variances, from a darker background mode."""
    channels = np.uint64(len(which))
    stride = (channels + _1) * _W
    heavier = splat(settings[11])
    least = splat(settings[13])
    for k in range(end):
        weight = load(weights, begin + k * _W)
        judging = (weight > 0) & (heavier < settings[2])
        mode = first if k == _0 else others + k * stride
        product = splat(settings[11])
        square = splat(settings[11])
        for c in range(channels):
            mean = load(modes, mode + (c + _1) * _W)
            product += load(scratch, c * _W) * mean
            square += mean * mean
        # The pixel's brightness beside the mode's is compared undivided: the mode may be black.
        judging &= (product <= square) & (product >= settings[6] * square) & (square > 0)
        ratio = product / square
        squared = splat(settings[11])
        for c in range(channels):
            delta = load(scratch, c * _W) - ratio * load(modes, mode + (c + _1) * _W)
            squared += delta * delta
        squared = squared * settings[8] / (load(modes, mode) * ratio * ratio)
        least = select(judging & (squared < least), squared, least)
        heavier += weight
    return least
