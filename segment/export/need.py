"""What a sink takes from a frame, or the line that says what is missing."""

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Labels, Mask
from segment.errors import MissingEvents, MissingForeground, MissingLabels
from segment.events import Event, Scene
from segment.frame import Frame

SHADOW = 127
"""Grey value of shadows in masks, as in OpenCV's; `segment score` takes it for background."""


def foreground_of(frame: Frame) -> Mask:
    """The frame's foreground mask. Raises MissingForeground."""
    if frame.foreground is None:
        raise MissingForeground(
            f"frame {frame.index} has no foreground mask to write; "
            "put a subtract-... command before export"
        )
    return frame.foreground


def grey_of(frame: Frame) -> NDArray[np.uint8]:
    """The frame's mask as it is written: 255 foreground, 127 shadow if asked for, 0 elsewhere.

    Raises MissingForeground.
    """
    picture = foreground_of(frame).view(np.uint8) * np.uint8(255)
    if frame.shadow is not None:
        picture[frame.shadow & (picture == 0)] = SHADOW
    return picture


def events_of(frame: Frame) -> tuple[Event, ...]:
    """The events that were over by this frame. Raises MissingEvents."""
    if frame.events is None:
        raise MissingEvents(f"frame {frame.index} has no events to write; put events before export")
    return frame.events


def scene_of(frame: Frame) -> Scene:
    """The scene that was watched. Raises MissingEvents."""
    if frame.sequence.scene is None:
        raise MissingEvents(f"frame {frame.index} has no scene; put events before export")
    return frame.sequence.scene


def labels_of(frame: Frame) -> Labels:
    """The frame's labels. Raises MissingLabels."""
    if frame.labels is None:
        raise MissingLabels(
            f"frame {frame.index} has no objects to write; put a group command before export"
        )
    return frame.labels
