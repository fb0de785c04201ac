"""The compiled loops of the plain mixture."""

from segment.background.kernels.lanes import WIDTH
from segment.background.kernels.mixture import SETTINGS, update_mixture

__all__ = ["SETTINGS", "WIDTH", "update_mixture"]
