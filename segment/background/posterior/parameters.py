"""Which parameters of the posterior subtractor make sense."""

from operator import attrgetter
from typing import Any

from segment import threads

__all__ = ["all_parameters", "check_parameters"]

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

_OTHERS = (
    "components",
    "history",
    "background_weight",
    "complexity",
    "own_evidence",
    "smallest_variance",
    "initial_variance",
    "largest_variance",
    "darkest_light",
    "brightest_light",
    "majority",
    "closing",
    "threads",
)

_all = attrgetter(*_ABOVE_0, *_AT_LEAST_0, *_OTHERS)


def all_parameters(s: Any) -> tuple[Any, ...]:
    """Return what `check_parameters` looks at: as long as it is the same, so is the answer."""
    values: tuple[Any, ...] = _all(s)
    return values


def check_parameters(s: Any) -> None:
    """Raise ValueError, with the name and the value, for the first that makes none."""
    if not 1 <= s.components <= 255:
        raise ValueError(f"components is {s.components}, wanted 1 to 255 modes")
    if not s.history >= 1:
        raise ValueError(f"history is {s.history}, wanted at least 1 frame")
    for name in _ABOVE_0:
        if not getattr(s, name) > 0:
            raise ValueError(f"{name} is {getattr(s, name)}, wanted more than 0")
    for name in _AT_LEAST_0:
        if not getattr(s, name) >= 0:
            raise ValueError(f"{name} is {getattr(s, name)}, wanted at least 0")
    if not 0 < s.background_weight <= 1:
        raise ValueError(
            f"background_weight is {s.background_weight}, wanted more than 0, at most 1"
        )
    if not 0 <= s.complexity < 1:
        raise ValueError(f"complexity is {s.complexity}, wanted at least 0, less than 1")
    if not 0 <= s.own_evidence <= 1:
        raise ValueError(f"own_evidence is {s.own_evidence}, wanted a number in [0, 1]")
    low, first, high = s.smallest_variance, s.initial_variance, s.largest_variance
    if not 0 < low <= first <= high < float("inf"):
        raise ValueError(
            f"smallest_variance, initial and largest are {low}, {first} and {high}, "
            "wanted them above 0 and in this order"
        )
    if s.darkest_light is not None and not 0 < s.darkest_light <= 1:
        raise ValueError(
            f"darkest_light is {s.darkest_light}, wanted more than 0, at most 1, or None"
        )
    if not s.brightest_light >= 1:
        raise ValueError(f"brightest_light is {s.brightest_light}, wanted at least 1")
    for name, most in (("majority", 15), ("closing", 127)):
        size = getattr(s, name)
        if size % 2 != 1 or not 1 <= size <= most:
            raise ValueError(f"{name} is {size}, wanted an odd number of pixels, 1 to {most}")
    threads.count_threads(s.threads)
