"""Pictures of a training: the curve, and what the slots make of a scene."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from segment.neural.drawing import COLOURS, new_figure, save_figure
from segment.neural.em.batches import make_batch
from segment.neural.em.model import NeuralEM
from segment.neural.recipe import TEST, Recipe

__all__ = ["draw_figure"]


@torch.no_grad()
def draw_figure(
    model: NeuralEM,
    recipe: Recipe,
    curve: Sequence[dict[str, float]],
    path: str | Path,
    *,
    columns: int = 8,
) -> None:
    """Draw the training curve above one unseen scene, step by step.

    Rows: what is shown, the responsibilities in a colour a slot, and every slot's
    prediction. Needs matplotlib; SegmentError without it.
    """
    device = next(model.parameters()).device
    scenes = recipe.last_stage.scenes
    batch = make_batch(recipe, scenes, (0, TEST, 0), 1)
    S = batch.noisy.shape[1]
    shown = np.unique(np.linspace(0, S - 1, min(columns, S)).round().astype(int))
    states = list(
        model.unroll(
            batch.targets.to(device),
            batch.noisy.to(device),
            model.begin(batch.gamma.to(device)),
            "none",
        )
    )
    slots = states[0][1].gamma.shape[1]
    figure = new_figure(1.1 * len(shown), 2.6 + 1.1 * (2 + slots))
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.6, 1.1 * (2 + slots)])
    upper, lower = parts[:, 0]
    axes = upper.subplots()
    seen = [point["scenes"] for point in curve]
    for key, colour in (("ari", COLOURS[4]), ("ami", COLOURS[5])):
        axes.plot(seen, [point[key] for point in curve], color=colour, label=key.upper())
    axes.set_xlabel("scenes learned from")
    axes.set_ylim(floor_of([point[key] for point in curve for key in ("ari", "ami")]), 1)
    axes.legend(loc="lower right", frameon=False)
    grid = lower.subplots(2 + slots, len(shown), squeeze=False)
    for column, t in enumerate(shown):
        state = states[t][1]
        gamma = state.gamma[0, :, 0].cpu().numpy()  # (K, H, W)
        colours = COLOURS[np.arange(slots) % len(COLOURS)]
        target = states[t][0][0, 0].cpu().numpy()
        pictures = [batch.noisy[0, t, 0].numpy()]
        pictures.append(np.einsum("khw,kc->hwc", gamma, colours) * target[..., None])
        pictures += list(state.prediction[0, :, 0].clamp(0, 1).cpu().numpy())
        for row, picture in enumerate(pictures):
            grid[row, column].imshow(picture, cmap="gray", vmin=0, vmax=1)
            grid[row, column].set_axis_off()
        L = batch.looks
        title = f"look {t + 1}" if t < L else f"step {t + 1 - L}"
        grid[0, column].set_title(title, fontsize=8)
    save_figure(figure, path, dots=80)


def floor_of(scores: Sequence[float]) -> float:
    """Where the axis begins: at 0, or nearer to scores that are all high, lest they are a line."""
    least = min(scores)
    return max((bound for bound in (0, 0.5, 0.8, 0.9) if bound < least), default=least)
