"""What layers say of places: where objects are expected, and where there never were any."""

from collections.abc import Collection

import numpy as np

from segment.arrays import Labels, Mask
from segment.feedback import CELL, Places
from segment.grouping.layer import Layer, Plane
from segment.grouping.objects.scene import Scene

__all__ = ["Telling"]

_MORE = 0.5  # so much more sensitive it is where an object is for certain
_LESS = 0.4  # and so much less where foreground was never an object
_MEMORY = 500  # frames over which it is counted what became of foreground
_OBJECTS = 4.0  # an object counts for so much more than what became none
_DOUBT = 0.02  # share of frames below which foreground that is no object says little
_TRIED = 25  # frames after which foreground that is no object counts as none
_SLOW = 0.02  # of its size that one moves a frame who stands
_STAYS = 1500  # frames for which one who stands is kept from the background
_SETTLED = 25  # frames after which it is known where it stands


class Telling:
    """Counts for every square of the picture what became of foreground there."""

    def __init__(self) -> None:
        self._counts: Plane | None = None
        self._stood: dict[int, tuple[int, Mask]] = {}

    def tell(
        self, scene: Scene, labels: Labels, objects: Collection[int] | None, ahead: int
    ) -> Places:
        """Return what a frame says of places, `ahead` frames later.

        labels (H, W) int32 of the frame; of these, `objects` are objects; None: whoever is old.
        """
        if objects is None:
            objects = {layer.id for layer in scene.layers if layer.age >= _TRIED}
        cells = labels[::CELL, ::CELL]
        sensitivity = self._count(scene, cells, objects)
        standing, nowhere = np.zeros((2, *cells.shape), np.bool_)
        stood: dict[int, tuple[int, Mask]] = {}
        for layer in scene.layers:
            if layer.id not in objects or layer.lost or layer.hidden:
                continue
            self._lay(layer, ahead, sensitivity)
            if float(np.hypot(*layer.velocity)) < _SLOW * layer.size:
                frames, place = self._stood.get(layer.id, (0, nowhere))
                # All that it ever stood on: what is learned at its edges makes it smaller.
                place = place | _wider(cells == layer.id) if frames < _SETTLED else place
                stood[layer.id] = frames + 1, place
                if frames < _STAYS:
                    standing |= place
        self._stood = stood
        return Places(sensitivity, standing)

    def _count(self, scene: Scene, cells: Labels, objects: Collection[int]) -> Plane:
        """Count foreground that is an object, and foreground that had the time to be one."""
        if self._counts is None:
            self._counts = np.zeros((2, *cells.shape), np.float32)
        most = int(cells.max(initial=0)) + 1
        good, bad = np.zeros((2, most), np.float32)
        known = np.fromiter(objects, np.intp, len(objects))
        good[known[known < most]] = 1
        tried = [layer.id for layer in scene.layers if layer.age >= _TRIED and layer.id < most]
        bad[tried] = 1
        bad[good > 0] = 0
        self._counts += np.float32(1 / _MEMORY) * (
            np.stack([good[cells], bad[cells]]) - self._counts
        )
        good, bad = self._counts
        none = bad / (bad + np.float32(_OBJECTS) * good + np.float32(_DOUBT))
        sensitivity: Plane = 1 - np.float32(_LESS) * none
        return sensitivity

    def _lay(self, layer: Layer, ahead: int, sensitivity: Plane) -> None:
        """Lay a template down where it will be, with its holes filled."""
        at = np.floor(layer.place + layer.velocity * ahead + 0.5).astype(np.intp)
        height, width = layer.shape.shape
        first = np.maximum(-(-at // CELL), 0)
        end = at + np.array([height, width])
        last = np.minimum(-(-end // CELL), sensitivity.shape)
        if (first >= last).any():
            return
        top, left = first * CELL - at
        part = np.s_[first[0] : last[0], first[1] : last[1]]
        likely = _filled(layer.shape[top::CELL, left::CELL])
        likely = likely[: last[0] - first[0], : last[1] - first[1]]
        np.maximum(sensitivity[part], 1 + np.float32(_MORE) * likely, out=sensitivity[part])


def _wider(mask: Mask) -> Mask:
    import cv2

    wider: Mask = cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
    return wider


def _filled(likely: Plane) -> Plane:
    """Fill what is enclosed from all four sides, as much as the least of these sides."""
    sides = []
    for axis in (0, 1):
        back = np.flip(likely, axis)
        sides.append(np.maximum.accumulate(likely, axis))
        sides.append(np.flip(np.maximum.accumulate(back, axis), axis))
    filled: Plane = np.minimum.reduce(sides)
    return filled
