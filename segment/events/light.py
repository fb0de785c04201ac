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
_SOFT = 0.6  # share of its depth by which light changes where it is steepest: clouds have .5 at
# the most, people .8 at the least, in twelve drawn minutes
_ACROSS = 4  # pixels
_BLACK = 8.0  # grey levels that are added: in the dark, noise is no share of anything

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
        """Whether it gets lighter or darker without an edge, as under a cloud and nobody else."""
        import cv2

        assert self._plain is not None
        height, width = grey.shape
        rows = slice(max(0, where[0].start - _ACROSS), min(height, where[0].stop + _ACROSS))
        columns = slice(max(0, where[1].start - _ACROSS), min(width, where[1].stop + _ACROSS))
        top, left = where[0].start - rows.start, where[1].start - columns.start
        # As a share of what is behind: on a dark wall beside a bright one light makes no edge.
        shares = np.log((grey[rows, columns] + _BLACK) / (self._plain[rows, columns] + _BLACK))
        change = np.asarray(cv2.blur(shares, (3, 3)), np.float32)
        blob = np.zeros(change.shape, np.uint8)
        blob[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        round_about = np.ones((_ACROSS + 1, _ACROSS + 1), np.uint8)
        rim = np.asarray(cv2.dilate(blob, round_about)) > np.asarray(cv2.erode(blob, round_about))
        deep = float(np.percentile(np.abs(change[blob > 0]), 75))
        steps = np.zeros(change.shape, np.float32)
        across = np.abs(change[:, _ACROSS:] - change[:, :-_ACROSS])
        down = np.abs(change[_ACROSS:] - change[:-_ACROSS])
        half = _ACROSS // 2
        steps[:, half : half + across.shape[1]] = across
        steps[half : half + down.shape[0]] = np.maximum(steps[half : half + down.shape[0]], down)
        # An edge is where the mask ends, or, where it is too wide, within.
        sharp = max(float(np.percentile(steps[part], 90)) for part in (rim, blob > 0))
        return sharp < _SOFT * deep
