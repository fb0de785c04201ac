"""What was found in a stretch of a film, in one file, until the stretches are joined.

A frame is a line of JSON and, compressed, the runs of its planes: masks and labels, as they are,
but no picture. The list at the end says where each frame begins; a file without one is none.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from segment.errors import InputError
from segment.files import make_folder, told, whole
from segment.frame import Frame, SequenceInfo

__all__ = ["BadPiece", "Found", "Piece", "Stretch", "stretches", "write_piece"]

_MAGIC = b"segment piece 1\n"
_HEAD = struct.Struct("<II")  # bytes of the line of JSON, and of the planes
_TAIL = struct.Struct("<Q")  # where the list begins

_PLANES = ("foreground", "shadow", "labels")
Rename = Callable[[NDArray[np.int32]], NDArray[np.int32]] | None

_TYPES: dict[str, Any] = {
    "foreground": np.bool_,
    "shadow": np.bool_,
    "labels": np.int32,
    "region": np.bool_,
}


SLACK = 1e-6
"""Seconds by which a frame may be early: .8 s three times is a little more than 2.4 s."""


class BadPiece(InputError):
    """A file is no piece, or is damaged."""


@dataclass
class Found:
    """What a stretch tells beside its frames.

    Attributes
    ----------
    void : why it is none, in which case the film is to be read in one pass; None when it is.
    warm, own : numbers (`Frame.index`) of the frames it was warmed up by, and of its own.
    seam, end : checksums of the pictures of the last frame before the stretch, and of its last.
    damage : lost, flagged, reasons of what was read so far, where that begins at the beginning.
    """

    void: str | None = None
    warm: list[int] = field(default_factory=list)
    own: list[int] = field(default_factory=list)
    seam: int | None = None
    end: int | None = None
    damage: tuple[int, int, list[str]] = (0, 0, [])
    scaled: int = 0
    warnings: list[str] = field(default_factory=list)
    absurd: dict[str, str] = field(default_factory=dict)


def write_piece(path: Path, frames: Iterator[tuple[Frame, bool]], found: Found) -> int:
    """Write frames, and whether each is the stretch's own, and then `found`; return how many own.

    `found` may be filled while the frames come. The file is there when it is whole.
    """
    make_folder(path.parent)
    with told(path), whole(path) as temporary, temporary.open("wb") as file:
        writer = _Writer(file)
        for frame, own in frames:
            (found.own if own else found.warm).append(frame.index)
            writer.add(frame)
        writer.end(found)
    return len(found.own)


class _Writer:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places: list[int] = []
        self._sequence: SequenceInfo | None = None
        self._region: Any = None
        self._file.write(_MAGIC)

    def add(self, frame: Frame) -> None:
        self._places.append(self._file.tell())
        head: dict[str, Any] = {
            "index": frame.index, "time": frame.time, "channels": frame.image.shape[2],
            "size": frame.image.shape[:2], "file_name": frame.file_name,
        }  # fmt: skip
        planes = {name: getattr(frame, name) for name in _PLANES}
        if frame.sequence != self._sequence:
            self._sequence = frame.sequence
            head["sequence"] = _as_dict(frame.sequence)
        if frame.region is not self._region:
            self._region = frame.region
            planes["region"] = frame.region
        blobs = []
        for name, plane in planes.items():
            if plane is None:
                continue
            starts, values = _runs(plane)
            head[name] = len(starts)
            blobs += [np.diff(starts, prepend=0).astype(np.int32), values.astype(np.int32)]
        self._record(head, b"".join(blob.tobytes() for blob in blobs))

    def end(self, found: Found) -> None:
        place = self._file.tell()
        self._record({"places": self._places, "found": asdict(found)}, b"")
        self._file.write(_TAIL.pack(place))

    def _record(self, head: dict[str, Any], planes: bytes) -> None:
        line = json.dumps(head, separators=(",", ":")).encode("utf-8", "surrogatepass")
        packed = zlib.compress(planes, 1)
        self._file.write(_HEAD.pack(len(line), len(packed)))
        self._file.write(line)
        self._file.write(packed)


def _runs(plane: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Where each run of equal values begins, row by row, and its value."""
    flat = np.ascontiguousarray(plane).reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    return starts, flat[starts]


def _as_dict(info: SequenceInfo) -> dict[str, Any]:
    return {
        "name": info.name, "size": info.size, "rate": str(info.rate), "length": info.length,
        "first": info.first, "aspect": str(info.aspect), "step": info.step,
    }  # fmt: skip


def _as_sequence(content: dict[str, Any]) -> SequenceInfo:
    height, width = content["size"]
    return SequenceInfo(
        name=content["name"], size=(height, width), rate=Fraction(content["rate"]),
        length=content["length"], first=content["first"], aspect=Fraction(content["aspect"]),
        step=content["step"],
    )  # fmt: skip


