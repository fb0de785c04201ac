"""The accurate subtractor: a mixture at every pixel, its evidence pooled over the surroundings."""

from segment.background.posterior.subtractor import PosteriorSubtractor

__all__ = ["PosteriorSubtractor"]
