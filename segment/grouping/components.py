"""Connected pieces of foreground as objects."""

import operator

import numpy as np

from segment.arrays import Image, Labels, Mask
from segment.grouping.identity import IdentityTracker
from segment.grouping.needed import with_foreground
from segment.turns import one_at_a_time


@one_at_a_time("group")
class ConnectedComponents:
    """Every 8-connected piece of foreground is an object, and keeps its id while it is followed.

    Parameters
    ----------
    smallest : pieces of less than this area are background, pixels; 0 keeps all.
    patience : frames for which an object that is not seen keeps its id; see `IdentityTracker`.

    Within a frame, two pieces never share an id. The same id in another frame is the same object
    as far as `IdentityTracker` can tell; ids begin at 1 and are never given twice. Within a first
    frame they follow reading order. One object serves one sequence.
    """

    def __init__(self, smallest: int = 0, *, patience: int = 25) -> None:
        try:
            self.smallest = operator.index(smallest)
        except TypeError:
            raise TypeError(f"smallest is {smallest!r}, wanted a whole number of pixels") from None
        if self.smallest < 0:
            raise ValueError(f"smallest is {smallest} pixels, wanted 0 or more")
        self._tracker = IdentityTracker(patience=patience)

    def group(self, image: Image, foreground: Mask | None) -> Labels:
        """Return labels (H, W) int32 of the next frame, 0 outside `foreground`.

        Raises MissingForeground without a mask, and ValueError for one of another size.
        """
        foreground = with_foreground(image, foreground, "group-components")
        return self._tracker.update(_components(foreground, self.smallest), image)


def _components(mask: Mask, smallest: int) -> Labels:
    import cv2

    view = np.ascontiguousarray(mask).view(np.uint8)
    count, found = cv2.connectedComponents(view, connectivity=8)
    labels = np.asarray(found, np.int32)
    if smallest > 1 and count > 1:
        members = labels[mask]
        keep = np.bincount(members, minlength=count) >= smallest
        labels[mask] = np.where(keep[members], members, 0)
    return labels
