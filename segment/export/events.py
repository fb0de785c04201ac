"""Events as files: a table, JSON, a cut list, and counts a minute."""

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from segment.events import Event, Scene
from segment.export.chosen import Choice, Chosen
from segment.export.files import Mode, Needs
from segment.export.need import events_of, scene_of
from segment.export.spill import Spill
from segment.export.text import TextSink
from segment.frame import Frame, SequenceInfo

SCHEMA = 1
"""Version of `events.json`; it rises when a field changes its meaning or goes away."""

COLUMNS = (
    "event", "kind", "start", "end", "duration", "first_frame", "last_frame", "start_clock",
    "end_clock", "id", "place", "direction", "dwell", "distance", "mean_speed", "top_speed",
    "unit", "area", "x", "y", "width", "height",
)  # fmt: skip


class _EventSink(TextSink):
    """A text of all events, in the order they began; they wait on disk until the input ends."""

    needs: ClassVar[Needs] = "events"

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._spill: Spill | None = None
        self._sequence: SequenceInfo | None = None
        self._frames = 0
        self._until = 0.0

    def _open(self, frame: Frame, path: Path) -> None:
        events_of(frame)
        self._file = path.open("w", encoding="utf-8", newline="")
        self._spill = Spill(path.parent)

    def _add(self, frame: Frame) -> None:
        assert self._spill is not None
        self._sequence = frame.sequence
        scene_of(frame)
        self._frames += 1
        self._until = frame.time
        for event in events_of(frame):
            self._spill.add(event.start, asdict(event))

    def _close(self) -> None:
        assert self._spill is not None
        assert self._sequence is not None
        self._write(number_events(self._spill), self._sequence)
        super()._close()

    def _discard(self) -> None:
        super()._discard()
        if self._spill is not None:
            self._spill.close()

    def _write(self, events: Iterator[tuple[int, Event]], sequence: SequenceInfo) -> None:
        raise NotImplementedError


def number_events(spill: Spill) -> Iterator[tuple[int, Event]]:
    """Events in the order they began, numbered from 1: the number names them in every file."""
    for number, record in enumerate(spill, start=1):
        box = record.pop("box")
        path = record.pop("path")
        yield (
            number,
            Event(**record, box=box and tuple(box), path=tuple(tuple(place) for place in path)),
        )


class EventsTable(_EventSink):
    """`events.csv`: one row for each event, in the order they began; what is not known is empty.

    `start`, `end`, `duration` and `dwell` are seconds, the clock is ISO 8601, `distance` is in
    `unit` (px or m), speeds in `unit` a second, `area` and the box `x, y, width, height` in pixels.
    """

    output = "events.csv"

    def _write(self, events: Iterator[tuple[int, Event]], sequence: SequenceInfo) -> None:
        assert sequence.scene is not None
        table = csv.writer(self._file, lineterminator="\n")  # type: ignore[arg-type]
        table.writerow(COLUMNS)
        scene = sequence.scene
        for number, event in events:
            table.writerow(
                (
                    number,
                    event.kind,
                    f"{event.start:.3f}",
                    f"{event.end:.3f}",
                    f"{event.duration:.3f}",
                    event.first,
                    event.last,
                    scene.moment(event.start),
                    scene.moment(event.end),
                    event.id,
                    event.place and _harmless(event.place),
                    event.direction,
                    _rounded(event.dwell, 3),
                    _rounded(event.distance, 3),
                    _rounded(event.mean_speed, 3),
                    _rounded(event.top_speed, 3),
                    None if event.distance is None else scene.ground.unit,
                    _rounded(event.area, 1),
                    *(event.box or (None,) * 4),
                )
            )


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


class EventsJson(_EventSink):
    """`events.json`: the scene, and every event with its path (docs/reference/events.md)."""

    output = "events.json"

    def _write(self, events: Iterator[tuple[int, Event]], sequence: SequenceInfo) -> None:
        assert self._file is not None
        scene = sequence.scene
        assert scene is not None
        height, width = sequence.size
        head = {
            "schema": SCHEMA,
            "sequence": sequence.name,
            "size": [width, height],
            "frames_per_second": float(sequence.rate),
            "frames": self._frames,
            "until": round(self._until, 6),
            **scene_as_dict(scene),
        }
        self._file.write(f'{json.dumps(head, ensure_ascii=False)[:-1]}, "events": [')
        for number, event in events:
            line = json.dumps(event_as_dict(number, event, scene), ensure_ascii=False)
            self._file.write(f"{',' if number > 1 else ''}\n{line}")
        self._file.write("\n]}\n")


def scene_as_dict(scene: Scene) -> dict[str, Any]:
    """A scene as JSON has it: unit, clock, zones and lines."""
    return {
        "unit": scene.ground.unit,
        "clock": scene.moment(0.0),
        "zones": [{"name": z.name, "points": [list(p) for p in z.points]} for z in scene.zones],
        "lines": [{"name": z.name, "points": [list(p) for p in z.points]} for z in scene.lines],
    }


