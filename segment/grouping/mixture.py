"""Pictures into groups of what looks alike and lies together, by mixtures and merging."""

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask, check_image, check_mask, check_number, whole_number
from segment.grouping.features import Mixtures, describe
from segment.grouping.identity import IdentityTracker
from segment.grouping.pictures import hierarchy, judges
from segment.grouping.pictures.hierarchy import Hierarchy
from segment.turns import one_at_a_time

LARGEST = 200_000
"""Pixels of the picture that is worked on: what is larger is halved or so, and refined after."""


@one_at_a_time("group")
class MixtureGrouper:
    """Groups of pixels that look alike and lie together, found without labels.

    Mixtures of the picture's colours and textures, fitted by EM, tell what is alike; where they
    change there are edges. The pieces between the edges are joined, those first that most belong
    together, and what is left when the odds turn are the groups.

    Parameters
    ----------
    components : number of groups, or None to let the picture decide. There are no fewer than
        parts of the foreground that do not touch.
    scale : how coarse, in [0, 1], when the picture decides: 0.5 ends where people do, less
        gives more groups.
    patience : frames for which a group that is not seen keeps its id; see `IdentityTracker`.
    judges : who decides: "learned", from pictures that people have segmented; "unasked", without
        anything that people have said of a picture; or a file of `models/picture-groups/learn.py`.

    Every pixel of the foreground gets a label, or of the whole picture without one. In a
    sequence each fit begins where the last one ended, and the same id in another frame is the
    same group as far as `IdentityTracker` can tell. One object serves one sequence.

    Sources: Arbeláez et al., Contour detection and hierarchical image segmentation, IEEE PAMI
    33(5), 2011, for the frame of it; Nunez-Iglesias et al., Machine learning of hierarchical
    clustering, PLoS ONE 8(8), 2013, for a judge that learns from its own merges.
    """

    def __init__(
        self,
        components: int | None = None,
        *,
        scale: float = 0.5,
        patience: int = 25,
        judges: str = "learned",
    ) -> None:
        if components is not None:
            components = whole_number("components", components)
            if components < 1:
                raise ValueError(f"components is {components}, wanted 1 or more groups")
        check_number("scale", scale, "a number from 0 (finest) to 1 (coarsest)")
        if not 0 <= scale <= 1:
            raise ValueError(f"scale is {scale!r}, wanted a number from 0 (finest) to 1 (coarsest)")
        self.components = components
        self.scale = scale
        self.judges = judges
        self._mixtures = Mixtures()
        self._tracker = IdentityTracker(patience=patience)

    def group(self, image: Image, foreground: Mask | None = None) -> Labels:
        """Return labels (H, W) int32 of the next frame, 0 outside `foreground`.

        None lets the whole picture take part. Raises ValueError for a mask of another size.
        """
        check_image(image)
        if foreground is not None:
            check_mask(foreground, image.shape[:2], "foreground")
            if not foreground.any():
                return self._tracker.update(np.zeros(foreground.shape, np.int32), image)
        found = self.hierarchy(image, foreground)
        if self.components is not None:
            labels = found.cut_to(self.components)
        else:
            labels = found.cut(self.scale)
        if labels.shape != image.shape[:2]:
            labels = _refine(labels, image, foreground)
        return self._tracker.update(labels, image)

    def hierarchy(self, image: Image, foreground: Mask | None = None) -> Hierarchy:
        """Return how the picture falls into groups at all scales.

        Pictures of more than LARGEST pixels are made smaller for it, and so is what it returns.
        """
        image, foreground = _reduce(image, foreground)
        features = describe(image, self._mixtures)
        return hierarchy.build(features, judges.load(self.judges), foreground)


def _reduce(image: Image, foreground: Mask | None) -> tuple[Image, Mask | None]:
    """Make a large picture smaller; no part of the foreground gets lost."""
    height, width = image.shape[:2]
    factor = np.sqrt(LARGEST / (height * width))
    if factor >= 1:
        return image, foreground
    import cv2

    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    if foreground is not None:
        share = cv2.resize(foreground.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        foreground = np.asarray(share > 0)
    return np.asarray(small, np.uint8).reshape(*size[::-1], -1), foreground


def _refine(labels: Labels, image: Image, foreground: Mask | None) -> Labels:
    """Enlarge labels to the picture, and let their borders settle on its edges."""
    import cv2

    height, width = image.shape[:2]
    rows = np.arange(height) * labels.shape[0] // height
    columns = np.arange(width) * labels.shape[1] // width
    coarse = np.asarray(labels[np.ix_(rows, columns)], np.int32)
    if foreground is not None and (coarse[foreground] == 0).any():
        coarse = _fill(coarse)
    reach = int(np.ceil(max(height / labels.shape[0], width / labels.shape[1])))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # The border is open within reach; what is too thin for that stays as it is.
    planes = coarse.astype(np.float32)
    still = np.asarray(cv2.dilate(planes, disc) == cv2.erode(planes, disc))
    kept = np.zeros(int(coarse.max(initial=0)) + 1, np.bool_)
    kept[coarse[still]] = True
    seeds = np.where(still | ~kept[coarse], coarse + 1, 0).astype(np.int32)
    colour = np.ascontiguousarray(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image)
    flooded = np.asarray(cv2.watershed(colour, seeds), np.int32) - 1
    # OpenCV draws lines of -1 between basins, and around the picture.
    flooded = np.where(flooded < 0, coarse, flooded)
    if foreground is not None:
        flooded = np.where(foreground, np.where(flooded > 0, flooded, coarse), 0)
    return np.asarray(flooded, np.int32)


def _fill(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give every pixel without a label that of the nearest with one."""
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    filled: NDArray[np.int32] = labels[tuple(nearest)]
    return filled
