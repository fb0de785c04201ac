"""Optimal one-to-one assignment over a sparse list of pairs that may be left unmatched."""

import numpy as np

from segment.grouping.regions import Floats, Integers


def assign(
    rows: Integers, columns: Integers, costs: Floats, size: tuple[int, int], unmatched: float
) -> Integers:
    """Return the column of each row, -1 for none, such that the sum of costs is least.

    Parameters
    ----------
    rows, columns, costs : (P,) the pairs that are possible, each at most once; costs from 0 up.
    size : how many rows and columns there are.
    unmatched : cost of a row without a column; a pair that costs as much is not taken.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    height, width = size
    result = np.full(height, -1, np.intp)
    good = costs < unmatched
    rows, columns, costs = rows[good], columns[good], costs[good]
    # Most pairs have no rival; only the others need to be weighed against each other.
    rivals = (np.bincount(rows, minlength=height)[rows] > 1) | (
        np.bincount(columns, minlength=width)[columns] > 1
    )
    result[rows[~rivals]] = columns[~rivals]
    if not rivals.any():
        return result
    rows, columns, costs = rows[rivals], columns[rivals], costs[rivals]
    busy, row = np.unique(rows, return_inverse=True)
    # A column of its own stands for "unmatched" in every row, which makes the matching full.
    # Costs are raised by a constant, since the solver takes an explicit zero for no pair.
    alone = np.arange(len(busy))
    table = coo_array(
        (
            np.concatenate([costs, np.full(len(busy), unmatched)]) + 1.0,
            (np.concatenate([row, alone]), np.concatenate([columns, width + alone])),
        ),
        shape=(len(busy), width + len(busy)),
    ).tocsr()
    matched, partner = min_weight_full_bipartite_matching(table)
    result[busy[matched]] = np.where(partner < width, partner, -1)
    return result
