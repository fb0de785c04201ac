"""Whether fitting a model to footage helped, on the part of it that was kept back."""

from pathlib import Path
from typing import Any

import numpy as np

from segment.neural.recipe import Recipe
from segment.neural.seeded.footage import Footage, draw
from segment.neural.seeded.loaded import LoadedSeeded
from segment.neural.seeded.model import SeededEM
from segment.neural.seeded.task import judge, merit
from segment.neural.weights import WEIGHTS, save_weights
from segment.neural.zoo import load

__all__ = ["keep_the_better"]

_WINDOWS = 100  # for every seed
_SEEDS = range(5)
_TOLD = ("ami", "ari", "single", "several", "exact")


def keep_the_better(
    start: SeededEM, folder: Path, recipe: Recipe, footage: Footage
) -> dict[str, Any]:
    """Judge the weights in `folder` beside those they began with, on the footage's last quarter.

    The better stay in `folder`. Returns `helped`, and of `before` and `after` the means of what
    `task.judge` scores, over 500 windows of the last quarter's objects: the same for both.
    """
    parts = footage.parts()
    kept_back = parts[2]
    size, steps = recipe.model.size[0], recipe.training.steps
    rngs = [np.random.default_rng([recipe.training.seed, 2, seed]) for seed in _SEEDS]
    windows = [[draw(rng, kept_back, size) for _ in range(_WINDOWS)] for rng in rngs]
    fitted = load(folder, "cpu", kind=LoadedSeeded).model
    rows = {
        name: [judge(model.eval(), part, steps) for part in windows]
        for name, model in (("before", start), ("after", fitted))
    }
    found: dict[str, Any] = {
        name: {key: round(float(np.mean([row[key] for row in one])), 4) for key in _TOLD}
        for name, one in rows.items()
    }
    gains = [merit(a) - merit(b) for a, b in zip(rows["after"], rows["before"], strict=True)]
    helped = float(np.mean(gains)) > 0
    if not helped:
        save_weights(start, folder / WEIGHTS)
    cutouts = map(len, parts)
    return {"helped": helped, "gain_by_seed": np.round(gains, 4).tolist(), **found} | {
        "frames": footage.frames,
        "cutouts": dict(zip(("learn", "choose", "judge"), cutouts, strict=True)),
    }
