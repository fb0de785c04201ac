"""What every model does alike: scikit-learn's habits, and the climb from each of its starts."""

import inspect
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segment.mixture import methods
from segment.mixture.em import Fit, Problem, Step, run
from segment.mixture.family import Family
from segment.mixture.samples import Samples
from segment.threads import over_rows

__all__ = ["Conventions", "Estimator", "generator"]

_log = logging.getLogger("segment.mixture")

# Numbers × components from which restarts run side by side.
_WORTH = 1_000_000


class Conventions:
    """scikit-learn's conventions, without scikit-learn: parameters, names, printing."""

    _takes_missing = False
    _counts = False

    @classmethod
    def _names(cls) -> list[str]:
        parameters = inspect.signature(cls.__init__).parameters
        return sorted(name for name in parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **parameters: Any) -> Self:
        """Set some of the constructor's parameters; ValueError for a name it does not have."""
        known = self._names()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                    f"Valid parameters are: {known!r}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name in defaults
            if name != "self" and repr(getattr(self, name)) != repr(defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn asks, and then it is there.
        utils = sys.modules["sklearn.utils"]
        return utils.Tags(
            estimator_type="density_estimator",
            target_tags=utils.TargetTags(required=False),
            input_tags=utils.InputTags(allow_nan=self._takes_missing, positive_only=self._counts),
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "history_"):
            message = (
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )
            exceptions = sys.modules.get("sklearn.exceptions")
            # Where scikit-learn is in use, the exception it looks for, an AttributeError too.
            raise exceptions.NotFittedError(message) if exceptions else AttributeError(message)

    def _note_names(self, X: Any) -> None:
        names = _column_names(X)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _compare_names(self, X: Any) -> None:
        names, fitted = _column_names(X), getattr(self, "feature_names_in_", None)
        if names is not None and fitted is not None and list(names) != list(fitted):
            raise ValueError(
                "The feature names should match those that were passed during fit: "
                f"fitted {list(fitted)}, given {list(names)}"
            )


class Estimator(Conventions, ABC):
    """Parameters that a constructor only stores, and EM from each of its starts.

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
    n_components: int
    tol: float
    max_iter: int
    n_init: int
    algorithm: str
    acceleration: str | None
    warm_start: bool
    random_state: Any
    threads: int | None
    callback: Callable[[Step], object] | None
    history_: list[Step]
    n_features_in_: int

    _algorithms: tuple[str, ...] = ("em", "gem", "sem", "saem", "mcem", "online")

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
        if not self.tol >= 0:
            raise ValueError(f"tol is {self.tol}, wanted at least 0")


def generator(random_state: Any) -> np.random.Generator:
    """A generator for None, a seed, a Generator, or an old RandomState."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)


def _column_names(X: Any) -> NDArray[Any] | None:
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    names: NDArray[Any] = np.asarray(columns, dtype=object)
    return names
