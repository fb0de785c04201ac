"""How the command ends: as Python does, but what the system takes back anyway is not taken apart.

To free modules and the machine code of loops one by one takes .2 s of processor time, a fifth of
a short run, and with `group` .3 s.
"""

import atexit
import os
import sys
import threading
from typing import Any

__all__ = ["command", "leave"]


def command() -> None:
    """The command `segment`, in a process of its own."""
    from segment.cli.main import main

    try:
        main(prog_name="segment")
    except SystemExit as end:
        # Run by another program, as by runpy, it leaves that alone.
        is_all = getattr(sys.modules.get("__main__"), "command", None) is command
        if is_all and isinstance(end.code, int):
            leave(end.code)
        raise


def leave(code: int) -> None:
    """End this process with `code`, when its threads, and what is to be done at its end, are done.

    Returns where that should better be left to Python: somebody measures this run, or output that
    is still there cannot be written.
    """
    # Python's own, in the order of its end; there are no public ones.
    wait, finish = (
        getattr(module, name, None)
        for module, name in ((threading, "_shutdown"), (atexit, "_run_exitfuncs"))
    )
    if wait is None or finish is None or _is_watched():
        return
    try:
        wait()
        finish()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except KeyboardInterrupt:
        pass  # again: at once
    except (OSError, ValueError, AttributeError):
        return
    os._exit(code)


def _is_watched() -> bool:
    """Whether a profiler, debugger or coverage is at work, which reports at the end."""
    tools: Any = getattr(sys, "monitoring", None)
    watched = sys.getprofile() is not None or sys.gettrace() is not None
    return watched or (tools is not None and any(map(tools.get_tool, range(6))))
