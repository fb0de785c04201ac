"""One writer at a time: a lock for each folder of outputs, and each file of what was learned.

The operating system holds the lock, so that it is free the moment its process ends, however that
ends. Where a file system cannot lock, or only among the processes of one machine, the lock's
file tells who has it, and its holder touches it every few seconds: who has not for long is dead.
"""

import contextlib
import errno
import importlib
import json
import os
import platform
import threading
import time
import weakref
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from segment.errors import OutputError
from segment.files import is_link, told

# On Windows the lock's file alone tells who has it.
fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None

__all__ = ["Busy", "Lock"]

BEAT = 5.0
"""Seconds between two signs of life of a holder."""

DEAD = 30.0
"""Seconds without one after which a holder elsewhere is taken for dead; a loaded machine is
late by a few, and a machine that starts again needs longer."""

_PATIENCE, _MOMENT = 20, 0.05
"""Looks at a lock that names nobody yet, and seconds between two of them."""

_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)

_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}


class Busy(OutputError):
    """Another run writes there."""


class Lock:
    """The right to write `what`, as long as the file `path` is locked.

    Used in a `with`; `acquire` raises Busy when another run, or another lock of this process, has
    it. The file goes when the lock is released; that of a dead run is taken over.
    """

    def __init__(self, path: Path, what: Path) -> None:
        self.path = path
        self.what = what
        self._descriptor: int | None = None
        self._released = threading.Event()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock. Raises Busy, or OutputError when its file cannot be made."""
        if is_link(self.path):
            raise OutputError(f"{self.path} is a link; remove it, or choose another folder")
        with told(self.path):
            self._descriptor = self._open()
        try:
            with told(self.path):
                os.ftruncate(self._descriptor, 0)
                os.lseek(self._descriptor, 0, os.SEEK_SET)
                os.write(self._descriptor, json.dumps(_myself()).encode())
                os.fsync(self._descriptor)
        except BaseException:
            self.release()
            raise
        self._released.clear()
        _held.add(self)
        threading.Thread(target=self._beat, name="segment-lock", daemon=True).start()

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        try:
            self._let_go()
        except BaseException:  # a signal's, in the middle of it
            self._let_go()
            raise

    def _let_go(self) -> None:
        self._released.set()
        descriptor = self._descriptor
        if descriptor is None:
            return
        # Removed before it is unlocked: who opened it in between finds another file, or none,
        # under its name and tries again.
        with contextlib.suppress(OSError):
            if _same_file(descriptor, self.path):
                self.path.unlink()
        self._descriptor = None
        os.close(descriptor)

    def check(self) -> None:
        """Raise Busy when another run has the lock. Nothing is changed."""
        if is_link(self.path) or not self.path.is_file():
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, _FLAGS)
            try:
                self._refuse_if_held(descriptor, made=False)
            finally:
                os.close(descriptor)

    def _open(self) -> int:
        """The locked file that stands under the lock's name."""
        while True:
            try:
                descriptor, made = os.open(self.path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
            except FileExistsError:
                try:
                    descriptor, made = os.open(self.path, _FLAGS), False
                except FileNotFoundError:
                    continue
            try:
                self._refuse_if_held(descriptor, made)
                if _same_file(descriptor, self.path):
                    return descriptor
            except BaseException:
                if made:
                    with contextlib.suppress(OSError):
                        self.path.unlink()
                os.close(descriptor)
                raise
            os.close(descriptor)  # its holder has just removed it

    def _refuse_if_held(self, descriptor: int, made: bool) -> None:
        locked = _try_to_lock(descriptor)
        if locked is True and made:
            return
        holder = _read(descriptor)
        for _ in range(_PATIENCE):
            if holder or locked is True or made:
                break
            # It exists since a moment ago: who made it is about to write a name into it.
            time.sleep(_MOMENT)
            holder = _read(descriptor)
        if locked is False or (not made and self._may_live(holder, locked is True)):
            raise Busy(f"{self.what} is being written by another run{_describe(holder)}")

    def _may_live(self, holder: dict[str, Any], locked: bool) -> bool:
        """Whether who wrote the lock's file may still be at work, although it is not locked."""
        mine = _myself()
        if holder.get("kernel") == mine["kernel"]:
            # One kernel: it knows of every lock. Where it cannot lock, it knows who is alive.
            return not locked and self._is_alive(holder.get("pid"))
        if holder.get("host") == mine["host"] or (locked and not holder):
            return False  # this machine has started again since, or nobody came to the writing
        return self._silence() < DEAD

    def _is_alive(self, pid: object) -> bool:
        if os.name == "nt" or not isinstance(pid, int) or pid <= 0:
            return self._silence() < DEAD  # asking Windows whether a process lives would end it
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            return True
        return True

    def _silence(self) -> float:
        """Seconds since the last sign of life, by the clock of the disk itself."""
        probe = self.path.with_name(f"{self.path.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            probe.touch()
            now = probe.stat().st_mtime
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        return now - self.path.stat().st_mtime

    def _beat(self) -> None:
        released = self._released
        while not released.wait(BEAT):
            with contextlib.suppress(OSError):
                if self._descriptor is not None:
                    os.utime(self.path)

    def _forget(self) -> None:
        """In a forked child: the lock is its parent's, and must end with the parent."""
        descriptor, self._descriptor = self._descriptor, None
        self._released.set()
        if descriptor is not None:
            os.close(descriptor)


def _try_to_lock(descriptor: int) -> bool | None:
    """Whether the lock was free, and is ours now; None where nothing can be locked."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        return False
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _myself() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "kernel": _kernel(),
    }


def _kernel() -> str:
    """What all processes under one running kernel share, those in containers, too."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return platform.node()


def _describe(holder: dict[str, Any]) -> str:
    if not holder:
        return "; wait for its end, or choose another folder"
    pid, host, started = (" ".join(str(holder.get(k, "?")).split()) for k in _TOLD)
    return (
        f" (process {pid} on {host}, started {started}); wait for its end, or choose another folder"
    )


_TOLD = ("pid", "host", "started")

_held: "weakref.WeakSet[Lock]" = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
