"""The trained E-step in models/mixture-e-step: a file of weights that is checked before use."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.background.network.records import Layer, Layers
from segment.errors import SegmentError

__all__ = ["FORMAT", "NAME", "checksum", "load", "pack"]

NAME = "mixture-e-step"
FORMAT = "segment learned e-step"

_FILE = "e-step.safetensors"
_PACKAGE = Path(__file__).parents[2]
# Beside the other trained models: in a wheel, and in a checkout.
_FOLDERS = (_PACKAGE / "neural" / "models", _PACKAGE.parent / "models")

# Layers with 3 x 3 and with 1 x 1; "g0" and "doubt" are the glance's.
_CONVOLVED = ("g0", "f0", "a1", "b1", "a2", "b2", "c1", "u2", "u1", "u0")
_MIXED = ("doubt", "e0", "t1", "t0", "out")


@cache
def load(planes: int, glanced: int) -> Layers:
    """Return the layers, packed for the kernels: of networks that read so many planes.

    Raises SegmentError when the file is missing, damaged, or not this network.
    """
    from safetensors import SafetensorError, safe_open

    paths = [folder / NAME / _FILE for folder in _FOLDERS]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise SegmentError(f"the weights models/{NAME}/{_FILE} are missing; install segment again")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SegmentError(f"the weights {path} cannot be read: {error}") from None
    if metadata.get("format") != FORMAT or metadata.get("checksum") != checksum(metadata, tensors):
        raise SegmentError(f"the weights {path} are damaged: install segment again")
    layers = [f"{name}.weight" for name in (*_CONVOLVED, *_MIXED)]
    if not all(name in tensors for name in layers) or (planes, 2 * glanced) != tuple(
        tensors[f"{name}.weight"].shape[1] for name in ("e0", "g0")
    ):
        raise SegmentError(f"the weights {path} read other statistics than this segment has")
    return pack(tensors)


def checksum(metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return BLAKE2b, in hex, over all that the file holds, but the checksum itself."""
    digest = hashlib.blake2b(digest_size=16)
    told = {name: value for name, value in metadata.items() if name != "checksum"}
    digest.update(json.dumps(told, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def pack(tensors: Mapping[str, NDArray[Any]]) -> Layers:
    """Return the layers of tensors "name.weight" (out, in, k, k) and "name.bias" (out,)."""
    layers = {}
    for name in (*_CONVOLVED, *_MIXED):
        given, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        most, least = given.shape[:2]
        more = -most % 4
        weight = np.pad(given.reshape(most, least, -1), ((0, more), (0, 0), (0, 0)))
        groups = weight.shape[0] // 4
        if given.shape[2] == 3:
            four = weight.reshape(groups, 4, least, 9).transpose(0, 2, 1, 3)
            packed = four.reshape(groups, least, 36)
        else:
            four = weight.reshape(groups, 4, least // 4, 4).transpose(0, 2, 1, 3)
            packed = four.reshape(groups, least // 4, 16)
        bias = np.pad(bias, (0, more))
        layers[name] = Layer(
            np.ascontiguousarray(packed, np.float32), np.ascontiguousarray(bias, np.float32)
        )
    return Layers(**layers)
