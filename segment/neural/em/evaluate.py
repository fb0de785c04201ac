"""Scores as the Neural EM papers take them: hard slots against objects, overlaps left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segment.measures import clustering
from segment.neural.device import reduced_precision
from segment.neural.em.batches import Batch
from segment.neural.em.beginnings import beginnings
from segment.neural.em.model import NeuralEM, State
from segment.neural.em.noise import flip_bits
from segment.neural.em.passes import there_and_back
from segment.neural.recipe import Training

__all__ = ["Evaluation", "evaluate", "first_counted"]

_DEFAULTS = Training()

TOGETHER = 50  # scenes at a time, so that a thousand need no more memory than training


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores (B, S): one of every scene, after every step that follows the first looks."""

    ami: NDArray[np.float64]
    ari: NDArray[np.float64]
    bce: NDArray[np.float64]
    """Nats a frame: how badly max μ over slots predicts the target; squared error / 2 for
    Gaussian pixels."""
    loss: float
    """Mean over steps that the recipe counts, and scenes."""

    def at(self, which: str) -> dict[str, float]:
        """Mean scores: over all steps for "all", else after the last one, as the papers do."""
        chosen = slice(None) if which == "all" else slice(-1, None)
        return {
            "ami": float(self.ami[:, chosen].mean()),
            "ari": float(self.ari[:, chosen].mean()),
            "bce": float(self.bce[:, chosen].mean()),
            "last_ami": float(self.ami[:, -1].mean()),
            "last_ari": float(self.ari[:, -1].mean()),
            "loss": self.loss,
        }


