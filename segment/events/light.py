"""Light or somebody: whether a blob of the mask still shows what is behind it."""

import math

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image

__all__ = ["Backdrop"]

_LOOK = 0.4  # seconds between two looks at the background
_FOLLOW = 0.1  # share of a look that is learned
_ALIKE = 0.35  # correlation of its fine structure with the background's above which it is light
_PLAIN = 0.9  # grey levels of structure below which that says nothing
_SOFT = 0.4  # share of its depth by which light rises at its border: clouds 0 to .33, people .6;
_RING = 3  # pixels inside and outside by which that is taken
_SHALLOW = 3.0  # grey levels below which nobody can tell

Part = tuple[slice, slice]


class Backdrop:
    """A coarse grey background, and what of the picture is that background in another light."""

    def __init__(self) -> None:
        self._plain: NDArray[np.float32] | None = None
        self._looked = -math.inf

    def look(
        self, image: Image, coarse: NDArray[np.bool_], step: int, time: float
    ) -> NDArray[np.float32]:
        """The coarse picture, grey; the background follows it where nothing is in front."""
        import cv2

        green = image[step // 2 :: step, step // 2 :: step, image.shape[2] // 2]
        grey = np.ascontiguousarray(green, np.float32)
        if self._plain is None:
            self._plain, self._looked = grey.copy(), time
        elif time - self._looked >= _LOOK:
            self._looked = time
            cv2.accumulateWeighted(grey, self._plain, _FOLLOW, (~coarse).view(np.uint8))
        return grey

    def is_light(self, grey: NDArray[np.float32], inside: NDArray[np.bool_], where: Part) -> bool:
        """Whether the blob `inside` the part `where` of the picture is light.

        It shows the fine structure that is behind it, or it has no edge.
        """
        import cv2

        assert self._plain is not None
        now, then = grey[where], self._plain[where]
        one, other = (
            (part - np.asarray(cv2.blur(part, (5, 5)), np.float32))[inside] for part in (now, then)
        )
        telling = other.std() >= _PLAIN and one.std() > 1e-6
        if telling and float(np.corrcoef(one, other)[0, 1]) > _ALIKE:
            return True
        return self._is_soft(grey, inside, where)

    def _is_soft(self, grey: NDArray[np.float32], inside: NDArray[np.bool_], where: Part) -> bool:
        """Whether it gets lighter or darker without a border, as a cloud does and nobody else."""
        import cv2

        assert self._plain is not None
        height, width = grey.shape
        rows = slice(max(0, where[0].start - _RING), min(height, where[0].stop + _RING))
        columns = slice(max(0, where[1].start - _RING), min(width, where[1].stop + _RING))
        change = np.abs(grey[rows, columns] - self._plain[rows, columns])
        blob = np.zeros(change.shape, np.uint8)
        top, left = where[0].start - rows.start, where[1].start - columns.start
        blob[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        round_about = np.ones((2 * _RING + 1, 2 * _RING + 1), np.uint8)
        # What lies beyond the picture counts as the blob's own: its border is not known there.
        core = cv2.erode(blob, round_about, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        within, outside = (
            (blob > 0) & (core == 0),
            (cv2.dilate(blob, round_about) > 0) & (blob == 0),
        )
        if not within.any() or not outside.any():
            return False
        deep = float(np.median(change[blob > 0]))
        if deep < _SHALLOW:
            return False
        rise = float(np.median(change[within])) - float(np.median(change[outside]))
        return rise < _SOFT * deep
