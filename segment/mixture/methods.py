"""The names of algorithms and accelerators, and what each of them promises."""

from typing import NamedTuple

from segment.mixture import accelerate, algorithms
from segment.mixture.em import Method, expectation_maximisation

__all__ = ["ACCELERATIONS", "ALGORITHMS", "Way", "choose"]


class Way(NamedTuple):
    """A method, and whether the objective never falls along its points."""

    method: Method
    monotone: bool


ALGORITHMS: dict[str, Way] = {
    "em": Way(expectation_maximisation, True),
    "gem": Way(algorithms.generalised, True),
    "sem": Way(algorithms.stochastic, False),
    "saem": Way(algorithms.stochastic_approximation, False),
    "mcem": Way(algorithms.monte_carlo, False),
    "online": Way(algorithms.online, False),
    # The families of Students and of factors know which of these their M-step is to be.
    "ecm": Way(expectation_maximisation, True),
    "ecme": Way(expectation_maximisation, True),
    "px": Way(expectation_maximisation, True),
}

ACCELERATIONS: dict[str, Way] = {
    "aitken": Way(accelerate.aitken, True),
    "anderson": Way(accelerate.anderson, True),
    "conjugate-gradient": Way(accelerate.conjugate_gradient, True),
    "squarem": Way(accelerate.squarem, True),
}


def choose(algorithm: str, acceleration: str | None, allowed: tuple[str, ...]) -> Way:
    """The way with these names; ValueError names what there is."""
    if algorithm not in allowed:
        raise ValueError(f"algorithm is {algorithm!r}, this model has {', '.join(allowed)}")
    if acceleration is None:
        return ALGORITHMS[algorithm]
    if acceleration not in ACCELERATIONS:
        raise ValueError(
            f"acceleration is {acceleration!r}, wanted None or one of {', '.join(ACCELERATIONS)}"
        )
    if algorithm not in ("em", "ecm", "px"):
        raise ValueError(
            f"acceleration={acceleration!r} speeds up em, ecm and px; "
            f"{algorithm!r} goes without (acceleration=None)"
        )
    return ACCELERATIONS[acceleration]
