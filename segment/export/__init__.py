"""Frames into files: one sink a file, each whole or not there; `FORMATS` names them."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from segment.errors import OutputError, OutputExists
from segment.export.chosen import Chosen
from segment.export.clips import Clips
from segment.export.coco import CocoFile
from segment.export.crops import CropImages
from segment.export.ctc import CellTracking
from segment.export.events import CountsTable, CutList, EventsJson, EventsTable
from segment.export.files import Mode, Needs, refuse_link
from segment.export.folders import within
from segment.export.images import LabelImages, MaskImages
from segment.export.mot import MotText
from segment.export.origin import Origin
from segment.export.overlay import draw_overlay
from segment.export.report import ReportPage
from segment.export.synopsis import SynopsisVideo
from segment.export.tracks import TracksTable
from segment.export.video import MaskVideo, OverlayVideo
from segment.protocols import Sink

__all__ = [
    "FORMATS",
    "CellTracking",
    "Chosen",
    "Clips",
    "CocoFile",
    "CountsTable",
    "CropImages",
    "CutList",
    "EventsJson",
    "EventsTable",
    "Format",
    "LabelImages",
    "MaskImages",
    "MaskVideo",
    "Mode",
    "MotText",
    "Origin",
    "OverlayVideo",
    "ReportPage",
    "SynopsisVideo",
    "TracksTable",
    "check_output",
    "draw_overlay",
    "holds",
    "marked",
    "outputs_of",
]


class Format(Protocol):
    """A class of sinks: what it writes, what it needs, and how one is made."""

    output: str
    needs: Needs

    def __call__(self, folder: Path, mode: Mode = "new") -> Sink: ...


FORMATS: dict[str, Format] = {
    "masks": MaskImages,
    "video": MaskVideo,
    "labels": LabelImages,
    "coco": CocoFile,
    "overlay": OverlayVideo,
    "tracks": TracksTable,
    "mot": MotText,
    "events": EventsTable,
    "events-json": EventsJson,
    "edl": CutList,
    "counts": CountsTable,
    "report": ReportPage,
    "clips": Clips,
    "crops": CropImages,
    "ctc": CellTracking,
    "synopsis": SynopsisVideo,
}


def holds(output: str) -> re.Pattern[str] | None:
    """Names of the files in a folder that some format writes; None where it writes no folder."""
    return next((getattr(k, "holds", None) for k in FORMATS.values() if k.output == output), None)


def marked(output: str) -> bool:
    """Whether every file in that folder says itself that it is ours."""
    return any(getattr(k, "marked", False) for k in FORMATS.values() if k.output == output)


def outputs_of(kind: str) -> tuple[str, ...]:
    """What a format writes, by name: its output, and what it may write beside it."""
    sink = FORMATS[kind]
    return (sink.output, *getattr(sink, "beside", ()))


def check_output(folder: Path, formats: Iterable[str], mode: Mode) -> None:
    """Raise before any work is done, when `formats` cannot be written into `folder`.

    OutputExists when one of them is there and `mode` is "new"; OutputError when the
    folder cannot be made or written. Nothing is changed.
    """
    targets = [folder / output for name in formats for output in outputs_of(name)]
    for target in targets:
        refuse_link(target)
        if mode == "new" and target.exists():
            names = holds(target.name) if target.is_dir() else None
            count = len(within(target, names)) if names is not None else None
            if count == 0:
                continue
            what = "pictures" if marked(target.name) else "files"
            held = "is there already" if count is None else f"holds {count} {what} already"
            raise OutputExists(
                f"{target} {held}; add --overwrite or --resume, or choose another folder"
            )
    place = folder
    while not place.exists():
        if place == place.parent:
            break
        place = place.parent
    if not place.is_dir():
        raise OutputError(f"{folder} cannot be made: {place} is a file; choose another folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} cannot be written: no permission in {place}")
