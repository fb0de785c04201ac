"""What is measured: masks against truth as change detection does."""

from segment.scores.change import MEASURES, ChangeScore
from segment.scores.sequences import SequenceScore, mean_of, score_sequences

__all__ = ["MEASURES", "ChangeScore", "SequenceScore", "mean_of", "score_sequences"]
