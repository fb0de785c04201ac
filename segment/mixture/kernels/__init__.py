"""The compiled loops of mixtures of Gaussians."""

from segment.mixture.kernels.sweeps import (
    judge_diag,
    judge_full,
    scratch_shape,
    sweep_diag,
    sweep_full,
)
from segment.mixture.kernels.unrolled import unrolled

__all__ = [
    "judge_diag",
    "judge_full",
    "scratch_shape",
    "sweep_diag",
    "sweep_full",
    "unrolled",
]
