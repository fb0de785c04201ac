"""Colours of templates: bins, and how well a window's fit where a template lies."""

import numpy as np

from segment.grouping.compiling import entry, part

__all__ = ["GRAIN", "ODD", "chances", "colour_bin", "fits"]

# Least standard deviation of an object's colour at one place, grey levels, and the share of
# its pixels that look like nothing seen before.
GRAIN = 14.0
ODD = 0.05


@part
def colour_bin(pixel):
    """Return the number of a colour (C,): 8 steps of each of three channels, or 32 of grey."""
    if pixel.shape[0] == 1:
        return pixel[0] >> 3
    return ((pixel[0] >> 5) << 6) | ((pixel[1] >> 5) << 3) | (pixel[2] >> 5)


@entry
def fits(colour, spread, known, chances, logs, top, left, image, foreground, fit):
    """Write how well the colours of a window fit a template that lies there: log-likelihoods.

    colour (h, w, C), spread and known (h, w) float32; chances (B,) float32, times as likely as
    by chance, and logs (B,) float32, what that makes where no colour is known; image (H, W, C)
    uint8; foreground (H, W) bool; fit (h * w,) float32, overwritten in the foreground only.
    """
    height, width, channels = image.shape
    rows, columns = known.shape
    # 74 is the standard deviation of the uniform; channels tell about as much as one and a half.
    uniform, slope = np.float32(74.0 * 74.0), np.float32(-0.75 / channels)
    grain, odd = np.float32(GRAIN * GRAIN), np.float32(ODD)
    one, most = np.float32(1), np.float32(0.6)
    for r in range(max(0, -top), min(rows, height - top)):
        y = top + r
        for c in range(max(0, -left), min(columns, width - left)):
            x = left + c
            if not foreground[y, x]:
                continue
            shade = colour_bin(image[y, x])
            if known[r, c] <= 0:
                fit[r * columns + c] = logs[shade]
                continue
            squared = np.float32(0)
            for k in range(channels):
                difference = np.float32(image[y, x, k]) - colour[r, c, k]
                squared += difference * difference
            sharp = one / (spread[r, c] + grain)
            root = np.sqrt(uniform * sharp)
            like = root * np.sqrt(root) * np.exp(slope * squared * sharp)
            share = min(known[r, c], one) * most
            value = (one - share) * chances[shade] + share * like
            fit[r * columns + c] = np.log(odd + (one - odd) * value)


@entry
def chances(histograms, total, cube, smoothed, found):
    """Say how many times as likely as by chance each bin of colours is, by layer.

    histograms (N, B) float64; total (N,) float64, their sums; cube and smoothed (B,) float64
    scratch; found (N, B) float32, overwritten. Light changes: a colour is as good as its
    neighbours.
    """
    bins = histograms.shape[1]
    for n in range(len(histograms)):
        whole = total[n] if total[n] > 0 else 1.0
        for b in range(bins):
            cube[b] = histograms[n, b] / whole
        if bins == 512:
            for axis in range(3):
                apart = (64, 8, 1)[axis]
                for b in range(bins):
                    at = b // apart % 8
                    up = cube[b - apart] if at > 0 else cube[b]
                    down = cube[b + apart] if at < 7 else cube[b]
                    smoothed[b] = 0.6 * cube[b] + 0.2 * (up + down)
                cube[:] = smoothed
        else:
            for b in range(bins):
                up, down = cube[max(b - 1, 0)], cube[min(b + 1, bins - 1)]
                smoothed[b] = 0.6 * cube[b] + 0.2 * (up + down)
            cube[:] = smoothed
        for b in range(bins):
            found[n, b] = np.float32((0.9 * cube[b] + 0.1 / bins) * bins)
