"""The compiled loops of grouping: lay templates over a picture, move them, learn them.

A template is four planes of one size around an object: `shape`, how likely the object covers the
pixel; `colour` and `spread`, its mean colour there and the variance about it; and a histogram of
all its colours. Windows are views of a picture and its foreground; (top, left) is where the
template's first pixel lies in the window.
"""

from typing import Any

import numpy as np
from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
_compile = njit(**_OPTIONS)

# Log-likelihood ratios of the foreground, with a subtractor that misses a tenth of an object
# and reports a thirtieth of the background.
_HIT = 0.9
_FALSE = 0.03
# Least standard deviation of an object's colour at one place, grey levels, and the share of
# its pixels that look like nothing seen before.
_GRAIN = 14.0
_ODD = 0.05


@_compile
def colour_bin(pixel):
    """Return the number of a colour (C,): 8 steps of each of three channels, or 32 of grey."""
    if pixel.shape[0] == 1:
        return pixel[0] >> 3
    return ((pixel[0] >> 5) << 6) | ((pixel[1] >> 5) << 3) | (pixel[2] >> 5)


@_compile
def _likeness(pixel, colour, spread):
    """How likely a colour is at a place, against a colour drawn from all there are."""
    squared = 0.0
    for c in range(pixel.shape[0]):
        difference = np.float32(pixel[c]) - colour[c]
        squared += difference * difference
    squared /= pixel.shape[0]
    variance = spread + _GRAIN * _GRAIN
    # 74 is the standard deviation of the uniform; channels tell about as much as one and a half.
    return (74.0 * 74.0 / variance) ** 0.75 * np.exp(-0.75 * squared / variance)


@_compile
def render(shape, colour, spread, known, histogram, top, left, image, foreground, cover, fit):
    """Lay a template over a window: its cover and the log-likelihood of the colours there.

    shape, spread, known (h, w) float32; colour (h, w, C) float32; histogram (B,) float32, times
    as likely as by chance; image (H, W, C) uint8; foreground (H, W) bool; cover (H, W) float32
    and fit (H, W) float32, overwritten, the latter in the foreground only.
    """
    height, width = cover.shape
    rows, columns = shape.shape
    for y in range(height):
        r = y - top
        for x in range(width):
            c = x - left
            inside = 0 <= r < rows and 0 <= c < columns
            s = shape[r, c] if inside else np.float32(0)
            cover[y, x] = s
            if not foreground[y, x]:
                fit[y, x] = 0
                continue
            value = histogram[colour_bin(image[y, x])]
            if inside and known[r, c] > 0:
                share = min(known[r, c], np.float32(1)) * np.float32(0.6)
                value = (1 - share) * value + share * _likeness(
                    image[y, x], colour[r, c], spread[r, c]
                )
            fit[y, x] = np.log(_ODD + (1 - _ODD) * value)


@_compile
def gains(foreground, cover, gain):
    """Write what covering a pixel explains of the foreground: log-likelihoods, nats.

    foreground (H, W) bool; cover (H, W) float32, how likely others cover the pixel already;
    gain (H, W) float32, overwritten.
    """
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            c = cover[y, x]
            if foreground[y, x]:
                gain[y, x] = np.log(_HIT / (c * _HIT + (1 - c) * _FALSE))
            else:
                gain[y, x] = np.log((1 - _HIT) / (c * (1 - _HIT) + (1 - c) * (1 - _FALSE)))


@_compile
def search(rows, columns, shape, colour, spread, top, left, image, gain, view, step, scores):
    """Score shifts of a template: what it explains of foreground and colours at each.

    rows, columns (P,) intp, pixels of the template that are asked, with shape and spread (P,)
    and colour (P, C), float32; image (H, W, C) uint8; gain (H, W) float32 of `gains`; view
    (H, W) float32, weight of the colours, 0 outside the foreground and where others are in
    front; scores (2 R + 1, 2 R + 1) float64, overwritten: the mean gain a pixel, nats, of
    shifts that are `step` pixels apart.
    """
    height, width, channels = image.shape
    reach = scores.shape[0] // 2
    total = 1e-6
    for p in range(len(rows)):
        total += shape[p]
    odd = np.log(_ODD)
    for i in range(2 * reach + 1):
        for j in range(2 * reach + 1):
            down, right = top + (i - reach) * step, left + (j - reach) * step
            score = 0.0
            for p in range(len(rows)):
                y, x = rows[p] + down, columns[p] + right
                if y < 0 or y >= height or x < 0 or x >= width:
                    continue
                value = gain[y, x]
                if view[y, x] > 0:
                    squared = np.float32(0)
                    for c in range(channels):
                        difference = np.float32(image[y, x, c]) - colour[p, c]
                        squared += difference * difference
                    variance = spread[p] + np.float32(_GRAIN * _GRAIN)
                    alike = 1.5 - 0.75 * squared / (channels * variance)
                    value += view[y, x] * max(alike, odd)
                score += shape[p] * value
            scores[i, j] = score / total


@_compile
def learn(shape, colour, spread, known, histogram, top, left, image, state, rate, tint):
    """Let a template follow what is seen of its object.

    state (H, W) uint8: 0 the object is not there, 1 it is, 2 nobody knows. `rate` for the
    shape, `tint` for colours; histogram (B,) float64, counts, is faded by `tint` and updated.
    """
    height, width = state.shape
    seen = 0
    for r in range(shape.shape[0]):
        y = top + r
        if y < 0 or y >= height:
            continue
        for c in range(shape.shape[1]):
            x = left + c
            if x >= 0 and x < width and state[y, x] == 1:
                seen += 1
    if seen:
        for b in range(len(histogram)):
            histogram[b] *= 1 - tint
    for r in range(shape.shape[0]):
        y = top + r
        if y < 0 or y >= height:
            continue
        for c in range(shape.shape[1]):
            x = left + c
            if x < 0 or x >= width or state[y, x] == 2:
                continue
            if state[y, x] == 0:
                shape[r, c] -= rate * shape[r, c]
                continue
            shape[r, c] += rate * (1 - shape[r, c])
            histogram[colour_bin(image[y, x])] += tint / seen
            if known[r, c] == 0:
                for k in range(colour.shape[2]):
                    colour[r, c, k] = image[y, x, k]
                spread[r, c] = 200.0
                known[r, c] = 0.3
                continue
            squared = np.float32(0)
            for k in range(colour.shape[2]):
                difference = image[y, x, k] - colour[r, c, k]
                squared += difference * difference
                colour[r, c, k] += tint * difference
            squared /= colour.shape[2]
            spread[r, c] += tint * (min(squared, np.float32(5000)) - spread[r, c])
            known[r, c] += np.float32(0.2) * (1 - known[r, c])
