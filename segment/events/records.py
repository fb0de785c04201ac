"""What travels with the frames: an event that is over, and the scene it happened in."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from segment.events.places import Line, Zone, check_places, check_within
from segment.events.units import Ground

KINDS = ("motion", "object", "enter", "leave", "cross", "stop", "left", "taken")
"""Every kind of event; `docs/reference/events.md` says what each means."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, given out when it was over.

    Attributes
    ----------
    kind : one of `KINDS`.
    start, end : seconds since the input's first frame; equal for what takes no time.
    first, last : numbers of the frames at start and end.
    id : of the object; None for motion.
    place : the zone or line; for an object the zone where it was longest; None elsewhere.
    direction : of a crossing: up, down, left or right in the picture.
    dwell : of a leave, seconds since the object had come in.
    distance : way of the object, in the scene's unit (pixels or metres).
    mean_speed, top_speed : units a second; the top over half a second.
    area : mean area, pixels.
    box : (column, row, width, height) in pixels, in the frame `shown`.
    shown : number of the frame where the object was largest.
    path : (second, column, row) of the feet, at most 64 points.
    """

    kind: str
    start: float
    end: float
    first: int
    last: int
    id: int | None = None
    place: str | None = None
    direction: str | None = None
    dwell: float | None = None
    distance: float | None = None
    mean_speed: float | None = None
    top_speed: float | None = None
    area: float | None = None
    box: tuple[int, int, int, int] | None = None
    shown: int | None = None
    path: tuple[tuple[float, float, float], ...] = ()

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and how events are looked for; the same for every frame of a sequence.

    Attributes
    ----------
    zones, lines : named places, pixels; no two share a name.
    ground : pixels to metres.
    clock : the moment of second 0, None when nobody said.
    before, after : seconds that clips and cuts show around an event.
    kinds : which kinds of `KINDS` are looked for.
    """

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    ground: Ground = field(default_factory=Ground)
    clock: datetime | None = None
    before: float = 2.0
    after: float = 2.0
    kinds: tuple[str, ...] = KINDS

    def __post_init__(self) -> None:
        check_places(self.zones, self.lines)
        for name, value in (("before", self.before), ("after", self.after)):
            if not 0 <= value < 86400:
                raise ValueError(f"{name} is {value} seconds, wanted 0 or more")

    def check(self, size: tuple[int, int]) -> list[str]:
        """Raise ValueError when a place lies outside a picture of `size` (height, width).

        Returns the names of those that lie outside in part.
        """
        places: list[Zone | Line] = [*self.zones, *self.lines]
        return [place.name for place in places if not check_within(place, size)]

    def moment(self, time: float) -> str | None:
        """Second `time` on the clock, ISO 8601 to the millisecond; None without a clock."""
        if self.clock is None:
            return None
        try:
            return (self.clock + timedelta(seconds=time)).isoformat(timespec="milliseconds")
        except OverflowError:
            return None
