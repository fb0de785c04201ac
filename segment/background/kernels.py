"""The compiled loops of background subtraction.

A row is worked on in runs of up to a few hundred pixels, so that what a run needs
stays in the nearest cache while one plain loop after the other goes over it; such
loops of few arrays and no branches become vector instructions. Three paths, the
same results bit for bit:

- pixels that match their heaviest mode, nearly all of a still scene: only that
  mode's planes are touched, and the weights of as many modes as the run has;
- the few pixels of a run that do not: one by one;
- runs in which many do not: every mode of the run, all pixels at once.

Offsets are unsigned: a signed one might be negative, and numba's test for that
keeps a loop from becoming vector instructions. A whole number beside a float32
makes a float64, so constants come in the type of the state.
"""

from typing import Any

import numpy as np
from numba import njit

# No fastmath: without it every path rounds alike, and a run waits for memory anyway.
# _nrt: the loops allocate nothing, and counting the references to their arrays at every call
# took a third of the time (1080p, one thread: colour 2.3 ms with it, 1.7 without).
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_compile = njit(**_OPTIONS)

_1, _2, _3, _8 = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(8)

# Rows of `scratch` after the C rows of the run's pixels.
SCRATCH_ROWS = 7


@_compile
def update_mixture(
    image,
    pixels,
    state,
    count,
    foreground,
    scratch,
    marks,
    failing,
    settings,
    rates,
    shadows,
    length,
    start,
    stop,
):
    """Compare rows start to stop with their mixtures, then let the mixtures follow them.

    image (H, W, C) of numbers; pixels (H * W * C,), the same in a row, or empty if the
    image is not contiguous. Mode k of pixel p = y * W + x lies in `state` (K * (2 + C), P)
    float32 or float64, updated, P >= H * W: weight in row k * (2 + C), variance in the next,
    means in the C after it. count (H * W,) uint8, modes in use, 1 to K, updated; foreground
    (H * W,) bool, overwritten. The modes in use come first, in descending weight above 0;
    the others weigh 0.

    `settings`, `rates` and `scratch` are of the state's type: settings = threshold, match
    threshold, background weight, initial, smallest and largest variance, darkest shadow,
    1 / C, 0, 1; rates = learning rate, 1 - learning rate, prior. scratch
    (C + SCRATCH_ROWS, >= length), marks (>= length, a multiple of 8) uint8 and failing
    (>= length) uint64 are overwritten. `length` is the pixels of a run.
    """
    width = image.shape[1]
    channels = np.uint64(image.shape[2])
    share = settings[7]
    zero = settings[8]
    one = settings[9]
    # Nearer than this, a pixel matches its heaviest mode and is explained by it.
    near = min(settings[0], settings[1])
    alpha = rates[0]
    decay = rates[1]
    prior = rates[2]
    # The weight of an only mode is 1.
    only = decay * one - prior
    only += alpha
    only = min(one, alpha / only)
    squared = channels
    step = channels + _1
    words = marks.view(np.uint64)
    for y in range(start, stop):
        for x in range(0, width, length):
            m = np.uint64(min(length, width - x))
            p = np.uint64(y * width + x)
            _gather(image, pixels, y, x, p, m, channels, scratch)
            _measure(state, _2, p, m, channels, scratch, squared)
            _judge(state, p, m, scratch, squared, step, marks, foreground, share, near, only, zero)
            fails = _list_marked(marks, words, m, failing)
            if _8 * fails > m:
                _follow_all(
                    state, count, foreground, p, m, channels, scratch, settings, rates, shadows
                )
                continue
            if alpha != zero and fails < m:
                modes = _largest(count, p, m)
                if modes > _1:
                    _weigh(state, count, p, m, channels, modes, scratch, marks, rates, zero, one)
                _follow(state, p, m, channels, scratch, squared, step, marks, settings)
            for f in range(fails):
                _follow_one(
                    state,
                    count,
                    foreground,
                    p,
                    failing[f],
                    channels,
                    scratch,
                    settings,
                    rates,
                    shadows,
                )


@_compile
def _gather(image, pixels, y, x, p, m, channels, scratch):
    """Bring the run's pixels into the first rows of `scratch`, a row a channel."""
    if pixels.size == 0:
        for c in range(image.shape[2]):
            for i in range(np.int64(m)):
                scratch[c, i] = image[y, x + i, c]
    elif channels == _1:
        for i in range(m):
            scratch[0, i] = pixels[p + i]
    elif channels == _3:
        first = _3 * p
        for i in range(m):
            scratch[0, i] = pixels[first + _3 * i]
            scratch[1, i] = pixels[first + _3 * i + _1]
            scratch[2, i] = pixels[first + _3 * i + _2]
    else:
        for c in range(channels):
            first = channels * p + c
            for i in range(m):
                scratch[c, i] = pixels[first + channels * i]


