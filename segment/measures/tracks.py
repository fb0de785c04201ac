"""How well objects are found and keep their identities, against a truth of labels or boxes."""

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segment.arrays import Labels, Mask
from segment.measures.clustering import adjusted_mutual_information, adjusted_rand, contingency

__all__ = ["MEASURES", "TrackScore"]

MEASURES = (
    "frame_ari",
    "frame_ami",
    "sequence_ari",
    "idf1",
    "hota",
    "deta",
    "assa",
    "mota",
    "switches",
    "count_error",
)

# Overlap (intersection over union) from which an object counts as found.
_FOUND = 0.5

# HOTA is the mean over these overlaps.
_OVERLAPS = np.arange(1, 20) / 20

# Two objects are two objects again once one is missing for this share of an overlap's rounding.
_ROUNDING = 1e-9

_Pair = tuple[int, int]


@dataclass(slots=True)
class _Frame:
    """Objects of a frame: their numbers, and the overlap of every true with every found one."""

    truth: NDArray[np.int64]
    found: NDArray[np.int64]
    overlaps: NDArray[np.float64]


@dataclass
class TrackScore:
    """Labels of one sequence against its truth, frame by frame; measures at the end.

    Objects are compared by the overlap of their masks, or of their boxes where the truth has no
    more (`count_boxes`); then the clustering measures are nan. Of these only pixels of true
    objects are asked (foreground ARI), and what is labelled 0 there is a group of its own; an
    object of another number of the same mask costs nothing in a frame, and everything over the
    sequence.

    Sources: ARI, AMI: see `segment.measures.clustering`; MOTA and switches: Bernardin &
    Stiefelhagen, EURASIP JIVP 2008; IDF1: Ristani et al., ECCV workshops 2016; HOTA: Luiten et
    al., IJCV 129, 2021.
    """

    _frames: list[_Frame] = field(default_factory=list, repr=False)
    _aris: list[float] = field(default_factory=list, repr=False)
    _amis: list[float] = field(default_factory=list, repr=False)
    _shared: dict[_Pair, int] = field(default_factory=lambda: defaultdict(int), repr=False)

    def count(self, labels: Labels, truth: Labels, scored: Mask | None = None) -> None:
        """Add a frame: labels (H, W), truth (H, W) integers, 0 is background.

        Pixels outside `scored` (H, W) bool do not count. Raises ValueError when shapes differ.
        """
        if labels.shape != truth.shape:
            raise ValueError(f"labels are {labels.shape}, but the truth is {truth.shape}")
        if scored is not None:
            labels, truth = np.where(scored, labels, 0), np.where(scored, truth, 0)
        self._frames.append(_compare(labels, truth))
        inside = truth > 0
        if not inside.any():
            return
        true, found = truth[inside].astype(np.int64), labels[inside].astype(np.int64)
        table = contingency(true, found)
        self._aris.append(adjusted_rand(table))
        self._amis.append(adjusted_mutual_information(table))
        numbers = np.unique(true), np.unique(found)
        for i, j in zip(*np.nonzero(table), strict=True):
            self._shared[int(numbers[0][i]), int(numbers[1][j])] += int(table[i, j])

    def count_boxes(
        self,
        numbers: NDArray[np.int64],
        boxes: NDArray[np.float64],
        true_numbers: NDArray[np.int64],
        true_boxes: NDArray[np.float64],
        ignored: Mask | None = None,
    ) -> None:
        """Add a frame of which boxes are known: what was found, and what is true.

        Numbers (N,) and (T,), no two of a side the same; boxes (N, 4) and (T, 4): left, top,
        right, bottom, the last two exclusive. True boxes that are `ignored` (T,) bool need not
        be found, and what is found there, at half an overlap or more, is not false: it does not
        count at all. So the MOT challenges have it. Raises ValueError for other shapes.
        """
        for given, places in ((numbers, boxes), (true_numbers, true_boxes)):
            if places.shape != (len(given), 4):
                raise ValueError(f"boxes are {places.shape}, wanted ({len(given)}, 4)")
            if len(np.unique(given)) != len(given):
                raise ValueError(f"an object has two boxes in a frame: {sorted(given.tolist())}")
        overlaps = _box_overlaps(true_boxes, boxes)
        if ignored is not None and ignored.any():
            if ignored.shape != true_numbers.shape:
                raise ValueError(f"ignored is {ignored.shape}, wanted {true_numbers.shape}")
            # Who is matched with an ignored one, where all may be matched, is let go.
            worth = np.where(overlaps >= _FOUND - _ROUNDING, overlaps, 0.0)
            rows, columns = linear_sum_assignment(-worth)
            let_go = columns[(worth[rows, columns] > 0) & ignored[rows]]
            kept = np.setdiff1d(np.arange(len(numbers)), let_go)
            true_numbers, numbers = true_numbers[~ignored], numbers[kept]
            overlaps = overlaps[~ignored][:, kept]
        self._frames.append(_Frame(true_numbers, numbers, overlaps))

    @property
    def frames(self) -> int:
        return len(self._frames)

    @property
    def frame_ari(self) -> float:
        """Mean over frames that have objects; nan without any."""
        return float(np.mean(self._aris)) if self._aris else math.nan

    @property
    def frame_ami(self) -> float:
        """Mean over frames that have objects; nan without any."""
        return float(np.mean(self._amis)) if self._amis else math.nan

    @property
    def sequence_ari(self) -> float:
        """ARI of all pixels of all frames at once: identities must last."""
        if not self._shared:
            return math.nan
        true = {number: k for k, number in enumerate(sorted({i for i, _ in self._shared}))}
        found = {number: k for k, number in enumerate(sorted({j for _, j in self._shared}))}
        table = np.zeros((len(true), len(found)), np.int64)
        for (i, j), pixels in self._shared.items():
            table[true[i], found[j]] = pixels
        return adjusted_rand(table)

    @property
    def idf1(self) -> float:
        """Share of objects-in-frames that the best one-to-one mapping of identities explains."""
        together: dict[_Pair, int] = defaultdict(int)
        for frame in self._frames:
            for i, j in zip(*np.nonzero(frame.overlaps >= _FOUND - _ROUNDING), strict=True):
                together[int(frame.truth[i]), int(frame.found[j])] += 1
        total = sum(len(frame.truth) + len(frame.found) for frame in self._frames)
        if not total:
            return math.nan
        if not together:
            return 0.0
        true = {number: k for k, number in enumerate(sorted({i for i, _ in together}))}
        found = {number: k for k, number in enumerate(sorted({j for _, j in together}))}
        times = np.zeros((len(true), len(found)))
        for (i, j), often in together.items():
            times[true[i], found[j]] = often
        return float(2 * times[linear_sum_assignment(-times)].sum() / total)

    @property
    def mota(self) -> float:
        """1 less misses, false objects and switches, for every true object; below 0 is possible."""
        missed, false, switches = self._clear()
        true = sum(len(frame.truth) for frame in self._frames)
        return 1 - (missed + false + switches) / true if true else math.nan

    @property
    def switches(self) -> int:
        """How often a true object goes on under another number."""
        return self._clear()[2]

    @property
    def hota(self) -> float:
        """Geometric mean of detection and association, mean over overlaps .05 to .95."""
        return self._higher_order()[0]

    @property
    def deta(self) -> float:
        """HOTA's detection accuracy."""
        return self._higher_order()[1]

    @property
    def assa(self) -> float:
        """HOTA's association accuracy."""
        return self._higher_order()[2]

    @property
    def count_error(self) -> float:
        """Differences of the numbers of objects, summed over frames, for every true object."""
        true = sum(len(frame.truth) for frame in self._frames)
        off = sum(abs(len(frame.truth) - len(frame.found)) for frame in self._frames)
        return off / true if true else math.nan

    def as_dict(self) -> dict[str, float]:
        """All measures by name."""
        return {name: getattr(self, name) for name in MEASURES}

    def _clear(self) -> tuple[int, int, int]:
        """Return misses, false objects and switches; pairs of the last frame are kept first."""
        missed = false = switches = 0
        last: dict[int, int] = {}
        for frame in self._frames:
            # One that was paired before outweighs any overlap of one that was not.
            worth = np.where(frame.overlaps >= _FOUND - _ROUNDING, frame.overlaps, -1e3)
            for i, number in enumerate(frame.truth.tolist()):
                kept = np.flatnonzero(frame.found == last.get(number, 0))
                if kept.size and worth[i, kept[0]] > 0:
                    worth[i, kept[0]] += 1e2
            rows, columns = linear_sum_assignment(-worth)
            good = worth[rows, columns] > 0
            pairs = list(zip(rows[good].tolist(), columns[good].tolist(), strict=True))
            missed += len(frame.truth) - len(pairs)
            false += len(frame.found) - len(pairs)
            for i, j in pairs:
                number, other = int(frame.truth[i]), int(frame.found[j])
                switches += last.get(number, other) != other
                last[number] = other
        return missed, false, switches

    def _higher_order(self) -> tuple[float, float, float]:
        true_times: dict[int, int] = defaultdict(int)
        found_times: dict[int, int] = defaultdict(int)
        likely: dict[_Pair, float] = defaultdict(float)
        for frame in self._frames:
            for number in frame.truth.tolist():
                true_times[number] += 1
            for number in frame.found.tolist():
                found_times[number] += 1
            # How much of each other two objects are, of all that they overlap with.
            share = frame.overlaps / np.maximum(
                frame.overlaps.sum(0) + frame.overlaps.sum(1)[:, None] - frame.overlaps, 1e-12
            )
            for i, j in zip(*np.nonzero(frame.overlaps), strict=True):
                likely[int(frame.truth[i]), int(frame.found[j])] += float(share[i, j])
        if not true_times and not found_times:
            return math.nan, math.nan, math.nan

        def alignment(pair: _Pair) -> float:
            both = likely.get(pair, 0.0)
            return both / (true_times[pair[0]] + found_times[pair[1]] - both)

        matched: list[dict[_Pair, int]] = [defaultdict(int) for _ in _OVERLAPS]
        for frame in self._frames:
            pairs = [(i, j) for i in frame.truth.tolist() for j in frame.found.tolist()]
            whole = np.array([alignment(pair) for pair in pairs]).reshape(frame.overlaps.shape)
            rows, columns = linear_sum_assignment(-whole * frame.overlaps)
            for i, j in zip(rows, columns, strict=True):
                pair = int(frame.truth[i]), int(frame.found[j])
                for times, overlap in zip(matched, _OVERLAPS, strict=True):
                    if frame.overlaps[i, j] >= overlap - _ROUNDING and frame.overlaps[i, j] > 0:
                        times[pair] += 1
        every = sum(true_times.values()) + sum(found_times.values())
        detection, association = [], []
        for times in matched:
            hits = sum(times.values())
            detection.append(hits / (every - hits))
            quality = sum(
                n * n / (true_times[i] + found_times[j] - n) for (i, j), n in times.items()
            )
            association.append(quality / hits if hits else 0.0)
        both = np.sqrt(np.multiply(detection, association))
        return float(both.mean()), float(np.mean(detection)), float(np.mean(association))


def _box_overlaps(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every box (T, 4) with every other (N, 4), (T, N)."""
    begin = np.maximum(one[:, None, :2], other[None, :, :2])
    end = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.clip(end - begin, 0, None).prod(axis=2)
    area, area_other = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other))
    overlaps: NDArray[np.float64] = common / (area[:, None] + area_other - common)
    return overlaps


def _compare(labels: Labels, truth: Labels) -> _Frame:
    table = contingency(truth, labels).astype(np.float64)
    true, found = np.unique(truth).astype(np.int64), np.unique(labels).astype(np.int64)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    union = rows[:, None] + columns - table
    overlaps = (table / union)[true != 0][:, found != 0]
    return _Frame(true[true != 0], found[found != 0], overlaps)
