"""What every mixture does alike: scikit-learn's habits around the shared EM loop."""

import inspect
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from segment.mixture import methods
from segment.mixture.em import Fit, Problem, Step, run
from segment.mixture.family import Family
from segment.mixture.samples import Floats, Samples, check_matrix, check_weights
from segment.mixture.start import responsibilities
from segment.threads import over_rows

__all__ = ["Mixture"]

_log = logging.getLogger("segment.mixture")

# Numbers × components from which restarts run side by side.
_WORTH = 1_000_000

# Samples judged at a time: their joints stay in the cache.
_CHUNK = 16384


class Mixture(ABC):
    """A mixture of K densities, fitted by EM or one of its variants.

    A subclass names its parameters in a constructor that only stores them, gives its
    family of equations, and says what is learned. After `fit`, besides that:

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
    init_params: Any
    algorithm: str
    acceleration: str | None
    warm_start: bool
    random_state: Any
    threads: int | None
    callback: Callable[[Step], object] | None
    weights_: Floats
    history_: list[Step]
    n_features_in_: int

    _algorithms: tuple[str, ...] = ("em", "gem", "sem", "saem", "mcem", "online")
    _takes_missing = False
    _counts = False

    # What a subclass gives.

    @abstractmethod
    def _family(self, samples: Samples) -> Family:
        """The equations, for a fit of these samples."""

    @abstractmethod
    def _learned_family(self) -> Family:
        """The equations, for judging samples with what is learned."""

    @abstractmethod
    def _learn(self, parameters: Any, samples: Samples) -> None:
        """Set the attributes that end in `_`."""

    @abstractmethod
    def _learned(self) -> Any:
        """The parameters again, from those attributes."""

    @abstractmethod
    def _draw(self, parameters: Any, labels: NDArray[Any], rng: np.random.Generator) -> Floats:
        """A sample (n, D) of the component that each of `labels` (n,) names."""

    def _begin(self, family: Any, samples: Samples, rng: np.random.Generator) -> Any:
        """The parameters to start from."""
        X, shares = responsibilities(samples, self.n_components, self.init_params, rng)
        return family.maximise(family.statistics(X, shares), None)

    def _check_samples(self, X: NDArray[Any]) -> None:  # noqa: B027 - most models take any
        """Raise ValueError for samples that this model cannot have made."""

    def _prepare(self, X: Any) -> Any:
        """X as the equations want it."""
        return X

    # What a caller uses.

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features), float64, float32 or uint8; weights (n_samples,).

        Raises ValueError for samples or settings that cannot be used.
        """
        self._check_settings()
        samples = Samples.check(
            self._prepare(X),
            sample_weight,
            missing=self._takes_missing,
            least=self.n_components,
            threads=self.threads,
        )
        self._check_samples(samples.X)
        self._note_names(X)
        way = methods.choose(self.algorithm, self.acceleration, self._algorithms)
        family = self._family(samples)
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
            problem = Problem(family, samples, seeds[number], options=options)
            begin = self._learned() if warm else self._begin(family, samples, seeds[number])
            fits[number] = run(
                problem,
                begin,
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
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> NDArray[np.int64]:
        """Fit, and return the most probable component (n_samples,) of each sample."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The most probable component of each sample, (n_samples,) int64."""
        X = self._check_known(X)
        labels = np.empty(len(X), np.int64)
        for some, joint in self._joints(X):
            labels[some] = joint.argmax(axis=1)
        return labels

    def predict_proba(self, X: Any) -> Floats:
        """Responsibilities (n_samples, n_components), each row sums to 1."""
        X = self._check_known(X)
        shares = np.empty((len(X), self.n_components))
        for some, joint in self._joints(X):
            shares[some] = np.exp(joint - logsumexp(joint, axis=1)[:, None])
        # Rounding of the sum is not left to the caller.
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def score_samples(self, X: Any) -> Floats:
        """Ln p of each sample, (n_samples,) nats."""
        X = self._check_known(X)
        evidence = np.empty(len(X))
        for some, joint in self._joints(X):
            evidence[some] = logsumexp(joint, axis=1)
        return evidence

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean ln p of a sample, nats."""
        evidence = self.score_samples(X)
        weight = check_weights(sample_weight, len(evidence))
        return float(np.average(evidence, weights=weight if weight.size else None))

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.int64]]:
        """Draw (n_samples, n_features) samples, and the component (n_samples,) of each."""
        self._check_fitted()
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one"
            )
        rng = generator(self.random_state)
        counts = rng.multinomial(n_samples, self.weights_ / self.weights_.sum())
        labels = np.repeat(np.arange(self.n_components), counts)
        return self._draw(self._learned(), labels, rng), labels

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion, -2 ln p + free parameters × ln n; lower is better."""
        total, n = self._total(X, sample_weight)
        return -2 * total + self._free() * float(np.log(n))

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's information criterion, -2 ln p + 2 free parameters; lower is better."""
        return -2 * self._total(X, sample_weight)[0] + 2 * self._free()

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood: BIC + 2 × the responsibilities' entropy.

        Source: Biernacki, Celeux and Govaert, IEEE PAMI 22(7), 2000.
        """
        shares = self.predict_proba(X)
        entropy = -np.sum(shares * np.log(np.maximum(shares, 1e-300)), axis=1)
        weight = check_weights(sample_weight, len(shares))
        total = float(weight @ entropy if weight.size else entropy.sum())
        return self.bic(X, sample_weight) + 2 * total

    # scikit-learn's conventions, without scikit-learn.

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

    # Helpers.

    def _check_settings(self) -> None:
        for name, least in (("n_components", 1), ("max_iter", 1), ("n_init", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"{name} is {value!r}, wanted a whole number")
            if value < least:
                raise ValueError(f"{name} is {value}, wanted at least {least}")
        if not self.tol >= 0:
            raise ValueError(f"tol is {self.tol}, wanted at least 0")

    def _best(self, fits: list[Fit], family: Family, samples: Samples) -> Fit:
        """The highest objective; among collapsed fits, only where all have collapsed."""

        def rank(fit: Fit) -> tuple[bool, float]:
            sound = not self._collapsed(family, fit, samples).any()
            return sound, fit.point.objective

        return max(fits, key=rank)

    def _collapsed(self, family: Family, fit: Fit, samples: Samples) -> NDArray[np.bool_]:
        collapsed: NDArray[np.bool_] = fit.point.parameters[0] * samples.total < 1e-3
        return collapsed

    def _check_fitted(self) -> None:
        if not hasattr(self, "history_"):
            message = (
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )
            exceptions = sys.modules.get("sklearn.exceptions")
            # Where scikit-learn is in use, the exception it looks for, an AttributeError too.
            raise exceptions.NotFittedError(message) if exceptions else AttributeError(message)

    def _check_known(self, X: Any) -> NDArray[Any]:
        self._check_fitted()
        self._compare_names(X)
        checked: NDArray[Any] = check_matrix(
            self._prepare(X), self.n_features_in_, type(self).__name__
        )
        for some in _slices(len(checked)):
            if checked.dtype.kind == "f" and not np.isfinite(checked[some]).all():
                missing = np.isnan(checked[some]).any()
                if np.isinf(checked[some]).any() or not self._takes_missing:
                    what = "NaN" if missing else "infinity"
                    raise ValueError(f"Input X contains {what}, wanted numbers")
        self._check_samples(checked)
        return checked

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

    def _joints(self, X: NDArray[Any]) -> Iterator[tuple[slice, Floats]]:
        family, parameters = self._learned_family(), self._learned()
        for some in _slices(len(X)):
            yield some, family.log_joint(X[some].astype(np.float64), parameters)

    def _total(self, X: Any, sample_weight: Any) -> tuple[float, float]:
        evidence = self.score_samples(X)
        weight = check_weights(sample_weight, len(evidence))
        if weight.size:
            return float(weight @ evidence), float(weight.sum())
        return float(evidence.sum()), float(len(evidence))

    def _free(self) -> int:
        return self._learned_family().count_free(self.n_features_in_)


def generator(random_state: Any) -> np.random.Generator:
    """A generator for None, a seed, a Generator, or an old RandomState."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)


def _slices(length: int) -> Iterator[slice]:
    for start in range(0, length, _CHUNK):
        yield slice(start, min(length, start + _CHUNK))


def _column_names(X: Any) -> NDArray[Any] | None:
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    names: NDArray[Any] = np.asarray(columns, dtype=object)
    return names
