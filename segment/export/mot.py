"""Objects as the text of the Multiple Object Tracking challenges."""

import contextlib
from pathlib import Path
from typing import IO, ClassVar

from segment.export.files import FileSink, Mode, Needs
from segment.export.need import labels_of
from segment.export.objects import objects_of
from segment.frame import Frame


class MotText(FileSink):
    """`mot.txt`: `frame,id,left,top,width,height,1,-1,-1,-1` for each object in each frame.

    As that format has it, frames count from 1 and a box's first pixel is 1; so `frame` is the
    number in the input plus one. The confidence is always 1, and there is no place in the world.
    """

    output = "mot.txt"
    needs: ClassVar[Needs] = "labels"

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._file: IO[str] | None = None

    def _open(self, frame: Frame, path: Path) -> None:
        self._file = path.open("w", encoding="ascii", newline="\n")

    def _add(self, frame: Frame) -> None:
        assert self._file is not None
        for thing in objects_of(labels_of(frame)):
            box = f"{thing.x + 1},{thing.y + 1},{thing.width},{thing.height}"
            self._file.write(f"{frame.index + 1},{thing.id},{box},1,-1,-1,-1\n")

    def _close(self) -> None:
        assert self._file is not None
        self._file.close()

    def _discard(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
