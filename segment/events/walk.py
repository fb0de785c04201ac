"""One object while it is seen: its way, its zones, its lines, its rests; constant memory."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from segment.events.places import Line, Zone
from segment.events.records import Event, Scene
from segment.objects import Object

_SMOOTH = 0.12  # seconds over which feet are averaged: masks flicker by a pixel or two
_CALM = 2.0  # seconds over which they are for a rest: who stands has time, and boxes flicker;
_PART = 0.25  # of the rest that is looked for, at the most
_SETTLE = 0.2  # seconds on the other side of a zone's border before it counts
_TURN = 2.0  # seconds after a crossing in which coming back makes it none,
_CLEAR = 1.0  # unless it was so many times its size beyond the line: then it is over at once
_BESIDE = 0.25  # times its size that feet must be beyond a line: a body's half width, about
_TOP = 0.5  # seconds over which the top speed is taken
_MOST_PLACES = 64  # points of a path that are kept


@dataclass(slots=True)
class _Stay:
    """One zone: since when the object is in it, and since when that seems to change."""

    since: float | None = None
    first: int = 0
    turned: float | None = None
    turned_frame: int = 0
    total: float = 0.0


@dataclass(slots=True)
class _Side:
    """One line: on which side the object is for certain, and where it went over last."""

    side: int = 0
    before: float | None = None  # signed distance in the frame before
    along: float = 0.0
    over: tuple[float, int, bool] | None = None  # second, frame, whether between the ends
    held: Event | None = None
    held_until: float = 0.0


class Walk:
    """Follows one id from its first frame to its last.

    `step` takes the object in a frame and yields what is over by then; `end` yields the rest.
    Places are those of the feet, the middle of the lower edge of the box.
    """

    def __init__(self, thing: Object, scene: Scene, stop: float, index: int, time: float) -> None:
        self.id = thing.id
        self.scene = scene
        self.start = self.seen = time
        self.first = self.last = index
        self.frames = 0
        self._stop = stop
        self._area = 0.0
        self._most = -1
        self._shown = index
        self.box = (thing.x, thing.y, thing.width, thing.height)
        self._shown_box = self.box
        self._feet = _feet(thing)
        self.born_size = thing.width, thing.height
        self.size = math.sqrt(thing.width * thing.height)
        self._path: list[tuple[float, float, float]] = []
        self._gap = 0.0  # seconds between two points of the path
        self._way = 0.0
        self._anchor: tuple[float, float] | None = None  # on the ground, where the way was measured
        self._anchor_feet = self._feet
        self._recent: deque[tuple[float, float, float]] = deque()
        self._top: float | None = None  # before half a second nobody knows
        self._calm = min(_CALM, _PART * stop)
        self._lately: deque[tuple[float, int, float, float]] = deque()  # second, frame and feet
        self._sums = [0.0, 0.0]  # of these feet: halves of pixels, so that nothing is rounded
        self._rest = (time, index, *self._feet)
        self.wandered = False  # it has been elsewhere than where it was first seen
        self.judged = False  # whether it was said to be left or taken
        self._stays = [(zone, _Stay()) for zone in scene.zones]
        self._sides = [(line, _Side()) for line in scene.lines]

    def step(self, thing: Object, index: int, time: float) -> Iterator[Event]:
        """Take the object in the next frame in."""
        dt = time - self.seen
        raw = _feet(thing)
        share = 1.0 if not self.frames else 1 - math.exp(-max(dt, 1e-9) / _SMOOTH)
        old = self._feet
        self._feet = (old[0] + share * (raw[0] - old[0]), old[1] + share * (raw[1] - old[1]))
        self.seen, self.last = time, index
        self.frames += 1
        self._area += thing.area
        self.box = (thing.x, thing.y, thing.width, thing.height)
        self.size += 0.2 * (math.sqrt(thing.width * thing.height) - self.size)
        if thing.area > self._most:
            self._most, self._shown, self._shown_box = thing.area, index, self.box
        self._measure(time)
        for zone, stay in self._stays:
            yield from self._look(zone, stay, index, time)
        for line, side in self._sides:
            yield from self._cross(line, side, index, time)
        yield from self._stand(raw, index, time)

    def end(self) -> Iterator[Event]:
        """Yield what ends with it: the object itself comes last."""
        for line, side in self._sides:
            # It is gone: half a body beyond the line must do.
            self._commit(line, side, self.seen, least=1.5)
            if side.held is not None:
                yield side.held
                side.held = None
        for zone, stay in self._stays:
            if stay.since is not None:
                left = (stay.turned, stay.turned_frame) if stay.turned is not None else (
                    self.seen, self.last
                )  # fmt: skip
                yield self._left(zone, stay, *left)
        yield from self._rested(self.seen, self.last)
        longest = max(self._stays, key=lambda one: one[1].total, default=None)
        place = longest[0].name if longest and longest[1].total > 0 else None
        yield self._event("object", self.start, self.seen, self.first, self.last, place=place)

    def standing(self, time: float) -> float:
        """Seconds for which it has stood where it is."""
        return time - self._rest[0]

    def still(self, kind: str, first: int, start: float) -> Event:
        """The event of a thing that stands since `start`, up to when it was seen last."""
        return self._event(kind, start, self.seen, first, self.last)

    def resting(self) -> Event:
        """The stop that goes on."""
        start, first, _, _ = self._rest
        return self._event("stop", start, self.seen, first, self.last)

    def now(self, kind: str, start: float, first: int) -> Event:
        """An event that goes on: its end is now."""
        return self._event(kind, start, self.seen, first, self.last)

    def _event(
        self, kind: str, start: float, end: float, first: int, last: int, **more: object
    ) -> Event:
        lasted = self.seen - self.start
        measured = self._anchor is not None
        event = Event(
            kind,
            start,
            end,
            first,
            last,
            id=self.id,
            distance=self._way if measured else None,
            mean_speed=self._way / lasted if measured and lasted > 0 else None,
            top_speed=self._top,
            area=self._area / max(self.frames, 1),
            box=self._shown_box,
            shown=self._shown,
            path=(*self._path, (self.seen, *self._feet))
            if self._path and self._path[-1][0] < self.seen
            else tuple(self._path),
        )
        return replace(event, **more) if more else event  # type: ignore[arg-type]

    # --- the way ------------------------------------------------------------------------

    def _measure(self, time: float) -> None:
        x, y = self._feet
        if not self._path or time - self._path[-1][0] >= self._gap:
            self._path.append((time, x, y))
            if len(self._path) >= _MOST_PLACES:
                del self._path[1::2]  # every other point: the path stays as long and as small
                self._gap = max(2 * self._gap, (time - self.start) / _MOST_PLACES * 2)
        here = self.scene.ground.place(x, y)
        if here is None:
            self._recent.clear()
            return
        if self._anchor is None:
            self._anchor, self._anchor_feet = here, (x, y)
        # Only steps that are more than a mask's flicker are way.
        moved = math.hypot(x - self._anchor_feet[0], y - self._anchor_feet[1])
        if moved > max(1.5, 0.06 * self.size):
            self._way += math.dist(here, self._anchor)
            self._anchor, self._anchor_feet = here, (x, y)
        self._recent.append((time, *here))
        while time - self._recent[0][0] > _TOP and time - self._recent[1][0] >= _TOP:
            self._recent.popleft()
        since = time - self._recent[0][0]
        if since >= 0.8 * _TOP:
            self._top = max(self._top or 0.0, math.dist(here, self._recent[0][1:]) / since)

    # --- zones --------------------------------------------------------------------------

    def _look(self, zone: Zone, stay: _Stay, index: int, time: float) -> Iterator[Event]:
        inside = zone.contains(*self._feet)
        if inside == (stay.since is not None):
            stay.turned = None
            return
        if stay.turned is None:
            stay.turned, stay.turned_frame = time, index
        if time - stay.turned < _SETTLE:
            return
        if inside:
            stay.since, stay.first = stay.turned, stay.turned_frame
            yield self._event(
                "enter", stay.since, stay.since, stay.first, stay.first, place=zone.name
            )
        else:
            yield self._left(zone, stay, stay.turned, stay.turned_frame)
        stay.turned = None

    def _left(self, zone: Zone, stay: _Stay, time: float, index: int) -> Event:
        assert stay.since is not None
        dwell = time - stay.since
        stay.total += dwell
        stay.since = None
        return self._event("leave", time, time, index, index, place=zone.name, dwell=dwell)

    # --- lines --------------------------------------------------------------------------

    def _cross(self, line: Line, side: _Side, index: int, time: float) -> Iterator[Event]:
        distance, along = line.beside(*self._feet)
        if side.held is not None and (
            time >= side.held_until or distance * side.side > _CLEAR * self.size
        ):
            yield side.held
            side.held = None
        if side.before is None:
            if abs(distance) > 1.5:
                side.side = 1 if distance > 0 else -1
        elif side.before * distance < 0 or (distance == 0 and side.before != 0):
            share = side.before / (side.before - distance)
            where = side.along + share * (along - side.along)
            side.over = (time, index, 0 <= where <= 1)
        if distance != 0:
            side.before = distance
        side.along = along
        self._commit(line, side, time, least=max(2.0, _BESIDE * self.size))

    def _commit(self, line: Line, side: _Side, time: float, least: float) -> None:
        """Hold a crossing once the object is `least` pixels beyond the line."""
        distance = side.before
        if distance is None or abs(distance) <= least:
            return
        now = 1 if distance > 0 else -1
        was, side.side = side.side, now
        if now == was or not was or side.over is None:
            return
        when, frame, between = side.over
        side.over = None
        if not between:
            return
        if side.held is not None:
            # Over and back again: somebody turned on the line.
            side.held = None
            return
        way = line.directions[(now + 1) // 2]
        side.held = self._event("cross", when, when, frame, frame, place=line.name, direction=way)
        side.held_until = time + _TURN

    # --- rests --------------------------------------------------------------------------

    def _stand(self, raw: tuple[float, float], index: int, time: float) -> Iterator[Event]:
        lately, sums = self._lately, self._sums
        lately.append((time, index, *raw))
        sums[0], sums[1] = sums[0] + raw[0], sums[1] + raw[1]
        while time - lately[0][0] > self._calm:
            _, _, x, y = lately.popleft()
            sums[0], sums[1] = sums[0] - x, sums[1] - y
        here = sums[0] / len(lately), sums[1] / len(lately)
        start, first, x, y = self._rest
        if math.hypot(here[0] - x, here[1] - y) <= max(3.0, _BESIDE * self.size):
            if time - start < self._calm:
                self._rest = (start, first, *here)  # where it comes to rest is not known yet
            return
        self.wandered = True
        # Their mean is where they were half of that time ago.
        then, frame, _, _ = lately[len(lately) // 2]
        yield from self._rested(then, frame)
        self._rest = (then, frame, *here)

    def _rested(self, time: float, index: int) -> Iterator[Event]:
        start, first, _, _ = self._rest
        if time - start >= self._stop and not self.judged:
            yield self._event("stop", start, time, first, index)


def _feet(thing: Object) -> tuple[float, float]:
    return thing.x + (thing.width - 1) / 2, float(thing.y + thing.height - 1)
