"""What is measured of the whole frame on a grid of its pixels: light, noise, shifts.

The planes ground and before (C, H * W), avoid (H * W,) uint8. Pixels where `avoid` is not 0 are
left out; it may be empty.
"""

from segment.background.compiling import entry, loop, part
from segment.background.posterior.kernels.constants import ONE, U1, ZERO, f, u


@entry
def sample_light(frame, ground, avoid, step, ratios):
    """Measure the gain from the frame to the background, at a grid of pixels.

    Pixels that are dark or glaring are left out. ratios float32, a place for every point of the
    grid: scratch. Returns the median of background / frame, the share of the grid of which it
    is, and the share of those that agree with it.
    """
    which, image, width = frame.which, frame.image, frame.width
    found = 0
    tried = 0
    for y in range(0, frame.height, step):
        for x in range(0, width, step):
            tried += 1
            p = u(y * width + x)
            if avoid.size > 0 and avoid[p] != 0:
                continue
            new = ZERO
            old = ZERO
            for c in range(len(which)):
                new += f(image[u(len(which)) * p + u(c)])
                old += f(ground[u(c), p])
            bright = (old > f(20 * len(which))) & (new > f(15 * len(which)))
            if bright & (new < f(245 * len(which))):
                ratios[found] = old / new
                found += 1
    if found == 0:
        return ONE, ZERO, ZERO
    gain = _select(ratios, found, found // 2)
    # One gain for all, or objects that come and go.
    agreeing = 0
    for i in range(found):
        agreeing += abs(ratios[i] - gain) < f(0.06) * gain
    return gain, f(found) / f(tried), f(agreeing) / f(found)


@entry
def sample_noise(frame, before, avoid, light, step, squares):
    """Return a quarter's largest squared change in time of the difference of two neighbours.

    squares float32, a place for every point of a grid: scratch. -1 where there is nothing.
    """
    which, image, width = frame.which, frame.image, frame.width
    gain, gain_before = light.gain, light.before
    found = 0
    for y in range(0, frame.height, step):
        for x in range(0, width - 1, step):
            p = u(y * width + x)
            if avoid.size > 0 and (avoid[p] != 0 or avoid[p + U1] != 0):
                continue
            s = ZERO
            for c in range(len(which)):
                k = u(c)
                q = u(len(which)) * p + k
                one = gain * f(image[q]) - gain_before * f(before[k, p])
                two = gain * f(image[q + u(len(which))]) - gain_before * f(before[k, p + U1])
                s += (two - one) * (two - one)
            squares[found] = s
            found += 1
    return _select(squares, found, found // 4) if found > 0 else -ONE


@entry
def sample_change(frame, before, gain, gain_before, bar, step):
    """Return which share of a grid has changed since the last frame, as it is and lit alike.

    bar : grey levels, the mean of the channels' differences, from which on they differ. The gains
    take either frame to the same light.
    """
    which, image, width = frame.which, frame.image, frame.width
    most = bar * f(len(which))
    tried, bare, lit = 0, 0, 0
    for y in range(0, frame.height, step):
        for x in range(0, width, step):
            tried += 1
            p = u(y * width + x)
            plain = ZERO
            alike = ZERO
            for c in range(len(which)):
                new = f(image[u(len(which)) * p + u(c)])
                old = f(before[u(c), p])
                plain += abs(new - old)
                alike += abs(gain * new - gain_before * old)
            bare += plain > most
            lit += alike > most
    return f(bare) / f(tried), f(lit) / f(tried)


@part
def _select(values, size, place):
    """Return what stands at `place` when the first `size` values are sorted; mixes them up."""
    low, high = 0, size - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            break
    return values[place]


@entry
def move_plane(plane, dx, dy, height, width, line):
    """Move a plane (H * W,) by (dx, dy) in place; what comes into view keeps what it had.

    line (W,) of the same type: scratch.
    """
    if abs(dx) >= width or abs(dy) >= height:
        return
    n = u(width - abs(dx))
    for k in range(height - abs(dy)):
        y = k - dy if dy < 0 else height - 1 - dy - k
        _copy(plane, u(y * width + max(0, -dx)), line, u(0), n)
        _copy(line, u(0), plane, u((y + dy) * width + max(0, dx)), n)


@loop
def _copy(values, p, out, q, n):
    for i in range(n):
        out[q + i] = values[p + i]


@entry
def move_modes(minor, count, dx, dy, height, width):
    """Move the other modes (H * W, M) of the pixels that have any, `count` still unmoved."""
    if abs(dx) >= width or abs(dy) >= height:
        return
    for k in range(height - abs(dy)):
        y = k - dy if dy < 0 else height - 1 - dy - k
        for i in range(width - abs(dx)):
            # In the order in which nothing is overwritten before it is read.
            x = (i if dx < 0 else width - abs(dx) - 1 - i) + max(0, -dx)
            p = y * width + x
            if count[p] > 1:
                q = u((y + dy) * width + x + dx)
                for r in range(minor.shape[1]):
                    minor[q, r] = minor[p, r]
