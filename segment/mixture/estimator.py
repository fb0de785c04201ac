"""What every model that climbs does alike: EM from each of its starts, and what is told of it."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from segment.mixture import methods
from segment.mixture.em import Fit, Problem, Step, run
from segment.mixture.family import Family
from segment.mixture.samples import Samples
from segment.mixture.settings import Settings
from segment.threads import over_rows

__all__ = ["Estimator", "generator"]

_log = logging.getLogger("segment.mixture")

# Numbers × components from which restarts run side by side.
_WORTH = 1_000_000


class Estimator(Settings, ABC):
    """Settings, and EM from each of its starts.

    After `fit`:

    history_ : list of `Step`, one per visited point: log-likelihood, lower bound, KL gap
        and entropy of the responsibilities, in nats a sample.
    reason_ : why the fit stopped, in words; converged_ : whether by itself.
    n_iter_ : sweeps over the samples after the first; lower_bound_ : the objective reached.
    collapsed_ : (K,) bool, components that have lost their spread or their samples.
    n_features_in_ : D.
    quiet : set it, and a collapse is in `collapsed_` only, not in the log as well.
    """

    quiet = False
    n_init: int = 1

    history_: list[Step] = field(init=False)
    n_features_in_: int = field(init=False)

    _algorithms: ClassVar[tuple[str, ...]] = ("em", "gem", "sem", "saem", "mcem", "online")

    # What a subclass gives.

    @abstractmethod
    def _learn(self, parameters: Any, samples: Samples) -> None:
        """Set the attributes that end in `_`."""

    @abstractmethod
    def _learned(self) -> Any:
        """The parameters again, from those attributes."""

    @abstractmethod
    def _collapsed(self, family: Any, fit: Fit, samples: Samples) -> NDArray[np.bool_]:
        """(K,) which components have lost their spread or their samples."""

    def _climb(
        self, family: Family, samples: Samples, begin: Callable[[np.random.Generator], Any]
    ) -> None:
        """Fit from each of `n_init` starts, or from what is learned; learn the best."""
        way = methods.choose(self.algorithm, self.acceleration, self._algorithms)
        warm = self.warm_start and hasattr(self, "history_")
        if warm:
            self._check_fitted()
        if warm and self.n_features_in_ != samples.X.shape[1]:
            raise ValueError(
                f"X has {samples.X.shape[1]} features, but the warm start has "
                f"{self.n_features_in_}; fit without warm_start"
            )
        starts = 1 if warm else self.n_init
        seeds = generator(self.random_state).spawn(starts)
        fits: list[Fit | None] = [None] * starts

        def attempt(samples: Samples, number: int) -> None:
            options = {"max_iter": self.max_iter}
            fits[number] = run(
                Problem(family, samples, seeds[number], options=options),
                self._learned() if warm else begin(seeds[number]),
                way.method,
                tol=self.tol,
                max_iter=self.max_iter,
                monotone=way.monotone,
                callback=self.callback,
            )

        def attempts(start: int, stop: int) -> None:
            # Threads are for the restarts now, not for the samples of each.
            alone = replace(samples, threads=1)
            for number in range(start, stop):
                attempt(alone, number)

        # Threads that do little but wait for the interpreter's lock are slower than one.
        work = samples.X.size * self.n_components
        if starts > 1 and samples.threads > 1 and work > _WORTH:
            over_rows(attempts, starts, samples.threads)
        else:
            for number in range(starts):
                attempt(samples, number)
        best = self._best([fit for fit in fits if fit is not None], family, samples)
        self.n_features_in_ = samples.X.shape[1]
        self._learn(best.point.parameters, samples)
        self._as_fitted = self._shaping()
        self.history_ = best.history
        self.converged_ = best.converged
        self.reason_ = best.reason
        self.n_iter_ = max(1, best.passes - 1)
        self.lower_bound_ = best.history[-1].objective
        self.lower_bounds_ = [step.objective for step in best.history]
        self.collapsed_ = self._collapsed(family, best, samples)
        if self.collapsed_.any() and not self.quiet:
            _log.warning(
                "components %s have collapsed; raise reg_covar, give a prior or fewer components",
                np.flatnonzero(self.collapsed_).tolist(),
            )

    def _best(self, fits: list[Fit], family: Family, samples: Samples) -> Fit:
        """The highest objective; among collapsed fits, only where all have collapsed."""

        def rank(fit: Fit) -> tuple[bool, float]:
            sound = not self._collapsed(family, fit, samples).any()
            return sound, fit.point.objective

        return max(fits, key=rank)

    # Checks.

    def _check_settings(self) -> None:
        for name, least in (("n_components", 1), ("max_iter", 1), ("n_init", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"{name} is {value!r}, wanted a whole number")
            if value < least:
                raise ValueError(f"{name} is {value}, wanted at least {least}")
        if not isinstance(self.tol, (int, float, np.number)) or not self.tol >= 0:
            raise ValueError(f"tol is {self.tol!r}, wanted a number of at least 0")


def generator(random_state: Any) -> np.random.Generator:
    """A generator for None, a seed, a Generator, or an old RandomState."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state is {random_state!r}, wanted None, a seed of at least 0 or a Generator"
        ) from None
