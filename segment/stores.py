"""Files that lie in a store: s3://, gs://, az://, memory:// and others that fsspec knows.

Addresses that FFmpeg reads by itself (https://, rtsp://, ...) are none of these. A store's address
names one place and no other: chains of fsspec's (`zip::s3://...`) and lists that lead on are not
taken, whatever is allowed to playlists.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segment.errors import InputError, OutputError, SegmentError, UnreadableInput

__all__ = [
    "Stored", "below", "fetch", "is_store", "listed", "names_in", "open_stored", "put",
    "read", "stamp", "told",
]  # fmt: skip

_WHOLE = frozenset(["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "hf", "memory"])
"""Stores in which an object is there when it is whole, and not before."""

STORES = _WHOLE | frozenset(["hdfs", "webhdfs", "smb"])

BLOCK = 4 << 20
"""Bytes that are read at once: an MP4 keeps its index at the end, and its reader jumps."""

_BLOCKS = 8  # that are kept


def is_store(address: object) -> bool:
    """Say whether something is the address of a store."""
    scheme, sign, _ = str(address).partition("://") if isinstance(address, str) else ("", "", "")
    return bool(sign) and scheme.lower() in STORES


def told(address: str) -> str:
    """The address as it is shown: without user, password and what stands behind a ?."""
    scheme, _, rest = address.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


@contextlib.contextmanager
def _in_words(address: str, kind: type[SegmentError]) -> Iterator[None]:
    """Raise what goes wrong in a store, of whatever library, as one line."""
    try:
        yield
    except SegmentError:
        raise
    except FileNotFoundError:
        raise kind(f"{told(address)}: there is no such file") from None
    except Exception as error:
        name = type(error).__name__
        reason = " ".join((getattr(error, "strerror", None) or str(error)).split())[:300]
        raise kind(f"{told(address)}: the store says {reason or name} ({name})") from None


def _opened(address: str, kind: type[SegmentError]) -> tuple[Any, str]:
    """The file system and the path in it."""
    if "::" in address:
        raise kind(f"{told(address)}: a chain of addresses is not taken; name the file itself")
    scheme = address.partition("://")[0].lower()
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise kind(
            f"{scheme}:// needs fsspec; pip install 'segment-em[remote]' brings it"
        ) from None
    try:
        with _in_words(address, kind):
            place, path = url_to_fs(address)
    except ImportError as error:
        raise kind(f"{told(address)}: {error}") from None
    return place, str(path)


class Stored:
    """A file of a store for reading, as PyAV takes it: read, seek, tell, name."""

    def __init__(self, address: str) -> None:
        self.name = told(address)
        self._address = address
        place, path = _opened(address, UnreadableInput)
        with _in_words(address, UnreadableInput):
            if place.isdir(path):
                raise UnreadableInput(f"{self.name}: is a folder; --recursive reads what is below")
            self._file = place.open(
                path, "rb", block_size=BLOCK, cache_type="blockcache",
                cache_options={"maxblocks": _BLOCKS},
            )  # fmt: skip

    def read(self, size: int = -1) -> bytes:
        try:
            found: bytes = self._file.read(size)
        except Exception as error:
            raise OSError(f"{self.name}: {error}") from None
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        place: int = self._file.seek(offset, whence)
        return self._file.tell() if place is None else place

    def tell(self) -> int:
        return int(self._file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()


def open_stored(address: str) -> Any:
    """Open a file of a store for reading. Raises UnreadableInput."""
    return Stored(address)


def read(address: str, most: int = 1 << 28) -> bytes | None:
    """Return what a small file holds, None when it is not there. Raises InputError."""
    place, path = _opened(address, InputError)
    with _in_words(address, InputError):
        if not place.exists(path):
            return None
        with place.open(path, "rb") as file:
            content: bytes = file.read(most)
    return content


def listed(pattern: str) -> list[str]:
    """Return the addresses of the files that a pattern of wildcards stands for."""
    place, path = _opened(pattern, InputError)
    with _in_words(pattern, InputError):
        return sorted(place.unstrip_protocol(name) for name in place.glob(path))


def below(address: str) -> list[str]:
    """Return the addresses of all files below a folder; itself, when it is a file."""
    place, path = _opened(address, InputError)
    with _in_words(address, InputError):
        return sorted(place.unstrip_protocol(name) for name in place.find(path))


def names_in(address: str) -> set[str]:
    """Return what lies in a folder, by name; nothing where there is none. Raises OutputError."""
    place, path = _opened(address, OutputError)
    with _in_words(address, OutputError):
        place.invalidate_cache(path)
        try:
            found = place.ls(path, detail=False)
        except FileNotFoundError:
            return set()
    return {str(name).rstrip("/").rsplit("/", 1)[-1] for name in found}


def stamp(address: str) -> list[Any] | None:
    """Return what tells a file from another that had its place: its size, and its mark or time."""
    place, path = _opened(address, InputError)
    with contextlib.suppress(Exception):
        facts = place.info(path)
        mark = next(
            (facts[key] for key in ("ETag", "etag", "md5", "LastModified", "created", "mtime")
             if facts.get(key)), None,
        )  # fmt: skip
        return [facts.get("size"), None if mark is None else str(mark)]
    return None


def fetch(address: str, path: Path) -> bool:
    """Copy a small file of a store here; False when it is not there. Raises OutputError."""
    try:
        content = read(address)
    except InputError as error:
        raise OutputError(str(error)) from None
    if content is None:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def put(path: Path, address: str) -> None:
    """Copy a file into a store, where it is there when it is whole. Raises OutputError."""
    place, target = _opened(address, OutputError)
    whole = re.split("[:/]", address, maxsplit=1)[0].lower() in _WHOLE
    with _in_words(address, OutputError):
        above = target.rsplit("/", 1)[0]
        if not whole:
            place.makedirs(above, exist_ok=True)
            place.put_file(os.fspath(path), f"{target}.part")
            place.mv(f"{target}.part", target)
        else:
            place.put_file(os.fspath(path), target)
