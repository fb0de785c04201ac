"""What a seeded model is worth on windows it has not seen."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from segment.neural.recipe import TEST, Recipe
from segment.neural.seeded.crowds import Drawn, draw_windows
from segment.neural.seeded.model import SeededEM
from segment.neural.seeded.task import judge

__all__ = ["results", "score_windows", "unseen"]

_EACH = 8  # windows on one crowd


def unseen(seed: int, count: int, size: int) -> list[Drawn]:
    """Draw windows on crowds that are for scoring only; equal seeds draw equal windows."""
    windows: list[Drawn] = []
    number = 0
    while len(windows) < count:
        windows += draw_windows((seed, TEST, number), size, count=_EACH)
        number += 1
    return windows[:count]


def score_windows(
    model: SeededEM,
    recipe: Recipe,
    *,
    count: int = 1000,
    seeds: Sequence[int] = (0,),
    steps: int | None = None,
) -> dict[str, Any]:
    """Score a model on `count` unseen windows for every seed, in float32.

    Returns means of `ami` and `ari` over windows of several objects, of `single`, `several` and
    `exact` (see `task.judge`), and for each its `_spread`, the deviation over seeds.
    """
    if count < 1 or not seeds:
        raise ValueError(f"count is {count} and seeds {tuple(seeds)}, wanted at least 1 of each")
    S = recipe.training.steps if steps is None else steps
    begun = time.monotonic()
    rows = [judge(model, unseen(seed, count, recipe.model.size[0]), S) for seed in seeds]
    found: dict[str, Any] = {
        "scenes": {"kind": "silhouettes", "objects": "1 to 6", "size": list(recipe.model.size)},
        "count": count,
        "seeds": list(seeds),
        "slots": recipe.model.slots,
        "steps": S,
    }
    for key in ("ami", "ari", "single", "several", "exact"):
        values = [row[key] for row in rows]
        found[key] = round(float(np.mean(values)), 4)
        found[f"{key}_spread"] = round(float(np.std(values)), 4)
    return found | {"seconds": round(time.monotonic() - begun, 1)}


def results(
    model: SeededEM, recipe: Recipe, count: int, seeds: tuple[int, ...], against: None = None
) -> list[dict[str, Any]]:
    """All that a score.json tells: `count` windows in all. It has nobody to be held `against`."""
    return [score_windows(model, recipe, count=max(1, count // len(seeds)), seeds=seeds)]
