"""The learned decision: a network reads what the mixtures say, and says what is foreground."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.arrays import Mask
from segment.background.network import Network, weights
from segment.background.network.records import BLOCK
from segment.background.posterior import kernels
from segment.background.posterior.decision import Decided, Decision, PooledEvidence, judged_by
from segment.background.posterior.kernels.planes import GLANCED, PLANES, Desk
from segment.background.posterior.kernels.records import Bytes, Course, Evidence, Floats
from segment.background.posterior.parameters import QUALITIES, Parameters
from segment.background.posterior.sharing import Sharing, Workspace
from segment.background.posterior.statistics import Statistics

__all__ = ["LearnedEvidence", "age_of", "decision_of", "network_of", "planes_of"]

# The threshold of evidence that is a posterior of one half, and what a logit counts in evidence: as
# `soften` of pooled evidence has it.
_EVEN, _STEP = np.float32(16), np.float32(4)

# Grey levels that are half-way, of a still camera, and by deviation of the noise.
_STILL, _NOISE = 4.0, 2.0

_HALF = np.uint8(128)

# Posterior from which on there is no doubt.
_SURE = np.uint8(225)

# Variance of the noise, summed over the channels, from which on the glance is not left alone.
_LOUD = 12.0

# Mean squared change in time of a square, beyond the noise, from which on it moves.
_MOVES = 3.0

# Pixels apart at which it is looked how long the scene has been learned.
_APART = 61


@dataclass
class LearnedEvidence:
    """Foreground is where a network that learned from footage with truth says so.

    Attributes
    ----------
    course : what places have gone through. foreground, shade (H * W,) uint8: the last posteriors.
    decided : whether there was a frame. judged : see `PooledEvidence`, by which shadows are told.
    """

    quality: ClassVar[str] = "best"

    course: Course | None = None
    foreground: Bytes | None = None
    shade: Bytes | None = None
    decided: bool = False
    judged: tuple[float, ...] | None = None

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
                plane[:] = _moved(plane, half)

    def relight(self, before: Bytes) -> None:
        """Take in the last frame (C, H, W) in another light."""
        assert self.course is not None
        grey = before.astype(np.float32).mean(0)
        height, width = grey.shape
        grey = np.pad(grey, ((0, height % 2), (0, width % 2)), mode="edge")
        halves = grey.reshape(-(-height // 2), 2, -(-width // 2), 2).mean((1, 3))
        self.course.light[:] = np.rint(halves)

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
        count = rows.count_threads(asked.threads)
        planes = planes_of(workspace, size)
        half, wide = planes.shape[1:]
        network = network_of(workspace, size)
        share = workspace.share("survey", half, wide, asked.threads)
        restless = self._survey(statistics, asked, network, planes, share)
        foreground, shade = self.foreground.reshape(size), self.shade.reshape(size)
        if network.glance(restless, _wary(statistics, restless)):
            share = workspace.share("describe", half, wide, asked.threads)
            self._describe(statistics, network.active, planes, share)
            network.judge(planes, foreground, shade, count)
        else:
            foreground[:], shade[:] = 0, 0
        self.decided = True
        self.judged = judged_by(asked, len(statistics.frame.which))
        passed = np.asarray(
            asked.threshold if sensitivity is None else asked.threshold / sensitivity
        )
        least = 255 / (1 + np.exp((_EVEN - passed) / _STEP))
        bar = np.ceil(np.maximum(least, 1)).astype(np.uint8)  # posteriors are whole numbers
        found = foreground >= bar
        # No evidence passes more than there can be.
        if (passed > asked.largest_evidence).any():
            found &= passed <= asked.largest_evidence
        decided: Bytes = found.view(np.uint8)
        return decided

    def learn(self, decided: Decided, workspace: Workspace, start: int, stop: int) -> None:
        """Take rows of the last decision into what places have gone through; see `Decision`."""
        assert self.course is not None
        assert self.foreground is not None
        foreground, kept, learned = decided
        soft = self.foreground.reshape(foreground.shape)
        rows = start // 2, -(-stop // 2)
        kernels.keep(foreground, kept, soft, self.course, *rows)
        kernels.follow_course(self.course, planes_of(workspace, foreground.shape), learned, *rows)

    def doubted(self, votes: Floats) -> Floats:
        """Return the votes where the network was not sure; see `Decision`.

        Of a ghost it seldom is, of who stands there nearly always.
        """
        assert self.course is not None
        doubted = np.empty_like(votes)
        kernels.leave_doubted(votes, self.course.last, _SURE, doubted)
        return doubted

    def count_changed(self, foreground: Bytes, evidence: Evidence, asked: Parameters) -> int:
        """Return the pixels whose own evidence passes the threshold, whatever the network says.

        It lets go of most of another scene within a few frames, long before that is learned.
        """
        return int(kernels.count_from(evidence.own, asked.least_own))

    def soften(
        self, evidence: Evidence, size: tuple[int, int], sensitivity: Floats | None
    ) -> NDArray[np.float32] | None:
        """Return the last posteriors; see `Decision`."""
        if not self.decided:
            return None
        assert self.foreground is not None
        return self.foreground.reshape(size).astype(np.float32) / np.float32(255)

    def explain(
        self, evidence: Evidence, size: tuple[int, int], sensitivity: Floats | None
    ) -> Mask | None:
        """Return what the network calls shadow, and what a gain explains: it names few of them."""
        if not self.decided:
            return None
        assert self.shade is not None
        shaded: Mask = self.shade.reshape(size) >= _HALF
        explained = PooledEvidence(self.judged).explain(evidence, size, sensitivity)
        return shaded if explained is None else shaded | explained

    def _survey(
        self,
        statistics: Statistics,
        asked: Parameters,
        network: Network,
        planes: Bytes,
        share: Sharing,
    ) -> Bytes:
        """Write what the glance reads; return the blocks (rows, columns) uint8 that are restless.

        In these alone all of it is written, and read into the network.
        """
        frame, evidence, course = statistics.frame, statistics.evidence, self.course
        assert course is not None
        half, wide = planes.shape[1:]
        restless = np.empty((-(-half // BLOCK), -(-wide // BLOCK)), np.uint8)
        largest, gain = np.float32(asked.largest_evidence), statistics.numbers.light.gain
        age, before = age_of(statistics), statistics.pictures.before
        shown = before[:, :0] if statistics.frozen else before

        def work(_: int, first: int, last: int) -> None:
            desk, room = np.empty((2, frame.width + 1), np.float32), np.empty(wide, np.uint8)
            start, stop = first // BLOCK, -(-last // BLOCK)
            kernels.draw_light(frame, shown, gain, desk, planes, first, last)
            kernels.sift(
                evidence.sums[3], course.last, largest, room, planes, restless, start, stop
            )
            kernels.survey(
                restless, evidence.sums, statistics.change, statistics.ghosts.votes, course, age,
                planes, first, last,
            )  # fmt: skip
            network.read(planes, restless, start, stop)

        share.over(work)
        return restless

    def _describe(
        self, statistics: Statistics, active: Bytes, planes: Bytes, share: Sharing
    ) -> None:
        """Write the other planes where it is active, (rows, columns) uint8 of blocks."""
        course = self.course
        assert course is not None
        noise = float(np.sqrt(max(float(statistics.numbers.slack.noise), 0.0) / 6))
        scale = np.float32(_STILL + _NOISE * noise)
        level = np.uint8(min(255, 40 * np.log2(1 + noise)))
        wide = planes.shape[2]

        def work(_: int, first: int, last: int) -> None:
            start, stop = first // BLOCK, -(-last // BLOCK)
            desk = Desk(
                np.empty((BLOCK + 2, wide + 2), np.uint8),
                np.empty(wide, np.uint8),
                np.empty((2, 2 * wide + 2), np.float32),
            )
            kernels.describe(
                statistics.frame, active, statistics.evidence, statistics.modes,
                statistics.pictures.ground, statistics.change, course, level, scale, desk, planes,
                start, stop,
            )  # fmt: skip

        share.over(work)


def _wary(statistics: Statistics, restless: Bytes) -> Bytes:
    """Return the blocks (rows, columns) uint8 in which much evidence is not left to the glance.

    Where the picture moves, and everywhere in loud noise, of which it learned little: it would miss
    what is plain to see. What stands with much evidence may be a ghost, which it knows.
    """
    noise = float(statistics.numbers.slack.noise)
    wary = np.ones_like(restless)
    if noise <= _LOUD:  # of squares of half a block
        kernels.mark_moving(statistics.change.motion, np.float32(_MOVES + noise / 4), wary)
    return wary


def age_of(statistics: Statistics) -> np.uint8:
    """Return how long the scene has been learned, as the planes have it."""
    learned = float(statistics.modes.seen[::_APART].max())
    return np.uint8(min(255, 28 * np.log2(1 + learned)))


def planes_of(workspace: Workspace, size: tuple[int, ...]) -> Bytes:
    """Return the planes (PLANES, h, w) of the last frame of (H, W) that was looked at there."""
    planes: Bytes = workspace.desk(_planes, 0, -(-size[0] // 2), -(-size[1] // 2))
    return planes


def network_of(workspace: Workspace, size: tuple[int, ...]) -> Network:
    """Return the network for frames of (H, W), with what it saw of the last."""
    network: Network = workspace.desk(_network, 0, -(-size[0] // 2), -(-size[1] // 2))
    return network


def _moved(plane: NDArray[Any], shift: tuple[int, int]) -> NDArray[Any]:
    """Return a plane (h, w) moved by pixels to the right and down; 0 where it says nothing."""
    (height, width), (right, down) = plane.shape, shift
    moved = np.zeros_like(plane)
    moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = plane[
        max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return moved


def _network(height: int, width: int) -> Network:
    return Network(weights.load(PLANES, len(GLANCED)), (height, width), GLANCED)


def _planes(height: int, width: int) -> Bytes:
    return np.zeros((PLANES, height, width), np.uint8)


def decision_of(quality: str) -> Decision:
    """Return who decides. Raises ValueError for a quality that is none."""
    for decision in (PooledEvidence(), LearnedEvidence()):
        if decision.quality == quality:
            return decision
    raise ValueError(f"quality is {quality!r}, wanted {' or '.join(QUALITIES)}")
