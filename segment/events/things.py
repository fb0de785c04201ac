"""What stands where something was not, or is gone from where it was: left and taken things.

Both are foreground that never moved. Where a thing was left, its outline is an edge of the picture
now and was none before; where one was taken, the old picture had the edge and the new one has not.
"""

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.objects import Object

_EVERY = 0.5  # seconds between two looks at the background
_FOLLOW = 0.1  # share of a look that is learned: a light that fades is followed in some seconds
_CLEAR = 1.25  # times as strong an edge must be; below, nobody can say which it is
_RIM = 3  # pixels to both sides of an outline that are looked at


class Things:
    """Remembers the picture without objects, and says what became of a still one."""

    def __init__(self) -> None:
        self._plain: NDArray[np.float32] | None = None
        self._looked = 0.0

    def look(self, image: Image, taken: Mask, time: float) -> None:
        """Follow the picture where nothing is in front of it; `taken` (H, W) bool is in front."""
        if self._plain is None:
            self._plain, self._looked = _green(image).astype(np.float32), time
            return
        if time - self._looked < _EVERY:
            return
        import cv2

        self._looked = time
        free = (~taken).view(np.uint8)
        cv2.accumulateWeighted(_green(image), self._plain, _FOLLOW, free)

    def judge(self, image: Image, thing: Object) -> str | None:
        """Whether a still object was `left` or `taken`; None when its outline does not tell."""
        import cv2

        assert self._plain is not None
        height, width = self._plain.shape
        x0, y0 = max(0, thing.x - _RIM), max(0, thing.y - _RIM)
        x1 = min(width, thing.x + thing.width + _RIM)
        y1 = min(height, thing.y + thing.height + _RIM)
        inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
        inside[
            thing.y - y0 : thing.y - y0 + thing.height, thing.x - x0 : thing.x - x0 + thing.width
        ] = thing.mask
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM + 1,) * 2)
        rim = cv2.dilate(inside, disc) - cv2.erode(inside, disc)
        now = _edges(_green(image[y0:y1, x0:x1]).astype(np.float32))[rim > 0]
        then = _edges(self._plain[y0:y1, x0:x1])[rim > 0]
        if not now.size:
            return None
        new, old = float(now.mean()), float(then.mean())
        if new > _CLEAR * old:
            return "left"
        return "taken" if old > _CLEAR * new else None


def _green(image: Image) -> NDArray[np.uint8]:
    """Green says most of it; of a grey picture, its only channel."""
    import cv2

    return np.asarray(cv2.extractChannel(image, image.shape[2] // 2), np.uint8)


def _edges(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)
