"""A worker whose parent is gone leaves, from its first moment on.

Most of a worker's start is reading the script that began it, and libraries. Whoever kills the
parent meanwhile, and may do so for seconds on a busy machine, would leave processes behind that
read on. So the look begins before that: what a process is called travels to it first, and to read
a `Name` is to run this file, by itself and by its path, for nothing of ours can be found yet.
"""

import os
import runpy
import signal
import threading
import time
from operator import getitem
from typing import Any

__all__ = ["Name", "is_looked_for", "leave"]

LOOK = 0.25
"""Seconds between two looks at who the parent is."""

GRACE = 10.0
"""Seconds that work has to be broken off in order: files that are half written go."""

_CALLED = "segment-orphan"


class Name(str):
    """What a process is called. To read it in that process begins the look for this one."""

    def __reduce__(self) -> Any:
        if os.name != "posix" or not os.path.isfile(__file__):
            return str, (str(self),)
        return getitem, (_Run(os.getpid(), str(self)), "GIVEN_NAME")


class _Run:
    """Read as what this file makes of its names when it is run; two are given to it."""

    def __init__(self, parent: int, name: str) -> None:
        self._given = {"GIVEN_PARENT": parent, "GIVEN_NAME": name}

    def __reduce__(self) -> Any:
        return runpy.run_path, (os.path.abspath(__file__), self._given)


def is_looked_for() -> bool:
    """Whether somebody looks already."""
    return any(thread.name == _CALLED for thread in threading.enumerate())


def look(parent: int) -> None:
    """Leave when this process has another parent: its own is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    leave()


def leave() -> None:
    """End this process, and what it is at first, in order."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        os.kill(os.getpid(), signal.SIGTERM)
        until = time.monotonic() + GRACE
        # Work that was broken off no longer listens. A pool would wait for more of it then.
        while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL and time.monotonic() < until:
            time.sleep(0.05)
    os._exit(1)


if "GIVEN_PARENT" in globals() and not is_looked_for():
    threading.Thread(
        target=look, args=(globals()["GIVEN_PARENT"],), name=_CALLED, daemon=True
    ).start()
