"""Objects as a table: where each one was, and how large, in every frame."""

import csv
from pathlib import Path
from typing import Any, ClassVar

from segment.export.files import Mode, Needs
from segment.export.need import labels_of
from segment.export.text import TextSink
from segment.frame import Frame
from segment.objects import objects_of

COLUMNS = (
    "frame", "time", "id", "x", "y", "width", "height", "centroid_x", "centroid_y", "area",
)  # fmt: skip


class TracksTable(TextSink):
    """`tracks.csv`: one row for each object in each frame.

    `frame` is the number in the input and `time` seconds; the box `x, y, width, height`, the
    centroid (of pixel centres) and `area` are in pixels.
    """

    output = "tracks.csv"
    needs: ClassVar[Needs] = "labels"

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._table: Any = None

    def _open(self, frame: Frame, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._table = csv.writer(self._file, lineterminator="\n")
        self._table.writerow(COLUMNS)

    def _add(self, frame: Frame) -> None:
        for thing in objects_of(labels_of(frame)):
            x, y = thing.centroid
            self._table.writerow(
                (
                    frame.index,
                    f"{frame.time:.6f}",
                    thing.id,
                    thing.x,
                    thing.y,
                    thing.width,
                    thing.height,
                    f"{x:.3f}",
                    f"{y:.3f}",
                    thing.area,
                )
            )
