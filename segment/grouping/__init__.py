"""Foreground into objects: who belongs together, and who is still the same as before."""

from segment.grouping.components import ConnectedComponents
from segment.grouping.layers import MovingLayers
from segment.grouping.mixture import MixtureGrouper
from segment.grouping.neural import NeuralGrouper
from segment.grouping.watershed import Watershed

# Every name here is a grouper, held to tests/contracts/test_groupers.py.
__all__ = ["ConnectedComponents", "MixtureGrouper", "MovingLayers", "NeuralGrouper", "Watershed"]
