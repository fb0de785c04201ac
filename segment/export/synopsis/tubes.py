"""Tubes: each object cut out of all its frames, on disk until it is known where in time it goes."""

import contextlib
import struct
import tempfile
import zlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask
from segment.export.synopsis.arrange import Shape
from segment.objects import Object

__all__ = ["STEP", "Slice", "Tube", "Tubes"]

STEP = 0.2
"""Seconds between two looks at where a tube is, when tubes are arranged."""

_COLUMNS = 64  # cells of a row, when tubes are arranged
_GONE = 2.0  # seconds unseen after which an id begins a new tube
_MET = 1.0  # seconds that two are side by side until they have met, and not only passed
_BESIDE = 0.25  # times the smaller's width that they are apart at most
_RIM = 0.06  # of an object's size, around it, in which it fades into the background
_QUALITY = 92  # of the JPEGs
_HEAD = struct.Struct("<hhHHII")  # column, row, width, height of the crop; bytes of both parts


class Slice(NamedTuple):
    """A tube in one frame: a crop at (x, y), what of it is the object, and where it fades."""

    x: int
    y: int
    image: Image
    mask: Mask
    cover: NDArray[np.float32]


@dataclass(slots=True)
class Tube:
    """One object from its first frame to its last; pixels lie on disk, 16 bytes a frame here.

    when, where : which cells of the picture it covers in which step of time, one by one.
    """

    number: int
    start: float
    end: float
    times: "array[float]" = field(default_factory=lambda: array("d"))
    places: "array[int]" = field(default_factory=lambda: array("Q"))
    when: "array[int]" = field(default_factory=lambda: array("i"))
    where: "array[int]" = field(default_factory=lambda: array("i"))

    @property
    def shape(self) -> Shape:
        """What the arrangement needs to know."""
        return Shape(
            self.start, self.end, np.array(self.when, np.int64), np.array(self.where, np.int64)
        )

    def at(self, time: float, late: float) -> int | None:
        """Number of the slice at `time`, None where there is none for `late` seconds before."""
        n = int(np.searchsorted(np.frombuffer(self.times), time + 1e-6)) - 1
        return n if n >= 0 and time - self.times[n] <= late else None


