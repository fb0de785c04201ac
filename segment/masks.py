"""Functions on foreground masks; each returns a new array and leaves its input as it was."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Labels, Mask, check_mask, whole_number

# The defaults of `clean` were chosen on the masks of OpenCV's MOG2 (history 200, threshold 16,
# no shadows) over eight sequences of 144x144 to 384x256 pixels, 112 to 152 frames each. CDnet's
# F, pooled and as the mean over sequences: raw 0.541 / 0.553, cleaned 0.625 / 0.633. None of
# the eight becomes worse, neither with 1 % or 3 % of the pixels flipped by noise, nor three times
# as large. A median of 5 eats thin outlines (0.583 / 0.607), a closing of 9 or more gains still
# more where objects are hollow (0.645 / 0.646), but merges small ones that pass each other
# (CAVIAR2: 0.496 raw, 0.540 with 7, 0.525 with 9). From 0 to 1/2000, `smallest` moves F by
# less than 0.002; what it does is keep specks from becoming objects. Specks are noise of some
# pixels and blocks of a codec, 64 or less: a larger picture has more of them, not larger ones,
# and small objects are as small in it. So `smallest` grows no further than to 100 pixels, which
# changes nothing in pictures of up to 816x612; a spider of 238 pixels at 1920x1080 stays.
HOLES_SHARE = 1 / 200
SMALLEST_SHARE = 1 / 5000
SMALLEST_MOST = 100


def clean(
    mask: Mask,
    *,
    median: int = 3,
    opening: int = 0,
    closing: int = 7,
    holes: int | None = None,
    smallest: int | None = None,
) -> Mask:
    """Return `mask` without specks and gaps, (H, W) bool.

    The steps run in the order of the parameters. The defaults suit masks from a
    subtractor; for large pictures with large objects a wider `closing` fills more.

    Parameters
    ----------
    mask : (H, W) bool, foreground; not changed.
    median : side of the square in which the majority decides, pixels, odd; 0 or 1 is off.
        Beyond the border the outermost pixels repeat.
    opening : diameter of the disc that must fit into what stays, pixels; 0 or 1 is off.
    closing : diameter of the disc that must fit into a gap that stays, pixels; 0 or 1 is off.
    holes : holes of at most this area are filled, pixels; 0 is off, None is 1/200 of the
        picture. A hole is 4-connected background that does not touch the border.
    smallest : 8-connected components of less than this area are removed, pixels; 0 or 1 is
        off, None is 1/5000 of the picture, and at most 100 pixels: 15 at 320x240.

    A mask that is not (H, W) bool, a size that is no whole number from 0 up and an even
    `median` are refused with TypeError or ValueError.
    """
    check_mask(mask)
    median = _whole("median", median)
    if median > 1 and median % 2 == 0:
        raise ValueError(
            f"median is {median} pixels, wanted an odd side; take {median - 1} or {median + 1}"
        )
    opening, closing = _whole("opening", opening), _whole("closing", closing)
    holes = int(mask.size * HOLES_SHARE) if holes is None else _whole("holes", holes)
    smallest = smallest_in(mask.size) if smallest is None else _whole("smallest", smallest)
    result = mask.copy()
    if not result.any():
        return result
    if median > 1:
        result = _majority(result, median)
    if opening > 1:
        result = _morphology(result, "open", opening)
    if closing > 1:
        result = _morphology(result, "close", closing)
    if holes:
        result = fill_holes(result, holes)
    if smallest > 1:
        result = remove_small(result, smallest)
    return result


# Which library: processor milliseconds at 1920x1080, one thread, a mask with 300 components.
#   median 3 or 5   cv2.boxFilter 0.5, cv2.medianBlur 3.6 (9: 39), skimage.filters.rank 244
#   closing 7       cv2 1.1, skimage.morphology 72
#   holes, small    cv2 labels with bincount 12 and 4, cv2 with statistics 21 and 15, skimage 13, 12


def smallest_in(pixels: int) -> int:
    """Return how small a piece of foreground is a speck in a picture of so many `pixels`."""
    return min(int(pixels * SMALLEST_SHARE), SMALLEST_MOST)


def fill_holes(mask: Mask, largest: int) -> Mask:
    """Return `mask` (H, W) bool with its holes of at most `largest` pixels filled.

    A hole is 4-connected background that does not touch the border of the picture.
    """
    import cv2

    count, found = cv2.connectedComponents((~mask).view(np.uint8), connectivity=4)
    labels = np.asarray(found, np.int32)
    if count < 2:
        return mask.copy()
    fill = np.bincount(labels.ravel(), minlength=count) <= largest
    fill[0] = False  # the foreground itself
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        fill[edge] = False
    filled: Mask = mask | np.take(fill, labels)
    return filled


def remove_small(mask: Mask, smallest: int) -> Mask:
    """Return `mask` (H, W) bool without its 8-connected pieces of less than `smallest` pixels."""
    import cv2

    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    # Only the foreground is looked up: most pixels are background.
    members = labels[mask]
    keep = np.bincount(members, minlength=count) >= smallest
    result = np.zeros_like(mask)
    result[mask] = keep[members]
    return result


def pieces_of(mask: Mask) -> Labels:
    """Number the 4-connected pieces of a mask (H, W) in reading order, from 1: (H, W) int32."""
    import cv2

    check_mask(mask)
    _, found = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    return np.asarray(found, np.int32)


def polygons(corners: Sequence[Sequence[tuple[float, float]]], size: tuple[int, int]) -> Labels:
    """Number the insides of polygons in a picture of `size` (height, width), from 1, 0 outside.

    Corners are (column, row), pixels. Where polygons overlap, the former counts.
    """
    import cv2

    found = np.zeros(size, np.int32)
    for number in range(len(corners), 0, -1):
        points = np.rint(np.array(corners[number - 1])).astype(np.int32)
        cv2.fillPoly(found, [points], number)
    return found


def box_of(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the box about a mask (H, W): top and left, and one beyond its last row and column.

    Raises ValueError for a mask in which there is nothing.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("there is nothing in the mask, so it has no box")
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _majority(mask: Mask, side: int) -> Mask:
    """Return the median of each square; of zeros and ones, the median is the majority."""
    import cv2

    count: NDArray[np.int32] = cv2.boxFilter(  # type: ignore[assignment]
        mask.view(np.uint8),
        # The square's pixels must not overflow their count.
        cv2.CV_8U if side < 16 else cv2.CV_32S,
        (side, side),
        normalize=False,
        borderType=cv2.BORDER_REPLICATE,
    )
    return count > side**2 // 2


def _morphology(mask: Mask, step: str, diameter: int) -> Mask:
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
    # An even disc has no centre pixel. What goes out by one disc must come back by its mirror
    # image, else the mask moves by a pixel (cv2.morphologyEx lets it).
    back = np.ascontiguousarray(disc[::-1, ::-1])
    there, here = (diameter // 2,) * 2, ((diameter - 1) // 2,) * 2
    source = mask.view(np.uint8)
    if step == "open":
        moved = cv2.dilate(cv2.erode(source, disc, anchor=there), back, anchor=here)
    else:
        moved = cv2.erode(cv2.dilate(source, disc, anchor=there), back, anchor=here)
    changed: Mask = np.asarray(moved, np.uint8).view(np.bool_)
    return changed


def _whole(name: str, value: int) -> int:
    number = whole_number(name, value, "a whole number of pixels; 0 turns it off")
    if number < 0:
        raise ValueError(f"{name} is {number} pixels, wanted 0 (off) or more")
    return number
