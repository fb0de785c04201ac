# mypy: disable-error-code="no-untyped-def"
"""The innermost loops of the network: what becomes vector instructions.

Four maps are made at once: what is read of one is used four times. Products and sums are fused,
which rounds alike in every run and for any number of threads, since no loop ends in single steps.
"""

import numpy as np

from segment.background.compiling import fused, loop

__all__ = [
    "VECTOR",
    "ZERO",
    "add_row",
    "fill",
    "four",
    "halve_row",
    "look_up",
    "nine",
    "rectify",
    "to_float",
]

f = np.float32
u = np.uint8

ZERO, QUARTER = f(0), f(0.25)

# Loops of `nine` and `four` are whole multiples of it, in pixels.
VECTOR = 16

# Logits at which the table of posteriors ends, and its steps in 1.
_LOGITS, _STEPS = f(8), f(64)


@loop
def fill(values, value):
    """Make all of a row one value."""
    for k in range(values.size):
        values[k] = value


@fused
def nine(a, b, c, d, above, here, below, w):
    """Add to four maps what nine neighbours of one bring; its rows are two longer."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
    b0, b1, b2, b3, b4 = w[9], w[10], w[11], w[12], w[13]
    b5, b6, b7, b8 = w[14], w[15], w[16], w[17]
    c0, c1, c2, c3, c4 = w[18], w[19], w[20], w[21], w[22]
    c5, c6, c7, c8 = w[23], w[24], w[25], w[26]
    d0, d1, d2, d3, d4 = w[27], w[28], w[29], w[30], w[31]
    d5, d6, d7, d8 = w[32], w[33], w[34], w[35]
    for k in range(a.size):
        r, s, t = above[k], above[k + 1], above[k + 2]
        x, y, z = here[k], here[k + 1], here[k + 2]
        l, m, n = below[k], below[k + 1], below[k + 2]  # noqa: E741
        v = a[k] + a0 * r + a1 * s + a2 * t + a3 * x + a4 * y + a5 * z
        a[k] = v + a6 * l + a7 * m + a8 * n
        v = b[k] + b0 * r + b1 * s + b2 * t + b3 * x + b4 * y + b5 * z
        b[k] = v + b6 * l + b7 * m + b8 * n
        v = c[k] + c0 * r + c1 * s + c2 * t + c3 * x + c4 * y + c5 * z
        c[k] = v + c6 * l + c7 * m + c8 * n
        v = d[k] + d0 * r + d1 * s + d2 * t + d3 * x + d4 * y + d5 * z
        d[k] = v + d6 * l + d7 * m + d8 * n


@fused
def four(a, b, c, d, r, s, t, v, w):
    """Add to four maps what the same pixel of four others brings."""
    a0, a1, a2, a3 = w[0], w[1], w[2], w[3]
    b0, b1, b2, b3 = w[4], w[5], w[6], w[7]
    c0, c1, c2, c3 = w[8], w[9], w[10], w[11]
    d0, d1, d2, d3 = w[12], w[13], w[14], w[15]
    for k in range(a.size):
        a[k] = a[k] + a0 * r[k] + a1 * s[k] + a2 * t[k] + a3 * v[k]
        b[k] = b[k] + b0 * r[k] + b1 * s[k] + b2 * t[k] + b3 * v[k]
        c[k] = c[k] + c0 * r[k] + c1 * s[k] + c2 * t[k] + c3 * v[k]
        d[k] = d[k] + d0 * r[k] + d1 * s[k] + d2 * t[k] + d3 * v[k]


@loop
def rectify(values):
    """Make 0 what is below."""
    for k in range(values.size):
        v = values[k]
        values[k] = v if v > ZERO else ZERO


@loop
def to_float(values, middle, scale, out):
    """Bytes as the network reads them."""
    for k in range(values.size):
        out[k] = (f(values[k]) - middle) * scale


@loop
def halve_row(one, two, out):
    """Means of 2 x 2 pixels of two rows."""
    for k in range(out.size):
        out[k] = QUARTER * ((one[2 * k] + one[2 * k + 1]) + (two[2 * k] + two[2 * k + 1]))


@loop
def add_row(coarse, fine, out):
    """A coarser row, every pixel twice, plus the finer one."""
    for k in range(coarse.size):
        v = coarse[k]
        out[2 * k] = v + fine[2 * k]
        out[2 * k + 1] = v + fine[2 * k + 1]


@loop
def look_up(logits, table, out):
    """Posteriors of logits, by a table."""
    for k in range(logits.size):
        v = logits[k] * _STEPS + _LOGITS * _STEPS
        v = v if v > ZERO else ZERO
        last = f(table.size - 1)
        v = v if v < last else last
        out[k] = table[np.uint32(v)]
