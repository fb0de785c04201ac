"""Which processor computes, and in which precision it does so fast."""

import functools
from contextlib import AbstractContextManager, nullcontext

import torch

from segment.errors import SegmentError

__all__ = [
    "DeviceError",
    "has_bfloat16",
    "may_depend_on_values",
    "pick_device",
    "reduced_precision",
    "use_threads",
]


class DeviceError(SegmentError):
    """The device that was asked for is not there."""


def pick_device(device: str = "auto") -> torch.device:
    """Return the device by name; "auto" is a GPU when there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        picked = torch.device(device)
    except RuntimeError:
        raise DeviceError(f"device is {device!r}, wanted auto, cpu, or cuda") from None
    if picked.type not in ("cpu", "cuda"):
        raise DeviceError(f"device is {device!r}, wanted auto, cpu, or cuda")
    if picked.type == "cuda":
        count = torch.cuda.device_count()
        if (picked.index or 0) >= count:
            raise DeviceError(f"device is {device!r}, but torch sees {count} GPUs; take cpu")
    return picked


def may_depend_on_values(x: torch.Tensor) -> bool:
    """Whether a tensor's values may decide what is computed, which saves a processor work.

    Of a GPU they would have to be waited for, and no compiler follows them.
    """
    return not (x.is_cuda or torch.compiler.is_compiling())


def use_threads(threads: int) -> None:
    """Let torch compute on so many processors."""
    torch.set_num_threads(threads)


@functools.cache
def has_bfloat16(kind: str) -> bool:
    """Whether a "cpu" or "cuda" multiplies in bfloat16; others imitate it, fifty times slower."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    tell = getattr(torch.cpu, "get_capabilities", None)
    if tell is not None:
        return any("bf16" in name and found is True for name, found in tell().items())
    # Older versions of torch tell only themselves.
    private = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in private)


def reduced_precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 in the products, if asked for and fast here; sums and E-steps stay float32."""
    if precision == "bfloat16" and has_bfloat16(device.type):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
