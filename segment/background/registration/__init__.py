"""Where the camera has moved: whole-pixel shifts, found on the contours of the background."""

from segment.background.registration.search import (
    Contours,
    find_contours,
    find_shift,
    most_contours,
)

__all__ = ["Contours", "find_contours", "find_shift", "most_contours"]