def event_as_dict(number: int, event: Event, scene: Scene) -> dict[str, Any]:
    """An event as JSON has it: what is not known is left out."""
    found = {
        "event": number,
        "kind": event.kind,
        "start": round(event.start, 6),
        "end": round(event.end, 6),
        "first_frame": event.first,
        "last_frame": event.last,
        "start_clock": scene.moment(event.start),
        "end_clock": scene.moment(event.end),
        "id": event.id,
        "place": event.place,
        "direction": event.direction,
        "dwell": event.dwell and round(event.dwell, 6),
        "distance": event.distance and round(event.distance, 4),
        "mean_speed": event.mean_speed and round(event.mean_speed, 4),
        "top_speed": event.top_speed and round(event.top_speed, 4),
        "area": event.area and round(event.area, 1),
        "box": event.box and list(event.box),
        "shown": event.shown,
        "path": [[round(value, 3) for value in place] for place in event.path] or None,
    }
    return {name: value for name, value in found.items() if value is not None}


class CutList(_EventSink):
    """`events.edl`: a CMX 3600 list with a cut for each event that lasts, padded, for editors.

    Motion where it was watched, objects otherwise; the reel is the file's name, as far as the
    format has room, and whole in a comment. Timecode counts frames at the rounded rate.
    `chosen` says which events.
    """

    output = "events.edl"
    settings: ClassVar[tuple[str, ...]] = ("chosen",)

    def __init__(self, folder: Path, mode: Mode = "new", chosen: Chosen | None = None) -> None:
        super().__init__(folder, mode)
        self._choice = Choice(chosen)
        self._usual = "object"

    def _add(self, frame: Frame) -> None:
        super()._add(frame)
        self._choice.see(events_of(frame))
        if any(event.kind == "motion" for event in events_of(frame)):
            self._usual = "motion"

    def _write(self, events: Iterator[tuple[int, Event]], sequence: SequenceInfo) -> None:
        assert self._file is not None
        assert sequence.scene is not None
        scene, rate = sequence.scene, sequence.rate
        self._file.write(f"TITLE: {_plain(sequence.name)}\nFCM: NON-DROP FRAME\n\n")
        reel = re.sub(r"[^A-Z0-9]", "", sequence.name.upper())[:8] or "AX"
        kept = (event for _, event in events if self._choice.shows(event, self._usual))
        written = 0
        for number, event in enumerate(kept, start=1):
            first = max(0.0, event.start - scene.before)
            last = min(self._until + 1 / float(rate), event.end + scene.after)
            begin, end = _frames(first, rate), max(_frames(last, rate), _frames(first, rate) + 1)
            times = (begin, end, written, written + end - begin)
            written += end - begin
            stamps = " ".join(_timecode(frame, rate) for frame in times)
            who = event.kind if event.id is None else f"object {event.id}"
            if event.place and event.kind != "object":
                who += f" {event.kind} {_plain(event.place)}"
            self._file.write(
                f"{number:03}  {reel:<8} V     C        {stamps}\n"
                f"* FROM CLIP NAME: {_plain(sequence.name)}\n* COMMENT: {who}\n"
            )


def _plain(text: str) -> str:
    return " ".join(text.split())


def _frames(time: float, rate: Fraction) -> int:
    return round(time * float(rate))


def _timecode(frame: int, rate: Fraction) -> str:
    whole = max(1, round(rate))
    seconds, frames = divmod(frame, whole)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}:{frames:02}"


class CountsTable(TextSink):
    """`counts.csv`: for each minute, and each zone and line, who came, left and crossed.

    `count` is of the `direction`: enter and leave of a zone, and the two ways across a line.
    `dwell` is the mean time inside of those who left in that minute, seconds. Minutes in which
    nothing happened have their rows, too.
    """

    output = "counts.csv"
    needs: ClassVar[Needs] = "events"

    _LATE = 10  # minutes that stay open for what comes late

    def _open(self, frame: Frame, path: Path) -> None:
        events_of(frame)
        self._scene = scene_of(frame)
        self._counts: Counter[tuple[int, str, str]] = Counter()
        self._dwells: defaultdict[tuple[int, str], float] = defaultdict(float)
        self._minute = int(frame.time // 60)
        self._until = frame.time
        self._file = path.open("w", encoding="utf-8", newline="")
        self._table = csv.writer(self._file, lineterminator="\n")
        self._table.writerow(
            ("minute", "start", "clock", "place", "kind", "direction", "count", "dwell")
        )

    def _add(self, frame: Frame) -> None:
        self._until = frame.time
        for event in events_of(frame):
            if event.place is None or event.kind not in ("enter", "leave", "cross"):
                continue
            minute = max(int(event.start // 60), self._minute)
            self._counts[minute, event.place, event.direction or event.kind] += 1
            if event.dwell is not None:
                self._dwells[minute, event.place] += event.dwell
        while self._minute < frame.time // 60 - self._LATE:
            self._write_minute()

    def _close(self) -> None:
        while self._minute <= self._until // 60:
            self._write_minute()
        super()._close()

    def _write_minute(self) -> None:
        minute = self._minute
        self._minute += 1
        rows: list[tuple[str, str, str]] = [
            (zone.name, "zone", way) for zone in self._scene.zones for way in ("enter", "leave")
        ]
        rows += [(line.name, "line", way) for line in self._scene.lines for way in line.directions]
        for place, kind, way in rows:
            count = self._counts.pop((minute, place, way), 0)
            dwell = self._dwells.pop((minute, place), None) if way == "leave" else None
            self._table.writerow(
                (
                    minute,
                    60 * minute,
                    self._scene.moment(60.0 * minute),
                    _harmless(place),
                    kind,
                    way,
                    count,
                    None if dwell is None else f"{dwell / count:.3f}",
                )
            )
