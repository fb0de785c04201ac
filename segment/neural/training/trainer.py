"""One training between two updates: model, averages, optimisers, checkpoints."""

import copy
import json
import math
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segment.errors import SegmentError
from segment.files import whole, write_text
from segment.neural.device import reduced_precision
from segment.neural.kinds import build_model, kind_of
from segment.neural.recipe import Recipe, read_recipe
from segment.neural.training.optimise import make_optimisers
from segment.neural.training.processes import average_gradients
from segment.neural.training.task import Task
from segment.neural.weights import WEIGHTS, save_weights

__all__ = ["CHECKPOINT", "Trainer", "TrainingError", "check_folder"]

CHECKPOINT = "checkpoint.pt"


class TrainingError(SegmentError):
    """Training cannot begin, go on, or be resumed."""


class Trainer:
    """One training: model, optimisers, and everything that a checkpoint keeps.

    recipe : what to train. device : where. compiled : let torch compile what is done most.
    threads : how many draw scenes ahead. task : what the model learns from; None for what its
    kind learns from.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device | None = None,
        compiled: bool = False,
        threads: int = 1,
        task: Task | None = None,
    ) -> None:
        self.recipe = recipe
        self.device = torch.device("cpu") if device is None else device
        self.threads = threads
        self.task = kind_of(recipe).task(recipe) if task is None else task
        settings = recipe.training
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        if settings.batch % self.world:
            raise TrainingError(
                f"[training] batch is {settings.batch}, not divisible by {self.world} processes"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = build_model(recipe.model)
        layout = self.task.layout
        self.model = model.to(self.device, memory_format=layout)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.model).requires_grad_(False)
        self.best = copy.deepcopy(self.averaged.state_dict())
        self.optimisers = make_optimisers(self.model, settings.optimiser, settings.rate)
        self.update = 0
        self.ended = False
        """Whether any process has found this training finished."""
        self.curve: list[dict[str, float]] = []
        self.seconds = 0.0
        if compiled:
            self.task.compile(self.model)

    def make_batch(self, update: int) -> Any:
        """Draw the scenes of an update; of several processes each draws its share."""
        return self.task.make_batch(update, self.rank, self.world)

    def learn(self, batch: Any) -> float:
        """Make one update, and return the batch's loss; TrainingError when it is no number."""
        settings = self.recipe.training
        share = self._share_of_rate()
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = share
        batch = batch.to(self.device)
        with reduced_precision(self.device, settings.precision):
            loss = self.task.loss(self.model, batch, self.update)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.world > 1:
            average_gradients(self.model, self.world)
        value = float(loss.detach())
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip or math.inf)
        if not (math.isfinite(value) and bool(norm.isfinite())):
            raise TrainingError(
                f"update {self.update}: the loss is {value}, its gradient's norm {float(norm)}; "
                f"take a smaller rate than {settings.rate} or clip below {settings.clip or 'inf'}; "
                "the last checkpoint is whole"
            )
        for optimiser in self.optimisers:
            optimiser.step()
        self.update += 1
        # Young averages forget faster, else the first weights would stay for long.
        keep = min(settings.average, self.update / (self.update + 10))
        with torch.no_grad():
            pairs = zip(self.averaged.parameters(), self.model.parameters(), strict=True)
            for average, weight in pairs:
                average.lerp_(weight, 1 - keep if settings.average else 1.0)
        return value

    def _share_of_rate(self) -> float:
        settings = self.recipe.training
        rate = self.recipe.stage_of(self.update).rate
        rate *= min(1.0, (self.update + 1) / max(1, settings.warmup))
        left = (settings.updates - self.update) / settings.updates
        return rate * min(1.0, left / settings.cooldown if settings.cooldown else 1.0)

    def look(self, loss: float) -> dict[str, float]:
        """Score the averaged weights on held-out scenes, and keep them if none were better."""
        settings = self.recipe.training
        found = self.task.evaluate(self.averaged)
        merits = [self.task.merit(point) for point in self.curve]
        if not merits or self.task.merit(found) > max(merits):
            self.best = {n: t.detach().clone() for n, t in self.averaged.state_dict().items()}
        found |= {"update": self.update, "training_loss": loss, "seconds": round(self.seconds, 1)}
        found["scenes"] = self.update * settings.batch
        self.curve.append(found)
        return found

    @property
    def finished(self) -> bool:
        """All updates are made, or the last `patience` looks were none better."""
        settings = self.recipe.training
        if self.ended or self.update >= settings.updates:
            return True
        merits = [self.task.merit(point) for point in self.curve]
        return bool(
            settings.patience
            and len(merits) > settings.patience
            and max(merits[-settings.patience :]) <= max(merits[: -settings.patience])
        )

    @property
    def kept(self) -> dict[str, float]:
        """The scores of the look at which the best weights were found."""
        return max(self.curve, key=self.task.merit)

    @property
    def merit(self) -> float:
        """How good the best weights are on held-out scenes, by what the task chooses them."""
        return self.task.merit(self.kept)

    def save(self, folder: Path) -> None:
        """Write checkpoint, best weights and curve, each whole or not at all."""
        document = {
            "recipe": self.recipe.as_dict(),
            "update": self.update,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "best": self.best,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "curve": self.curve,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with whole(folder / CHECKPOINT) as temporary:
                torch.save(document, temporary)
        except (OSError, RuntimeError) as error:
            raise TrainingError(f"{folder} cannot be written: {error}") from None
        write_text(folder / "curve.json", json.dumps(self.curve, indent=0) + "\n")
        model = build_model(self.recipe.model)
        model.load_state_dict(self.best)
        save_weights(model, folder / WEIGHTS)

    def begin_with(self, model: Any) -> None:
        """Take the weights of another model, of the same configuration.

        How it begins, and how far its E-step reaches, may be others: no weight depends on it.
        """
        theirs, ours = (asdict(config) for config in (model.config, self.recipe.model))
        free = {"begin": None, "reach": None}
        if theirs | free != ours | free:
            raise TrainingError(
                f"the model to begin with is {model.config}, the recipe's {self.recipe.model}"
            )
        for own in (self.model, self.averaged):
            own.load_state_dict(model.state_dict())
        if self.task.looks_first:
            self.look(math.nan)

    def resume(self, folder: Path) -> None:
        """Go on where a checkpoint of the same recipe stopped."""
        path = folder / CHECKPOINT
        try:
            check_archive(path)
            document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            given = read_recipe(_tables(document["recipe"]))
        except Exception as error:  # whatever a damaged file makes of itself
            raise TrainingError(f"the checkpoint {path} is damaged: {error}") from None
        if given.model != self.recipe.model:
            raise TrainingError(f"the checkpoint {path} is of another model than the recipe's")
        self.update, self.seconds = document["update"], document["seconds"]
        self.curve = document["curve"]
        self.best = document["best"]
        self.model.load_state_dict(document["model"])
        self.averaged.load_state_dict(document["averaged"])
        states = document["optimisers"]
        if len(states) != len(self.optimisers):
            raise TrainingError(f"the checkpoint {path} was made with another optimiser")
        for optimiser, state in zip(self.optimisers, states, strict=True):
            optimiser.load_state_dict(state)


def check_folder(out: Path, resume: bool) -> None:
    """Raise TrainingError when a training would be overwritten, or there is none to resume."""
    held = (out / CHECKPOINT).is_file()
    if held and not resume:
        raise TrainingError(f"{out} holds a training already; --resume goes on with it")
    if resume and not held:
        raise TrainingError(f"there is no checkpoint at {out / CHECKPOINT}; begin without --resume")


def _tables(recipe: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's recipe in the shape that read_recipe takes."""
    stages = [
        stage["scenes"] | {key: value for key, value in stage.items() if key != "scenes"}
        for stage in recipe["stages"]
    ]
    return {**recipe, "stages": stages}


def check_archive(path: Path) -> None:
    """Raise ValueError when a part of a checkpoint, a zip, is not what its CRC-32 says.

    PyTorch writes the sums, but does not look at them when it loads.
    """
    if path.is_file():  # that it is missing is told by who loads it
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
        if wrong is not None:
            raise ValueError(f"the checksum of {wrong} is wrong")
