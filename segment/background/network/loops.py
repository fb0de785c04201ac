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
    "four",
    "halve_row",
    "look_up",
    "rectify",
    "three",
    "to_float",
]

f = np.float32
u = np.uint8

ZERO, QUARTER = f(0), f(0.25)

# Loops of `three` and `four` are whole multiples of it, in pixels.
VECTOR = 16

# Logits at which the table of posteriors ends, and its steps in 1.
_LOGITS, _STEPS = f(8), f(64)


@fused
def three(a, b, c, d, values, w, first):
    """Add to four maps what three neighbours along a row of one bring; that row is two longer.

    w (36,) : nine weights for each of the four, of which those from `first` on are taken. A row at
    a time, they all stay in registers.
    """
    a0, a1, a2 = w[first], w[first + 1], w[first + 2]
    b0, b1, b2 = w[first + 9], w[first + 10], w[first + 11]
    c0, c1, c2 = w[first + 18], w[first + 19], w[first + 20]
    d0, d1, d2 = w[first + 27], w[first + 28], w[first + 29]
    for k in range(a.size):
        r, s, t = values[k], values[k + 1], values[k + 2]
        a[k] = a[k] + a0 * r + a1 * s + a2 * t
        b[k] = b[k] + b0 * r + b1 * s + b2 * t
        c[k] = c[k] + c0 * r + c1 * s + c2 * t
        d[k] = d[k] + d0 * r + d1 * s + d2 * t


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
