"""The file that holds what a subtractor has learned, written and read.

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

import hashlib
import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from segment.background.inputs import MOST_CHANNELS, grey_levels
from segment.errors import BadState, OtherState
from segment.files import told, whole

__all__ = ["FORMAT", "VERSION", "Content", "read", "write"]

FORMAT = "segment subtractor"
VERSION = 1

_THEN = "begin again"  # --resume is not for what a state has learned from already

_PARAMETER = "parameter "  # before the names of parameters that are arrays


@dataclass
class Content:
    """A subtractor taken apart.

    picture : shape and dtype of its images, None before the first.
    parameters : to be given to the constructor, or set.
    values : its other attributes; arrays that are views of others are left out.
    """

    picture: tuple[tuple[int, int, int], np.dtype[Any]] | None
    parameters: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)


def write(path: Path, name: str, revision: int, content: Content) -> None:
    """Write the content of a subtractor of the class `name`, and the revision of what it keeps.

    The file stands under its name as a whole, or not at all. Raises OutputError when the disk
    refuses, TypeError for values that it cannot hold.
    """
    arrays, metadata = _pack(name, revision, content)
    with told(path, _THEN), whole(path) as temporary, temporary.open("wb") as file:
        _write(file, arrays, metadata)


def read(path: Path, name: str, revisions: Collection[int]) -> tuple[Content, int]:
    """Return the content of a file that `write` wrote for the same class, and its revision.

    Raises BadState, in one line, when the file is missing, damaged, something else, of another
    class or of a revision that is none of these.
    """
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
    if metadata.get("checksum") != checksum_of(metadata, arrays):
        _refuse(path, "is damaged: its checksum is not that of its contents")
    if metadata["class"] != name:
        raise OtherState(
            f"{path} is the state of a {metadata['class']}, not of a {name}; "
            f"load it with {metadata['class']}.load",
            metadata["class"],
        )
    if metadata["revision"] not in map(str, revisions):
        _refuse(
            path,
            f"was written by segment {metadata['library']}, whose {name} kept other "
            "things; begin anew",
        )
    try:
        content = _content(arrays, metadata, path.stat().st_size)
        return content, int(metadata["revision"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _refuse(path, f"is no sound state: {error}")


def _pack(
    owner: str, revision: int, content: Content
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
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
        "class": owner,
        "revision": str(revision),
        "library": segment.__version__,
        "picture": json.dumps(picture),
        "parameters": json.dumps(parameters),
        "numbers": json.dumps(numbers),
    }
    metadata["checksum"] = checksum_of(metadata, arrays)
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


def _content(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str], size: int) -> Content:
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
    return Content(picture, parameters, values)


def checksum_of(metadata: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> str:
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
