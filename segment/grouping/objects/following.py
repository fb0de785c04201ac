"""How layers follow their pieces: one alone, or several that share them by EM."""

import numpy as np

from segment.arrays import Mask
from segment.grouping.layer import Layer
from segment.grouping.objects.joining import absorb, unite
from segment.grouping.objects.linking import thin
from segment.grouping.objects.parting import note_strays, part_ways
from segment.grouping.objects.scene import TINY, Judge, Scene
from segment.grouping.pieces import Pieces, slices
from segment.grouping.regions import Integers
from segment.grouping.sharing import Mixture, Window, mix

__all__ = ["follow_alone", "share"]

_CELLS = 6_000_000  # of a mixture: layers times pixels; above it pixels go to the nearest
_ALONE, _SHARED = 0.12, 0.05  # share of a frame that a template learns: less where it may err
_GLIMPSE = 0.08  # share of its area below which nothing of a layer is seen
_SLOWING = 0.97  # of its velocity that one keeps, a frame, who is not seen


def follow_alone(layer: Layer, blob: int, frame: Pieces) -> None:
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
    if area >= TINY:
        layer.corner = _fit(layer, window, own, layer.centre is None)
    layer.move(layer.corner, 1.0)
    layer.reach(*box)
    state[own] = 1
    layer.learn(window.image, state, window.corner, _ALONE)
    whole = box[0] > 0 and box[1] > 0 and box[2] < frame.height and box[3] < frame.width
    if whole or area > layer.area:
        layer.area += max(0.1, 1.0 / layer.age) * (area - layer.area)
    layer.centre = centre
    layer.lost = layer.hidden = layer.parted = layer.nested = 0
    layer.solo += 1
    layer.visible = 1.0
    frame.labels[slices(reach, frame)][own] = layer.id


def share(scene: Scene, layers: list[Layer], blobs: list[int], frame: Pieces, judge: Judge) -> None:
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
        _nearest(layers, inside, part, frame)
        return
    mixture = mix(layers, Window(window.image, inside, window.corner))
    layers = unite(scene, layers, mixture, frame, window)
    layers = absorb(scene, layers, mixture)
    elsewhere = frame.foreground[part] & ~inside
    for k, layer in enumerate(layers):
        _follow(layer, mixture, k, window, elsewhere)
    ids = np.array([layer.id for layer in layers] + [0], np.int32)
    labels = ids[mixture.owner]
    frame.labels[part][inside] = labels[inside]
    part_ways(scene, layers, mixture, window, frame, judge)
    note_strays(layers, mixture, inside, window, frame)


def _follow(layer: Layer, mixture: Mixture, k: int, window: Window, elsewhere: Mask) -> None:
    """Learn from the pixels that a layer got, if it got any worth the name."""
    layer.centre = None
    layer.lost = 0
    seen = mixture.visible[k]
    if seen < max(2.0, _GLIMPSE * layer.area):
        layer.hidden += 1
        layer.velocity = layer.velocity * _SLOWING
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
    layer.learn(np.ascontiguousarray(window.image[part]), state, corner, _SHARED)


def _nearest(layers: list[Layer], inside: Mask, part: tuple[slice, slice], frame: Pieces) -> None:
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


def _fit(layer: Layer, window: Window, own: Mask, wide: bool) -> Integers:
    """Return the corner at which a template lies best on a piece that is its own."""
    from segment.grouping import kernels

    gain = np.where(own, np.float32(3.0), np.float32(-2.0))
    view = np.where(own, np.float32(0.5), np.float32(0))
    rows, columns = thin(layer.probes, 100).T
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
