"""Connected pieces of foreground, parted at their waists, as objects."""

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask, check_number
from segment.grouping.components import ConnectedComponents
from segment.grouping.identity import IdentityTracker
from segment.grouping.needed import with_foreground
from segment.turns import one_at_a_time

__all__ = ["Watershed"]


@one_at_a_time("group")
class Watershed:
    """Every bulge of the foreground is an object: pieces are cut where they are narrow.

    The distance to the background has a peak in every bulge. A peak that stands out from the
    ridges around it becomes an object; the others join it by the watershed of the distance.

    Parameters
    ----------
    prominence : by which factor, above 1, a bulge must be wider than the waist between it and a
        wider one; larger values cut less.
    smoothing : standard deviation by which distances are smoothed, pixels.
    holes : holes that cover less than this share of a piece do not count as background.
    smallest : pieces of less than this area are background, pixels; 0 keeps all.
    patience : frames for which an object that is not seen keeps its id; see `IdentityTracker`.

    Within a frame, two objects never share an id, and objects of different pieces never do. The
    same id in another frame is the same object as far as `IdentityTracker` can tell. One object
    serves one sequence.

    Source: Beucher & Lantuéjoul 1979 (watershed); Vincent, IEEE TIP 2, 1993 (h-maxima).
    """

    def __init__(
        self,
        prominence: float = 1.05,
        smoothing: float = 1.0,
        holes: float = 0.02,
        smallest: int = 0,
        *,
        patience: int = 25,
    ) -> None:
        check_number("prominence", prominence, "a factor above 1")
        check_number("smoothing", smoothing, "pixels, 0 or more")
        check_number("holes", holes, "a share in [0, 1]")
        if not prominence > 1:
            raise ValueError(f"prominence is {prominence}, wanted a factor above 1")
        if not smoothing >= 0:
            raise ValueError(f"smoothing is {smoothing} pixels, wanted 0 or more")
        if not 0 <= holes <= 1:
            raise ValueError(f"holes is {holes}, wanted a share in [0, 1]")
        self.prominence = prominence
        self.smoothing = smoothing
        self.holes = holes
        self._pieces = ConnectedComponents(smallest)
        self._tracker = IdentityTracker(patience=patience)

    def group(self, image: Image, foreground: Mask | None) -> Labels:
        """Return labels (H, W) int32 of the next frame, 0 outside `foreground`.

        Raises MissingForeground without a mask, and ValueError for one of another size.
        """
        foreground = with_foreground(image, foreground, "group-watershed")
        return self._tracker.update(self._part(foreground), image)

    def _part(self, foreground: Mask) -> Labels:
        import cv2

        view = np.ascontiguousarray(foreground).view(np.uint8)
        count, pieces, boxes, _ = cv2.connectedComponentsWithStats(view, connectivity=8)
        labels = np.zeros(foreground.shape, np.int32)
        used = 0
        for piece in range(1, count):
            x, y, width, height, area = (int(n) for n in boxes[piece])
            if area < self._pieces.smallest:
                continue
            part = np.s_[y : y + height, x : x + width]
            shape = pieces[part] == piece
            bulges = self.bulges(shape, area)
            labels[part][shape] = bulges[shape] + used
            used += int(bulges.max())
        return labels

    def bulges(self, shape: Mask, area: int) -> NDArray[np.int32]:
        """Return a number from 1 for every pixel of one piece (h, w) of `area` pixels."""
        import cv2
        from scipy import ndimage
        from skimage.morphology import local_maxima, reconstruction
        from skimage.segmentation import watershed

        # What is narrower than a bulge and its waist together has no two of them.
        if min(shape.shape) < 3 or area < 16:
            return np.ones(shape.shape, np.int32)
        # A frame around it: what touches the border of the box is narrow there too.
        inside = np.pad(self._fill(shape, area), 1)
        distance = cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, 5)
        if self.smoothing:
            distance = cv2.GaussianBlur(distance, (0, 0), self.smoothing)
        width = np.log(np.maximum(distance, 0.5))
        width[~inside] = np.log(0.5)
        # Peaks cut off so far below their tops that only those are left which stand out: each is
        # a plateau then, and two that are equally high and near share one.
        cut = reconstruction(  # type: ignore[no-untyped-call]
            width - np.float32(np.log(self.prominence)), width
        )
        tops = local_maxima(cut) & inside  # type: ignore[no-untyped-call]
        peaks, count = ndimage.label(tops, np.ones((3, 3)))
        if count < 2:
            return np.ones(shape.shape, np.int32)
        parted = watershed(  # type: ignore[no-untyped-call]
            -distance, peaks, mask=inside, connectivity=2
        )
        found = parted[1:-1, 1:-1]
        # Numbers that lie in filled holes alone are not seen, and must not leave gaps.
        seen = np.zeros(count + 1, np.int32)
        numbers = np.unique(found[shape])
        seen[numbers] = np.arange(1, len(numbers) + 1)
        return np.asarray(np.where(shape, seen[found], 0), np.int32)

    def _fill(self, shape: Mask, area: int) -> Mask:
        import cv2

        least = self.holes * area
        if least < 1:
            return shape
        outside = np.pad(~shape, 1, constant_values=True)
        _, regions, boxes, _ = cv2.connectedComponentsWithStats(
            outside.view(np.uint8), connectivity=4
        )
        small = boxes[:, cv2.CC_STAT_AREA] < least
        small[[0, regions[0, 0]]] = False
        filled: Mask = shape | small[regions[1:-1, 1:-1]]
        return filled
