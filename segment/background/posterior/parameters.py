"""Which parameters of the posterior subtractor make sense."""

from typing import Any

from segment import threads

__all__ = ["check_parameters"]

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