def first_counted(which: str, steps: int) -> int:
    """The first of `steps` steps whose loss counts: "last", the later "half", or "all"."""
    return {"last": steps - 1, "half": steps // 2, "all": 0}[which]


@torch.no_grad()
def evaluate(
    model: NeuralEM,
    batch: Batch,
    settings: Training = _DEFAULTS,
    *,
    precision: str = "float32",
    restarts: int = 1,
    passes: int = 1,
    seen: int | None = None,
    noise: float = 0.0,
) -> Evaluation:
    """Run a model over a batch and score every step's responsibilities.

    Of the `settings` of a training count which steps its loss counts, and its objective.

    With `restarts` every scene is begun so often, each time with other random
    responsibilities, and the run with the lowest loss of its own is scored: the truth
    has no say in it.

    With `passes` sequences are gone through so often, there and back in turn, and the mean
    responsibilities of the last two are scored; what is predicted, of the first.

    With `seen`, a model is shown the first so many frames only, and then feeds on what it
    predicted itself, with as much `noise` as it was trained with; its loss is then of the
    frames it saw.
    """
    device = next(model.parameters()).device
    B, S = batch.noisy.shape[:2]
    looks = batch.looks
    if passes > 1 and seen is not None:
        raise ValueError(f"passes is {passes}, wanted 1 where a model feeds on its own frames")
    back = batch.backwards() if passes > 1 else None
    seen = None if seen is None else seen + looks
    found = np.empty((B, S, *batch.noisy.shape[3:]), np.int64)
    bce, losses = np.empty((B, S)), np.empty((B, S))
    chosen = slice(first_counted(settings.loss, S), None) if seen is None else slice(0, seen)
    rng = np.random.default_rng(0)
    for restart in range(restarts):
        for start in range(0, B, TOGETHER):
            part = np.arange(start, min(start + TOGETHER, B))
            gamma = batch.gamma[part]
            if restart:
                config = model.config
                first, K = batch.noisy[part, 0].numpy(), gamma.shape[1] - config.background
                begin = beginnings(config.begin)(rng, first, K, config.background)
                gamma = torch.from_numpy(begin)
            noisy, targets = batch.noisy[part], batch.targets[part]
            kept: list[Tensor] | None = None if back is None else []
            with reduced_precision(device, precision):
                run = _run(model, noisy, targets, gamma, settings, seen, noise, kept)
                if back is not None and kept is not None:
                    ways = (noisy, targets), (back[0][part], back[1][part])
                    shares = _of_frames(gamma, kept, looks)
                    run = _best_of_passes(model, ways, shares, looks, passes), *run[1:]
            if restart:
                better = run[2][:, chosen].mean(axis=1) < losses[part][:, chosen].mean(axis=1)
                part, run = part[better], tuple(array[better] for array in run)
            found[part], bce[part], losses[part] = run
    counts = clustering.contingency_of_each(
        batch.truth.reshape(B * S, -1), found.reshape(B * S, -1), batch.gamma.shape[1]
    )
    ami = clustering.adjusted_mutual_information_of_each(counts).reshape(B, S)
    ari = clustering.adjusted_rand_of_each(counts).reshape(B, S)
    return Evaluation(
        ami[:, looks:], ari[:, looks:], bce[:, looks:], float(losses[:, chosen].mean())
    )


def _rolled_out(
    model: NeuralEM,
    targets: Tensor,
    watched: Iterator[tuple[Tensor, State]],
    shown: int,
    noise: float,
) -> Iterator[tuple[Tensor, State]]:
    """(target, state) of the steps watched, then of those that see the model's own frames.

    These are noisy if those it learned from were, and binary.
    """
    rng = np.random.Generator(np.random.SFC64(0))
    state = None
    for target, state in watched:
        yield target, state
    if state is None:
        raise ValueError("seen is 0, wanted at least 1")
    for t in range(shown, targets.shape[1]):
        none = np.zeros(targets[:, t].shape, np.float32)
        state = model.imagine(state, torch.from_numpy(flip_bits(rng, none, noise)).to(targets))
        yield targets[:, t], state


def _run(
    model: NeuralEM,
    noisy: Tensor,
    targets: Tensor,
    gamma: Tensor,
    settings: Training,
    seen: int | None,
    noise: float,
    kept: list[Tensor] | None = None,
) -> tuple[NDArray[Any], ...]:
    """Best slots (B, S, H, W), errors of prediction (B, S) and losses (B, S).

    The responsibilities (B, K', H, W) of every step are added to `kept`, if there is one.
    """
    device = next(model.parameters()).device
    noisy, targets = noisy.to(device), targets.to(device)
    best, errors, losses = [], [], []
    state = model.begin(gamma.to(device))
    shown = noisy.shape[1] if seen is None else seen
    watched = model.unroll(targets[:, :shown], noisy[:, :shown], state, "none")
    for target, after in _rolled_out(model, targets, watched, shown, noise):
        best.append(after.gamma.argmax(dim=1)[:, 0].cpu())
        if kept is not None:
            kept.append(after.gamma[:, :, 0].cpu())
        expected = after.prediction.amax(dim=1)  # (B, C, H, W)
        if model.config.pixels != "gaussian":
            expected = expected.clamp(1e-6, 1 - 1e-6)
            error = -(target * expected.log() + (1 - target) * (-expected).log1p())
        else:
            error = (target - expected).square() / 2
        errors.append(error.flatten(1).sum(dim=1).cpu())
        loss = model.loss(target, after, settings.between, settings.objective)
        losses.append(loss.cpu())
    return tuple(torch.stack(found, dim=1).numpy() for found in (best, errors, losses))


def _of_frames(gamma: Tensor, kept: list[Tensor], looks: int) -> Tensor:
    """Responsibilities (B, T, K', H, W) of every frame, the first's after its last look."""
    return torch.stack(kept[looks - 1 :] if looks else [gamma[:, :, 0], *kept], dim=1)


def _best_of_passes(
    model: NeuralEM,
    ways: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]],
    first: Tensor,
    looks: int,
    passes: int,
) -> NDArray[np.int64]:
    """Best slots (B, S, H, W), by the mean of the last two passes; `first` is of the first.

    ways : noisy and target frames (B, S, C, H, W) there, and the same back.
    """
    device = next(model.parameters()).device

    def follow(gamma: Tensor, turned: bool) -> Tensor:
        noisy, targets = ways[turned]
        steps = model.unroll(targets.to(device), noisy.to(device), model.begin(gamma.to(device)))
        return _of_frames(gamma, [after.gamma[:, :, 0].cpu() for _, after in steps], looks)

    best = there_and_back(first, passes, follow).argmax(dim=2)
    found: NDArray[np.int64] = torch.cat([best[:, :1]] * looks + [best[:, 1:]], dim=1).numpy()
    return found
