"""What an export has kept of a sequence: masks and ids of every frame, read back in their order."""

import contextlib
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from segment.arrays import Labels, Mask
from segment.errors import SegmentError
from segment.files import parse_json
from segment.mending.corrections import Seen

__all__ = ["Kept"]

SHADOW, FOREGROUND = 127, 255  # of masks as they are written
LABELS, COCO, MASKS, FILM, TRACKS = (
    "labels",
    "objects.json",
    "masks",
    "masks.mkv",
    "tracks.csv",
)
_IMAGES = '], "images": ['  # the line of objects.json behind which its pictures stand


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the disk's errors into one line."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SegmentError(f"{path} cannot be read: {reason}") from None


class Kept:
    """One sequence's folder below an export's OUT.

    Parameters
    ----------
    folder : with `labels/` or `objects.json`, and `tracks.csv`; with `masks/` or `masks.mkv`, too,
        if the foreground that is no object is to be there again.

    Frames are asked for in rising order, each once. Raises SegmentError when the ids were not kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not any((folder / name).exists() for name in (LABELS, COCO)):
            raise SegmentError(
                f"{folder} has neither {LABELS} nor {COCO}, so it is not known where each object "
                "was; run its line again with --as labels"
            )
        self._coco: _Coco | None = None
        self._film: Iterator[Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The outputs that are read."""
        ids = LABELS if (self.folder / LABELS).exists() else COCO
        masks = [name for name in (MASKS, FILM) if (self.folder / name).exists()]
        return (ids, TRACKS, *masks[:1])

    @property
    def has_masks(self) -> bool:
        """Whether the foreground was kept, with what is no object."""
        return len(self.names) > 2

    def seen(self) -> Seen:
        """Who was seen when. Raises SegmentError where that cannot be read."""
        path = self.folder / TRACKS
        try:
            with _told(path), path.open(encoding="utf-8", newline="") as file:
                rows = [
                    (int(r["frame"]), float(r["time"]), int(r["id"])) for r in csv.DictReader(file)
                ]
        except (KeyError, ValueError, TypeError, csv.Error):
            raise SegmentError(f"{path} is not the table that an export writes") from None
        table = np.array(rows, np.float64).reshape(-1, 3)
        return Seen(table[:, 0].astype(np.int64), table[:, 1], table[:, 2].astype(np.int64))

    def labels(self, frame: int, size: tuple[int, int]) -> Labels:
        """The labels (H, W) int32 of a frame of this size, (height, width)."""
        if self.names[0] == LABELS:
            picture = self._fitting(self._picture(LABELS, frame), size, frame)
            labels: Labels = picture.astype(np.int32)
            return labels
        if self._coco is None:
            self._coco = _Coco(self.folder / COCO)
        return self._coco.labels(frame, size)

    def masks(self, frame: int, labels: Labels) -> tuple[Mask, Mask | None]:
        """Foreground and shadow, (H, W) bool, of a frame with these `labels` (H, W) int32.

        Where no masks were kept, what is an object is foreground, and the shadow None.
        """
        if not self.has_masks:
            return labels > 0, None
        size = (labels.shape[0], labels.shape[1])
        if self.names[2] == MASKS:
            grey = self._fitting(self._picture(MASKS, frame), size, frame)
        else:
            grey = self._fitting(self._next_of_film(frame), size, frame)
        shadow = grey == SHADOW
        return grey == FOREGROUND, shadow if shadow.any() else None

    def close(self) -> None:
        """Let go of what is open."""
        if self._coco is not None:
            self._coco.close()
        if self._film is not None:
            self._film.close()  # type: ignore[attr-defined]  # a generator of ours

    def _picture(self, name: str, frame: int) -> Any:
        import cv2

        path = self.folder / name / f"{frame:06}.png"
        with _told(path):
            content = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
        if picture is None:
            raise SegmentError(f"{path} is damaged")
        return picture

    def _next_of_film(self, frame: int) -> Any:
        if self._film is None:
            self._film = _pictures_of(self.folder / FILM)
        picture = next(self._film, None)
        if picture is None:
            raise SegmentError(f"{self.folder / FILM} ends before frame {frame}")
        return picture

    def _fitting(self, picture: Any, size: tuple[int, int], frame: int) -> Any:
        if picture.shape != size:
            raise SegmentError(
                f"frame {frame} in {self.folder} is {picture.shape[1]}x{picture.shape[0]}, but the "
                f"input is {size[1]}x{size[0]}"
            )
        return picture


def _pictures_of(path: Path) -> Iterator[Any]:
    from segment.video import open_frames

    with open_frames(path) as frames:
        for frame in frames:
            yield frame.image[:, :, 0]


class _Coco:
    """objects.json of ours, read a line at a time: a day's has more objects than memory holds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers: dict[int, int] = {}
        with _told(path), path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith(_IMAGES):
                    break
            for line in file:
                image = self._read(line)
                if image is not None:
                    self._numbers[image["frame_index"]] = image["id"]
        self._file = path.open(encoding="utf-8")
        self._file.readline()  # what stands before the first object
        self._next: Any = None
        self._over = False

    def _read(self, line: str) -> Any:
        """What a line holds, or None for one that holds nothing."""
        text = line.strip().rstrip(",")
        if not text.startswith("{"):
            return None
        try:
            return parse_json(text)
        except json.JSONDecodeError:
            raise SegmentError(f"{self._path} is not as an export writes it") from None

    def labels(self, frame: int, size: tuple[int, int]) -> Labels:
        from pycocotools import mask as rle

        if frame not in self._numbers:
            raise SegmentError(f"{self._path} has no frame {frame}")
        number = self._numbers[frame]
        labels = np.zeros(size, np.int32)
        while (thing := self._ahead()) is not None and thing["image_id"] <= number:
            if thing["image_id"] == number:
                code = thing["segmentation"]
                if tuple(code["size"]) != size:
                    raise SegmentError(
                        f"{self._path} has frames of {code['size'][1]}x{code['size'][0]}, but the "
                        f"input is {size[1]}x{size[0]}"
                    )
                inside = rle.decode({"size": list(size), "counts": code["counts"].encode("ascii")})
                labels[inside.view(np.bool_)] = thing["track_id"]
            self._next = None
        return labels

    def _ahead(self) -> Any:
        if self._next is None and not self._over:
            self._next = self._read(self._file.readline())
            self._over = self._next is None
        return self._next

    def close(self) -> None:
        self._file.close()
