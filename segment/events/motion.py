"""When anything moves: intervals of foreground that travels, whatever it is.

Foreground alone is not motion: leaves wave in their place, rain and noise come and go. Blobs of a
coarse copy of the mask are linked from frame to frame by overlap; one that has lived and got
away from where it began is somebody, and so is what it splits into, until it is gone.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask

_COARSE = 240  # columns of the copy, about; a frame costs .2 ms
_SETTLED = 0.3  # seconds a blob lives before it can count
_FAR = 0.75  # times its own size that it must have got away from its first place
_NEAR = 0.25  # times its own size within which it has not gone yet,
_STAYS = 1.0  # once it has been there for so many seconds
_FLOOD = 0.7  # share of the picture: a light was switched, or the camera moved
_LEAST = 5000  # the smallest blob is the picture's area by this, as `clean` has it


@dataclass(slots=True)
class _Blob:
    """One blob: when and where it began, and whether it is somebody."""

    since: float
    first: int
    column: float
    row: float
    box: tuple[int, int, int, int]
    area: float
    extent: float
    moved: bool = False
    stood: bool = False  # near its first place for a while


@dataclass(slots=True)
class Interval:
    """A stretch of time in which something moved, while it lasts."""

    start: float
    first: int
    end: float
    last: int
    area: float = 0.0
    frames: int = 0
    most: float = 0.0
    box: tuple[int, int, int, int] | None = None
    shown: int | None = None


@dataclass(slots=True)
class Motion:
    """Follows the masks of one sequence and says when something moves.

    Parameters
    ----------
    shortest : seconds that an interval lasts at least.
    merge : pauses shorter than this, in seconds, end no interval.

    `see` takes a mask and returns the interval that is over, or None; `finish` the last one.
    """

    shortest: float
    merge: float
    now: Interval | None = None
    _blobs: list[_Blob] = field(default_factory=list)
    _labels: NDArray[np.int32] | None = None

    @property
    def since(self) -> float | None:
        """Second at which the earliest of what goes on, or may turn out to, began."""
        starts = [blob.since for blob in self._blobs]
        if self.now is not None:
            starts.append(self.now.start)
        return min(starts, default=None)

    def see(self, foreground: Mask, index: int, time: float) -> Interval | None:
        """Take the next mask (H, W) in."""
        blobs = self._follow(foreground, index, time)
        over = None
        if self.now is not None and time - self.now.end > self.merge:
            over = self.finish()
        seen = [blob for blob in blobs if blob.moved]
        if seen:
            began = min(seen, key=lambda blob: blob.since)
            if self.now is None:
                self.now = Interval(began.since, began.first, time, index)
            self._lengthen(self.now, seen, index, time)
        return over

    def finish(self) -> Interval | None:
        """Return the interval that was going on, if it was long enough."""
        now, self.now = self.now, None
        if now is None or now.end - now.start < self.shortest:
            return None
        return now

    @staticmethod
    def _lengthen(now: Interval, seen: list[_Blob], index: int, time: float) -> None:
        # A blob that counts only now may have begun before the interval did.
        earliest = min(seen, key=lambda blob: blob.since)
        if earliest.since < now.start:
            now.start, now.first = earliest.since, earliest.first
        now.end, now.last = time, index
        area = sum(blob.area for blob in seen)
        now.area += area
        now.frames += 1
        if area > now.most:
            now.most, now.shown = area, index
            left = min(blob.box[0] for blob in seen)
            top = min(blob.box[1] for blob in seen)
            right = max(blob.box[0] + blob.box[2] for blob in seen)
            bottom = max(blob.box[1] + blob.box[3] for blob in seen)
            now.box = left, top, right - left, bottom - top

    def _follow(self, foreground: Mask, index: int, time: float) -> list[_Blob]:
        import cv2

        step = max(1, foreground.shape[1] // _COARSE)
        coarse = np.ascontiguousarray(foreground[step // 2 :: step, step // 2 :: step])
        if not coarse.any():
            self._blobs, self._labels = [], None
            return []
        if np.count_nonzero(coarse) > _FLOOD * coarse.size:
            # Everything changes at once: nobody can be told from it. Who was there stays.
            return self._blobs
        count, labels, stats, centres = cv2.connectedComponentsWithStats(
            coarse.view(np.uint8), connectivity=8
        )
        least = max(2.0, foreground.size / _LEAST / step**2)
        numbers = np.asarray(labels, np.int32)
        parents = self._parents(numbers)
        blobs: list[_Blob] = []
        keep = np.zeros(count, np.int32)
        for n in range(1, count):
            left, top, width, height, area = (int(v) for v in stats[n])
            if area < least:
                continue
            x, y = (float(v) for v in centres[n])
            box = left * step, top * step, width * step, height * step
            extent = math.sqrt(width * height)
            blob = _Blob(time, index, x, y, box, area * step**2, extent)
            if family := parents.get(n):
                # The oldest parent's beginning; a child of somebody is somebody.
                old = min(family, key=lambda one: one.since)
                blob.since, blob.first, blob.column, blob.row = (
                    old.since, old.first, old.column, old.row
                )  # fmt: skip
                blob.moved = any(one.moved for one in family)
                blob.stood = old.stood
                # Where blobs join or split, their middle jumps: that is no way gone.
                if len(family) > 1 or abs(extent - old.extent) > 0.3 * max(extent, old.extent):
                    blob.column, blob.row = x, y
                blob.extent = 0.7 * old.extent + 0.3 * extent
            away = math.hypot(x - blob.column, y - blob.row)
            if time - blob.since >= _SETTLED and away >= max(_FAR * blob.extent, 2.0):
                blob.moved = True
            elif not blob.moved and away < _NEAR * blob.extent:
                # What stands or waves is no motion yet: it will have begun when it goes.
                blob.stood = blob.stood or time - blob.since > _STAYS
                if blob.stood:
                    blob.since, blob.first = time, index
            blobs.append(blob)
            keep[n] = len(blobs)
        self._blobs, self._labels = blobs, np.take(keep, numbers)
        return blobs

    def _parents(self, labels: NDArray[np.int32]) -> dict[int, list[_Blob]]:
        """The blobs of the last frame that each blob of this one lies on."""
        if self._labels is None:
            return {}
        both = (labels > 0) & (self._labels > 0)
        many = len(self._blobs) + 1
        codes = np.unique(labels[both].astype(np.int64) * many + self._labels[both])
        found: dict[int, list[_Blob]] = {}
        for code in codes.tolist():
            child, parent = divmod(code, many)
            found.setdefault(child, []).append(self._blobs[parent - 1])
        return found