@_compile
def _measure(state, row, p, m, channels, scratch, squared):
    """Sum the squared distances of the run from the means that begin in `row`."""
    if channels == _3:
        for i in range(m):
            red = scratch[0, i] - state[row, p + i]
            green = scratch[1, i] - state[row + _1, p + i]
            blue = scratch[2, i] - state[row + _2, p + i]
            scratch[squared, i] = red * red + green * green + blue * blue
        return
    for i in range(m):
        delta = scratch[0, i] - state[row, p + i]
        scratch[squared, i] = delta * delta
    for c in range(_1, channels):
        for i in range(m):
            delta = scratch[c, i] - state[row + c, p + i]
            scratch[squared, i] += delta * delta


@_compile
def _judge(state, p, m, scratch, squared, step, marks, foreground, share, near, rate, zero):
    """Mark the pixels that their heaviest mode does not explain; the others get a step."""
    for i in range(m):
        scratch[squared, i] *= share
    for i in range(m):
        far = scratch[squared, i] >= near * state[_1, p + i]
        scratch[step, i] = zero if far else rate
        marks[i] = far
    for i in range(m):
        foreground[p + i] = marks[i] != np.uint8(0)


@_compile
def _list_marked(marks, words, m, failing):
    """Write the places of the marks into `failing`, and return how many there are."""
    fails = np.uint64(0)
    last = (m + np.uint64(7)) // _8
    for i in range(m, last * _8):
        marks[i] = np.uint8(0)
    for word in range(last):
        if words[word] != np.uint64(0):
            for i in range(word * _8, word * _8 + _8):
                failing[fails] = i
                fails += np.uint64(marks[i])
    return fails


@_compile
def _largest(count, p, m):
    most = np.uint8(0)
    for i in range(m):
        most = max(most, count[p + i])
    return np.uint64(most)


@_compile
def _weigh(state, count, p, m, channels, modes, scratch, marks, rates, zero, one):
    """Move the weights of pixels that match their first mode, and set their steps."""
    alpha = rates[0]
    decay = rates[1]
    prior = rates[2]
    step = channels + _1
    total = channels + _2
    alive = channels + _3
    stride = channels + _2
    for i in range(m):
        weight = decay * state[0, p + i] - prior
        weight += alpha
        rate = alpha / weight
        rate = rate if rate < one else one
        scratch[total, i] = weight
        scratch[step, i] = rate if marks[i] == np.uint8(0) else zero
        scratch[alive, i] = one
    for k in range(_1, modes):
        row = k * stride
        for i in range(m):
            weight = decay * state[row, p + i] - prior
            weight = weight if weight > zero else zero
            scratch[total, i] += weight
            scratch[alive, i] += one if weight > zero else zero
    for i in range(m):
        weight = decay * state[0, p + i] - prior
        weight += alpha
        weight /= scratch[total, i]
        state[0, p + i] = weight if marks[i] == np.uint8(0) else state[0, p + i]
    for k in range(_1, modes):
        row = k * stride
        for i in range(m):
            weight = decay * state[row, p + i] - prior
            weight = weight if weight > zero else zero
            weight /= scratch[total, i]
            state[row, p + i] = weight if marks[i] == np.uint8(0) else state[row, p + i]
    for i in range(m):
        now = np.uint8(scratch[alive, i])
        count[p + i] = now if marks[i] == np.uint8(0) else count[p + i]


@_compile
def _follow(state, p, m, channels, scratch, squared, step, marks, settings):
    """Move the first modes by their steps."""
    smallest = settings[4]
    largest = settings[5]
    for i in range(m):
        spread = state[_1, p + i]
        moved = spread + scratch[step, i] * (scratch[squared, i] - spread)
        moved = moved if moved > smallest else smallest
        moved = moved if moved < largest else largest
        state[_1, p + i] = moved if marks[i] == np.uint8(0) else spread
    for c in range(channels):
        row = c + _2
        for i in range(m):
            state[row, p + i] += scratch[step, i] * (scratch[c, i] - state[row, p + i])


