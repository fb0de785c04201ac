"""Labels of a grouper into ids of objects, frame after frame."""

from collections.abc import Sequence

import numpy as np

from segment.arrays import Image, Labels, check_image, check_labels
from segment.grouping.pieces import histogram
from segment.grouping.tracks.decider import Decider, Evidence
from segment.grouping.tracks.track import Sighting
from segment.objects import objects_of
from segment.turns import one_at_a_time

__all__ = ["TrackNamer"]


@one_at_a_time("take", "name")
class TrackNamer:
    """Gives ids to what has proved to be an object; candidates, scraps and flutter are 0.

    Which labels are objects is decided by `Decider`, from their tracks: how long they were seen,
    how far they went by their size, how large they are by what is usual at their place in this
    video, and whether they are parts of others. Parts get the id of the whole.

    Parameters
    ----------
    rate : frames a second.
    evidence : how much is wanted.

    `take` every frame in turn; `name` it at once, or some frames later, when more is known: an
    object then has its id from the beginning. Ids begin at 1, in the order in which objects are
    decided, and are never given twice. The same input gives the same ids.
    """

    def __init__(self, rate: float = 25.0, *, evidence: Evidence | None = None) -> None:
        if not 0 < rate < float("inf"):
            raise ValueError(f"rate is {rate}, wanted frames a second, above 0")
        self.rate = float(rate)
        self.evidence = evidence
        self._decider: Decider | None = None

    def take(self, image: Image, labels: Labels) -> Sequence[Sighting]:
        """Take in the next frame's labels (H, W) int32; return what `name` wants of it."""
        check_image(image)
        check_labels(labels, image.shape[:2])
        height, width = labels.shape
        if self._decider is None:
            self._decider = Decider(height, width, self.rate, self.evidence)
        elif (height, width) != (self._decider.height, self._decider.width):
            raise ValueError(
                f"labels are {labels.shape}, but the frames before were "
                f"{(self._decider.height, self._decider.width)}; begin a new sequence with a new "
                "object"
            )
        seen = [
            Sighting(
                thing.id,
                (thing.y, thing.x, thing.y + thing.height, thing.x + thing.width),
                thing.area,
                histogram(
                    image[thing.y : thing.y + thing.height, thing.x : thing.x + thing.width][
                        thing.mask
                    ]
                ),
            )
            for thing in objects_of(labels)
        ]
        self._decider.take(seen)
        return seen

    def name(self, labels: Labels, seen: Sequence[Sighting]) -> Labels:
        """Return the labels of a frame, of which `take` has returned `seen`, as ids of objects."""
        if self._decider is None:
            raise ValueError("no frame was taken in; call take before name")
        named = np.zeros_like(labels)
        for number, found in self._decider.names(seen).items():
            if found:
                box = next(one.box for one in seen if one.id == number)
                part = np.s_[box[0] : box[2], box[1] : box[3]]
                named[part][labels[part] == number] = found
        return named
