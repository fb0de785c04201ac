"""`report.html`: one page that shows what happened, and opens from disk."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from segment.events import Event, Scene
from segment.export.aspect import as_shown
from segment.export.events import number_events
from segment.export.files import FileSink, Mode, Needs, refuse_link
from segment.export.need import events_of, scene_of
from segment.export.origin import Origin
from segment.export.report.boxes import Boxes
from segment.export.report.film import Film
from segment.export.report.findings import MOST_THINGS, Digest, Findings, foremost
from segment.export.report.gather import Backdrop, Heat, Stills, Strip, as_jpeg, shrunk
from segment.export.report.page import render
from segment.export.spill import Spill
from segment.files import partial, settle
from segment.frame import Frame
from segment.objects import objects_of

__all__ = ["ReportPage"]

INLINE = 10_000_000  # bytes of video that lie in the page itself
_BACKDROP = 768  # pixels; as wide as the video
_SCENE = 192  # pixels of the scene's still in an index of several videos
_SLIP = 2.0  # pixels by which a box in the player may be off


class ReportPage(FileSink):
    """`report.html`, and `report.mp4` beside it where the video is larger than 10 MB.

    Memory stays constant: events, boxes and stills wait in temporary files beside the output.
    """

    output = "report.html"
    beside: ClassVar[tuple[str, ...]] = ("report.mp4",)
    needs: ClassVar[Needs] = "events"
    settings: ClassVar[tuple[str, ...]] = ("origin",)

    def __init__(self, folder: Path, mode: Mode = "new", origin: Origin | None = None) -> None:
        super().__init__(folder, mode)
        self._origin = Origin() if origin is None else origin
        self._film: Film | None = None
        self._kept: list[Any] = []

    def _open(self, frame: Frame, path: Path) -> None:
        events_of(frame)
        scene_of(frame)
        folder = path.parent
        self._path = path
        self._film_target = folder / self.beside[0]
        refuse_link(self._film_target)
        self._film_path = partial(self._film_target)
        self._film = Film(self._film_path, frame)
        self._events = Spill(folder)
        slip = _SLIP * max(1.0, frame.image.shape[1] / self._film.size[1])
        self._boxes = Boxes(folder, slip, 1 / float(frame.sequence.rate))
        self._stills = Stills(folder)
        self._motion = Spill(folder)
        self._kept = [self._events, self._boxes, self._stills, self._motion]
        self._strip = Strip()
        self._heat = Heat(frame.image.shape[:2])
        self._backdrop = Backdrop(_BACKDROP)
        self._start = self._time = frame.time
        self._frames = 0
        self._busy = 0.0
        self._grouped = False
        self._scene_still: tuple[int, Any] = (0, None)
        self._looked: int | None = None

    def _add(self, frame: Frame) -> None:
        assert self._film is not None
        seconds = max(0.0, frame.time - self._time) if self._frames else 0.0
        things = [] if frame.labels is None else list(objects_of(frame.labels))
        moving = bool(things)
        if frame.labels is None and frame.foreground is not None:
            moving = bool(frame.foreground.any())
        self._grouped |= frame.labels is not None
        count = len(things) if frame.labels is not None else int(moving)
        self._strip.add(frame.time, count, seconds)
        self._busy += seconds if moving else 0.0
        for thing in things:
            self._heat.add(thing, seconds or 1 / float(frame.sequence.rate))
        front = frame.foreground
        if front is None and frame.labels is not None:
            front = frame.labels > 0
        self._backdrop.add(frame.image, front, frame.time)
        self._film.add(frame.image, frame.time, moving)
        self._boxes.follow(things, frame.time)
        self._stills.follow(frame, things)
        self._look_at_scene(frame)
        for event in events_of(frame):
            self._take(event)
        self._sequence = frame.sequence
        self._time = frame.time
        self._frames += 1

    def _look_at_scene(self, frame: Frame) -> None:
        """Keep a still of the scene where most moves, for motion that has no object."""
        if frame.foreground is None or int(frame.time) == self._looked:
            return
        self._looked = int(frame.time)
        area = int(np.count_nonzero(frame.foreground[::4, ::4]))
        if area > 1.1 * self._scene_still[0]:
            self._scene_still = area, shrunk(as_shown(frame.image, frame.sequence.aspect), 176)

    def _take(self, event: Event) -> None:
        self._events.add(event.start, asdict(event))
        if event.kind == "object" and event.id is not None:
            self._stills.settle(event.id)
        elif event.kind == "motion" and self._scene_still[1] is not None:
            content = as_jpeg(self._scene_still[1])
            self._motion.add(event.start, [event.start, content.hex()])
            self._scene_still = (0, None)

    def _close(self) -> None:
        assert self._film is not None
        self._film.close()
        found, digest = self._findings()
        self._path.write_text(render(found, digest), encoding="utf-8")
        if found.film_name is not None:
            settle(self._film_path, self._film_target)
        else:
            # One of an earlier run would belong to no page.
            self._film_target.unlink(missing_ok=True)

    def _findings(self) -> tuple[Findings, Digest]:
        assert self._film is not None
        digest = Digest.of(number_events(self._events))
        aspect = self._sequence.aspect
        across = self._film.size[1] / self._sequence.size[1]
        scale = across, across / float(aspect)
        inline = self._film_path.stat().st_size <= INLINE
        backdrop, heat = self._backdrop.picture(), self._heat.picture()
        backdrop = None if backdrop is None else as_shown(backdrop, aspect)
        found = Findings(
            name=self._sequence.name,
            size=self._sequence.size,
            scale=scale,
            start=self._start,
            end=self._time + 1 / float(self._sequence.rate),
            step=1 / float(self._sequence.rate),
            frames=self._frames,
            scene=self._sequence.scene or Scene(),
            origin=self._origin,
            strip=self._strip.most,
            strip_width=self._strip.width,
            busy=self._busy / max(self._time - self._start, 1e-9) if self._frames > 1 else 0.0,
            tracks=self._boxes.tracks(self._start, scale),
            backdrop=None if backdrop is None else as_jpeg(backdrop, 72),
            heat=heat,
            film=self._film_path.read_bytes() if inline else None,
            film_name=None if inline else self._film_target.name,
            grouped=self._grouped,
            still=None if backdrop is None else as_jpeg(shrunk(backdrop, _SCENE), 70),
        )
        wanted = {event.id for event in foremost(digest.things, MOST_THINGS)}
        wanted |= {event.id for _, event in digest.rows[:150]}
        for number in sorted(one for one in wanted if one is not None):
            still = self._stills.take(number)
            if still is not None:
                found.stills[number] = still
        scenes = {start: bytes.fromhex(content) for start, content in self._motion}
        for number, event in digest.rows:
            if event.kind == "motion" and event.start in scenes:
                found.motion_stills[number] = scenes[event.start]
        return found, digest

    def _discard(self) -> None:
        for one in self._kept:
            with contextlib.suppress(Exception):
                one.close()
        self._kept = []
        if self._film is not None:
            with contextlib.suppress(Exception):
                self._film.give_up()
            self._film = None
            with contextlib.suppress(OSError):
                self._film_path.unlink(missing_ok=True)
