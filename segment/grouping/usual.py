"""What size is usual at a place of this picture, learned from what has moved there."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from segment.grouping.pieces import Box
from segment.grouping.regions import Floats

__all__ = ["Usual"]

_LEAST = 40  # boxes below which nothing is usual
_TRACKS = 5  # tracks of which they must be: two animals in halves are four
_KEPT = 3000  # boxes that are remembered
_OTHER = 0.25  # density of what is not whole: scraps and groups, over four units of the logarithm
_FLOOR = 0.15  # least spread of the logarithm of sizes: people differ by so much
_SLOPE = 2.0  # spread of the prior: logarithm of size over the whole height of a picture
_STEPS = 12  # of EM: it has settled by then on all videos looked at
_SCRAP_HEIGHT, _SCRAP_SIDE = 0.65, 0.75  # of the usual: less is a scrap; vtest .55 to .75 equal
_KINDS = 0.2  # spread of sides below which all are of one kind: .15 in vtest, .3 in the street
_HUGE = 2.5  # of the usual side: a crown of a tree, a heap
_TALLEST, _WIDEST = 1.25, 1.2  # of the usual height and side: more is not one


@dataclass(slots=True)
class _Line:
    """Log size over the row of the feet: level, slope, spread."""

    level: float = 0.0
    slope: float = 0.0
    spread: float = _FLOOR

    def at(self, row: float) -> float:
        return self.level + self.slope * row

    def fit(self, rows: Floats, sizes: Floats, weight: Floats, begun: bool) -> None:
        """EM: which are whole (E-step), and where the line is (M-step); a ridge keeps it level."""
        if not begun:
            self.level, self.slope = float(np.quantile(sizes, 0.7)), 0.0
        spread, share = max(self.spread, 0.4), 0.7
        for _ in range(_STEPS):
            off = sizes - self.level - self.slope * rows
            whole = share * np.exp(-0.5 * (off / spread) ** 2) / (2.5066 * spread)
            g = weight * whole / (whole + (1 - share) * _OTHER) / spread**2
            s, sr, srr = g.sum(), (g * rows).sum(), (g * rows * rows).sum() + 1 / _SLOPE**2
            y, yr = (g * sizes).sum(), (g * rows * sizes).sum()
            self.slope = float((s * yr - sr * y) / (s * srr - sr * sr))
            self.level = float((y - self.slope * sr) / s)
            off = sizes - self.level - self.slope * rows
            share = float(np.clip(g.sum() * spread**2 / weight.sum(), 0.3, 0.95))
            spread = max(_FLOOR, float(np.sqrt((g * off**2).sum() / g.sum())))
        self.spread = spread


class Usual:
    """Log size is linear in the row of the feet, as perspective has it, with spread; by EM.

    Boxes are whole, with a Gaussian about the line, or something else, scraps and groups, with a
    flat density. Sizes are heights, and sides of squares of the same area: of these two the one
    that varies less tells what is a scrap. People have a height, animals from above a side.

    Parameters
    ----------
    height : of the picture, pixels.
    """

    def __init__(self, height: int) -> None:
        self._height = height
        self._boxes: deque[tuple[float, float, float, int]] = deque(maxlen=_KEPT)
        self._tall, self._side = _Line(), _Line()
        self.known = False

    @property
    def spread(self) -> float:
        """Spread of the logarithm of sizes that are whole."""
        return min(self._tall.spread, self._side.spread)

    @property
    def upright(self) -> bool:
        """Whether heights vary less than sides, or about as little."""
        return self._tall.spread <= self._side.spread + 0.03

    def add(self, box: Box, track: int) -> None:
        """Take in the box of something that moves."""
        high, wide = box[2] - box[0], box[3] - box[1]
        self._boxes.append(
            (box[2] / self._height, float(np.log(high)), 0.5 * float(np.log(high * wide)), track)
        )

    def fit(self) -> None:
        """Learn from what was taken in."""
        if len(self._boxes) < _LEAST or len({one[3] for one in self._boxes}) < _TRACKS:
            return
        table = np.array(self._boxes)
        # A track that stays for long counts more, but not by so much.
        _, of, number = np.unique(table[:, 3], return_inverse=True, return_counts=True)
        weight = 1.0 / np.sqrt(number[of])
        self._tall.fit(table[:, 0], table[:, 1], weight, self.known)
        self._side.fit(table[:, 0], table[:, 2], weight, self.known)
        self.known = True

    def ratios(self, box: Box) -> tuple[float, float]:
        """Height and side of a box by the usual ones there; 1 where nothing is known."""
        if not self.known:
            return 1.0, 1.0
        row = box[2] / self._height
        high, wide = max(1, box[2] - box[0]), max(1, box[3] - box[1])
        return (
            float(high / np.exp(self._tall.at(row))),
            float(np.sqrt(high * wide) / np.exp(self._side.at(row))),
        )

    def is_scrap(self, box: Box) -> bool:
        """Whether a box is much smaller than usual there."""
        tall, side = self.ratios(box)
        if self.upright and self._side.spread < _KINDS:
            return tall < _SCRAP_HEIGHT
        # Of several kinds one is narrow and another low; scraps are mostly both.
        return tall < _SCRAP_HEIGHT and side < _SCRAP_SIDE

    def is_huge(self, box: Box) -> bool:
        """Whether a box is far larger than usual there; never while nothing is known."""
        return self.ratios(box)[1] > _HUGE

    def may_be_one(self, box: Box) -> bool:
        """Whether a box is not much larger than one usual thing there, or nothing is known."""
        tall, side = self.ratios(box)
        return side <= _WIDEST and (tall <= _TALLEST or not self.upright)
