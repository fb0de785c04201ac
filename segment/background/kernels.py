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
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# No fastmath: without it every path rounds alike, and a run waits for memory anyway.
# _nrt: the loops allocate nothing, and counting the references to their arrays at every call
# took a third of the time (1080p, one thread: colour 2.3 ms with it, 1.7 without).
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_compile = njit(**_OPTIONS)

# Pixels whose weights are left alone together when each of them has one mode only.
_BLOCK = np.uint64(64)

# float32 in a line of the cache.
_LINE = np.uint64(16)

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
    width,
    length,
    start,
    stop,
):
    """Compare rows start to stop with their mixtures, then let the mixtures follow them.

    pixels (H * W * C,) of numbers, or empty and image (H, W, C) instead. Mode k of pixel
    p = y * W + x lies in `state` (K * (2 + C), P)
    float32 or float64, updated, P >= H * W: weight in row k * (2 + C), variance in the next,
    means in the C after it. count (H * W,) uint8, modes in use, 1 to K, updated; foreground
    (H * W,) bool, overwritten. The modes in use come first, in descending weight above 0;
    the others weigh 0.

    `settings`, `rates` and `scratch` are of the state's type: settings = threshold, match
    threshold, background weight, initial, smallest and largest variance, darkest shadow,
    1 / C, 0, 1; rates = learning rate, 1 - learning rate, prior. scratch
    (C + SCRATCH_ROWS, >= length), marks (2 * length) uint8 and failing (W,)
    uint64 are overwritten. `width` is W, `length` the pixels of a run, a multiple of 8.
    """
    channels = np.uint64(scratch.shape[0] - SCRATCH_ROWS)
    stride = channels + _2
    all_modes = np.uint64(state.shape[0]) // stride
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
    crowds = marks[length:]
    for y in range(start, stop):
        late = np.uint64(0)
        for x in range(0, width, length):
            m = np.uint64(min(length, width - x))
            p = np.uint64(y * width + x)
            _prefetch_run(state, count, p + m, np.uint64(length), stride)
            _gather(image, pixels, y, x, p, m, channels, scratch)
            _measure(state, _2, p, np.uint64(0), m, channels, scratch, squared)
            _judge(state, p, m, scratch, squared, step, marks, foreground, share, near, only, zero)
            before = late
            quiet = False
            for b in range(np.uint64(0), m, _BLOCK):
                size = min(_BLOCK, m - b)
                found = _list_marked(marks, words, b, size, failing, late, np.uint64(x))
                crowded = _8 * (found - late) > size
                crowds[b // _BLOCK] = crowded
                if not crowded:
                    quiet = True
                    late = found
            if quiet and alpha != zero:
                for b in range(np.uint64(0), m, _BLOCK):
                    size = min(_BLOCK, m - b)
                    modes = _largest(count, p + b, size)
                    if modes > _1 and crowds[b // _BLOCK] == np.uint8(0):
                        _weigh(
                            state,
                            count,
                            p + b,
                            b,
                            size,
                            channels,
                            modes,
                            scratch,
                            marks,
                            rates,
                            zero,
                            one,
                        )
                _follow(state, p, m, channels, scratch, squared, step, marks, crowds, settings)
            begin = np.uint64(0)
            while begin < m:
                end = begin
                while end < m and crowds[end // _BLOCK] != np.uint8(0):
                    end += _BLOCK
                if end > begin:
                    end = min(end, m)
                    _follow_all(
                        state,
                        count,
                        foreground,
                        p + begin,
                        begin,
                        end - begin,
                        channels,
                        scratch,
                        settings,
                        rates,
                        shadows,
                    )
                    begin = end
                else:
                    begin += _BLOCK
            # Their other modes are far away in memory: ask for them now, use them after the row.
            for f in range(before, late):
                place = np.uint64(y * width) + failing[f]
                for row in range(stride, stride * min(np.uint64(count[place]) + _1, all_modes)):
                    _prefetch(state, row, place)
        _follow_each(
            image,
            pixels,
            state,
            count,
            foreground,
            y,
            width,
            failing,
            late,
            channels,
            scratch,
            settings,
            rates,
            shadows,
        )


@intrinsic
def _ask_for(typing_context, array, row, place):
    """Ask for array[row, place], soon to be changed, to be brought near; wait for nothing."""

    tools: Any = cgutils

    def generate(context, builder, signature, arguments):
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        columns = tools.unpack_tuple(builder, values.shape, 2)[1]
        offset = builder.add(builder.mul(arguments[1], columns), arguments[2])
        byte = ir.PointerType(ir.IntType(8))
        flag = ir.IntType(32)
        prefetch = tools.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag]),
            "llvm.prefetch.p0",
        )
        address = builder.bitcast(builder.gep(values.data, [offset]), byte)
        # To write, to keep in every cache, data.
        builder.call(prefetch, [address, flag(1), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, row, place), generate


# Grey, 1080p, still, one thread: 8.7 ms a frame with it, 13.4 without (medians of four runs in
# turn); elsewhere no difference. To a reader of types the context is an argument, too.
_prefetch: Any = _ask_for
if config.DISABLE_JIT:  # type: ignore[attr-defined]  # in a debugger there is nothing to hasten
    _prefetch = lambda array, row, place: None  # noqa: E731


@_compile
def _prefetch_run(state, count, p, m, stride):
    """Ask for what a run will need: its first modes, and the weights of those with more."""
    stop = min(p + m, np.uint64(count.size))
    for row in range(_1, stride):
        for q in range(p, stop, _LINE):
            _prefetch(state, row, q)
    for q in range(p, stop, _BLOCK):
        size = min(_BLOCK, stop - q)
        modes = _largest(count, q, size)
        if modes > _1:
            for k in range(modes):
                for place in range(q, q + size, _LINE):
                    _prefetch(state, k * stride, place)


@_compile
def _gather(image, pixels, y, x, p, m, channels, scratch):
    """Bring the run's pixels into the first rows of `scratch`, a row a channel."""
    if pixels.size == 0:
        for c in range(np.int64(channels)):
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
def _gather_one(image, pixels, y, x, p, channels, scratch):
    """Bring one pixel to the beginning of the first rows of `scratch`."""
    for c in range(channels):
        if pixels.size == 0:
            scratch[c, 0] = image[y, x, np.int64(c)]
        else:
            scratch[c, 0] = pixels[p * channels + c]


@_compile
def _measure(state, row, p, b, m, channels, scratch, squared):
    """Sum the squared distances of the run from the means that begin in `row`."""
    if channels == _3:
        for i in range(m):
            red = scratch[0, b + i] - state[row, p + i]
            green = scratch[1, b + i] - state[row + _1, p + i]
            blue = scratch[2, b + i] - state[row + _2, p + i]
            scratch[squared, b + i] = red * red + green * green + blue * blue
        return
    for i in range(m):
        delta = scratch[0, b + i] - state[row, p + i]
        scratch[squared, b + i] = delta * delta
    for c in range(_1, channels):
        for i in range(m):
            delta = scratch[c, b + i] - state[row + c, p + i]
            scratch[squared, b + i] += delta * delta


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
def _list_marked(marks, words, b, m, failing, fails, x):
    """Write x and the places of m marks from b on into `failing` from `fails` on.

    Return the new end of `failing`. b is a multiple of 8.
    """
    last = (b + m + np.uint64(7)) // _8
    for i in range(b + m, last * _8):
        marks[i] = np.uint8(0)
    for word in range(b // _8, last):
        if words[word] != np.uint64(0):
            for i in range(word * _8, word * _8 + _8):
                if marks[i] != np.uint8(0):
                    failing[fails] = x + i
                    fails += _1
    return fails


@_compile
def _largest(count, p, m):
    most = np.uint8(0)
    for i in range(m):
        most = max(most, count[p + i])
    return np.uint64(most)


@_compile
def _weigh(state, count, p, b, m, channels, modes, scratch, marks, rates, zero, one):
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
        scratch[total, b + i] = weight
        scratch[step, b + i] = rate if marks[b + i] == np.uint8(0) else zero
        scratch[alive, b + i] = one
    for k in range(_1, modes):
        row = k * stride
        for i in range(m):
            weight = decay * state[row, p + i] - prior
            weight = weight if weight > zero else zero
            scratch[total, b + i] += weight
            scratch[alive, b + i] += one if weight > zero else zero
    for i in range(m):
        weight = decay * state[0, p + i] - prior
        weight += alpha
        weight /= scratch[total, b + i]
        state[0, p + i] = weight if marks[b + i] == np.uint8(0) else state[0, p + i]
    for k in range(_1, modes):
        row = k * stride
        for i in range(m):
            weight = decay * state[row, p + i] - prior
            weight = weight if weight > zero else zero
            weight /= scratch[total, b + i]
            state[row, p + i] = weight if marks[b + i] == np.uint8(0) else state[row, p + i]
    for i in range(m):
        now = np.uint8(scratch[alive, b + i])
        count[p + i] = now if marks[b + i] == np.uint8(0) else count[p + i]


@_compile
def _follow(state, p, m, channels, scratch, squared, step, marks, crowds, settings):
    """Move the first modes by their steps, but leave crowded blocks alone."""
    for b in range(np.uint64(0), m, _BLOCK):
        if crowds[b // _BLOCK] != np.uint8(0):
            for i in range(b, min(b + _BLOCK, m)):
                scratch[step, i] = scratch[step, i] - scratch[step, i]
                marks[i] = np.uint8(1)
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
def _follow_each(
    image,
    pixels,
    state,
    count,
    foreground,
    y,
    width,
    failing,
    fails,
    channels,
    scratch,
    settings,
    rates,
    shadows,
):
    """Do it all for the first `fails` pixels of row y that stand in `failing`, one by one."""
    threshold = settings[0]
    match = settings[1]
    enough = settings[2]
    share = settings[7]
    zero = settings[8]
    one = settings[9]
    alpha = rates[0]
    decay = rates[1]
    prior = rates[2]
    stride = channels + _2
    all_modes = np.uint64(state.shape[0]) // stride
    for f in range(fails):
        x = np.int64(failing[f])
        p = np.uint64(y * width + x)
        _gather_one(image, pixels, y, x, p, channels, scratch)
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
                delta = scratch[c, 0] - state[row + _2 + c, p]
                squared += delta * delta
            squared *= share
            if heavier < enough and squared < threshold * state[row + _1, p]:
                explained = True
            if squared < match * state[row + _1, p]:
                matched = np.uint64(k)
                break
            heavier += state[row, p]
        if shadows and not explained:
            explained = _is_shadow(state, p, np.uint64(0), n, channels, scratch, settings)
        foreground[p] = not explained
        if alpha == zero:
            continue
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
                state[mean, p] += rate * (scratch[c, 0] - state[mean, p])
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
                state[row + _2 + c, p] = scratch[c, 0]
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
def _follow_all(state, count, foreground, p, b, m, channels, scratch, settings, rates, shadows):
    """Do it all for every pixel of a run, each mode for all of them at once.

    The run begins at pixel p, and at place b in the rows of `scratch`.
    """
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
            scratch[row, b + i] = zero
    for i in range(m):
        scratch[matched, b + i] = -one
    number = zero
    for k in range(modes):
        number += one
        row = k * stride
        searching = 0
        for i in range(m):
            unmatched = one if scratch[matched, b + i] < zero else zero
            scratch[open_, b + i] = unmatched if state[row, p + i] > zero else zero
        for i in range(m):
            searching += scratch[open_, b + i] > zero
        if searching == 0:
            break
        _measure(state, row + _2, p, b, m, channels, scratch, squared)
        for i in range(m):
            distance = scratch[squared, b + i] * share
            spread = state[row + _1, p + i]
            fits = scratch[open_, b + i] if distance < threshold * spread else zero
            scratch[explained, b + i] += fits if scratch[heavier, b + i] < enough else zero
        for i in range(m):
            distance = scratch[squared, b + i] * share
            hit = one if distance < match * state[row + _1, p + i] else zero
            hit *= scratch[open_, b + i]
            kept = scratch[nearest, b + i]
            scratch[nearest, b + i] = distance if hit > zero else kept
            scratch[matched, b + i] += number * hit
        for i in range(m):
            scratch[heavier, b + i] += state[row, p + i]
    for i in range(m):
        foreground[p + i] = scratch[explained, b + i] == zero
    if shadows:
        for i in range(m):
            if foreground[p + i]:
                n = np.uint64(count[p + i])
                foreground[p + i] = not _is_shadow(
                    state, p + i, b + i, n, channels, scratch, settings
                )
    if alpha == zero:
        return

    # M-step. `heavier` is free: it counts the modes with weight.
    alive = heavier
    for i in range(m):
        scratch[alive, b + i] = zero
    number = -one
    for k in range(modes):
        number += one
        row = k * stride
        hits = 0
        for i in range(m):
            own = scratch[matched, b + i] == number
            weight = decay * state[row, p + i] - prior
            weight = weight + alpha if own else weight
            weight = weight if weight > zero else zero
            state[row, p + i] = weight
            scratch[alive, b + i] += one if weight > zero else zero
            rate = alpha / weight
            rate = rate if rate < one else one
            scratch[step, b + i] = rate if own else zero
        for i in range(m):
            hits += scratch[matched, b + i] == number
        if hits == 0:
            continue
        for i in range(m):
            spread = state[row + _1, p + i]
            moved = spread + scratch[step, b + i] * (scratch[nearest, b + i] - spread)
            moved = moved if moved > smallest else smallest
            moved = moved if moved < largest else largest
            state[row + _1, p + i] = moved if scratch[matched, b + i] == number else spread
        for c in range(channels):
            mean = row + _2 + c
            for i in range(m):
                state[mean, p + i] += scratch[step, b + i] * (
                    scratch[c, b + i] - state[mean, p + i]
                )

    # Pixels that no mode matched begin a new one behind the others, or in the last one's place.
    fresh = 0
    for i in range(m):
        fresh += scratch[matched, b + i] < zero
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
                place = scratch[alive, b + i]
                place = place if place < last else last
                new = (scratch[matched, b + i] < zero) & (place == number)
                scratch[step, b + i] = one if new else zero
            for i in range(m):
                hits += scratch[step, b + i] > zero
            if hits == 0:
                continue
            for i in range(m):
                state[row, p + i] = alpha if scratch[step, b + i] > zero else state[row, p + i]
            for i in range(m):
                spread = state[row + _1, p + i]
                state[row + _1, p + i] = initial if scratch[step, b + i] > zero else spread
            for c in range(channels):
                mean = row + _2 + c
                for i in range(m):
                    kept = state[mean, p + i]
                    state[mean, p + i] = scratch[c, b + i] if scratch[step, b + i] > zero else kept

    # At most one mode of a pixel weighs more than the one before it: once over, from the end.
    for k in range(modes - _1):
        row = (modes - _1 - k) * stride
        above = row - stride
        hits = 0
        for i in range(m):
            scratch[step, b + i] = one if state[above, p + i] < state[row, p + i] else zero
        for i in range(m):
            hits += scratch[step, b + i] > zero
        if hits == 0:
            continue
        for plane in range(stride):
            for i in range(m):
                upper = state[above + plane, p + i]
                lower = state[row + plane, p + i]
                state[above + plane, p + i] = lower if scratch[step, b + i] > zero else upper
                state[row + plane, p + i] = upper if scratch[step, b + i] > zero else lower

    total = step
    for i in range(m):
        scratch[total, b + i] = zero
        scratch[alive, b + i] = zero
    for k in range(modes):
        row = k * stride
        for i in range(m):
            weight = state[row, p + i]
            scratch[total, b + i] += weight
            scratch[alive, b + i] += one if weight > zero else zero
    for k in range(modes):
        row = k * stride
        for i in range(m):
            state[row, p + i] /= scratch[total, b + i]
    for i in range(m):
        count[p + i] = np.uint8(scratch[alive, b + i])
