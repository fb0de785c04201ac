"""A row of the mask is tidied: a vote in a square, and the closing by a disc.

Rows are kept in rings, see `Ring`.
"""

from typing import Any, NamedTuple

import numpy as np

from segment.background.compiling import loop, part
from segment.background.posterior.kernels.constants import U0, U1, u


class Ring(NamedTuple):
    """The last rows of a mask: row y of the picture is row y % L."""

    rows: Any  # (L, W) uint8, 0 and 1
    some: Any  # (L,) uint8, which of them have any foreground


@loop
def any_of(row, n):
    """Return 1 if a row has any foreground, 0 otherwise."""
    found = np.uint8(0)
    for i in range(n):
        found |= row[i]
    return np.uint8(1) if found != 0 else np.uint8(0)


@part
def vote_row(ring, y, first, radius, height, column, out, n):
    """Mark the pixels that have foreground in more than half their square.

    `column` (W + 2 * radius,) uint8 holds the sums of the square's columns for the row above,
    unless y is the `first` row. What lies outside the picture is as its border. Returns
    whether there is any foreground.
    """
    r = u(radius)
    judged, some = ring
    length = judged.shape[0]
    if y == first:
        for i in range(column.size):
            column[i] = 0
        for dy in range(-radius, radius + 1):
            place = min(max(y + dy, 0), height - 1) % length
            _add_row(judged[place], column, r, n)
    else:
        place = max(y - 1 - radius, 0) % length
        if some[place]:
            _subtract_row(judged[place], column, r, n)
        place = min(y + radius, height - 1) % length
        if some[place]:
            _add_row(judged[place], column, r, n)
    near = False
    for dy in range(-radius, radius + 1):
        near |= some[min(max(y + dy, 0), height - 1) % length] != 0
    if not near:
        clear(out, n)
        return np.uint8(0)
    for i in range(r):
        column[i] = column[r]
        column[n + r + i] = column[n + r - U1]
    enough = np.uint8(((2 * radius + 1) ** 2 + 1) // 2)
    if radius == 3:
        _vote_seven(column, out, enough, n)
    else:
        _vote_any(column, out, 2 * radius + 1, enough, n)
    return any_of(out, n)


@loop
def clear(row, n):
    """Begin a row without foreground."""
    for i in range(n):
        row[i] = 0


@loop
def _add_row(row, column, r, n):
    for i in range(n):
        column[i + r] += row[i]


@loop
def _subtract_row(row, column, r, n):
    for i in range(n):
        column[i + r] -= row[i]


@loop
def _vote_seven(column, out, enough, n):
    for i in range(n):
        s = np.uint8(0)
        for k in range(7):
            s = np.uint8(s + column[i + u(k)])
        out[i] = U1 if s >= enough else U0


@loop
def _vote_any(column, out, size, enough, n):
    for i in range(n):
        s = 0
        for k in range(size):
            s += column[i + u(k)]
        out[i] = U1 if s >= enough else U0


@part
def widen_row(ring, y, height, line, widths, flip, out, n):
    """Widen the foreground of row y by a symmetric shape, `flip` 1: the background.

    widths (2 R + 1,) int64: the shape reaches this far to both sides in its rows, R at most.
    line (W + 2 R,) uint8, scratch. What lies outside the picture does not take part. Returns
    whether there is any foreground.
    """
    reach = widths.size // 2
    mask, some = ring
    length = mask.shape[0]
    near = False
    if flip:
        # What the background is widened into was foreground.
        near = some[y % length] != 0
    else:
        for dy in range(max(-reach, -y), min(reach, height - 1 - y) + 1):
            near |= some[(y + dy) % length] != 0
    if not near:
        clear(out, n)
        return np.uint8(0)
    for i in range(n):
        out[i] = flip
    for i in range(line.size):
        line[i] = 0
    for h in range(reach, -1, -1):
        for dy in range(max(-reach, -y), min(reach, height - 1 - y) + 1):
            if widths[dy + reach] == h and (flip or some[(y + dy) % length] != 0):
                _join_row(mask[(y + dy) % length], np.uint8(flip), line, u(reach), n)
        _join_sides(line, out, u(reach - h), u(reach + h), np.uint8(flip), n)
    return any_of(out, n)


@loop
def _join_row(row, flip, line, reach, n):
    for i in range(n):
        line[i + reach] |= row[i] ^ flip


@loop
def _join_sides(line, out, left, right, flip, n):
    if flip:
        for i in range(n):
            out[i] &= (line[i + left] | line[i + right]) ^ np.uint8(1)
    else:
        for i in range(n):
            out[i] |= line[i + left] | line[i + right]
