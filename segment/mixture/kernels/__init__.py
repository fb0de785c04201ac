"""The compiled loops of mixtures of Gaussians."""

from segment.mixture.kernels.squares import add_squares
from segment.mixture.kernels.sweeps import judge, scratch_shape, sweep, weigh
from segment.mixture.kernels.unrolled import unrolled

__all__ = ["add_squares", "judge", "scratch_shape", "sweep", "unrolled", "weigh"]