@_compile
def _follow_one(state, count, foreground, start, i, channels, scratch, settings, rates, shadows):
    """Do it all for one pixel, the one at place i of a run that begins at `start`."""
    threshold = settings[0]
    match = settings[1]
    enough = settings[2]
    share = settings[7]
    zero = settings[8]
    one = settings[9]
    alpha = rates[0]
    decay = rates[1]
    prior = rates[2]
    p = start + i
    stride = channels + _2
    all_modes = np.uint64(state.shape[0]) // stride
    n = np.uint64(count[p])
    # E-step: the first mode that matches, and whether a background mode explains the pixel.
    matched = n
    explained = False
    heavier = zero
    squared = zero
    for k in range(n):
        row = k * stride
        squared = zero
        for c in range(channels):
            delta = scratch[c, i] - state[row + _2 + c, p]
            squared += delta * delta
        squared *= share
        if heavier < enough and squared < threshold * state[row + _1, p]:
            explained = True
        if squared < match * state[row + _1, p]:
            matched = np.uint64(k)
            break
        heavier += state[row, p]
    if shadows and not explained:
        explained = _is_shadow(state, p, i, n, channels, scratch, settings)
    foreground[p] = not explained
    if alpha == zero:
        return
    # M-step.
    for k in range(n):
        state[k * stride, p] = decay * state[k * stride, p] - prior
    if matched < n:
        row = matched * stride
        state[row, p] += alpha
        rate = min(one, alpha / state[row, p])
        spread = state[row + _1, p]
        spread += rate * (squared - spread)
        state[row + _1, p] = min(max(spread, settings[4]), settings[5])
        for c in range(channels):
            mean = row + _2 + c
            state[mean, p] += rate * (scratch[c, i] - state[mean, p])
        _rise(state, matched, p, stride)
    found = matched < n
    # Modes without weight go. What matched has risen above them.
    while n > np.uint64(0) and state[(n - _1) * stride, p] <= zero:
        n -= _1
        state[n * stride, p] = zero
    if not found:
        if n < all_modes:
            n += _1
        row = (n - _1) * stride
        state[row, p] = alpha
        state[row + _1, p] = settings[3]
        for c in range(channels):
            state[row + _2 + c, p] = scratch[c, i]
        _rise(state, n - _1, p, stride)
    total = zero
    for k in range(n):
        total += state[k * stride, p]
    for k in range(n):
        state[k * stride, p] /= total
    count[p] = np.uint8(n)


@_compile
def _rise(state, k, p, stride):
    """Move mode k of one pixel up past the modes of less weight."""
    while k > np.uint64(0) and state[(k - _1) * stride, p] < state[k * stride, p]:
        for row in range(k * stride, (k + _1) * stride):
            above = row - stride
            kept = state[above, p]
            state[above, p] = state[row, p]
            state[row, p] = kept
        k -= _1


@_compile
def _is_shadow(state, p, i, n, channels, scratch, settings):
    """Tell whether a pixel is the colour of one of its background modes, only darker."""
    threshold = settings[0]
    darkest = settings[6]
    share = settings[7]
    zero = settings[8]
    heavier = zero
    for k in range(n):
        if heavier >= settings[2]:
            break
        row = k * (channels + _2)
        product = zero
        square = zero
        for c in range(channels):
            mean = state[row + _2 + c, p]
            product += scratch[c, i] * mean
            square += mean * mean
        # The pixel's brightness beside the mode's, product / square, is compared undivided:
        # the mode may be black.
        if product <= square and product >= darkest * square and square > zero:
            ratio = product / square
            squared = zero
            for c in range(channels):
                delta = scratch[c, i] - ratio * state[row + _2 + c, p]
                squared += delta * delta
            if squared * share < threshold * state[row + _1, p] * ratio * ratio:
                return True
        heavier += state[row, p]
    return False


