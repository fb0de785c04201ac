"""Which processor computes."""

import torch

from segment.errors import SegmentError

__all__ = ["DeviceError", "pick_device", "use_threads"]


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


def use_threads(threads: int) -> None:
    """Let torch compute on so many processors."""
    torch.set_num_threads(threads)
