"""Background subtraction whose E-step was learned: statistics, a small network, an M-step."""

from segment.background.learned.subtractor import LearnedSubtractor

__all__ = ["LearnedSubtractor"]
