"""`clips/`: a short video of every event, as soon as it is over."""

import contextlib
import re
from pathlib import Path
from typing import ClassVar, Self

from segment.events import KINDS, Event
from segment.export.chosen import Choice, Chosen
from segment.export.files import Mode, Needs, refuse_link
from segment.export.folders import remove_held
from segment.export.need import events_of, scene_of
from segment.export.origin import Origin
from segment.export.overlay import draw_overlay
from segment.export.sound import Sound
from segment.export.spool import Spool
from segment.export.trails import Trails
from segment.files import make_folder, partial, settle, sync_folder, told
from segment.frame import Frame

__all__ = ["Clips"]

_LONGEST_PLACE = 40  # letters of a place's name that a file's name has room for


class Clips:
    """`clips/000125-object-3.mp4` ...: H.264, one file an event, padded as the scene says.

    Names begin with the number of the event's first frame. Without a choice there is one for each
    motion, or for each object where motion is not watched. The input's own sound is kept where
    there is any and it is a file. All frames wait, encoded, in files without a name, until nothing
    that goes on can need them: on disk, not in memory.

    chosen : what is wanted; drawn : whether outlines and ids are drawn on the pictures.
    """

    output: ClassVar[str] = "clips"
    needs: ClassVar[Needs] = "events"
    holds: ClassVar[re.Pattern[str]] = re.compile(rf"\d{{6,}}-(?:{'|'.join(KINDS)})[-\w]*\.mp4")
    settings: ClassVar[tuple[str, ...]] = ("origin", "chosen", "drawn")

    def __init__(
        self,
        folder: Path,
        mode: Mode = "new",
        origin: Origin | None = None,
        chosen: Chosen | None = None,
        drawn: bool = False,
    ) -> None:
        self.target = Path(folder) / self.output
        self.mode = mode
        self._origin = Origin() if origin is None else origin
        self._choice = Choice(chosen)
        self._drawn = drawn
        self._trails = Trails()
        self._spool: Spool | None = None
        self._sound: Sound | None = None
        self._waiting: list[Event] = []
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        """Take one frame in. Raises OutputError when the disk refuses."""
        with told(self.target):
            if self._spool is None:
                self._spool = self._begin(frame)
            picture = frame.image
            if self._drawn:
                picture = draw_overlay(
                    frame.image, frame.foreground, frame.labels, frame.time, frame.shadow,
                    self._trails,
                )  # fmt: skip
            self._spool.add(picture, frame.time)
            events = events_of(frame)
            self._choice.see(events)
            self._waiting += [e for e in events if self._choice.shows(e, self._usual)]
            # One frame more than the clip's last: the encoder may hold one back.
            late = frame.time - self._scene.after - 2 / float(frame.sequence.rate)
            for event in [event for event in self._waiting if event.end < late]:
                self._waiting.remove(event)
                self._cut(event)
            starts = [event.start for event in self._waiting]
            earliest = min([frame.time if frame.since is None else frame.since, *starts])
            self._spool.forget(earliest - self._scene.before)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._spool is None:
            return
        try:
            if kind is None:
                with told(self.target):
                    self._spool.finish()
                    for event in self._waiting:
                        self._cut(event)
                    sync_folder(self.target)
        finally:
            self._waiting = []
            self._spool.close()
            self._spool = None
            if self._sound is not None:
                with contextlib.suppress(OSError):
                    self._sound.close()

    def _begin(self, frame: Frame) -> Spool:
        events_of(frame)
        self._scene = scene_of(frame)
        moving = frame.foreground is not None and "motion" in self._scene.kinds
        self._usual = "motion" if moving else "object"
        refuse_link(self.target)
        make_folder(self.target)
        if self.mode == "overwrite":
            remove_held(self.target, self.holds)
        self._sound = Sound.of(self._origin.path)
        return Spool(
            self.target.parent, frame.image.shape[:2], frame.sequence.rate, frame.sequence.aspect
        )

    def _cut(self, event: Event) -> None:
        assert self._spool is not None
        path = self.target / self._name(event)
        refuse_link(path)
        start, end = max(0.0, event.start - self._scene.before), event.end + self._scene.after
        temporary = partial(path)
        try:
            if self._spool.cut(temporary, start, end, self._sound):
                settle(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _name(self, event: Event) -> str:
        parts = [f"{event.first:06}", event.kind]
        if event.id is not None:
            parts.append(str(event.id))
        if event.place:
            parts.append(re.sub(r"\W+", "-", event.place)[:_LONGEST_PLACE].strip("-"))
        name, number = "-".join(filter(None, parts)), 1
        while (chosen := name if number == 1 else f"{name}-{number}").casefold() in self._names:
            number += 1
        self._names.add(chosen.casefold())
        return f"{chosen}.mp4"
