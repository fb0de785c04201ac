"""Writing that is whole or not there: temporary names, and errors of the disk as one line."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self

from segment.errors import OutputError
from segment.frame import Frame

Mode = Literal["new", "overwrite", "resume"]
Needs = Literal["foreground", "labels", "any"]

SUFFIX = ".part"


def partial(target: Path) -> Path:
    """The hidden name beside `target` under which it is written."""
    return target.with_name(f".{target.name}{SUFFIX}")


def sweep(folder: Path) -> None:
    """Remove what a killed run left half written in `folder`."""
    if folder.is_dir():
        with told(folder):
            for orphan in folder.glob(f".*{SUFFIX}"):
                orphan.unlink(missing_ok=True)


@contextlib.contextmanager
def told(target: Path) -> Iterator[None]:
    """Turn the disk's errors into an OutputError that names `target` and the reason."""
    try:
        yield
    except OSError as error:  # PyAV's errors are OSErrors, too
        reason = (error.strerror or str(error)).lower()
        cure = "; make room, then add --resume" if error.errno == errno.ENOSPC else ""
        raise OutputError(f"{target} cannot be written: {reason}{cure}") from error


def write_whole(target: Path, content: bytes) -> None:
    """Write a small file: it stands under its name as a whole, or not at all."""
    temporary = partial(target)
    with told(target):
        try:
            temporary.write_bytes(content)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


class FileSink:
    """A sink of one file, written under a temporary name until it is whole.

    Parameters
    ----------
    folder : of the sequence; made when the first frame comes.
    mode : "new", "overwrite" or "resume". One file cannot be continued: the last two replace it.

    A subclass opens its writer in `_open`, takes frames in `_add` and ends the file in
    `_close`; `_discard` lets go of a writer whose file will be deleted.
    """

    output: ClassVar[str]
    needs: ClassVar[Needs]

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        self.target = Path(folder) / self.output
        self.mode = mode
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        """Write one frame. Raises OutputError when the disk refuses."""
        if not self._begun:
            make_folder(self.target.parent)
            with told(self.target):
                self._begun = True
                self._open(frame, partial(self.target))
        with told(self.target):
            self._add(frame)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._begun:
            return
        self._begun = False
        temporary = partial(self.target)
        try:
            if kind is None:
                with told(self.target):
                    self._close()
                    os.replace(temporary, self.target)
        finally:
            # After a success nothing is left to discard.
            with contextlib.suppress(Exception):
                self._discard()
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _open(self, frame: Frame, path: Path) -> None:
        raise NotImplementedError

    def _add(self, frame: Frame) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _discard(self) -> None:
        pass


def make_folder(folder: Path) -> None:
    """Make `folder` and all above it. Raises OutputError when that cannot be."""
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
