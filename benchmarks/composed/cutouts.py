"""Things cut out of pictures: patches with alpha, where they stood, and how their limbs repeat."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

FAINT = 8  # alpha below this, of 255, is nothing: no pixel may change where truth says still
SOLID = 191  # alpha from here on is the object's own; between the two nobody scores
WALKS = 0.006  # heights a frame: whoever moves less stands


@dataclass(frozen=True)
class Cutout:
    """One thing through time.

    Attributes
    ----------
    name, source : what it is, and the clip it comes from.
    sort : "person", "car", "animal", "thing" or "hot" (bright on a thermal camera).
    colours, alphas : patches (h, w, 3) and (h, w) uint8, of any size, one a frame.
    anchors : (N, 2), the foot (x, y) within its patch, pixels.
    feet : (N, 2), where the foot stood in the clip, pixels.
    grey : the clip has no colours.
    cut : its lower end is cut off by the border of the clip.
    """

    name: str
    source: str
    sort: str
    colours: list[np.ndarray]
    alphas: list[np.ndarray]
    anchors: np.ndarray
    feet: np.ndarray
    grey: bool = False
    cut: bool = False
    cycle: tuple[int, int] | None = field(default=None)

    def __len__(self) -> int:
        return len(self.colours)

    @cached_property
    def height(self) -> float:
        return float(np.median([len(alpha) for alpha in self.alphas]))

    @cached_property
    def pace(self) -> np.ndarray:
        """(N, 2), pixels a frame, smoothed over nine frames."""
        if len(self) < 3:
            return np.zeros((len(self), 2))
        moved = np.gradient(self.feet, axis=0)
        wide = min(9, len(self))
        weights = np.ones(wide) / wide
        padded = np.pad(moved, ((wide // 2, wide - 1 - wide // 2), (0, 0)), mode="edge")
        return np.stack([np.convolve(padded[:, k], weights, "valid") for k in (0, 1)], axis=1)

    @cached_property
    def facing(self) -> int:
        """1 looks to the right while it moves, -1 to the left, 0 along the line of sight."""
        across, along = np.median(self.pace[self.walking], axis=0) if self.walking.any() else (0, 0)
        return int(np.sign(across)) if abs(across) >= 0.5 * abs(along) else 0

    @cached_property
    def walking(self) -> np.ndarray:
        """(N,) bool, the frames in which it moves."""
        return np.hypot(*self.pace.T) > WALKS * self.height

    @cached_property
    def standing(self) -> tuple[int, int] | None:
        """The longest run of frames [first, last) in which it stands; None under eight."""
        return _longest(~self.walking, 8)

    @cached_property
    def loop(self) -> tuple[int, int]:
        """Frames [first, last) after which its limbs are back where they were."""
        if self.cycle is not None:
            return self.cycle
        span = _longest(self.walking, 12) or (0, len(self))
        first, last = span
        if last - first < 12:
            return span
        seen = np.stack([_small(self, i) for i in range(first, last)])
        far = ((seen[:, None] - seen[None]) ** 2).mean(2)
        apart = np.arange(last - first)
        allowed = (apart[None] - apart[:, None] >= 10) & (apart[None] - apart[:, None] <= 60)
        if not allowed.any():
            return span
        a, b = np.unravel_index(np.where(allowed, far, np.inf).argmin(), far.shape)
        return first + int(a), first + int(b)


def _longest(flags: np.ndarray, least: int) -> tuple[int, int] | None:
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(np.int8), 0]))
    runs = edges.reshape(-1, 2)
    if not len(runs):
        return None
    first, last = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return (int(first), int(last)) if last - first >= least else None


def _small(cutout: Cutout, i: int) -> np.ndarray:
    """A patch as 20 x 20 values of alpha and of grey, in [0, 1]."""
    alpha = cv2.resize(cutout.alphas[i], (20, 20), interpolation=cv2.INTER_AREA) / 255.0
    grey = cv2.resize(cutout.colours[i], (20, 20), interpolation=cv2.INTER_AREA).mean(2) / 255.0
    return np.concatenate([alpha.ravel(), (alpha * grey).ravel()])


def patch_of(image: np.ndarray, mask: np.ndarray, margin: int = 3):
    """Cut a mask (H, W) bool out of an image (H, W, 3): colour, alpha and (left, top).

    The mask is drawn in by half a pixel and feathered, so that little of what was behind it
    comes along; colours beyond the edge are those of the nearest pixel inside.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom = max(0, rows[0] - margin), min(mask.shape[0], rows[-1] + 1 + margin)
    left, right = max(0, columns[0] - margin), min(mask.shape[1], columns[-1] + 1 + margin)
    inside = mask[top:bottom, left:right].astype(np.uint8)
    colour = image[top:bottom, left:right].copy()
    # A wide mask loses its outermost ring: it is mixed with what was behind.
    thin = cv2.erode(inside, np.ones((3, 3), np.uint8))
    # Limbs of a pixel or three would be gone with it: they stay as they are.
    limbs = inside & ~cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    core = thin | limbs
    alpha = cv2.GaussianBlur(core * np.float32(255), (0, 0), 0.8)
    beyond = (core == 0).astype(np.uint8)
    if beyond.any():
        _, nearest = cv2.distanceTransformWithLabels(
            beyond, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        numbers = np.zeros(int(nearest.max()) + 1, np.int64)
        solid = np.flatnonzero(core)
        numbers[nearest.ravel()[solid]] = solid
        colour = colour.reshape(-1, 3)[numbers[nearest.ravel()]].reshape(colour.shape)
    return colour, np.rint(alpha).astype(np.uint8), (left, top)
