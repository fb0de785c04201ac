"""Sums and sums of squares of the samples, before a fit."""

from segment.mixture.kernels.elementary import compile_loop

__all__ = ["add_squares"]


@compile_loop
def add_squares(rows, middle, first, second):
    """Add each column's differences from `middle`, and their squares, to `first` and `second`.

    rows (N, D) of any type; the others (D,) float64.
    """
    for n in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            d = rows[n, j] - middle[j]
            first[j] += d
            second[j] += d * d
