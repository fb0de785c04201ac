"""From small pieces to the whole picture: what belongs together is joined first."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Labels, Mask
from segment.grouping.features import Features, surroundings
from segment.grouping.pictures.judges import Judge, Judges

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PIECES = 600
"""Pieces at the most that merging begins with."""

PLACES = 8
"""Dimensions of the spectral embedding."""


@dataclass(frozen=True)
class Hierarchy:
    """A picture's pieces and the order in which they were joined.

    Attributes
    ----------
    pieces : (H, W) int32, the finest labels, 1 to N; 0 takes no part.
    pairs : (M, 2) int64, pieces from 0; the second has gone into the first.
    odds : (M,) float64, the logarithm of the odds that the two belong together, as judged when
        they were joined.
    usual : the odds at which `cut(0.5)` ends.
    """

    pieces: Labels
    pairs: Integers
    odds: Floats
    usual: float

    @cached_property
    def count(self) -> int:
        """The number of pieces."""
        return int(self.pieces.max(initial=0))

    @cached_property
    def levels(self) -> Floats:
        """The odds (M,), never rising: a join is no surer than those that led to it."""
        lowest: Floats = np.minimum.accumulate(self.odds)
        return lowest

    def cut(self, scale: float = 0.5) -> Labels:
        """Return labels (H, W): small scales give many groups, large ones few.

        scale : in [0, 1]. 0.5 ends where people do, as far as the judge knows; 0 leaves every
            piece alone, 1 joins all that touch.
        """
        if not 0 <= scale <= 1:
            raise ValueError(f"scale is {scale!r}, wanted a number from 0 (finest) to 1 (coarsest)")
        if scale in (0, 1):
            return self._after(round(scale * len(self.pairs)))
        least = self.usual - np.log(scale / (1 - scale))
        return self._after(int(np.count_nonzero(self.levels >= least)))

    def cut_to(self, groups: int) -> Labels:
        """Return labels (H, W) with that many groups, as far as there are such.

        There are no more than pieces, and no fewer than parts that do not touch.
        """
        if groups < 1:
            raise ValueError(f"groups is {groups}, wanted 1 or more")
        return self._after(min(max(self.count - groups, 0), len(self.pairs)))

    def strength(self) -> NDArray[np.float32]:
        """Return the contours (H, W) float32, in [0, 1], 0 away from all borders.

        A pixel's strength is the largest scale at which it still differs from its left or upper
        neighbour.
        """
        scale = 1 / (1 + np.exp(np.clip(self.levels - self.usual, -60, 60)))
        # Raise the walls of the pieces to the scale at which both sides become one.
        found = np.zeros(self.pieces.shape, np.float32)
        joined = np.ones((self.count + 1, self.count + 1), np.float32)
        members = [[n + 1] for n in range(self.count)]
        for (a, b), level in zip(self.pairs, scale, strict=True):
            joined[np.ix_(members[a], members[b])] = level
            joined[np.ix_(members[b], members[a])] = level
            members[a] += members[b]
        for ahead, behind in _NEIGHBOURS:
            one, other = self.pieces[ahead], self.pieces[behind]
            wall = np.where(one != other, joined[one, other], 0)
            np.maximum(found[ahead], wall, out=found[ahead])
        return found

    def _after(self, merges: int) -> Labels:
        """Return the labels after so many merges, numbered in reading order."""
        parent = np.arange(self.count)
        parent[self.pairs[:merges, 1]] = self.pairs[:merges, 0]
        for n in range(self.count):  # a parent always has the smaller number
            parent[n] = parent[parent[n]]
        table = np.concatenate([[0], parent + 1])[self.pieces]
        return in_reading_order(table)


def in_reading_order(labels: NDArray[np.integer]) -> Labels:
    """Return labels (H, W) int32 numbered from 1 as they are met, line by line; 0 stays 0."""
    values, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    first = np.where(values == 0, -1, first)
    rank = np.empty(len(values), np.int32)
    rank[np.argsort(first)] = np.arange(len(values))
    if values[0] != 0:
        rank += 1
    return np.asarray(rank[inverse].reshape(labels.shape), np.int32)


_NEIGHBOURS = (
    (np.s_[:, 1:], np.s_[:, :-1]),
    (np.s_[1:, :], np.s_[:-1, :]),
)


@dataclass(slots=True)
class Graph:
    """Pieces and their borders; rows as `kernels` wants them.

    Attributes
    ----------
    pieces : (H, W) int32, 1 to N, 0 takes no part.
    spot : (N, REGION) float64, sums over the pixels of each piece.
    place : (N, PLACES) float64, the spectral embedding times the pixels.
    border : (E, BORDER) float64, sums over pairs of pixels along each border.
    ends : (E, 2) int64, the pieces from 0 that a border parts.
    """

    pieces: Labels
    spot: Floats
    place: Floats
    border: Floats
    ends: Integers

    def merge(self, judge: Judge, until: int = 1, **learning: Any) -> "tuple[Integers, Floats]":
        """Merge until so many are left, and return `pairs` and `odds`."""
        pairs, odds, _ = run(self, judge, until, **learning)
        return pairs, odds


def build(features: Features, judges: Judges, foreground: Mask | None = None) -> Hierarchy:
    """Make the hierarchy of a picture; `foreground` (H, W) bool leaves the rest out."""
    graph = embed(make_graph(features, judges, foreground), judges.first)
    pairs, odds, _ = run(graph, judges.second)
    return Hierarchy(graph.pieces, pairs, odds, judges.usual)


def boundary_probability(features: Features, judge: Judge) -> NDArray[np.float32]:
    """Return (H, W) float32 in (0, 1): the share of people who would draw a line here."""
    around = surroundings(features.edges)
    odds = judge.odds(around.reshape(-1, around.shape[2]))
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32).reshape(around.shape[:2])


def make_graph(features: Features, judges: Judges, foreground: Mask | None = None) -> Graph:
    """Part the picture into pieces along the likely boundaries, and sum up what they hold."""
    probability = boundary_probability(features, judges.pixels)
    pieces = _pieces(probability, foreground)
    pieces = _fewer(pieces, probability)
    ends, border = _borders(pieces, _edge_channels(probability, features))
    spot = _spots(pieces, features)
    return Graph(pieces, spot, np.zeros((len(spot), PLACES)), border, ends)


def embed(graph: Graph, judge: Judge) -> Graph:
    """Give every piece its place in the spectral embedding of the graph, by what `judge` says.

    Source: Shi and Malik, Normalized cuts and image segmentation, IEEE PAMI 22(8), 2000.
    """
    count = len(graph.spot)
    if count < 2 * PLACES:
        return graph
    from scipy.sparse import coo_array, diags_array, eye_array
    from scipy.sparse.linalg import ArpackError, eigsh

    cues = see(graph, judge)
    alike = np.maximum(1 / (1 + np.exp(-judge.odds(cues))), 1e-3) ** 2
    one, other = graph.ends.T
    weights = coo_array(
        (np.tile(alike, 2), (np.concatenate([one, other]), np.concatenate([other, one]))),
        shape=(count, count),
    ).tocsr()
    root = 1 / np.sqrt(np.maximum(weights.sum(axis=1), 1e-9))
    scaled = diags_array(root) @ weights @ diags_array(root)
    start = np.random.default_rng(0).normal(size=count)
    try:
        values, vectors = eigsh(
            (eye_array(count) - scaled).tocsc(), PLACES + 1, sigma=-1e-3, v0=start, tol=1e-4
        )
    except (ArpackError, RuntimeError):
        return graph  # places stay alike: the other cues decide
    order = np.argsort(values)[1:]
    values, vectors = np.maximum(values[order], 1e-9), vectors[:, order] * root[:, None]
    pixels = graph.spot[:, :1]
    vectors /= np.sqrt((vectors**2 * pixels).sum(axis=0) / pixels.sum())
    vectors *= np.sqrt(values[0] / values) / np.sqrt(PLACES)
    return Graph(graph.pieces, graph.spot, vectors * pixels, graph.border, graph.ends)


def see(graph: Graph, judge: Judge) -> Floats:
    """Return the cues (E, CUES) of every border as it is, before any merge."""
    people, starts = np.ones((len(graph.spot), 1), np.int64), np.array([0, 1])
    room = len(graph.ends)
    kept = run(graph, judge, len(graph.spot), people=people, starts=starts, share=2.0, room=room)[2]
    return kept[0]


def run(
    graph: Graph,
    judge: Judge | None,
    until: int = 1,
    *,
    small: float = 0.0,
    people: Integers | None = None,
    starts: Integers | None = None,
    share: float = 0.0,
    room: int = 0,
    seed: int = 0,
) -> tuple[Integers, Floats, tuple[Floats, Floats, Floats]]:
    """Call the kernel `merge` on copies; returns pairs, odds, and (cues, truth, weight) kept."""
    from segment.grouping.pictures import kernels

    count, borders = len(graph.spot), len(graph.ends)
    if not borders:
        nothing = np.zeros((0, kernels.CUES)), np.zeros(0), np.zeros(0)
        return np.zeros((0, 2), np.int64), np.zeros(0), nothing
    edge = np.full((count, count), -1, np.int32)
    one, other = graph.ends.T
    edge[one, other] = edge[other, one] = np.arange(borders)
    seen, truth, weight = np.zeros((room, kernels.CUES)), np.zeros(room), np.zeros(room)
    pairs, odds = np.empty((count, 2), np.int64), np.empty(count)
    merges, kept = kernels.merge(
        graph.spot.copy(),
        graph.place.copy(),
        graph.border.copy(),
        graph.ends.copy(),
        edge,
        float(graph.pieces.size),
        float(small),
        until,
        *(judge.arrays if judge is not None else _NOBODY),
        np.zeros((count, 1), np.int64) if people is None else people.copy(),
        np.array([0, 1], np.int64) if starts is None else starts,
        share,
        seed,
        seen,
        truth,
        weight,
        pairs,
        odds,
    )
    return pairs[:merges], odds[:merges], (seen[:kept], truth[:kept], weight[:kept])


_NOBODY = (np.zeros((1, 1)), np.zeros(1), np.zeros(1), 0.0)


def _pieces(probability: NDArray[np.float32], foreground: Mask | None) -> Labels:
    """Catchment basins (H, W) int32 of the boundary probability, from 1.

    Source: Vincent and Soille, Watersheds in digital spaces, IEEE PAMI 13(6), 1991.
    """
    import cv2
    from skimage.segmentation import watershed

    smooth = cv2.GaussianBlur(probability, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    height = np.minimum(np.asarray(smooth) * 255, 254).astype(np.uint8)
    taking = np.ones(height.shape, np.bool_) if foreground is None else foreground
    height[~taking] = 255
    basins = watershed(height, mask=taking)  # type: ignore[no-untyped-call]
    pieces = np.asarray(basins, np.int32)
    # What is flat all over has no minimum to flood from: each part of it is a piece.
    dry = taking & (pieces == 0)
    if dry.any():
        _, parts = cv2.connectedComponents(dry.astype(np.uint8), connectivity=4)
        pieces[dry] = np.asarray(parts)[dry] + pieces.max()
    return pieces


def _fewer(pieces: Labels, probability: NDArray[np.float32]) -> Labels:
    """Join the smallest pieces, each over its weakest border, until PIECES are left."""
    from segment.grouping.pictures import kernels

    count = int(pieces.max(initial=0))
    if count <= PIECES:
        return pieces
    flat = probability[:, :, None]
    channels = np.concatenate([flat, np.zeros((*flat.shape[:2], kernels.MAPS + 1), flat.dtype)], 2)
    ends, border = _borders(pieces, channels)
    if not len(ends):
        return pieces
    # Only pieces with a border take part: a table of all pairs of thousands of specks is large.
    taking, ends = np.unique(ends, return_inverse=True)
    spot = np.zeros((len(taking), kernels.REGION))
    spot[:, 0] = np.bincount(pieces.reshape(-1), minlength=count + 1)[1:][taking]
    graph = Graph(pieces, spot, np.zeros((len(taking), 1)), border, ends.reshape(-1, 2))
    until = max(PIECES - (count - len(taking)), 1)
    pairs, _, _ = run(graph, None, until, small=pieces.size * 0.002)
    parent = np.arange(len(taking))
    parent[pairs[:, 1]] = pairs[:, 0]
    for n in range(len(taking)):
        parent[n] = parent[parent[n]]
    table = np.arange(count)
    table[taking] = taking[parent]
    _, dense = np.unique(table, return_inverse=True)
    return np.concatenate([[0], dense + 1])[pieces].astype(np.int32)


def _edge_channels(probability: NDArray[np.float32], features: Features) -> NDArray[np.float32]:
    flat = probability[:, :, None]
    return np.concatenate([flat, flat**2, features.edges], axis=2)


def _borders(pieces: Labels, channels: NDArray[np.float32]) -> tuple[Integers, Floats]:
    """Return ends (E, 2) and border (E, 1 + C): pairs of neighbouring pixels of two pieces,
    summed; of the two pixels the larger value counts."""
    ones, others, values = [], [], []
    for ahead, behind in _NEIGHBOURS:
        one, other = pieces[ahead], pieces[behind]
        wall = (one != other) & (one > 0) & (other > 0)
        ones.append(np.minimum(one, other)[wall])
        others.append(np.maximum(one, other)[wall])
        values.append(np.maximum(channels[ahead][wall], channels[behind][wall]))
    count = int(pieces.max(initial=0)) + 1
    codes = np.concatenate(ones).astype(np.int64) * count + np.concatenate(others)
    value = np.concatenate(values)
    found, inverse = np.unique(codes, return_inverse=True)
    border = np.empty((len(found), 1 + value.shape[1]))
    border[:, 0] = np.bincount(inverse, minlength=len(found))
    for c in range(value.shape[1]):
        border[:, 1 + c] = np.bincount(inverse, value[:, c], len(found))
    return np.stack([found // count, found % count], axis=1) - 1, border


def _spots(pieces: Labels, features: Features) -> Floats:
    """Return (N, REGION): what `kernels` sums over each piece."""
    height, width = pieces.shape
    count = int(pieces.max(initial=0))
    flat = pieces.reshape(-1)
    diagonal = float(np.hypot(height, width))
    y, x = np.mgrid[:height, :width] / diagonal
    rim = np.ones((height, width))
    rim[1:-1, 1:-1] = 0
    colour = features.colour.reshape(-1, 3).T
    columns = [
        np.ones(flat.size),
        *colour,
        *colour**2,
        x.reshape(-1),
        y.reshape(-1),
        rim.reshape(-1),
        *features.colours.reshape(flat.size, -1).T,
        *features.textures.reshape(flat.size, -1).T,
    ]
    sums = [np.bincount(flat, column, count + 1)[1:] for column in columns]
    return np.stack(sums, axis=1)
