"""The watcher: masks and objects in, frame by frame; events out, each when it is over."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

from segment.arrays import Image, Labels, Mask, check_image, check_labels, check_mask
from segment.events.motion import Interval, Motion
from segment.events.records import KINDS, Event, Scene
from segment.events.things import Things
from segment.events.walk import Walk
from segment.objects import Object, objects_of

OnEvent = Callable[[Event], None]

_STEADY = 0.35  # share by which the box of a thing that was put down may change


class Watcher:
    """Watches one sequence and says what happened in it.

    Parameters
    ----------
    scene : zones, lines, units and clock; None is a scene without.
    shortest : seconds that motion and objects last at least.
    merge : an object or motion that is back within so many seconds was never gone.
    stop : seconds for which an object stands before that is an event.
    kinds : which kinds of `KINDS` are wanted; None is all of them.
    on_event : called with every event at once when it is over, from the thread that watches.
    on_begin : called when motion, an object, a stop, or a left or taken thing is sure and still
        goes on (its `end` is now): for alarms. The event itself comes when it is over.

    Memory holds what is going on, not what was. `watch` takes arrays: foreground alone gives
    motion, labels whose ids last give the rest. One object serves one sequence.
    """

    def __init__(
        self,
        scene: Scene | None = None,
        *,
        shortest: float = 1.0,
        merge: float = 2.0,
        stop: float = 10.0,
        kinds: Collection[str] | None = None,
        on_event: OnEvent | None = None,
        on_begin: OnEvent | None = None,
    ) -> None:
        for name, value in (("shortest", shortest), ("merge", merge), ("stop", stop)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value} seconds, wanted 0 or more")
        wanted = frozenset(KINDS if kinds is None else kinds)
        if unknown := sorted(wanted - set(KINDS)):
            raise ValueError(f"there is no kind of event {unknown[0]!r}; wanted {', '.join(KINDS)}")
        looked_for = tuple(kind for kind in KINDS if kind in wanted)
        self.scene = replace(Scene() if scene is None else scene, kinds=looked_for)
        self.shortest, self.merge, self.stop = float(shortest), float(merge), float(stop)
        self.kinds = wanted
        self.on_event, self.on_begin = on_event, on_begin
        self._motion = Motion(self.shortest, self.merge) if "motion" in wanted else None
        self._things = Things() if wanted & {"left", "taken"} else None
        self._walks: dict[int, Walk] = {}
        self._still: dict[int, str] = {}  # id: left or taken, for those that were judged
        self._told: set[tuple[str, int]] = set()  # what on_begin has heard of
        self._size: tuple[int, int] | None = None
        self._time = -np.inf

    def watch(
        self, image: Image, foreground: Mask | None, labels: Labels | None, index: int, time: float
    ) -> tuple[Event, ...]:
        """Take the next frame in; return the events that are over by now, in the order they ended.

        image (H, W, C) uint8; foreground (H, W) bool; labels (H, W) int32, ids that last; index
        of the frame and its time in seconds. Raises ValueError when both are None, when sizes
        differ from the first frame's, and when time runs backwards.
        """
        self._check(image, foreground, labels, time)
        over: list[Event] = []
        if self._motion is not None and foreground is not None:
            found = self._motion.see(foreground, index, time, image)
            if found is not None:
                over.append(_of_motion(found))
        if labels is not None:
            over += self._follow(image, foreground, labels, index, time)
        self._begin_all(index, time)
        return self._give(over)

    @property
    def since(self) -> float | None:
        """Second at which the earliest of what still goes on began; None when nothing does."""
        starts = [walk.start for walk in self._walks.values()]
        if self._motion is not None and self._motion.since is not None:
            starts.append(self._motion.since)
        return min(starts, default=None)

    def finish(self) -> tuple[Event, ...]:
        """The sequence is over: return all that was still going on."""
        over = [event for walk in self._walks.values() for event in self._ended(walk)]
        self._walks.clear()
        if self._motion is not None and (found := self._motion.finish()) is not None:
            over.append(_of_motion(found))
        return self._give(over)

    # --- objects ------------------------------------------------------------------------

    def _follow(
        self, image: Image, foreground: Mask | None, labels: Labels, index: int, time: float
    ) -> Iterator[Event]:
        for thing in objects_of(labels):
            walk = self._walks.get(thing.id)
            if walk is not None and time - walk.seen > self.merge:
                yield from self._ended(self._walks.pop(thing.id))
                walk = None
            if walk is None:
                walk = self._walks[thing.id] = Walk(thing, self.scene, self.stop, index, time)
            yield from walk.step(thing, index, time)
            if self._things is not None:
                yield from self._judge(walk, thing, image)
        gone = [walk for walk in self._walks.values() if time - walk.seen > self.merge]
        for walk in gone:
            del self._walks[walk.id]
            yield from self._ended(walk)
        if self._things is not None:
            taken = labels > 0 if foreground is None else foreground
            self._things.look(image, taken, time)

    def _ended(self, walk: Walk) -> Iterator[Event]:
        if (kind := self._still.pop(walk.id, None)) is not None:
            yield walk.still(kind, walk.first, walk.start)
        for event in walk.end():
            if event.kind != "object" or event.duration >= self.shortest:
                yield event
        self._told = {told for told in self._told if told[1] != walk.id}

    def _judge(self, walk: Walk, thing: Object, image: Image) -> Iterator[Event]:
        """Say of an object that never moved whether it was left or taken."""
        if walk.wandered:
            if (kind := self._still.pop(walk.id, None)) is not None:
                yield walk.still(kind, walk.first, walk.start)
            return
        if walk.judged or walk.standing(walk.seen) < self.stop:
            return
        assert self._things is not None
        height, width = image.shape[:2]
        x, y, wide, high = thing.x, thing.y, thing.width, thing.height
        at_border = x <= 0 or y <= 0 or x + wide >= width or y + high >= height
        steady = max(wide, high) <= (1 + _STEADY) * max(walk.born_size)
        kind = None if at_border or not steady else self._things.judge(image, thing)
        if kind is not None:
            walk.judged = True
            self._still[walk.id] = kind

    # --- giving out ---------------------------------------------------------------------

    def _give(self, over: list[Event]) -> tuple[Event, ...]:
        given = tuple(event for event in over if event.kind in self.kinds)
        if self.on_event is not None:
            for event in given:
                self.on_event(event)
        return given

    def _begin_all(self, index: int, time: float) -> None:
        if self.on_begin is None:
            return
        going: list[Event] = []
        now = self._motion.now if self._motion is not None else None
        if now is None:
            self._told.discard(("motion", 0))
        elif time - now.start >= self.shortest:
            going.append(_of_motion(now))
        for walk in self._walks.values():
            if walk.seen == time and time - walk.start >= self.shortest:
                going.append(walk.now("object", walk.start, walk.first))
            if (kind := self._still.get(walk.id)) is not None:
                going.append(walk.now(kind, walk.start, walk.first))
            elif walk.standing(time) >= self.stop:
                going.append(walk.resting())
            else:
                self._told.discard(("stop", walk.id))
        for event in going:
            told = event.kind, event.id or 0
            if event.kind in self.kinds and told not in self._told:
                self._told.add(told)
                self.on_begin(event)

    def _check(
        self, image: Image, foreground: Mask | None, labels: Labels | None, time: float
    ) -> None:
        check_image(image)
        size = image.shape[:2]
        if foreground is None and labels is None:
            raise ValueError("there is neither foreground nor labels to watch; wanted one of them")
        if foreground is not None:
            check_mask(foreground, size, "foreground")
        if labels is not None:
            check_labels(labels, size)
        if self._size is None:
            self.scene.check(size)
            self._size = size
        elif size != self._size:
            raise ValueError(
                f"the picture is {size} (height, width), but those before were {self._size}; "
                "a new sequence needs a new Watcher"
            )
        if not time >= self._time:  # neither may it be NaN
            raise ValueError(f"the frame is at {time} s, but the one before was at {self._time} s")
        self._time = time


def _of_motion(found: Interval) -> Event:
    return Event(
        "motion",
        found.start,
        found.end,
        found.first,
        found.last,
        area=found.area / max(found.frames, 1),
        box=found.box,
        shown=found.shown,
    )
