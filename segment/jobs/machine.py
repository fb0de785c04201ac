"""How many workers a machine bears, and how many threads each of them may have."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segment import threads

__all__ = ["capped", "cores", "environment", "memory", "workers_for"]

WORKER = 1_200_000_000
"""Bytes that a worker may come to need: `subtract clean group` has 500 to 700 MB with films of up
to 1920x1080."""

PARENT = 500_000_000
"""Bytes that are left to the process that hands out the work, and to the system."""

_POOLS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""What libraries ask for when they are loaded; torch and numba are among those."""


def cores() -> int:
    """Processors this process may use: those of its affinity, and of a container's share."""
    count = threads.count_threads()
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            count = min(count, max(1, round(int(quota) / int(period))))
    return count


def memory() -> int:
    """Bytes that this machine, or container, has free for workers; 8 GB where nobody says."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        found.append(int(line.split()[1]) << 10)
    with contextlib.suppress(OSError, ValueError):
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
        if limit != "max":
            found.append(int(limit) - int(used))
    if not found:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=8 << 30)


def workers_for(most: int) -> int:
    """How many workers to begin for `most` pieces of work: by cores and memory, at least 1."""
    return max(1, min(most, cores(), (memory() - PARENT) // WORKER))


@contextlib.contextmanager
def environment(count: int) -> Iterator[None]:
    """Let processes that are begun inside load their libraries with `count` threads each."""
    before = {name: os.environ.get(name) for name in _POOLS}
    os.environ.update({name: str(count) for name in _POOLS if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


def capped(count: int) -> None:
    """Give every pool of threads in this process `count` threads at the most."""
    threads.use_at_most(count)
    for name in _POOLS:
        os.environ.setdefault(name, str(count))
    import cv2

    cv2.setNumThreads(count)
    torch: Any = sys.modules.get("torch")  # it reads the environment when it is loaded
    if torch is not None and torch.get_num_threads() > count:
        torch.set_num_threads(count)
