"""The learned decision: a network reads what the mixtures say, and says what is foreground."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from segment import threads as rows
from segment.background.learned import weights
from segment.background.learned.kernels.remember import stay
from segment.background.learned.network import Network
from segment.background.learned.scene import put_back
from segment.background.posterior import kernels
from segment.background.posterior.decision import Soft
from segment.background.posterior.kernels.planes import PLANES
from segment.background.posterior.kernels.records import Bytes, Course, Evidence, Floats
from segment.background.posterior.parameters import Parameters
from segment.background.posterior.sharing import Workspace
from segment.background.posterior.statistics import Statistics

__all__ = ["LearnedEvidence", "planes_of"]

# The threshold of evidence that is a posterior of one half, and what a logit counts in evidence: as
# `soften` of pooled evidence has it.
_EVEN, _STEP = np.float32(16), np.float32(4)

# Grey levels that are half-way, of a still camera, and by deviation of the noise.
_STILL, _NOISE = 4.0, 2.0

_HALF = np.uint8(128)

_ROWS = 16  # rows of half resolution that are worth a thread


@dataclass
class LearnedEvidence:
    """Foreground is where a network that learned from footage with truth says so.

    Attributes
    ----------
    course : what places have gone through. foreground, shade (H * W,) uint8: the last posteriors.
    decided : whether there was a frame.
    """

    quality: ClassVar[str] = "best"

    course: Course | None = None
    foreground: Bytes | None = None
    shade: Bytes | None = None
    decided: bool = False

    def begin(self, size: tuple[int, int]) -> None:
        """Begin with a scene of (H, W); what was said of the last frame of another stays."""
        height, width = size
        half = -(-height // 2), -(-width // 2)

        def floats() -> Floats:
            return np.zeros(half, np.float32)

        def small() -> Bytes:
            return np.zeros(half, np.uint8)

        self.course = Course(small(), small(), small(), floats(), floats(), floats(), floats())
        if self.foreground is None or self.foreground.size != height * width:
            self.foreground, self.shade = np.zeros((2, height * width), np.uint8)
            self.decided = False

    def move(self, shift: tuple[int, int]) -> None:
        """Follow a camera that moved by (right, down) pixels."""
        assert self.course is not None
        half = round(shift[0] / 2), round(shift[1] / 2)
        if half != (0, 0):
            for plane in self.course:
                plane[:] = put_back(plane, half)

    def decide(
        self,
        statistics: Statistics,
        asked: Parameters,
        sensitivity: Floats | None,
        workspace: Workspace,
    ) -> Bytes:
        """Return what is foreground, (H, W) uint8; see `Decision`."""
        assert self.course is not None
        assert self.foreground is not None
        assert self.shade is not None
        size = statistics.frame.height, statistics.frame.width
        planes = self._describe(statistics, asked, workspace)
        network: Network = workspace.desk(_network, 0, *planes.shape[1:])
        count = rows.count_threads(asked.threads)
        foreground, shade = network.judge(planes, size, count)
        self.foreground[:], self.shade[:] = foreground.reshape(-1), shade.reshape(-1)
        self.decided = True
        passed = asked.threshold if sensitivity is None else asked.threshold / sensitivity
        least = 255 / (1 + np.exp((_EVEN - passed) / _STEP))
        return (foreground >= np.maximum(least, 1)).view(np.uint8)

    def learn(self, foreground: Bytes, learned: int, workspace: Workspace) -> None:
        """Take the last decision, foreground (H, W), into what places have gone through."""
        assert self.course is not None
        assert self.foreground is not None
        planes = planes_of(workspace, foreground.shape)
        # What is known, or decided at another threshold, counts as decided.
        soft = self.foreground.reshape(foreground.shape)
        soft = np.where(foreground != 0, np.maximum(soft, _HALF), np.minimum(soft, _HALF - 1))
        stay(soft.reshape(-1), self.course, foreground.shape, 0, planes.shape[1])
        kernels.follow_course(self.course, planes, learned)

    def count_changed(self, foreground: Bytes, evidence: Evidence, asked: Parameters) -> int:
        """Return the pixels whose own evidence passes the threshold, whatever the network says.

        It lets go of most of another scene within a few frames, long before that is learned.
        """
        least = 255 * min(asked.threshold / asked.largest_evidence, 1)
        return int(np.count_nonzero(evidence.own >= np.float32(least)))

    def soften(
        self, evidence: Evidence, size: tuple[int, int], sensitivity: Floats | None
    ) -> Soft | None:
        """Return the last posteriors; see `Decision`."""
        if not self.decided:
            return None
        assert self.foreground is not None
        assert self.shade is not None
        probability = self.foreground.reshape(size).astype(np.float32) / np.float32(255)
        return Soft(probability, self.shade.reshape(size) >= _HALF)

    def _describe(self, statistics: Statistics, asked: Parameters, workspace: Workspace) -> Bytes:
        assert self.course is not None
        frame, numbers = statistics.frame, statistics.numbers
        half = self.course.last.shape
        planes = planes_of(workspace, (frame.height, frame.width))
        course = self.course
        noise = float(np.sqrt(max(float(numbers.slack.noise), 0.0) / 6))
        learned = float(statistics.modes.seen.max())
        given = (
            np.float32(asked.largest_evidence),
            np.float32(_STILL + _NOISE * noise),
            np.uint8(min(255, 40 * np.log2(1 + noise))),
            np.uint8(min(255, 28 * np.log2(1 + learned))),
        )
        count = rows.count_threads(asked.threads)

        def draw(start: int, stop: int) -> None:
            desk = np.empty((4, frame.width + 1), np.float32)
            kernels.draw_light(
                frame, statistics.pictures, numbers.light.gain, desk, planes, start, stop
            )

        rows.over_rows(draw, half[0], count, _ROWS)

        def describe(start: int, stop: int) -> None:
            desk = np.empty(half[1], np.float32)
            kernels.describe(
                (frame.height, frame.width), statistics.evidence, statistics.modes,
                statistics.change, statistics.ghosts, course, given, desk, planes, start, stop,
            )  # fmt: skip

        rows.over_rows(describe, half[0], count, _ROWS)
        return planes


def planes_of(workspace: Workspace, size: tuple[int, ...]) -> Bytes:
    """Return the planes (PLANES, h, w) of the last frame of (H, W) that was looked at there."""
    planes: Bytes = workspace.desk(_planes, 0, -(-size[0] // 2), -(-size[1] // 2))
    return planes


def _network(height: int, width: int) -> Network:
    return Network(weights.load("mixture-e-step", PLANES), (height, width))


def _planes(height: int, width: int) -> Bytes:
    return np.zeros((PLANES, height, width), np.uint8)
