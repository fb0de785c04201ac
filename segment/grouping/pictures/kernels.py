"""The compiled loops of merging: what two regions have in common, and whom to join next."""

import numpy as np

from segment.kernels import kept

# A region is one row of sums over its pixels: 1, three colours, their squares, x and y (in
# diagonals of the picture), pixels on the picture's edge, posteriors of the colours, posteriors of
# the textures. A border is one row of sums over its pairs of pixels: 1, boundary probability, its
# square, and each of the maps of `features`.
COLOURS, TEXTURES, MAPS = 10, 16, 10
COLOUR_AT = 10
TEXTURE_AT = COLOUR_AT + COLOURS
REGION = TEXTURE_AT + TEXTURES
BORDER = 3 + MAPS
CUES = 34


@kept.compiled(nogil=True)
def compare(a, b, spot, place, border, length, strength, area, cues):
    """Describe the border of two regions by CUES numbers.

    a, b : row numbers, the larger region first. spot (N, REGION) and place (N, S) float64, sums
    over pixels; border (BORDER,); length, strength (N,), sums over all borders of a region;
    area, pixels of the picture; cues (CUES,), overwritten.
    """
    na, nb = spot[a, 0], spot[b, 0]
    along = border[0]
    mean = border[1] / along
    cues[0] = mean
    cues[1] = np.sqrt(max(border[2] / along - mean * mean, 0.0))
    cues[2] = np.log(mean + 0.01)
    for m in range(MAPS):
        cues[3 + m] = np.sqrt(border[3 + m] / along)
    k = 3 + MAPS
    likelihood, light, hue = 0.0, 0.0, 0.0
    for c in range(3):
        ma, mb = spot[a, 1 + c] / na, spot[b, 1 + c] / nb
        va = max(spot[a, 4 + c] / na - ma * ma, 0.0) + 0.003
        vb = max(spot[b, 4 + c] / nb - mb * mb, 0.0) + 0.003
        squared = (ma - mb) ** 2
        if c == 0:
            light = squared
        else:
            hue += squared
        likelihood += np.log(1 + squared / (va + vb))
        cues[k + 3 + c] = abs(np.log(va / vb))
    cues[k] = np.sqrt(light)
    cues[k + 1] = np.sqrt(hue)
    cues[k + 2] = np.sqrt(likelihood)
    k += 6
    # Bhattacharyya coefficients of the mean posteriors.
    common = 0.0
    for c in range(COLOUR_AT, TEXTURE_AT):
        common += np.sqrt(spot[a, c] * spot[b, c])
    common /= np.sqrt(na * nb)
    cues[k] = np.sqrt(max(1 - common, 0.0))
    cues[k + 1] = np.log(common + 0.02)
    common = 0.0
    for c in range(TEXTURE_AT, REGION):
        common += np.sqrt(spot[a, c] * spot[b, c])
    cues[k + 2] = np.sqrt(max(1 - common / np.sqrt(na * nb), 0.0))
    k += 3
    apart = 0.0
    for c in range(place.shape[1]):
        apart += (place[a, c] / na - place[b, c] / nb) ** 2
    # A speck may lie far from everything; that says no more than far.
    apart = min(np.sqrt(apart), 2.0)
    cues[k] = apart
    cues[k + 1] = np.log(apart + 0.02)
    k += 2
    cues[k] = np.log(na / area) / 3
    cues[k + 1] = np.log(nb / area) / 3
    cues[k + 2] = np.log(along / np.sqrt(na))
    cues[k + 3] = along / length[a]
    cues[k + 4] = along / length[b]
    # Is this border weak among the borders of each?
    cues[k + 5] = mean - strength[a] / length[a]
    cues[k + 6] = mean - strength[b] / length[b]
    dx = abs(spot[a, 7] / na - spot[b, 7] / nb)
    dy = abs(spot[a, 8] / na - spot[b, 8] / nb)
    cues[k + 7] = dy
    cues[k + 8] = np.sqrt(dx * dx + dy * dy)
    cues[k + 9] = min(spot[a, 9] / np.sqrt(na), 3.0)


@kept.compiled(nogil=True)
def judge(cues, weights, bias, out, shift):
    """Return the logarithm of the odds that two regions are one: a layer of ramps, then a sum.

    cues (CUES,), weights (CUES, hidden), bias and out (hidden,), shift a number; float64.
    """
    odds = shift
    for j in range(weights.shape[1]):
        total = bias[j]
        for i in range(weights.shape[0]):
            total += cues[i] * weights[i, j]
        if total > 0:
            odds += total * out[j]
    return odds


