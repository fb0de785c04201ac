"""Samples that an E-step learns from: statistics of frames, and their truth.

    python models/mixture-e-step/samples.py drawn --out S/drawn --seeds 0-4
    python models/mixture-e-step/samples.py shared --out S/fold0 --seeds 0-4 --data DATA --fold 0
    python models/mixture-e-step/samples.py real --out S/real0 --data DATA --fold 0

Footage is drawn, composed from the clips of DATA (benchmarks/composed), or DATA's own sequences.
It runs through a subtractor with
the weights that are there, whose posteriors feed back into what it learns. So that training may
begin from nothing, a share of the sequences is told the truth, some of it with faults, as a poor
E-step makes them, and a share is decided by pooled evidence. A file for each sequence; what is
there stays.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.composed import KINDS, LESSONS, FreeSources, SharedSources, compose
from benchmarks.composed.clips import answers, decode
from segment.background import PosteriorSubtractor
from segment.background.network.records import BLOCK
from segment.background.posterior import kernels
from segment.background.posterior.decision import PooledEvidence
from segment.background.posterior.learned import LearnedEvidence, age_of, network_of, planes_of

# Sequences with truth, by the fold of the clip in benchmarks/composed/shared.py where it is there.
REAL = {
    "background2/cdnet_office": 0,
    "background2/wallflower_wavingtrees": 0,
    "background2/cdnet_traffic": 1,
    "background/cdnet_highway": 1,
    "background/sbi_Board": 1,
    "background/sbi_CAVIAR2": 1,
    "background/sbi_CaVignal": 1,
    "background/sbi_Foliage": 1,
    "background/sbi_HallAndMonitor": 0,
    "background/sbi_HighwayI": 0,
    "background/sbi_Snellen": 0,
    "background/ucsd_birds": 0,
    "background/ucsd_boats": 1,
    "background/ucsd_bottle": 0,
    "background/ucsd_chopper": 0,
    "background/ucsd_cyclists": 1,
    "background/ucsd_flock": 0,
    "background/ucsd_freeway": 1,
    "background/ucsd_hockey": 0,
    "background/ucsd_jump": 1,
}
WINDOW = 120, 160  # half-resolution pixels of a frame that are kept
FAULTY = 0.6  # share of these that are told it with faults
Pair = tuple[np.ndarray, np.ndarray]
MOST = 48  # samples of a real sequence
LONG = {"standing": 900, "left": 600}  # frames of kinds in which things stay


def packed(full: np.ndarray) -> np.ndarray:
    """(H, W) -> (4, h, w): the pixels of 2 x 2."""
    height, width = full.shape
    full = np.pad(full, ((0, height % 2), (0, width % 2)), mode="edge")
    return np.stack([full[::2, ::2], full[::2, 1::2], full[1::2, ::2], full[1::2, 1::2]])


class Faults:
    """Truth as a poor E-step gives it: swollen, eaten, lost for a while, with a block too much."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._kind = int(rng.integers(4))
        self._side = int(rng.integers(2, 6))
        self._lost = 0
        self._block: tuple[int, int, int] | None = None

    def spoil(self, truth: np.ndarray) -> np.ndarray:
        """Return the mask (H, W) bool with this sequence's fault."""
        rng, (height, width) = self._rng, truth.shape
        if self._kind < 2:
            change = cv2.dilate if self._kind else cv2.erode
            return change(truth.astype(np.uint8), np.ones((self._side, self._side))) > 0
        if self._kind == 2:
            if rng.random() < 0.02:
                self._lost = int(rng.integers(5, 60))
            self._lost -= 1
            return truth & (self._lost < 0)
        if rng.random() < 0.1:
            side = int(rng.integers(3, max(4, width // 6)))
            self._block = int(rng.integers(width)), int(rng.integers(height)), side
        spoilt = truth.copy()
        if self._block:
            x, y, side = self._block
            spoilt[y : y + side, x : x + side] = True
        return spoilt


class Taught(LearnedEvidence):
    """A decision that is told, or makes do with pooled evidence, instead of asking a network."""

    answer: np.ndarray | None = None

    def decide(self, statistics, asked, sensitivity, workspace):
        """Describe the frame, and return the answer."""
        self.planes = described(self, statistics, asked, workspace)
        if self.answer is None:
            found = PooledEvidence().decide(statistics, asked, sensitivity, workspace)
        else:
            found = self.answer.astype(np.uint8)
        self.foreground[:] = 255 * found.reshape(-1)
        self.decided = True
        return found


class Looking(LearnedEvidence):
    """The network's decision, with planes that are there everywhere."""

    def decide(self, statistics, asked, sensitivity, workspace):
        """Decide, and describe the frame."""
        found = super().decide(statistics, asked, sensitivity, workspace)
        self.planes = described(self, statistics, asked, workspace)
        return found


def described(decision, statistics, asked, workspace) -> np.ndarray:
    """All planes, in quiet blocks too: what is looked at may change while it is learned."""
    height, width = statistics.frame.height, statistics.frame.width
    planes = planes_of(workspace, (height, width))
    decision._survey(statistics, asked, network_of(workspace, (height, width)), planes, 1)
    everywhere = np.ones([-(-side // BLOCK) for side in planes.shape[1:]], np.uint8)
    kernels.survey(
        everywhere, statistics.evidence.sums, statistics.change, statistics.ghosts.votes,
        decision.course, age_of(statistics), planes, 0, planes.shape[1],
    )  # fmt: skip
    decision._describe(statistics, everywhere, planes, 1)
    return planes


class Mixtures:
    """The statistics of mixtures; how what stands is learned is as where the network decides."""

    def __init__(self, told: bool, own: bool) -> None:
        self._told = told
        self._subtractor = PosteriorSubtractor(threads=1, quality="best")
        self._subtractor._decision = Taught() if told or not own else Looking()

    def look(self, image: np.ndarray, there: np.ndarray) -> np.ndarray | None:
        """Return the statistics of a frame whose foreground is `there`."""
        decision = self._subtractor._decision
        decision.answer = there if self._told else None
        self._subtractor.apply(image)
        return getattr(decision, "planes", None)


def samples(
    frames: Iterable[Pair],
    rng: np.random.Generator,
    every: int,
    told: bool,
    statistics: Mixtures,
) -> tuple[np.ndarray, np.ndarray]:
    """Statistics (N, PLANES, h, w) and truth (N, 4, h, w) of some frames of a sequence, uint8."""
    faults = Faults(rng) if told and rng.random() < FAULTY else None
    planes, truths = [], []
    first = int(rng.integers(every))
    for number, (image, truth) in enumerate(frames):
        there = truth == 255
        if faults is not None:
            there = faults.spoil(there)
        image = image if image.ndim == 3 else image[..., None]
        seen = statistics.look(image, there)
        early = number < 30 and number % 3 == 0
        if number < 2 or not (early or number % every == first):
            continue
        if not np.isin(truth, (0, 50, 255)).any():
            continue
        h, w = seen.shape[1:]
        y = int(rng.integers(max(1, h - WINDOW[0] + 1)))
        x = int(rng.integers(max(1, w - WINDOW[1] + 1)))
        window = slice(y, y + WINDOW[0]), slice(x, x + WINDOW[1])
        planes.append(seen[:, *window].copy())
        truths.append(packed(truth)[:, *window])
    if not planes:  # truth for a frame or two, and none of them in turn
        return np.zeros((0, 0, 0, 0), np.uint8), np.zeros((0, 0, 0, 0), np.uint8)
    return np.stack(planes), np.stack(truths)


def _real(data: Path, clip: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for (_, image), truth in zip(
        decode(data / clip / "input.mkv"), answers(data / clip), strict=False
    ):
        # What has no colours is given as a user's grey film is.
        grey = image.ndim == 3 and not np.any(image != image[..., :1])
        yield image[..., :1] if grey else image, truth


def main() -> None:
    """Write a file of samples for each sequence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", choices=("drawn", "shared", "real"))
    parser.add_argument("--told", type=float, default=0.25, help="share that is told the truth")
    parser.add_argument("--pooled", type=float, default=0.0, help="share without a network")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--fold", type=int, choices=(0, 1))
    parser.add_argument("--seeds", default="0-3", help="first and last")
    parser.add_argument("--kinds", nargs="*", default=[*KINDS, *LESSONS])
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    low, high = map(int, asked.seeds.split("-"))
    if asked.source == "real":
        work = [(clip, s) for s in range(low, high + 1) for clip, fold in REAL.items()
                if asked.fold in (None, fold)]  # fmt: skip
    else:
        work = [(kind, s) for s in range(low, high + 1) for kind in asked.kinds]
        sources = (
            FreeSources() if asked.source == "drawn" else SharedSources(asked.data, asked.fold)
        )
    for name, seed in work:
        path = asked.out / f"{Path(name).name}_{seed}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([seed, sum(map(ord, name))])
        began = time.monotonic()
        if asked.source == "real":
            frames = _real(asked.data, name)
            every = max(4, sum(1 for _ in decode(asked.data / name / "input.mkv")) // MOST)
        else:
            size = (240, 320) if rng.random() < 0.8 else (120, 160)
            length = LONG.get(name, int(rng.integers(180, 330)))
            frames = compose(name, seed, sources, size=size, length=length)
            every = max(8, length // 56)
        told, own = rng.random() < asked.told, rng.random() >= asked.pooled
        planes, truth = samples(frames, rng, every, told, Mixtures(told, own))
        half = path.with_suffix(".half")
        with half.open("wb") as file:
            np.savez(file, planes=planes, truth=truth)
        half.replace(path)
        print(f"{name} {seed}: {len(planes)} samples, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
