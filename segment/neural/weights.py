"""A models/ folder on disk: weights that are checked before they are believed."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from segment.errors import SegmentError
from segment.files import parse_json, whole
from segment.neural.kinds import Model, build_model
from segment.neural.recipe import ModelConfig, RecipeError, read_config

__all__ = ["WEIGHTS", "ModelError", "load_weights", "save_weights"]

WEIGHTS = "weights.safetensors"
FORMAT = "segment-neural-em"
VERSION = 1

log = logging.getLogger("segment.neural")


class ModelError(SegmentError):
    """A model is missing, damaged, or not one of ours."""


_KNOWN = frozenset(["format", "version", "config", "checksum"])
"""What is written beside the tensors."""


def save_weights(model: Model, path: str | Path, half: bool = False) -> None:
    """Write weights and configuration to one safetensors file, whole or not at all.

    With `half` weights are rounded to 16 bits, for half the size; they are read as float32.
    """
    path = Path(path)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "config": json.dumps(asdict(model.config)),
    }
    dtype = torch.float16 if half else torch.float32
    tensors = {n: t.detach().to("cpu", dtype).contiguous() for n, t in model.state_dict().items()}
    metadata["checksum"] = checksum(metadata, tensors)
    try:
        with whole(path) as temporary:
            save_file(tensors, temporary, metadata)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"the weights {path} cannot be written: {error}") from None


def load_weights(path: str | Path) -> Model:
    """Read a model back; ModelError unless the file is whole, as it was written, and ours.

    Files from before weights had a checksum are read too, and the logger notes it.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"there are no weights at {path}")
    try:
        with safe_open(path, "pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            # Pages of a mapped file may change under a running model; these are a copy.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"the weights {path} are damaged: {error}") from None
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{path} holds no Neural EM weights of Segment")
    if metadata.get("version") != str(VERSION):
        raise ModelError(
            f"the weights {path} have version {metadata.get('version')}, this Segment reads "
            f"{VERSION}; update Segment"
        )
    if not metadata.keys() <= _KNOWN:  # damage may have hit the checksum's own name
        name = sorted(metadata.keys() - _KNOWN)[0]
        raise ModelError(f"the weights {path} are damaged, or somebody added {name!r} to them")
    if "checksum" not in metadata:
        log.info("the weights %s carry no checksum: damage to them would not be seen", path)
    elif metadata["checksum"] != checksum(metadata, tensors):
        raise ModelError(
            f"the weights {path} are damaged: their checksum is not that of their contents; "
            "copy or train them again"
        )
    model = build_model(_config(metadata.get("config", ""), path))
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != given:
        odd = sorted(set(wanted.items()) ^ set(given.items()))[0]
        raise ModelError(f"the weights {path} do not fit their configuration: {odd[0]} {odd[1]}")
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise ModelError(f"the weights {path} hold values that are no numbers; train again")
    model.load_state_dict(tensors)
    return model.eval()


def checksum(metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> str:
    """Return BLAKE2b, in hex, over all that a file of weights holds, but the checksum itself."""
    digest = hashlib.blake2b(digest_size=16)
    told = {name: value for name, value in metadata.items() if name != "checksum"}
    digest.update(json.dumps(told, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _config(text: str, path: Path) -> ModelConfig:
    try:
        table: Any = parse_json(text)
        return read_config(table, "the configuration")
    except (ValueError, RecipeError) as error:
        raise ModelError(f"the weights {path} have no configuration: {error}") from None
