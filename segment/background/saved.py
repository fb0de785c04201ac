"""What a subtractor has learned, taken apart and put together: what is restored goes on.

`Saved` is what a subtractor inherits; the file is `statefile`'s.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from segment.background import statefile
from segment.background.statefile import Content
from segment.errors import BadState
from segment.turns import one_at_a_time

__all__ = ["Saved", "flatten"]

# Attributes that are set like parameters, though no constructor takes them.
_GUIDANCE = ("region", "sensitivity", "invalid")

# One may become the other in the course of calculating; a bool is an int, and does no harm.
_NUMBERS = (int, float, np.integer, np.floating)


@one_at_a_time("save", "copy", "__getstate__")
class Saved:
    """Saving, loading, copying and pickling, for a subtractor that inherits them.

    The subtractor stores its parameters under their names, begins with the first image
    in `_begin`, and has `_shape` (H, W, C), None before, and `_image_dtype` if it takes
    other images than uint8. Its other attributes are arrays, whose shapes and types
    follow from parameters and image, and numbers, strings, dtypes, or tuples of them
    (a NamedTuple is one from the beginning); and records of these, which are dataclasses, or
    NamedTuples of arrays: what they hold is called "record.name".
    `SCRATCH` names those that need not be kept.
    """

    STATE_REVISION: ClassVar[int] = 1
    """To be counted up when what is kept changes its meaning."""

    _EARLIER: ClassVar[Mapping[int, Callable[[Content], None]]] = {}
    """Revisions that are still understood, and what changes their files into what is meant now."""

    SCRATCH: ClassVar[frozenset[str]] = frozenset()
    """Attributes that need not be kept."""

    _shape: tuple[int, ...] | None
    _image_dtype: Any = np.dtype(np.uint8)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(H, W, C) of the images learned from; None before the first."""
        if self._shape is None:
            return None
        height, width, channels = self._shape
        return height, width, channels

    @property
    def image_dtype(self) -> np.dtype[Any] | None:
        """Type of the images learned from; None before the first."""
        return None if self._shape is None else np.dtype(self._image_dtype)

    def save(self, path: str | Path) -> None:
        """Write all that was learned, and the parameters, to a file that `load` reads.

        The file stands under its name as a whole, or not at all; one that is there is
        replaced. Raises OutputError when the disk refuses.
        """
        cls = type(self)
        statefile.write(Path(path), cls.__name__, cls.STATE_REVISION, _take_apart(self))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the subtractor that `save` wrote; it goes on as that one would have.

        Raises BadState, in one line, when the file is missing, damaged, something else, of
        another class or of another version.
        """
        path = Path(path)
        known = {cls.STATE_REVISION, *cls._EARLIER}
        content, revision = statefile.read(path, cls.__name__, known)
        try:
            if revision != cls.STATE_REVISION:
                cls._EARLIER[revision](content)
            return _put_together(cls, content)
        except (ValueError, TypeError, MemoryError, OverflowError) as error:
            # The checksum holds: another version wrote it, or somebody by hand.
            reason = str(error) or type(error).__name__
            raise BadState(f"{path} is no state that {cls.__name__} can take: {reason}") from None

    def copy(self) -> Self:
        """Return another subtractor that knows the same and shares nothing."""
        return _put_together(type(self), _take_apart(self))

    def __getstate__(self) -> dict[str, Any]:
        content = _take_apart(self)
        return {
            "picture": content.picture,
            "parameters": content.parameters,
            "values": content.values,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        _fill(self, Content(**state))

    def _check_learned(self) -> None:
        """Raise ValueError for values with which a compiled loop would leave its arrays.

        Both subtractors count the modes in use of a pixel; who keeps another index adds to this.
        """
        count, most = getattr(self, "_count", None), getattr(self, "components", None)
        if isinstance(count, np.ndarray) and count.size and most is not None:
            low, high = count.min(), count.max()
            if low < 1 or high > most:
                raise ValueError(f"its pixels have {low} to {high} modes, wanted 1 to {most}")


Kind = TypeVar("Kind", bound=Saved)


def _take_apart(subtractor: Saved) -> Content:
    names = _parameters(type(subtractor))
    parameters = {name: getattr(subtractor, name) for name in names}
    shape = subtractor.image_shape
    picture = None if shape is None else (shape, np.dtype(subtractor._image_dtype))
    return Content(picture, parameters, _values(subtractor, names))


def _parameters(cls: type[Saved]) -> list[str]:
    taken = [name for name in inspect.signature(cls).parameters if name != "self"]
    return taken + [name for name in _GUIDANCE if name not in taken and hasattr(cls, name)]


def _values(subtractor: Saved, parameters: list[str]) -> dict[str, Any]:
    """All attributes that are no parameters, no scratch and no views of other attributes."""
    guidance = (f"_{name}" for name in _GUIDANCE)
    left_out = {*parameters, *guidance, *type(subtractor).SCRATCH}
    values: dict[str, Any] = {}
    for name, value in vars(subtractor).items():
        if name not in left_out:
            flatten(name, value, values)
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    views = {name for name in arrays if _lies_in_another(name, arrays)}
    return {name: value for name, value in values.items() if name not in views}


def flatten(name: str, value: Any, values: dict[str, Any]) -> None:
    """Enter a value, or all that a record holds, into `values`."""
    parts: tuple[str, ...] = ()
    if dataclasses.is_dataclass(value):
        parts = tuple(part.name for part in dataclasses.fields(value))
    elif isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        parts = getattr(value, "_fields", ())
    if not parts:
        values[name] = value
    for part in parts:
        flatten(f"{name}.{part}", getattr(value, part), values)


def _lies_in_another(name: str, arrays: dict[str, NDArray[Any]]) -> bool:
    low, high = np.lib.array_utils.byte_bounds(arrays[name])
    before = True
    for other, array in arrays.items():
        if other == name:
            before = False
            continue
        start, stop = np.lib.array_utils.byte_bounds(array)
        if array.flags.c_contiguous and start <= low and high <= stop:
            # Of two names for the same bytes the first counts.
            same = (start, stop) == (low, high) and arrays[name].flags.c_contiguous
            if before or not same:
                return True
    return False


def _put_together(cls: type[Kind], content: Content) -> Kind:
    subtractor = cls.__new__(cls)
    _fill(subtractor, content)
    return subtractor


def _fill(subtractor: Saved, content: Content) -> None:
    """Make `subtractor`, which is nothing yet, what `content` says.

    It is built as it would be for such images, then what was learned is copied in: so views
    stay views, and nothing is believed that does not fit. Raises ValueError and TypeError.
    """
    names = _parameters(type(subtractor))
    if sorted(names) != sorted(content.parameters):
        raise ValueError(_difference("parameters", names, content.parameters))
    taken = inspect.signature(type(subtractor)).parameters
    parameters = dict(content.parameters)
    guidance = {name: parameters.pop(name) for name in names if name not in taken}
    subtractor.__init__(**parameters)  # type: ignore[misc]  # the heir's, whose names these are
    for name, value in guidance.items():
        setattr(subtractor, name, value)
    if content.picture is not None:
        shape, dtype = content.picture
        subtractor._begin(np.zeros(shape, dtype))  # type: ignore[attr-defined]
    blank = _values(subtractor, names)
    if sorted(blank) != sorted(content.values):
        raise ValueError(_difference("values", blank, content.values))
    values = {}
    for name, value in content.values.items():
        values[name] = _fitted(name, blank[name], value)
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            np.copyto(blank[name], value, casting="no")
        else:
            *path, last = name.split(".")
            setattr(functools.reduce(getattr, path, subtractor), last, value)
    if subtractor.image_shape != (content.picture and content.picture[0]):
        raise ValueError(f"its images are {content.picture} and {subtractor._shape} at once")
    subtractor._check_learned()


def _fitted(name: str, wanted: Any, value: Any) -> Any:
    """Return `value` as an attribute that begins with `wanted` could have become it.

    Raises ValueError if it could not. A file has lost the names of a NamedTuple.
    """
    if isinstance(wanted, np.ndarray) or isinstance(value, np.ndarray):
        ours, theirs = _form(wanted), _form(value)
        if ours != theirs:
            raise ValueError(f"{name} is {theirs}, wanted {ours}")
        return value
    if wanted is None:
        return value
    for alike in (_NUMBERS, np.dtype):
        if isinstance(wanted, alike) and isinstance(value, alike):
            return value
    names = getattr(wanted, "_fields", ())
    if names and isinstance(value, tuple) and len(value) == len(names):
        inner = map(_fitted, names, wanted, value)
        return type(wanted)(*inner)
    if type(value) is not type(wanted):
        raise ValueError(f"{name} is {value!r}, wanted a {type(wanted).__name__}")
    return value


def _form(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return type(value).__name__


def _difference(what: str, ours: Any, theirs: Any) -> str:
    missing, unknown = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    parts = [f"lacks {', '.join(missing[:4])}"] if missing else []
    parts += [f"has unknown {', '.join(unknown[:4])}"] if unknown else []
    return f"among its {what} it {' and '.join(parts)}"
