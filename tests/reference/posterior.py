"""Twin of the posterior subtractor: the equations on whole arrays, a loop over modes at most."""

from types import SimpleNamespace

import numpy as np

f = np.float32


def blocks(plane, size, rows=None):
    """Sums and numbers of pixels in blocks of size x size or rows x size, the last ones smaller."""
    height, width = plane.shape
    rows = rows or size
    tall, wide = -(-height // rows), -(-width // size)

    def add(values):
        padded = np.zeros((tall * rows, wide * size))
        padded[:height, :width] = values
        return padded.reshape(tall, rows, wide, size).sum((1, 3))

    return add(plane), add(np.ones(plane.shape))


def spread(grid, size, shape):
    return grid.repeat(size, 0).repeat(size, 1)[: shape[0], : shape[1]]


def smooth(values):
    """[1 2 1] / 4 along both axes, borders repeated."""
    for axis in (0, 1):
        padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], "edge")
        size = values.shape[axis]
        before, here, after = (padded.take(range(k, k + size), axis) for k in range(3))
        values = (before + 2 * here + after) / 4
    return values


def binomial(values):
    """[1 4 6 4 1] / 16 along both axes, borders repeated."""
    for axis in (0, 1):
        padded = np.pad(values, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], "edge")
        size = values.shape[axis]
        parts = [padded.take(range(k, k + size), axis) for k in range(5)]
        values = sum(w * part for w, part in zip((1, 4, 6, 4, 1), parts, strict=True)) / 16
    return values


def change(image, before, mask, s):
    """Change in time, that of calm background, and its share: means of the even rows of 8 x 8."""
    delta = f(s.gain) * image.astype(f) - f(s.gain_before) * before.astype(f)
    squared = (delta**2).sum(0) * f(s.difference_scale)
    calm = ~mask & (squared < f(s.difference_cut))
    planes = np.minimum(squared, s.difference_cap), squared * calm, calm * 1.0
    return np.array([total / number for total, number in (blocks(p[::2], 8, 4) for p in planes)])


