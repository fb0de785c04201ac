"""When anything moves: intervals of foreground that travels, whatever it is.

Foreground alone is not motion: leaves wave in their place, rain and noise come and go. Blobs of a
coarse copy of the mask are linked from frame to frame by overlap; one that has lived and got
away from where it began is somebody, and so is what it splits into, until it is gone. Where the
mask flutters, one must go farther, and keep going; and where the picture still shows what is
behind, lighter or darker, a cloud went by and nobody.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask

_COARSE = 240  # columns of the copy, about; a frame costs .2 ms
_SETTLED = 0.3  # seconds a blob lives before it can count
_FAR = 0.75  # times its own size that it must have got away from its first place
_NEAR = 0.25  # times its own size within which it has not gone yet,
_STAYS = 1.0  # once it has been there for so many seconds
_FLOOD = 0.7  # share of the picture: a light was switched, or the camera moved
_FLUTTER = 60.0  # seconds over which a cell's comings are counted,
_OFTEN = 3.0  # so many of which are no people one after the other, but leaves
_FARTHER = 2.0  # times its own size that one must get away among these
_RESTLESS = 2.0  # seconds in which it must do so again, or is one of them
_LOOK = 0.4  # seconds between two looks at the background
_FOLLOW = 0.1  # share of a look that is learned
_ALIKE = 0.35  # correlation of its fine structure with the background's above which it is light
_PLAIN = 0.9  # grey levels of structure below which that says nothing
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
    restless: float = 0.0  # when it was last known to go somewhere
    checked: float = -math.inf  # when it was last held against the background
    light: bool = False  # what that said


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
    _before: NDArray[np.bool_] | None = None  # the coarse mask of the last frame
    _comings: NDArray[np.float32] | None = None  # how often each cell became foreground lately
    _plain: NDArray[np.float32] | None = None  # the coarse background, grey
    _looked: float = -math.inf
    _time: float = 0.0

    @property
    def since(self) -> float | None:
        """Second at which the earliest of what goes on, or may turn out to, began."""
        starts = [blob.since for blob in self._blobs]
        if self.now is not None:
            starts.append(self.now.start)
        return min(starts, default=None)

    def see(
        self, foreground: Mask, index: int, time: float, image: Image | None = None
    ) -> Interval | None:
        """Take the next mask (H, W) in; with its picture, (H, W, C), light is told from people."""
        blobs = self._follow(foreground, index, time, image)
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

    def _follow(
        self, foreground: Mask, index: int, time: float, image: Image | None
    ) -> list[_Blob]:
        import cv2

        step = max(1, foreground.shape[1] // _COARSE)
        coarse = np.ascontiguousarray(foreground[step // 2 :: step, step // 2 :: step])
        self._count(coarse, time)
        grey = None if image is None else self._look(image, coarse, step, time)
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
        assert self._comings is not None
        often = np.bincount(numbers.ravel(), (self._comings > _OFTEN).ravel(), count)
        blobs: list[_Blob] = []
        keep = np.zeros(count, np.int32)
        for n in range(1, count):
            left, top, width, height, area = (int(v) for v in stats[n])
            if area < least:
                continue
            x, y = (float(v) for v in centres[n])
            box = left * step, top * step, width * step, height * step
            extent = math.sqrt(width * height)
            blob = _Blob(time, index, x, y, box, area * step**2, extent, restless=time)
            flutters = often[n] > area / 2
            if family := parents.get(n):
                self._inherit(blob, family, flutters, (x, y), time)
            away = math.hypot(x - blob.column, y - blob.row)
            wanted = max((_FARTHER if flutters else _FAR) * blob.extent, 2.0)
            if time - blob.since >= _SETTLED and away >= wanted:
                if grey is not None and time - blob.checked >= _LOOK:
                    where = slice(top, top + height), slice(left, left + width)
                    blob.checked = time
                    blob.light = self._is_light(grey[where], numbers[where] == n, where)
                blob.moved = blob.moved or not blob.light
                blob.restless = time
                if flutters:
                    blob.column, blob.row = x, y
            elif not blob.moved and away < _NEAR * blob.extent:
                # What stands or waves is no motion yet: it will have begun when it goes.
                blob.stood = blob.stood or time - blob.since > _STAYS
                if blob.stood:
                    blob.since, blob.first = time, index
            blobs.append(blob)
            keep[n] = len(blobs)
        self._blobs, self._labels = blobs, np.take(keep, numbers)
        return blobs

    @staticmethod
    def _inherit(
        blob: _Blob, family: list[_Blob], flutters: bool, place: tuple[float, float], time: float
    ) -> None:
        """Let a blob go on where those of the last frame were that it lies on."""
        # The oldest parent's beginning; a child of somebody is somebody.
        old = min(family, key=lambda one: one.since)
        extent = blob.extent
        blob.since, blob.first, blob.column, blob.row = old.since, old.first, old.column, old.row
        blob.stood, blob.checked, blob.light = old.stood, old.checked, old.light
        blob.restless = max(one.restless for one in family)
        blob.moved = any(one.moved for one in family)
        # Where blobs join or split, their middle jumps: that is no way gone.
        if len(family) > 1 or abs(extent - old.extent) > 0.3 * max(extent, old.extent):
            blob.column, blob.row = place
        blob.extent = 0.7 * old.extent + 0.3 * extent
        if flutters and blob.moved and time - blob.restless > _RESTLESS:
            blob.moved, blob.stood = False, True
            blob.column, blob.row = place

    def _count(self, coarse: NDArray[np.bool_], time: float) -> None:
        """How often each cell became foreground in the last minute, about."""
        if self._before is None or self._comings is None:
            self._before, self._comings = coarse, np.zeros(coarse.shape, np.float32)
        self._comings *= np.float32(math.exp(-max(0.0, time - self._time) / _FLUTTER))
        self._comings += coarse & ~self._before
        self._before, self._time = coarse, time

    def _look(
        self, image: Image, coarse: NDArray[np.bool_], step: int, time: float
    ) -> NDArray[np.float32]:
        """The coarse picture, grey; the background follows it where nothing is in front."""
        import cv2

        green = image[step // 2 :: step, step // 2 :: step, image.shape[2] // 2]
        grey = np.ascontiguousarray(green, np.float32)
        if self._plain is None:
            self._plain, self._looked = grey.copy(), time
        elif time - self._looked >= _LOOK:
            self._looked = time
            cv2.accumulateWeighted(grey, self._plain, _FOLLOW, (~coarse).view(np.uint8))
        return grey

    def _is_light(
        self, now: NDArray[np.float32], inside: NDArray[np.bool_], where: tuple[slice, slice]
    ) -> bool:
        """Whether a blob shows what is behind it: fine structure that light leaves as it is."""
        import cv2

        assert self._plain is not None
        then = self._plain[where]
        one, other = (
            (part - np.asarray(cv2.blur(part, (5, 5)), np.float32))[inside] for part in (now, then)
        )
        if other.std() < _PLAIN or one.std() < 1e-6:
            return False
        return float(np.corrcoef(one, other)[0, 1]) > _ALIKE

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
