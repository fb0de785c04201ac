"""Which layers share which pieces of foreground: clusters that have to do with each other."""

import numpy as np

from segment.grouping.assignment import assign
from segment.grouping.layer import Layer
from segment.grouping.objects.scene import TINY, YOUNG, Scene
from segment.grouping.pieces import Pieces
from segment.grouping.regions import Floats, Integers

__all__ = ["clusters", "likeness", "one_to_one", "thin"]

_LINK_PROBES = 48  # pixels of a template that are asked which piece they lie on
_ON_PIECE = 0.1  # share of a template that makes it a piece's
_IN_PIECE = 0.3  # or share of the piece that the template makes up
_UNSEEN = 3  # frames in the shade of others after which one is looked for elsewhere, too
_LONG_GONE = 25  # frames after which the place where one may be grows no more
_OTHER_SIZE = 1.4  # logarithm of the ratio of areas at which nobody is the same
_SAME_SIZE = 0.5  # and below which a template and a piece may be paired off
_NEAREST = 4  # pieces near a layer that are compared with it


def clusters(scene: Scene, frame: Pieces) -> list[tuple[list[Layer], list[int]]]:
    """Sort layers and pieces into clusters that have to do with each other."""
    layers, count = scene.layers, frame.count
    rows, columns = _links(scene, frame)
    of = _connected(len(layers) + count, rows.tolist(), (len(layers) + columns).tolist())
    number = max(of, default=-1) + 1
    members: list[tuple[list[Layer], list[int]]] = [([], []) for _ in range(number)]
    for layer, cluster in zip(layers, of[: len(layers)], strict=True):
        members[cluster][0].append(layer)
    for blob, cluster in enumerate(of[len(layers) :]):
        members[cluster][1].append(blob)
    # Pieces come in reading order; so do clusters, by their first piece.
    members.sort(key=lambda cluster: cluster[1][0] if cluster[1] else count)
    return members


def _connected(total: int, one: list[int], other: list[int]) -> list[int]:
    """Number what pairs connect, from 0 by its first member; scipy's graphs take .4 ms a frame."""
    root = list(range(total))
    for pair in zip(one, other, strict=True):
        i, j = pair
        while root[i] != i:
            i = root[i]
        while root[j] != j:
            j = root[j]
        low, high = min(i, j), max(i, j)
        root[high] = low
        root[pair[0]] = root[pair[1]] = low
    number: dict[int, int] = {}
    # A root is never larger than its members, so those before it are settled.
    for i in range(total):
        root[i] = root[root[i]]
        number.setdefault(root[i], len(number))
    return [number[i] for i in root]


def _links(scene: Scene, frame: Pieces) -> tuple[Integers, Integers]:
    """Return which layer lies on which piece: positions (P,) and pieces (P,)."""
    none = np.empty(0, np.intp)
    if not scene.layers or not frame.count:
        return none, none
    probes = [thin(layer.probes, _LINK_PROBES) for layer in scene.layers]
    lengths = np.array([len(p) for p in probes])
    owner = np.repeat(np.arange(len(probes)), lengths)
    corners = np.array([layer.corner for layer in scene.layers])
    places = np.concatenate(probes) + corners[owner]
    codes, hits = frame.hits(owner, places)
    layer, blob = np.divmod(codes, frame.count)
    area = np.array([max(1.0, layer.area) for layer in scene.layers])
    share = hits / lengths[layer]
    good = (share >= _ON_PIECE) | (share * area[layer] >= _IN_PIECE * frame.area[blob])
    layer, blob = layer[good], blob[good]
    # Who lies on nothing may be near by: matched one to one with what nobody lies on.
    # So may be who was hidden by others, and comes out.
    hidden = np.array([one.hidden > _UNSEEN for one in scene.layers])
    idle = np.flatnonzero((np.bincount(layer, minlength=len(scene.layers)) == 0) | hidden)
    free = np.flatnonzero(np.bincount(blob, minlength=frame.count) == 0)
    found = _reunite([scene.layers[i] for i in idle], free, frame)
    back = [(idle[i], free[b]) for i, b in enumerate(found) if b >= 0]
    if back:
        stay = ~np.isin(layer, [i for i, _ in back])
        layer, blob = layer[stay], blob[stay]
        layer = np.append(layer, [i for i, _ in back])
        blob = np.append(blob, [b for _, b in back])
    return layer, blob


def _reunite(layers: list[Layer], blobs: Integers, frame: Pieces) -> list[int]:
    """Return for each layer which of `blobs` it is likely to be, -1 for none."""
    from scipy.spatial import cKDTree

    if not layers or not len(blobs):
        return [-1] * len(layers)
    centre = np.array([layer.expected for layer in layers])
    near = min(_NEAREST, len(blobs))
    distance, found = cKDTree(frame.centre[blobs]).query(centre, k=near)
    distance = np.asarray(distance).reshape(len(layers), near)
    found = np.asarray(found, np.intp).reshape(len(layers), near)
    rows, columns, costs = [], [], []
    for i, layer in enumerate(layers):
        for far, j in zip(distance[i].tolist(), found[i].tolist(), strict=True):
            cost = _difference(layer, int(blobs[j]), far, frame)
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


def _difference(layer: Layer, blob: int, distance: float, frame: Pieces) -> float:
    """How unlike a layer a piece is: below 1 it may be the same object."""
    gone = min(_LONG_GONE, max(layer.lost, layer.hidden))
    reach = 2.0 + layer.size * (0.75 + 0.75 * (layer.age < YOUNG) + 0.06 * gone)
    ratio = abs(float(np.log(frame.area[blob] / max(1.0, layer.area))))
    if distance > reach or ratio > _OTHER_SIZE:
        return 2.0
    unlike = 0.0
    if gone and layer.area >= TINY:
        unlike = 1.0 - likeness(layer.histogram, frame.histogram(blob))
    cost = 0.45 * distance / reach + 0.3 * ratio / _OTHER_SIZE + 0.8 * unlike
    return float(np.round(cost, 6))


def one_to_one(layers: list[Layer], blobs: list[int], frame: Pieces) -> list[tuple[Layer, int]]:
    """Pair layers and pieces off where every layer has a piece of its place and size."""
    if len(layers) != len(blobs):
        return []
    far = np.array([layer.expected for layer in layers])[:, None] - frame.centre[blobs]
    size = np.array([layer.size for layer in layers])
    area = np.array([max(1.0, layer.area) for layer in layers])
    cost = np.sqrt((far**2).sum(2)) / (2.0 + size[:, None])
    ratio = np.abs(np.log(frame.area[blobs] / area[:, None]))
    cost = np.round(np.where((ratio < _SAME_SIZE) & (cost < 0.5), cost + 0.5 * ratio, 5.0), 6)
    rows, columns = np.nonzero(cost < 5)
    chosen = assign(rows, columns, cost[rows, columns].astype(np.float64), cost.shape, 2.0)
    if (chosen < 0).any():
        return []
    return [(layer, blobs[j]) for layer, j in zip(layers, chosen.tolist(), strict=True)]


def thin(probes: Integers, most: int) -> Integers:
    """Return at most so many of some probes (P, 2), evenly."""
    if len(probes) <= most:
        return probes
    return probes[np.arange(most) * len(probes) // most]


def likeness(one: Floats, other: Floats) -> float:
    """Bhattacharyya's coefficient of two histograms: 1 the same colours, 0 none in common."""
    total = float(one.sum() * other.sum())
    return float(np.sqrt(one * other).sum() / np.sqrt(total)) if total > 0 else 0.0
