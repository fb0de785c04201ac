"""The constants that the loops share, each in the type that keeps a loop in vectors.

Offsets are unsigned: a signed one might be negative, and numba's test for that keeps a loop
from becoming vector instructions. A whole number beside a float32 makes a float64, so
constants are float32. `which` is everywhere a tuple of C zeros: its length is known to the
compiler, which unrolls the loops over the channels.
"""

import numpy as np

f = np.float32
ZERO, QUARTER, HALF, MOST, ONE, TWO, FOUR, SIX = map(f, (0, 0.25, 0.5, 0.75, 1, 2, 4, 6))
FAR = f(1e9)
u = np.uint64
U0, U1, U2, U3, U4, U8 = map(u, (0, 1, 2, 3, 4, 8))
