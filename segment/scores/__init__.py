"""Files against files: masks against their truth as change detection does, groups, objects."""

import importlib
import warnings
from typing import Any

from segment.scores.sequences import SequenceScore, mean_of, score_sequences

__all__ = ["SequenceScore", "mean_of", "score_sequences"]

# What compares arrays lies in segment.measures; its old names here go with version 0.3.
_MOVED = ("MEASURES", "ChangeScore", "change", "clustering", "segmentation", "tracks")


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"segment.scores.{name} is now segment.measures.{name}", DeprecationWarning, stacklevel=2
    )
    if name in ("MEASURES", "ChangeScore"):
        return getattr(importlib.import_module("segment.measures"), name)
    return importlib.import_module(f"segment.measures.{name}")
