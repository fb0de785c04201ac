"""A loop that only another loop calls; run in processes of their own."""

import numpy as np

import segment  # noqa: F401 - whose version the folder is called after
from segment.kernels import kept


@kept.compiled(nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def thrice(values, out):
    for i in range(len(values)):
        out[i] = 3 * values[i]


@kept.compiled(nogil=True, _nrt=False)
def nine(values, out):
    thrice(values, out)
    thrice(out, out)


if __name__ == "__main__":
    out = np.zeros(5, np.float32)
    nine(np.arange(5, dtype=np.float32), out)
    assert out.tolist() == [0, 9, 18, 27, 36]
    wide = np.zeros(5)
    nine(np.arange(5.0), wide)
    assert wide.tolist() == out.tolist()
    print(sum(nine.stats.cache_hits.values()), end="")
