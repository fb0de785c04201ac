"""A judge by Neural EM: a network says which pieces of foreground are one object, or several."""

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask
from segment.grouping.layer import Layer
from segment.grouping.objects.beginning import anew, begin_compact, begin_part, is_compact
from segment.grouping.objects.scene import Scene
from segment.grouping.pieces import Box, Pieces, gap
from segment.grouping.regions import Integers
from segment.grouping.sharing import Window
from segment.grouping.usual import Usual
from segment.masks import box_of
from segment.neural.seeded.squares import around, cut, enlarged

if TYPE_CHECKING:
    from segment.neural.seeded.loaded import LoadedSeeded

__all__ = ["MODEL", "ByNetwork"]

MODEL = "seeded-em-silhouettes"

_CRUMB = 24  # pixels below which a piece is too small to be looked at
_SPLINTER = 40  # times smaller than an object beside it, a piece is its splinter: nobody is asked
_NEAR = 0.25  # of its size: how far from an object its fragments lie
_BACK = 4  # frames over which motion is measured
_AGAIN = 6  # frames until a layer's fragments are asked about again
_YOUNG = 10  # frames in which a layer is made anew when a fragment is added to it
_SOON, _LATE = 4, 128  # frames until a layer is asked about again, while in doubt and if not
_UNSETTLED, _AT_ONCE = 16, 3  # so young, it is asked about again after so many
_CROWD = 16  # layers in one heap beyond which a window is too small to tell them apart
_APART = 2  # frames between two such questions, whoever they are about
_SURE = 3  # times that the network must say the same, more than the contrary
_PART = 0.2  # least share of a piece that makes an object in it
_TALL = 0.65  # of the whole's height that every part spans, of two who share a piece
_SEEN = 0.6  # share of a layer that is seen, for the network to say whether it is several
_GOES = 0.01  # of its size that one moves a frame who goes somewhere
_KNOWN = 15  # frames alone after which a layer is somebody for certain
_SLOTS = 4  # of a piece that one layer has to itself: nobody parts it into more at once
_MOST = 8  # slots that are asked at most
_STEPS = 2  # of a second thought: by three, objects of 22 of 22 windows were as many
_TIRED = 1.4  # times longer it waits with each answer more than `_SURE` that settled nothing


