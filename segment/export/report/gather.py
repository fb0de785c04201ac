"""What a report keeps while frames go by: each in memory that does not grow with their number."""

import math
import tempfile
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.export.aspect import as_shown
from segment.export.crops import crop_of, score_of
from segment.frame import Frame
from segment.objects import Object

_BINS = 720  # of the strip, at most; half a pixel each on a wide screen
_CELLS = 96  # columns of the heat map
_LOOK = 0.5  # seconds between two looks at the background
_TALL = 176  # pixels of a still's longer side, twice what the page shows
_BETTER = 1.15  # times as large an object must be for a new still
_WAIT = 0.2  # seconds between two stills of one object


@dataclass(slots=True)
class Strip:
    """How many objects there were over time, in bins that double when they are too many."""

    width: float = 1.0
    start: float | None = None
    most: list[int] = field(default_factory=list)
    moving: list[float] = field(default_factory=list)  # seconds with an object, in each bin

    def add(self, time: float, count: int, seconds: float) -> None:
        """Take a frame in: `count` objects, for `seconds`."""
        if self.start is None:
            self.start = time
        place = int((time - self.start) / self.width)
        while place >= _BINS:
            self.width *= 2
            pairs = range(0, len(self.most), 2)
            self.most = [max(self.most[i : i + 2]) for i in pairs]
            self.moving = [sum(self.moving[i : i + 2]) for i in pairs]
            place = int((time - self.start) / self.width)
        while len(self.most) <= place:
            self.most.append(0)
            self.moving.append(0.0)
        self.most[place] = max(self.most[place], count)
        if count:
            self.moving[place] += seconds


class Heat:
    """Where feet stood, seconds a cell."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._step = max(1.0, size[1] / _CELLS)
        self.cells = np.zeros(
            (math.ceil(size[0] / self._step), math.ceil(size[1] / self._step)), np.float32
        )

    def add(self, thing: Object, seconds: float) -> None:
        """An object stood here for so long: its feet are the lowest eighth of its box."""
        bottom = thing.y + thing.height
        top = bottom - max(1, thing.height // 8)
        rows = slice(int(top / self._step), max(1, math.ceil(bottom / self._step)))
        columns = slice(
            int(thing.x / self._step), max(1, math.ceil((thing.x + thing.width) / self._step))
        )
        place = self.cells[rows, columns]
        place += seconds / max(1, place.size)

    def picture(self) -> bytes | None:
        """A PNG with transparency, dark red to white; None when nobody was anywhere."""
        smooth = cv2.GaussianBlur(self.cells, (0, 0), 1.2)
        most = float(np.percentile(smooth[smooth > 0], 99.5)) if smooth.any() else 0.0
        if most <= 0:
            return None
        level = np.clip(smooth / most, 0, 1) ** 0.45
        large = cv2.resize(
            level.astype(np.float32), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC
        )
        shade = np.clip(large * 255, 0, 255).astype(np.uint8)
        colour = cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO)
        alpha = np.clip(large * 1.6 - 0.12, 0, 0.88) * 255
        good, content = cv2.imencode(
            ".png", np.dstack([colour, alpha.astype(np.uint8)]), [cv2.IMWRITE_PNG_COMPRESSION, 9]
        )
        return content.tobytes() if good else None


class Backdrop:
    """The picture behind the objects: a mean of what nobody stood in front of."""

    def __init__(self, widest: int) -> None:
        self._widest = widest
        self._mean: NDArray[np.float32] | None = None
        self._hidden: Mask | None = None  # where nobody has seen it yet
        self._looked = -math.inf
        self._looks = 0

    def add(self, image: Image, foreground: Mask | None, time: float) -> None:
        """Look at the frame, now and then."""
        if time - self._looked < _LOOK:
            return
        self._looked = time
        step = max(1, image.shape[1] // self._widest)
        small = np.ascontiguousarray(image[::step, ::step])
        if self._mean is None:
            self._mean = small.astype(np.float32)
            self._hidden = np.ones(small.shape[:2], bool)
        free = np.ones(small.shape[:2], bool) if foreground is None else ~foreground[::step, ::step]
        self._looks += 1
        share = max(0.04, 1 / self._looks)
        if self._hidden is not None:
            # Where the first picture showed an object, the first free look replaces it.
            fresh = free & self._hidden
            self._mean[fresh] = small[fresh]
            self._hidden &= ~free
            if not self._hidden.any():
                self._hidden = None
        cv2.accumulateWeighted(small, self._mean, share, free.view(np.uint8))

    def picture(self) -> Image | None:
        """(H, W, 3) uint8 RGB, None before the first frame."""
        if self._mean is None:
            return None
        picture = np.clip(self._mean + 0.5, 0, 255).astype(np.uint8)
        if picture.ndim == 2:
            picture = picture[:, :, None]
        return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


@dataclass(slots=True)
class _Still:
    score: float
    time: float
    picture: Image


class Stills:
    """The best picture of every object: live ones in memory, the others as JPEG on disk.

    The best is the largest that the picture's border does not cut.
    """

    def __init__(self, folder: Path) -> None:
        self._live: dict[int, _Still] = {}
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # see close
        self._ids = array("q")
        self._places = array("Q")
        self._end = 0

    def follow(self, frame: Frame, things: list[Object]) -> None:
        """Take a frame in."""
        image, time = frame.image, frame.time
        for thing in things:
            score = score_of(thing, (image.shape[0], image.shape[1]))
            old = self._live.get(thing.id)
            if old is not None and (score < _BETTER * old.score or time - old.time < _WAIT):
                continue
            picture = as_shown(crop_of(image, thing), frame.sequence.aspect)
            self._live[thing.id] = _Still(score, time, shrunk(picture, _TALL))

    def settle(self, number: int) -> None:
        """The object is over: its still goes to the disk."""
        still = self._live.pop(number, None)
        if still is not None:
            content = as_jpeg(still.picture)
            self._file.seek(self._end)
            self._file.write(len(content).to_bytes(4, "little") + content)
            self._ids.append(number)
            self._places.append(self._end)
            self._end += 4 + len(content)

    def take(self, number: int) -> bytes | None:
        """The still of an object that is over, as JPEG."""
        found = np.flatnonzero(np.frombuffer(self._ids, np.int64) == number)
        if not found.size:
            return None
        self._file.seek(self._places[int(found[-1])])
        return self._file.read(int.from_bytes(self._file.read(4), "little"))

    def close(self) -> None:
        """Let go of the file."""
        self._live.clear()
        self._file.close()


def shrunk(image: Image, longest: int) -> Image:
    """A copy whose longer side has at most `longest` pixels."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image.copy()
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small[:, :, None] if small.ndim == 2 else small


def as_jpeg(image: Image, quality: int = 78) -> bytes:
    """An RGB or grey picture as JPEG."""
    turned: Any = image if image.shape[2] == 1 else image[:, :, ::-1]
    good, content = cv2.imencode(
        ".jpg", np.ascontiguousarray(turned), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert good
    return content.tobytes()
