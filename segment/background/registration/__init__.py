"""Where the camera has moved: shifts and turns, found on the contours of the background."""

from segment.background.registration.poses import STRAIGHT, Pose
from segment.background.registration.search import (
    Contours,
    find_contours,
    find_shift,
    has_changed,
    most_contours,
)
from segment.background.registration.turning import find_pose

__all__ = [
    "STRAIGHT",
    "Contours",
    "Pose",
    "find_contours",
    "find_pose",
    "find_shift",
    "has_changed",
    "most_contours",
]
