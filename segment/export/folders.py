"""Outputs that are a folder: which names in it are theirs, and one that is whole or not there."""

import os
import re
import shutil
from pathlib import Path
from typing import ClassVar

from segment.errors import OutputError
from segment.export.files import WholeSink
from segment.files import sync, sync_folder, told

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


class FolderSink(WholeSink):
    """A sink of one folder.

    One that is half full cannot be continued: "overwrite" and "resume" replace the files in it
    that an output of this kind may have written, and no others.

    A subclass writes to the folder that `_open` was given, under names that `holds` matches as a
    whole.
    """

    holds: ClassVar[re.Pattern[str]]

    def _make(self, temporary: Path) -> None:
        temporary.mkdir()

    def _keep(self, temporary: Path) -> None:
        _settle(temporary, self.target, self.holds)

    def _remove(self, temporary: Path) -> None:
        shutil.rmtree(temporary)


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
