"""Objects told by Neural EM: layers that move, and a trained network that is asked about them."""

from collections.abc import Collection

from segment.arrays import Image, Labels, Mask
from segment.feedback import Places
from segment.grouping.layer import Layer
from segment.grouping.objects.grouper import ObjectGrouper
from segment.grouping.objects.network import MODEL, ByNetwork
from segment.turns import one_at_a_time

__all__ = ["NeuralGrouper"]


@one_at_a_time("group", "places")
class NeuralGrouper:
    """Objects as layers that move, `ObjectGrouper`; what is one object, a network says.

    What new foreground is, is not judged by its outline: seeded EM, trained on drawn crowds, looks
    at a window on it and what is near, with its colours and its motion, and parts it into objects:
    several new ones, one, or a fragment of one that is known. It is asked again before a fragment
    leaves its object. Foreground that is one object's alone, or shared by known ones, is looked at
    now and then only.

    Parameters
    ----------
    smallest, patience : as of `MovingLayers`.
    model : a name of `segment.neural.names()`, or a folder that holds the weights.
    device : where the network runs: "auto", "cpu", "cuda" or "cuda:N".

    Ids and memory are as of `MovingLayers`; four pictures are kept, too. The same input gives
    the same ids on one machine. Raises `segment.errors.SegmentError` for a model that is not
    there or of another kind, with the first frame that needs it.
    """

    def __init__(
        self,
        smallest: int = 0,
        *,
        patience: int = 25,
        model: str = MODEL,
        device: str = "auto",
    ) -> None:
        self.smallest = smallest
        self.patience = patience
        self.model = model
        self.device = device
        self._objects = ObjectGrouper(ByNetwork(model, device), smallest, patience=patience)

    # Handed on to what does it, as MovingLayers does: who calls finds each class's own words.

    @property
    def layers(self) -> list[Layer]:
        """The objects that are known."""
        return self._objects.scene.layers

    def group(self, image: Image, foreground: Mask | None) -> Labels:
        """Return labels (H, W) int32 of the next frame, 0 outside `foreground`.

        Raises MissingForeground without a mask, and ValueError for one of another size.
        """
        return self._objects.group(image, foreground)

    def places(self, objects: Collection[int] | None = None, ahead: int = 4) -> Places:
        """Return what the last frame's objects say of places, `ahead` frames later: feedback.

        objects : labels that are objects; None is whoever was seen for long. Once a frame.
        Raises ValueError before the first frame.
        """
        return self._objects.places(objects, ahead)
