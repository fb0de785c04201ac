"""How well slots agree with objects: AMI and ARI of many pictures at once, in numpy."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["adjusted_mutual_information", "adjusted_rand", "contingency"]

Counts = NDArray[np.int64]
Scores = NDArray[np.float64]


def contingency(
    truth: NDArray[np.integer], found: NDArray[np.integer], clusters: int | None = None
) -> Counts:
    """Count pixels by object and slot: (P, objects, slots) of P pictures.

    truth (P, ...) with 0 where a pixel is not scored (background, overlap); found
    (P, ...), slots counted from 0; both of any shape after the first axis.
    """
    if truth.shape != found.shape:
        raise ValueError(f"truth is {truth.shape}, but found is {found.shape}")
    P = len(truth)
    truth, found = truth.reshape(P, -1).astype(np.int64), found.reshape(P, -1).astype(np.int64)
    R = int(truth.max(initial=1))
    K = int(found.max(initial=0)) + 1 if clusters is None else clusters
    picture, pixel = np.nonzero(truth)
    cell = (picture * R + truth[picture, pixel] - 1) * K + found[picture, pixel]
    return np.bincount(cell, minlength=P * R * K).reshape(P, R, K)


def adjusted_rand(counts: Counts) -> Scores:
    """ARI (P,) of `contingency`'s counts; 1 for equal groupings, 0 expected of random ones.

    Source: Hubert and Arabie, Comparing partitions, Journal of Classification 2, 1985.
    """

    def pairs(n: Counts) -> Scores:
        return n * (n - 1) / 2

    total = pairs(counts.sum(axis=(1, 2)))
    together = pairs(counts).sum(axis=(1, 2))
    rows = pairs(counts.sum(axis=2)).sum(axis=1)
    columns = pairs(counts.sum(axis=1)).sum(axis=1)
    expected = rows * columns / np.maximum(total, 1)
    spread = (rows + columns) / 2 - expected
    # Both groupings trivial, the same one: they agree.
    return np.where(spread > 0, (together - expected) / np.where(spread > 0, spread, 1), 1.0)


def adjusted_mutual_information(counts: Counts) -> Scores:
    """AMI (P,), normalised by the larger entropy, as the Neural EM papers did.

    Source: Vinh, Epps, Bailey, Information theoretic measures for clusterings
    comparison, JMLR 11, 2010; equations 9 (expected information) and table 2.
    """
    scores = np.empty(len(counts))
    counts = counts.astype(np.int64)
    deep = int(np.minimum(counts.sum(axis=2).max(initial=0), counts.sum(axis=(1, 2)).max())) + 1
    per_picture = counts.shape[1] * counts.shape[2] * deep
    chunk = max(1, 4_000_000 // max(1, per_picture))  # some 32 MB an array
    for start in range(0, len(counts), chunk):
        scores[start : start + chunk] = _information(counts[start : start + chunk])
    return scores


def _information(counts: Counts) -> Scores:
    rows, columns = counts.sum(axis=2), counts.sum(axis=1)
    total = np.maximum(counts.sum(axis=(1, 2)), 1)
    N = total[:, None, None]
    joint = rows[:, :, None] * columns[:, None, :]
    ratio = np.where(counts > 0, N * counts / np.maximum(joint, 1), 1.0)
    mutual = (counts / N * np.log(ratio)).sum(axis=(1, 2))
    expected = _expected_information(rows, columns, total)
    larger = np.maximum(_entropy(rows, total), _entropy(columns, total))
    alone = ((rows > 0).sum(axis=1) <= 1) & ((columns > 0).sum(axis=1) <= 1)
    spread = larger - expected
    spread = np.where(np.abs(spread) < np.finfo(float).eps, np.finfo(float).eps, spread)
    return np.where(alone, 1.0, (mutual - expected) / spread)


def _entropy(sizes: Counts, total: Counts) -> Scores:
    share = sizes / total[:, None]
    entropy: Scores = -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1)
    return entropy


def _expected_information(rows: Counts, columns: Counts, total: Counts) -> Scores:
    """Mutual information that random groupings with the same sizes have, in nats."""
    a, b = rows[:, :, None, None], columns[:, None, :, None]
    N = total[:, None, None, None]
    n = np.arange(1, int(np.minimum(rows.max(initial=0), columns.max(initial=0))) + 1)
    if not len(n):
        return np.zeros(len(rows))
    possible = (n >= a + b - N) & (n <= np.minimum(a, b))
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total.max() + 1)))])
    last = len(log_factorial) - 1

    def lf(value: Counts) -> Scores:
        looked_up: Scores = log_factorial[np.clip(value, 0, last)]
        return looked_up

    sizes = lf(a) + lf(b) + lf(N - a) + lf(N - b) - lf(N)
    log_p = sizes - lf(n) - lf(a - n) - lf(b - n) - lf(N - a - b + n)
    information = n / N * np.log(N * n / np.maximum(a * b, 1))
    expected = np.where(possible, information * np.exp(np.where(possible, log_p, 0)), 0)
    summed: Scores = expected.sum(axis=(1, 2, 3))
    return summed
