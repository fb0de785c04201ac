"""Labels for `supervision`, the toolbox of annotators, zones and counters: an extra."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.errors import MissingLabels, SegmentError

if TYPE_CHECKING:
    from segment.frame import Frame

__all__ = ["to_detections"]


def to_detections(frame: "Frame") -> Any:
    """Return the objects of a frame as `supervision.Detections`, in the order of their labels.

    N objects: `xyxy` (N, 4) float64, left, top, right, bottom in pixels, the last two
    exclusive; `mask` (N, H, W) bool; `tracker_id` (N,) int, the labels, which last over the
    sequence; `class_id` (N,) int, all 0, and no confidence: nothing here knows classes.
    A frame in which nothing is found gives empty detections, with masks (0, H, W).

    Raises MissingLabels without a grouper before it, and SegmentError without supervision.
    """
    labels = frame.labels
    if labels is None:
        raise MissingLabels(
            f"frame {frame.index} has no objects to detect; put a grouper before to_detections"
        )
    try:
        from supervision import Detections
    except ImportError:
        raise SegmentError(
            'detections are those of supervision: pip install "segment-em[supervision]"'
        ) from None
    numbers = np.unique(labels)
    numbers = numbers[numbers != 0]
    mask = labels[None] == numbers[:, None, None]
    return Detections(
        xyxy=_boxes(mask),
        mask=mask,
        class_id=np.zeros(len(numbers), int),
        tracker_id=numbers.astype(int),
    )


def _boxes(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Left, top, right, bottom of each mask (N, H, W), none of which is empty."""
    columns: NDArray[np.bool_] = np.any(masks, axis=1)
    rows: NDArray[np.bool_] = np.any(masks, axis=2)
    sides = [
        columns.argmax(axis=1),
        rows.argmax(axis=1),
        columns.shape[1] - columns[:, ::-1].argmax(axis=1),
        rows.shape[1] - rows[:, ::-1].argmax(axis=1),
    ]
    return np.stack(sides, axis=1).astype(np.float64)
