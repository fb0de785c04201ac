"""From images to foreground masks, online: one subtractor follows one sequence."""

from segment.background.gmm import GaussianMixtureSubtractor
from segment.background.opencv import OpenCVSubtractor
from segment.background.posterior import PosteriorSubtractor

__all__ = [
    "GaussianMixtureSubtractor",
    "OpenCVSubtractor",
    "PosteriorSubtractor",
]
