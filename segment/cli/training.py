"""`segment train`: a recipe with one seed or several, or the model of `group` fitted to footage."""

import contextlib
import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli import fitting
from segment.cli.chain import Tool, typed
from segment.cli.owned import LOCK

if TYPE_CHECKING:
    from segment.neural.recipe import Recipe
    from segment.neural.seeded.footage import Footage
    from segment.neural.training.loop import Progress


@click.command(cls=Tool)
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--on", "videos", metavar="VIDEO", multiple=True,
              help="Fit the model of `group` to this footage; may be given often.")  # fmt: skip
@click.option("--frames", type=click.IntRange(1), default=3000, show_default=True,
              help="With --on: most frames that are watched of each video.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the model.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in OUT.")
@click.option("--from", "start", metavar="MODEL", help="Begin with this model's weights.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Stop after so long.")
@click.option("--seed", "seeds", type=click.IntRange(0), multiple=True,
              help="Another than the recipe's; of several, the best is kept.")  # fmt: skip
@click.option("--every", type=click.FloatRange(0), default=60.0, show_default=True,
              help="Seconds between two checkpoints.")  # fmt: skip
@click.option("--compile", "compiled", is_flag=True, help="Compile first; needs a C++ compiler.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Processors that torch may use.")
@click.option("--count", type=click.IntRange(0, 1000000), default=1000, show_default=True,
              help="Unseen scenes that the finished model is scored on; 0 for none.")  # fmt: skip
@click.option("--against", metavar="MODEL",
              help="A model trained with K = 1; its errors are told beside.")  # fmt: skip
def train(
    recipe: Path | None,
    videos: tuple[str, ...],
    frames: int,
    out: Path,
    resume: bool,
    start: str | None,
    device: str,
    seconds: float | None,
    seeds: tuple[int, ...],
    every: float,
    compiled: bool,
    threads: int | None,
    count: int,
    against: str | None,
) -> None:
    """Train the Neural EM model that RECIPE describes, or fit one to footage: --on VIDEO.

    OUT receives recipe.toml, weights.safetensors (the best on held-out scenes so far),
    checkpoint.pt, curve.json, and at the end score.json and figure.png. A stopped
    training goes on with --resume, bit for bit. Several GPUs: torchrun -m segment train ...

    With several --seed one model after the other is trained, in OUT/seed-N; OUT receives the one
    that was best on held-out scenes, and score.json the mean and spread of all.

    With --on no recipe and no labels are needed: objects that are alone in the footage are laid
    over each other, and the weights of `group` learn to tell them apart; some minutes. The last
    quarter of the footage says whether it helped; OUT holds the better weights.
    """
    from segment.neural.recipe import read_recipe, with_seed
    from segment.neural.training.trainer import check_folder
    from segment.neural.zoo import load

    if recipe is None and not videos:
        raise click.UsageError("there is nothing to train; give a RECIPE, or footage by --on")
    if videos and len(seeds) > 1:
        raise click.UsageError("a model is fitted to footage with one seed; give --seed once")
    if len(seeds) > 1 and not count:
        raise click.UsageError("several seeds are compared by their scores; --count is 0")
    if len(set(seeds)) < len(seeds):
        raise click.UsageError(f"--seed is given as {', '.join(map(str, seeds))}; each only once")
    if recipe is None:
        recipe = fitting.recipe_path()
    if videos and start is None:
        start = fitting.MODEL
    settings = read_recipe(recipe)
    if threads is not None:
        from segment.neural.device import use_threads

        use_threads(threads)
    first = load(start, device="cpu").model if start is not None else None
    rival = _rival(against, device, settings) if against is not None else None
    # What makes this model from nothing: the typed line, but for --resume.
    words = [word for word in shlex.split(typed()[1]) if word != "--resume"]
    command = shlex.join(["segment", *words])
    run = _Run(recipe, first, device, every, compiled, count, rival, command)
    if len(seeds) > 1:
        with _alone(out):
            run.several(settings, out, seeds, resume, seconds)
        return
    if seeds:
        settings = with_seed(settings, seeds[0])
    if videos:
        fitting.check(settings)
    with _alone(out):
        check_folder(out, resume)
        if videos and start is not None:
            run.footage = fitting.watch(videos, start, device, frames)
        run.one(settings, out, resume, seconds)


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Let no other training write into a folder; several processes of one line are one training.

    A folder that was made for this, and stays empty, goes with it.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    from segment.files import make_folder
    from segment.locks import Lock

    made = not out.exists()
    make_folder(out)
    try:
        with Lock(out / LOCK, out):
            yield
    finally:
        if made:
            with contextlib.suppress(OSError):  # it is not empty
                out.rmdir()


