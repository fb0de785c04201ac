"""Rows of a picture shared out among threads so that all have done at the same time."""

import time
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

from segment import threads

__all__ = ["STEP", "Sharing", "Workspace"]

# Fewer pixels than this are done before a second thread has woken up.
PIXELS_WORTH_A_THREAD = 8192

# Rows of a band start at a multiple of this: the coarsest grid has a point for 8 x 8 pixels.
STEP = 8

# Frames after which the bands are chosen anew, and the part of the new in what is known.
_FRAMES = 4
_NEWS = 0.5


class Sharing:
    """Bands of rows, as many as threads, that take the same time by what the last frames took.

    Foreground costs more than background. What is computed must not depend on the bands.

    Attributes
    ----------
    bands : (start, stop) of each; all start at a multiple of STEP.
    """

    def __init__(self, height: int, count: int) -> None:
        self._height = height
        self._load = [1.0] * -(-height // STEP)  # seconds by strip, at first all the same
        self._took = [0.0] * count
        self._frames = 0
        self.bands = self._balance()

    def over(self, function: Callable[[int, int, int], object]) -> None:
        """Call function(number, start, stop) on all bands."""
        if len(self.bands) == 1:
            function(0, 0, self._height)
            return

        took = [0.0] * len(self.bands)

        def work(first: int, end: int) -> None:
            for band in range(first, end):
                begin = time.thread_time()
                function(band, *self.bands[band])
                took[band] = time.thread_time() - begin

        threads.over_rows(work, len(self.bands), len(self.bands))
        self.note(took)

    def note(self, took: list[float]) -> None:
        """Learn from the seconds that each band took; every few times, choose the bands anew."""
        self._took = [sum(pair) for pair in zip(self._took, took, strict=True)]
        self._frames += 1
        if self._frames < _FRAMES:
            return
        for (start, stop), seconds in zip(self.bands, self._took, strict=True):
            first, end = start // STEP, -(-stop // STEP)
            for strip in range(first, end):
                self._load[strip] += _NEWS * (seconds / (end - first) - self._load[strip])
        self._frames, self._took = 0, [0.0] * len(self.bands)
        self.bands = self._balance()

    def _balance(self) -> list[tuple[int, int]]:
        count, strips = len(self._took), len(self._load)
        sums = list(accumulate(self._load))
        edges = [0]
        for band in range(1, count):
            edge = sum(done < sums[-1] * band / count for done in sums)
            # Every band has a strip.
            edges.append(max(edges[-1] + 1, min(edge, strips - count + band)))
        return list(pairwise([*(STEP * edge for edge in edges), self._height]))


class Workspace:
    """Where frames are worked on: rows shared out among threads, and scratch that is used again.

    Attributes
    ----------
    whole : whether every pixel is known to have been seen, so that nobody need look again.
    """

    def __init__(self) -> None:
        self.whole = False
        self._kept: dict[Any, Any] = {}

    def share(self, name: str, height: int, width: int, threads_asked: int | None) -> Sharing:
        """Return how the rows are shared out for the work called `name`."""
        strips = -(-height // STEP)
        least = -(-PIXELS_WORTH_A_THREAD // (STEP * width))
        count = max(1, min(threads.count_threads(threads_asked), strips // least))
        sharing: Sharing = self.desk(Sharing, 0, height, count, name=name)
        return sharing

    def desk(self, make: Callable[..., Any], band: int, *sizes: float, name: str = "") -> Any:
        """Return what make(*sizes) gave for this band when it was asked for first."""
        key = make, band, sizes, name
        if key not in self._kept:
            self._kept[key] = make(*sizes)
        return self._kept[key]
