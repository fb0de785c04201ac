"""The loop every mixture shares: visit points of ever higher likelihood until they stop rising."""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from segment.mixture.family import Assign, Collapse, Family
from segment.mixture.samples import Samples

__all__ = [
    "Bound",
    "Fit",
    "Method",
    "Point",
    "Problem",
    "Step",
    "expectation_maximisation",
    "run",
]

_log = logging.getLogger("segment.mixture")


class Step(NamedTuple):
    """What one visited point showed; all in nats a sample (a unit of weight)."""

    passes: int
    """Sweeps over the samples so far."""

    log_likelihood: float
    """ln p(X | parameters)."""

    objective: float
    """What is maximised: with ln prior, or the lower bound of variational Bayes."""

    bound: float
    """L(q, parameters) with q the responsibilities of the point before; NaN at the first."""

    gap: float
    """KL(q || posterior) = ln p - L, what the next E-step closes; NaN at the first."""

    entropy: float
    """Of the responsibilities at this point (after the E-step the gap is 0)."""


class Bound(NamedTuple):
    """ln p(X) = bound + gap, sums over the samples in nats."""

    log_likelihood: float
    """ln p(X | parameters)."""

    bound: float
    """L(q) = E_q[ln p(X, Z)] + the entropy of q; never above the log-likelihood."""

    gap: float
    """KL(q || p(Z | X)), at least 0, and 0 for the responsibilities themselves."""

    entropy: float
    """Of q."""


class Point(NamedTuple):
    """Parameters and what a sweep found there; sums over all samples."""

    parameters: Any
    statistics: Any
    log_likelihood: float
    objective: float


@dataclass
class Problem:
    """A family, its samples, and a count of the sweeps over them."""

    family: Family
    samples: Samples
    rng: np.random.Generator
    passes: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def visit(self, parameters: Any, assign: Assign | None = None) -> Point:
        """Sweep over the samples at these parameters."""
        self.passes += 1
        statistics, log_likelihood = self.family.sweep(self.samples, parameters, assign)
        objective = log_likelihood + self.family.log_prior(parameters)
        if not math.isfinite(objective):
            raise Collapse(f"the log-likelihood is {objective}")
        return Point(parameters, statistics, log_likelihood, objective)

    def map(self, point: Point) -> Any:
        """EM's next parameters, from sums already taken: the M-step."""
        parameters = self.family.maximise(point.statistics, point.parameters)
        return self.family.refine(self.samples, parameters)


class Method(Protocol):
    """A way up: yields the points it visits; the loop decides when it is enough."""

    def __call__(self, problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
        """Yield each accepted point after `start`, and whether stopping may be asked there."""
        ...


@dataclass(frozen=True)
class Fit:
    """The end of a run."""

    point: Point
    history: list[Step]
    converged: bool
    reason: str
    passes: int


def expectation_maximisation(problem: Problem, start: Point) -> Iterator[tuple[Point, bool]]:
    """EM: Dempster, Laird and Rubin, JRSS B 39, 1977."""
    point = start
    while True:
        point = problem.visit(problem.map(point))
        yield point, True


def run(
    problem: Problem,
    parameters: Any,
    method: Method,
    *,
    tol: float,
    max_iter: int,
    monotone: bool = True,
    callback: Callable[[Step], object] | None = None,
) -> Fit:
    """Follow `method` from `parameters` until a gain below `tol` a sample, or `max_iter` sweeps.

    A monotone method ends at the best point it visited, and a fall beyond rounding ends
    it; another method has its `max_iter` sweeps and ends where it is. Collapse at the
    start is a ValueError; later, the last sound point is returned and the reason says so.
    """
    total = problem.samples.total
    try:
        point = problem.visit(parameters)
        previous = _step(problem, None, math.nan, point)
    except Collapse as collapse:
        raise ValueError(f"there is no likelihood at the start: {collapse}") from None
    history = [previous]
    if callback is not None:
        callback(previous)
    reached = point.objective
    converged, reason = False, f"max_iter={max_iter} was reached"
    best = top = point
    kept = len(history)
    ways = method(problem, point)
    while problem.passes <= max_iter:
        try:
            point, checkpoint = next(ways)
            before_entropy = history[-1].entropy * total
            step = _step(problem, best if monotone else None, before_entropy, point)
        except Collapse as collapse:
            reason = str(collapse)
            _log.warning("EM stopped after %d passes: %s", problem.passes, reason)
            break
        except StopIteration:
            converged, reason = True, "the method had no further step"
            break
        fall = (best.objective - point.objective) / total
        rounding = 1e-7 * max(1.0, abs(best.objective) / total)
        # Rounding and regularisation lower a step a little, mostly the one after a guess; that
        # is no end, which had left SQUAREM below plain EM.
        if monotone and fall > rounding:
            converged = fall <= tol
            reason = f"the objective fell by {fall:.3g} nats a sample: rounding or regularisation"
            break
        before, best = best, point
        history.append(step)
        if point.objective >= top.objective:
            top, kept = point, len(history)
        if callback is not None:
            callback(step)
        if monotone and checkpoint:
            gain = (point.objective - reached) / total
            if tol == 0 and _fixed(before, point):
                converged, reason = True, "the parameters no longer change"
                break
            if gain < tol and tol > 0:
                converged, reason = True, f"gained {gain:.3g} < tol={tol:g} nats a sample"
                break
            reached = point.objective
    if monotone and tol > 0:
        best, history = top, history[:kept]
    if not monotone:
        converged = problem.passes > max_iter
        reason = f"its {max_iter} iterations are done" if converged else reason
    return Fit(best, history, converged, reason, problem.passes)


def _fixed(before: Point, here: Point) -> bool:
    """Whether not a bit of the parameters has changed: then none ever will."""
    return _equal(before.parameters, here.parameters)


def _equal(a: Any, b: Any) -> bool:
    """Whether two arrays, or tuples of arrays or of such tuples, are the same."""
    if isinstance(a, tuple):
        return all(map(_equal, a, b))
    return bool(np.array_equal(a, b))


def _step(problem: Problem, before: Point | None, old: float, here: Point) -> Step:
    """Split the log-likelihood here into the bound of the point before and the KL gap.

    All from sums: the entropy of q is ln p - Q at the point where q was the posterior;
    `old` is that of the point before.
    """
    family, total = problem.family, problem.samples.total
    entropy = here.log_likelihood - family.expected(here.statistics, here.parameters)
    bound = gap = math.nan
    if before is not None:
        bound = (family.expected(before.statistics, here.parameters) + old) / total
        gap = here.log_likelihood / total - bound
    return Step(
        problem.passes,
        here.log_likelihood / total,
        here.objective / total,
        bound,
        gap,
        entropy / total,
    )
