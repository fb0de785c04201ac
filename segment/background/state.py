"""What a subtractor has learned, in a file and back: the restored one goes on bit for bit.

A safetensors file (https://huggingface.co/docs/safetensors): the arrays as they are, and
as its metadata

    format      "segment subtractor"
    version     of this page; 1
    class       the subtractor's name
    revision    of what that class keeps
    library     version of segment that wrote it
    picture     JSON: shape (H, W, C) and dtype of the images learned from; null before the first
    parameters  JSON: what its constructor takes, and region, sensitivity and invalid
    numbers     JSON: all it keeps that is no array
    checksum    BLAKE2b over all of this and the arrays

Other programs may read it; nothing in it is ever executed, unlike a pickle.
"""

import dataclasses
import functools
import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NoReturn, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from segment.background.inputs import MOST_CHANNELS, grey_levels
from segment.errors import BadState
from segment.files import told, whole
from segment.turns import one_at_a_time

__all__ = ["FORMAT", "VERSION", "Saved"]

FORMAT = "segment subtractor"
VERSION = 1

# Attributes that are set like parameters, though no constructor takes them.
_GUIDANCE = ("region", "sensitivity", "invalid")

# One may become the other in the course of calculating; a bool is an int, and does no harm.
_NUMBERS = (int, float, np.integer, np.floating)

_PARAMETER = "parameter "  # before the names of parameters that are arrays


@dataclass
class _Content:
    """A subtractor taken apart.

    picture : shape and dtype of its images, None before the first.
    parameters : to be given to the constructor, or set.
    values : its other attributes; arrays that are views of others are left out.
    """

    picture: tuple[tuple[int, int, int], np.dtype[Any]] | None
    parameters: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)


