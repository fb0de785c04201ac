"""What sinks of text have in common: one open file, closed when whole, let go of when not."""

import contextlib
from pathlib import Path
from typing import IO

from segment.export.files import FileSink, Mode

__all__ = ["TextSink"]


class TextSink(FileSink):
    """A sink of one text file; `_open` of a kind opens `_file`, and `_add` writes to it."""

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._file: IO[str] | None = None

    def _close(self) -> None:
        assert self._file is not None
        self._file.close()

    def _discard(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
