"""Objects as layers: a mixture whose components are templates that move, fitted by EM."""

from collections.abc import Collection

import numpy as np

from segment.arrays import Image, Labels, Mask, like_before
from segment.feedback import Places
from segment.grouping.layer import Layer
from segment.grouping.needed import with_foreground
from segment.grouping.objects.beginning import begin_all
from segment.grouping.objects.following import follow_alone, share
from segment.grouping.objects.linking import clusters, one_to_one
from segment.grouping.objects.parting import claim_strays
from segment.grouping.objects.scene import Judge, Scene
from segment.grouping.objects.telling import Telling
from segment.grouping.pieces import Pieces
from segment.grouping.regions import whole

__all__ = ["ObjectGrouper"]


class ObjectGrouper:
    """The foreground is a mixture of layers: objects known by place, shape and colour, that move.

    Every object has a template: how likely it covers each pixel around it, its colours there,
    and a histogram of them. Where a piece of foreground is one object's alone, the template
    follows what is seen. Where several objects share a piece, EM parts it: templates are moved
    to where they explain the foreground and its colours best (M-step), ordered from front to
    back, and each pixel goes to the layer that is likeliest there (E-step, smoothed). What is
    hidden keeps its template, and comes out under its own id. What an object is, a judge says.

    Parameters
    ----------
    judge : who is asked; it serves this object alone.
    smallest : pieces of less than this area are background, pixels; 0 keeps all.
    patience : frames for which an object that is not seen keeps its id; one that is hidden by
        others keeps it for ten times as long.
    command : what messages call it.
    """

    def __init__(
        self, judge: Judge, smallest: int = 0, *, patience: int = 25, command: str = "group"
    ) -> None:
        self.judge = judge
        self.smallest = whole(smallest, "smallest", "pixels")
        self.command = command
        self.scene = Scene(whole(patience, "patience", "frames"))
        self._shape: tuple[int, ...] | None = None
        self._labels: Labels | None = None
        self._telling = Telling()

    def group(self, image: Image, foreground: Mask | None) -> Labels:
        """Return labels (H, W) int32 of the next frame, 0 outside `foreground`.

        Raises MissingForeground without a mask, and ValueError for one of another size.
        """
        foreground = with_foreground(image, foreground, self.command)
        self._shape = like_before("image", image.shape, self._shape)
        scene = self.scene
        frame = Pieces(np.ascontiguousarray(image), foreground, self.smallest)
        for layer in scene.layers:
            layer.predict()
        scene.newborn = []
        for layers, blobs in clusters(scene, frame):
            self._settle(layers, blobs, frame)
        claim_strays(scene, frame)
        self.judge.begin(scene, frame)
        begin_all(scene, frame)
        scene.drop(frame.height, frame.width)
        self.judge.end(scene, frame)
        scene.number += 1
        self._labels = frame.labels
        return frame.labels

    def places(self, objects: Collection[int] | None = None, ahead: int = 4) -> Places:
        """Return what the last frame's objects say of places, `ahead` frames later.

        objects : labels that are objects; None is whoever was seen for long. Once a frame.
        Raises ValueError before the first frame.
        """
        if self._labels is None:
            raise ValueError("there are no objects before the first frame; call group first")
        return self._telling.tell(self.scene, self._labels, objects, ahead)

    def _settle(self, layers: list[Layer], blobs: list[int], frame: Pieces) -> None:
        """Say what becomes of a cluster."""
        if not blobs:
            for layer in layers:
                layer.lost += 1
                layer.centre = None
        elif not layers:
            frame.births += blobs
        elif len(layers) == 1 and len(blobs) == 1:
            self._alone(layers[0], blobs[0], frame)
        elif pairs := one_to_one(layers, blobs, frame):
            for layer, blob in pairs:
                self._alone(layer, blob, frame)
        else:
            share(self.scene, layers, blobs, frame, self.judge)
            self.judge.review_together(self.scene, {layer.id for layer in layers}, blobs, frame)

    def _alone(self, layer: Layer, blob: int, frame: Pieces) -> None:
        follow_alone(layer, blob, frame)
        self.judge.review_alone(self.scene, layer, blob, frame)