def _rival(against: str, device: str, settings: "Recipe") -> Any:
    """The model to compare with; a UsageError before the training, not after, if it cannot be."""
    from segment.neural.em.score import check_against
    from segment.neural.kinds import kind_of
    from segment.neural.zoo import load

    if not kind_of(settings).predicts_frames:
        raise click.UsageError("--against is for models that predict frames; leave it out")
    model: Any = load(against, device=device).model
    try:
        check_against(model, settings.model)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
    return model


@dataclass
class _Run:
    """What all trainings of one line share."""

    recipe: Path
    start: Any
    device: str
    every: float
    compiled: bool
    count: int
    against: Any
    command: str
    footage: "Footage | None" = None

    def one(self, settings: "Recipe", out: Path, resume: bool, seconds: float | None) -> bool:
        """Train, and score what is finished; whether it is."""
        from segment.neural.training.loop import train as train_model

        chief = os.environ.get("RANK", "0") == "0"
        trainer = train_model(
            settings,
            out,
            resume=resume,
            start=self.start,
            footage=self.footage,
            device=self.device,
            seconds=seconds,
            every=self.every,
            compiled=self.compiled,
            on_progress=_tell if chief else None,
        )
        if chief and trainer.finished:
            self._publish(trainer, settings, out)
        elif chief:
            click.echo(f"stopped after update {trainer.update}; --resume goes on with it", err=True)
        return trainer.finished

    def _publish(self, trainer: Any, settings: "Recipe", out: Path) -> None:
        from segment.neural.training.publish import publish

        verdict = None
        if self.footage is not None:
            from segment.neural.training.verdict import keep_the_better

            verdict = keep_the_better(self.start, out, settings, self.footage)
        click.echo(f"scoring on {self.count} unseen scenes", err=True)
        text = self.recipe.read_text(encoding="utf-8")
        more = verdict and {"footage": verdict}
        rival = self.against
        publish(trainer, out, text, self.command, count=self.count, against=rival, more=more)
        if verdict is not None:
            fitting.tell(verdict, out)
        click.echo(f"done: {out}", err=True)

    def several(
        self,
        settings: "Recipe",
        out: Path,
        seeds: tuple[int, ...],
        resume: bool,
        seconds: float | None,
    ) -> None:
        """Train a model for every seed, each in a folder of its own, and keep the best in `out`."""
        from segment.neural.recipe import with_seed
        from segment.neural.training.publish import keep_the_best
        from segment.neural.training.trainer import CHECKPOINT, check_folder

        folders = [out / f"seed-{seed}" for seed in seeds]
        begun = [folder for folder in folders if (folder / CHECKPOINT).is_file()]
        # Some begun are gone on with; with --resume one must be, without it none may.
        check_folder(begun[0] if begun else folders[0], resume)
        until = seconds and time.monotonic() + seconds
        for seed, folder in zip(seeds, folders, strict=True):
            if resume and (folder / "score.json").is_file():
                continue
            click.echo(f"seed {seed}", err=True)
            left = until and max(1e-9, until - time.monotonic())
            if not self.one(with_seed(settings, seed), folder, folder in begun, left):
                return
        if os.environ.get("RANK", "0") != "0":
            return
        found = keep_the_best(out, folders, self.command)
        for key in ("ami", "ari"):
            each = "  ".join(f"{value:.3f}" for value in found[key])
            mean, spread = found[f"{key}_mean"], found[f"{key}_spread"]
            click.echo(f"{key} of {len(seeds)} seeds: {mean:.3f} ± {spread:.3f}   {each}", err=True)
        click.echo(f"done: {out}, which is seed {found['kept']}", err=True)


def _tell(progress: "Progress") -> None:
    scores = progress.scores
    seen = f"  ami {scores['ami']:.3f}  ari {scores['ari']:.3f}" if scores else ""
    minutes, seconds = divmod(int(progress.left), 60)
    click.echo(
        f"update {progress.update}/{progress.updates}  loss {progress.loss:.1f}{seen}  "
        f"{progress.rate:.0f} scenes/s  {minutes}:{seconds:02d} left",
        err=True,
    )