@kept.compiled(nogil=True)
def agree(people, starts, a, b):
    """Return the share of people for whom the larger parts of two regions are one segment."""
    agreed = 0
    for p in range(len(starts) - 1):
        ia, ib = starts[p], starts[p]
        for s in range(starts[p], starts[p + 1]):
            if people[a, s] > people[a, ia]:
                ia = s
            if people[b, s] > people[b, ib]:
                ib = s
        agreed += ia == ib
    return agreed / (len(starts) - 1)


@kept.compiled(nogil=True)
def merge(
    spot, place, border, ends, edge, area, small, until, weights, bias, out, shift, people, starts,
    share, seed, seen, truth, weight, pairs, odds,
):  # fmt: skip
    """Join the two regions that most belong together, again and again.

    All arrays are changed. spot (N, REGION), place (N, S), border (E, BORDER) float64 as for
    `compare`; ends (E, 2) int64, the regions of each border; edge (N, N) int32, the border of two
    regions or -1; area, pixels of the picture. small > 0 ignores cues and joins regions of fewer
    pixels first, each over its weakest border; 0 asks `judge`, with weights to shift. It ends
    with `until` regions, or when no two touch.

    Overwritten, one row a merge: pairs (N, 2) int64, the second has gone into the first, which
    is the smaller number; odds (N,), what was thought of it.

    For learning, people (N, S) int64 counts of pixels in each segment of each person, which
    starts (P + 1,) parts into persons; a `share` of the borders seen is kept, in seen (R, CUES),
    truth (R,) and weight (R,), the smaller region's share of the picture.

    Returns (merges, kept).
    """
    np.random.seed(seed)  # noqa: NPY002 - numba's own generator
    count = len(spot)
    alive = np.ones(len(border), np.bool_)
    length, strength = np.zeros(count), np.zeros(count)
    for e in range(len(border)):
        for side in range(2):
            length[ends[e, side]] += border[e, 0]
            strength[ends[e, side]] += border[e, 1]
    value = np.empty(len(border))
    cues = np.zeros(CUES)
    merges, kept, left, joined = 0, 0, count, -1
    while True:
        for i in range(len(border) if joined < 0 else count):
            e = i if joined < 0 else edge[joined, i]
            if e < 0:
                continue
            a, b = ends[e, 0], ends[e, 1]
            if spot[a, 0] < spot[b, 0] or (spot[a, 0] == spot[b, 0] and a > b):
                a, b = b, a
            if small > 0:
                size = min(1.0, np.sqrt(spot[b, 0] / small))
                value[e] = -border[e, 1] / border[e, 0] - 0.25 * size
                continue
            compare(a, b, spot, place, border[e], length, strength, area, cues)
            value[e] = judge(cues, weights, bias, out, shift)
            if kept < len(truth) and np.random.random() < share:  # noqa: NPY002
                seen[kept] = cues
                truth[kept] = agree(people, starts, a, b)
                weight[kept] = spot[b, 0] / area
                kept += 1
        if left <= until:
            break
        best = -1
        for e in range(len(border)):
            if alive[e] and (best < 0 or value[e] > value[best]):
                best = e
        if best < 0:
            break
        a, b = min(ends[best, 0], ends[best, 1]), max(ends[best, 0], ends[best, 1])
        pairs[merges, 0], pairs[merges, 1], odds[merges] = a, b, value[best]
        merges += 1
        left -= 1
        joined = a
        alive[best] = False
        edge[a, b] = -1
        edge[b, a] = -1
        length[a] = max(length[a] + length[b] - 2 * border[best, 0], 1e-9)
        strength[a] += strength[b] - 2 * border[best, 1]
        spot[a] += spot[b]
        place[a] += place[b]
        people[a] += people[b]
        for c in range(count):
            e = edge[b, c]
            if e < 0:
                continue
            edge[b, c] = -1
            edge[c, b] = -1
            g = edge[a, c]
            if g >= 0:
                border[g] += border[e]
                alive[e] = False
            else:
                edge[a, c] = e
                edge[c, a] = e
                ends[e, 0], ends[e, 1] = a, c
    return merges, kept
