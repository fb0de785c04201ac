"""Where the camera has moved: whole-pixel shifts, found on the contours of the background."""

from segment.background.registration.search import find_shift

__all__ = ["find_shift"]
