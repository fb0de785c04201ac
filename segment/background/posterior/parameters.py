"""What the posterior subtractor is asked for: every number of it, checked."""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from segment import threads
from segment.arrays import check_number
from segment.background import checks
from segment.background.statefile import Content

__all__ = ["QUALITIES", "SUMMED", "Parameters", "Variances", "to_means_over_channels", "values_of"]

QUALITIES = ("fast", "best")
"""Who decides what is foreground: pooled evidence, or a network."""


class Variances(NamedTuple):
    """Of a mode of one pixel: the least, that of a new one, the largest."""

    smallest: float
    initial: float
    largest: float


SUMMED = Variances(6.0, 7.0, 50.0)
"""Where nothing is asked, in grey levels squared, summed over the channels: what was tuned on films
in colour, and does for grey ones as well."""

_NUMBERS = (float, int, float | None)
_ABOVE_0 = ("threshold", "match_threshold", "largest_evidence")
_AT_LEAST_0 = (
    "least_seen",
    "edges",
    "unrest",
    "light_price",
    "object_rate",
    "still_rate",
    "ghost_rate",
    "still",
)
_SECONDS = ("absorb", "remember")


@dataclass(frozen=True)
class Parameters:
    """The parameters of `PosteriorSubtractor`, whose docstring explains them.

    Raises ValueError, with the name and the value, for the first that makes no sense.
    """

    history: int
    absorb: float | None
    remember: float | None
    frame_rate: float
    threshold: float
    components: int
    match_threshold: float
    background_weight: float
    least_seen: float
    complexity: float
    initial_variance: float | None
    smallest_variance: float | None
    largest_variance: float | None
    largest_evidence: float
    own_evidence: float
    edges: float
    unrest: float
    light_price: float
    darkest_light: float | None
    brightest_light: float
    object_rate: float
    still_rate: float
    ghost_rate: float
    still: float
    majority: int
    closing: int
    quality: str
    follow_light: bool
    follow_noise: bool
    stabilize: bool
    relearn: bool
    threads: int | None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in _NUMBERS and not (value is None and field.type == float | None):
                check_number(field.name, value)
        checks.check_components(self.components)
        checks.check_history(self.history)
        for name in _ABOVE_0:
            checks.check_above_0(name, getattr(self, name))
        for name in _AT_LEAST_0:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted at least 0")
        self._check_times()
        self._check_modes()
        self._check_decision()
        threads.count_threads(self.threads)

    @property
    def longest(self) -> float:
        """Frames for which what stands still stays foreground; infinite if that is not asked."""
        return float("inf") if self.absorb is None else self.absorb * self.frame_rate

    @property
    def reach(self) -> float:
        """Frames that the background reaches back, at least 1."""
        return self.history if self.remember is None else max(1, self.remember * self.frame_rate)

    def variances(self, channels: int) -> Variances:
        """Return them summed over so many channels; what is not asked for gives way to the rest."""
        low, first, high = (
            None if variance is None else variance * channels
            for variance in (self.smallest_variance, self.initial_variance, self.largest_variance)
        )
        if low is None:
            low = min(v for v in (SUMMED.smallest, first, high) if v is not None)
        if high is None:
            high = max(v for v in (SUMMED.largest, first, low) if v is not None)
        if first is None:
            first = min(max(low, SUMMED.initial), high)
        return Variances(low, first, high)

    def _check_times(self) -> None:
        if not 0 < self.frame_rate < float("inf"):
            raise ValueError(f"frame_rate is {self.frame_rate}, wanted more than 0 frames a second")
        for name in _SECONDS:
            seconds = getattr(self, name)
            if seconds is not None and not seconds >= 0:
                raise ValueError(f"{name} is {seconds}, wanted at least 0 seconds, or None")

    @property
    def least_own(self) -> np.uint8:
        """A pixel's own evidence that passes the threshold, in 255ths of the largest."""
        return np.uint8(min(255, np.ceil(255 * self.threshold / self.largest_evidence)))

    def _check_modes(self) -> None:
        checks.check_share("background_weight", self.background_weight)
        checks.check_complexity("complexity", self.complexity)
        checks.check_variances(self.smallest_variance, self.initial_variance, self.largest_variance)

    def _check_decision(self) -> None:
        if not 0 <= self.own_evidence <= 1:
            raise ValueError(f"own_evidence is {self.own_evidence}, wanted a number in [0, 1]")
        if self.darkest_light is not None:
            checks.check_share("darkest_light", self.darkest_light)
        if not self.brightest_light >= 1:
            raise ValueError(f"brightest_light is {self.brightest_light}, wanted at least 1")
        for name, most in (("majority", 15), ("closing", 127)):
            size = getattr(self, name)
            if size % 2 != 1 or not 1 <= size <= most:
                raise ValueError(f"{name} is {size}, wanted an odd number of pixels, 1 to {most}")


def to_means_over_channels(content: Content) -> None:
    """Change a state whose variances are sums over the channels, as they were before revision 8."""
    channels = 3 if content.picture is None else content.picture[0][2]
    for name, usual in SUMMED._asdict().items():
        summed = content.parameters[f"{name}_variance"]
        content.parameters[f"{name}_variance"] = None if summed == usual else summed / channels
    to_lamps(content)


def to_lamps(content: Content) -> None:
    """Change a state that does not tell what lamps do, as until revision 8."""
    if content.picture is not None:
        content.values |= {"_state.camera.lit": 0, "_state.camera.banded": 0.0}
    to_turns(content)


def to_turns(content: Content) -> None:
    """Change a state of a camera that does not turn, of pictures as they came: until revision 9."""
    content.parameters["shrink"] = 1
    if content.picture is not None:
        content.values |= {f"_state.camera.{name}": 0.0 for name in ("angle", "right", "down")}
        content.values["_state.camera.vain"] = 0


_values = attrgetter(*(field.name for field in fields(Parameters)))


def values_of(subtractor: Any) -> tuple[Any, ...]:
    """Return the attributes of `subtractor` that make its `Parameters`, in their order."""
    values: tuple[Any, ...] = _values(subtractor)
    return values
