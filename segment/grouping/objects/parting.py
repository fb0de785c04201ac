"""Parts that go apart, and foreground among layers that nobody explains."""

import numpy as np

from segment.arrays import Mask
from segment.grouping.layer import Layer
from segment.grouping.objects.beginning import begin
from segment.grouping.objects.joining import stacked
from segment.grouping.objects.linking import likeness
from segment.grouping.objects.scene import TINY, Judge, Scene
from segment.grouping.pieces import Pieces, gap, histogram
from segment.grouping.sharing import Mixture, Window
from segment.masks import box_of

__all__ = ["claim_strays", "note_strays", "part_ways"]

_FRAGMENT = 0.2  # of the largest piece: what is smaller is no object of its own
_AWAY = 0.3  # of its diameter: a piece so far from the rest has gone
_ABOVE, _BESIDE, _OLD = 25, 4, 15  # frames in pieces after which one is several, by how they lie
_STRAY = 0.3  # of the layers' median area: foreground that nobody explains, and so large
_EXCESS = 4  # frames for which that lasts before somebody begins there


def part_ways(
    scene: Scene, layers: list[Layer], mixture: Mixture, window: Window, frame: Pieces, judge: Judge
) -> None:
    """Let pieces go that have come off a layer for good."""
    from segment.grouping import kernels

    y, x = window.corner
    height, width = mixture.owner.shape
    pieces = frame.pieces[y : y + height, x : x + width]
    table = np.empty((len(layers), frame.count + 1), np.intp)
    kernels.count_pieces(mixture.owner, pieces, table)
    for k, layer in enumerate(layers):
        numbers = np.flatnonzero(table[k])
        if len(numbers) < 2:
            layer.parted = 0
            continue
        areas = table[k, numbers]
        main = int(areas.argmax())
        parted = False
        for number, area in zip(numbers.tolist(), areas.tolist(), strict=True):
            if number == numbers[main] or area < max(TINY, _FRAGMENT * areas[main]):
                continue
            # A piece of several is no fragment of this one.
            far = gap(frame.box(numbers[main] - 1), frame.box(number - 1))
            away = far / (1.0 + 1.13 * np.sqrt(area))
            parted = True
            # What is above one another is more often one than what is side by side.
            patient = (
                _ABOVE if stacked(frame.box(numbers[main] - 1), frame.box(number - 1)) else _BESIDE
            )
            patient = max(patient, _OLD if layer.age >= 25 else 0)
            if away < _AWAY and layer.parted < patient:
                continue
            own = mixture.owner == k
            piece = own & (pieces == number)
            if judge.goes(scene, layer, piece, own, window, frame):
                _leave(scene, layer, piece, window, frame)
        layer.parted = layer.parted + 1 if parted else 0


def _leave(scene: Scene, layer: Layer, piece: Mask, window: Window, frame: Pieces) -> None:
    """Make a piece that a layer holds an object of its own."""
    top, left, bottom, right = box_of(piece)
    corner = (window.corner[0] + top, window.corner[1] + left)
    child = begin(scene, piece[top:bottom, left:right], corner, frame)
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


def note_strays(
    layers: list[Layer],
    mixture: Mixture,
    inside: Mask,
    window: Window,
    frame: Pieces,
) -> None:
    """Remember large parts of the foreground that no layer explains."""
    import cv2

    if np.count_nonzero(mixture.stray) < TINY:
        return
    least = max(TINY, _STRAY * float(np.median([layer.area for layer in layers])))
    stray = mixture.stray.view(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(stray, connectivity=4)
    for n in range(1, count):
        if stats[n, cv2.CC_STAT_AREA] >= least:
            frame.strays.append((pieces == n, window, layers))


def claim_strays(scene: Scene, frame: Pieces) -> None:
    """Give what nobody explains to those who are hidden or lost, or to somebody new."""
    gone = [layer for layer in scene.layers if layer.lost or layer.hidden > 1]
    for mask, window, layers in frame.strays:
        top, left, bottom, right = box_of(mask)
        corner = (window.corner[0] + top, window.corner[1] + left)
        piece = mask[top:bottom, left:right]
        part = np.s_[corner[0] : corner[0] + piece.shape[0], corner[1] : corner[1] + piece.shape[1]]
        centre = np.array(corner) + np.argwhere(piece).mean(0)
        colours = histogram(frame.image[part][piece])
        best, least = None, 0.8
        for layer in gone:
            far = float(np.sqrt(((layer.expected - centre) ** 2).sum()))
            reach = 2.0 + layer.size * (0.75 + 0.06 * min(25, max(layer.lost, layer.hidden)))
            unlike = 1 - likeness(layer.histogram, colours)
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
        if beside.excess >= _EXCESS:
            beside.excess = 0
            begin(scene, piece, corner, frame)
    for layer in scene.layers:
        layer.excess = layer.excess + 1 if layer.stray else 0
        layer.stray = False
