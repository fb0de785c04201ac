"""Layers that share their pieces and move as one: what has done so for long is one."""

from dataclasses import dataclass

import numpy as np

from segment.grouping.layer import Layer
from segment.grouping.objects.beginning import anew
from segment.grouping.objects.scene import Scene
from segment.grouping.pieces import Box, Pieces
from segment.grouping.regions import Floats
from segment.grouping.usual import Usual

__all__ = ["Pairs", "become_one"]

_LONG = 20  # frames for which two move as one before they are one
_FAR = 1.5  # of their size together: how far they go in that time; who stands may be two
_TALL = 0.65  # share of the longer side of both that each spans, of two who are side by side
_RIGID = 0.15  # of that size: how much their distance changes; animals turn, and it stays
_SOMEBODY = 15  # frames alone after which both are somebody


@dataclass(slots=True)
class _Pair:
    """Two that have shared a piece since a frame: how far apart, and where, they were."""

    apart: float
    place: Floats
    since: int


class Pairs:
    """Tells which of the layers that share a piece are one, by how they move.

    A network that has never seen a fly takes its head and its abdomen for two, again and again;
    but they have never been seen apart, and wherever the fly has gone and turned, the one was as
    far from the other as before. Two who walk hand in hand are, too, but side by side, each as
    long as both; parts of one lie end to end. And where sizes are usual, one of a pair must be a
    scrap, and both together no more than one.
    """

    def __init__(self) -> None:
        self._pairs: dict[tuple[int, int], _Pair] = {}

    def unite(self, scene: Scene, layers: list[Layer], usual: Usual, frame: Pieces) -> bool:
        """Make those one who have moved as one for long; return whether there were any."""
        seen = [layer for layer in layers if not layer.hidden and not layer.lost]
        where = {layer.id: _places(layer, frame) for layer in seen}
        for j, one in enumerate(seen):
            for other in seen[j + 1 :]:
                if min(one.solo, other.solo) >= _SOMEBODY or not where[one.id] & where[other.id]:
                    self._pairs.pop((one.id, other.id), None)
                    continue
                whole = _whole(one.box, other.box)
                if not _may_be_one(one.box, other.box, whole, usual):
                    continue
                if self._go_as_one(scene, one, other, whole):
                    become_one(scene, one, other, False, frame)
                    kept = next(layer for layer in scene.layers if layer.id in (one.id, other.id))
                    kept.whole = kept.area
                    return True
        return False

    def _go_as_one(self, scene: Scene, one: Layer, other: Layer, whole: Box) -> bool:
        """Whether two have long gone without a change of their distance."""
        apart = float(np.hypot(*(one.expected - other.expected)))
        size = float(np.sqrt((whole[2] - whole[0]) * (whole[3] - whole[1])))
        middle = (one.area * one.expected + other.area * other.expected) / (one.area + other.area)
        pair = self._pairs.get((one.id, other.id))
        if pair is None or abs(apart - pair.apart) > _RIGID * size + 1:
            self._pairs[one.id, other.id] = _Pair(apart, middle, scene.number)
            return False
        gone = float(np.hypot(*(middle - pair.place)))
        return scene.number - pair.since >= _LONG and gone >= _FAR * size

    def forget(self, alive: set[int]) -> None:
        """Let go of who is gone."""
        self._pairs = {both: one for both, one in self._pairs.items() if alive.issuperset(both)}


def become_one(scene: Scene, one: Layer, other: Layer, known: bool, frame: Pieces) -> Layer:
    """Give the pixels of two layers to one of them; return the other.

    It is the one that has more of them, or is older.

    known : whether both have been seen alone for long: the other is somebody who has gone unseen.
    """
    areas = [np.count_nonzero(frame.labels == layer.id) for layer in (one, other)]
    keep, go = (one, other) if areas[0] >= areas[1] else (other, one)
    if not known:
        keep, go = (one, other) if one.id < other.id else (other, one)
    frame.labels[frame.labels == go.id] = keep.id
    if known:
        go.lost, go.centre = 1, None
    else:
        scene.layers = [layer for layer in scene.layers if layer is not go]
    anew(scene, keep, frame)
    return go


def _places(layer: Layer, frame: Pieces) -> set[int]:
    """Return the pieces in which a layer has pixels."""
    top, left, bottom, right = layer.box
    part = np.s_[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    return set(np.unique(frame.pieces[part][frame.labels[part] == layer.id]).tolist())


def _whole(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _may_be_one(one: Box, other: Box, whole: Box, usual: Usual) -> bool:
    axis = int(whole[3] - whole[1] > whole[2] - whole[0])
    spans = [box[axis + 2] - box[axis] for box in (one, other)]
    if min(spans) >= _TALL * (whole[axis + 2] - whole[axis]):
        return False
    if not usual.known:
        return True
    return usual.may_be_one(whole) and (usual.is_scrap(one) or usual.is_scrap(other))
