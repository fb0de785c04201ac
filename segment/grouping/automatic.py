"""Which grouper frames want: objects that move where there are masks, whole pictures without."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from segment import pipeline
from segment.arrays import Labels
from segment.feedback import Told
from segment.frame import Frame
from segment.grouping.mixture import MixtureGrouper
from segment.grouping.neural import NeuralGrouper
from segment.grouping.tracks.decider import Evidence
from segment.grouping.tracks.naming import TrackNamer

__all__ = ["group"]

log = logging.getLogger("segment.grouping")


def group(
    frames: Iterable[Frame],
    *,
    delay: float = 0.8,
    number: int | None = None,
    largest: int | None = None,
    arenas: Labels | None = None,
    candidates: bool = False,
    told: Told | None = None,
    **options: Any,
) -> Iterator[Frame]:
    """Give every frame the labels of its objects, with ids that last.

    Where the first frame has a foreground mask, objects are told apart by `NeuralGrouper` and
    followed while they touch and hide each other; `TrackNamer` says which of them are objects.
    Without masks whole pictures are grouped by colour and texture, by `MixtureGrouper`.

    Parameters
    ----------
    frames : of one sequence.
    delay : seconds that a frame waits, so that an object has its id from where it began; 0 for
        live use.
    number : how many objects there are, in every arena; None where nobody knows.
    largest : pixels; what has more of them is no object, as a change of light. None: no limit.
    arenas : (H, W) int32, which arena a pixel is in, from 1; 0 is outside of all.
    candidates : give an id to all that is followed: flutter, scraps and parts of objects, too.
    told : what brings back to a subtractor what objects say of places, see `pipeline.joint`.
    options : of `NeuralGrouper`: smallest, patience, model, device. Of these pictures without
        masks take the patience; what else is asked for plays no part there.

    Raises ValueError for candidates with a number, a largest size or arenas, which are of objects;
    and what the groupers raise.
    """
    if candidates and not (number is None and largest is None and arenas is None):
        raise ValueError("candidates are no objects yet: leave out number, largest and arenas")
    first, frames = pipeline.peek(frames)
    if first is None:
        return frames
    name = first.sequence.name
    if first.foreground is None:
        if first.sequence.length == 1:
            log.info(
                "%s is one picture, in which nothing moves: its groups are what looks alike and "
                "lies together, as by group-mixture",
                name,
            )
        else:
            log.warning(
                "%s has no foreground masks: groups are what looks alike and lies together in "
                "whole pictures, as by group-mixture; put subtract before group for what moves",
                name,
            )
        kept = {key: options[key] for key in ("patience",) if key in options}
        return pipeline.group(frames, MixtureGrouper(**kept))
    grouper = NeuralGrouper(**options)
    grouped = pipeline.group(frames, grouper)
    if candidates:
        return grouped
    rate = float(first.sequence.rate)
    evidence = None if largest is None else Evidence(largest=largest)
    namer = TrackNamer(rate, number=number, arenas=arenas, evidence=evidence)
    return pipeline.decide(grouped, namer, delay=round(delay * rate), told=told, grouper=grouper)
