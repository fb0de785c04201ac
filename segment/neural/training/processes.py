"""One training by several processes, as torchrun starts them: each learns from its share."""

import importlib
import os

import torch
from torch import nn

__all__ = ["agree", "average_gradients", "is_chief", "join"]


def agree(stop: bool, world: int, device: torch.device) -> bool:
    """Whether any process wants to stop: they must do so after the same update."""
    if world == 1:
        return stop
    flag = torch.tensor(float(stop), device=device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)


def join(device: torch.device) -> torch.device:
    """Join the other processes that torchrun has started; each takes a GPU of its own."""
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    # Its functions take the default group of the moment they are defined in; were that ours,
    # it would outlive its end, and its threads abort the process at exit now and then.
    importlib.import_module("torch.distributed.nn.functional")
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def is_chief() -> bool:
    """Whether this process is the one that writes and tells."""
    return os.environ.get("RANK", "0") == "0"


def average_gradients(model: nn.Module, world: int) -> None:
    """Give every process the mean of all their gradients."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= world
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
