"""One object as a component of a mixture: where it is likely to be seen, and what it looks like."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.grouping.regions import Floats, Integers

Plane = NDArray[np.float32]

_PROBES = 150  # pixels of a template that are asked when it is moved
_MARGIN = 2  # empty pixels around a template


@dataclass(slots=True, eq=False)
class Layer:
    """An object that is being followed: a template that moves.

    Attributes
    ----------
    id : its label, from 1.
    corner : (2,) whole numbers, row and column of the template's first pixel.
    velocity : (2,) pixels a frame.
    shape : (h, w) how likely the object covers each pixel of the template, [0, 1].
    colour : (h, w, C) its mean colour there, grey levels.
    spread : (h, w) variance of the colour.
    known : (h, w) how often the colour was seen, [0, 1).
    histogram : (B,) share of its pixels in each bin of colours.
    area : pixels when seen alone, smoothed.
    centre : (2,) mean of its pixels when it was alone in the last frame, else None.
    age : frames in which it was seen.
    lost : frames since there was foreground where it should be.
    hidden : frames since others left anything of it to be seen.
    visible : share of the template that is seen, by the last E-step.
    over : by the id of another layer, log-odds that this one is in front.
    parted : frames for which it has been in more than one piece.
    excess : frames for which foreground beside it has been nobody's, and `stray`,
        whether that is so in this one.
    solo : frames in which it had a piece of foreground to itself.
    nested : frames for which it has been lying on another, unmoved.
    origin : the layer beside which it came to be, 0 for none, and `offset` (2,) from there.
    place : (2,) like `corner`, but not rounded.
    probes : (P, 2) pixels of the template that are asked when it is moved.
    middle, precision : (2,) and (2, 2), the Gaussian around the template.
    """

    id: int
    corner: Integers
    velocity: Floats
    shape: Plane
    colour: Plane
    spread: Plane
    known: Plane
    histogram: Floats
    area: float = 0.0
    centre: Floats | None = None
    age: int = 0
    lost: int = 0
    hidden: int = 0
    visible: float = 1.0
    over: dict[int, float] = field(default_factory=dict)
    parted: int = 0
    excess: int = 0
    stray: bool = False
    solo: int = 0
    nested: int = 0
    origin: int = 0
    offset: Floats = field(default_factory=lambda: np.zeros(2))
    place: Floats = field(default_factory=lambda: np.zeros(2))
    probes: Integers = field(default_factory=lambda: np.empty((0, 2), np.intp))
    middle: Floats = field(default_factory=lambda: np.zeros(2))
    precision: Floats = field(default_factory=lambda: np.eye(2))

    @property
    def size(self) -> float:
        """Diameter of a disc of its area, pixels."""
        return 1.13 * float(np.sqrt(max(self.area, 1.0)))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First row and column of the template, last row and column + 1."""
        top, left = int(self.corner[0]), int(self.corner[1])
        return top, left, top + self.shape.shape[0], left + self.shape.shape[1]

    @property
    def expected(self) -> Floats:
        """Where the middle of the template is, (2,) row and column."""
        return self.corner + self.middle

    def predict(self) -> None:
        """Move on by the velocity."""
        self.place = self.place + self.velocity
        self.corner = _whole(self.place)

    def move(self, corner: Integers, trust: float) -> None:
        """Go where the template was found, and learn from how far that is off."""
        missed = corner - self.place
        n = self.age + 1
        gain = min(1.0, max(0.2, 6.0 / (n * (n + 1)))) * trust
        if n > 1:
            self.velocity = self.velocity + gain * missed
        self.corner = corner
        self.place = corner.astype(np.float64) * 0.8 + 0.2 * (corner - missed + gain * missed)
        self.place = np.clip(self.place, corner - 0.5, corner + 0.5)

    def reach(self, top: int, left: int, bottom: int, right: int) -> None:
        """Enlarge the template's planes so that they hold this box of the picture."""
        box = self.box
        before = (max(0, box[0] - top + _MARGIN), max(0, box[1] - left + _MARGIN))
        after = (max(0, bottom + _MARGIN - box[2]), max(0, right + _MARGIN - box[3]))
        if not any(before) and not any(after):
            return
        self.shape, self.colour, self.spread, self.known = (
            _enlarged(plane, before, after)
            for plane in (self.shape, self.colour, self.spread, self.known)
        )
        self.corner = self.corner - before
        self.place = self.place - before

    def trim(self) -> None:
        """Cut off what has become empty around the template."""
        rows = np.flatnonzero((self.shape > 0.05).any(1))
        columns = np.flatnonzero((self.shape > 0.05).any(0))
        if not len(rows):
            return
        top, left = max(0, rows[0] - _MARGIN), max(0, columns[0] - _MARGIN)
        part = np.s_[top : rows[-1] + 1 + _MARGIN, left : columns[-1] + 1 + _MARGIN]
        if self.shape[part].size > 0.8 * self.shape.size:
            return
        self.shape, self.spread = self.shape[part].copy(), self.spread[part].copy()
        self.known, self.colour = self.known[part].copy(), self.colour[part].copy()
        cut = np.array([top, left], np.intp)
        self.corner = self.corner + cut
        self.place = self.place + cut

    def learn(self, image: Image, state: NDArray[np.uint8], corner: Any, rate: float) -> None:
        """Follow what is seen: state (H, W) of a window whose first pixel is at `corner`.

        0 is where the object is not, 1 where it is, 2 where that is not known.
        """
        from segment.grouping import kernels

        n = self.age + 1
        kernels.learn(
            self.shape,
            self.colour,
            self.spread,
            self.known,
            self.histogram,
            int(self.corner[0] - corner[0]),
            int(self.corner[1] - corner[1]),
            image,
            state,
            max(rate, 1.0 / n) if rate else 0.0,
            max(0.08, 1.0 / n),
        )
        self.age += 1
        if self.age % 8 == 0:
            self.trim()
        self.measure()

    def measure(self) -> None:
        """Take the template's middle, its spread and its probes anew."""
        from segment.grouping import kernels

        probes, found = np.empty((_PROBES, 2), np.intp), np.empty(5)
        kept = kernels.measure(self.shape, probes, found)
        self.middle, self.probes = found[:2], probes[:kept]
        down, both, right = found[2:].tolist()
        a, b, c = 1.5 * down + 1.0, 1.5 * both, 1.5 * right + 1.0
        self.precision = np.array([[c, -b], [-b, a]]) / (a * c - b * b)


