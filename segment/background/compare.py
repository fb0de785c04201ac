"""Our subtractors and OpenCV's side by side: the same frames, in turn, in one process."""

import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any, Self

import cv2
import numpy as np

from segment import threads as rows
from segment.arrays import Image, Mask
from segment.background.gmm import GaussianMixtureSubtractor
from segment.background.posterior import PosteriorSubtractor

__all__ = ["OPENCV", "PEER", "Comparison"]

OPENCV = cv2.__version__

PEER = "MOG2"
"""Whom the others are measured against."""

_CONTRIB = ("GSOC", "LSBP", "CNT")

# Frames, at most, that do not count: the first ones begin models and caches.
_WARM = 25


class Comparison:
    """Times what every subtractor takes for the same frames; a context manager.

    Parameters
    ----------
    threads : for each of them, OpenCV's included; None is one for every processor. OpenCV's
        own setting is restored at the end.

    Attributes
    ----------
    names : of those that take part; ours by their commands.
    absent : name -> why it does not.

    All have their defaults. They take turns in being first, so that none always finds the frame
    in the cache.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = rows.count_threads(threads)
        self._makers: dict[str, Callable[[], Any]] = {
            "subtract": lambda: PosteriorSubtractor(threads=self.threads),
            "subtract-mixture": lambda: GaussianMixtureSubtractor(threads=self.threads),
            PEER: cv2.createBackgroundSubtractorMOG2,
            "MOG2, no shadows": lambda: cv2.createBackgroundSubtractorMOG2(detectShadows=False),
            "KNN": cv2.createBackgroundSubtractorKNN,
        }
        self.absent: dict[str, str] = {}
        contrib = getattr(cv2, "bgsegm", None)
        for name in _CONTRIB:
            maker = getattr(contrib, f"createBackgroundSubtractor{name}", None)
            if maker is None:
                self.absent[name] = "it comes with opencv-contrib-python"
            else:
                self._makers[name] = maker
        self._running: dict[str, Any] = {}
        self._taken: dict[str, list[float]] = {}
        self._first = 0

    @property
    def names(self) -> list[str]:
        return list(self._makers)

    def __enter__(self) -> Self:
        self._before = cv2.getNumThreads()
        cv2.setNumThreads(self.threads)
        return self

    def __exit__(self, *_: object) -> None:
        cv2.setNumThreads(self._before)

    def prepare(self, images: Iterable[Image]) -> None:
        """Let all of them see a few frames, so that loops are compiled, and begin anew.

        One that refuses such frames becomes absent.
        """
        for image in images:
            for name, subtractor in self._begun().items():
                try:
                    subtractor.apply(image)
                except cv2.error as error:
                    del self._makers[name]
                    self.absent[name] = f"it refuses these frames: {error.err}"
        self._running.clear()

    def frame(self, image: Image) -> dict[str, Mask]:
        """Time every subtractor on the next frame; return their masks, (H, W) bool, by name."""
        found: dict[str, Any] = {}
        names = self.names
        running = self._begun()
        for turn in range(len(names)):
            name = names[(self._first + turn) % len(names)]
            apply = running[name].apply
            begin = time.perf_counter()
            mask = apply(image)
            self._taken[name].append(time.perf_counter() - begin)
            found[name] = mask
        self._first += 1
        # 127 is shadow, which is background.
        return {
            name: mask if mask.dtype == np.bool_ else mask == 255
            for name, mask in ((name, found[name]) for name in names)
        }

    def milliseconds(self) -> dict[str, float]:
        """Median over the frames, by name; the first ones do not count."""
        return {name: 1000 * median(times) for name, times in self._counted().items()}

    def speed(self) -> dict[str, float]:
        """How many times as fast as MOG2, by name: the median of the ratios on each frame."""
        counted = self._counted()
        peer = counted[PEER]
        return {
            name: median(theirs / own for theirs, own in zip(peer, times, strict=True))
            for name, times in counted.items()
        }

    def _begun(self) -> dict[str, Any]:
        if not self._running:
            self._running = {name: make() for name, make in self._makers.items()}
            self._taken = {name: [] for name in self._makers}
        return {name: self._running[name] for name in self._makers}

    def _counted(self) -> dict[str, list[float]]:
        return {name: times[min(_WARM, len(times) // 4) :] for name, times in self._taken.items()}
