"""What the learned subtractor may be asked for, checked."""

from dataclasses import dataclass, fields
from math import isnan

from segment.arrays import check_number

__all__ = ["Parameters"]


@dataclass(frozen=True)
class Parameters:
    """The parameters of `LearnedSubtractor`, see there; ValueError for those that make no sense."""

    threshold: float
    absorb: float
    remember: float
    frame_rate: float

    def __post_init__(self) -> None:
        for field in fields(self):
            check_number(field.name, getattr(self, field.name))
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}, wanted a probability in (0, 1)")
        if isnan(self.absorb) or self.absorb < 0:
            raise ValueError(f"absorb is {self.absorb}, wanted seconds, 0 or more, or infinity")
        if not 0 < self.remember < float("inf"):
            raise ValueError(f"remember is {self.remember}, wanted seconds, more than 0")
        if not 0 < self.frame_rate <= 100_000:
            raise ValueError(
                f"frame_rate is {self.frame_rate}, wanted frames a second, more than 0, "
                "at most 100000"
            )

    @property
    def longest(self) -> float:
        """Frames after which what stands still becomes background; infinity is never."""
        frames = self.absorb * self.frame_rate
        return frames if frames == float("inf") else max(1.0, round(frames))
