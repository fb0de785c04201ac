"""From a recipe to weights: a loop that can be stopped anywhere and goes on bit for bit."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from segment.neural.device import pick_device
from segment.neural.kinds import kind_of
from segment.neural.recipe import Recipe
from segment.neural.seeded.footage import Footage
from segment.neural.training.ahead import ahead
from segment.neural.training.processes import agree, join
from segment.neural.training.task import Task
from segment.neural.training.trainer import Trainer, TrainingError, check_folder

__all__ = ["Progress", "train"]


class Progress(NamedTuple):
    """What is told now and then while training goes on."""

    update: int
    """Updates done, of `updates`."""
    updates: int
    scenes: int
    """Scenes learned from so far."""
    loss: float
    """The last batch's, in nats a scene."""
    rate: float
    """Scenes a second, drawing included, validation not."""
    left: float
    """Seconds to go at that rate."""
    scores: dict[str, float]
    """Of the last look at held-out scenes: ami, ari, loss, …; empty before the first."""


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    resume: bool = False,
    start: nn.Module | None = None,
    footage: Footage | None = None,
    device: str = "auto",
    seconds: float | None = None,
    every: float = 60.0,
    compiled: bool = False,
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
) -> Trainer:
    """Train until the recipe is done, patience ends, or the time is over.

    Parameters
    ----------
    recipe : what to train, from `read_recipe`.
    out : folder for checkpoint.pt, weights.safetensors (the best held-out ARI so far)
        and curve.json.
    resume : go on from the checkpoint in `out`.
    start : a model of the same configuration whose weights to begin with.
    footage : objects of a camera, to fit a seeded model to: every second window is on them.
    device : "auto", "cpu", "cuda" or "cuda:N".
    seconds : stop with a checkpoint after so long; None for no limit.
    every : seconds between two checkpoints, the most that a killed run loses.
    compiled : compile the step, which takes half a minute and needs a C++ compiler.
    threads : how many draw scenes ahead; 0 draws them in between.
    on_progress : called after every look and every few seconds; what it raises
        ends the training after a checkpoint.

    Raises
    ------
    TrainingError : the loss is no number, a checkpoint is missing or damaged, memory
        is short.
    """
    out = Path(out)
    check_folder(out, resume)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    picked = join(pick_device(device)) if world > 1 else pick_device(device)
    try:
        trainer = Trainer(recipe, picked, compiled, threads, _task(recipe, footage))
        if resume:
            trainer.resume(out)
        elif start is not None:
            trainer.begin_with(start)
        _run(trainer, out, seconds, every, on_progress)
    except (torch.OutOfMemoryError, MemoryError):
        raise TrainingError(
            f"there is not enough memory for a batch of {recipe.training.batch}; "
            "make [training] batch smaller"
        ) from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error):
            raise TrainingError(
                f"there is not enough memory for a batch of {recipe.training.batch}; "
                "make [training] batch smaller"
            ) from None
        raise
    finally:
        if world > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    return trainer


def _task(recipe: Recipe, footage: Footage | None) -> Task:
    kind = kind_of(recipe)
    if footage is None:
        return kind.task(recipe)
    if kind.fitted is None:
        raise TrainingError(
            f'only [model] cell "seeded" is fitted to footage, the recipe\'s is '
            f'"{recipe.model.cell}"'
        )
    learn, choose, _ = footage.parts()
    return kind.fitted(recipe, learn, choose)


def _run(
    trainer: Trainer,
    out: Path,
    seconds: float | None,
    every: float,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    settings = trainer.recipe.training
    chief = trainer.rank == 0
    began = saved = told = time.monotonic()
    before, updates_before = trainer.seconds, trainer.update
    paused = 0.0
    batches = ahead(trainer.make_batch, trainer.update, settings.updates, trainer.threads)
    if trainer.finished:
        batches = iter(())
    try:
        for batch in batches:
            loss = trainer.learn(batch)
            now = time.monotonic()
            trainer.seconds = before + now - began
            over = seconds is not None and now - began >= seconds
            last = trainer.update >= settings.updates
            looked = trainer.update % settings.validate == 0 or last
            if looked and chief:
                trainer.look(loss)
                paused += time.monotonic() - now
            if looked and trainer.world > 1:
                torch.distributed.barrier()
            over = agree(over, trainer.world, trainer.device)
            # Only who looks at held-out scenes knows that patience is at its end.
            trainer.ended = agree(trainer.finished, trainer.world, trainer.device)
            if chief and (now - saved >= every or over):
                trainer.save(out)
                saved = now
            if chief and on_progress is not None and (looked or now - told >= 5):
                told = now
                done = trainer.update - updates_before
                rate = done / max(1e-9, time.monotonic() - began - paused)
                on_progress(
                    Progress(
                        trainer.update,
                        settings.updates,
                        trainer.update * settings.batch,
                        loss,
                        rate * settings.batch,
                        (settings.updates - trainer.update) / max(rate, 1e-9),
                        trainer.curve[-1] if trainer.curve else {},
                    )
                )
            if over or trainer.ended:
                break
    except TrainingError:
        raise
    except BaseException:
        # Stopped by hand: what is learned since the last checkpoint is not lost.
        if chief:
            trainer.save(out)
        raise
    if chief:
        if not trainer.curve:
            trainer.look(math.nan)
        trainer.save(out)
