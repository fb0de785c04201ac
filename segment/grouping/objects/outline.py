"""A judge that goes by outlines alone."""

from segment.arrays import Mask
from segment.grouping.layer import Layer
from segment.grouping.objects.scene import Scene
from segment.grouping.pieces import Pieces
from segment.grouping.sharing import Window

__all__ = ["ByOutline"]


class ByOutline:
    """What is new is parted at its waists, what has come off a layer goes, nothing is reviewed."""

    def begin(self, scene: Scene, frame: Pieces) -> None:
        """Leave all that is new to its outline."""

    def goes(
        self, scene: Scene, layer: Layer, piece: Mask, own: Mask, window: Window, frame: Pieces
    ) -> bool:
        """Whether a piece is an object of its own: by now it is."""
        return True

    def review_alone(self, scene: Scene, layer: Layer, blob: int, frame: Pieces) -> None:
        """Think nothing."""

    def review_together(
        self, scene: Scene, numbers: set[int], blobs: list[int], frame: Pieces
    ) -> None:
        """Think nothing."""

    def end(self, scene: Scene, frame: Pieces) -> None:
        """Keep nothing."""
