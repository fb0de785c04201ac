"""What a page tells: all that was gathered of a sequence, and its events, counted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from segment.events import Event, Scene
from segment.export.origin import Origin
from segment.export.report.charts import Scale

# With these, 40 kB of boxes and all else, a page stays below 200 kB without its pictures.
MOST_ROWS = 150
MOST_THINGS = 40


@dataclass(slots=True)
class Findings:
    """Everything that a page tells.

    size is (height, width) of the frames, scale what x and y are multiplied by in the video; step
    is the seconds from frame to frame; pictures are encoded; film is the video's content, or
    film_name its file beside the page.
    """

    name: str
    size: tuple[int, int]
    scale: Scale
    start: float
    end: float
    step: float
    frames: int
    scene: Scene
    origin: Origin
    strip: Sequence[int]
    strip_width: float
    busy: float
    tracks: list[list[Any]]
    backdrop: bytes | None
    heat: bytes | None
    film: bytes | None
    film_name: str | None
    grouped: bool
    stills: dict[int, bytes] = field(default_factory=dict)
    motion_stills: dict[int, bytes] = field(default_factory=dict)  # by the event's number
    still: bytes | None = None  # of the scene, small

    @property
    def shown(self) -> tuple[int, int]:
        """(height, width) of the frames in the video."""
        across, down = self.scale
        return max(1, round(self.size[0] * down)), max(1, round(self.size[1] * across))


@dataclass(slots=True)
class Digest:
    """All events, counted, and those of them that have room on a page."""

    kinds: Counter[str] = field(default_factory=Counter)
    ids: set[int] = field(default_factory=set)
    rows: list[tuple[int, Event]] = field(default_factory=list)
    things: list[Event] = field(default_factory=list)
    crossings: defaultdict[tuple[str, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    visits: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    speeds: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, events: Iterable[tuple[int, Event]]) -> "Digest":
        """Go through all events once, in the order they began."""
        found = cls()
        for number, event in events:
            found.kinds[event.kind] += 1
            found.rows.append((number, event))
            if len(found.rows) > 4 * MOST_ROWS:
                found._choose()
            if event.kind == "object":
                found.things.append(event)
                if event.mean_speed is not None:
                    found.speeds.append(event.mean_speed)
                if len(found.things) > 1000:
                    found.things = foremost(found.things, 250)
            elif event.kind == "cross" and event.place and event.direction:
                found.crossings[event.place, event.direction].append(event.start)
            elif event.kind == "leave" and event.place and event.dwell is not None:
                found.visits[event.place].append(event.dwell)
        found._choose()
        return found

    def _choose(self) -> None:
        """Keep the events that say most, in the order they began."""
        if len(self.rows) > MOST_ROWS:
            self.rows = sorted(self.rows, key=lambda row: -_weight(row[1]))[:MOST_ROWS]
            self.rows.sort(key=lambda row: row[0])


def _weight(event: Event) -> float:
    rare = {"left": 1e6, "taken": 1e6, "stop": 1e4, "cross": 30.0, "motion": 20.0}
    return rare.get(event.kind, 0.0) + event.duration


def foremost(things: list[Event], count: int) -> list[Event]:
    """The objects that were seen longest and largest."""
    return sorted(things, key=lambda event: -event.duration * (event.area or 0) ** 0.5)[:count]