class Piece:
    """A file of `write_piece` to read; a context manager.

    Attributes
    ----------
    found : what it tells beside its frames.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with told(path):
            self._file = path.open("rb")
        try:
            content = self._look()
            self._places: list[int] = [int(place) for place in content["places"]]
            self.found = Found(**content["found"])
        except (KeyError, TypeError, ValueError, OSError, struct.error, zlib.error):
            self._file.close()
            raise BadPiece(f"{path} is damaged; delete it and add --resume") from None
        self._sequence: SequenceInfo | None = None
        self._region: Any = None

    def _look(self) -> dict[str, Any]:
        if self._file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError(self._path)
        self._file.seek(-_TAIL.size, 2)
        (place,) = _TAIL.unpack(self._file.read(_TAIL.size))
        return self._record(place)[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; twice is as good as once."""
        self._file.close()

    def own(self, rename: Rename = None) -> Iterator[Frame]:
        """Yield the frames that are the stretch's own, with labels renamed.

        Instead of a picture a frame has zeros of its shape, which take no memory.
        """
        for n in range(len(self.found.warm), len(self._places)):
            yield self._frame(n, rename)

    def some(self, numbers: Iterable[int], rename: Rename = None) -> Iterator[Frame]:
        """Yield the frames of these numbers, of the warm-up, too."""
        known = {number: n for n, number in enumerate([*self.found.warm, *self.found.own])}
        for number in numbers:
            yield self._frame(known[number], rename)

    def _frame(self, n: int, rename: Rename = None) -> Frame:
        try:
            head, planes = self._record(self._places[n])
            return self._as_frame(head, planes, rename)
        except (KeyError, TypeError, ValueError, OSError, struct.error, zlib.error):
            raise BadPiece(f"{self._path} is damaged; delete it and add --resume") from None

    def _as_frame(self, head: dict[str, Any], planes: bytes, rename: Rename) -> Frame:
        if "sequence" in head:
            self._sequence = _as_sequence(head["sequence"])
        elif self._sequence is None:  # somebody begins in the middle
            self._sequence = _as_sequence(self._record(self._places[0])[0]["sequence"])
        assert self._sequence is not None
        height, width = head["size"]
        values = np.frombuffer(planes, np.int32)
        found: dict[str, Any] = {}
        at = 0
        for name in (*_PLANES, "region"):
            if name not in head:
                continue
            count = head[name]
            starts = np.cumsum(values[at : at + count])
            lengths = np.diff(starts, append=height * width)
            content = values[at + count : at + 2 * count].astype(_TYPES[name])
            if name == "labels" and rename is not None:
                content = rename(content)
            found[name] = np.repeat(content, lengths).reshape(height, width)
            at += 2 * count
        if "region" in found:
            self._region = found.pop("region")
        image = np.broadcast_to(np.zeros((), np.uint8), (height, width, head["channels"]))
        return Frame(
            image, head["index"], head["time"], self._sequence, region=self._region,
            file_name=head["file_name"], **found,
        )  # fmt: skip

    def _record(self, place: int) -> tuple[dict[str, Any], bytes]:
        self._file.seek(place)
        line, packed = _HEAD.unpack(self._file.read(_HEAD.size))
        head: dict[str, Any] = json.loads(self._file.read(line).decode("utf-8", "surrogatepass"))
        return head, zlib.decompress(self._file.read(packed))


@dataclass(frozen=True)
class Stretch:
    """Which part of a film a piece is of, seconds of `Frame.time`.

    Attributes
    ----------
    number, count : of the stretch, from 0, and how many there are.
    warm, begin, end : from when on it is warmed up, and from and to when (without) its frames are
        its own; None is from the beginning, and to the end.
    more : seconds behind its end that are read for what stages look ahead.
    """

    number: int
    count: int
    warm: float | None
    begin: float | None
    end: float | None
    more: float = 0.0

    def place(self, time: float) -> str:
        """Where a frame lies: before, warm, own, more or behind."""
        time += SLACK
        if self.begin is not None and time < self.begin:
            return "before" if self.warm is not None and time < self.warm else "warm"
        if self.end is None or time < self.end:
            return "own"
        return "more" if time < self.end + self.more else "behind"


def stretches(
    begin: float, end: float, length: float, warm_up: float, more: float
) -> list[Stretch]:
    """Cut the time from the first frame (`begin`) to the `end` into stretches of `length`, seconds.

    The last is between half as long and half as long again.
    """
    count = max(1, round((end - begin) / length))
    return [
        Stretch(
            n,
            count,
            begin + n * length - warm_up if n else None,
            begin + n * length if n else None,
            begin + (n + 1) * length if n + 1 < count else None,
            more,
        )
        for n in range(count)
    ]
