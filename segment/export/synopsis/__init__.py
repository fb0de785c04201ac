"""`synopsis.mp4`: a long time in a short one, objects of different hours side by side."""

import contextlib
import json
import logging
from pathlib import Path
from typing import Any, ClassVar

from segment.export.chosen import Choice, Chosen
from segment.export.files import FileSink, Mode, Needs, refuse_link
from segment.export.need import labels_of
from segment.export.synopsis.arrange import Arrangement, arrange
from segment.export.synopsis.backgrounds import Backgrounds
from segment.export.synopsis.paint import Shown, paint
from segment.export.synopsis.tubes import STEP, Tube, Tubes
from segment.files import partial, settle
from segment.frame import Frame
from segment.objects import objects_of

__all__ = ["SynopsisVideo"]

log = logging.getLogger("segment.export")

LENGTH = 60.0
"""Seconds of a synopsis, at most, unless another length is asked for."""

SCHEMA = 1
_SHORTEST = 1.0  # seconds that an object was seen at least, where no watcher judged it


class SynopsisVideo(FileSink):
    """`synopsis.mp4`, and `synopsis.json`, which says when each object is shown.

    While frames go by, every object is cut out with its outline and put on disk: its tube. At the
    end the tubes are moved in time, so that all of them are in `length` seconds with as few pixels
    as can be on top of each other (`segment.export.synopsis.arrange`), and painted on the
    background as it was, from the first to the last hour, each with the time when it was really
    there. Those who met move as one.

    chosen : which objects are wanted; length : seconds, at most.
    """

    output = "synopsis.mp4"
    beside: ClassVar[tuple[str, ...]] = ("synopsis.json",)
    needs: ClassVar[Needs] = "labels"
    settings: ClassVar[tuple[str, ...]] = ("chosen", "length")

    def __init__(
        self,
        folder: Path,
        mode: Mode = "new",
        chosen: Chosen | None = None,
        length: float | None = None,
    ) -> None:
        super().__init__(folder, mode)
        self.length = LENGTH if length is None else length
        if not 0 < self.length < float("inf"):
            raise ValueError(f"length is {self.length} seconds, wanted more than 0")
        self._choice = Choice(chosen)
        self._tubes: Tubes | None = None
        self._backgrounds: Backgrounds | None = None

    def _open(self, frame: Frame, path: Path) -> None:
        labels_of(frame)
        for name in self.beside:
            refuse_link(path.parent / name)
        self._path = path
        self._tubes = Tubes(path.parent, frame.image.shape[:2])
        self._backgrounds = Backgrounds(path.parent)
        self._start = self._end = frame.time
        self._judged: set[int] | None = None

    def _add(self, frame: Frame) -> None:
        assert self._tubes is not None
        assert self._backgrounds is not None
        labels = labels_of(frame)
        front = labels > 0 if frame.foreground is None else frame.foreground
        self._backgrounds.add(frame.image, front, frame.time)
        self._tubes.follow(frame.image, labels, list(objects_of(labels)), frame.time)
        if frame.events is not None:
            self._choice.see(frame.events)
            scene = frame.sequence.scene
            if self._judged is None and scene is not None and "object" in scene.kinds:
                self._judged = set()
            if self._judged is not None:
                self._judged |= {e.id for e in frame.events if e.kind == "object" and e.id}
        self._sequence = frame.sequence
        self._end = frame.time

    def _close(self) -> None:
        assert self._tubes is not None
        assert self._backgrounds is not None
        groups = self._groups(self._tubes)
        span = self._end - self._start + 1 / float(self._sequence.rate)
        whole = arrange(
            [(group[0].start, [tube.shape for tube in group]) for group in groups],
            cells=self._tubes.cells,
            length=min(self.length, span),
            step=STEP,
            start=self._start,
            span=span,
        )
        shown = [
            Shown(tube, n, tube.start - groups[n][0].start, move, whole.speeds[n])
            for n, move in enumerate(whole.moves)
            for tube in groups[n]
        ]
        collided = paint(
            self._path, shown, whole.length, self._tubes, self._backgrounds, self._sequence
        )
        count = sum(map(len, groups))
        log.info(
            "%s: %d objects of %.0f s in %.1f s; %.1f %% of their pixels lie on others",
            self._sequence.name, count, span, whole.length, 100 * collided,
        )  # fmt: skip
        target = self.target.with_name(self.beside[0])
        beside = partial(target)
        try:
            beside.write_text(self._told(shown, whole, collided), encoding="utf-8")
            settle(beside, target)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)

    def _groups(self, tubes: Tubes) -> list[list[Tube]]:
        """The wanted tubes, those who met together, in the order they began."""

        def wanted(tube: Tube) -> bool:
            if self._judged is None:
                lasted = tube.end - tube.start >= _SHORTEST
            else:
                lasted = tube.number in self._judged
            return lasted and self._choice.takes(tube.number)

        return tubes.groups(wanted)

    def _told(self, shown: list[Shown], whole: Arrangement, collided: float) -> str:
        scene = self._sequence.scene
        objects: list[dict[str, Any]] = [
            {
                "id": one.tube.number,
                "shown": round(one.begin, 3),
                "start": round(one.tube.start, 3),
                "end": round(one.tube.end, 3),
                "clock": None if scene is None else scene.moment(one.tube.start),
                "group": one.group + 1,
                "speed": round(one.speed, 3),
            }
            for one in sorted(shown, key=lambda one: one.begin)
        ]
        head = {
            "schema": SCHEMA,
            "sequence": self._sequence.name,
            "length": round(whole.length, 3),
            "collided": round(collided, 5),
            "objects": objects,
        }
        return json.dumps(head, ensure_ascii=False, indent=1) + "\n"

    def _discard(self) -> None:
        for one in (self._tubes, self._backgrounds):
            if one is not None:
                one.close()
        self._tubes = self._backgrounds = None
