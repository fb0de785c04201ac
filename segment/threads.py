"""Rows shared out among threads: one pool for the whole process, the same result for any count.

Python's own threads, because the compiled loops release the interpreter's lock and
may be called from several threads at once.
"""

import operator
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

__all__ = ["count_threads", "most", "over_rows", "use_at_most"]

_most: int | None = None


def use_at_most(threads: int) -> None:
    """Let `count_threads(None)` be at most so many: this process shares its processors."""
    global _most
    _most = count_threads(threads)


def most() -> int | None:
    """What `use_at_most` was told, None when nothing."""
    return _most


def count_threads(threads: int | None = None) -> int:
    """Return `threads`, or for None the number of processors this process may use.

    Or fewer, see `use_at_most`.

    Raises TypeError and ValueError unless `threads` is None or a whole number, at least 1.
    """
    if threads is None:
        if hasattr(os, "sched_getaffinity"):
            there = len(os.sched_getaffinity(0)) or 1
        else:
            there = os.cpu_count() or 1
        return there if _most is None else min(there, _most)
    try:
        threads = operator.index(threads)
    except TypeError:
        raise TypeError(
            f"threads is {threads!r}, wanted a whole number, or None for every processor"
        ) from None
    if threads < 1:
        raise ValueError(f"threads is {threads}, wanted at least 1, or None for every processor")
    return threads


def over_rows(
    function: Callable[[int, int], object], height: int, threads: int, least: int = 1
) -> None:
    """Call `function(start, stop)` on bands of rows that together make up `height` rows.

    There are at most `threads` bands, none of less than `least` rows unless there
    is only one; one band runs in the caller's thread, the others in the pool.
    Returns when all are done; the first band's exception is raised. `function`
    must not call `over_rows` itself: bands that wait for bands could fill the pool.
    """
    bands = max(1, min(threads, height // max(1, least)))
    if bands == 1:
        function(0, height)
        return
    edges = [height * band // bands for band in range(bands + 1)]
    waiting: list[Future[object]] = []
    try:
        for start, stop in pairwise(edges[1:]):
            try:
                waiting.append(_pool().submit(function, start, stop))
            except RuntimeError:
                # The interpreter is shutting down and takes no more work; frames still come.
                function(start, stop)
        function(edges[0], edges[1])
    finally:
        # Nobody may touch the arrays any more when this returns, even with an exception.
        errors = [future.exception() for future in waiting]
    for error in errors:
        if error is not None:
            raise error


_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


def _pool() -> ThreadPoolExecutor:
    global _executor
    with _lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(count_threads(), thread_name_prefix="segment-rows")
        return _executor


def _forget() -> None:
    """Begin anew in a forked child: it inherits the pool, but none of its threads."""
    global _executor, _lock
    _lock = threading.Lock()
    _executor = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
