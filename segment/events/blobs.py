"""Blobs of a mask from frame to frame: which goes on as which, and how far each has got away."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blob", "Blobs", "Cells"]

Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are outside

_STEADY = 0.3  # share by which a size may change in a frame before its middle is no place
_LESSER = 0.7  # share of the parent's area below which a piece of it is no more the same
_TRIFLE = 0.1  # share of a blob that others may join, and its middle has not jumped
_FEW = 1  # of those that come about a blob, so many may be parts of one who walks
_BESIDE = 0.25  # share of the picture's longer side within which they lie
_SIMILAR = 0.2  # share of its area that each has at least
_YOUNG = 1.0  # seconds ago, or less, that each came
_REACH = 3.0  # times its size that one may leap from a frame to the next, when its way is not known
_AIM = 1.0  # times its size by which it may then miss the place it is headed for
_ALIKE = 2.5  # times by which two areas may differ for one to be the other, a leap on
_ALONE = 2.0  # times as far the next must be
_LATELY = 1.0  # seconds
_LINGER = 0.25  # seconds, or a frame, that one may be away
_LEAPS = 3  # in a row, each where the one before pointed, that are no chance


@dataclass(slots=True)
class Blob:
    """One blob: where it is, when and where it began, and whether it is somebody."""

    since: float
    first: int
    seen: float  # and in which frame
    last: int
    column: float  # of its middle
    row: float
    box: Box
    area: float
    extent: float  # its size, smoothed
    home: tuple[float, float]  # where its middle was before it went away,
    home_box: Box  # and its box
    born: float  # when it was last a splinter of another
    usual: float  # its area, smoothed
    step: tuple[float, float] | None = None  # columns and rows a second
    leaps: int = 0
    doubt: float = 0.0  # share of it that lies where something comes again and again, lately;
    calm: bool = True  # all but none of it does now: its edges can be trusted
    moved: bool = False
    stood: bool = False  # near its first place for a while
    restless: float = 0.0  # when it was last known to go somewhere
    crowded: float = -math.inf  # when it last was among others that had just come, as leaves are
    checked: float = -math.inf  # when it was last held against the background
    light: int = 0  # how often that said light, less how often it did not since

    @property
    def sure(self) -> bool:
        """Whether its pieces hang together: by overlap, or by leaps that are no chance."""
        return self.leaps == 0 or self.leaps >= _LEAPS

    @property
    def flutters(self) -> bool:
        """Whether it was lately where something comes again and again, or where much comes."""
        return self.doubt > 0.5 or self.seen - self.crowded < _LATELY

    def stay(self) -> None:
        """Let what is here be the place that it has to get away from."""
        self.home, self.home_box = (self.column, self.row), self.box

    def away(self, size: tuple[int, int]) -> float:
        """Pixels by which it has got away: its middle, or all of its edges, whichever is more.

        One that grows moves no edge that lies opposite; but at the picture's border, `size`
        (height, width), what grows comes in, or goes out. Among leaves edges say nothing.
        """
        middle = math.hypot(self.column - self.home[0], self.row - self.home[1])
        if not self.calm:
            return middle
        x = _shift(self.home_box[0::2], self.box[0::2], size[1])
        y = _shift(self.home_box[1::2], self.box[1::2], size[0])
        return max(middle, math.hypot(x, y))


def _shift(then: tuple[int, ...], now: tuple[int, ...], most: int) -> float:
    near, far = now[0] - then[0], now[1] - then[1]
    at_near, at_far = then[0] <= 0 and now[0] <= 0, then[1] >= most and now[1] >= most
    if at_near or at_far:
        return 0.0 if at_near and at_far else float(abs(far if at_near else near))
    return float(min(abs(near), abs(far))) if near * far > 0 else 0.0


class Cells:
    """The cells of a frame's blobs: few of all, so that only these need be looked at.

    numbers (H, W) int32 : which blob each cell is of, from 1; 0 is none. where, own (N,) : the
    index of each cell of a blob in the flattened frame, in reading order, and its blob's number.
    """

    def __init__(self, numbers: NDArray[np.int32]) -> None:
        self.numbers = numbers
        self.where = np.flatnonzero(numbers > 0)  # of bools it is found faster
        self.own = numbers.reshape(-1)[self.where]

    def count(self, those: NDArray[np.bool_]) -> NDArray[np.int64]:
        """By number: how many of `those` (N,) of the cells a blob has."""
        most = int(self.own.max(initial=0)) + 1
        return np.asarray(np.bincount(self.own[those], minlength=most), np.int64)

    def larger(self, least: float) -> Iterator[tuple[int, int, tuple[float, float], Box]]:
        """The blobs of `least` cells or more: number, cells, middle (column, row), box."""
        order = np.argsort(self.own, kind="stable")
        rows, columns = np.divmod(self.where[order], self.numbers.shape[1])
        starts = np.flatnonzero(np.diff(self.own[order], prepend=0))
        areas = np.diff(starts, append=len(order))
        of = (
            starts,
            areas,
            np.add.reduceat(columns, starts) / areas,
            np.add.reduceat(rows, starts) / areas,
            np.minimum.reduceat(columns, starts),
            rows[starts],
            np.maximum.reduceat(columns, starts) + 1,
            rows[starts + areas - 1] + 1,
        )
        for start, area, x, y, left, top, right, bottom in zip(
            *[part.tolist() for part in of], strict=True
        ):
            if area >= least:
                yield int(self.own[order[start]]), area, (x, y), (left, top, right, bottom)


class Blobs:
    """Those of the last frame, by which the next frame's go on.

    One that lies on another goes on as that; one that lies on none may be another that leapt:
    somebody near, or quick, or seen seldom is elsewhere from one frame to the next.
    """

    def __init__(self) -> None:
        self.now: list[Blob] = []
        self._labels: NDArray[np.unsignedinteger] | None = None  # of `now`, from 1
        self._lost: list[Blob] = []
        self._time = -math.inf

    @property
    def since(self) -> list[float]:
        """When each that is here, or may come back, began."""
        return [one.since for one in [*self.now, *self._lost]]

    def follow(self, found: list[tuple[int, Blob]], cells: Cells, time: float) -> None:
        """Let the blobs of a frame, each with its number in `cells`, go on."""
        families, size = self._families(cells), cells.numbers.shape
        shares = sorted((count, n, k) for n, _ in found for k, count in families.get(n, []))
        heirs = {k: n for _, n, k in shares}  # of each, who lies on most of it
        lost = [one for k, one in enumerate(self.now) if k not in heirs]
        lost += self._lingering(self._lost, time)
        keep = np.zeros(int(cells.own.max(initial=0)) + 1, np.min_scalar_type(len(found)))
        for k, (n, blob) in enumerate(found):
            keep[n] = k + 1
            family = families.get(n, [])
            # Who leaps may come down on a drop of rain.
            trifle = all(_ALIKE * self.now[k].area < blob.area for k, _ in family)
            leapt = trifle and not blob.flutters and _leap(blob, lost, size)
            if family and not leapt:
                self._inherit(blob, family, heirs[_main(family)] != n, size)
        self._crowd([blob for _, blob in found], size, time)
        here: NDArray[Any] = np.zeros(cells.numbers.shape, keep.dtype)
        here.reshape(-1)[cells.where] = keep[cells.own]
        self.now, self._lost, self._time = [blob for _, blob in found], lost, time
        self._labels = here

    @staticmethod
    def _crowd(those: list[Blob], size: tuple[int, ...], time: float) -> None:
        """Say which are among others that came just now: a gust moves many leaves at once."""
        reach = _BESIDE * max(size)
        young = [one for one in those if time - one.born <= _YOUNG and not one.moved]
        for blob in those:
            beside = [
                one
                for one in young
                if one.area >= _SIMILAR * blob.area
                and math.hypot(one.column - blob.column, one.row - blob.row) <= reach
            ]
            if len(beside) - (any(one is blob for one in beside)) > _FEW:
                blob.crowded = time

    def clear(self, time: float) -> None:
        """There is none in this frame."""
        self._lost = self._lingering([*self.now, *self._lost], time)
        self.now, self._labels, self._time = [], None, time

    def _lingering(self, those: list[Blob], time: float) -> list[Blob]:
        return [one for one in those if time - one.seen <= _LINGER + time - self._time]

    def _families(self, cells: Cells) -> dict[int, list[tuple[int, int]]]:
        """By number: the blobs of the last frame that each lies on, and on how much of them."""
        if self._labels is None:
            return {}
        before = self._labels.reshape(-1)[cells.where]
        both = before > 0
        many = len(self.now) + 1
        codes, counts = np.unique(
            cells.own[both].astype(np.int64) * many + before[both], return_counts=True
        )
        found: dict[int, list[tuple[int, int]]] = {}
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            child, parent = divmod(code, many)
            found.setdefault(child, []).append((parent - 1, count))
        return found

    def _inherit(
        self, blob: Blob, family: list[tuple[int, int]], splinter: bool, size: tuple[int, ...]
    ) -> None:
        """Let a blob go on where those of the last frame were that it lies on."""
        everyone = [self.now[k] for k, _ in family]
        old = self.now[_main(family)]
        _go_on(blob, old)
        if old.sure:
            blob.leaps = old.leaps
        else:
            # What leapt and then goes on step by step has to get away from there.
            blob.born = blob.seen
            blob.stay()
        # A union's beginning is the earliest of those who were somebody, or the main one's.
        if gone := [one for one in everyone if one.moved]:
            first = min(gone, key=lambda one: one.since)
            blob.since, blob.first, blob.moved = first.since, first.first, True
        blob.restless = max(one.restless for one in everyone)
        extent = blob.extent
        # Where blobs join or split, their middle jumps: that is no way gone.
        others = sum(count for _, count in family) - max(count for _, count in family)
        joined = others > _TRIFLE * blob.area
        if joined or abs(extent - old.extent) > _STEADY * max(extent, old.extent):
            blob.home = blob.column, blob.row
        # What goes out of the picture gets smaller, too; a splinter has not gone out.
        if splinter:
            blob.born = blob.seen
        stays = splinter or not _cut(blob, size)
        lesser = blob.area < _LESSER * old.usual and stays
        if lesser:
            blob.home_box = blob.box
        if not lesser:
            blob.extent = 0.7 * old.extent + 0.3 * extent
            blob.usual = 0.7 * old.usual + 0.3 * blob.area


def _main(family: list[tuple[int, int]]) -> int:
    return max(family, key=lambda one: one[1])[0]


def _leap(blob: Blob, lost: list[Blob], size: tuple[int, ...]) -> bool:
    """Let a blob that lies on none go on as one that is missing; whether one leads there."""
    cut = _cut(blob, size)
    best, least, second = None, 1.0, math.inf
    for one in lost:
        # Of what comes into the picture, or goes out of it, only a part is seen.
        less = _ALIKE**2 if cut else _ALIKE
        more = _ALIKE**2 if _cut(one, size) else _ALIKE
        if not one.area / less < blob.area < one.area * more:
            continue
        extent, gap = max(one.extent, blob.extent), blob.seen - one.seen
        column, row = one.column, one.row
        if one.step is not None:
            column, row = column + gap * one.step[0], row + gap * one.step[1]
        reach = (_REACH if one.step is None else _AIM) * extent
        miss = math.hypot(blob.column - column, blob.row - row) / reach
        if miss < least:
            best, least, second = one, miss, least if best is not None else math.inf
        elif miss < second:
            second = miss
    # Where several might have leapt here, nobody knows who did.
    if best is None or second <= _ALONE * least:
        return False
    _go_on(blob, best)
    blob.leaps = best.leaps + 1
    lost.remove(best)
    return True


def _go_on(blob: Blob, old: Blob) -> None:
    blob.since, blob.first, blob.moved = old.since, old.first, old.moved
    blob.home, blob.home_box, blob.born = old.home, old.home_box, old.born
    blob.stood, blob.checked, blob.light = old.stood, old.checked, old.light
    blob.restless, blob.crowded = old.restless, old.crowded
    gap = blob.seen - old.seen
    # A leaf that swings out of its crown for a frame is a leaf.
    blob.doubt += (old.doubt - blob.doubt) * math.exp(-gap / _LATELY)
    if gap > 0:
        blob.step = (blob.column - old.column) / gap, (blob.row - old.row) / gap


def _cut(blob: Blob, size: tuple[int, ...]) -> bool:
    """Whether the picture's border, `size` (height, width), may cut a blob."""
    left, top, right, bottom = blob.box
    return left <= 0 or top <= 0 or right >= size[1] or bottom >= size[0]
