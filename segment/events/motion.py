"""When anything moves: intervals of foreground that travels, whatever it is.

Foreground alone is not motion: leaves wave in their place, rain and noise come and go. Blobs of a
coarse copy of the mask are linked from frame to frame, by overlap or by leaps that keep their way;
one that has lived and got away from where it began is somebody, and so is what it splits into,
until it is gone. Where the mask flutters, one must go farther, and keep going; and where the
picture changes without an edge, or still shows what is behind, lighter or darker, a cloud went by.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.events.blobs import Blob, Blobs, Cells
from segment.events.light import Backdrop

_COARSE = 240  # columns of the copy, about; a frame costs .2 ms
_SETTLED = 0.3  # seconds a blob lives before it can count
_FAR = 0.75  # times its own size that it must have got away from its first place
_NEAR = 0.25  # times its own size within which it has not gone yet,
_STAYS = 1.0  # once it has been there for so many seconds
_FLOOD = 0.7  # share of the picture: a light was switched, or the camera moved
_HUGE = 0.12  # share of the picture that need not go anywhere, when it is no light: it is near
_FLUTTER = (
    60.0  # seconds over which a cell's comings are counted, other than somebody's and light's,
)
_AGAIN = 3.0  # who comes back within so many seconds, as legs and leaves do, has come once;
_OFTEN = 2.5  # so many of which are no people one after the other, but leaves;
_SOON = 1.2  # so many are enough in the first seconds: it came twice before
_CALM = 0.1  # share of its cells that may flutter where its edges are to be trusted
_FARTHER = 2.5  # times its own size that one must get away among these,
_WAY = 0.14  # and this share of the picture's longer side: leaves go on as leaves next to them
_RESTLESS = 2.0  # seconds in which it must do so again, or is one of them
_CHECK = 0.4  # seconds after which one that was light is held against the background again
_ROUND = 1e-6  # seconds
_PATIENCE = 10.0  # seconds that one who stood was there before he went, at most
_LEAST = 5000  # the smallest blob is the picture's area by this, as `clean` has it


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
    _blobs: Blobs = field(default_factory=Blobs)
    _backdrop: Backdrop = field(default_factory=Backdrop)
    _before: NDArray[np.bool_] | None = None  # the coarse mask of the last frame
    _comings: NDArray[np.float32] | None = None  # how often each cell became foreground lately,
    _came: NDArray[np.float32] | None = None  # and when it was last counted
    _began: float = 0.0
    _time: float = 0.0
    _period: float = 0.0  # seconds from the frame before to the last one
    _step: int = 1  # pixels a cell of the coarse copy is wide

    @property
    def since(self) -> float | None:
        """Second at which the earliest of what goes on, or may turn out to, began."""
        starts = self._blobs.since
        if self.now is not None:
            starts.append(self.now.start)
        return min(starts, default=None)

    def see(
        self, foreground: Mask, index: int, time: float, image: Image | None = None
    ) -> Interval | None:
        """Take the next mask (H, W) in; with its picture, (H, W, C), light is told from people."""
        if self._before is not None:
            self._period = min(time - self._time, self.merge)
        blobs = self._follow(foreground, index, time, image)
        over = None
        if self.now is not None and time - self.now.end > self.merge:
            # Who came within this time, and is not known to be somebody yet, may go on with it.
            soon = self.now.end + self.merge
            if not any(self.now.end < blob.since <= soon for blob in blobs):
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
        # The last picture is shown for as long as those before it.
        if now is None or now.end + self._period - now.start < self.shortest - _ROUND:
            return None
        return now

    def _lengthen(self, now: Interval, seen: list[Blob], index: int, time: float) -> None:
        # A blob that counts only now may have begun before the interval did.
        earliest = min(seen, key=lambda blob: blob.since)
        if earliest.since < now.start:
            now.start, now.first = earliest.since, earliest.first
        now.end, now.last = time, index
        area = sum(blob.area for blob in seen) * self._step**2
        now.area += area
        now.frames += 1
        if area > now.most:
            now.most, now.shown = area, index
            left = min(blob.box[0] for blob in seen)
            top = min(blob.box[1] for blob in seen)
            right = max(blob.box[2] for blob in seen)
            bottom = max(blob.box[3] for blob in seen)
            step = self._step
            now.box = left * step, top * step, (right - left) * step, (bottom - top) * step

    def _follow(self, foreground: Mask, index: int, time: float, image: Image | None) -> list[Blob]:
        import cv2

        step = self._step = max(1, foreground.shape[1] // _COARSE)
        coarse = np.ascontiguousarray(foreground[step // 2 :: step, step // 2 :: step])
        if self._comings is None:
            self._comings = np.zeros(coarse.shape, np.float32)
            self._came = np.full(coarse.shape, -np.inf, np.float32)
            self._before, self._began = coarse, time
        grey = None if image is None else self._backdrop.look(image, coarse, step, time)
        if np.count_nonzero(coarse) > _FLOOD * coarse.size:
            # Everything changes at once: nobody can be told from it. Who was there stays.
            self._count(coarse, time)
            return self._blobs.now
        if grey is not None and coarse.any():
            _, blobs = cv2.connectedComponents(coarse.view(np.uint8), connectivity=8)
            coarse = self._backdrop.edged(grey, np.asarray(blobs, np.int32))
        if not coarse.any():
            self._blobs.clear(time)
            self._count(coarse, time)
            return []
        _, labels = cv2.connectedComponents(coarse.view(np.uint8), connectivity=8)
        cells = Cells(np.asarray(labels, np.int32))
        least = max(2.0, foreground.size / _LEAST / step**2)
        enough = max(_SOON, _OFTEN * (1 - math.exp((self._began - time) / _FLUTTER)))
        often = cells.count(self._comings.reshape(-1)[cells.where] > enough)
        found: list[tuple[int, Blob]] = []
        for n, area, (x, y), box in cells.larger(least):
            extent = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
            blob = Blob(time, index, time, index, x, y, box, area, extent, (x, y), box, time, area)
            blob.doubt, blob.calm = float(often[n] / area), bool(often[n] < _CALM * area)
            found.append((n, blob))
        self._blobs.follow(found, cells, time)
        for n, blob in found:
            self._judge(blob, n, cells.numbers, grey)
        known = np.zeros(len(often), np.bool_)
        known[[n for n, blob in found if blob.moved and not blob.flutters]] = True
        coming = np.zeros_like(coarse)
        coming.reshape(-1)[cells.where] = ~known[cells.own]
        self._count(coming, time)
        return self._blobs.now

    def _judge(
        self, blob: Blob, n: int, numbers: NDArray[np.int32], grey: NDArray[np.uint8] | None
    ) -> None:
        """Say whether a blob, `n` of `numbers` (H, W), is somebody by now."""
        time = blob.seen
        if blob.flutters and blob.moved and time - blob.restless > _RESTLESS:
            blob.moved, blob.stood = False, True
            blob.stay()
        away = blob.away((numbers.shape[0], numbers.shape[1]))
        wanted = max(_FAR * blob.extent, 2.0)
        if blob.flutters:
            wanted = max(_FARTHER * blob.extent, _WAY * max(numbers.shape))
        huge = blob.area > _HUGE * numbers.size
        if time - blob.born >= _SETTLED and blob.sure and (away >= wanted or huge):
            if grey is not None and not blob.moved and time - blob.checked >= _CHECK:
                left, top, right, bottom = blob.box
                where = slice(top, bottom), slice(left, right)
                blob.checked = time
                light = self._backdrop.is_light(grey, numbers[where] == n, where)
                blob.light = blob.light + 1 if light else max(0, blob.light - 1)
            blob.moved = blob.moved or not blob.light
            blob.restless = time
            if blob.flutters:
                blob.stay()
        elif not blob.moved and away < _NEAR * blob.extent:
            # What waves is no motion yet: it will have begun when it goes. Who stands came before.
            blob.stood = blob.stood or time - blob.since > _STAYS
            if blob.stood and (blob.flutters or time - blob.since > _PATIENCE):
                blob.since, blob.first = time, blob.last

    def _count(self, coming: NDArray[np.bool_], time: float) -> None:
        """How often each cell became foreground in the last minute, about."""
        assert self._comings is not None
        assert self._before is not None
        assert self._came is not None
        self._comings *= np.float32(math.exp(-max(0.0, time - self._time) / _FLUTTER))
        came = np.flatnonzero(coming & ~self._before)
        latest = self._came.reshape(-1)
        came = came[latest[came] < time - _AGAIN]
        self._comings.reshape(-1)[came] += 1
        latest[came] = time
        self._before, self._time = coming, time
