"""What is known of a scene from frame to frame, and whom it asks what an object is."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from segment.arrays import Mask
from segment.grouping.layer import Layer
from segment.grouping.pieces import Pieces
from segment.grouping.sharing import Window

__all__ = ["TINY", "YOUNG", "Judge", "Scene"]

YOUNG = 5  # frames before an object counts as more than a speck or a fragment
TINY = 16  # pixels below which there is no shape to speak of
_HIDDEN = 10  # times `patience` for which one that is hidden by others keeps its id
_SPECK = 5  # times less `patience` has a speck


@dataclass(slots=True)
class Scene:
    """Objects that are followed, frame after frame.

    Attributes
    ----------
    patience : frames for which an object that is not seen keeps its id.
    layers : the objects known from the frames before.
    newborn : those that begin in this frame.
    number : of the frame, from 0.
    ids : the numbers that are not given yet.
    """

    patience: int
    layers: list[Layer] = field(default_factory=list)
    newborn: list[Layer] = field(default_factory=list)
    number: int = 0
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def drop(self, height: int, width: int) -> None:
        """Give up those that have gone unseen for too long, and take the newborn in."""
        alive = []
        for layer in self.layers:
            top, left, bottom, right = layer.box
            outside = top >= height or left >= width or bottom <= 0 or right <= 0
            known = layer.age >= YOUNG
            longest = _HIDDEN * self.patience if known else self.patience
            patience = self.patience if known else self.patience // _SPECK
            if layer.lost > patience or layer.hidden > longest or (layer.lost and outside):
                continue
            alive.append(layer)
        self.layers = alive + self.newborn


class Judge(Protocol):
    """Says what one object is. Each method may change the scene and the frame's labels."""

    def begin(self, scene: Scene, frame: Pieces) -> None:
        """Make objects of `frame.births`; what stays in there begins by its outline."""
        ...

    def goes(
        self, scene: Scene, layer: Layer, piece: Mask, own: Mask, window: Window, frame: Pieces
    ) -> bool:
        """Whether a piece that is away from the rest of a layer is an object of its own.

        `piece` and `own`, all that the layer has, are (H, W) bool of the window.
        """
        ...

    def review_alone(self, scene: Scene, layer: Layer, blob: int, frame: Pieces) -> None:
        """Think again about a layer that has a piece to itself."""
        ...

    def review_together(
        self, scene: Scene, numbers: set[int], blobs: list[int], frame: Pieces
    ) -> None:
        """Think again about layers, by their ids, that share some pieces."""
        ...

    def end(self, scene: Scene, frame: Pieces) -> None:
        """Take leave of a frame: forget who is gone, keep what is needed of it."""
        ...
