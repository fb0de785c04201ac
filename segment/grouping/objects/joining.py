"""Layers that become one: those who came apart and move as one, and those who lie on another."""

import numpy as np

from segment.grouping.layer import Layer, born
from segment.grouping.objects.scene import Scene
from segment.grouping.pieces import Box, Pieces
from segment.grouping.sharing import Mixture, Window, without
from segment.masks import box_of

__all__ = ["absorb", "stacked", "unite"]

_SETTLED = 25  # frames of age after which one who came apart is somebody
_KNOWN = 15  # frames alone after which one is a part of nobody
_NESTED = 10  # frames on another, unmoved, after which it is a part of that


def unite(
    scene: Scene, layers: list[Layer], mixture: Mixture, frame: Pieces, window: Window
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
        above = stacked(child.box, parent.box)
        if (
            not len(shared)
            or child.age >= _SETTLED
            or moved > 2 + 0.25 * min(child.size, parent.size)
            or not (less < 0.5 or above)
        ):
            k += 1
            continue
        keep, go = (j, k) if parent.id < child.id else (k, j)
        own = (mixture.owner == keep) | (mixture.owner == go)
        top, left, bottom, right = box_of(own)
        inner = np.s_[top:bottom, left:right]
        corner = (y + top, x + left)
        fresh = born(
            layers[keep].id,
            np.ascontiguousarray(own[inner]),
            corner,
            np.ascontiguousarray(window.image[inner]),
        )
        fresh.velocity = (parent if parent.area > child.area else child).velocity
        fresh.origin, fresh.offset = parent.origin, parent.offset
        fresh.age = max(3, max(parent.age, child.age) // 2)
        scene.layers = [one for one in scene.layers if one not in (parent, child)]
        scene.layers.append(fresh)
        layers = [*layers]
        layers[keep] = fresh
        without(mixture, keep, go)
        del layers[go]
        k = 0
    return layers


def absorb(scene: Scene, layers: list[Layer], mixture: Mixture) -> list[Layer]:
    """Give up layers that lie on another, seen and unmoved: they are parts of it.

    Who has been alone for long is somebody, wherever it is now.
    """
    for child in list(layers):
        k = layers.index(child)
        on, share = None, 0.7
        if child.solo < _KNOWN and mixture.visible[k] >= 0.4 * child.area:
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
        if child.nested >= _NESTED:
            without(mixture, layers.index(on), k)
            layers = [one for one in layers if one is not child]
            scene.layers = [one for one in scene.layers if one is not child]
    return layers


def _inside(one: Layer, other: Layer) -> float:
    """Share of a layer's probes that another's template covers."""
    places = one.probes + (one.corner - other.corner)
    rows, columns = places.T
    height, width = other.shape.shape
    on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return float(np.count_nonzero(other.shape[rows[on], columns[on]] > 0.4) / len(places))


def stacked(one: Box, other: Box) -> bool:
    """Whether of two boxes the one is above the other, rather than beside it."""
    common = min(one[3], other[3]) - max(one[1], other[1])
    return common > 0.5 * min(one[3] - one[1], other[3] - other[1])
