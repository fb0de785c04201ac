"""Over the border between two stretches: which ids go on, and how far the masks agree.

The last frames of a stretch are also the last of those by which the next one was warmed up. An
object that is in both at the same place is one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segment.frame import Frame

__all__ = ["Border", "Ids", "compare", "sampled"]

_ALIKE = 0.5
"""Intersection by union, over the frames in which both are, from which on two objects are one."""

_LAST = 1.0
"""Seconds before a border that count first: who is one then is one, whatever was before."""

_PARTS = 6
"""Parts of the warm-up in which it is told how many pixels differ."""

_LOOKS = 100
"""Frames of a warm-up, before its last second, that are looked at."""


@dataclass(frozen=True)
class Border:
    """What was seen at one border.

    Attributes
    ----------
    frame, time : of the first frame behind it.
    pixels, differ, found : in the last second before it, pixels of masks, those that differ from
        the stretch before, and those that are foreground in either.
    by_age : share of the pixels that differ, in equal parts of the warm-up, the latest last.
    objects, joined : who was there in the last second, in the stretch before, and who goes on.
    """

    frame: int
    time: float
    pixels: int
    differ: int
    found: int
    by_age: list[float]
    objects: int
    joined: int


class Ids:
    """Gives ids to the objects of one stretch after the other, lasting over the borders."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._next = 1

    def begin(self, matched: dict[int, int]) -> None:
        """A stretch begins, some of whose ids are known by others."""
        self._known = dict(matched)

    def __call__(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return lasting ids for labels of any shape; 0 stays."""
        present, places = np.unique(labels, return_inverse=True)
        table = [self._id(label) if label > 0 else 0 for label in present.tolist()]
        return np.array(table, np.int32)[places].reshape(labels.shape)

    def _id(self, label: int) -> int:
        if label not in self._known:
            self._known[label] = self._next
        self._next = max(self._next, self._known[label] + 1)
        return self._known[label]


def sampled(numbers: Sequence[int], rate: float) -> list[int]:
    """Of the frames of a warm-up those that are worth a look: the last second, and some before."""
    last = max(1, round(_LAST * rate))
    before = numbers[:-last]
    return [*before[:: max(1, len(before) // _LOOKS)], *numbers[-last:]]


@dataclass
class _Look:
    """Two frames beside each other, without their pixels."""

    time: float
    pixels: int
    differ: int
    found: int
    both: Counter[tuple[int, int]]
    """Pixels by the two labels there, 0 for none."""


def compare(
    pairs: Iterable[tuple[Frame, Frame]], at: tuple[int, float]
) -> tuple[Border, dict[int, int]]:
    """Look at frames before a border, each as the stretch before and the next one have it.

    pairs : with lasting ids on the left; in order, to the last frame before the border.
    at : number and time of the first frame behind it.

    Return what was seen, and the lasting ids of objects of the next stretch.
    """
    looks = [_look(before, after) for before, after in pairs]
    late = [look for look in looks if look.time >= at[1] - _LAST - 1e-6]
    matched = _matched([look.both for look in late], {})
    matched = _matched([look.both for look in looks], matched)
    there = {label for look in late for label, _ in look.both if label}
    shares = [look.differ / look.pixels for look in looks]
    parts = np.array_split(np.array(shares), min(_PARTS, len(shares))) if shares else []
    border = Border(
        frame=at[0],
        time=at[1],
        pixels=sum(look.pixels for look in late),
        differ=sum(look.differ for look in late),
        found=sum(look.found for look in late),
        by_age=[round(float(part.mean()), 6) for part in parts],
        objects=len(there),
        joined=sum(label in there for label in matched.values()),
    )
    return border, matched


def _look(before: Frame, after: Frame) -> _Look:
    one, other = _mask(before), _mask(after)
    both: Counter[tuple[int, int]] = Counter()
    if before.labels is not None and after.labels is not None:
        left, right = before.labels.reshape(-1), after.labels.reshape(-1)
        where = np.flatnonzero(left | right)
        keys, counts = np.unique(
            left[where].astype(np.int64) << 32 | right[where], return_counts=True
        )
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            both[key >> 32, key & 0xFFFFFFFF] = count
    return _Look(
        before.time,
        one.size,
        int(np.count_nonzero(one != other)),
        int(np.count_nonzero(one | other)),
        both,
    )


def _mask(frame: Frame) -> NDArray[Any]:
    if frame.foreground is not None:
        return frame.foreground
    return np.zeros(frame.image.shape[:2], bool) if frame.labels is None else frame.labels > 0


def _alike(looks: list[Counter[tuple[int, int]]]) -> dict[tuple[int, int], float]:
    """Intersection by union of every two objects, over the frames in which both are."""
    both: Counter[tuple[int, int]] = Counter()
    either: Counter[tuple[int, int]] = Counter()
    for look in looks:
        left: Counter[int] = Counter()
        right: Counter[int] = Counter()
        for (label, other), count in look.items():
            left[label] += count
            right[other] += count
            if label and other:
                both[label, other] += count
        for label in left.keys() - {0}:
            for other in right.keys() - {0}:
                either[label, other] += left[label] + right[other] - look[label, other]
    return {pair: count / either[pair] for pair, count in both.items()}


def _matched(looks: list[Counter[tuple[int, int]]], known: dict[int, int]) -> dict[int, int]:
    """Return id of the next stretch -> lasting id, one to one; `known` ones stay."""
    taken = set(known.values())
    alike = {
        (label, other): share
        for (label, other), share in _alike(looks).items()
        if share >= _ALIKE and label not in taken and other not in known
    }
    labels = sorted({label for label, _ in alike})
    others = sorted({other for _, other in alike})
    table = np.zeros((len(labels), len(others)))
    for (label, other), share in alike.items():
        table[labels.index(label), others.index(other)] = share
    rows, columns = linear_sum_assignment(table, maximize=True)
    found = {
        others[column]: labels[row]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if table[row, column] > 0
    }
    return {**known, **found}