class ByNetwork:
    """What is new, goes, or is reviewed, is parted by seeded EM, trained on drawn crowds.

    It looks at a window on it and what is near, with its colours and its motion, and parts it into
    objects. Foreground that is one object's alone, or shared by known ones, is looked at now and
    then only.

    Parameters
    ----------
    model : a name of `segment.neural.names()`, or a folder that holds the weights.
    device : where the network runs: "auto", "cpu", "cuda" or "cuda:N".

    One serves one scene. It keeps the last four pictures, `past`, and what sizes are `usual` in
    it, None before anybody was asked about.
    """

    def __init__(self, model: str = MODEL, device: str = "auto") -> None:
        self.model = model
        self.device = device
        self._network: LoadedSeeded | None = None
        self.past: deque[Image] = deque(maxlen=_BACK)
        self._asked: dict[int, int] = {}
        self._next: dict[int, tuple[int, int, int]] = {}
        self._second = -_APART
        self._doubts: dict[int, int] = {}
        self._bonds: dict[tuple[int, int], float] = {}
        self.usual: Usual | None = None

    # --- births --------------------------------------------------------------------------

    def begin(self, scene: Scene, frame: Pieces) -> None:
        """Part what belongs to nobody: new objects, and fragments of those who are near."""
        crumbs = [blob for blob in frame.births if frame.area[blob] < _CRUMB]
        large = [blob for blob in frame.births if frame.area[blob] >= _CRUMB]
        large = _sweep(scene, large, frame, _SPLINTER)
        large = [blob for blob in large if not begin_compact(scene, blob, frame)]
        for blobs in _crowds(large, frame):
            near = _beside(scene, blobs, frame)
            self._begin_crowd(scene, blobs, near, frame)
        frame.births = _sweep(scene, crumbs, frame, 2)

    def _begin_crowd(
        self, scene: Scene, blobs: list[int], near: list[Layer], frame: Pieces
    ) -> None:
        new = np.zeros(frame.count + 1, bool)
        new[np.array(blobs) + 1] = True
        fresh = new[frame.pieces]
        shown = fresh | np.isin(frame.labels, [layer.id for layer in near])
        box, owner, count = self._look(shown, frame)
        part = np.s_[box[0] : box[2], box[1] : box[3]]
        fresh = fresh[part]
        for k in range(count):
            mine = fresh & (owner == k)
            if not mine.any():
                continue
            holder = _holder(near, frame.labels[part], owner == k)
            if holder is None:
                begin_part(scene, mine, box, frame)
            else:
                frame.labels[part][mine] = holder.id
                if holder.age < _YOUNG:
                    near = [
                        anew(scene, layer, frame) if layer is holder else layer for layer in near
                    ]

    # --- fragments -----------------------------------------------------------------------

    def goes(
        self, scene: Scene, layer: Layer, piece: Mask, own: Mask, window: Window, frame: Pieces
    ) -> bool:
        """Whether a piece that is away from the rest of a layer is an object of its own."""
        if is_compact(piece) and is_compact(own & ~piece):
            return True
        if scene.number - self._asked.get(layer.id, -_AGAIN) < _AGAIN:
            return False
        self._asked[layer.id] = scene.number
        shown, apart = np.zeros((2, *frame.labels.shape), bool)
        y, x = window.corner
        part = np.s_[y : y + own.shape[0], x : x + own.shape[1]]
        shown[part], apart[part] = own, piece
        box, owner, count = self._look(shown, frame)
        part = np.s_[box[0] : box[2], box[1] : box[3]]
        away, rest = apart[part], shown[part] & ~apart[part]
        return _common(owner[away], owner[rest], count) < 0.5

    # --- second thoughts -----------------------------------------------------------------

    def review_alone(self, scene: Scene, layer: Layer, blob: int, frame: Pieces) -> None:
        """Ask now and then whether a piece that is one layer's is one object."""
        if layer.area < 3 * _CRUMB or not self.is_due(scene, [layer]):
            return
        box, usual = frame.box(blob), self._usual_in(frame)
        if layer.solo >= _KNOWN and not frame.at_border(box) and _goes(layer):
            usual.add(box, layer.id)
        if usual.known and usual.is_scrap(box):
            return  # its parts would be scraps, too
        part = np.s_[box[0] : box[2], box[1] : box[3]]
        mine = frame.pieces[part] == blob + 1
        shown = np.zeros(frame.labels.shape, bool)
        shown[part] = mine
        owner, count = self._part(shown, box, frame, _SLOTS, _STEPS)
        parts = self._whole_parts(mine, owner, count, frame, alone=True)
        doubt = self._doubt(layer, len(parts) > 1)
        self._plan(scene, [layer], soon=doubt > 0)
        if doubt >= _SURE:
            self._split(scene, layer, mine, owner, parts, box, frame)

    def _whole_parts(
        self, mine: Mask, owner: Integers, count: int, frame: Pieces, *, alone: bool
    ) -> list[int]:
        """Return which of the objects in `mine` are whole, the largest of them first.

        What is a scrap, by what is usual in this video, is none: a head is no object. While
        nothing is usual, all must be large, and those who share a piece are parted side by side
        only.
        """
        sizes, usual = np.bincount(owner[mine], minlength=count), self._usual_in(frame)
        least = _CRUMB if usual.known else max(_CRUMB, _PART * sizes.sum())
        large: list[int] = [k for k in np.argsort(-sizes).tolist() if sizes[k] >= least]
        if len(large) < 2 or (alone and not usual.known):
            return large
        boxes = {k: _box_of(mine & (owner == k)) for k in large}
        if usual.known:
            return [k for k in large if not usual.is_scrap(boxes[k])]
        tall = _TALL * _height(_box_of(mine))
        return large if all(_height(box) >= tall for box in boxes.values()) else large[:1]

    def _doubt(self, layer: Layer, several: bool) -> int:
        """Count an answer for or against a layer's being several; return the balance."""
        doubt = self._doubts.get(layer.id, 0)
        self._doubts[layer.id] = doubt = doubt + 1 if several else max(0, doubt - 1)
        return doubt

    def _usual_in(self, frame: Pieces) -> Usual:
        if self.usual is None:
            self.usual = Usual(frame.height)
        return self.usual

    def _split(
        self,
        scene: Scene,
        layer: Layer,
        mine: Mask,
        owner: Integers,
        parts: list[int],
        box: Box,
        frame: Pieces,
    ) -> None:
        """Make all but the first of the objects that a layer holds layers of their own."""
        part = np.s_[box[0] : box[2], box[1] : box[3]]
        for k in sorted(parts[1:]):
            own = mine & (owner == k)
            child = begin_part(scene, own, box, frame)
            child.velocity = layer.velocity.copy()
            frame.labels[part][own] = child.id
        anew(scene, layer, frame)
        self._doubts[layer.id] = 0

    def review_together(
        self, scene: Scene, numbers: set[int], blobs: list[int], frame: Pieces
    ) -> None:
        """Ask now and then whether two of the layers that share pieces are one object."""
        layers = [layer for layer in scene.layers if layer.id in numbers]
        if not 2 <= len(layers) <= _CROWD or not self.is_due(scene, layers):
            return
        boxes = frame.boxes[blobs]
        (top, left), (bottom, right) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        shown = np.zeros(frame.labels.shape, bool)
        part = np.s_[top:bottom, left:right]
        shown[part] = np.isin(frame.labels[part], [layer.id for layer in layers])
        if np.count_nonzero(shown[part]) < _CRUMB:
            self._plan(scene, layers, soon=False)
            return
        slots = min(max(_SLOTS, 2 * len(layers)), _MOST)
        box, owner, count = self._look(shown, frame, slots, _STEPS)
        labels = frame.labels[box[0] : box[2], box[1] : box[3]]
        seen = [(layer, owner[labels == layer.id]) for layer in layers]
        seen = [(layer, pixels) for layer, pixels in seen if pixels.size >= _CRUMB // 2]
        strongest = -1.0
        for j, (one, mine) in enumerate(seen):
            for other, theirs in seen[j + 1 :]:
                if one not in scene.layers or other not in scene.layers:
                    continue
                pair = min(one.id, other.id), max(one.id, other.id)
                bond = self._bonds.get(pair, 0.0) + 2 * _common(mine, theirs, count) - 1
                self._bonds[pair] = bond = float(np.clip(bond, -_SURE, 2 * _SURE))
                strongest = max(strongest, bond)
                known = min(one.solo, other.solo) >= _KNOWN
                if bond >= (2 * _SURE if known else _SURE):
                    self._become_one(scene, one, other, known, frame)
        doubts = [
            self._part_shared(scene, layer, labels, owner, count, box, frame)
            for layer, _ in seen
            if layer in scene.layers
        ]
        self._plan(scene, layers, soon=strongest > -1 or max(doubts, default=0) > 0)

    def _part_shared(
        self,
        scene: Scene,
        layer: Layer,
        labels: Labels,
        owner: Integers,
        count: int,
        box: Box,
        frame: Pieces,
    ) -> int:
        """Part a layer that shares its pieces, if the network has often said that it is several."""
        mine = labels == layer.id
        if np.count_nonzero(mine) < 3 * _CRUMB or layer.visible < _SEEN:
            return self._doubts.get(layer.id, 0)
        parts = self._whole_parts(mine, owner, count, frame, alone=False)
        doubt = self._doubt(layer, len(parts) > 1)
        if doubt >= _SURE:
            self._split(scene, layer, mine, owner, parts, box, frame)
        return doubt

    def _become_one(
        self, scene: Scene, one: Layer, other: Layer, known: bool, frame: Pieces
    ) -> None:
        """Give the pixels of two layers to the one that has more of them, or is older.

        If both have been seen alone for long, the other is somebody who has gone unseen.
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
        self._bonds = {pair: b for pair, b in self._bonds.items() if go.id not in pair}

    def is_due(self, scene: Scene, layers: list[Layer]) -> bool:
        """Whether it is time to ask about layers again, and nobody else was asked just now."""
        young = min(layer.age for layer in layers) < _UNSETTLED
        if scene.number - self._second < (1 if young else _APART):
            return False
        return scene.number >= min(self._next.get(layer.id, (0, 0, 0))[0] for layer in layers)

    def _plan(self, scene: Scene, layers: list[Layer], soon: bool) -> None:
        """Ask again soon, or after twice as long as the last time.

        What stays in doubt is asked about ever less often.
        """
        self._second = scene.number
        for layer in layers:
            _, wait, times = self._next.get(layer.id, (0, _SOON, 0))
            times = times + 1 if soon else 0
            first = _AT_ONCE if layer.age < _UNSETTLED else _SOON
            longer = _TIRED ** max(0, times - _SURE)
            wait = min(round(first * longer) if soon else 2 * wait, _LATE)
            self._next[layer.id] = scene.number + wait, wait, times

    def end(self, scene: Scene, frame: Pieces) -> None:
        """Forget who is gone, and keep the picture."""
        alive = {layer.id for layer in scene.layers}
        for memory in (self._asked, self._next, self._doubts):
            for number in memory.keys() - alive:
                del memory[number]
        self._bonds = {pair: bond for pair, bond in self._bonds.items() if alive.issuperset(pair)}
        if self.usual is not None and scene.number % 10 == 9:
            self.usual.fit()
        self.past.append(frame.image.copy())  # a caller may use the array again

    # --- the network ---------------------------------------------------------------------

    def _look(
        self, shown: Mask, frame: Pieces, slots: int | None = None, steps: int | None = None
    ) -> tuple[Box, Integers, int]:
        """Part some foreground: its box, whose each pixel of the box is, and how many there are."""
        box = box_of(shown)
        return box, *self._part(shown, box, frame, slots, steps)

    def _part(
        self,
        shown: Mask,
        box: Box,
        frame: Pieces,
        slots: int | None = None,
        steps: int | None = None,
    ) -> tuple[Integers, int]:
        """Part some foreground, of which the box is known."""
        if self._network is None:
            self._network = _load(self.model, self.device)
        size = self._network.size
        square = around(np.array([box]))
        before = self.past[0] if self.past else frame.image
        objects = self._network.part(cut(frame.image, before, shown, square, size), slots, steps)
        owner: Integers = enlarged(objects, square, box).argmax(0)
        return owner, len(objects)


def _load(model: str, device: str) -> "LoadedSeeded":
    from segment import neural
    from segment.neural.seeded.loaded import LoadedSeeded

    return neural.load(model, device, kind=LoadedSeeded)


def _crowds(blobs: list[int], frame: Pieces) -> list[list[int]]:
    """Gather new pieces that lie near each other."""
    left = list(blobs)
    crowds = []
    while left:
        crowd, waiting = [], [left.pop(0)]
        while waiting:
            blob = waiting.pop()
            crowd.append(blob)
            box, area = frame.box(blob), frame.area[blob]
            close = [
                other
                for other in left
                if gap(box, frame.box(other)) <= _reach(max(area, frame.area[other]))
            ]
            left = [other for other in left if other not in close]
            waiting += close
        crowds.append(sorted(crowd))
    return crowds


def _beside(scene: Scene, blobs: list[int], frame: Pieces) -> list[Layer]:
    """Layers that are seen beside some new pieces."""
    boxes = [frame.box(blob) for blob in blobs]
    return [
        layer
        for layer in scene.layers
        if not layer.lost and any(gap(layer.box, box) <= _reach(layer.area) for box in boxes)
    ]


def _sweep(scene: Scene, crumbs: list[int], frame: Pieces, times: float) -> list[int]:
    """Give crumbs to the nearest object that is so many times larger; return the others."""
    layers = [layer for layer in [*scene.layers, *scene.newborn] if not layer.lost]
    if not crumbs or not layers:
        return crumbs
    boxes = np.array([layer.box for layer in layers])
    areas = np.array([layer.area for layer in layers])
    ids = np.array([layer.id for layer in layers])
    left = []
    for blob in crumbs:
        box = top, first, bottom, last = frame.box(blob)
        down = np.maximum(np.maximum(boxes[:, 0] - bottom, top - boxes[:, 2]), 0)
        right = np.maximum(np.maximum(boxes[:, 1] - last, first - boxes[:, 3]), 0)
        far = np.hypot(down, right)
        near = (far <= _reach(areas)) & (areas >= times * frame.area[blob])
        if not near.any():
            left.append(blob)
            continue
        nearest = np.flatnonzero(near & (far == far[near].min()))
        part = np.s_[box[0] : box[2], box[1] : box[3]]
        frame.labels[part][frame.pieces[part] == blob + 1] = ids[nearest].min()
    return left


def _holder(near: list[Layer], labels: Labels, own: NDArray[np.bool_]) -> Layer | None:
    """Return the layer of which an object holds most, if that is more than half of it."""
    best, most = None, 0.5
    for layer in near:
        whole = labels == layer.id
        area = int(np.count_nonzero(whole))
        share = int(np.count_nonzero(whole & own)) / max(1, area)
        if share > most:
            best, most = layer, share
    return best


def _goes(layer: Layer) -> bool:
    return float(np.hypot(*layer.velocity)) >= _GOES * layer.size


def _box_of(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _height(box: Box) -> int:
    return box[2] - box[0]


def _common(one: Integers, other: Integers, count: int) -> float:
    """How far two sets of pixels have the same owners, of `count`: 1 the same, 0 none in common."""
    first, second = (np.bincount(owners, minlength=count) for owners in (one, other))
    return float(np.minimum(first / max(1, one.size), second / max(1, other.size)).sum())


def _reach(area: Any) -> Any:
    """How far from something of this area its fragments lie, pixels."""
    return 2 + _NEAR * 1.13 * np.sqrt(np.maximum(area, 1.0))
