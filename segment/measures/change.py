"""Change detection as CDnet measures it: counted pixels, and what is made of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask, check_mask

STILL, SHADOW, OUTSIDE, UNKNOWN, MOVING = 0, 50, 85, 170, 255
"""Labels of the truth: background twice, two that are not scored, foreground."""

MEASURES = ("recall", "specificity", "fpr", "fnr", "pwc", "precision", "f")


@dataclass(slots=True)
class ChangeScore:
    """Pixels counted over frames, and CDnet's measures of them.

    Attributes
    ----------
    tp : moving pixels found.
    fp : background pixels taken for foreground, shadow among them.
    fn : moving pixels missed.
    tn : background pixels left alone, shadow among them.
    shadow_fp : shadow pixels taken for foreground; CDnet's FP shadow.
    shadow : shadow pixels.

    Measures are ratios in [0, 1], `pwc` in percent. Where a ratio is 0/0 there was nothing to
    get wrong: `recall`, `specificity`, `precision` and `f` are 1 then, the error rates 0.

    Source: Goyette et al., changedetection.net, CVPR Workshops, 2012.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0
    shadow_fp: int = 0
    shadow: int = 0

    def count(self, mask: Mask, truth: NDArray[np.uint8]) -> None:
        """Add one frame: `mask` (H, W) bool, `truth` (H, W) uint8 of 0, 50, 85, 170 and 255.

        Raises ValueError for other labels or sizes that differ; nothing is counted then.
        """
        check_mask(mask)
        if truth.dtype != np.uint8:
            raise TypeError(f"truth is {truth.dtype}, wanted uint8")
        if mask.shape != truth.shape:
            raise ValueError(f"mask is {mask.shape}, but its truth is {truth.shape}")
        # How often each label is met, outside the mask and inside it.
        everywhere = np.bincount(truth.reshape(-1), minlength=256)
        inside = np.bincount(truth[mask], minlength=256)
        outside = everywhere - inside
        known = [STILL, SHADOW, OUTSIDE, UNKNOWN, MOVING]
        strange = np.setdiff1d(np.flatnonzero(everywhere), known)
        if strange.size:
            values = ", ".join(map(str, strange[:5])) + (", ..." if strange.size > 5 else "")
            raise ValueError(
                f"truth holds {values}; wanted 0 still, 50 shadow, 85 and 170 not scored, "
                "255 moving"
            )
        self.tp += int(inside[MOVING])
        self.fn += int(outside[MOVING])
        self.fp += int(inside[STILL] + inside[SHADOW])
        self.tn += int(outside[STILL] + outside[SHADOW])
        self.shadow_fp += int(inside[SHADOW])
        self.shadow += int(everywhere[SHADOW])

    @property
    def recall(self) -> float:
        """Share of the moving pixels that was found."""
        return _ratio(self.tp, self.tp + self.fn, 1.0)

    @property
    def specificity(self) -> float:
        """Share of the background that was left alone."""
        return _ratio(self.tn, self.tn + self.fp, 1.0)

    @property
    def fpr(self) -> float:
        """Share of the background that was taken for foreground."""
        return _ratio(self.fp, self.fp + self.tn, 0.0)

    @property
    def fnr(self) -> float:
        """Share of the moving pixels that was missed."""
        return _ratio(self.fn, self.tp + self.fn, 0.0)

    @property
    def pwc(self) -> float:
        """Wrong pixels, per cent."""
        return 100.0 * _ratio(self.fn + self.fp, self.tp + self.fn + self.fp + self.tn, 0.0)

    @property
    def precision(self) -> float:
        """Share of the foreground found that does move."""
        return _ratio(self.tp, self.tp + self.fp, 1.0)

    @property
    def f(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, 1.0)

    def as_dict(self) -> dict[str, Any]:
        """Measures and counts by name."""
        counts = ("tp", "fp", "fn", "tn", "shadow_fp", "shadow")
        return {name: getattr(self, name) for name in (*MEASURES, *counts)}


def _ratio(part: int, whole: int, otherwise: float) -> float:
    return part / whole if whole else otherwise
