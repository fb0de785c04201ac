"""Signals: Ctrl-C, SIGTERM and SIGHUP end a run in order, and at once when they come again.

A live source has no end of its own: a signal is how it ends, and its files are finished. Any
other is broken off: what is half written goes, and what has been learned is kept.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from segment.cli.exits import HUNG_UP, INTERRUPTED, TERMINATED
from segment.errors import SegmentError

if TYPE_CHECKING:
    from segment.cli.progress import Reporter
    from segment.protocols import FrameSource

Result = TypeVar("Result")

_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
if hasattr(signal, "SIGHUP"):  # not on Windows
    _CODES[signal.SIGHUP] = HUNG_UP


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(_CODES[signal.Signals(number)])


@contextlib.contextmanager
def leaving_when_terminated() -> Iterator[None]:
    """Let SIGTERM and SIGHUP leave through the `with` blocks, so that nothing half stays behind.

    A signal that is ignored, as SIGHUP under nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may listen to signals
        return
    previous = {}
    for number in _CODES:
        if number is not signal.SIGINT and signal.getsignal(number) is signal.SIG_DFL:
            previous[number] = signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def in_order(reporter: "Reporter", work: Callable[[], Result]) -> Result | int:
    """Do the work of a command under signals; return what it returns, or the code of its error.

    What ends it is told by `reporter`.
    """
    try:
        with leaving_when_terminated(), reporter:
            return work()
    except SegmentError as error:
        reporter.fail(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        reporter.fail("interrupted; what is written is whole, add --resume to go on")
        return INTERRUPTED


class Ending(contextlib.AbstractContextManager["Ending"]):
    """Lets a signal end a source in order; a second one is dealt with as before.

    `code` is the exit code of the signal that has ended a live source, else 0.
    """

    def __init__(self, source: "FrameSource") -> None:
        self.code = 0
        self._source = source
        self._previous: dict[signal.Signals, Any] = {}
        self._broken_off: tuple[Callable[..., object], int] | None = None

    def __enter__(self) -> "Ending":
        if threading.current_thread() is threading.main_thread():
            for number in _CODES:
                handler = signal.getsignal(number)
                # Neither what is ignored, nor what a program around us wants to know itself.
                if handler in (_leave, signal.default_int_handler):
                    self._previous[number] = signal.signal(number, self._end)
        return self

    def _end(self, number: int, frame: FrameType | None) -> None:
        before = self._previous[signal.Signals(number)]
        self._restore()
        if self._source.live:
            self.code = _CODES[signal.Signals(number)]
            self._source.stop()
            return
        # Whoever waits for a frame must not take this for the end of the input.
        self._broken_off = before, number
        getattr(self._source, "break_off", self._source.stop)()
        before(number, frame)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._restore()
        if self._broken_off is not None and (kind is None or issubclass(kind, Exception)):
            # What was raised got lost, in a finaliser, where nothing can be, or behind an error of
            # what was closed. The source has ended early: this must not pass for its end.
            before, number = self._broken_off
            before(number, None)
