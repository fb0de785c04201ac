"""Where to cut what is judged into bands of rows that take about the same time."""

from collections.abc import Sequence

import numpy as np

from segment.background.network.records import Floats

__all__ = ["cut_rows"]


def cut_rows(costs: Floats, beyond: Sequence[float], count: int) -> list[int]:
    """Return the first rows of at most `count` bands, and the end of the last.

    costs (rows,) : of every row. beyond : what a row costs that many rows beyond a cut, of its own
    cost: there both bands work. So a cut goes where little is to be done, if it can.
    """
    inside = len(beyond)
    upto: Floats = np.concatenate(([0.0], np.cumsum(costs))).astype(np.float32)
    around: Floats = np.pad(costs, inside).astype(np.float32)

    def cut(start: int, stop: int, count: int) -> list[int]:
        if count < 2 or stop - start < 2:
            return [start]
        edges = np.arange(start + 1, stop)
        above, below = upto[edges] - upto[start], upto[stop] - upto[edges]
        for far, part in enumerate(beyond):
            above += part * around[edges + inside + far]
            below += part * around[edges + inside - 1 - far]
        some = count // 2
        edge = int(edges[np.argmin(np.maximum(above / some, below / (count - some)))])
        return [*cut(start, edge, some), *cut(edge, stop, count - some)]

    return [*cut(0, costs.size, count), costs.size]
