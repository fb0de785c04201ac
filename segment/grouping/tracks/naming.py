"""Labels of a grouper into ids of objects, frame after frame."""

import itertools
from collections.abc import Sequence

import numpy as np

from segment.arrays import Image, Labels, check_image, check_labels
from segment.grouping.pieces import histogram
from segment.grouping.tracks.decider import Decider, Evidence
from segment.grouping.tracks.track import Sighting
from segment.objects import objects_of
from segment.turns import one_at_a_time

__all__ = ["TrackNamer"]


@one_at_a_time("take", "name", "objects", "reunions")
class TrackNamer:
    """Gives ids to what has proved to be an object; candidates, scraps and flutter are 0.

    Which labels are objects is decided by `Decider`, from their tracks: how long they were seen,
    how far they went by their size, how large they are by what is usual at their place in this
    video, and whether they are parts of others. Parts get the id of the whole.

    Parameters
    ----------
    rate : frames a second.
    evidence : how much is wanted.
    number : how many objects there are, None where nobody knows. Animals in a cage are always
        so many: there are then never more ids, and who comes anew is one who was out of sight.
    arenas : (H, W) int32, which arena a pixel is in, from 1; 0 is outside, where nothing is an
        object. Each has objects of its own, `number` of them, and no id goes from one to another.

    `take` every frame in turn; `name` it at once, or some frames later, when more is known: an
    object then has its id from the beginning. Ids begin at 1, in the order in which objects are
    decided, and are never given twice. The same input gives the same ids.
    """

    def __init__(
        self,
        rate: float = 25.0,
        *,
        evidence: Evidence | None = None,
        number: int | None = None,
        arenas: Labels | None = None,
    ) -> None:
        if not 0 < rate < float("inf"):
            raise ValueError(f"rate is {rate}, wanted frames a second, above 0")
        if number is not None and number < 1:
            raise ValueError(f"number is {number}, wanted how many objects there are, at least 1")
        if arenas is not None:
            check_labels(arenas, arenas.shape)
        self.rate = float(rate)
        self.number = number
        self.evidence = evidence
        self.arenas = arenas
        self._ids = itertools.count(1)
        self._deciders: list[Decider] = []
        self._shape: tuple[int, ...] | None = None
        self._seen: list[list[Sighting]] = []

    def take(self, image: Image, labels: Labels) -> list[list[Sighting]]:
        """Take in the next frame's labels (H, W) int32; return what `name` wants of it.

        Raises ValueError for labels of another size than the image, the frames before, the arenas.
        """
        check_image(image)
        check_labels(labels, image.shape[:2])
        if self._shape is None:
            self._begin(labels.shape)
        elif labels.shape != self._shape:
            raise ValueError(
                f"labels are {labels.shape}, but the frames before were {self._shape}; begin a "
                "new sequence with a new object"
            )
        seen: list[list[Sighting]] = [[] for _ in self._deciders]
        for thing in objects_of(labels):
            part = np.s_[thing.y : thing.y + thing.height, thing.x : thing.x + thing.width]
            arena = 1
            if self.arenas is not None:
                arena = int(np.bincount(self.arenas[part][thing.mask]).argmax())
            if arena:
                box = (thing.y, thing.x, thing.y + thing.height, thing.x + thing.width)
                colours = histogram(image[part][thing.mask])
                seen[arena - 1].append(Sighting(thing.id, box, thing.area, colours))
        for decider, sightings in zip(self._deciders, seen, strict=True):
            decider.take(sightings)
        self._seen = seen
        return seen

    def objects(self) -> set[int]:
        """Return the labels of the last frame taken in that are objects, or parts of them, by now.

        Raises nothing: before the first frame there are none.
        """
        return {
            label
            for decider, sightings in zip(self._deciders, self._seen, strict=True)
            for label, number in decider.names(sightings).items()
            if number
        }

    def reunions(self) -> list[tuple[int, int, float]]:
        """Return where an id was given by looks and place rather than by being followed.

        Frame, counted from 0 in what was taken in, id, and confidence in (0, 1], by frames: of
        who came back, and of who was exchanged after a crossing; the last thousand. Where an id
        may be wrong, look there first. Raises nothing: before the first frame there are none.
        """
        return sorted(one for decider in self._deciders for one in decider.roster.reunions)

    def _begin(self, shape: tuple[int, ...]) -> None:
        if self.arenas is not None and self.arenas.shape != shape:
            raise ValueError(f"arenas are {self.arenas.shape}, but the labels are {shape}")
        self._shape = shape
        number = 1 if self.arenas is None else int(self.arenas.max())
        self._deciders = [
            Decider(shape[0], shape[1], self.rate, self.evidence, self.number, self._ids)
            for _ in range(number)
        ]

    def name(self, labels: Labels, seen: Sequence[Sequence[Sighting]]) -> Labels:
        """Return the labels of a frame, of which `take` has returned `seen`, as ids of objects."""
        if self._shape is None:
            raise ValueError("no frame was taken in; call take before name")
        named = np.zeros_like(labels)
        for decider, sightings in zip(self._deciders, seen, strict=True):
            found = decider.names(sightings)
            for one in sightings:
                if found[one.id]:
                    part = np.s_[one.box[0] : one.box[2], one.box[1] : one.box[3]]
                    named[part][labels[part] == one.id] = found[one.id]
        return named
