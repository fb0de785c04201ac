"""The second step of a frame: what is foreground, by what the mixtures say.

A decision is an object with the methods of `Decision`: `PooledEvidence` is that of quality fast,
`LearnedEvidence` (`learned.py`) that of best. It gets the statistics of a frame and says what is
foreground; what is known, or not looked at, is none of its business, nor what is learned of it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask
from segment.background.posterior import kernels
from segment.background.posterior.kernels.decide import BLOCK, RING, Desk, Halves
from segment.background.posterior.kernels.evidence import Level, LevelDesk
from segment.background.posterior.kernels.mask import Ring
from segment.background.posterior.kernels.records import (
    Bytes,
    Evidence,
    Floats,
    Gains,
    Judging,
    Tidying,
)
from segment.background.posterior.parameters import Parameters
from segment.background.posterior.sharing import Workspace
from segment.background.posterior.statistics import Statistics

__all__ = ["Decided", "Decision", "PooledEvidence", "judged_by"]

_NO_NUMBERS = np.empty(0, np.float32)


class Decided(NamedTuple):
    """The last decision, as it is learned from.

    foreground (H, W) uint8, with what is known; only where `kept`, (H, W), is not 0 either.
    learned : frames so far, this one included.
    """

    foreground: Bytes
    kept: Bytes
    learned: int


class Decision(Protocol):
    """What is foreground.

    A dataclass, of which fields that are arrays and numbers are saved with the subtractor; what
    it keeps of the last frame must suffice for `soften` and `explain`.
    """

    quality: ClassVar[str]  # by which it is asked for

    def begin(self, size: tuple[int, int]) -> None:
        """Begin with a scene of (H, W)."""
        ...

    def move(self, shift: tuple[int, int]) -> None:
        """Follow the camera, whose pictures lie `shift` pixels to the right and down."""
        ...

    def relight(self, before: Bytes) -> None:
        """Take in how the last frame, (C, H, W) uint8, would look in the light of the next."""
        ...

    def decide(
        self,
        statistics: Statistics,
        asked: Parameters,
        sensitivity: Floats | None,
        workspace: Workspace,
    ) -> Bytes:
        """Return what is foreground, (H, W) uint8, 0 and 1; the caller's own.

        sensitivity (H, W), by which thresholds are divided; `workspace` shares rows out
        among threads, of which nothing may depend.
        """
        ...

    def learn(self, decided: Decided, workspace: Workspace, start: int, stop: int) -> None:
        """Take rows of the last decision into what is kept, `start` of the picture even."""
        ...

    def doubted(self, votes: Floats) -> Floats:
        """Return the votes on ghosts, (h4, w4), 0 where the last decision leaves no doubt."""
        ...

    def count_changed(self, foreground: Bytes, evidence: Evidence, asked: Parameters) -> int:
        """Return how many pixels the last frame shows something else in than the background."""
        ...

    def soften(
        self, evidence: Evidence, size: tuple[int, int], sensitivity: Floats | None
    ) -> NDArray[np.float32] | None:
        """Return the probability (H, W) of foreground, as `decide` last found it.

        None before `decide` was called.
        """
        ...

    def explain(
        self, evidence: Evidence, size: tuple[int, int], sensitivity: Floats | None
    ) -> Mask | None:
        """Return what would have been foreground, (H, W), were it not explained by less light.

        None before `decide` was called.
        """
        ...


@dataclass
class PooledEvidence:
    """Foreground is where the evidence, pooled and not explained by light, passes a threshold.

    The equations stand in `PosteriorSubtractor`, `kernels.evidence` and `kernels.decide`.

    Attributes
    ----------
    judged : parameters of the last frame; own part of a pixel, largest evidence, threshold,
        lowest and highest gain, its price. None before it.
    """

    quality: ClassVar[str] = "fast"

    judged: tuple[float, ...] | None = None

    def begin(self, size: tuple[int, int]) -> None:
        """Do nothing: what is known of the last scene is asked for until the next frame."""

    def move(self, shift: tuple[int, int]) -> None:
        """Do nothing: evidence is of one frame."""

    def learn(self, decided: Decided, workspace: Workspace, start: int, stop: int) -> None:
        """Do nothing: evidence is of one frame."""

    def doubted(self, votes: Floats) -> Floats:
        """Return all votes: pooled evidence is never sure."""
        return votes

    def count_changed(self, foreground: Bytes, evidence: Evidence, asked: Parameters) -> int:
        """Return the pixels of the foreground, (H, W)."""
        return int(np.count_nonzero(foreground.view(np.bool_)))

    def relight(self, before: Bytes) -> None:
        """Remember nothing of the light."""

    def decide(
        self,
        statistics: Statistics,
        asked: Parameters,
        sensitivity: Floats | None,
        workspace: Workspace,
    ) -> Bytes:
        """Return what is foreground, (H, W) uint8; see `Decision`."""
        frame, evidence = statistics.frame, statistics.evidence
        height, width = frame.height, frame.width
        self.judged = judged_by(asked, len(frame.which))
        lowest = 1.0 if sensitivity is None else 1 / float(sensitivity.max())
        judging = workspace.desk(_judging, 0, lowest, *self.judged)
        tidy = workspace.desk(_tidying, 0, asked.majority // 2, asked.closing // 2)
        by_pixel = _NO_NUMBERS if sensitivity is None else sensitivity.reshape(-1)
        foreground = np.empty((height, width), np.uint8)

        def work(band: int, start: int, stop: int) -> None:
            desk = workspace.desk(_deciding, band, width, tidy.radius, tidy.widths.size // 2)
            kernels.decide(evidence, judging, tidy, by_pixel, foreground, desk, start, stop)

        workspace.share("decide", height, width, asked.threads).over(work)
        return foreground

    def soften(
        self, evidence: Evidence, size: tuple[int, int], sensitivity: Floats | None
    ) -> NDArray[np.float32] | None:
        """Return the last frame's evidence as a probability; see `Decision`.

        The logistic of evidence less threshold, half as steep as for one independent pixel,
        since what is pooled is not independent.
        """
        if self.judged is None:
            return None
        passed, level, _ = self._levels(self.judged, evidence, size, sensitivity)
        odds = np.exp(np.minimum((passed - level) * np.float32(0.25), np.float32(80)))
        probability: NDArray[np.float32] = np.float32(1) / (np.float32(1) + odds)
        return probability

    def explain(
        self, evidence: Evidence, size: tuple[int, int], sensitivity: Floats | None
    ) -> Mask | None:
        """Return what a gain below 1 explains of the last frame; see `Decision`."""
        if self.judged is None:
            return None
        (height, width), (_, half, wide) = size, evidence.sums.shape
        passed, level, bare = self._levels(self.judged, evidence, size, sensitivity)
        # The background's product with what is left of the frame: below 0 where that is darker.
        taps = np.array([1, 4, 6, 4, 1], np.float32) / 16
        dot = cv2.sepFilter2D(evidence.sums[1], -1, taps, taps, borderType=cv2.BORDER_REPLICATE)
        darker = cv2.resize(dot, (2 * wide, 2 * half))[:height, :width] < 0
        shaded: Mask = (bare > passed) & (level <= passed) & darker
        return shaded

    @staticmethod
    def _levels(
        judged: tuple[float, ...],
        evidence: Evidence,
        size: tuple[int, int],
        sensitivity: Floats | None,
    ) -> tuple[Any, Floats, Floats]:
        """Return the threshold, a number or (H, W), and evidence with light explained, and bare."""
        height, width = size
        own, largest, threshold, *gains = map(np.float32, judged)
        judging = Judging(own, largest / np.float32(255), threshold, threshold, Gains(*gains))
        _, half, wide = evidence.sums.shape
        explained, bare = np.empty((2, height * width), np.float32)
        desk = LevelDesk(
            np.empty((half, wide), np.float32),
            np.empty((half, wide), np.float32),
            np.empty((4, wide + 4), np.float32),
            np.empty((2, width), np.float32),
        )
        kernels.level_pixels(evidence, judging, Level(explained, bare), desk, height, width)
        passed = threshold if sensitivity is None else threshold / sensitivity
        return passed, explained.reshape(size), bare.reshape(size)


def judged_by(asked: Parameters, channels: int) -> tuple[float, ...]:
    """Return what `PooledEvidence` judges frames of so many channels by."""
    low = asked.darkest_light
    if low is None:
        low = 0.8 if channels == 1 else 0.4
    return (
        asked.own_evidence,
        asked.largest_evidence,
        asked.threshold,
        low,
        asked.brightest_light,
        asked.light_price,
    )


def _judging(lowest: float, own: float, largest: float, threshold: float, *gains: float) -> Judging:
    """Return how `decide` judges; thresholds are at least `lowest` of the threshold."""
    # Where the surroundings have less, not even the largest evidence of a pixel's own
    # passes, nor would a change of light explain any of it.
    least = -np.inf
    if own < 1:
        least = (min(threshold * lowest, gains[2]) - own * largest) / (1 - own) * 0.999
    f = np.float32
    return Judging(f(own), f(largest / 255), f(threshold), f(least), Gains(*map(f, gains)))


def _tidying(radius: int, reach: int) -> Tidying:
    """Return how a mask is tidied: the vote's radius, and how far a disc reaches in its rows."""
    across = np.arange(-reach, reach + 1)
    return Tidying(radius, np.rint(np.sqrt(reach**2 - across**2)).astype(np.int64))


def _deciding(width: int, radius: int, reach: int) -> Desk:
    """Return the scratch of `decide`."""
    wide = -(-width // 2)

    def ring(length: int) -> Ring:
        return Ring(np.empty((length, width), np.uint8), np.empty(length, np.uint8))

    def half(length: int) -> Floats:
        return np.empty((length, wide + 4), np.float32)

    def blocks() -> Bytes:
        return np.empty((RING, -(-wide // BLOCK)), np.uint8)

    return Desk(
        Halves(half(RING), half(RING), half(RING), half(3), blocks(), blocks()),
        np.empty((2, width), np.float32),
        ring(2 * radius + 3),
        ring(2 * reach + 3),
        ring(2 * reach + 3),
        np.empty(width + 2 * radius, np.uint8),
        np.empty(width + 2 * reach, np.uint8),
    )
