"""Two small loops, one of which calls the other; run in processes of their own."""

import logging
import sys

import segment  # noqa: F401 - whose version the folder is called after
from segment.kernels import kept


@kept.compiled(nogil=True)
def double(x):
    return x + x


@kept.compiled(nogil=True)
def total(n):
    found = 0
    for i in range(n):
        found += double(i)
    return found


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    assert total(10) == 90
    assert total(10.0) == 90 if len(sys.argv) > 1 else True
    print(sum(total.stats.cache_hits.values()), end="")
