"""Scenes a second that Neural EM learns from, beside the plainest PyTorch version of it.

    python benchmarks/neural_speed.py [--recipe models/rnn-em-flying-shapes/recipe.toml] [--json]

Both take the same recipe, batch and optimiser, forward, backward and update, on one thread
unless --threads says otherwise. Plain: float32, eager, enlarged maps that are then convolved,
every shift of the E-step over places beside the others, default memory layout, scenes drawn in
between. Ours: bfloat16 products, channels last, the
folded convolution, scenes drawn ahead, and with --compile a compiled step. Updates of the two
alternate, and the median is taken of each.
"""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path

import torch
from torch import nn

from segment.neural import equations, layers
from segment.neural.recipe import Recipe, read_recipe
from segment.neural.train import Trainer

FLYING = {
    "model": {"hidden": 100, "slots": 3, "conv": [32, 64], "dense": [512], "norm": True},
    "scenes": {"kind": "flying-shapes", "noise": 0.2},
    "training": {"steps": 20, "loss": "all", "gamma_gradient": "none"},
}
STATIC = {
    "model": {"hidden": 250, "slots": 4},
    "scenes": {"kind": "static-shapes", "noise": 0.1},
    "training": {"steps": 15},
}
BALLS = {
    "model": {
        "cell": "r-nem",
        "size": [64, 64],
        "slots": 5,
        "hidden": 250,
        "conv": [16, 32, 64],
        "dense": [512],
        "norm": True,
    },
    "scenes": {"kind": "balls", "objects": 4, "noise": 0.2},
    "training": {"steps": 30, "loss": "all", "gamma_gradient": "none"},
}


class PlainUpConvolution(nn.Module):
    """What it says: enlarge, pad, convolve."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        return self.convolution(nn.functional.pad(x, (1, 2, 1, 2)))


def plain_aligned(x, logits, reach, passes=2):
    """What it says: every shift of every slot, and how likely the frame is then."""
    H, W = logits.shape[-2:]
    padded = nn.functional.pad(logits, (reach,) * 4, value=equations.UNLIT)
    places = [(i, j) for i in range(2 * reach + 1) for j in range(2 * reach + 1)]
    moved = torch.stack([padded[..., i : i + H, j : j + W] for i, j in places])

    def take(values, chosen):
        index = chosen[None, :, :, None, None, None].expand(1, *values.shape[1:])
        return values.gather(0, index)[0]

    with torch.no_grad():
        dark = nn.functional.softplus(moved)
        chosen = torch.full(logits.shape[:2], len(places) // 2, device=x.device)
        for _ in range(passes):
            now = take(dark, chosen)
            together = dark + (now.sum(dim=1, keepdim=True) - now)
            lit = (1 - (-together).exp()).clamp_min(equations.FLOOR).log()
            likely = x[:, None] * lit - (1 - x[:, None]) * together
            chosen = likely.flatten(3).sum(dim=3).argmax(dim=0)
    shifts = torch.tensor(places, device=x.device)[chosen]
    return take(moved, chosen), reach - shifts


class Plain(Trainer):
    """Learns with the E-step over places that says what it does."""

    def learn(self, batch):
        ours, equations.aligned = equations.aligned, plain_aligned
        try:
            return super().learn(batch)
        finally:
            equations.aligned = ours


def plain(recipe: Recipe, device: torch.device) -> Trainer:
    training = dataclasses.replace(recipe.training, precision="float32")
    folded, layers.UpConvolution = layers.UpConvolution, PlainUpConvolution
    try:
        trainer = Plain(dataclasses.replace(recipe, training=training), device)
    finally:
        layers.UpConvolution = folded
    trainer.model.to(memory_format=torch.contiguous_format)
    return trainer


def ours(recipe: Recipe, device: torch.device, compiled: bool) -> Trainer:
    training = dataclasses.replace(recipe.training, precision="bfloat16")
    return Trainer(dataclasses.replace(recipe, training=training), device, compiled)


def seconds(trainer: Trainer, clock) -> float:
    began = clock()
    batch = trainer.make_batch(trainer.update)
    trainer.learn(batch)
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - began


def measure(recipe: Recipe, device: torch.device, compiled: bool, updates: int) -> dict:
    # One thread's own time: on a shared processor the wall clock times the neighbours too.
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.thread_time if alone else time.perf_counter
    both = {"plain": plain(recipe, device), "ours": ours(recipe, device, compiled)}
    times: dict[str, list[float]] = {name: [] for name in both}
    for update in range(updates + 2):
        for name, trainer in both.items():
            taken = seconds(trainer, clock)
            if update >= 2:  # the first ones compile and warm up
                times[name].append(taken)
    rates = {n: recipe.training.batch / statistics.median(t) for n, t in times.items()}
    return {
        "scenes": recipe.scenes.kind,
        "cell": recipe.model.cell,
        "parameters": sum(p.numel() for p in both["ours"].model.parameters()),
        "batch": recipe.training.batch,
        "plain": round(rates["plain"], 1),
        "ours": round(rates["ours"], 1),
        "ratio": round(rates["ours"] / rates["plain"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, action="append")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--updates", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.recipe:
        recipes = [read_recipe(path) for path in options.recipe]
    else:
        recipes = [read_recipe(table) for table in (STATIC, FLYING, BALLS)]
    device = torch.device(options.device)
    recipes = [
        dataclasses.replace(r, training=dataclasses.replace(r.training, batch=options.batch))
        for r in recipes
    ]
    rows = [measure(recipe, device, options.compile, options.updates) for recipe in recipes]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"{'scenes':<14} {'cell':<7} {'parameters':>10} {'plain/s':>9} {'ours/s':>9} {'ratio':>6}"
    )
    for row in rows:
        print(
            f"{row['scenes']:<14} {row['cell']:<7} {row['parameters']:>10} "
            f"{row['plain']:>9} {row['ours']:>9} {row['ratio']:>6}"
        )


if __name__ == "__main__":
    main()
