"""Objects as the text of the Multiple Object Tracking challenges."""

from pathlib import Path
from typing import ClassVar

from segment.export.files import Needs
from segment.export.need import labels_of
from segment.export.text import TextSink
from segment.frame import Frame
from segment.objects import objects_of


class MotText(TextSink):
    """`mot.txt`: `frame,id,left,top,width,height,1,-1,-1,-1` for each object in each frame.

    As that format has it, frames count from 1 and a box's first pixel is 1; so `frame` is the
    number in the input plus one, and of pictures whose names count from 1 (or are a later part of
    those) the number itself. The confidence is always 1, and there is no place in the world.
    """

    output = "mot.txt"
    needs: ClassVar[Needs] = "labels"

    def _open(self, frame: Frame, path: Path) -> None:
        self._file = path.open("w", encoding="ascii", newline="\n")

    def _add(self, frame: Frame) -> None:
        assert self._file is not None
        number = frame.index + (0 if frame.sequence.first else 1)
        for thing in objects_of(labels_of(frame)):
            box = f"{thing.x + 1},{thing.y + 1},{thing.width},{thing.height}"
            self._file.write(f"{number},{thing.id},{box},1,-1,-1,-1\n")
