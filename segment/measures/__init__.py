"""What is measured, arrays against arrays: masks, groups, segmentations, objects over time."""

from segment.measures.change import MEASURES, ChangeScore

__all__ = ["MEASURES", "ChangeScore"]