@_compile
def _follow_all(state, count, foreground, p, m, channels, scratch, settings, rates, shadows):
    """Do it all for every pixel of a run, each mode for all of them at once."""
    threshold = settings[0]
    match = settings[1]
    enough = settings[2]
    initial = settings[3]
    smallest = settings[4]
    largest = settings[5]
    share = settings[7]
    zero = settings[8]
    one = settings[9]
    alpha = rates[0]
    decay = rates[1]
    prior = rates[2]
    stride = channels + _2
    all_modes = np.uint64(state.shape[0]) // stride
    modes = _largest(count, p, m)
    squared = channels
    step = channels + _1
    heavier = channels + _2
    matched = channels + _3  # number of the mode, -1 none
    nearest = channels + _2 + _2  # squared distance from the mode that matched
    explained = channels + _2 + _3  # more than 0 or not
    open_ = channels + _3 + _3  # 1 while a mode is sought, else 0

    # E-step, its conditions as numbers 0 and 1.
    for row in range(heavier, explained + _1):
        for i in range(m):
            scratch[row, i] = zero
    for i in range(m):
        scratch[matched, i] = -one
    number = zero
    for k in range(modes):
        number += one
        row = k * stride
        searching = 0
        for i in range(m):
            unmatched = one if scratch[matched, i] < zero else zero
            scratch[open_, i] = unmatched if state[row, p + i] > zero else zero
        for i in range(m):
            searching += scratch[open_, i] > zero
        if searching == 0:
            break
        _measure(state, row + _2, p, m, channels, scratch, squared)
        for i in range(m):
            scratch[squared, i] *= share
        for i in range(m):
            fits = one if scratch[squared, i] < threshold * state[row + _1, p + i] else zero
            still = scratch[open_, i] if scratch[heavier, i] < enough else zero
            scratch[explained, i] += fits * still
        for i in range(m):
            scratch[heavier, i] += state[row, p + i]
        for i in range(m):
            hit = one if scratch[squared, i] < match * state[row + _1, p + i] else zero
            scratch[step, i] = hit * scratch[open_, i]
        for i in range(m):
            scratch[matched, i] += number * scratch[step, i]
        for i in range(m):
            kept = scratch[nearest, i]
            distance = scratch[squared, i]
            scratch[nearest, i] = distance if scratch[step, i] > zero else kept
    for i in range(m):
        foreground[p + i] = scratch[explained, i] == zero
    if shadows:
        for i in range(m):
            if foreground[p + i]:
                n = np.uint64(count[p + i])
                foreground[p + i] = not _is_shadow(state, p + i, i, n, channels, scratch, settings)
    if alpha == zero:
        return

    # M-step. `heavier` is free: it counts the modes with weight.
    alive = heavier
    for i in range(m):
        scratch[alive, i] = zero
    number = -one
    for k in range(modes):
        number += one
        row = k * stride
        hits = 0
        for i in range(m):
            own = scratch[matched, i] == number
            weight = decay * state[row, p + i] - prior
            weight = weight + alpha if own else weight
            weight = weight if weight > zero else zero
            state[row, p + i] = weight
            scratch[alive, i] += one if weight > zero else zero
            rate = alpha / weight
            rate = rate if rate < one else one
            scratch[step, i] = rate if own else zero
        for i in range(m):
            hits += scratch[matched, i] == number
        if hits == 0:
            continue
        for i in range(m):
            spread = state[row + _1, p + i]
            moved = spread + scratch[step, i] * (scratch[nearest, i] - spread)
            moved = moved if moved > smallest else smallest
            moved = moved if moved < largest else largest
            state[row + _1, p + i] = moved if scratch[matched, i] == number else spread
        for c in range(channels):
            mean = row + _2 + c
            for i in range(m):
                state[mean, p + i] += scratch[step, i] * (scratch[c, i] - state[mean, p + i])

    # Pixels that no mode matched begin a new one behind the others, or in the last one's place.
    fresh = 0
    for i in range(m):
        fresh += scratch[matched, i] < zero
    if fresh > 0:
        modes = min(modes + _1, all_modes)
        last = -one
        for _ in range(all_modes):
            last += one
        number = -one
        for k in range(modes):
            number += one
            row = k * stride
            hits = 0
            for i in range(m):
                place = scratch[alive, i]
                place = place if place < last else last
                new = (scratch[matched, i] < zero) & (place == number)
                scratch[step, i] = one if new else zero
            for i in range(m):
                hits += scratch[step, i] > zero
            if hits == 0:
                continue
            for i in range(m):
                state[row, p + i] = alpha if scratch[step, i] > zero else state[row, p + i]
            for i in range(m):
                spread = state[row + _1, p + i]
                state[row + _1, p + i] = initial if scratch[step, i] > zero else spread
            for c in range(channels):
                mean = row + _2 + c
                for i in range(m):
                    kept = state[mean, p + i]
                    state[mean, p + i] = scratch[c, i] if scratch[step, i] > zero else kept

    # At most one mode of a pixel weighs more than the one before it: once over, from the end.
    for k in range(modes - _1):
        row = (modes - _1 - k) * stride
        above = row - stride
        hits = 0
        for i in range(m):
            scratch[step, i] = one if state[above, p + i] < state[row, p + i] else zero
        for i in range(m):
            hits += scratch[step, i] > zero
        if hits == 0:
            continue
        for plane in range(stride):
            for i in range(m):
                upper = state[above + plane, p + i]
                lower = state[row + plane, p + i]
                state[above + plane, p + i] = lower if scratch[step, i] > zero else upper
                state[row + plane, p + i] = upper if scratch[step, i] > zero else lower

    total = step
    for i in range(m):
        scratch[total, i] = zero
        scratch[alive, i] = zero
    for k in range(modes):
        row = k * stride
        for i in range(m):
            weight = state[row, p + i]
            scratch[total, i] += weight
            scratch[alive, i] += one if weight > zero else zero
    for k in range(modes):
        row = k * stride
        for i in range(m):
            state[row, p + i] /= scratch[total, i]
    for i in range(m):
        count[p + i] = np.uint8(scratch[alive, i])
