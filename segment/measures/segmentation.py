"""Segmentations against several people's, as the Berkeley benchmark measures them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask

TOLERANCE = 0.0075
"""How far a boundary pixel may lie from its partner, in diagonals of the picture."""

Floats = NDArray[np.float64]


def covering(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> float:
    """Return how well `labels` cover the segments of `truth`, in (0, 1]; both (H, W) integers.

    The best intersection over union for each segment of the truth, weighed with its area.
    """
    return _covering(_overlaps(labels, truth))


def rand_index(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> float:
    """Return the share of the pairs of pixels that both join or both part, in [0, 1]."""
    return _rand_index(_overlaps(labels, truth))


def variation_of_information(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> float:
    """Return what each tells that the other does not, in bits, 0 or more."""
    return _variation(_overlaps(labels, truth))


def boundary(labels: NDArray[np.integer]) -> Mask:
    """Return the boundary of `labels` (H, W) integers as a thin line, (H, W) bool.

    Pixels whose right, lower or lower right neighbour differs, thinned to one pixel.
    """
    from skimage.morphology import thin

    edge = np.zeros(labels.shape, np.bool_)
    edge[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    edge[:-1] |= labels[1:] != labels[:-1]
    edge[:-1, :-1] |= labels[1:, 1:] != labels[:-1, :-1]
    return np.asarray(thin(edge), np.bool_)  # type: ignore[no-untyped-call]


def match_boundaries(
    found: Mask, truth: Mask, tolerance: float = TOLERANCE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair as many pixels of two boundaries as can be, each with one at most.

    Parameters
    ----------
    found, truth : (H, W) bool.
    tolerance : largest distance of a pair, in diagonals of the picture.

    Returns
    -------
    Flat indices of the pixels that found a partner, of `found` and of `truth`: equally many.
    """
    from scipy.spatial import KDTree

    from segment.measures import kernels

    _same_size(found, truth)
    ours, theirs = np.flatnonzero(found), np.flatnonzero(truth)
    if not (ours.size and theirs.size):
        return ours[:0], theirs[:0]
    here, there = (np.stack(np.unravel_index(i, found.shape), 1) for i in (ours, theirs))
    radius = tolerance * float(np.hypot(*found.shape))
    near = KDTree(here).sparse_distance_matrix(KDTree(there), radius, output_type="ndarray")
    near = near[np.lexsort((near["j"], near["v"], near["i"]))]
    starts = np.searchsorted(near["i"], np.arange(ours.size + 1))
    left, right, dead = np.empty(ours.size, np.int64), *np.zeros((2, theirs.size), np.int64)
    queue, parent = np.empty((2, theirs.size), np.int64)
    kernels.match(starts, near["j"].astype(np.int64), left, right, queue, parent, dead)
    return ours[left >= 0], theirs[right >= 0]


@dataclass(frozen=True, slots=True)
class PictureScore:
    """One segmentation of one picture against the people who segmented it.

    Attributes
    ----------
    covering, rand_index : mean over the people, in [0, 1]. The latter is the probabilistic Rand
        index.
    variation : variation of information, mean over the people, in bits.
    covered : for each segment of each person the best intersection over union, one after the other.
    areas : the share of the picture that each of these segments has.
    segments : how many there are in the segmentation that is judged.
    found, right : boundary pixels, and those that match a person's.
    drawn, met : boundary pixels of all people together, and those that were matched.
    """

    covering: float
    rand_index: float
    variation: float
    covered: Floats
    areas: Floats
    segments: int
    found: int = 0
    right: int = 0
    drawn: int = 0
    met: int = 0

    @property
    def boundary_f(self) -> float:
        """F of the boundaries, in [0, 1]."""
        return _f(self.right, self.found, self.met, self.drawn)


