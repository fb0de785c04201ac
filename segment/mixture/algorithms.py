"""Variants of EM: a weaker M-step, a drawn E-step, a few samples at a time."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from segment.mixture.em import Point, Problem
from segment.mixture.family import Collapse, Drawn, one_hot
from segment.mixture.samples import Floats

__all__ = [
    "classification",
    "generalised",
    "monte_carlo",
    "online",
    "stochastic",
    "stochastic_approximation",
]

# Iterations that SAEM takes with full weight before it begins to average, and the power
# with which the weight of what is new then falls; in (1/2, 1].
_SAEM_BURN = 0.3
_FORGET = 0.7

# Samples of a mini-batch of the stepwise EM, and by how much its first steps are damped.
_BATCH = 2048
_DELAY = 2.0


def generalised(problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
    """GEM: the M-step is one step up the slope of Q, as long as still makes Q rise.

    Covariances move as M M', so they stay covariances. Source: Dempster, Laird and
    Rubin, 1977, section 3; any rise of Q is a rise of the likelihood.
    """
    family = problem.family
    point, length = start, 1.0 / problem.samples.total
    while True:
        vector = family.pack(point.parameters)
        slope = family.gradient(point.statistics, point.parameters)
        norm = float(slope @ slope)
        if norm == 0.0:
            return
        level = _surrogate(problem, point.statistics, point.parameters)
        length *= 4.0
        while True:
            moved = family.unpack(vector + length * slope)
            try:
                gain = _surrogate(problem, point.statistics, moved) - level
            except Collapse:
                gain = -np.inf
            # Armijo's rule: a fair part of what the slope promises.
            if gain >= 1e-4 * length * norm:
                break
            length *= 0.5
            if length * norm < 1e-15 * max(1.0, abs(level)):
                return
        point = problem.visit(moved)
        yield point, True


def classification(problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
    """CEM: every sample goes wholly to its most probable component. Celeux, Govaert 1992."""
    point = problem.visit(start.parameters, hard)
    while True:
        point = problem.visit(problem.map(point), hard)
        yield point, True


def stochastic(problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
    """SEM: the E-step draws one component for each sample; a chain about the maximum.

    Ends at the mean of the second half of the chain, in the packed space.
    Source: Celeux and Diebolt, 1985.
    """
    return _chain(problem, start, lambda number: 1)


def monte_carlo(problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
    """MCEM: the E-step averages draws, more with every iteration: its error is ~ m^-1/2.

    Source: Wei and Tanner, JASA 85, 1990.
    """
    return _chain(problem, start, problem.family.draws)


def _chain(
    problem: Problem, start: Point, draws: Callable[[int], int]
) -> Iterator[tuple[Point, bool]]:
    family = problem.family
    vectors: list[Floats] = []
    sweeps = int(problem.options.get("max_iter", 100))
    point = problem.visit(start.parameters, Drawn(problem.rng, draws(1)))
    for number in range(2, sweeps):
        parameters = problem.map(point)
        vectors.append(family.pack(parameters))
        point = problem.visit(parameters, Drawn(problem.rng, draws(number)))
        yield point, False
    if vectors:
        mean = np.mean(vectors[len(vectors) // 2 :], axis=0)
        yield problem.visit(family.unpack(mean)), True


def stochastic_approximation(problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
    """SAEM: sums of drawn E-steps, averaged with weights that fall from 1 to 0.

    Source: Delyon, Lavielle and Moulines, Annals of Statistics 27, 1999.
    """
    family = problem.family
    burn = max(1, int(_SAEM_BURN * problem.options.get("max_iter", 100)))
    point = problem.visit(start.parameters, Drawn(problem.rng, 1))
    sums, number = point.statistics, 1
    while True:
        parameters = family.maximise(sums, point.parameters)
        point = problem.visit(parameters, Drawn(problem.rng, 1))
        yield point, True
        number += 1
        step = 1.0 if number <= burn else (number - burn) ** -_FORGET
        sums = family.blend(sums, point.statistics, 1.0 - step, step)


def online(problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
    """Stepwise EM: after each mini-batch the sums forget a little and the M-step follows.

    One pass is all samples once, in random order (blocks in theirs).
    Source: Cappé and Moulines, JRSS B 71, 2009; Liang and Klein, 2009.
    """
    family, samples = problem.family, problem.samples
    size = min(_BATCH, max(1, len(samples) // 4), len(samples))
    size = max(size, min(len(samples), 10 * family.n_components))
    sums, parameters, number = start.statistics, start.parameters, 0
    share = 1.0 / samples.total
    sums = family.blend(sums, sums, share, 0.0)
    while True:
        for some in samples.batches(problem.rng, size):
            total = some.total
            if total == 0.0:
                continue
            fresh, _ = family.sweep(some, parameters)
            step = (number + _DELAY) ** -_FORGET
            number += 1
            sums = family.blend(sums, fresh, 1.0 - step, step / total)
            # Priors and regularisation are worth what they are beside all samples.
            parameters = family.maximise(family.blend(sums, sums, samples.total, 0.0), parameters)
        problem.passes += 1
        point = problem.visit(parameters)
        yield point, True


def hard(log_shares: Floats) -> Floats:
    """An E-step that gives each sample wholly to its most probable component."""
    return one_hot(log_shares.argmax(axis=1), log_shares.shape[1])


def _surrogate(problem: Problem, statistics: Any, parameters: Any) -> float:
    """What the M-step maximises: Q + ln prior."""
    family = problem.family
    return family.expected(statistics, parameters) + family.log_prior(parameters)
