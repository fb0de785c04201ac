"""Objects told by their outlines: layers that move."""

from collections.abc import Collection

from segment.arrays import Image, Labels, Mask
from segment.feedback import Places
from segment.grouping.layer import Layer
from segment.grouping.objects.grouper import ObjectGrouper
from segment.grouping.objects.outline import ByOutline
from segment.turns import one_at_a_time

__all__ = ["MovingLayers"]


@one_at_a_time("group", "places")
class MovingLayers:
    """Objects as layers that move, `ObjectGrouper`; what is one object, its outline says.

    A new piece of foreground is one object until parts of it go apart, unless a watershed parts
    it at once: at slight waists between compact parts, as balls and boxes are, else at narrow
    ones only, since people and animals have limbs. A fragment stays with its object until it is
    clearly away, and comes back to it if they have moved as one.

    Parameters
    ----------
    smallest : pieces of less than this area are background, pixels; 0 keeps all.
    patience : frames for which an object that is not seen keeps its id; one that is hidden by
        others keeps it for ten times as long.

    Within a frame, an object's pixels need not be connected. Ids begin at 1, follow reading
    order within a frame in which objects appear, and are never given twice. One object serves
    one sequence, and frames are taken to be evenly spaced. Memory holds the templates of the
    objects seen within ten times `patience` frames. The same input gives the same ids.

    Sources: Jojic & Frey, Learning flexible sprites in video layers, CVPR 2001 (layers with
    masks, by EM); Dempster, Laird & Rubin, JRSS B 39, 1977.
    """

    def __init__(self, smallest: int = 0, *, patience: int = 25) -> None:
        self.smallest = smallest
        self.patience = patience
        self._objects = ObjectGrouper(
            ByOutline(), smallest, patience=patience, command="group-layers"
        )

    # Handed on to what does it, as NeuralGrouper does: who calls finds each class's own words.

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
