"""Whether the address space that a process may have (`ulimit -v`) is enough to compile loops.

LLVM, which compiles, ends the process where it gets no memory: nobody can catch that. So it is
asked before.
"""

import os
from pathlib import Path

from segment.errors import NoMemory

__all__ = ["check_limit", "check_room"]

_COMPILING = 300_000_000
"""Bytes: with 320 MB left the loops of `subtract` were compiled, with 100 LLVM gave up."""

_LEAST = 1_500_000_000
"""Bytes with which a run on two processors came to its end; with 1.33 GB OpenBLAS asked for memory
for ever while it was loaded, deaf to every signal but KILL."""


def _limit() -> int | None:
    """Bytes of address space that this process may have, None when nobody limits it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if most == resource.RLIM_INFINITY else most


def check_limit() -> None:
    """Raise NoMemory where the libraries could not even be loaded."""
    most = _limit()
    if most is not None and most < _LEAST:
        raise NoMemory(
            f"this process may have {most / 1e6:.0f} MB of address space (ulimit -v), and a run "
            f"takes {_LEAST / 1e6:.0f} at least, more with many processors or `group`; what it "
            "really uses is less, and is limited by --max-memory or by a container"
        )


def check_room() -> None:
    """Raise NoMemory where a compilation would end the process."""
    most = _limit()
    used = None if most is None else memory_used()
    if most is None or used is None or used + _COMPILING <= most:
        return
    raise NoMemory(
        f"this process may have {most / 1e6:.0f} MB of address space (ulimit -v), of which "
        f"{used / 1e6:.0f} are taken, and the loops are not compiled yet, which takes "
        f"{_COMPILING / 1e6:.0f} more; compile them without the limit, once, by `segment warm`, "
        "or raise it"
    )


def memory_used() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None  # not Linux
