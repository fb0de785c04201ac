"""Standard streams that are closed, or that nobody reads any more.

Messages are not the work: where nobody reads them, the run goes on without them, as ffmpeg does.
What is written to standard output is the work of a command that does so: where it cannot be
written, that is an error, and where nobody reads it any more, as behind `head`, it ends quietly,
as grep does.
"""

import contextlib
import io
import os
import sys
from typing import Any

BROKEN_PIPE = 141  # what a shell shows of a program that SIGPIPE ended


def make_lasting() -> None:
    """Give every closed standard stream a number, and let messages outlive their reader."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The next file to be opened would get the number, and a library's words with it.
            # What is written to a closed output fails, as it should.
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        raw: Any = _Messages()
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=getattr(sys.stderr, "encoding", None) or "utf-8",
            errors="backslashreplace",
            line_buffering=True,
        )


def flush(code: int) -> int:
    """Write what standard output still holds; returns the exit code to end with."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if not code:  # else an error was told already
            print(f"Error: standard output cannot be written: {reason.lower()}", file=sys.stderr)
            code = 1
    else:
        return code
    forget_output()
    return code


def forget_output() -> None:
    """Let what was not read vanish, or Python tries once more at its end and complains."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Messages(io.RawIOBase):
    """Standard error; when it fails it is nobody's from then on."""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2

    def isatty(self) -> bool:
        return os.isatty(2)

    def write(self, data: Any) -> int:
        try:
            return os.write(2, data)
        except BlockingIOError:
            return len(data)  # a full pipe that must not block: better silent than stuck
        except OSError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            return len(data)
