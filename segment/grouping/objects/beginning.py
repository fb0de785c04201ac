"""Where layers begin: what foreground that belongs to nobody is."""

import numpy as np

from segment.arrays import Mask
from segment.grouping.layer import Layer, born
from segment.grouping.objects.scene import TINY, Scene
from segment.grouping.pieces import Box, Pieces
from segment.grouping.watershed import Watershed
from segment.masks import box_of

__all__ = [
    "anew",
    "begin",
    "begin_all",
    "begin_compact",
    "begin_part",
    "is_compact",
]

_SLIGHT, _STRONG = Watershed(1.05), Watershed(1.5)  # how much wider than its waist a bulge is
_COMPACT = 0.9  # least share of its convex hull that a compact thing fills
_CRUMB = 0.1  # of its area: what is beside something larger and less than this, is its crumb
_BESIDE = 0.15  # of its diameter: how far from a layer its crumbs lie


def begin_all(scene: Scene, frame: Pieces) -> None:
    """Let what belongs to nobody be born, but for the crumbs of those who are near."""
    if not frame.births:
        return
    boxes = [frame.box(blob) for blob in frame.births]
    areas = frame.area[frame.births]
    near = [layer for layer in scene.layers if not layer.lost]
    around = np.array([layer.box for layer in near] + boxes).reshape(-1, 4)
    sizes = np.array([layer.area for layer in near] + areas.tolist())
    old = np.array([True] * len(near) + [False] * len(boxes))
    adopted: list[tuple[int, int]] = []
    for n, (blob, box) in enumerate(zip(frame.births, boxes, strict=True)):
        down = np.maximum(around[:, 0] - box[2], box[0] - around[:, 2])
        right = np.maximum(around[:, 1] - box[3], box[1] - around[:, 3])
        gap = np.hypot(np.maximum(down, 0), np.maximum(right, 0))
        gap[len(near) + n] = np.inf
        beside = gap <= 1.5 + _BESIDE * 1.13 * np.sqrt(sizes)
        larger = beside & (areas[n] < _CRUMB * sizes) & (sizes >= 2 * TINY)
        if larger.any():
            adopted.append((blob, int(np.where(larger, sizes, 0).argmax())))
            continue
        beside &= old
        for layer in _begin_piece(scene, blob, frame):
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
            number = int(found[0]) if found[0] else next(scene.ids)
        frame.labels[part][mask] = number


def _begin_piece(scene: Scene, blob: int, frame: Pieces) -> list[Layer]:
    """Begin a layer for a piece, or several where it is parted by narrow waists."""
    box = top, left, bottom, right = frame.box(blob)
    mask = frame.pieces[top:bottom, left:right] == blob + 1
    parts = _parts(mask, frame.area[blob], frame.at_border(box))
    return [begin_part(scene, part, box, frame) for part in parts]


def begin_part(scene: Scene, mask: Mask, box: Box, frame: Pieces) -> Layer:
    """Begin a layer for some pixels (h, w) of a box."""
    top, left, bottom, right = box_of(mask)
    return begin(scene, mask[top:bottom, left:right], (box[0] + top, box[1] + left), frame)


def begin(scene: Scene, mask: Mask, corner: tuple[int, int], frame: Pieces) -> Layer:
    """Begin a layer for pixels `mask` (h, w) of the frame, whose first one is at `corner`."""
    height, width = mask.shape
    part = np.s_[corner[0] : corner[0] + height, corner[1] : corner[1] + width]
    layer = born(next(scene.ids), np.ascontiguousarray(mask), corner, frame.image[part])
    frame.labels[part][mask] = layer.id
    scene.newborn.append(layer)
    return layer


def begin_compact(scene: Scene, blob: int, frame: Pieces) -> bool:
    """Part a new piece that is nothing but compact things, which needs no network."""
    box = frame.box(blob)
    part = np.s_[box[0] : box[2], box[1] : box[3]]
    parts = compact_parts(frame.pieces[part] == blob + 1, frame.area[blob])
    if len(parts) < 2 or frame.at_border(box):
        return False
    for piece in parts:
        begin_part(scene, piece, box, frame)
    return True


def anew(scene: Scene, layer: Layer, frame: Pieces) -> Layer:
    """Make a young layer's template anew from what is labelled as its own."""
    own = frame.labels == layer.id
    top, left, bottom, right = box_of(own)
    inner, corner = np.s_[top:bottom, left:right], (top, left)
    image = np.ascontiguousarray(frame.image[inner])
    fresh = born(layer.id, np.ascontiguousarray(own[inner]), corner, image)
    fresh.velocity, fresh.over = layer.velocity, layer.over
    fresh.origin, fresh.offset = layer.origin, layer.offset
    fresh.age = max(1, layer.age)
    scene.layers = [fresh if one is layer else one for one in scene.layers]
    return fresh


def _parts(mask: Mask, area: float, entering: bool) -> list[Mask]:
    """Part a new piece at its waists: at slight ones only if all the parts are compact.

    Compact things that touch have such waists, and so have arms, legs and necks. What comes
    in over the border shows a part of itself, and that may be compact by chance.
    """
    if area < 3 * TINY:
        return [mask]
    if not entering:
        parts = compact_parts(mask, area)
        if len(parts) > 1:
            return parts
    return _cut(_STRONG, mask, area)


def compact_parts(mask: Mask, area: float) -> list[Mask]:
    """Part a piece at slight waists, if all the parts are compact; else it stays whole."""
    parts = _cut(_SLIGHT, mask, area)
    return parts if all(is_compact(part) for part in parts) else [mask]


def _cut(watershed: Watershed, mask: Mask, area: float) -> list[Mask]:
    bulges = watershed.bulges(mask, int(area))
    return [mask & (bulges == n) for n in range(1, int(bulges.max()) + 1)]


def is_compact(part: Mask) -> bool:
    """Whether a mask fills nine tenths of its convex hull, as balls and boxes do."""
    import cv2

    points = np.argwhere(part)[:, ::-1]
    hull = cv2.convexHull(points.astype(np.int32))
    # The hull goes through the pixels' middles; half a pixel of its outline is missing.
    whole = cv2.contourArea(hull) + 0.5 * cv2.arcLength(hull, closed=True) + 1.0
    return len(points) >= TINY and len(points) >= _COMPACT * whole
