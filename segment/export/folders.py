"""Outputs that are a folder: which names in it are theirs, and one that is whole or not there."""

import contextlib
import os
import re
import shutil
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from segment.errors import OutputError
from segment.export.files import Mode, Needs, refuse_link
from segment.files import make_folder, partial, sync, sync_folder, told
from segment.frame import Frame

__all__ = ["FolderSink", "remove_held", "within"]


def within(folder: Path, holds: re.Pattern[str]) -> list[Path]:
    """What lies in `folder` under a name that an output may give to its files, in order."""
    return sorted(path for path in folder.iterdir() if holds.fullmatch(path.name))


def remove_held(folder: Path, holds: re.Pattern[str]) -> None:
    """Remove the files of an output. Raises OutputError, and removes none, for what is no file."""
    with told(folder):
        files = within(folder, holds)
        for path in files:
            if path.is_symlink() or not path.is_file():
                raise OutputError(f"{path} is no file; move it, or choose another folder")
        for path in files:
            path.unlink()


class FolderSink:
    """A sink of one folder, filled under a temporary name until it is whole.

    Parameters
    ----------
    folder : of the sequence; made when the first frame comes.
    mode : "new", "overwrite" or "resume". One that is half full cannot be continued: the last two
        replace the files in it that an output of this kind may have written, and no others.

    A subclass begins in `_open`, takes frames in `_add` and ends in `_close`; it writes to the
    folder that `_open` was given, under names that `holds` matches as a whole.
    """

    output: ClassVar[str]
    needs: ClassVar[Needs]
    holds: ClassVar[re.Pattern[str]]

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        self.target = Path(folder) / self.output
        self.mode = mode
        self._temporary: Path | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        """Write one frame. Raises OutputError when the disk refuses."""
        with told(self.target):
            if self._temporary is None:
                make_folder(self.target.parent)
                refuse_link(self.target)
                self._temporary = partial(self.target)
                self._temporary.mkdir()
                self._open(frame, self._temporary)
            self._add(frame)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        temporary, self._temporary = self._temporary, None
        if temporary is None:
            return
        try:
            if kind is None:
                with told(self.target):
                    self._close()
                    _settle(temporary, self.target, self.holds)
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(temporary)

    def _open(self, frame: Frame, folder: Path) -> None:
        raise NotImplementedError

    def _add(self, frame: Frame) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


def _settle(temporary: Path, target: Path, holds: re.Pattern[str]) -> None:
    """Bring the files in `temporary` to the disk, and give it, or them, their name."""
    files = sorted(temporary.iterdir())
    for path in files:
        with path.open("rb+") as file:
            sync(file.fileno())
    sync_folder(temporary)
    if target.is_dir():  # what else lies there is somebody's
        remove_held(target, holds)
        for path in files:
            os.replace(path, target / path.name)
        sync_folder(target)
    else:
        os.replace(temporary, target)
    sync_folder(target.parent)
