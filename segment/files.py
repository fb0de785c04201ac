"""Files that are whole or not there, and on the disk; and the disk's errors as one line."""

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import tomllib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from segment.errors import OutputError

__all__ = [
    "checksum",
    "is_link",
    "make_folder",
    "orphans",
    "parse_json",
    "partial",
    "read_toml",
    "settle",
    "sweep",
    "sync_folder",
    "told",
    "whole",
    "write_json",
    "write_text",
    "write_whole",
]

SUFFIX = ".part"

LONGEST_TABLE = 1 << 14
"""Bytes of a table that is read: the longest of ours has 2,000. Reading a key of many dots takes
time by their square: 1 s for this many, minutes for a megabyte."""

LONGEST_NAME = 255
"""Bytes of a file's name, on every file system in use but a few that encrypt names."""

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.\d+-[0-9a-f]{8}" + re.escape(SUFFIX), re.DOTALL)


def partial(target: Path) -> Path:
    """A hidden name beside `target` under which this process, and no other, writes it."""
    ending = f".{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
    return target.with_name(f".{_short(target.name, LONGEST_NAME - 1 - len(ending))}{ending}")


def _short(name: str, most: int) -> str:
    """As much of the beginning of `name` as fits into `most` bytes."""
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name


def sweep(folder: Path, ours: Callable[[str], bool]) -> list[Path]:
    """Remove the temporary files and folders of dead runs in `folder`, and return them.

    Only for those who hold the folder's lock: without it the run may be alive. `ours` is asked
    about the name that such a file, or folder, would have got; links and other names stay, and so
    do folders that hold folders: no run of ours leaves one.
    """
    swept = orphans(folder, ours)
    for orphan in swept:
        with told(orphan):
            if orphan.is_dir():
                for path in orphan.iterdir():
                    path.unlink(missing_ok=True)
                orphan.rmdir()
            else:
                orphan.unlink(missing_ok=True)
    return swept


def orphans(folder: Path, ours: Callable[[str], bool]) -> list[Path]:
    """What `sweep` would remove."""
    if is_link(folder) or not folder.is_dir():
        return []
    with told(folder):
        return [
            path
            for path in sorted(folder.iterdir())
            if (match := _TEMPORARY.fullmatch(path.name))
            and ours(match["name"])
            and (stat.S_ISREG(path.lstat().st_mode) or _is_flat(path))
        ]


def _is_flat(path: Path) -> bool:
    """Whether it is a folder, and no link, in which there are files only."""
    return (
        stat.S_ISDIR(path.lstat().st_mode)
        and not is_link(path)
        and all(stat.S_ISREG(inside.lstat().st_mode) for inside in path.iterdir())
    )


@contextlib.contextmanager
def whole(target: Path, *, and_name: bool = True) -> Iterator[Path]:
    """A temporary name to write to; what stands there takes the place of `target` at the end.

    After an exception nothing is left of it, and `target` is what it was. The file, and then its
    name, are on the disk when this ends: a power cut leaves the old file or the new one. Who
    writes many into one folder leaves out `and_name` and calls `sync_folder` once. Raises OSError.
    """
    temporary = partial(target)
    try:
        yield temporary
        settle(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if and_name:
        sync_folder(target.parent)


def write_whole(target: Path, content: bytes) -> None:
    """Write a small file as a whole, or not at all. Raises OutputError."""
    with told(target), whole(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, text: str) -> None:
    """Write a small text as UTF-8, as `write_whole` does."""
    write_whole(target, text.encode("utf-8"))


def write_json(target: Path, document: Any) -> None:
    """Write a small document as JSON, as `write_whole` does."""
    write_text(target, json.dumps(document, indent=1) + "\n")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a table that people wrote. Raises OSError, and ValueError that says what is odd."""
    with path.open("rb") as file:
        content = file.read(LONGEST_TABLE + 1)
    if len(content) > LONGEST_TABLE:
        raise ValueError(f"it has more than {LONGEST_TABLE} bytes")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def parse_json(text: str | bytes) -> Any:
    """Like json.loads, with ValueError also where brackets are nested too deep."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def settle(temporary: Path, target: Path) -> None:
    """Bring `temporary` to the disk and give it the name `target`. Raises OSError."""
    with temporary.open("rb+") as file:
        sync(file.fileno())
    os.replace(temporary, target)


def sync(descriptor: int) -> None:
    """Wait until a file, or folder, is on the disk. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot do it; neither can what is no file.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk. Raises OSError."""
    if os.name == "nt":
        return  # no folder can be opened there, and the file system keeps names by itself
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def told(target: Path, then: str = "add --resume") -> Iterator[None]:
    """Turn the disk's errors into an OutputError that names `target` and the reason.

    then : what to do when a full disk has room again.
    """
    try:
        yield
    except OSError as error:  # PyAV's errors are OSErrors, too
        reason = (error.strerror or str(error)).lower()
        cure = f"; make room, then {then}" if error.errno == errno.ENOSPC else ""
        raise OutputError(f"{target} cannot be written: {reason}{cure}") from error


def make_folder(folder: Path) -> None:
    """Make `folder` and all above it. Raises OutputError when that cannot be."""
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)


def checksum(path: Path) -> list[int]:
    """Size in bytes and CRC-32 of a file: equal for equal files, and nearly never else.

    Raises OSError.
    """
    size = code = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            code = zlib.crc32(block, code)
    return [size, code]


def is_link(path: Path) -> bool:
    """Whether `path` itself leads elsewhere: a symbolic link, or a junction on Windows."""
    return path.is_symlink() or bool(getattr(path, "is_junction", bool)())
