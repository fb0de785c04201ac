"""What seeded models learn from, windows of drawn crowds or of a camera, and how it is judged."""

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segment.measures import clustering
from segment.neural.device import reduced_precision
from segment.neural.recipe import HELD_OUT, TRAINING, Recipe
from segment.neural.seeded.crowds import (
    UNKNOWN,
    Drawn,
    SeededBatch,
    draw_windows,
    make_seeded_batch,
    seeds_on,
)
from segment.neural.seeded.footage import CutOut, draw
from segment.neural.seeded.model import SeededEM, seeded_loss
from segment.neural.seeded.parting import together

__all__ = ["WindowTask", "judge", "merit"]

SLOTS = 4  # a window of training has from 2 to 6 slots, about so many


class WindowTask:
    """The slots are to predict the objects of windows; see `training.task.Task`.

    Windows are on drawn crowds, whose truth is known. With the cut-outs of a camera every second
    one is on scenes made of these: some to learn from, others to choose weights by. Weights to
    begin with are then looked at first, and kept if none that come are better.
    """

    layout = torch.channels_last

    def __init__(
        self,
        recipe: Recipe,
        learn_from: list[CutOut] | None = None,
        choose_by: list[CutOut] | None = None,
    ) -> None:
        self.recipe = recipe
        self.size = recipe.model.size[0]
        self.learn_from, self.choose_by = learn_from, choose_by
        self.looks_first = choose_by is not None

    @functools.cached_property
    def held_out(self) -> list[Drawn]:
        settings = self.recipe.training
        if self.choose_by is not None:
            rng = np.random.default_rng([settings.seed, HELD_OUT])
            return [draw(rng, self.choose_by, self.size) for _ in range(settings.held_out)]
        windows: list[Drawn] = []
        number = 0
        while len(windows) < settings.held_out:
            windows += draw_windows((settings.seed, HELD_OUT, number), self.size, count=8)
            number += 1
        return windows[: settings.held_out]

    def make_batch(self, update: int, rank: int, world: int) -> SeededBatch:
        settings, own = self.recipe.training, self.learn_from
        return make_seeded_batch(
            (settings.seed, TRAINING, rank),
            update,
            self.size,
            SLOTS * (settings.batch // world),
            instead=None if own is None else lambda rng: draw(rng, own, self.size),
        )

    def loss(self, model: SeededEM, batch: SeededBatch, update: int) -> Tensor:
        logits = model(batch.windows, batch.seeds, self.recipe.training.steps)
        return seeded_loss(logits, batch.wanted, batch.windows, batch.known).mean()

    def evaluate(self, model: SeededEM) -> dict[str, float]:
        settings = self.recipe.training
        return judge(model, self.held_out, settings.steps, settings.precision)

    def merit(self, scores: dict[str, float]) -> float:
        """ARI; of a camera's objects, also how many single ones are left whole."""
        return scores["ari"] if self.choose_by is None else merit(scores)

    def compile(self, model: SeededEM) -> None:
        model.forward = torch.compile(model.forward, dynamic=True)  # type: ignore[method-assign]


def merit(scores: dict[str, float]) -> float:
    """One number of `judge`'s: several objects are told apart, and a single one is left whole."""
    return (scores["ari"] + scores["single"]) / 2


@torch.no_grad()
def judge(
    model: SeededEM, windows: list[Drawn], steps: int, precision: str = "float32"
) -> dict[str, float]:
    """Score a model: `ari` and `ami` where there are several objects, and how they are counted.

    `single` is the share of windows with one object that are left whole, `several` the share of
    the others that are parted at all, `exact` how often the number is right; `loss` in nats a
    pixel, at the model's own seeds.
    """
    device = next(model.parameters()).device
    slots, size = model.config.slots, model.config.size[0]
    truth, found, losses = [], [], []
    for start in range(0, len(windows), 32):
        part = windows[start : start + 32]
        planes = np.stack([window.planes for window in part]).astype(np.float32)
        whose = np.stack([window.whose for window in part])
        points = np.stack([seeds_on(p[0] > 0, slots) for p in planes])
        x, seeds = torch.from_numpy(planes).to(device), torch.from_numpy(points).float().to(device)
        with reduced_precision(device, precision):
            logits = model(x, seeds, steps)
        rows = np.arange(len(part))[:, None]
        own = whose[rows, points[..., 0], points[..., 1]][..., None, None]
        wanted = torch.from_numpy((whose[:, None] == own).astype(np.float32)).to(device)
        # A seed on a speck has no object to find.
        known = torch.from_numpy(((whose[:, None] < UNKNOWN) & (own < UNKNOWN)).astype(np.float32))
        losses += seeded_loss(logits, wanted, x, known.to(device)).tolist()
        psi = logits[-1].sigmoid().cpu().numpy()
        for one, window, plane in zip(psi, whose, planes, strict=True):
            groups = together(one, plane[0] > 0)
            inside = (window > 0) & (window < UNKNOWN)
            truth.append(np.where(inside, window, 0).ravel())
            found.append(groups.argmax(0).ravel())
    return {
        **_scores(np.array(truth), np.array(found)),
        "loss": float(np.mean(losses)),
        "size": size,
    }


def _scores(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Scores of flat windows (B, P): objects from 1, 0 not scored; found groups from 0."""
    objects = np.array([len(np.unique(t[t > 0])) for t in truth])
    groups = np.array([len(np.unique(f[t > 0])) for t, f in zip(truth, found, strict=True)])
    several = objects > 1
    ami = ari = 1.0
    if several.any():
        counts = clustering.contingency_of_each(truth[several], found[several])
        ami = float(np.mean(clustering.adjusted_mutual_information_of_each(counts)))
        ari = float(np.mean(clustering.adjusted_rand_of_each(counts)))
    scores: dict[str, Any] = {
        "ami": ami,
        "ari": ari,
        "single": float(np.mean(groups[~several] == 1)) if (~several).any() else 1.0,
        "several": float(np.mean(groups[several] > 1)) if several.any() else 1.0,
        "exact": float(np.mean(groups == objects)),
    }
    return scores
