"""Pictures of a seeded model's training: the curve, and what it makes of unseen windows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segment.neural.drawing import COLOURS, new_figure, save_figure
from segment.neural.recipe import Recipe
from segment.neural.seeded.loaded import LoadedSeeded
from segment.neural.seeded.model import SeededEM
from segment.neural.seeded.score import unseen

__all__ = ["draw_windows_figure"]


def draw_windows_figure(
    model: SeededEM, recipe: Recipe, curve: Sequence[dict[str, float]], path: str | Path
) -> None:
    """Draw the training curve above unseen windows: colours, motion, objects, the truth.

    Needs matplotlib; SegmentError without it.
    """
    loaded = LoadedSeeded(model, steps=recipe.training.steps)
    columns = 12
    windows = unseen(0, 4 * columns, recipe.model.size[0])[::4]
    figure = new_figure(columns, 6.2)
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
    save_figure(figure, path, dots=100)


def _painted(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Labels (S, S) in colours, (S, S, 3); 0 black, 255 grey."""
    table = np.zeros((256, 3), np.float32)
    table[1:255] = colours[np.arange(254) % len(colours)]
    table[255] = 0.3
    return np.asarray(table[labels])
