# mypy: disable-error-code="no-untyped-def"
"""Loops along a row that several kernels need: to fill, to copy, to join."""

from segment.background.compiling import loop

__all__ = ["copy", "fill", "join"]


@loop
def fill(values, value):
    """Make all of a row one value."""
    for k in range(values.size):
        values[k] = value


@loop
def copy(values, out):
    """Write as many values as `out` has, of whichever type it is."""
    for k in range(out.size):
        out[k] = values[k]


@loop
def join(values, out):
    """Mark in `out`, 0 and 1, what is marked in values, too."""
    for k in range(out.size):
        out[k] |= values[k]
