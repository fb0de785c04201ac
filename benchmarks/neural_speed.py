"""Scenes a second that Neural EM learns from, beside the plainest PyTorch version of it.

    python benchmarks/neural_speed.py [--recipe models/rnn-em-flying-shapes/recipe.toml] [--json]
    python benchmarks/neural_speed.py --learn 200    # both learn so long: AMI and time of each

Both take the same recipe, batch and optimiser, forward, backward and update, on one thread
unless --threads says otherwise. Plain: float32, eager, default memory layout, scenes drawn in
between, and every operation as PyTorch offers it: enlarged maps that are then convolved, windows
by grid_sample, every shift of the E-step over places beside the others. Ours: bfloat16 products
where the processor has them, channels last, scenes drawn ahead, and with --compile a compiled
step. Updates of the two alternate, and the median is taken of each.
"""

import argparse
import contextlib
import dataclasses
import json
import statistics
import time
from pathlib import Path
from unittest import mock

import torch
from torch import nn

from segment.neural.em import equations, following, layers, places
from segment.neural.recipe import Recipe, read_recipe
from segment.neural.training import optimise
from segment.neural.training.trainer import Trainer

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

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
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


def plain_read(image, corner, side):
    """A spatial transformer: where each pixel of the window lies in the frame, and grid_sample."""
    size = corner.new_tensor(image.shape[2:])
    scale, middle = side / size, (2 * corner + side) / size - 1
    return sample(image, scale.expand(len(corner), 2), middle, side, side)


def plain_paint(picture, corner, size):
    """Its inverse: where each pixel of the frame lies in the window."""
    side, size = picture.shape[-1], torch.tensor(size, device=corner.device)
    middle = (size - 2 * corner) / side - 1
    return sample(picture, (size / side).expand(len(corner), 2), middle, *size.tolist())


def sample(image, scale, middle, height, width):
    zero = torch.zeros_like(middle[:, 0])
    rows = [scale[:, 1], zero, middle[:, 1], zero, scale[:, 0], middle[:, 0]]
    theta = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = nn.functional.affine_grid(theta, (*image.shape[:2], height, width), align_corners=False)
    return nn.functional.grid_sample(image, grid, align_corners=False)


def plain_orthogonalise(matrix, steps=5):
    """Muon's direction as it was published, in float32."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    a, b, c = optimise.POLYNOMIAL
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


def plain_others(prediction):
    K = prediction.shape[1]
    if K == 1:
        return torch.zeros_like(prediction)
    rest = [[j for j in range(K) if j != k] for k in range(K)]
    return torch.stack([prediction[:, others].amax(dim=1) for others in rest], dim=1)


@contextlib.contextmanager
def plainly():
    """Everything in place of ours that is there for speed."""
    with (
        mock.patch.object(layers, "UpConvolution", PlainUpConvolution),
        mock.patch.object(layers, "FEW", 0),  # plain convolutions throughout
        mock.patch.object(equations, "aligned", plain_aligned),
        mock.patch.object(places, "read", plain_read),
        mock.patch.object(places, "paint", plain_paint),
        mock.patch.object(following, "others", plain_others),
        mock.patch.object(optimise, "orthogonalise", plain_orthogonalise),
    ):
        yield


class Plain(Trainer):
    """Learns with operations that say what they do."""

    def learn(self, batch):
        with plainly():
            return super().learn(batch)


def plain(recipe: Recipe, device: torch.device) -> Trainer:
    training = dataclasses.replace(recipe.training, precision="float32")
    with plainly():
        trainer = Plain(dataclasses.replace(recipe, training=training), device)
    trainer.model.to(memory_format=torch.contiguous_format)
    return trainer


def ours(recipe: Recipe, device: torch.device, compiled: bool) -> Trainer:
    training = dataclasses.replace(recipe.training, precision="bfloat16")
    return Trainer(dataclasses.replace(recipe, training=training), device, compiled)


def clock_of(device: torch.device):
    """One thread's own time: on a shared processor the wall clock times the neighbours too."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.thread_time if alone else time.perf_counter


def seconds(trainer: Trainer, clock) -> float:
    began = clock()
    batch = trainer.make_batch(trainer.update)
    trainer.learn(batch)
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - began


def measure(recipe: Recipe, device: torch.device, compiled: bool, updates: int) -> dict:
    clock = clock_of(device)
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


def learn(recipe: Recipe, device: torch.device, compiled: bool, updates: int) -> dict:
    """What both have learned after so many updates, and how long that took; validation not."""
    own = [dataclasses.replace(recipe.stage_of(recipe.training.updates - 1), updates=updates)]
    training = dataclasses.replace(recipe.training, updates=updates)
    recipe = dataclasses.replace(recipe, stages=tuple(own), training=training)
    row = {"scenes": recipe.scenes.kind, "cell": recipe.model.cell, "batch": training.batch}
    both = {"plain": plain(recipe, device), "ours": ours(recipe, device, compiled)}
    for name, trainer in both.items():
        taken = sum(seconds(trainer, clock_of(device)) for _ in range(updates))
        row[f"{name} seconds"] = round(taken, 1)
        found = trainer.look(0.0)
        row[f"{name} AMI"] = round(found["ami"], 4)
    return row


def tell(row: dict, width: int, head: bool) -> None:
    if head:
        print("  ".join(f"{key:>{width}}" for key in row))
    print("  ".join(f"{value!s:>{width}}" for value in row.values()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, action="append")
    parser.add_argument("--batch", type=int, help="64, or with --learn the recipe's own.")
    parser.add_argument(
        "--learn", type=int, metavar="UPDATES", help="Compare what is learned, too."
    )
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
    rows = []
    for recipe in recipes:
        batch = options.batch or (recipe.training.batch if options.learn else 64)
        training = dataclasses.replace(recipe.training, batch=batch)
        recipe = dataclasses.replace(recipe, training=training)
        if options.learn:
            rows.append(learn(recipe, device, options.compile, options.learn))
        else:
            rows.append(measure(recipe, device, options.compile, options.updates))
        if not options.json:
            tell(rows[-1], 13, len(rows) == 1)
    if options.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
