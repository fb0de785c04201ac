"""Objects as COCO: one JSON file that pycocotools, FiftyOne and the like load."""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from pycocotools import mask as rle

from segment.export.files import FileSink, Mode, Needs
from segment.export.need import labels_of
from segment.export.objects import objects_of
from segment.frame import Frame

CATEGORY = {"id": 1, "name": "object", "supercategory": "object"}


class CocoFile(FileSink):
    """`objects.json`: for every object in every frame RLE, bbox, area and track_id.

    Memory stays constant: annotations go to the file as they come, and the list of
    images, which stands behind them, waits in a temporary file.
    """

    output = "objects.json"
    needs: ClassVar[Needs] = "labels"

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._file: IO[str] | None = None
        self._images: IO[str] | None = None

    def _open(self, frame: Frame, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._images = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # see _discard
        sequence = frame.sequence
        info = {
            "description": f"objects in {sequence.name}, found by Segment",
            "frames_per_second": float(sequence.rate),
        }
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
            "file_name": f"{frame.index:06}.png",
            "frame_index": frame.index,
            "time": frame.time,
        }
        self._images.write(f"{',' if self._frames else ''}\n{json.dumps(image)}")
        self._frames += 1
        for thing in objects_of(labels):
            # Columns first, as RLE counts; only the object's own columns are written anew.
            canvas = np.zeros((height, width), np.uint8, order="F")
            rows = slice(thing.y, thing.y + thing.height)
            canvas[rows, thing.x : thing.x + thing.width] = thing.mask
            counts = rle.encode(canvas)["counts"].decode("ascii")
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