def score_labels(
    labels: NDArray[np.integer],
    people: Sequence[NDArray[np.integer]],
    drawn: Sequence[Mask] | None = None,
    *,
    boundaries: bool = True,
    tolerance: float = TOLERANCE,
) -> PictureScore:
    """Measure one segmentation (H, W), integers, against those of several people.

    Parameters
    ----------
    people : each person's segmentation, (H, W) integers; at least one.
    drawn : each person's boundary, (H, W) bool; None takes them from `people`.
    boundaries : False leaves the boundaries out, which take most of the time.

    Raises ValueError when sizes differ or there are no people.
    """
    if not len(people):
        raise ValueError("there is no person's segmentation to compare with")
    tables = [_overlaps(labels, person) for person in people]
    unions = [_unions(table) for table in tables]
    counts = [0, 0, 0, 0]
    if boundaries:
        edge = boundary(labels)
        right = np.zeros(labels.size, np.bool_)
        for theirs in drawn if drawn is not None else [boundary(person) for person in people]:
            ours, met = match_boundaries(edge, theirs, tolerance)
            right[ours] = True
            counts[2] += int(np.count_nonzero(theirs))
            counts[3] += met.size
        counts[:2] = int(np.count_nonzero(edge)), int(np.count_nonzero(right))
    return PictureScore(
        float(np.mean([_covering(table) for table in tables])),
        float(np.mean([_rand_index(table) for table in tables])),
        float(np.mean([_variation(table) for table in tables])),
        np.concatenate([union.max(axis=0) for union in unions]),
        np.concatenate([table.sum(axis=0) / table.sum() for table in tables]),
        len(tables[0]),
        *counts,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """What a method reaches over pictures, each segmented at several scales.

    Attributes
    ----------
    scale : the place, among the scales, that covers best over all pictures.
    covering, rand_index, variation, boundary_f : with one scale for all pictures, the best for
        that measure (ODS).
    covering_ois, rand_index_ois, variation_ois, boundary_f_ois : with the best scale for each
        picture (OIS).
    covering_best : with the best segment of any scale for each of the people's segments.
    """

    scale: int
    covering: float
    covering_ois: float
    covering_best: float
    rand_index: float
    rand_index_ois: float
    variation: float
    variation_ois: float
    boundary_f: float
    boundary_f_ois: float


def summarise(scores: Sequence[Sequence[PictureScore]]) -> Summary:
    """Sum up `scores[picture][scale]`: ODS, OIS and best.

    Covering, Rand index and variation of information are means over people, then pictures.
    Boundary pixels are counted over all pictures before F is taken, as the benchmark does.
    """
    if not scores or not scores[0] or len({len(row) for row in scores}) != 1:
        raise ValueError("every picture needs a score at every scale, and one at least")
    cover, rand, variation = (
        np.array([[getattr(score, name) for score in row] for row in scores])
        for name in ("covering", "rand_index", "variation")
    )
    counts = np.array(
        [[(s.right, s.found, s.met, s.drawn) for s in row] for row in scores], np.float64
    )
    alone = np.array([[score.boundary_f for score in row] for row in scores])
    chosen = counts[np.arange(len(counts)), alone.argmax(axis=1)].sum(axis=0)
    best = [
        float((np.max([s.covered for s in row], axis=0) * row[0].areas).sum() / row[0].areas.sum())
        for row in scores
    ]
    means = cover.mean(axis=0)
    return Summary(
        int(means.argmax()),
        float(means.max()),
        float(cover.max(axis=1).mean()),
        float(np.mean(best)),
        float(rand.mean(axis=0).max()),
        float(rand.max(axis=1).mean()),
        float(variation.mean(axis=0).min()),
        float(variation.min(axis=1).mean()),
        max(_f(*scale) for scale in counts.sum(axis=0)),
        _f(*chosen),
    )


def _f(right: float, found: float, met: float, drawn: float) -> float:
    """F of precision right/found and recall met/drawn."""
    if not found and not drawn:
        return 1.0
    if not right or not met:
        return 0.0
    precision, recall = right / found, met / drawn
    return float(2 * precision * recall / (precision + recall))


def _overlaps(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> Floats:
    """Return how many pixels each label shares with each segment, without empty rows, columns."""
    _same_size(labels, truth)
    ours, theirs = _dense(labels), _dense(truth)
    width = int(theirs.max()) + 1
    table = np.bincount(ours * width + theirs, minlength=(int(ours.max()) + 1) * width)
    table = table.reshape(-1, width)
    return table[table.any(axis=1)][:, table.any(axis=0)].astype(np.float64)


def _dense(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the labels in a row, as numbers from 0 that do not grow far beyond their count."""
    flat = labels.reshape(-1).astype(np.int64)
    flat -= flat.min()
    if flat.max() > max(4096, flat.size):
        flat = np.unique(flat, return_inverse=True)[1].reshape(-1)
    return flat


def _unions(table: Floats) -> Floats:
    """Intersection over union of each label with each segment."""
    ratio: Floats = table / (table.sum(axis=0) + table.sum(axis=1, keepdims=True) - table)
    return ratio


def _covering(table: Floats) -> float:
    return float((_unions(table).max(axis=0) * table.sum(axis=0)).sum() / table.sum())


def _rand_index(table: Floats) -> float:
    def pairs(counts: Floats) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    every = pairs(table.sum(keepdims=True))
    if not every:
        return 1.0
    ours, theirs, both = pairs(table.sum(axis=1)), pairs(table.sum(axis=0)), pairs(table)
    return (every - ours - theirs + 2 * both) / every


def _variation(table: Floats) -> float:
    def entropy(counts: Floats) -> float:
        share = counts[counts > 0] / table.sum()
        return float(-(share * np.log2(share)).sum())

    # Rounding must not make identical segmentations differ by less than nothing.
    return max(0.0, 2 * entropy(table) - entropy(table.sum(axis=0)) - entropy(table.sum(axis=1)))


def _same_size(one: NDArray[np.generic], other: NDArray[np.generic]) -> None:
    if one.ndim != 2 or one.shape != other.shape or not one.size:
        raise ValueError(
            f"the segmentation is {one.shape} and the truth {other.shape}; wanted two of one "
            "size (height, width)"
        )


MEASURES = (_covering, _rand_index, _variation)
"""The three as functions of a table (labels, segments) of pixels in common."""
