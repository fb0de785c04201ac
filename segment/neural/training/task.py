"""What a trainer asks of a kind of model: its scenes, its loss, and which weights are best."""

from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Task"]


class Task(Protocol):
    """What one kind of model learns from, and how it is judged; a `Trainer` does the rest."""

    looks_first: bool
    """Whether weights to begin with are judged too, and kept if none that come are better."""
    layout: torch.memory_format
    """How the model's weights lie in memory."""

    @property
    def held_out(self) -> Any:
        """The scenes that are looked at; never trained on."""
        ...

    def make_batch(self, update: int, rank: int, world: int) -> Any:
        """Draw the scenes of an update; of `world` processes number `rank` draws its share."""
        ...

    def loss(self, model: Any, batch: Any, update: int) -> Tensor:
        """Return the loss of a batch, a mean over its scenes, for gradients to be taken of."""
        ...

    def evaluate(self, model: Any) -> dict[str, float]:
        """Score a model on the scenes that are held out: ami, ari, loss, …."""
        ...

    def merit(self, scores: dict[str, float]) -> float:
        """One number of what `evaluate` returned, by which the best weights are chosen."""
        ...

    def compile(self, model: Any) -> None:
        """Let torch compile what a model does most."""
        ...
