"""One source in a thread of its own, so that whoever waits for it need not wait for ever."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from segment.video.limits import Limits, use
from segment.video.pipes import Pipe
from segment.video.source import Source

__all__ = ["LOOK", "Begin", "Connection", "Kind", "left_behind"]

Begin = Callable[[], tuple[Callable[[], Source], Pipe | None]]
"""What a connection begins with: how its source is opened, and the pipe it comes through."""

LOOK = 0.1
"""Seconds after which whoever waits looks whether it is to stop."""

_AHEAD = 2  # frames that are read before they are asked for
_GRACE = 0.5  # seconds that closing waits for a thread before it is left to itself
_SLACK = 4
"""Times the time limit without a frame: data that come are life, but not for ever."""

_left: list[threading.Thread] = []


def left_behind() -> bool:
    """Say whether a thread still waits in a library for an input that does not answer."""
    return any(thread.is_alive() for thread in _left)


@dataclass(frozen=True)
class Kind:
    """How an input behaves.

    Attributes
    ----------
    comes_back : whether it is looked for when it was lost.
    slack : times the time limit that it may take to a frame.
    """

    comes_back: bool = False
    slack: float = _SLACK


class Connection:
    """One source in one thread, from its opening to its closing."""

    def __init__(self, begin: Begin, limits: Limits, kind: Kind) -> None:
        self.source: Source | None = None
        self.began = time.monotonic()
        self.endless = False
        self._kind = kind
        self._limits = limits
        self._open, self.pipe = begin()
        self._ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._go = threading.Event()
        self._closing: bool = False  # set by another thread
        with use(limits):
            context = copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._work,), name="segment-read", daemon=True
        )
        self._thread.start()

    def _work(self) -> None:
        ending: Any = None
        try:
            source = self._open()
        except BaseException as error:
            self._close_pipe()
            self._ready.put(("failed", error))
            return
        try:
            if not self._is_closing():
                self.endless = _is_endless(source)
                self._ready.put(("open", source))
                self._go.wait()
            for frame in () if self._is_closing() else source:
                self._room.acquire()
                if self._is_closing():
                    break
                self._ready.put(("frame", frame))
        except BaseException as error:
            ending = error
        finally:
            with contextlib.suppress(Exception):
                source.close()
            del source
            self._close_pipe()
            self._ready.put(("end", ending))

    def _is_closing(self) -> bool:
        return self._closing

    def _close_pipe(self) -> None:
        if self.pipe is not None:
            self.pipe.close()

    def take(self, stopped: Callable[[], bool]) -> tuple[str, Any]:
        """Return what comes next: open, failed, frame or end; silent and stopped are others."""
        begin = time.monotonic()
        while True:
            try:
                what, content = self._ready.get(timeout=LOOK)
            except queue.Empty:
                if stopped():
                    return "stopped", None
                if self._is_silent(begin):
                    return "silent", None
                continue
            if what == "open":
                self.source = content
            elif what == "frame":
                self._room.release()
            return what, content

    def _is_silent(self, begin: float) -> bool:
        limit = self._limits.timeout
        if limit is None:
            return False
        now = time.monotonic()
        waits_since = None if self.pipe is None else self.pipe.waits_since
        if waits_since is not None and now - waits_since > limit:
            return True
        return now - begin > limit * self._kind.slack

    def go(self) -> None:
        """Let frames be read."""
        self._go.set()

    def end_input(self) -> bool:
        """Let a pipe seem to have ended, so that what was read so far is delivered."""
        if self.pipe is None:
            return False
        self.pipe.end()
        return True

    def close(self) -> None:
        """End the thread, or leave it to itself where it waits inside a library."""
        if self._thread in _left:
            return
        self._closing = True
        self._go.set()
        self._room.release()
        if self.source is not None:
            self.source.stop()
        if self.pipe is not None:
            self.pipe.end()
        self._thread.join(_GRACE)
        if self._thread.is_alive():
            _left.append(self._thread)


def _is_endless(source: Source) -> bool:
    """Whether an end of the stream is none that it said it would have."""
    if not source.live or getattr(source, "duration", None) is not None:
        return False
    container = getattr(source, "container", None)
    return container is None or not container.size > 0
