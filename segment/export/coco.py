"""Objects as COCO: one JSON file that pycocotools, FiftyOne and the like load."""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from segment.export.files import FileSink, Mode, Needs
from segment.export.need import labels_of
from segment.frame import Frame
from segment.objects import Object, objects_of

CATEGORY = {"id": 1, "name": "object", "supercategory": "object"}


class CocoFile(FileSink):
    """`objects.json`: for every object in every frame RLE, bbox, area and track_id.

    An image's `file_name` is the picture's own in a folder of pictures; frames of other inputs are
    called as in `masks/`. Memory stays constant: annotations go to the file as they come, and the
    list of images, which stands behind them, waits in a temporary file.
    """

    output = "objects.json"
    needs: ClassVar[Needs] = "labels"

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._file: IO[str] | None = None
        self._images: IO[str] | None = None

    def _open(self, frame: Frame, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        # Beside the output: there is room for one, so there is for the other.
        self._images = tempfile.TemporaryFile(  # noqa: SIM115  # see _discard
            "w+", encoding="utf-8", dir=path.parent
        )
        sequence = frame.sequence
        info = {
            "description": f"objects in {sequence.name}, found by Segment",
            "frames_per_second": float(sequence.rate),
        }
        if sequence.aspect != 1:
            info["pixel_aspect"] = float(sequence.aspect)  # width by height; boxes are in pixels
        head = json.dumps({"info": info, "licenses": [], "categories": [CATEGORY]})
        self._file.write(f'{head[:-1]}, "annotations": [')
        self._annotations = self._frames = 0

    def _add(self, frame: Frame) -> None:
        assert self._file is not None
        assert self._images is not None
        labels = labels_of(frame)
        height, width = labels.shape
        image = {
            "id": self._frames + 1,
            "width": width,
            "height": height,
            "file_name": frame.file_name or f"{frame.index:06}.png",
            "frame_index": frame.index,
            "time": frame.time,
        }
        self._images.write(f"{',' if self._frames else ''}\n{json.dumps(image)}")
        self._frames += 1
        for thing in objects_of(labels):
            counts = compress(column_runs(thing, height, width))
            self._annotations += 1
            annotation: dict[str, Any] = {
                "id": self._annotations,
                "image_id": self._frames,
                "category_id": CATEGORY["id"],
                "track_id": thing.id,
                "segmentation": {"size": [height, width], "counts": counts},
                "bbox": [thing.x, thing.y, thing.width, thing.height],
                "area": thing.area,
                "iscrowd": 0,
            }
            self._file.write(f"{',' if self._annotations > 1 else ''}\n{json.dumps(annotation)}")

    def _close(self) -> None:
        assert self._file is not None
        assert self._images is not None
        self._file.write('\n], "images": [')
        self._images.seek(0)
        shutil.copyfileobj(self._images, self._file)
        self._file.write("\n]}\n")
        self._file.close()

    def _discard(self) -> None:
        for file in (self._file, self._images):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
        self._file = self._images = None


def column_runs(thing: Object, height: int, width: int) -> NDArray[np.int64]:
    """Lengths of the runs down the columns of a (height, width) picture, the first one outside.

    Only the object's box is looked at: the cost does not depend on the picture's size.
    """
    # An empty row above and below the box: every column begins and ends outside the object.
    columns = np.zeros((thing.width, thing.height + 2), bool)
    columns[:, 1:-1] = thing.mask.T
    changes = np.flatnonzero(columns[:, 1:] != columns[:, :-1])
    column, row = np.divmod(changes, thing.height + 1)
    edges = (thing.x + column) * height + thing.y + row
    if thing.height == height:
        # A run that reaches the last row may go on at the top of the next column.
        joined = 2 * np.flatnonzero(edges[1:-1:2] == edges[2::2]) + 1
        edges = np.delete(edges, np.concatenate([joined, joined + 1]))
    runs = np.diff(edges, prepend=0, append=height * width)
    return runs if runs[-1] else runs[:-1]


def compress(runs: NDArray[np.int64]) -> str:
    """Lengths of runs as COCO's string."""
    total = int(runs.sum())
    code = rle.frPyObjects({"counts": runs, "size": [total, 1]}, total, 1)
    return str(code["counts"].decode("ascii"))
