"""Segment: video and pictures into masks and objects, without labels.

    from segment import open_frames, pipeline
    from segment.background import GaussianMixtureSubtractor

    with open_frames("street.mp4") as frames:
        for frame in pipeline.subtract(frames, GaussianMixtureSubtractor()):
            frame.foreground  # (H, W) bool

or, as one line of the command line: ``segment.run("read street.mp4 subtract export out")``.
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment import pipeline
    from segment.background.compat import create_background_subtractor, createBackgroundSubtractor
    from segment.cli import run
    from segment.detections import to_detections
    from segment.errors import SegmentError
    from segment.frame import Frame, SequenceInfo
    from segment.protocols import Damage, FrameSource, Grouper, Sink, Subtractor
    from segment.video import open_frames

__version__ = "0.1.0"

__all__ = [
    "Damage",
    "Frame",
    "FrameSource",
    "Grouper",
    "SegmentError",
    "SequenceInfo",
    "Sink",
    "Subtractor",
    "createBackgroundSubtractor",
    "create_background_subtractor",
    "open_frames",
    "pipeline",
    "run",
    "to_detections",
]

# A library prints nothing; who wants its messages gives the logger "segment" a handler.
logging.getLogger("segment").addHandler(logging.NullHandler())

# Where each public name lives. Nothing is imported before it is asked for, so that
# `import segment` and `segment --help` cost next to nothing.
_HOMES = {
    "Damage": "protocols",
    "Frame": "frame",
    "FrameSource": "protocols",
    "Grouper": "protocols",
    "SegmentError": "errors",
    "SequenceInfo": "frame",
    "Sink": "protocols",
    "Subtractor": "protocols",
    "createBackgroundSubtractor": "background.compat",
    "create_background_subtractor": "background.compat",
    "open_frames": "video",
    "run": "cli",
    "to_detections": "detections",
}


def __getattr__(name: str) -> Any:
    if name == "pipeline":
        return importlib.import_module("segment.pipeline")
    if name in _HOMES:
        return getattr(importlib.import_module(f"segment.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'segment' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
