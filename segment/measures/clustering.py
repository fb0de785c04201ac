"""How well two groupings of the same things agree: adjusted Rand index, mutual information.

One contingency table at a time, or the tables of many pictures at once (`..._of_each`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

__all__ = [
    "adjusted_mutual_information",
    "adjusted_mutual_information_of_each",
    "adjusted_rand",
    "adjusted_rand_of_each",
    "contingency",
    "contingency_of_each",
]

Table = NDArray[np.int64]
Floats = NDArray[np.float64]

AT_ONCE = 1_000_000  # terms of the expected information, some 50 MB


def contingency(truth: ArrayLike, found: ArrayLike) -> Table:
    """Return how many things each pair of a true and a found group shares, (R, K) int64.

    `truth` and `found` are arrays of whole numbers, of one shape; groups are in ascending
    order of their numbers, and only those that occur have a row or a column.
    """
    rows = np.unique(np.asarray(truth).ravel(), return_inverse=True)
    columns = np.unique(np.asarray(found).ravel(), return_inverse=True)
    if rows[1].shape != columns[1].shape:
        raise ValueError(f"truth has {rows[1].size} things, but found has {columns[1].size}")
    size = len(rows[0]), len(columns[0])
    cells = rows[1].ravel() * size[1] + columns[1].ravel()
    return np.bincount(cells, minlength=size[0] * size[1]).reshape(size).astype(np.int64)


def contingency_of_each(
    truth: NDArray[np.integer], found: NDArray[np.integer], groups: int | None = None
) -> Table:
    """Return a table for each of P pictures, (P, R, K) int64, empty rows and columns included.

    truth (P, ...) holds 1 … R, and 0 where a pixel is not scored; found (P, ...) counts its
    groups from 0, K of them: `groups`, or else as many as occur.
    """
    if truth.shape != found.shape:
        raise ValueError(f"truth is {truth.shape}, but found is {found.shape}")
    P = len(truth)
    truth, found = truth.reshape(P, -1).astype(np.int64), found.reshape(P, -1).astype(np.int64)
    R = int(truth.max(initial=1))
    K = int(found.max(initial=0)) + 1 if groups is None else groups
    picture, pixel = np.nonzero(truth)
    cell = (picture * R + truth[picture, pixel] - 1) * K + found[picture, pixel]
    return np.bincount(cell, minlength=P * R * K).reshape(P, R, K).astype(np.int64)


def adjusted_rand(table: Table) -> float:
    """Return the ARI of a contingency table (R, K): 1 equal groupings, about 0 random ones.

    1 as well when nothing was grouped, or both put everything into one group or each thing
    into its own. Source: Hubert & Arabie, Comparing partitions, Journal of Classification 2,
    1985.
    """
    return float(adjusted_rand_of_each(table[None])[0])


def adjusted_rand_of_each(tables: Table) -> Floats:
    """Return the ARI of every contingency table of (P, R, K): (P,); see `adjusted_rand`."""
    total = _pairs(tables.sum(axis=(1, 2)))
    together = _pairs(tables).sum(axis=(1, 2))
    rows = _pairs(tables.sum(axis=2)).sum(axis=1)
    columns = _pairs(tables.sum(axis=1)).sum(axis=1)
    expected = rows * columns / np.maximum(total, 1.0)
    spread = (rows + columns) / 2 - expected
    return np.where(spread > 0, (together - expected) / np.where(spread > 0, spread, 1.0), 1.0)


def adjusted_mutual_information(table: Table) -> float:
    """Return the AMI of a contingency table (R, K), normalised by the larger entropy.

    That is how the Neural EM papers report it. 1 for equal groupings, about 0 for random
    ones; 1 when both put everything into one group, or each thing into its own. Source:
    Vinh, Epps & Bailey, Information theoretic measures for clusterings comparison, JMLR 11,
    2010: table 2, AMI_max.
    """
    return float(adjusted_mutual_information_of_each(table[None])[0])


def adjusted_mutual_information_of_each(tables: Table) -> Floats:
    """Return the AMI of every table of (P, R, K): (P,); see `adjusted_mutual_information`."""
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    total = tables.sum(axis=(1, 2))
    picture, i, j = np.nonzero(tables)
    shared, n = tables[picture, i, j].astype(np.float64), total[picture].astype(np.float64)
    products = rows[picture, i].astype(np.float64) * columns[picture, j]
    nats = shared / n * np.log(n * shared / products)
    mutual = _sums(picture, nats, len(tables))
    expected = _expected_information(rows, columns, total)
    larger = np.maximum(_entropy(rows, total), _entropy(columns, total))
    alone = (np.count_nonzero(rows, axis=1) <= 1) & (np.count_nonzero(columns, axis=1) <= 1)
    spread = larger - expected
    # Nothing to choose between but rounding: each thing is a group of its own in both.
    alone |= np.abs(spread) < 1e-12
    return np.where(alone, 1.0, (mutual - expected) / np.where(alone, 1.0, spread))


def _pairs(counts: Table) -> Floats:
    n = np.asarray(counts, np.float64)
    pairs: Floats = n * (n - 1) / 2
    return pairs


def _entropy(sizes: Table, total: Table) -> Floats:
    share = sizes / np.maximum(total, 1)[:, None]
    entropy: Floats = -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=1)
    return entropy


def _expected_information(rows: Table, columns: Table, total: Table) -> Floats:
    """Mutual information in nats that random groupings with groups of these sizes have, (P,).

    rows (P, R), columns (P, K), total (P,). The number of things that two groups share is
    then hypergeometric (equation 24).
    """
    picture, i, j = np.nonzero((rows[:, :, None] > 0) & (columns[:, None, :] > 0))
    sizes = np.stack([rows[picture, i], columns[picture, j], total[picture]], axis=1)
    # Groups of equal size share what they expect: many small ones cost no more than few.
    different, which = np.unique(sizes, axis=0, return_inverse=True)
    a, b, N = different.T
    first = np.maximum(1, a + b - N)
    terms = np.minimum(a, b) - first + 1
    shared = np.empty(len(different))
    ends = np.cumsum(terms)
    start = 0
    while start < len(different):
        before = ends[start] - terms[start]
        stop = max(start + 1, int(np.searchsorted(ends, before + AT_ONCE, side="right")))
        part = slice(start, stop)
        shared[part] = _information_of_pairs(a[part], b[part], N[part], first[part], terms[part])
        start = stop
    return _sums(picture, shared[which.ravel()], len(total))


def _information_of_pairs(
    sizes_a: Table, sizes_b: Table, total: Table, first: Table, terms: Table
) -> Floats:
    """What a pair of groups of two sizes among so many things adds to the information expected.

    All (M,); the shared number runs over `terms` values, from `first` on.
    """
    pair = np.repeat(np.arange(len(terms)), terms)
    begins = np.cumsum(terms) - terms
    n = (np.arange(len(pair)) - begins[pair] + first[pair]).astype(np.float64)
    a, b, N = (size.astype(np.float64) for size in (sizes_a, sizes_b, total))
    constant = _log_factorial(a) + _log_factorial(b) - _log_factorial(N)
    constant += _log_factorial(N - a) + _log_factorial(N - b)
    log_p = constant[pair] - _log_factorial(n) - _log_factorial(a[pair] - n)
    log_p -= _log_factorial(b[pair] - n) + _log_factorial((N - a - b)[pair] + n)
    information = n / N[pair] * (np.log(n) + (np.log(N) - np.log(a) - np.log(b))[pair])
    return _sums(pair, information * np.exp(log_p), len(terms))


def _sums(which: Table, values: Floats, count: int) -> Floats:
    """What the values of each of `count` add up to."""
    return np.bincount(which, weights=values, minlength=count).astype(np.float64)


def _log_factorial(n: Floats) -> Floats:
    value: Floats = gammaln(n + 1)
    return value
