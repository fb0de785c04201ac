"""Scores as the Neural EM papers take them: hard slots against objects, overlaps left out."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from segment.neural import measure
from segment.neural.batches import Batch
from segment.neural.model import NeuralEM

__all__ = ["Evaluation", "evaluate", "reduced_precision"]

TOGETHER = 50  # scenes at a time, so that a thousand need no more memory than training


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores (B, S): one of every scene, after every step."""

    ami: NDArray[np.float64]
    ari: NDArray[np.float64]
    bce: NDArray[np.float64]
    """Nats a frame: how badly max μ over slots predicts the target; squared error / 2 for
    Gaussian pixels."""
    loss: float
    """Mean over steps that the recipe counts, and scenes."""

    def at(self, which: str) -> dict[str, float]:
        """Mean scores; `which` steps count: "last" or "all"."""
        chosen = slice(-1, None) if which == "last" else slice(None)
        return {
            "ami": float(self.ami[:, chosen].mean()),
            "ari": float(self.ari[:, chosen].mean()),
            "bce": float(self.bce[:, chosen].mean()),
            "last_ami": float(self.ami[:, -1].mean()),
            "last_ari": float(self.ari[:, -1].mean()),
            "loss": self.loss,
        }


def reduced_precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 in the products, if asked for; sums and E-steps stay float32."""
    if precision == "bfloat16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


@torch.no_grad()
def evaluate(
    model: NeuralEM,
    batch: Batch,
    *,
    which: str = "last",
    between: float = 1.0,
    precision: str = "float32",
) -> Evaluation:
    """Run a model over a batch and score every step's responsibilities."""
    device = next(model.parameters()).device
    B, S = batch.noisy.shape[:2]
    found = np.empty((B, S, *batch.noisy.shape[3:]), np.int64)
    bce = np.empty((B, S))
    losses = np.empty((B, S))
    for start in range(0, B, TOGETHER):
        part = slice(start, min(start + TOGETHER, B))
        state = model.begin(batch.gamma[part].to(device))
        noisy, targets = batch.noisy[part].to(device), batch.targets[part].to(device)
        with reduced_precision(device, precision):
            for t, (target, after) in enumerate(model.unroll(targets, noisy, state, "none")):
                found[part, t] = after.gamma.argmax(dim=1)[:, 0].cpu().numpy()
                expected = after.prediction.amax(dim=1)  # (B, C, H, W)
                if model.config.pixels == "bernoulli":
                    expected = expected.clamp(1e-6, 1 - 1e-6)
                    error = -(target * expected.log() + (1 - target) * (-expected).log1p())
                else:
                    error = (target - expected).square() / 2
                bce[part, t] = error.flatten(1).sum(dim=1).cpu().numpy()
                losses[part, t] = float(model.loss(target, after, between))
    counts = measure.contingency(
        batch.truth.reshape(B * S, -1), found.reshape(B * S, -1), batch.gamma.shape[1]
    )
    ami = measure.adjusted_mutual_information(counts).reshape(B, S)
    ari = measure.adjusted_rand(counts).reshape(B, S)
    chosen = losses[:, -1:] if which == "last" else losses
    return Evaluation(ami, ari, bce, float(chosen.mean()))
