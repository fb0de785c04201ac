"""Which frames of an input a run has seen: their numbers and pictures, in a few words."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from segment.frame import Frame
from segment.video.numbers import Runs, number_in

_LAST = re.compile(r"\d+(?!.*\d)", re.DOTALL)


class Mapping:
    """Gathers the numbers of a sequence's frames, and the names of their pictures.

    What `run.json` says of them: `numbers` as in "0-14 16-59", rising; `first`, the number of the
    input's first frame; and for pictures their names, in the order of the numbers: either a list,
    or `{"name": "cam2_%d.png", "plus": 0}`, where each is that pattern with its number (plus
    `plus`, which is 1 where names count from 1 and frames from 0). `aspect`, a pixel's width by its
    height, where it is no square.
    """

    def __init__(self) -> None:
        self.numbers = Runs()
        self.first = 0
        self._aspect = Fraction(1)
        self._names: list[str] = []
        self._plus: int | None = None
        self._pattern: str | None = None

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        self.numbers.add(frame.index)
        self.first = frame.sequence.first
        self._aspect = frame.sequence.aspect
        name = frame.file_name
        if name is None:
            return
        if not self._names:
            self._pattern, self._plus = _pattern_of(name, frame.index)
        if self._pattern is not None and name != self._pattern % (frame.index + (self._plus or 0)):
            self._pattern = None
        self._names.append(name)

    def as_dict(self) -> dict[str, Any]:
        """All by name, as JSON can hold it."""
        content: dict[str, Any] = {"numbers": str(self.numbers), "first": self.first}
        if self._aspect != 1:
            content["aspect"] = str(self._aspect)
        if self._pattern is not None:
            content["pictures"] = {"name": self._pattern, "plus": self._plus}
        elif self._names:
            content["pictures"] = self._names
        return content


def pictures_of(content: dict[str, Any], numbers: Sequence[int]) -> list[str] | None:
    """Return the names of the pictures of `numbers`, from what `as_dict` gave; None for films."""
    pictures = content.get("pictures")
    if isinstance(pictures, dict):
        return [pictures["name"] % (number + pictures["plus"]) for number in numbers]
    return None if pictures is None else list(pictures)


def _pattern_of(name: str, index: int) -> tuple[str | None, int]:
    """Return `name` with its number as printf's %d, and how much that is above `index`."""
    stem, dot, suffix = name.rpartition(".")
    found = _LAST.search(stem)
    if found is None or number_in(stem) is None:
        return None, 0
    digits = found[0]
    width = f"0{len(digits)}" if digits.startswith("0") and len(digits) > 1 else ""
    before, after = (
        part.replace("%", "%%") for part in (stem[: found.start()], stem[found.end() :])
    )
    return f"{before}%{width}d{after}{dot}{suffix.replace('%', '%%')}", int(digits) - index
