"""What models that predict frames learn from: drawn scenes, and the loss of every step."""

import functools
from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor

from segment.neural.em.batches import Batch, make_batch
from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.evaluate import evaluate, first_counted
from segment.neural.em.model import NeuralEM, State
from segment.neural.recipe import HELD_OUT, TRAINING, Recipe

__all__ = ["FrameTask"]


class FrameTask:
    """The slots are to predict the next frame of drawn scenes; see `training.task.Task`."""

    looks_first = False

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        config = cast(NeuralEMConfig, recipe.model)
        self.layout = torch.channels_last if config.conv else torch.contiguous_format
        self.chosen_by_loss = config.slots + config.background == 1  # ARI says nothing of one

    @functools.cached_property
    def held_out(self) -> Batch:
        """The scenes that are looked at, of the last stage's kind; never trained on."""
        settings = self.recipe.training
        scenes = self.recipe.last_stage.scenes
        return make_batch(self.recipe, scenes, (settings.seed, HELD_OUT), settings.held_out)

    def make_batch(self, update: int, rank: int, world: int) -> Batch:
        stage, settings = self.recipe.stage_of(update), self.recipe.training
        seed = (settings.seed, TRAINING, update, rank)
        return make_batch(
            self.recipe, stage.scenes, seed, settings.batch // world, steps=stage.steps
        )

    def loss(self, model: NeuralEM, batch: Batch, update: int) -> Tensor:
        settings = self.recipe.training
        S = batch.noisy.shape[1]
        total = torch.zeros((), device=batch.noisy.device)
        steps: Iterator[tuple[Tensor, State]] = model.unroll(
            batch.targets,
            batch.noisy,
            model.begin(batch.gamma),
            settings.gamma_gradient,
            self.own_steps(update),
        )
        first = first_counted(settings.loss, S)
        for t, (target, state) in enumerate(steps):
            if t >= first:
                loss = model.loss(
                    target, state, settings.between, settings.objective, settings.found
                )
                total = total + loss.mean()
        mean: Tensor = total / (S - first)
        return mean

    def own_steps(self, update: int) -> int:
        """How many steps of this update see frames of the model's own.

        Drawn, since a model that knew when its own frames come would blur what it expects then.
        """
        most = self.recipe.stage_of(update).own
        rng = np.random.default_rng((self.recipe.training.seed, update))
        return int(rng.integers(most, endpoint=True))

    def evaluate(self, model: NeuralEM) -> dict[str, float]:
        settings, last = self.recipe.training, self.recipe.last_stage
        return evaluate(
            model,
            self.held_out,
            settings,
            precision=settings.precision,
            # What was learned on frames of its own is judged on such, too.
            seen=settings.steps - last.own if last.own else None,
            noise=last.scenes.noise,
        ).at(settings.loss)

    def merit(self, scores: dict[str, float]) -> float:
        """ARI, or -loss where one slot has it all."""
        return -scores["loss"] if self.chosen_by_loss else scores["ari"]

    def compile(self, model: NeuralEM) -> None:
        model.step = torch.compile(model.step, dynamic=False)  # type: ignore[method-assign]
