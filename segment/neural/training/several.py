"""A training to its end: learn, judge, publish; and the same with several seeds, of which the
best is kept.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from segment.neural.em.model import NeuralEM
from segment.neural.kinds import Model
from segment.neural.recipe import Recipe, with_seed
from segment.neural.seeded.footage import Footage
from segment.neural.seeded.model import SeededEM
from segment.neural.training.loop import Progress, train
from segment.neural.training.processes import is_chief
from segment.neural.training.publish import keep_the_best, publish
from segment.neural.training.trainer import CHECKPOINT, Trainer, check_folder
from segment.neural.training.verdict import keep_the_better

__all__ = ["Whole", "train_several", "train_whole"]


@dataclass(frozen=True, slots=True)
class Whole:
    """How trainings are made, and what is told of them.

    Attributes
    ----------
    text : the recipe as it was written, which is published beside the weights.
    command : what makes these weights from nothing, for score.json.
    count : unseen scenes that finished weights are scored on; 0 for none.
    against : a model trained with K = 1, whose errors are told beside.
    start : a model whose weights to begin with.
    footage : objects of a camera to fit to; the better of `start` and what was learned is kept.
    device, every, compiled : as `train` has them.
    on_progress : called as `train` does.
    on_scoring : called with the trainer before its weights are judged and scored.
    """

    text: str
    command: str
    count: int = 1000
    against: NeuralEM | None = None
    start: Model | None = None
    footage: Footage | None = None
    device: str = "auto"
    every: float = 60.0
    compiled: bool = False
    on_progress: Callable[[Progress], None] | None = None
    on_scoring: Callable[[Trainer], None] | None = None


def train_whole(
    recipe: Recipe,
    out: Path,
    how: Whole,
    *,
    resume: bool = False,
    seconds: float | None = None,
) -> tuple[Trainer, dict[str, Any]]:
    """Train, and when it is finished judge and publish what is in `out`.

    Returns the trainer, whose `finished` says whether it is, and what score.json holds: nothing
    when it is not finished, when nothing is scored, or for all processes but the first.
    """
    trainer = train(
        recipe,
        out,
        resume=resume,
        start=how.start,
        footage=how.footage,
        device=how.device,
        seconds=seconds,
        every=how.every,
        compiled=how.compiled,
        on_progress=how.on_progress if is_chief() else None,
    )
    if not (is_chief() and trainer.finished):
        return trainer, {}
    more = None
    if how.footage is not None and how.start is not None:
        start = cast(SeededEM, how.start)  # no other kind is fitted
        more = {"footage": keep_the_better(start, out, recipe, how.footage)}
    if how.on_scoring is not None:
        how.on_scoring(trainer)
    found = publish(
        trainer, out, how.text, how.command, count=how.count, against=how.against, more=more
    )
    return trainer, found | (more or {})


def train_several(
    recipe: Recipe,
    out: Path,
    how: Whole,
    seeds: Sequence[int],
    *,
    resume: bool = False,
    seconds: float | None = None,
    on_seed: Callable[[int], None] | None = None,
) -> tuple[Trainer | None, dict[str, Any]]:
    """Train a model for every seed in `out`/seed-N, and keep in `out` the best on held-out scenes.

    Those that are done already are left alone when resuming. Returns the last trainer, if one was
    needed, and what `publish.keep_the_best` found: nothing if `seconds` were over before all were
    done, or for all processes but the first.

    Raises
    ------
    ValueError : one seed twice, or weights that nothing would tell apart, for count is 0.
    TrainingError : as `train` does.
    """
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds are {', '.join(map(str, seeds))}; each only once")
    if not how.count:
        raise ValueError("several seeds are compared by their scores; count is 0")
    folders = [out / f"seed-{seed}" for seed in seeds]
    begun = [folder for folder in folders if (folder / CHECKPOINT).is_file()]
    # Some begun are gone on with; with resume one must be, without it none may.
    check_folder(begun[0] if begun else folders[0], resume)
    until = seconds and time.monotonic() + seconds
    trainer = None
    for seed, folder in zip(seeds, folders, strict=True):
        if resume and (folder / "score.json").is_file():
            continue
        if on_seed is not None:
            on_seed(seed)
        left = until and max(1e-9, until - time.monotonic())
        own = with_seed(recipe, seed)
        trainer, _ = train_whole(own, folder, how, resume=folder in begun, seconds=left)
        if not trainer.finished:
            return trainer, {}
    return trainer, keep_the_best(out, folders, how.command) if is_chief() else {}
