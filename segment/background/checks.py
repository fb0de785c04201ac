"""Checks of parameters that every subtractor shares; what goes in with a frame: see `inputs`."""

import math
from typing import Any

from segment.arrays import check_number

__all__ = [
    "check_above_0",
    "check_complexity",
    "check_components",
    "check_history",
    "check_rate",
    "check_share",
    "check_variances",
]


def check_components(components: int, name: str = "components") -> None:
    """Raise TypeError or ValueError unless a pixel can have so many modes, 1 to 255."""
    check_number(name, components, "1 to 255 modes")
    if not 1 <= components <= 255:
        raise ValueError(f"{name} is {components}, wanted 1 to 255 modes")


def check_history(history: float) -> None:
    """Raise TypeError or ValueError unless `history` is at least 1 frame."""
    check_number("history", history, "a number of frames, at least 1")
    if not history >= 1:
        raise ValueError(f"history is {history}, wanted at least 1 frame")


def check_above_0(name: str, value: Any, *, finite: bool = False) -> None:
    """Raise TypeError or ValueError unless `value` is above 0, and finite where that is asked."""
    check_number(name, value, "a number above 0")
    if not value > 0 or (finite and not math.isfinite(value)):
        wanted = "a finite number above 0" if finite else "more than 0"
        raise ValueError(f"{name} is {value}, wanted {wanted}")


def check_share(name: str, value: float) -> None:
    """Raise TypeError or ValueError unless `value` is in (0, 1]."""
    check_number(name, value, "a number above 0, at most 1")
    if not 0 < value <= 1:
        raise ValueError(f"{name} is {value}, wanted more than 0, at most 1")


def check_complexity(name: str, value: float) -> None:
    """Raise TypeError or ValueError unless `value`, the strength of a prior, is in [0, 1)."""
    check_number(name, value, "a number from 0, less than 1")
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}, wanted at least 0, less than 1")


def check_rate(rate: float) -> None:
    """Raise TypeError or ValueError unless a learning rate is in [0, 1]."""
    check_number("learning_rate", rate, "a number in [0, 1] or None")
    if not 0 <= rate <= 1:
        raise ValueError(f"learning_rate is {rate}, wanted a number in [0, 1] or None")


def check_variances(low: float | None, first: float | None, high: float | None) -> None:
    """Raise TypeError or ValueError unless 0 < low <= first <= high < inf; None is not asked."""
    told = {"smallest_variance": low, "initial_variance": first, "largest_variance": high}
    given = {name: value for name, value in told.items() if value is not None}
    for name, value in given.items():
        check_number(name, value, "a number above 0")
    values = [*given.values()]
    if not all(0 < value < math.inf for value in values) or values != sorted(values):
        shown = " and ".join(f"{name} is {value}" for name, value in given.items())
        raise ValueError(f"{shown}; wanted variances above 0, from smallest to largest")
