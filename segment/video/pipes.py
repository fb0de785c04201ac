"""Bytes from a pipe, a socket or a terminal: waiting that can be ended, and that is measured."""

import contextlib
import os
import select
import socket
import stat
import threading
import time
from pathlib import Path

from segment.errors import UnreadableInput

__all__ = ["Pipe", "open_pipe", "pipe_of"]


class Pipe:
    """A binary file object over a descriptor; reading waits until data come, or it is ended.

    Attributes
    ----------
    waits_since : `time.monotonic()` from which a reader waits for bytes; None while none does.
    """

    def __init__(self, number: int, name: str, *, owned: bool) -> None:
        self.name = name
        self.waits_since: float | None = None
        self._number = number
        self._owned = owned
        self._ended = False
        self._kept = b""  # looked at, and not yet read
        self._lock = threading.Lock()
        self._wake_in, self._wake_out = os.pipe()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._number

    def read(self, most: int = -1) -> bytes:
        """Return at most so many bytes, as they come; none at the end, or after `end`."""
        if self._kept:
            most = most if most > 0 else len(self._kept)
            data, self._kept = self._kept[:most], self._kept[most:]
            return data
        while not self._ended:
            if not self._wait():
                break
            try:
                data = os.read(self._number, most if most > 0 else 1 << 16)
            except BlockingIOError:
                continue
            return data
        return b""

    def peek(self, most: int) -> bytes:
        """Return the bytes that come next, at most so many, which stay to be read."""
        if not self._kept:
            self._kept = self.read(most)
        return self._kept

    def _wait(self) -> bool:
        """Wait for bytes or the end of the input; False when this was ended."""
        self.waits_since = time.monotonic()
        try:
            return self._wake_in not in self._ready()
        finally:
            self.waits_since = None

    def _ready(self) -> set[int]:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self._number, select.POLLIN)
            poll.register(self._wake_in, select.POLLIN)
            return {number for number, _ in poll.poll()}
        return set(select.select([self._number, self._wake_in], [], [])[0])

    def end(self) -> None:
        """Let whoever reads find the end; from any thread, or a signal."""
        self._ended = True
        with contextlib.suppress(OSError):
            os.write(self._wake_out, b".")

    def close(self) -> None:
        """Release the descriptors; no thread may read any more."""
        self._ended = True
        with self._lock:
            numbers = [self._wake_in, self._wake_out, *([self._number] if self._owned else [])]
            self._wake_in = self._wake_out = -1
            self._owned = False
        for number in numbers:
            if number >= 0:
                with contextlib.suppress(OSError):
                    os.close(number)


def pipe_of(number: int, name: str) -> Pipe | None:
    """Return a Pipe over an open descriptor, which stays open; None for a regular file."""
    kind = os.fstat(number).st_mode
    if os.name == "nt" or stat.S_ISREG(kind) or stat.S_ISBLK(kind):
        return None
    return Pipe(number, name, owned=False)


def open_pipe(path: Path) -> Pipe:
    """Open a named pipe, a socket or a device without waiting for who writes there.

    Raises UnreadableInput.
    """
    try:
        if path.is_socket() and not str(path).startswith("/dev/"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(str(path))
            return Pipe(connection.detach(), str(path), owned=True)
        if str(path) == "/dev/stdin":
            return Pipe(os.dup(0), str(path), owned=True)
        if path.parent == Path("/dev/fd") and path.name.isdecimal():
            return Pipe(os.dup(int(path.name)), str(path), owned=True)
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        return Pipe(number, str(path), owned=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableInput(f"{path}: cannot be opened ({reason})") from None
