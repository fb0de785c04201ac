"""What a seeded model is worth on windows it has not seen, and a picture of it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segment.errors import SegmentError
from segment.files import told, whole
from segment.neural.em.batches import TEST
from segment.neural.recipe import Recipe
from segment.neural.seeded.crowds import Drawn, draw_windows
from segment.neural.seeded.loaded import LoadedSeeded
from segment.neural.seeded.model import SeededEM
from segment.neural.seeded.training import judge

__all__ = ["draw_windows_figure", "score_windows", "unseen"]

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
    `exact` (see `training.judge`), and for each its `_spread`, the deviation over seeds.
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


def draw_windows_figure(
    model: SeededEM, recipe: Recipe, curve: Sequence[dict[str, float]], path: str | Path
) -> None:
    """Draw the training curve above unseen windows: colours, motion, objects, the truth.

    Needs matplotlib; SegmentError without it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise SegmentError(
            'figures are drawn by matplotlib: pip install "segment-em[train]"'
        ) from None
    from segment.neural.em.figure import COLOURS

    loaded = LoadedSeeded(model, steps=recipe.training.steps)
    columns = 12
    windows = unseen(0, 4 * columns, recipe.model.size[0])[::4]
    figure = Figure(figsize=(columns, 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(5, columns, height_ratios=[1.6, 1, 1, 1, 1])
    axes = figure.add_subplot(grid[0, :])
    axes.plot([p["update"] for p in curve], [p["ari"] for p in curve], label="ARI, held out")
    axes.plot([p["update"] for p in curve], [p["exact"] for p in curve], label="number right")
    axes.set_xlabel("updates")
    axes.legend(frameon=False)
    for column, (planes, whose) in enumerate(windows):
        plane = planes.astype(np.float32)
        lit = plane[0] > 0
        colours = np.where(lit[..., None], 0.5 + 0.18 * plane[1:4].transpose(1, 2, 0), 0.0)
        flow = np.stack([0.5 + 0.25 * plane[4], 0.5 + 0.25 * plane[5], 0.5 * lit], axis=2)
        found = np.where(lit, loaded.part(plane).argmax(0) + 1, 0)
        pictures = [colours, flow * lit[..., None], *(_painted(m, COLOURS) for m in (found, whose))]
        for row, picture in enumerate(pictures, start=1):
            cell = figure.add_subplot(grid[row, column])
            cell.imshow(np.clip(picture, 0, 1), interpolation="nearest")
            cell.set_xticks([])
            cell.set_yticks([])
            if column == 0:
                cell.set_ylabel(("colours", "motion", "found", "truth")[row - 1])
    with told(Path(path)), whole(Path(path)) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def _painted(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Labels (S, S) in colours, (S, S, 3); 0 black, 255 grey."""
    table = np.zeros((256, 3), np.float32)
    table[1:255] = colours[np.arange(254) % len(colours)]
    table[255] = 0.3
    return np.asarray(table[labels])
