"""What is learned of a template from what is seen of its object."""

import numpy as np

from segment.grouping.compiling import entry
from segment.grouping.kernels.colours import colour_bin

__all__ = ["learn", "measure"]


@entry
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


@entry
def measure(shape, probes, found):
    """Find the middle of a template, its spread, and pixels of it that are asked when it is moved.

    shape (h, w) float32; probes (P, 2) intp, overwritten, evenly through those that are likely;
    found (5,) float64, overwritten: middle, row and column, and mean of the squared distances
    down, of the products, of the squares to the right. Return how many probes there are.
    """
    height, width = shape.shape
    least = np.float32(0.3)
    count, down, right, most = 0, 0, 0, shape[0, 0]
    for r in range(height):
        for c in range(width):
            most = max(most, shape[r, c])
            if shape[r, c] > least:
                count, down, right = count + 1, down + r, right + c
    if count == 0:  # those that are the likeliest
        least = most
        for r in range(height):
            for c in range(width):
                if shape[r, c] >= least:
                    count, down, right = count + 1, down + r, right + c
        least = np.nextafter(least, np.float32(-1))
    found[0], found[1] = down / count, right / count
    a, b, c2 = 0.0, 0.0, 0.0
    kept = min(count, len(probes))
    n, k = 0, 0
    for r in range(height):
        for c in range(width):
            if shape[r, c] <= least:
                continue
            y, x = r - found[0], c - found[1]
            a, b, c2 = a + y * y, b + y * x, c2 + x * x
            if k < kept and n == k * count // kept:
                probes[k, 0], probes[k, 1] = r, c
                k += 1
            n += 1
    found[2], found[3], found[4] = a / count, b / count, c2 / count
    return kept
