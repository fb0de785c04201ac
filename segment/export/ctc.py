"""`ctc/`: tracks as the Cell Tracking Challenge has them, which TrackMate and its scores read."""

import re
from array import array
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tifffile

from segment.errors import OutputError
from segment.export.files import Mode, Needs
from segment.export.folders import FolderSink
from segment.export.need import labels_of
from segment.frame import Frame

__all__ = ["CellTracking"]

LARGEST_ID = 65535


class CellTracking(FolderSink):
    """`ctc/mask000.tif` ... and `ctc/res_track.txt`: 16-bit labels, and a line `L B E P` a track.

    Frames are counted from 0 without gaps, as the format wants it, by three digits or as many as
    the last needs. A track is in every frame from
    its begin B to its end E: an object that comes back goes on under the next free label, with
    the one before as its parent P; 0 is no parent.

    Source: Maška et al., Nature Methods 20, 2023, and the challenge's naming conventions.
    """

    output = "ctc"
    needs: ClassVar[Needs] = "labels"
    holds: ClassVar[re.Pattern[str]] = re.compile(r"mask\d{3,}\.tif|res_track\.txt")

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._count = 0

    def _open(self, frame: Frame, path: Path) -> None:
        self._folder = path
        self._count = 0
        self._begins, self._ends, self._parents = array("q"), array("q"), array("q")
        self._last: dict[int, int] = {}  # label of each id when it was seen last

    def _add(self, frame: Frame) -> None:
        labels = labels_of(frame)
        ids, places = np.unique(labels, return_inverse=True)
        table = np.zeros(len(ids), np.uint16)
        for n, number in enumerate(ids.tolist()):
            if number > 0:
                table[n] = self._label(number, frame.index)
        name = f"mask{self._count:03}.tif"
        tifffile.imwrite(
            self._folder / name,
            table[places].reshape(labels.shape),
            compression="zlib",
            software="Segment",
            metadata=None,
            **_shape(frame),
        )
        self._count += 1

    def _label(self, number: int, index: int) -> int:
        label = self._last.get(number, 0)
        if label and self._ends[label - 1] == self._count - 1:
            self._ends[label - 1] = self._count
            return label
        if len(self._begins) >= LARGEST_ID:
            raise OutputError(
                f"by frame {index} there are more than {LARGEST_ID} tracks, but a 16-bit picture "
                "ends there; export --as coco or --as tracks, or split the video"
            )
        self._begins.append(self._count)
        self._ends.append(self._count)
        self._parents.append(label)
        self._last[number] = len(self._begins)
        return len(self._begins)

    def _close(self) -> None:
        lines = [
            f"{label} {begin} {end} {parent}\n"
            for label, (begin, end, parent) in enumerate(
                zip(self._begins, self._ends, self._parents, strict=True), start=1
            )
        ]
        (self._folder / "res_track.txt").write_text("".join(lines), encoding="ascii")
        digits = len(str(self._count - 1))
        if digits > 3:
            for n in range(min(self._count, 10 ** (digits - 1))):
                short = self._folder / f"mask{n:03}.tif"
                short.rename(self._folder / f"mask{n:0{digits}}.tif")


def _shape(frame: Frame) -> dict[str, Any]:
    """What the file says of pixels that are not square: how many there are across and down."""
    aspect = frame.sequence.aspect.limit_denominator(10_000)
    if aspect == 1:
        return {}
    return {"resolution": (aspect.denominator, aspect.numerator), "resolutionunit": "NONE"}
