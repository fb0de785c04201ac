"""From a recipe to weights: a loop that can be stopped anywhere and goes on bit for bit."""

import copy
import functools
import importlib
import json
import math
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from segment.errors import SegmentError
from segment.files import whole, write_text
from segment.neural.device import pick_device, reduced_precision
from segment.neural.em.batches import HELD_OUT, TRAINING, ahead, make_batch
from segment.neural.em.evaluate import evaluate, first_counted
from segment.neural.em.model import State
from segment.neural.recipe import Recipe, read_recipe
from segment.neural.seeded.config import SeededConfig
from segment.neural.training.optimise import make_optimisers
from segment.neural.weights import WEIGHTS, build_model, save_weights

if TYPE_CHECKING:
    from segment.neural.seeded.footage import Footage

__all__ = ["Progress", "Trainer", "TrainingError", "check_folder", "train"]

CHECKPOINT = "checkpoint.pt"


class TrainingError(SegmentError):
    """Training cannot begin, go on, or be resumed."""


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


@dataclass
class Trainer:
    """One training: model, optimisers, and everything that a checkpoint keeps."""

    recipe: Recipe
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    compiled: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        settings = self.recipe.training
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        if settings.batch % self.world:
            raise TrainingError(
                f"[training] batch is {settings.batch}, not divisible by {self.world} processes"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.model: Any = build_model(self.recipe.model)
        layout = torch.channels_last if self.recipe.model.conv else torch.contiguous_format
        self.model = self.model.to(self.device, memory_format=layout)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.model).requires_grad_(False)
        self.best = copy.deepcopy(self.averaged.state_dict())
        self.optimisers = make_optimisers(self.model, settings.optimiser, settings.rate)
        self.update = 0
        self.ended = False
        """Whether any process has found this training finished."""
        self.curve: list[dict[str, float]] = []
        self.seconds = 0.0
        if self.compiled:
            self._compile()

    def _compile(self) -> None:
        self.model.step = torch.compile(self.model.step, dynamic=False)

    def make_batch(self, update: int) -> Any:
        """Draw the scenes of an update; of several processes each draws its share."""
        stage, settings = self.recipe.stage_of(update), self.recipe.training
        seed = (settings.seed, TRAINING, update, self.rank)
        count = settings.batch // self.world
        return make_batch(self.recipe, stage.scenes, seed, count, steps=stage.steps)

    @functools.cached_property
    def held_out(self) -> Any:
        """The scenes that are looked at, of the last stage's kind; never trained on."""
        last = self.recipe.stage_of(self.recipe.training.updates - 1)
        seed = (self.recipe.training.seed, HELD_OUT)
        return make_batch(self.recipe, last.scenes, seed, self.recipe.training.held_out)

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
            loss = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.world > 1:
            _average_gradients(self.model, self.world)
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

    def _loss(self, batch: Any) -> Tensor:
        settings = self.recipe.training
        S = batch.noisy.shape[1]
        total = torch.zeros((), device=self.device)
        steps: Iterator[tuple[Tensor, State]] = self.model.unroll(
            batch.targets,
            batch.noisy,
            self.model.begin(batch.gamma),
            settings.gamma_gradient,
            self._own_steps(),
        )
        first = first_counted(settings.loss, S)
        for t, (target, state) in enumerate(steps):
            if t >= first:
                loss = self.model.loss(
                    target, state, settings.between, settings.objective, settings.found
                )
                total = total + loss.mean()
        mean: Tensor = total / (S - first)
        return mean

    def _own_steps(self) -> int:
        """How many steps of this update see frames of the model's own.

        Drawn, since a model that knew when its own frames come would blur what it expects then.
        """
        most = self.recipe.stage_of(self.update).own
        rng = np.random.default_rng((self.recipe.training.seed, self.update))
        return int(rng.integers(most, endpoint=True))

    def look(self, loss: float) -> dict[str, float]:
        """Score the averaged weights on held-out scenes, and keep them if none were better."""
        settings = self.recipe.training
        found = self._evaluate()
        merits = [self._merit(point) for point in self.curve]
        if not merits or self._merit(found) > max(merits):
            self.best = {n: t.detach().clone() for n, t in self.averaged.state_dict().items()}
        found |= {"update": self.update, "training_loss": loss, "seconds": round(self.seconds, 1)}
        found["scenes"] = self.update * settings.batch
        self.curve.append(found)
        return found

    def _evaluate(self) -> dict[str, float]:
        settings = self.recipe.training
        last = self.recipe.stage_of(settings.updates - 1)
        return evaluate(
            self.averaged,
            self.held_out,
            which=settings.loss,
            between=settings.between,
            objective=settings.objective,
            precision=settings.precision,
            # What was learned on frames of its own is judged on such, too.
            seen=settings.steps - last.own if last.own else None,
            noise=last.scenes.noise,
        ).at(settings.loss)

    @property
    def finished(self) -> bool:
        """All updates are made, or the last `patience` looks were none better."""
        settings = self.recipe.training
        if self.ended or self.update >= settings.updates:
            return True
        merits = [self._merit(point) for point in self.curve]
        return bool(
            settings.patience
            and len(merits) > settings.patience
            and max(merits[-settings.patience :]) <= max(merits[: -settings.patience])
        )

    @property
    def kept(self) -> dict[str, float]:
        """The scores of the look at which the best weights were found."""
        return max(self.curve, key=self._merit)

    @property
    def merit(self) -> float:
        """How good the best weights are on held-out scenes: their ARI, or for K = 1 -loss."""
        return self._merit(self.kept)

    def _merit(self, point: dict[str, float]) -> float:
        """What the best weights are chosen by: ARI, or the loss where one slot has it all."""
        model = self.recipe.model
        return point["ari"] if model.slots + model.background > 1 else -point["loss"]

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


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    resume: bool = False,
    start: nn.Module | None = None,
    footage: "Footage | None" = None,
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
    picked = _join(pick_device(device)) if world > 1 else pick_device(device)
    try:
        trainer = _trainer(recipe, picked, compiled, threads, footage)
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


def _trainer(
    recipe: Recipe,
    device: torch.device,
    compiled: bool,
    threads: int,
    footage: "Footage | None",
) -> Trainer:
    if isinstance(recipe.model, SeededConfig):
        from segment.neural.seeded.training import FittingTrainer, SeededTrainer

        if footage is None:
            return SeededTrainer(recipe, device, compiled, threads)
        learn, choose, _ = footage.parts()
        return FittingTrainer(recipe, device, compiled, threads, learn_from=learn, choose_by=choose)
    if footage is not None:
        raise TrainingError(
            f'only [model] cell "seeded" is fitted to footage, the recipe\'s is '
            f'"{recipe.model.cell}"'
        )
    return Trainer(recipe, device, compiled, threads)


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
            over = _agree(over, trainer)
            # Only who looks at held-out scenes knows that patience is at its end.
            trainer.ended = _agree(trainer.finished, trainer)
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


def _agree(stop: bool, trainer: Trainer) -> bool:
    """Whether any process wants to stop: they must do so after the same update."""
    if trainer.world == 1:
        return stop
    flag = torch.tensor(float(stop), device=trainer.device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)


def _join(device: torch.device) -> torch.device:
    """Join the other processes that torchrun has started; each takes a GPU of its own."""
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    # Its functions take the default group of the moment they are defined in; were that ours,
    # it would outlive its end, and its threads abort the process at exit now and then.
    importlib.import_module("torch.distributed.nn.functional")
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def _average_gradients(model: nn.Module, world: int) -> None:
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= world
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


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
