"""The merging of pieces, everything summed anew from the first pieces at every step."""

import numpy as np

TINY = 0.003


def compare(one, other, border, all_one, all_other, area):
    """Cues of two regions. one, other: sums (REGION,), place (S,); the first is the larger.

    border (BORDER,), and all_one, all_other (BORDER,), sums over all borders of either.
    """
    (a, place_a), (b, place_b) = one, other
    na, nb = a[0], b[0]
    mean_a, mean_b = a / na, b / nb
    strength = border / border[0]
    variances = [np.maximum(m[4:7] - m[1:4] ** 2, 0) + TINY for m in (mean_a, mean_b)]
    squared = (mean_a[1:4] - mean_b[1:4]) ** 2
    alike_colours = np.sqrt(mean_a[10:20] * mean_b[10:20]).sum()
    alike_textures = np.sqrt(mean_a[20:36] * mean_b[20:36]).sum()
    apart = min(np.linalg.norm(place_a / na - place_b / nb), 2.0)
    centres = mean_a[7:9] - mean_b[7:9]
    return np.concatenate(
        [
            [strength[1], np.sqrt(max(strength[2] - strength[1] ** 2, 0))],
            [np.log(strength[1] + 0.01)],
            np.sqrt(strength[3:]),
            [np.sqrt(squared[0]), np.sqrt(squared[1:].sum())],
            [np.sqrt(np.log(1 + squared / sum(variances)).sum())],
            np.abs(np.log(variances[0] / variances[1])),
            [np.sqrt(max(1 - alike_colours, 0)), np.log(alike_colours + 0.02)],
            [np.sqrt(max(1 - alike_textures, 0))],
            [apart, np.log(apart + 0.02)],
            [np.log(na / area) / 3, np.log(nb / area) / 3],
            [np.log(border[0] / np.sqrt(na))],
            [border[0] / all_one[0], border[0] / all_other[0]],
            [strength[1] - all_one[1] / all_one[0], strength[1] - all_other[1] / all_other[0]],
            [abs(centres[1]), np.linalg.norm(centres), min(a[9] / np.sqrt(na), 3)],
        ]
    )


def merge(spot, place, border, ends, area, until, judge):
    """Join by `judge(cues)`; everything is summed anew for every merge. Returns pairs, odds."""
    group = np.arange(len(spot))
    pairs, odds = [], []
    while True:
        walls = {}
        for e, (i, j) in enumerate(group[ends]):
            if i != j:
                walls.setdefault((min(i, j), max(i, j)), []).append(e)
        if not walls or len(np.unique(group)) <= until:
            return np.array(pairs).reshape(-1, 2), np.array(odds)
        best = None
        for (i, j), edges in walls.items():
            sums = [(spot[group == k].sum(0), place[group == k].sum(0)) for k in (i, j)]
            around = [
                sum(border[e].sum(0) for pair, e in walls.items() if k in pair) for k in (i, j)
            ]
            if sums[0][0][0] < sums[1][0][0]:
                sums, around = sums[::-1], around[::-1]
            found = judge(compare(*sums, border[edges].sum(0), *around, area))
            if best is None or found > best[0]:
                best = found, i, j
        found, i, j = best
        pairs.append((i, j))
        odds.append(found)
        group[group == j] = i
