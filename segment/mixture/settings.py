"""Settings that a constructor only stores, and scikit-learn's habits without scikit-learn."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from segment.mixture.em import Step

__all__ = ["Settings"]


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(field,))
@dataclass(kw_only=True, eq=False, repr=False)
class Settings:
    """The settings every model has; its own are annotated in its class, with their defaults.

    Each subclass becomes a dataclass of keywords, so that nobody writes a constructor. What is
    learned is annotated with `field(init=False)`, what belongs to the class with `ClassVar`.
    """

    n_components: int = field(default=1, kw_only=False)
    tol: float = 1e-6
    max_iter: int = 300
    algorithm: str = "em"
    acceleration: str | None = None
    warm_start: bool = False
    random_state: Any = None
    threads: int | None = None
    callback: Callable[[Step], object] | None = None

    _takes_missing: ClassVar[bool] = False
    _counts: ClassVar[bool] = False
    _in_order: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        # Two models are the same only if they are one: arrays cannot be asked in one word.
        dataclass(kw_only=True, eq=False, repr=False)(cls)

    @classmethod
    def _names(cls) -> list[str]:
        parameters = inspect.signature(cls.__init__).parameters
        return sorted(name for name in parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters by name; `deep`, also those of a model among them."""
        own = {name: getattr(self, name) for name in self._names()}
        if deep:
            for name, value in list(own.items()):
                if isinstance(value, Settings):
                    inner = value.get_params()
                    own |= {f"{name}__{key}": setting for key, setting in inner.items()}
        return own

    def set_params(self, **parameters: Any) -> Self:
        """Set some of the constructor's parameters; ValueError for a name it does not have."""
        known = self._names()
        # A model among them first: what is set of it is set of the new one.
        for name, value in sorted(parameters.items(), key=lambda item: "__" in item[0]):
            own, _, inner = name.partition("__")
            model = getattr(self, own, None) if own in known else None
            if inner and isinstance(model, Settings):
                model.set_params(**{inner: value})
            elif name in known:
                setattr(self, name, value)
            else:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                    f"Valid parameters are: {known!r}."
                )
        return self

    def _fresh(self, **changes: Any) -> Self:
        """An unfitted model with these settings and some others."""
        return type(self)(**self.get_params(deep=False)).set_params(**changes)

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
        for name, then in getattr(self, "_as_fitted", {}).items():
            now = self._shaping()[name]
            if now != then:
                raise ValueError(
                    f"{name} is {now!r}, but {then!r} when this was fitted; fit again without "
                    "warm_start"
                )

    def _shaping(self) -> dict[str, Any]:
        """The settings that say of what shape parameters are: what is learned has one of them."""
        return {"n_components": self.n_components}

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


def _column_names(X: Any) -> NDArray[Any] | None:
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    names: NDArray[Any] = np.asarray(columns, dtype=object)
    return names
