"""Twin of the background kernels: the equations on whole arrays, a loop over modes at most."""

import numpy as np


def begin_mixture(image, components, initial_variance, dtype):
    """One mode that is the image; returns weight, variance, mean, count."""
    height, width, channels = image.shape
    weight = np.zeros((components, height, width), dtype)
    variance = np.zeros((components, height, width), dtype)
    mean = np.zeros((components, channels, height, width), dtype)
    weight[0], variance[0], mean[0] = 1, initial_variance, image.transpose(2, 0, 1)
    return weight, variance, mean, np.ones((height, width), np.uint8)


def update_mixture(
    image,
    weight,
    variance,
    mean,
    count,
    *,
    rate,
    threshold=16,
    match_threshold=9,
    background_weight=0.9,
    complexity=0.05,
    initial_variance=15,
    smallest_variance=4,
    largest_variance=75,
    detect_shadows=False,
    darkest_shadow=0.5,
    sensitivity=1,
    known=0,
):
    """Return the foreground mask and the new weight, variance, mean, count.

    image in grey levels of 256; rate and sensitivity numbers or (H, W); known 0 or (H, W):
    1 foreground, not learned, -1 background.
    """
    threshold = threshold / (sensitivity + np.zeros(image.shape[:2]))
    rate = np.where(known == 1, 0, rate + np.zeros(image.shape[:2]))
    modes = np.arange(len(weight))[:, None, None]
    pixel = image.transpose(2, 0, 1).astype(weight.dtype)[None]  # (1, C, H, W)
    alive = modes < count
    # As in the kernel, times 1 / C: whole numbers sit exactly on a threshold often enough.
    share = 1 / image.shape[2]
    squared = ((pixel - mean) ** 2).sum(axis=1) * share  # (K, H, W)

    # E-step.
    fits = alive & (squared < match_threshold * variance)
    matches = fits.any(axis=0)
    first = np.where(matches, fits.argmax(axis=0), len(weight))
    heavier = np.concatenate([np.zeros_like(weight[:1]), weight.cumsum(axis=0)[:-1]])
    still = alive & (heavier < background_weight)
    explained = (still & (modes <= first) & (squared < threshold * variance)).any(axis=0)
    if detect_shadows:
        product = (pixel * mean).sum(axis=1)
        square = (mean**2).sum(axis=1)
        ratio = np.divide(product, square, out=np.full_like(product, np.inf), where=square > 0)
        darker = (product <= square) & (product >= darkest_shadow * square) & (square > 0)
        ratio[~darker] = 1
        off = ((pixel - ratio[:, None] * mean) ** 2).sum(axis=1) * share
        explained |= (still & darker & (off < threshold * variance * ratio * ratio)).any(axis=0)
    explained |= count == 0  # what was never seen
    explained = np.where(known == 0, explained, known == -1)
    before = weight, variance, mean

    # M-step.
    own = matches & (modes == first)
    weight = np.where(alive, (1 - rate) * weight + rate * own - rate * complexity, 0)
    step = np.where(own, np.minimum(1, rate / np.where(own & (rate > 0), weight, 1)), 0)
    mean = mean + step[:, None] * (pixel - mean)
    followed = (variance + step * (squared - variance)).clip(smallest_variance, largest_variance)
    variance = np.where(own, followed, variance)

    # Modes without weight go; a pixel that none matches begins a new one.
    weight = weight.clip(0)
    count = (weight > 0).sum(axis=0)
    new = ~matches & (modes == np.minimum(count, len(weight) - 1))
    weight = np.where(new, rate, weight)
    variance = np.where(new, initial_variance, variance)
    mean = np.where(new[:, None], pixel, mean)

    order = np.argsort(-weight, axis=0, kind="stable")
    weight = np.take_along_axis(weight, order, axis=0)
    variance = np.take_along_axis(variance, order, axis=0)
    mean = np.take_along_axis(mean, order[:, None], axis=0)
    total = weight.sum(axis=0)
    weight = weight / np.where(total > 0, total, 1)
    moving = rate > 0
    weight, variance, mean = (
        np.where(moving, new, old)
        for new, old in zip((weight, variance, mean), before, strict=True)
    )
    return ~explained, weight, variance, mean, (weight > 0).sum(axis=0).astype(np.uint8)


def follow_pixel(
    levels,
    *,
    rate,
    components=5,
    threshold=16.0,
    match_threshold=9.0,
    background_weight=0.8,
    complexity=0.1,
    initial_variance=4.0,
    smallest_variance=1.5,
    largest_variance=16.0,
):
    """Follow one grey pixel in doubles, one number after the other; the first level is learned.

    Returns whether each level is foreground, and the modes (weight, variance, mean) at the end.
    """
    modes = [(1.0, initial_variance, float(levels[0]))]
    foreground = [False]
    for level in map(float, levels[1:]):
        own, explained, heavier = None, False, 0.0
        for k, (weight, variance, mean) in enumerate(modes):
            squared = (level - mean) ** 2
            explained |= heavier < background_weight and squared < threshold * variance
            heavier += weight
            if squared < match_threshold * variance:
                own = k
                break
        foreground.append(not explained)
        moved = []
        for k, (weight, variance, mean) in enumerate(modes):
            weight = (1 - rate) * weight - rate * complexity
            if k == own:
                weight += rate
                step = min(1.0, rate / weight)
                squared = (level - mean) ** 2
                mean += step * (level - mean)
                variance += step * (squared - variance)
                variance = min(max(variance, smallest_variance), largest_variance)
            if weight > 0:
                moved.append((weight, variance, mean))
        if own is None:
            del moved[components - 1 :]
            moved.append((rate, initial_variance, level))
        total = sum(weight for weight, _, _ in moved)
        moved.sort(key=lambda mode: -mode[0])
        modes = [(weight / total, variance, mean) for weight, variance, mean in moved]
    return foreground, modes