class Tubes:
    """Cuts objects out of frames.

    Parameters
    ----------
    folder : where they lie, in a file without a name.
    size : (height, width) of the frames.
    """

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # see close
        self._end = 0
        self._cell = max(1, -(-size[1] // _COLUMNS))
        self._columns = -(-size[1] // self._cell)
        self.cells = self._columns * -(-size[0] // self._cell)
        self._tubes: list[Tube] = []
        self._live: dict[int, int] = {}  # id: place in the list
        self._beside: dict[tuple[int, int], float] = {}
        self._met: list[tuple[int, int]] = []
        self._time: float | None = None

    def follow(self, image: Image, labels: Labels, things: list[Object], time: float) -> None:
        """Take a frame in."""
        passed = 0.0 if self._time is None else min(time - self._time, 1.0)
        self._time = time
        for thing in things:
            place = self._live.get(thing.id)
            if place is None or time - self._tubes[place].end > _GONE:
                place = self._live[thing.id] = len(self._tubes)
                self._tubes.append(Tube(thing.id, time, time))
            tube = self._tubes[place]
            step = int((time - tube.start) / STEP)
            if not tube.when or tube.when[-1] < step:
                cells = self._cells_of(thing)
                tube.when.extend([step] * len(cells))
                tube.where.extend(cells)
            tube.times.append(time)
            tube.places.append(self._end)
            tube.end = time
            self._write(image, labels, thing)
        self._meet(things, passed)
        gone = [n for n, place in self._live.items() if time - self._tubes[place].end > _GONE]
        for number in gone:
            place = self._live.pop(number)
            for pair in [pair for pair in self._beside if place in pair]:
                del self._beside[pair]

    def _cells_of(self, thing: Object) -> list[int]:
        rows, columns = np.nonzero(thing.mask)
        cells = (rows + thing.y) // self._cell * self._columns + (columns + thing.x) // self._cell
        found: list[int] = np.unique(cells).tolist()
        return found

    def _meet(self, things: list[Object], passed: float) -> None:
        """Count for how long two have been side by side."""
        for n, one in enumerate(things):
            for other in things[n + 1 :]:
                apart = _BESIDE * min(one.width, other.width)
                across = max(one.x, other.x) - min(one.x + one.width, other.x + other.width)
                down = max(one.y, other.y) - min(one.y + one.height, other.y + other.height)
                if across > apart or down > 0:
                    continue
                pair = self._live[one.id], self._live[other.id]
                known = self._beside.get(pair, 0.0)
                if known < _MET <= known + passed:
                    self._met.append(pair)
                self._beside[pair] = known + passed

    def _write(self, image: Image, labels: Labels, thing: Object) -> None:
        rim = _rim(thing.width, thing.height)
        y0, x0 = max(0, thing.y - rim), max(0, thing.x - rim)
        y1 = min(image.shape[0], thing.y + thing.height + rim)
        x1 = min(image.shape[1], thing.x + thing.width + rim)
        crop, numbers = image[y0:y1, x0:x1], labels[y0:y1, x0:x1]
        own = numbers == thing.id
        # 2 where another object stands: it must not show at this one's rim.
        bits = np.packbits(np.stack([own, (numbers > 0) & ~own]))
        turned = crop if crop.shape[2] == 1 else crop[:, :, ::-1]
        good, coded = cv2.imencode(
            ".jpg", np.ascontiguousarray(turned), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        assert good
        picture, mask = coded.tobytes(), zlib.compress(bits.tobytes(), 1)
        self._file.write(_HEAD.pack(x0, y0, x1 - x0, y1 - y0, len(picture), len(mask)))
        self._file.write(picture)
        self._file.write(mask)
        self._end += _HEAD.size + len(picture) + len(mask)

    def slice(self, tube: Tube, n: int) -> Slice:
        """Slice number n of a tube."""
        self._file.seek(tube.places[n])
        x, y, width, height, long, longer = _HEAD.unpack(self._file.read(_HEAD.size))
        coded = np.frombuffer(self._file.read(long), np.uint8)
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[:, :, ::-1]
        raw = np.frombuffer(zlib.decompress(self._file.read(longer)), np.uint8)
        own, others = np.unpackbits(raw, count=2 * height * width).reshape(2, height, width)
        rim = max(1, (min(_rim(width, height), 12) * 2) // 3)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1,) * 2)
        wide = np.asarray(cv2.dilate(own, disc), np.uint8) & (1 - others)
        cover = np.asarray(cv2.blur(wide.astype(np.float32), (rim | 1, rim | 1)), np.float32)
        cover[own > 0] = 1.0
        cover[others > 0] = 0.0
        return Slice(x, y, image, own.astype(bool), cover)

    def groups(self, wanted: Callable[[Tube], bool]) -> list[list[Tube]]:
        """The wanted tubes, those who met in one list, all in the order they began."""
        kept = {n for n, tube in enumerate(self._tubes) if wanted(tube)}
        chief = {n: n for n in kept}

        def head(n: int) -> int:
            while chief[n] != n:
                chief[n] = chief[chief[n]]
                n = chief[n]
            return n

        for one, other in self._met:
            if one in kept and other in kept:
                chief[head(other)] = head(one)
        found: dict[int, list[Tube]] = {}
        for n in sorted(kept):
            found.setdefault(head(n), []).append(self._tubes[n])
        for group in found.values():
            group.sort(key=lambda tube: tube.start)
        return sorted(found.values(), key=lambda group: group[0].start)

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(OSError):
            self._file.close()


def _rim(width: int, height: int) -> int:
    return 2 + round(_RIM * max(width, height))