def chances(histograms: Floats) -> Plane:
    """Return how many times as likely as by chance each bin of colours is, (N, B), by layer."""
    from segment.grouping import kernels

    bins = histograms.shape[1]
    found = np.empty(histograms.shape, np.float32)
    kernels.chances(histograms, histograms.sum(1), np.empty(bins), np.empty(bins), found)
    return found


def born(number: int, mask: Mask, corner: tuple[int, int], image: Image) -> Layer:
    """Return a new layer for the pixels `mask` (h, w) of `image` (h, w, C), at `corner`."""
    height, width, channels = image.shape
    size = (height + 2 * _MARGIN, width + 2 * _MARGIN)
    at = np.array(corner, np.intp) - _MARGIN
    layer = Layer(
        id=number,
        corner=at,
        velocity=np.zeros(2),
        shape=np.zeros(size, np.float32),
        colour=np.zeros((*size, channels), np.float32),
        spread=np.zeros(size, np.float32),
        known=np.zeros(size, np.float32),
        histogram=np.zeros(512 if channels == 3 else 32),
        place=at.astype(np.float64),
    )
    layer.learn(image, mask.view(np.uint8), corner, 1.0)
    layer.area = float(np.count_nonzero(mask))
    layer.centre = layer.expected
    return layer


def _enlarged(plane: Plane, before: tuple[int, int], after: tuple[int, int]) -> Plane:
    """Put zeros around a plane (h, w) or (h, w, C); numpy's own way takes five times as long."""
    height, width = plane.shape[:2]
    top, left = before
    larger = np.zeros((top + height + after[0], left + width + after[1], *plane.shape[2:]), "f4")
    larger[top : top + height, left : left + width] = plane
    return larger


def _whole(place: Floats) -> Integers:
    # Rounded twice, so that a place in the picture does not decide by its last bits.
    return np.asarray(np.floor(np.round(place, 4) + 0.5), np.intp)
