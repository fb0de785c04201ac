"""One PNG per frame: foreground masks, and the labels of objects."""

import re
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.errors import OutputError
from segment.export.files import Mode, Needs, make_folder, sweep, told, write_whole
from segment.export.need import grey_of, labels_of
from segment.frame import Frame

LARGEST_ID = 65535
_NUMBERED = re.compile(r"\d{6,}\.png")


def _filter(name: str) -> list[int]:
    """The encoder's option for a PNG filter; none where this OpenCV has no such choice."""
    option = getattr(cv2, "IMWRITE_PNG_FILTER", None)
    return [] if option is None else [option, getattr(cv2, f"IMWRITE_PNG_FILTER_{name}")]


class _Images:
    """A folder of pictures named by frame number, each written as a whole."""

    output: ClassVar[str]
    needs: ClassVar[Needs]
    _options: ClassVar[list[int]] = []

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        self.target = Path(folder) / self.output
        self.mode = mode
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        """Write `000000.png`, named by `frame.index`. Raises OutputError."""
        picture = self._picture(frame)
        if not self._begun:
            self._begin()
        path = self.target / f"{frame.index:06}.png"
        if self.mode == "resume" and path.exists():
            return
        # No compression level: setting one makes OpenCV slower (8.8 against 3.9 ms at 1080p).
        good, content = cv2.imencode(".png", picture, self._options)
        if not good:
            raise OutputError(f"{path} cannot be encoded as PNG")
        write_whole(path, content.tobytes())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass  # every picture is whole already

    def _begin(self) -> None:
        self._begun = True
        make_folder(self.target)
        sweep(self.target)
        if self.mode == "overwrite":
            with told(self.target):
                for old in numbered(self.target):
                    old.unlink()

    def _picture(self, frame: Frame) -> NDArray[Any]:
        raise NotImplementedError


def numbered(folder: Path) -> list[Path]:
    """The pictures in `folder` that are named by a frame's number."""
    return [path for path in folder.iterdir() if _NUMBERED.fullmatch(path.name)]


class MaskImages(_Images):
    """`masks/000000.png` ...: 8-bit, 255 foreground, 127 shadow if asked for, 0 elsewhere."""

    output = "masks"
    needs: ClassVar[Needs] = "foreground"
    # 3.0 instead of 3.7 ms at 1080p on a cleaned mask, and 7 instead of 10 kB.
    _options = _filter("NONE")

    def _picture(self, frame: Frame) -> NDArray[np.uint8]:
        return grey_of(frame)


class LabelImages(_Images):
    """`labels/000000.png` ...: 16-bit, the id of the object at each pixel, 0 is background."""

    output = "labels"
    needs: ClassVar[Needs] = "labels"

    def _picture(self, frame: Frame) -> NDArray[np.uint16]:
        labels = labels_of(frame)
        most = int(labels.max(initial=0))
        if most > LARGEST_ID:
            raise OutputError(
                f"frame {frame.index} has an object {most}, but a 16-bit picture ends at "
                f"{LARGEST_ID}; export --as coco or --as tracks, or split the video"
            )
        return labels.astype(np.uint16)
