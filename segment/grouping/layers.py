"""Objects as layers: a mixture whose components are templates that move, fitted by EM."""

import itertools
import operator

import numpy as np

from segment.arrays import Image, Labels, Mask, check_image, check_mask
from segment.errors import MissingForeground
from segment.grouping.assignment import assign
from segment.grouping.layer import Layer, born
from segment.grouping.mixing import Mixture, Window, mix, without
from segment.grouping.pieces import Pieces, gap, histogram, slices
from segment.grouping.regions import Floats, Integers
from segment.grouping.watershed import Watershed
from segment.turns import one_at_a_time

__all__ = ["MovingLayers", "is_compact"]

_YOUNG = 5  # frames before an object counts as more than a speck or a fragment
_TINY = 16  # pixels below which there is no shape to speak of
_CELLS = 6_000_000  # of a mixture: layers times pixels; above it pixels go to the nearest
_LINK_PROBES = 48
_SLIGHT, _STRONG = 1.05, 1.5  # how much wider than its waist a bulge is
_COMPACT = 0.9  # least share of its convex hull that a compact thing fills


@one_at_a_time("group")
class MovingLayers:
    """The foreground is a mixture of layers: objects known by place, shape and colour, that move.

    Every object has a template: how likely it covers each pixel around it, its colours there,
    and a histogram of them. Where a piece of foreground is one object's alone, the template
    follows what is seen. Where several objects share a piece, EM parts it: templates are moved
    to where they explain the foreground and its colours best (M-step), ordered from front to
    back, and each pixel goes to the layer that is likeliest there (E-step, smoothed). What is
    hidden keeps its template, and comes out under its own id.

    A new piece of foreground is one object until parts of it go apart, unless a watershed parts
    it at once: at slight waists between compact parts, as balls and boxes are, else at narrow
    ones only, since people and animals have limbs. A fragment stays with its object until it is
    clearly away, and comes back to it if they have moved as one.

    Parameters
    ----------
    smallest : pieces of less than this area are background, pixels; 0 keeps all.
    patience : frames for which an object that is not seen keeps its id; one that is hidden by
        others keeps it for ten times as long.

    Within a frame, an object's pixels need not be connected. Ids begin at 1, follow reading
    order within a frame in which objects appear, and are never given twice. One object serves
    one sequence, and frames are taken to be evenly spaced. Memory holds the templates of the
    objects seen within ten times `patience` frames. The same input gives the same ids.

    Sources: Jojic & Frey, Learning flexible sprites in video layers, CVPR 2001 (layers with
    masks, by EM); Dempster, Laird & Rubin, JRSS B 39, 1977.
    """

    _command = "group-layers"  # what messages call it

    def __init__(self, smallest: int = 0, *, patience: int = 25) -> None:
        self.smallest = _whole(smallest, "smallest", "pixels")
        self.patience = _whole(patience, "patience", "frames")
        self._slight, self._strong = Watershed(_SLIGHT), Watershed(_STRONG)
        self.layers: list[Layer] = []
        self._ids = itertools.count(1)
        self._shape: tuple[int, ...] | None = None

    def group(self, image: Image, foreground: Mask | None) -> Labels:
        """Return labels (H, W) int32 of the next frame, 0 outside `foreground`.

        Raises MissingForeground without a mask, and ValueError for one of another size.
        """
        if foreground is None:
            raise MissingForeground(
                f"{self._command} needs a foreground mask; put a subtract-... command before it"
            )
        check_image(image)
        check_mask(foreground, image.shape[:2], "foreground")
        if self._shape is None:
            self._shape = image.shape
        elif image.shape != self._shape:
            raise ValueError(
                f"image is {image.shape}, but the frames before were {self._shape}; begin a new "
                "sequence with a new object"
            )
        frame = Pieces(np.ascontiguousarray(image), foreground, self.smallest)
        for layer in self.layers:
            layer.predict()
        self._newborn: list[Layer] = []
        for layers, blobs in self._clusters(frame):
            self._settle(layers, blobs, frame)
        self._claim_strays(frame)
        self._bear_all(frame)
        self._bury(frame)
        return frame.labels

    # --- which layers share which pieces ------------------------------------------------

    def _clusters(self, frame: Pieces) -> list[tuple[list[Layer], list[int]]]:
        """Sort layers and pieces into clusters that have to do with each other."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        layers, count = self.layers, frame.count
        rows, columns = self._links(frame)
        total = len(layers) + count
        graph = coo_array(
            (np.ones(len(rows), np.int8), (rows, len(layers) + columns)), shape=(total, total)
        )
        number, of = connected_components(graph, directed=False)
        members: list[tuple[list[Layer], list[int]]] = [([], []) for _ in range(number)]
        for layer, cluster in zip(layers, of[: len(layers)].tolist(), strict=True):
            members[cluster][0].append(layer)
        for blob, cluster in enumerate(of[len(layers) :].tolist()):
            members[cluster][1].append(blob)
        # Pieces come in reading order; so do clusters, by their first piece.
        members.sort(key=lambda cluster: cluster[1][0] if cluster[1] else count)
        return members

    def _links(self, frame: Pieces) -> tuple[Integers, Integers]:
        """Return which layer lies on which piece: positions (P,) and pieces (P,)."""
        none = np.empty(0, np.intp)
        if not self.layers or not frame.count:
            return none, none
        probes = [_thin(layer.probes, _LINK_PROBES) for layer in self.layers]
        lengths = np.array([len(p) for p in probes])
        owner = np.repeat(np.arange(len(probes)), lengths)
        corners = np.array([layer.corner for layer in self.layers])
        places = np.concatenate(probes) + corners[owner]
        codes, hits = frame.hits(owner, places)
        layer, blob = np.divmod(codes, frame.count)
        area = np.array([max(1.0, layer.area) for layer in self.layers])
        share = hits / lengths[layer]
        good = (share >= 0.1) | (share * area[layer] >= 0.3 * frame.area[blob])
        layer, blob = layer[good], blob[good]
        # Who lies on nothing may be near by: matched one to one with what nobody lies on.
        # So may be who was hidden by others, and comes out.
        hidden = np.array([one.hidden > 3 for one in self.layers])
        idle = np.flatnonzero((np.bincount(layer, minlength=len(self.layers)) == 0) | hidden)
        free = np.flatnonzero(np.bincount(blob, minlength=frame.count) == 0)
        found = self._reunite([self.layers[i] for i in idle], free, frame)
        back = [(idle[i], free[b]) for i, b in enumerate(found) if b >= 0]
        if back:
            stay = ~np.isin(layer, [i for i, _ in back])
            layer, blob = layer[stay], blob[stay]
            layer = np.append(layer, [i for i, _ in back])
            blob = np.append(blob, [b for _, b in back])
        return layer, blob

    def _reunite(self, layers: list[Layer], blobs: Integers, frame: Pieces) -> list[int]:
        """Return for each layer which of `blobs` it is likely to be, -1 for none."""
        from scipy.spatial import cKDTree

        if not layers or not len(blobs):
            return [-1] * len(layers)
        centre = np.array([layer.expected for layer in layers])
        near = min(4, len(blobs))
        distance, found = cKDTree(frame.centre[blobs]).query(centre, k=near)
        distance = np.asarray(distance).reshape(len(layers), near)
        found = np.asarray(found, np.intp).reshape(len(layers), near)
        rows, columns, costs = [], [], []
        for i, layer in enumerate(layers):
            for far, j in zip(distance[i].tolist(), found[i].tolist(), strict=True):
                cost = self._difference(layer, int(blobs[j]), far, frame)
                if cost < 1:
                    rows.append(i)
                    columns.append(j)
                    costs.append(cost)
        pairs = np.array(rows, np.intp), np.array(columns, np.intp)
        chosen = assign(*pairs, np.array(costs), (len(layers), len(blobs)), 1.0)
        taken: list[int] = chosen.tolist()
        for i, j in enumerate(taken):
            if j >= 0:
                # There at once, rather than by a search.
                shift = np.round(frame.centre[blobs[j]] - layers[i].expected).astype(np.intp)
                layers[i].corner = layers[i].corner + shift
                layers[i].place = layers[i].corner.astype(np.float64)
                layers[i].centre = None
        return taken

    def _difference(self, layer: Layer, blob: int, distance: float, frame: Pieces) -> float:
        """How unlike a layer a piece is: below 1 it may be the same object."""
        gone = min(25, max(layer.lost, layer.hidden))
        reach = 2.0 + layer.size * (0.75 + 0.75 * (layer.age < _YOUNG) + 0.06 * gone)
        ratio = abs(float(np.log(frame.area[blob] / max(1.0, layer.area))))
        if distance > reach or ratio > 1.4:
            return 2.0
        unlike = 0.0
        if gone and layer.area >= _TINY:
            unlike = 1.0 - _likeness(layer.histogram, frame.histogram(blob))
        cost = 0.45 * distance / reach + 0.3 * ratio / 1.4 + 0.8 * unlike
        return float(np.round(cost, 6))

    # --- what becomes of a cluster ------------------------------------------------------

    def _settle(self, layers: list[Layer], blobs: list[int], frame: Pieces) -> None:
        if not blobs:
            for layer in layers:
                layer.lost += 1
                layer.centre = None
        elif not layers:
            frame.births += blobs
        elif len(layers) == 1 and len(blobs) == 1:
            self._alone(layers[0], blobs[0], frame)
        else:
            pairs = self._one_to_one(layers, blobs, frame)
            if pairs:
                for layer, blob in pairs:
                    self._alone(layer, blob, frame)
            else:
                self._together(layers, blobs, frame)

    def _bear_all(self, frame: Pieces) -> None:
        """Let what belongs to nobody be born, but for the crumbs of those who are near."""
        if not frame.births:
            return
        boxes = [frame.box(blob) for blob in frame.births]
        areas = frame.area[frame.births]
        near = [layer for layer in self.layers if not layer.lost]
        around = np.array([layer.box for layer in near] + boxes).reshape(-1, 4)
        sizes = np.array([layer.area for layer in near] + areas.tolist())
        old = np.array([True] * len(near) + [False] * len(boxes))
        adopted: list[tuple[int, int]] = []
        for n, (blob, box) in enumerate(zip(frame.births, boxes, strict=True)):
            down = np.maximum(around[:, 0] - box[2], box[0] - around[:, 2])
            right = np.maximum(around[:, 1] - box[3], box[1] - around[:, 3])
            gap = np.hypot(np.maximum(down, 0), np.maximum(right, 0))
            gap[len(near) + n] = np.inf
            beside = gap <= 1.5 + 0.15 * 1.13 * np.sqrt(sizes)
            larger = beside & (areas[n] < 0.1 * sizes) & (sizes >= 2 * _TINY)
            if larger.any():
                adopted.append((blob, int(np.where(larger, sizes, 0).argmax())))
                continue
            beside &= old
            for layer in self._bear(blob, frame):
                if beside.any():
                    origin = near[int(np.where(beside, sizes, 0)[: len(near)].argmax())]
                    layer.origin, layer.offset = origin.id, layer.expected - origin.expected
        for blob, index in adopted:
            top, left, bottom, right = frame.box(blob)
            part = np.s_[top:bottom, left:right]
            mask = frame.pieces[part] == blob + 1
            if index < len(near):
                number = near[index].id
            else:
                other = boxes[index - len(near)]
                ids = frame.labels[other[0] : other[2], other[1] : other[3]]
                own = frame.pieces[other[0] : other[2], other[1] : other[3]]
                found = ids[own == frame.births[index - len(near)] + 1]
                number = int(found[0]) if found[0] else next(self._ids)
            frame.labels[part][mask] = number

    def _bear(self, blob: int, frame: Pieces) -> list[Layer]:
        """Begin a layer for a piece, or several where it is parted by narrow waists."""
        box = top, left, bottom, right = frame.box(blob)
        mask = frame.pieces[top:bottom, left:right] == blob + 1
        parts = self._parts(mask, frame.area[blob], frame.at_border(box))
        return [self._begin_part(part, box, frame) for part in parts]

    def _begin_part(self, mask: Mask, box: tuple[int, int, int, int], frame: Pieces) -> Layer:
        """Begin a layer for some pixels (h, w) of a box."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        inner = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        corner = (box[0] + int(rows[0]), box[1] + int(columns[0]))
        return self._begin(mask[inner], corner, frame)

    def _parts(self, mask: Mask, area: float, entering: bool) -> list[Mask]:
        """Part a new piece at its waists: at slight ones only if all the parts are compact.

        Compact things that touch have such waists, and so have arms, legs and necks. What comes
        in over the border shows a part of itself, and that may be compact by chance.
        """
        if area < 3 * _TINY:
            return [mask]
        if not entering:
            parts = self._compact_parts(mask, area)
            if len(parts) > 1:
                return parts
        return self._cut(self._strong, mask, area)

    def _compact_parts(self, mask: Mask, area: float) -> list[Mask]:
        """Part a piece at slight waists, if all the parts are compact; else it stays whole."""
        parts = self._cut(self._slight, mask, area)
        return parts if all(is_compact(part) for part in parts) else [mask]

    @staticmethod
    def _cut(watershed: Watershed, mask: Mask, area: float) -> list[Mask]:
        bulges = watershed.bulges(mask, int(area))
        return [mask & (bulges == n) for n in range(1, int(bulges.max()) + 1)]

    def _begin(self, mask: Mask, corner: tuple[int, int], frame: Pieces) -> Layer:
        height, width = mask.shape
        part = np.s_[corner[0] : corner[0] + height, corner[1] : corner[1] + width]
        layer = born(next(self._ids), np.ascontiguousarray(mask), corner, frame.image[part])
        frame.labels[part][mask] = layer.id
        self._newborn.append(layer)
        return layer

    def _one_to_one(
        self, layers: list[Layer], blobs: list[int], frame: Pieces
    ) -> list[tuple[Layer, int]]:
        """Pair layers and pieces off where every layer has a piece of its place and size."""
        if len(layers) != len(blobs):
            return []
        far = np.array([layer.expected for layer in layers])[:, None] - frame.centre[blobs]
        size = np.array([layer.size for layer in layers])
        area = np.array([max(1.0, layer.area) for layer in layers])
        cost = np.sqrt((far**2).sum(2)) / (2.0 + size[:, None])
        ratio = np.abs(np.log(frame.area[blobs] / area[:, None]))
        cost = np.round(np.where((ratio < 0.5) & (cost < 0.5), cost + 0.5 * ratio, 5.0), 6)
        rows, columns = np.nonzero(cost < 5)
        chosen = assign(rows, columns, cost[rows, columns].astype(np.float64), cost.shape, 2.0)
        if (chosen < 0).any():
            return []
        return [(layer, blobs[j]) for layer, j in zip(layers, chosen.tolist(), strict=True)]

    def _alone(self, layer: Layer, blob: int, frame: Pieces) -> None:
        """Let a layer follow a piece that is all its own."""
        centre, area = frame.centre[blob], frame.area[blob]
        box = frame.box(blob)
        if layer.centre is not None:
            moved = centre - layer.centre
            guess = layer.place - layer.velocity + moved
            found = np.floor(np.round(guess, 4) + 0.5).astype(np.intp)
        else:
            found = layer.corner
        layer.corner = found
        reach = (
            min(box[0], layer.box[0]),
            min(box[1], layer.box[1]),
            max(box[2], layer.box[2]),
            max(box[3], layer.box[3]),
        )
        window, state = frame.window(reach)
        own = frame.pieces[slices(reach, frame)] == blob + 1
        if area >= _TINY:
            layer.corner = _fit(layer, window, own, layer.centre is None)
        layer.move(layer.corner, 1.0)
        layer.reach(*box)
        state[own] = 1
        layer.learn(window.image, state, window.corner, 0.12)
        whole = box[0] > 0 and box[1] > 0 and box[2] < frame.height and box[3] < frame.width
        if whole or area > layer.area:
            layer.area += max(0.1, 1.0 / layer.age) * (area - layer.area)
        layer.centre = centre
        layer.lost = layer.hidden = layer.parted = layer.nested = 0
        layer.solo += 1
        layer.visible = 1.0
        frame.labels[slices(reach, frame)][own] = layer.id

    def _together(self, layers: list[Layer], blobs: list[int], frame: Pieces) -> None:
        """Share several pieces, or one, among several layers, or one."""
        boxes = [frame.box(blob) for blob in blobs] + [layer.box for layer in layers]
        around = (
            min(box[0] for box in boxes) - 1,
            min(box[1] for box in boxes) - 1,
            max(box[2] for box in boxes) + 1,
            max(box[3] for box in boxes) + 1,
        )
        part = slices(around, frame)
        numbers = np.zeros(frame.count + 1, bool)
        numbers[np.array(blobs) + 1] = True
        inside = numbers[frame.pieces[part]]
        window, _ = frame.window(around)
        if len(layers) * inside.size > _CELLS:
            self._nearest(layers, inside, part, frame)
            return
        mixture = mix(layers, Window(window.image, inside, window.corner))
        layers = self._unite(layers, mixture, frame, window)
        layers = self._absorb(layers, mixture)
        elsewhere = frame.foreground[part] & ~inside
        for k, layer in enumerate(layers):
            self._follow(layer, mixture, k, window, elsewhere)
        ids = np.array([layer.id for layer in layers] + [0], np.int32)
        labels = ids[mixture.owner]
        frame.labels[part][inside] = labels[inside]
        self._part_ways(layers, mixture, window, frame)
        self._note_strays(layers, mixture, inside, window, frame)

    def _unite(
        self, layers: list[Layer], mixture: Mixture, frame: Pieces, window: Window
    ) -> list[Layer]:
        """Make one again of those who came apart, or came in apart, and have moved as one since."""
        y, x = window.corner
        height, width = mixture.owner.shape
        pieces = frame.pieces[y : y + height, x : x + width]
        k = 0
        while k < len(layers):
            child = layers[k]
            ids = [layer.id for layer in layers]
            if child.origin not in ids or not mixture.visible[k]:
                k += 1
                continue
            j = ids.index(child.origin)
            parent = layers[j]
            shared = np.intersect1d(pieces[mixture.owner == k], pieces[mixture.owner == j])
            moved = np.abs(child.expected - parent.expected - child.offset).max()
            less = min(child.area, parent.area) / max(child.area, parent.area)
            stacked = _stacked(child.box, parent.box)
            if (
                not len(shared)
                or child.age >= 25
                or moved > 2 + 0.25 * min(child.size, parent.size)
                or not (less < 0.5 or stacked)
            ):
                k += 1
                continue
            keep, go = (j, k) if parent.id < child.id else (k, j)
            own = (mixture.owner == keep) | (mixture.owner == go)
            rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
            box_of = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            corner = (y + int(rows[0]), x + int(columns[0]))
            fresh = born(
                layers[keep].id,
                np.ascontiguousarray(own[box_of]),
                corner,
                np.ascontiguousarray(window.image[box_of]),
            )
            fresh.velocity = (parent if parent.area > child.area else child).velocity
            fresh.origin, fresh.offset = parent.origin, parent.offset
            fresh.age = max(3, max(parent.age, child.age) // 2)
            self.layers = [one for one in self.layers if one not in (parent, child)]
            self.layers.append(fresh)
            layers = [*layers]
            layers[keep] = fresh
            without(mixture, keep, go)
            del layers[go]
            k = 0
        return layers

    def _absorb(self, layers: list[Layer], mixture: Mixture) -> list[Layer]:
        """Give up layers that lie on another, seen and unmoved: they are parts of it.

        Who has been alone for long is somebody, wherever it is now.
        """
        for child in list(layers):
            k = layers.index(child)
            on, share = None, 0.7
            if child.solo < 15 and mixture.visible[k] >= 0.4 * child.area:
                for other in layers:
                    if other is not child and other.area >= 2 * child.area:
                        covered = _inside(child, other)
                        if covered > share:
                            on, share = other, covered
            if on is None:
                child.nested = 0
                continue
            offset = child.expected - on.expected
            moved = np.abs(offset - child.offset).max() > 2 + 0.1 * on.size
            if child.origin != on.id or moved:
                child.nested, child.origin, child.offset = 0, on.id, offset
            child.nested += 1
            if child.nested >= 10:
                without(mixture, layers.index(on), k)
                layers = [one for one in layers if one is not child]
                self.layers = [one for one in self.layers if one is not child]
        return layers

    def _follow(
        self, layer: Layer, mixture: Mixture, k: int, window: Window, elsewhere: Mask
    ) -> None:
        """Learn from the pixels that a layer got, if it got any worth the name."""
        layer.centre = None
        layer.lost = 0
        seen = mixture.visible[k]
        if seen < max(2.0, 0.08 * layer.area):
            layer.hidden += 1
            layer.velocity = layer.velocity * 0.97
            return
        layer.hidden = 0
        y, x = window.corner
        top, left, bottom, right = mixture.boxes[k]
        layer.reach(y + top, x + left, y + bottom, x + right)
        # Only what lies in the template's box is learned from.
        top, left, bottom, right = layer.box
        part = np.s_[max(0, top - y) : max(0, bottom - y), max(0, left - x) : max(0, right - x)]
        state = mixture.state(k, part)
        state[elsewhere[part]] = 2
        corner = (y + part[0].start, x + part[1].start)
        layer.learn(np.ascontiguousarray(window.image[part]), state, corner, 0.05)

    def _nearest(
        self, layers: list[Layer], inside: Mask, part: tuple[slice, slice], frame: Pieces
    ) -> None:
        """Give every pixel to the nearest middle of a layer: for crowds too large to be parted."""
        from scipy.spatial import cKDTree

        middles = np.array([layer.expected for layer in layers])
        rows, columns = np.nonzero(inside)
        places = np.stack([rows + part[0].start, columns + part[1].start], axis=1)
        _, nearest = cKDTree(middles).query(places)
        ids = np.array([layer.id for layer in layers], np.int32)
        frame.labels[part][inside] = ids[nearest]
        for layer in layers:
            layer.centre, layer.lost = None, 0

    # --- parts that go apart, and what nobody explains ----------------------------------

    def _part_ways(
        self, layers: list[Layer], mixture: Mixture, window: Window, frame: Pieces
    ) -> None:
        """Let pieces go that have come off a layer for good."""
        y, x = window.corner
        height, width = mixture.owner.shape
        pieces = frame.pieces[y : y + height, x : x + width]
        for k, layer in enumerate(layers):
            own = mixture.owner == k
            numbers, areas = np.unique(pieces[own], return_counts=True)
            if len(numbers) < 2:
                layer.parted = 0
                continue
            main = int(areas.argmax())
            parted = False
            for number, area in zip(numbers.tolist(), areas.tolist(), strict=True):
                if number == numbers[main] or area < max(_TINY, 0.2 * areas[main]):
                    continue
                # A piece of several is no fragment of this one.
                far = gap(frame.box(numbers[main] - 1), frame.box(number - 1))
                away = far / (1.0 + 1.13 * np.sqrt(area))
                parted = True
                # What is above one another is more often one than what is side by side.
                patient = 25 if _stacked(frame.box(numbers[main] - 1), frame.box(number - 1)) else 4
                patient = max(patient, 15 if layer.age >= 25 else 0)
                if away < 0.3 and layer.parted < patient:
                    continue
                piece = own & (pieces == number)
                if self._goes(layer, piece, own, window, frame):
                    self._leave(layer, piece, window, frame)
            layer.parted = layer.parted + 1 if parted else 0

    def _goes(self, layer: Layer, piece: Mask, own: Mask, window: Window, frame: Pieces) -> bool:
        """Whether a piece that is away from the rest of a layer is an object of its own."""
        return True

    def _leave(self, layer: Layer, piece: Mask, window: Window, frame: Pieces) -> None:
        """Make a piece that a layer holds an object of its own."""
        rows, columns = np.flatnonzero(piece.any(1)), np.flatnonzero(piece.any(0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        corner = (window.corner[0] + int(rows[0]), window.corner[1] + int(columns[0]))
        child = self._begin(piece[box], corner, frame)
        child.origin, child.offset = layer.id, child.expected - layer.expected
        at = layer.corner - window.corner
        top, left = max(0, int(at[0])), max(0, int(at[1]))
        inside = piece[top:, left:]
        down, right = top - int(at[0]), left - int(at[1])
        shape = layer.shape[down:, right:]
        size = min(shape.shape[0], inside.shape[0]), min(shape.shape[1], inside.shape[1])
        shape[: size[0], : size[1]][inside[: size[0], : size[1]]] = 0
        layer.trim()
        layer.measure()
        layer.area = max(1.0, layer.area - float(np.count_nonzero(piece)))
        layer.parted = 0

    def _note_strays(
        self,
        layers: list[Layer],
        mixture: Mixture,
        inside: Mask,
        window: Window,
        frame: Pieces,
    ) -> None:
        """Remember large parts of the foreground that no layer explains."""
        import cv2

        if np.count_nonzero(mixture.stray) < _TINY:
            return
        least = max(_TINY, 0.3 * float(np.median([layer.area for layer in layers])))
        stray = mixture.stray.view(np.uint8)
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(stray, connectivity=4)
        for n in range(1, count):
            if stats[n, cv2.CC_STAT_AREA] >= least:
                frame.strays.append((pieces == n, window, layers))

    def _claim_strays(self, frame: Pieces) -> None:
        """Give what nobody explains to those who are hidden or lost, or to somebody new."""
        gone = [layer for layer in self.layers if layer.lost or layer.hidden > 1]
        for mask, window, layers in frame.strays:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            corner = (window.corner[0] + int(rows[0]), window.corner[1] + int(columns[0]))
            piece = mask[box]
            part = np.s_[
                corner[0] : corner[0] + piece.shape[0], corner[1] : corner[1] + piece.shape[1]
            ]
            centre = np.array(corner) + np.argwhere(piece).mean(0)
            colours = histogram(frame.image[part][piece])
            best, least = None, 0.8
            for layer in gone:
                far = float(np.sqrt(((layer.expected - centre) ** 2).sum()))
                reach = 2.0 + layer.size * (0.75 + 0.06 * min(25, max(layer.lost, layer.hidden)))
                unlike = 1 - _likeness(layer.histogram, colours)
                if far < reach and 0.45 * far / reach + unlike < least:
                    best, least = layer, round(0.45 * far / reach + unlike, 6)
            if best is not None:
                gone.remove(best)
                shift = np.floor(np.round(centre - best.expected, 4) + 0.5).astype(np.intp)
                best.corner = best.corner + shift
                best.place = best.corner.astype(np.float64)
                best.velocity = np.zeros(2)
                best.lost = best.hidden = 0
                frame.labels[part][piece] = best.id
                continue
            beside = max(layers, key=lambda one: np.count_nonzero(frame.labels[part] == one.id))
            beside.stray = True
            if beside.excess >= 4:
                beside.excess = 0
                self._begin(piece, corner, frame)
        for layer in self.layers:
            layer.excess = layer.excess + 1 if layer.stray else 0
            layer.stray = False

    def _bury(self, frame: Pieces) -> None:
        alive = []
        for layer in self.layers:
            top, left, bottom, right = layer.box
            outside = top >= frame.height or left >= frame.width or bottom <= 0 or right <= 0
            longest = 10 * self.patience if layer.age >= _YOUNG else self.patience
            patience = self.patience if layer.age >= _YOUNG else self.patience // 5
            if layer.lost > patience or layer.hidden > longest or (layer.lost and outside):
                continue
            alive.append(layer)
        self.layers = alive + self._newborn


def _fit(layer: Layer, window: Window, own: Mask, wide: bool) -> Integers:
    """Return the corner at which a template lies best on a piece that is its own."""
    from segment.grouping import kernels

    gain = np.where(own, np.float32(3.0), np.float32(-2.0))
    view = np.where(own, np.float32(0.5), np.float32(0))
    rows, columns = _thin(layer.probes, 100).T
    at = layer.corner - window.corner
    corner: Integers = layer.corner
    steps = [max(1, round(0.1 * layer.size)), 1] if wide else [1]
    for step in steps:
        half = 4 if step > 1 else 2
        scores = np.empty((2 * half + 1, 2 * half + 1))
        kernels.search(
            np.ascontiguousarray(rows),
            np.ascontiguousarray(columns),
            layer.shape[rows, columns],
            layer.colour[rows, columns],
            layer.spread[rows, columns],
            int(at[0]),
            int(at[1]),
            window.image,
            gain,
            view,
            step,
            scores,
        )
        shift = (np.indices(scores.shape) - half) * step
        scores = np.round(scores - 0.01 * np.sqrt((shift**2).sum(0)), 6)
        i, j = np.unravel_index(int(scores.argmax()), scores.shape)
        corner = corner + shift[:, i, j]
        at = at + shift[:, i, j]
    return corner


def is_compact(part: Mask) -> bool:
    """Whether a mask fills nine tenths of its convex hull, as balls and boxes do."""
    import cv2

    points = np.argwhere(part)[:, ::-1]
    hull = cv2.convexHull(points.astype(np.int32))
    # The hull goes through the pixels' middles; half a pixel of its outline is missing.
    whole = cv2.contourArea(hull) + 0.5 * cv2.arcLength(hull, closed=True) + 1.0
    return len(points) >= _TINY and len(points) >= _COMPACT * whole


def _thin(probes: Integers, most: int) -> Integers:
    if len(probes) <= most:
        return probes
    return probes[np.arange(most) * len(probes) // most]


def _likeness(one: Floats, other: Floats) -> float:
    """Bhattacharyya's coefficient of two histograms: 1 the same colours, 0 none in common."""
    total = float(one.sum() * other.sum())
    return float(np.sqrt(one * other).sum() / np.sqrt(total)) if total > 0 else 0.0


def _inside(one: Layer, other: Layer) -> float:
    """Share of a layer's probes that another's template covers."""
    places = one.probes + (one.corner - other.corner)
    rows, columns = places.T
    height, width = other.shape.shape
    on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return float(np.count_nonzero(other.shape[rows[on], columns[on]] > 0.4) / len(places))


def _stacked(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether of two boxes the one is above the other, rather than beside it."""
    common = min(one[3], other[3]) - max(one[1], other[1])
    return common > 0.5 * min(one[3] - one[1], other[3] - other[1])


def _whole(value: int, name: str, unit: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, wanted a whole number of {unit}") from None
    if number < 0:
        raise ValueError(f"{name} is {value} {unit}, wanted 0 or more")
    return number
