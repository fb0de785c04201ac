"""The record that travels: one frame of a sequence, and what the stages found in it."""

from dataclasses import dataclass
from fractions import Fraction

from segment.arrays import Image, Labels, Mask
from segment.events.records import Event, Scene


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """What is the same for every frame of a sequence.

    Attributes
    ----------
    name : file stem, folder name or device; sinks name their files after it.
    size : (height, width) of the frames, pixels.
    rate : frames per second, exact (30000/1001 stays so); the average if it varies.
    length : frames the sequence is expected to have, None when nobody knows.
    first : number of the input's first frame; above 0 where pictures' names count from there.
    aspect : width of a pixel by its height, 1 where it is a square.
    step : from one frame's number to the next, where none is missing; above 1 where names are.
    scene : zones, lines, units and clock, None before a watcher.
    """

    name: str
    size: tuple[int, int]
    rate: Fraction
    length: int | None = None
    first: int = 0
    step: int = 1
    aspect: Fraction = Fraction(1)
    scene: Scene | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. Stages do not change it, they pass on `dataclasses.replace(frame, ...)`.

    Attributes
    ----------
    image : (H, W, C) uint8, RGB (C = 3) or grey (C = 1).
    index : number of the frame in its input: the one in a picture's name, else 0 for the first;
        frames left out (`--start`, `--every`), lost or missing do not renumber the others.
    time : seconds since the input's first frame.
    sequence : what is common to all frames.
    region : (H, W) bool, where to look; None is everywhere.
    foreground : (H, W) bool, None before a subtractor.
    labels : (H, W) int32, 0 is background, None before a grouper.
    shadow : (H, W) bool, shadows on the background, None unless they were asked for. What a
        later stage makes foreground is foreground, whatever stands here.
    file_name : of the picture in its folder; None where frames have no files of their own.
    events : what was over by this frame, in the order it ended, None before a watcher; the last
        frame has what was still going on.
    """

    image: Image
    index: int
    time: float
    sequence: SequenceInfo
    region: Mask | None = None
    foreground: Mask | None = None
    labels: Labels | None = None
    shadow: Mask | None = None
    file_name: str | None = None
    events: tuple[Event, ...] | None = None
    since: float | None = None
