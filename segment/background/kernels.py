"""The compiled loops of background subtraction."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def update_mixture(
    image, weight, variance, mean, count, foreground, settings, rates, shadows, start, stop
):
    """Compare rows start to stop with their mixtures, then let the mixtures follow them.

    image (H, W, C) of numbers; weight (K, H, W), variance (K, H, W) and mean (K, C, H, W)
    float32 or float64, updated; count (H, W) uint8, modes in use, 1 to K, updated;
    foreground (H, W) bool, overwritten. The first `count` modes of a pixel are in use, in
    descending weight. `settings` and `rates` are of the state's type, so that no
    expression is wider than the state:
    settings = threshold, match threshold, background weight, initial, smallest and largest
    variance, darkest shadow, 1 / C, 0, 1; rates = learning rate, 1 - learning rate, prior.
    """
    K = weight.shape[0]
    width = image.shape[1]
    channels = image.shape[2]
    threshold = settings[0]
    match = settings[1]
    enough = settings[2]
    initial = settings[3]
    smallest = settings[4]
    largest = settings[5]
    darkest = settings[6]
    share = settings[7]
    zero = settings[8]
    one = settings[9]
    alpha = rates[0]
    decay = rates[1]
    prior = rates[2]
    for y in range(start, stop):
        for x in range(width):
            n = np.int64(count[y, x])  # int() would be unsigned, and float beside a -1
            # E-step: the first mode that matches, and whether a background mode explains it.
            matched = -1
            explained = False
            heavier = zero
            squared = zero
            for k in range(n):
                squared = zero
                for c in range(channels):
                    delta = settings.dtype.type(image[y, x, c]) - mean[k, c, y, x]
                    squared += delta * delta
                squared *= share
                if heavier < enough and squared < threshold * variance[k, y, x]:
                    explained = True
                if squared < match * variance[k, y, x]:
                    matched = k
                    break
                heavier += weight[k, y, x]
            if shadows and not explained:
                explained = _is_shadow(
                    image, weight, variance, mean, n, y, x, threshold, enough, darkest, share, zero
                )
            foreground[y, x] = not explained
            if alpha == zero:
                continue
            # M-step.
            for k in range(n):
                weight[k, y, x] = decay * weight[k, y, x] - prior
            if matched >= 0:
                weight[matched, y, x] += alpha
                rate = min(one, alpha / weight[matched, y, x])
                for c in range(channels):
                    delta = settings.dtype.type(image[y, x, c]) - mean[matched, c, y, x]
                    mean[matched, c, y, x] += rate * delta
                spread = variance[matched, y, x]
                spread += rate * (squared - spread)
                variance[matched, y, x] = min(max(spread, smallest), largest)
                _rise(weight, variance, mean, matched, y, x)
            while n > 0 and weight[n - 1, y, x] <= zero:
                n -= 1
                weight[n, y, x] = zero
            if matched < 0:
                if n < K:
                    n += 1
                weight[n - 1, y, x] = alpha
                variance[n - 1, y, x] = initial
                for c in range(channels):
                    mean[n - 1, c, y, x] = image[y, x, c]
                _rise(weight, variance, mean, n - 1, y, x)
            total = zero
            for k in range(n):
                total += weight[k, y, x]
            for k in range(n):
                weight[k, y, x] /= total
            count[y, x] = n


@njit(nogil=True, cache=True)
def _rise(weight, variance, mean, k, y, x):
    """Move mode k of one pixel up past the modes of less weight."""
    while k > 0 and weight[k - 1, y, x] < weight[k, y, x]:
        above = k - 1
        weight[above, y, x], weight[k, y, x] = weight[k, y, x], weight[above, y, x]
        variance[above, y, x], variance[k, y, x] = variance[k, y, x], variance[above, y, x]
        for c in range(mean.shape[1]):
            mean[above, c, y, x], mean[k, c, y, x] = mean[k, c, y, x], mean[above, c, y, x]
        k = above


@njit(nogil=True, cache=True)
def _is_shadow(image, weight, variance, mean, n, y, x, threshold, enough, darkest, share, zero):
    """Tell whether a pixel is the colour of one of its background modes, only darker."""
    heavier = zero
    for k in range(n):
        if heavier >= enough:
            break
        product = zero
        square = zero
        for c in range(mean.shape[1]):
            product += mean.dtype.type(image[y, x, c]) * mean[k, c, y, x]
            square += mean[k, c, y, x] * mean[k, c, y, x]
        # The brightness a of the pixel beside the mode: product / square, without dividing by 0.
        if product <= square and product >= darkest * square and square > zero:
            ratio = product / square
            squared = zero
            for c in range(mean.shape[1]):
                delta = mean.dtype.type(image[y, x, c]) - ratio * mean[k, c, y, x]
                squared += delta * delta
            if squared * share < threshold * variance[k, y, x] * ratio * ratio:
                return True
        heavier += weight[k, y, x]
    return False
