"""How well two groupings of the same things agree: adjusted Rand index, mutual information."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

__all__ = ["adjusted_mutual_information", "adjusted_rand", "contingency"]

Table = NDArray[np.int64]


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


def adjusted_rand(table: Table) -> float:
    """Return the ARI of a contingency table (R, K): 1 equal groupings, about 0 random ones.

    1 as well when nothing was grouped, or both put everything into one group or each thing
    into its own. Source: Hubert & Arabie, Comparing partitions, Journal of Classification 2,
    1985.
    """
    total = _pairs(table.sum())
    together = _pairs(table).sum()
    rows, columns = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    expected = rows * columns / max(total, 1.0)
    spread = (rows + columns) / 2 - expected
    return float((together - expected) / spread) if spread > 0 else 1.0


def adjusted_mutual_information(table: Table) -> float:
    """Return the AMI of a contingency table (R, K), normalised by the larger entropy.

    That is how the Neural EM papers report it. 1 for equal groupings, about 0 for random
    ones; 1 when both put everything into one group. Source: Vinh, Epps & Bailey, Information
    theoretic measures for clusterings comparison, JMLR 11, 2010: table 2, AMI_max.
    """
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    total = int(table.sum())
    if np.count_nonzero(rows) <= 1 and np.count_nonzero(columns) <= 1:
        return 1.0
    i, j = np.nonzero(table)
    shared = table[i, j].astype(np.float64)
    products = rows[i].astype(np.float64) * columns[j]
    mutual = float((shared / total * np.log(total * shared / products)).sum())
    expected = _expected_information(rows[rows > 0], columns[columns > 0], total)
    larger = max(_entropy(rows, total), _entropy(columns, total))
    spread = larger - expected
    if abs(spread) < np.finfo(np.float64).eps:
        return 1.0
    return float((mutual - expected) / spread)


def _pairs(counts: NDArray[np.int64] | np.int64) -> NDArray[np.float64]:
    n = np.asarray(counts, np.float64)
    pairs: NDArray[np.float64] = n * (n - 1) / 2
    return pairs


def _entropy(sizes: NDArray[np.int64], total: int) -> float:
    share = sizes[sizes > 0] / total
    return float(-(share * np.log(share)).sum())


def _expected_information(rows: NDArray[np.int64], columns: NDArray[np.int64], total: int) -> float:
    """Mutual information in nats that random groupings with groups of these sizes have.

    The number of things that two groups share is then hypergeometric (equation 24).
    """
    # Groups of equal size share what they expect: many small ones cost no more than few.
    row_sizes, row_times = np.unique(rows, return_counts=True)
    column_sizes, column_times = np.unique(columns, return_counts=True)
    expected = 0.0
    for a, times in zip(row_sizes.tolist(), row_times.tolist(), strict=True):
        for b, often in zip(column_sizes.tolist(), column_times.tolist(), strict=True):
            n = np.arange(max(1, a + b - total), min(a, b) + 1, dtype=np.float64)
            log_p = (
                _log_factorial(a)
                + _log_factorial(b)
                + _log_factorial(total - a)
                + _log_factorial(total - b)
                - _log_factorial(total)
                - _log_factorial(n)
                - _log_factorial(a - n)
                - _log_factorial(b - n)
                - _log_factorial(total - a - b + n)
            )
            information = n / total * (np.log(n) + np.log(total) - np.log(a) - np.log(b))
            expected += times * often * float((information * np.exp(log_p)).sum())
    return expected


def _log_factorial(n: float | NDArray[np.float64]) -> NDArray[np.float64]:
    value: NDArray[np.float64] = gammaln(np.asarray(n, np.float64) + 1)
    return value
