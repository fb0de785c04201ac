"""What size is usual at a place of this picture, learned from what has moved there."""

from collections import deque

import numpy as np

from segment.grouping.regions import Floats

__all__ = ["Usual"]

_LEAST = 60  # boxes below which nothing is usual
_TRACKS = 3  # tracks of which they must be
_KEPT = 3000  # boxes that are remembered
_OTHER = 0.25  # density of what is not whole: scraps and groups, over four units of the logarithm
_FLOOR = 0.15  # least spread of the logarithm of sizes: people differ by so much
_SLOPE = 2.0  # spread of the prior: logarithm of size over the whole height of a picture
_STEPS = 12  # of EM: it has settled by then on all videos looked at


class Usual:
    """Log size is linear in the row of the feet, as perspective has it, with spread; by EM.

    Boxes are whole, with a Gaussian about the line, or something else, scraps and groups, with a
    flat density; the E-step says which, the M-step fits the line. A ridge keeps the line level
    where all the feet are at about one row.
    """

    def __init__(self, height: int) -> None:
        self._height = height
        self._boxes: deque[tuple[float, float, int]] = deque(maxlen=_KEPT)
        self._line: Floats | None = None
        self.spread = _FLOOR

    @property
    def known(self) -> bool:
        """Whether there is anything usual yet."""
        return self._line is not None

    def add(self, row: float, size: float, track: int) -> None:
        """Take in the size, pixels, of something that moves, whose feet are at a row."""
        self._boxes.append((row / self._height, float(np.log(max(size, 1.0))), track))

    def fit(self) -> None:
        """Learn from what was taken in."""
        if len(self._boxes) < _LEAST or len({one[2] for one in self._boxes}) < _TRACKS:
            return
        table = np.array(self._boxes)
        rows = np.stack([np.ones(len(table)), table[:, 0]], axis=1)
        sizes = table[:, 1]
        # Every track counts alike, however long it stayed.
        _, of, number = np.unique(table[:, 2], return_inverse=True, return_counts=True)
        weight = 1.0 / np.sqrt(number[of])
        line = np.array([np.quantile(sizes, 0.7), 0.0]) if self._line is None else self._line
        spread, share = max(self.spread, 0.4), 0.7
        ridge = np.diag([0.0, 1.0 / _SLOPE**2])
        for _ in range(_STEPS):
            off = sizes - rows @ line
            whole = share * np.exp(-0.5 * (off / spread) ** 2) / (2.5066 * spread)
            mine = whole / (whole + (1 - share) * _OTHER)
            g = weight * mine
            left = (rows * g[:, None]).T @ rows / spread**2 + ridge
            line = np.linalg.solve(left, (rows * g[:, None]).T @ sizes / spread**2)
            off = sizes - rows @ line
            spread = max(_FLOOR, float(np.sqrt((g * off**2).sum() / g.sum())))
            share = float(np.clip(g.sum() / weight.sum(), 0.3, 0.95))
        self._line, self.spread = line, spread

    def ratio(self, row: float, size: float) -> float:
        """Size by the usual one there; 1 where nothing is known."""
        if self._line is None:
            return 1.0
        usual = self._line[0] + self._line[1] * row / self._height
        return float(size / np.exp(usual))