@one_at_a_time("save", "copy", "__getstate__")
class Saved:
    """Saving, loading, copying and pickling, for a subtractor that inherits them.

    The subtractor stores its parameters under their names, begins with the first image
    in `_begin`, and has `_shape` (H, W, C), None before, and `_image_dtype` if it takes
    other images than uint8. Its other attributes are arrays, whose shapes and types
    follow from parameters and image, and numbers, strings, dtypes, or tuples of them
    (a NamedTuple is one from the beginning); and records of these, which are dataclasses, or
    NamedTuples of arrays: what they hold is called "record.name".
    `_SCRATCH` names those that need not be kept.
    """

    STATE_REVISION: ClassVar[int] = 1
    """To be counted up when what is kept changes its meaning."""

    _SCRATCH: ClassVar[frozenset[str]] = frozenset()

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
        path = Path(path)
        arrays, metadata = _pack(type(self), _take_apart(self))
        with told(path), whole(path) as temporary, temporary.open("wb") as file:
            _write(file, arrays, metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the subtractor that `save` wrote; it goes on as that one would have.

        Raises BadState, in one line, when the file is missing, damaged, something else, of
        another class or of another version.
        """
        path = Path(path)
        content = _unpack(cls, path)
        try:
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
        _fill(self, _Content(**state))

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


def _take_apart(subtractor: Saved) -> _Content:
    names = _parameters(type(subtractor))
    parameters = {name: getattr(subtractor, name) for name in names}
    shape = subtractor.image_shape
    picture = None if shape is None else (shape, np.dtype(subtractor._image_dtype))
    return _Content(picture, parameters, _values(subtractor, names))


def _parameters(cls: type[Saved]) -> list[str]:
    taken = [name for name in inspect.signature(cls).parameters if name != "self"]
    return taken + [name for name in _GUIDANCE if name not in taken and hasattr(cls, name)]


def _values(subtractor: Saved, parameters: list[str]) -> dict[str, Any]:
    """All attributes that are no parameters, no scratch and no views of other attributes."""
    guidance = (f"_{name}" for name in _GUIDANCE)
    left_out = {*parameters, *guidance, *type(subtractor)._SCRATCH}
    values: dict[str, Any] = {}
    for name, value in vars(subtractor).items():
        if name not in left_out:
            _flatten(name, value, values)
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    views = {name for name in arrays if _lies_in_another(name, arrays)}
    return {name: value for name, value in values.items() if name not in views}


def _flatten(name: str, value: Any, values: dict[str, Any]) -> None:
    """Enter a value, or all that a record holds, into `values`."""
    parts: tuple[str, ...] = ()
    if dataclasses.is_dataclass(value):
        parts = tuple(part.name for part in dataclasses.fields(value))
    elif isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        parts = getattr(value, "_fields", ())
    if not parts:
        values[name] = value
    for part in parts:
        _flatten(f"{name}.{part}", getattr(value, part), values)


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


def _put_together(cls: type[Kind], content: _Content) -> Kind:
    subtractor = cls.__new__(cls)
    _fill(subtractor, content)
    return subtractor


def _fill(subtractor: Saved, content: _Content) -> None:
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


# --- the file -------------------------------------------------------------------------------


def _pack(cls: type[Saved], content: _Content) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    import segment

    arrays: dict[str, NDArray[Any]] = {}
    parameters: dict[str, Any] = {}
    numbers: dict[str, Any] = {}
    for prefix, values, plain in (
        (_PARAMETER, content.parameters, parameters),
        ("", content.values, numbers),
    ):
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                arrays[prefix + name] = np.ascontiguousarray(value)
            else:
                plain[name] = _as_json(name, value)
    picture = None
    if content.picture is not None:
        shape, dtype = content.picture
        picture = {"shape": list(shape), "dtype": dtype.name}
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "class": cls.__name__,
        "revision": str(cls.STATE_REVISION),
        "library": segment.__version__,
        "picture": json.dumps(picture),
        "parameters": json.dumps(parameters),
        "numbers": json.dumps(numbers),
    }
    metadata["checksum"] = _checksum(metadata, arrays)
    return arrays, metadata


_NAMES = {
    "bool": "BOOL",
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
}


def _write(file: BinaryIO, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write safetensors as its specification says.

    The library's own writer leaves hundreds of megabytes under a random name when it is killed,
    or needs as many in memory.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    # Wide types first, so that each array lies at a multiple of its type.
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    for name in names:
        array = arrays[name]
        begin, end = end, end + array.nbytes
        kind = _NAMES[array.dtype.name]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        array = arrays[name]
        if sys.byteorder == "big":
            array = array.byteswap()
        file.write(_bytes(array))


def _unpack(cls: type[Saved], path: Path) -> _Content:
    """Read a file that holds a `cls`. Raises BadState."""
    arrays, metadata = _read(path)
    if metadata.get("format") != FORMAT:
        _refuse(path, "is a safetensors file, but not the state of a subtractor")
    version = metadata.get("version", "")
    if version.isdecimal() and int(version) > VERSION:
        _refuse(
            path,
            f"was written by a newer segment ({metadata.get('library')}, format {version}); "
            f"this one reads format {VERSION}",
        )
    if metadata.get("checksum") != _checksum(metadata, arrays):
        _refuse(path, "is damaged: its checksum is not that of its contents")
    if metadata["class"] != cls.__name__:
        _refuse(
            path,
            f"is the state of a {metadata['class']}, not of a {cls.__name__}; "
            f"load it with {metadata['class']}.load",
        )
    if metadata["revision"] != str(cls.STATE_REVISION):
        _refuse(
            path,
            f"was written by segment {metadata['library']}, whose {cls.__name__} kept other "
            "things; begin anew",
        )
    try:
        return _content(arrays, metadata, path.stat().st_size)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _refuse(path, f"is no sound state: {error}")


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    from safetensors import safe_open

    try:
        if not path.stat().st_size:
            _refuse(path, "is empty (0 bytes)")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except BadState:
        raise
    except OSError as error:
        _refuse(path, f"cannot be read: {(error.strerror or str(error)).lower()}")
    except Exception as error:  # whatever the reader finds wrong with a file, it is the file
        _refuse(path, f"is damaged, or no state of a subtractor ({error})")


def _refuse(path: Path, what: str) -> NoReturn:
    raise BadState(f"{path} {what}") from None


def _content(
    arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str], size: int
) -> _Content:
    """Take apart what was read; the file's `size` in bytes bounds what it may claim."""
    picture = json.loads(metadata["picture"])
    if picture is not None:
        height, width, channels = picture["shape"]
        if not all(type(side) is int and side > 0 for side in (height, width, channels)):
            raise ValueError(f"its images are {picture['shape']}")
        # Every pixel has at least a byte; nobody gets memory for more than there is.
        if channels > MOST_CHANNELS or height * width > size:
            raise ValueError(f"its images are {picture['shape']}, for which it is too small")
        grey_levels(picture["dtype"])
        picture = ((height, width, channels), np.dtype(picture["dtype"]))
    parameters = {
        name: _from_json(value) for name, value in json.loads(metadata["parameters"]).items()
    }
    values = {name: _from_json(value) for name, value in json.loads(metadata["numbers"]).items()}
    for name, array in arrays.items():
        if name.startswith(_PARAMETER):
            parameters[name.removeprefix(_PARAMETER)] = array
        else:
            values[name] = array
    return _Content(picture, parameters, values)


def _checksum(metadata: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    told = {name: value for name, value in metadata.items() if name != "checksum"}
    digest.update(json.dumps(told, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.name} {array.shape}".encode())
        digest.update(_bytes(array))
    return digest.hexdigest()


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _as_json(name: str, value: Any) -> Any:
    """What JSON can hold, and its type where JSON would lose it."""
    if value is None or (
        isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins"
    ):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_as_json(name, part) for part in value]}
    if isinstance(value, np.dtype):
        return {"dtype": value.name}
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return {value.dtype.name: value.item()}
    raise TypeError(f"{name} is a {type(value).__name__}, which a state file cannot hold")


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError(f"{value!r} is a list, which it never writes")
        return value
    ((kind, inner),) = value.items()
    if kind == "tuple":
        return tuple(_from_json(part) for part in inner)
    if kind == "dtype":
        return np.dtype(inner)
    dtype = np.dtype(kind)
    if dtype.kind not in "biuf":
        raise ValueError(f"{kind!r} is no type that it writes")
    return dtype.type(inner)
