"""`crops/`: the best still of every object."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image
from segment.export.chosen import Choice, Chosen
from segment.export.files import Mode, Needs
from segment.export.images import Pictures
from segment.export.need import labels_of
from segment.frame import Frame
from segment.objects import Object, objects_of

__all__ = ["CropImages", "crop_of", "score_of"]

_BETTER = 1.1  # times as good a still must be: copying one costs more than looking
_GONE = 5.0  # seconds after which an object that is not seen is written
_CUT = 0.4  # what a still that the picture's border cuts is worth, of one that is whole
_CLOSE = 0.85  # and of one that has no margin on some side


@dataclass(slots=True)
class _Best:
    score: float
    picture: Image
    seen: float


def score_of(thing: Object, size: tuple[int, int]) -> float:
    """How good a still of an object would be: as large as can be, whole, and with its margin."""
    room = min(thing.x, thing.y, size[1] - thing.x - thing.width, size[0] - thing.y - thing.height)
    return thing.area * (_CUT if room <= 0 else _CLOSE if room < _margin(thing) else 1.0)


def crop_of(image: Image, thing: Object) -> Image:
    """The object with a margin of a tenth of its size, a view into `image`."""
    margin = _margin(thing)
    y0, x0 = max(0, thing.y - margin), max(0, thing.x - margin)
    return image[y0 : thing.y + thing.height + margin, x0 : thing.x + thing.width + margin]


def _margin(thing: Object) -> int:
    return 3 + max(thing.width, thing.height) // 10


class CropImages(Pictures):
    """`crops/000003.png` ...: object 3 where it was largest and not cut by the border, as it came.

    Written when the object is gone; the still of one that comes back is replaced by a better one.
    With a choice only of the objects that are wanted.
    """

    output = "crops"
    needs: ClassVar[Needs] = "labels"
    settings: ClassVar[tuple[str, ...]] = ("chosen",)

    def __init__(self, folder: Path, mode: Mode = "new", chosen: Chosen | None = None) -> None:
        super().__init__(folder, mode)
        self._choice = Choice(chosen)
        self._live: dict[int, _Best] = {}
        self._written: dict[int, float] = {}
        self._aspect = Fraction(1)

    def write(self, frame: Frame) -> None:
        """Take one frame in. Raises OutputError, which may be a few frames late."""
        labels = labels_of(frame)
        self.open()
        self._aspect = frame.sequence.aspect
        self._choice.see(frame.events or ())
        for thing in objects_of(labels):
            score = score_of(thing, (labels.shape[0], labels.shape[1]))
            best = self._live.get(thing.id)
            if best is None:
                if score <= self._written.get(thing.id, -1.0):
                    continue
                best = self._live[thing.id] = _Best(-1.0, frame.image[:0], frame.time)
            best.seen = frame.time
            if score > _BETTER * best.score:
                best.score, best.picture = score, crop_of(frame.image, thing).copy()
        for number in [n for n, b in self._live.items() if frame.time - b.seen > _GONE]:
            self._end(number)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            for number in list(self._live):
                self._end(number)
        super().__exit__(kind, *rest)

    def _end(self, number: int) -> None:
        best = self._live.pop(number)
        if self._choice.takes(number):
            self._written[number] = best.score
            self.put(number, _as_encoded(best.picture), self._aspect)

    def _is_there(self, path: Path, picture: NDArray[Any]) -> bool:
        # Never taken as it is: an earlier run that was cut may have seen less of the object.
        super()._is_there(path, picture)
        return False


def _as_encoded(image: Image) -> NDArray[np.uint8]:
    """A picture as the PNG encoder takes it: grey, or blue first."""
    return image[:, :, 0] if image.shape[2] == 1 else np.ascontiguousarray(image[:, :, ::-1])
