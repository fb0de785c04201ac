"""What a sink takes from a frame, or the line that says what is missing."""

from segment.arrays import Labels, Mask
from segment.errors import MissingForeground, MissingLabels
from segment.frame import Frame


def foreground_of(frame: Frame) -> Mask:
    """The frame's foreground mask. Raises MissingForeground."""
    if frame.foreground is None:
        raise MissingForeground(
            f"frame {frame.index} has no foreground mask to write; "
            "put a subtract-... command before export"
        )
    return frame.foreground


def labels_of(frame: Frame) -> Labels:
    """The frame's labels. Raises MissingLabels."""
    if frame.labels is None:
        raise MissingLabels(
            f"frame {frame.index} has no objects to write; put a group command before export"
        )
    return frame.labels
