"""Large pictures are judged in smaller ones, and the mask is made as large as they are.

What the network and the constants know of leaves, noise and edges, they know of pictures of some
640 x 480: in a garden filmed with 1920 x 1080 leaves move by more pixels than they ever saw, and
were foreground.
"""

from typing import Any, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import whole_number
from segment.background.posterior.kernels.records import Bytes
from segment.background.posterior.request import Request

__all__ = ["Scale", "as_times"]

# Pixels across of a picture, the root of its area, that is looked at as it is: one and a half times
# as many are looked at in half the size, two and a half times in a third.
_USUAL = 600

Size = tuple[int, int]


class Scale(NamedTuple):
    """The size (H, W) of the images, of the pictures in which they are judged, and the factor."""

    full: Size
    small: Size
    times: int

    @classmethod
    def of(cls, size: Size, times: int | None) -> Self:
        """Return that of images (H, W) made `times` smaller, None: by their size."""
        height, width = size
        if times is None:
            times = max(1, round((height * width) ** 0.5 / _USUAL))
        return cls(size, (max(1, round(height / times)), max(1, round(width / times))), times)

    def shrink(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the means of an image (H, W) or (H, W, C)."""
        if self.full == self.small:
            return image
        size, planes = self.small[::-1], image.reshape(*self.full, -1)
        smaller = [  # four channels at once are the most that OpenCV takes
            cv2.resize(planes[:, :, c : c + 4], size, interpolation=cv2.INTER_AREA)
            for c in range(0, planes.shape[2], 4)
        ]
        parts = [part.reshape(*self.small, -1) for part in smaller]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, 2)
        return whole.reshape(*self.small, *image.shape[2:])

    def shrink_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return where any pixel of a mask (H, W) is set."""
        if self.full == self.small:
            return mask
        return self.shrink(mask.astype(np.float32)) > 0

    def shrink_request(self, request: Request) -> Request:
        """Return what is asked for a frame, for the smaller picture.

        What is known of one pixel is known of all that become one with it, foreground before
        background; a pixel that is not to be learned keeps the others from it.
        """
        if self.full == self.small:
            return request
        told, rate, where = request.told, request.rate, request.where
        if told.size:
            told = told.reshape(self.full)
            less = np.zeros(self.small, np.uint8)
            for value in sorted(set(np.unique(told).tolist()) - {0}, reverse=True):
                less[self.shrink_mask(told == value)] = value
            told = less.reshape(-1)
        if isinstance(rate, np.ndarray):
            frozen = self.shrink_mask(rate == 0)
            size = self.small[::-1]
            rate = np.asarray(cv2.resize(rate, size, interpolation=cv2.INTER_NEAREST), np.float32)
            rate[frozen] = 0
        if where is not None:
            where = ~self.shrink_mask(~where)
        unknown = None if request.unknown is None else self.shrink_mask(request.unknown)
        return request._replace(told=told, rate=rate, where=where, unknown=unknown)

    def enlarge(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Return a picture (h, w) or (h, w, C) as large as the images; a mask stays one."""
        if self.full == self.small:
            return picture
        if picture.dtype == np.bool_:
            return self.enlarge_mask(picture.view(np.uint8)).view(np.bool_)
        size, planes = self.full[::-1], picture.reshape(*self.small, -1)
        larger = [cv2.resize(plane, size) for plane in np.moveaxis(planes, 2, 0)]
        return np.stack(larger, 2).reshape(*self.full, *picture.shape[2:])

    def enlarge_mask(self, mask: Bytes) -> Bytes:
        """Return a mask (h, w) of 0 and 1 as large as the images, with smooth edges."""
        if self.full == self.small:
            return mask
        larger = cv2.resize(mask * np.uint8(255), self.full[::-1])
        return (np.asarray(larger) > 127).view(np.uint8)


def as_times(name: str, times: int | None) -> int | None:
    """Return how many times smaller; raise ValueError if that is not a whole number from 1 on."""
    if times is None:
        return None
    times = whole_number(name, times)
    if times < 1:
        raise ValueError(f"{name} is {times}, wanted at least 1, or None")
    return times