def follow(image, old, s, frozen=False):
    """E- and M-step of every pixel.

    image (C, H, W) uint8; `old` has weight, variance (K, H, W), mean (K, C, H, W), count, seen,
    mask, ground, before (C, H, W), votes, motion, unrest. Returns the new ones, with evidence,
    sums and temporal.
    """
    modes, channels, height, width = old.mean.shape
    shape = height, width
    weight, variance, mean = old.weight.copy(), old.variance.copy(), old.mean.copy()
    number = np.arange(modes)[:, None, None]
    new = SimpleNamespace(temporal=change(image, old.before, old.mask, s))

    # Who learns with this frame, and how much.
    due = ((np.arange(height) // 8 + s.phase) % s.every == 0)[:, None] & (not frozen)
    motion = spread(old.motion, 8, shape)
    ghost = (motion < f(s.ghost_still)) & (spread(old.votes, 4, shape) > f(s.ghost))
    moving = np.where(motion < f(s.still), s.still_rate, s.object_rate)
    share = np.where(old.mask, np.where(ghost, s.ghost_rate, moving), 1).astype(f)
    told = old.seen + 1 + share
    share = f(s.every) * share
    after = old.seen + share
    rate = share / after if s.learning_rate < 0 else np.minimum(f(s.learning_rate) * share, 1)
    new.seen = np.where(due, np.minimum(after, f(s.history)), old.seen)

    # What a small shift of the picture would change, and what its place is wont to.
    padded = np.pad(old.ground.astype(f), ((0, 0), (1, 1), (1, 1)), "edge")
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    right = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    extra = f(s.edges) / f(4 * channels) * (down**2 + right**2).sum(0)
    extra = extra + f(s.unrest) * np.maximum(spread(old.unrest, 8, shape) - f(s.noise), 0)

    # E-step.
    off = f(s.gain) * image.astype(f) - mean
    off = np.where((image >= s.glaring) & (off < 0), 0, off).astype(f)
    squared = (off**2).sum(1)
    alive = number < old.count
    matches = alive & (squared < f(s.match) * (variance + f(s.shake) * extra))
    first = np.where(matches.any(0), matches.argmax(0), -1)
    heavier = np.cumsum(weight, 0) - weight
    known = (heavier < f(s.background_weight)) & (weight * told >= f(s.least_seen))
    known &= first != 0
    known[0] = True
    with np.errstate(all="ignore"):
        q = squared / (variance + extra)
    nearest = np.where(known & alive, q, np.inf).argmin(0)
    q, spent = (np.take_along_axis(a, nearest[None], 0)[0] for a in (q, variance + extra))
    m, e = (np.take_along_axis(a, nearest[None, None], 0)[0] for a in (mean, off))
    bounded = np.where(q > s.largest_residual, s.largest_residual / np.maximum(q, 1e-9), 1)
    planes = q * bounded, (e * m).sum(0) / spent * bounded, (m * m).sum(0) / spent * bounded
    capped = np.minimum(q, f(s.largest_evidence))
    new.evidence = np.floor(capped * f(255) / f(s.largest_evidence) + f(0.5)).astype(np.uint8)
    new.sums = np.array([blocks(plane, 2)[0] / 4 for plane in (*planes, capped)])
    # M-step.
    own = number == first
    weight = np.maximum(weight * (1 - rate) - rate * f(s.complexity), 0) + rate * own
    with np.errstate(all="ignore"):
        step = np.where(own, np.minimum(rate / weight, 1), 0).astype(f)
    moved = np.clip(
        variance + step * (squared - variance), f(s.smallest_variance), f(s.largest_variance)
    )
    variance = np.where(own, moved, variance)
    mean = mean + step[:, None] * off
    place = np.where(first < 0, np.minimum(old.count, modes - 1), -1)
    fresh = number == place
    weight = np.where(fresh, np.where(place > 0, rate, 1), weight)
    variance = np.where(fresh, f(s.initial_variance), variance)
    mean = np.where(fresh[:, None], f(s.gain) * image.astype(f), mean)
    weight = np.where((number < old.count) | fresh, weight, 0)
    order = np.argsort(-weight, 0, kind="stable")
    weight, variance = (np.take_along_axis(a, order, 0) for a in (weight, variance))
    mean = np.take_along_axis(mean, order[:, None], 0)
    new.weight = np.where(due, weight / weight.sum(0), old.weight)
    new.variance = np.where(due, variance, old.variance)
    new.mean = np.where(due, mean, old.mean)
    new.count = np.where(due, (weight > 0).sum(0), old.count).astype(np.uint8)
    ground = np.floor(np.minimum(mean[0] + f(0.5), 255)).astype(np.uint8)
    new.ground = np.where(due, ground, old.ground)
    return new


def smooth_sums(sums, low, high, price):
    """Smoothed evidence, and the least residual over a gain, with its price."""
    q, a, b, e = (binomial(plane) for plane in sums)
    gain = np.clip(a / np.maximum(b, 1e-3), low - 1, high - 1)
    return e, q - 2 * gain * a + gain**2 * b + price


def widen(values, length, axis):
    """From half to full size: three quarters of the own place, one of the nearer neighbour."""
    i = np.arange(length)
    beside = np.clip(i // 2 + np.where(i % 2, 1, -1), 0, values.shape[axis] - 1)
    return 0.75 * values.take(i // 2, axis) + 0.25 * values.take(beside, axis)


def level(evidence, plain, explained, own, largest):
    """Evidence of every pixel, its own and that of its surroundings."""
    height, width = evidence.shape
    padded = np.pad(explained, 1, constant_values=np.inf)
    around = [
        padded[y : y + len(explained), x : x + explained.shape[1]]
        for y in range(3)
        for x in range(3)
    ]
    lowest = np.min(around, 0)
    e, g = (widen(widen(p, height, 0), width, 1) for p in (plain, lowest))
    return np.minimum(own * evidence * (largest / 255) + (1 - own) * e, g)


def vote(mask, radius):
    """Foreground where more than half of the square is, borders repeated."""
    padded = np.pad(mask, radius, "edge").astype(int)
    size = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return 2 * windows.sum((2, 3)) > size**2


def disc(diameter):
    reach = diameter // 2
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.abs(dx) <= np.rint(np.sqrt(reach**2 - dy**2))


def close(mask, diameter):
    """Dilation, then erosion by a disc; outside the picture takes part in neither."""
    reach, shape = diameter // 2, disc(diameter)

    def widened(values):
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(values, reach), (diameter, diameter)
        )
        return (windows & shape).any((2, 3))

    return ~widened(~widened(mask))


def vote_ghosts(image, ground, mask, gain, distance=4, margin=30, dead=10):
    """Votes at the foreground's border in even rows: background's contrast less the frame's."""
    _, height, width = image.shape
    votes = np.zeros((height, width))
    d = distance
    inside = np.zeros_like(mask)
    inside[d : height - d, d : width - d] = True
    for dy, dx in ((d, 0), (-d, 0), (0, d), (0, -d)):
        beside = ~np.roll(mask, (-dy, -dx), (0, 1))
        contrast = [
            np.abs(a - np.roll(a, (-dy, -dx), (1, 2))).mean(0)
            for a in (ground.astype(f), image.astype(f))
        ]
        votes += np.where(mask & beside & inside, contrast[0] - gain * contrast[1], 0)
    votes = np.sign(votes) * np.clip(np.abs(votes) - dead, 0, None)
    # The dead zone is taken off first: past it, a vote counts up to the margin.
    return blocks(np.clip(votes, -margin, margin)[::2], 4, 2)[0] / 8
