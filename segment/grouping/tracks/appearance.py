"""How alike two looks must be to be one's: learned from the video itself."""

import math

import numpy as np

from segment.grouping.regions import Floats

__all__ = ["Appearance", "likeness"]

_PRIOR = 20.0  # looks that the beginning counts for
_SAME, _OTHER = (0.90, 0.08), (0.65, 0.18)  # mean and spread of likeness to begin with; vtest
_FLOOR = 0.03  # least spread: histograms of few pixels differ by that


class Appearance:
    """Likeness of looks, as two Gaussians: of one object with itself, and of two seen at once.

    Whoever is followed without a break is one, and two that are seen at the same time are two:
    so every video teaches how much looks say in it. Where all look alike they say nothing.

    Source: the pairs are those of idtracker.ai (Romero-Ferrero et al., Nature Methods 16, 2019),
    which trains a network on them.
    """

    def __init__(self) -> None:
        self._sums = {
            True: [_PRIOR, _PRIOR * _SAME[0], _PRIOR * (_SAME[0] ** 2 + _SAME[1] ** 2)],
            False: [_PRIOR, _PRIOR * _OTHER[0], _PRIOR * (_OTHER[0] ** 2 + _OTHER[1] ** 2)],
        }

    def learn(self, one: Floats, other: Floats, same: bool) -> None:
        """Take in two histograms (B,) of which it is known whether they are one object's."""
        value = likeness(one, other)
        sums = self._sums[same]
        sums[0] += 1.0
        sums[1] += value
        sums[2] += value * value

    def odds(self, one: Floats, other: Floats) -> float:
        """Log-odds that two histograms (B,) are one object's, before anything else is known."""
        value = likeness(one, other)
        # Nobody is less himself for looking more alike than usual.
        mean, spread = self._gaussian(True)
        same = _log_density(min(value, mean), mean, spread)
        return same - _log_density(value, *self._gaussian(False))

    def _gaussian(self, same: bool) -> tuple[float, float]:
        number, total, squares = self._sums[same]
        mean = total / number
        return mean, max(_FLOOR, math.sqrt(max(0.0, squares / number - mean * mean)))


def likeness(one: Floats, other: Floats) -> float:
    """Bhattacharyya's coefficient of two histograms: 1 the same colours, 0 none in common."""
    total = float(one.sum() * other.sum())
    return float(np.sqrt(one * other).sum() / math.sqrt(total)) if total > 0 else 0.0


def _log_density(value: float, mean: float, spread: float) -> float:
    return -0.5 * ((value - mean) / spread) ** 2 - math.log(spread)
