"""`segment train`: a recipe with one seed or several, or the model of `group` fitted to footage."""

import contextlib
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli.chain import Tool, typed
from segment.cli.owned import LOCK

if TYPE_CHECKING:
    from segment.neural.recipe import Recipe
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
    from segment import fitting
    from segment.cli import fitting as telling
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
    # What makes this model from nothing: the typed line, but for --resume.
    words = [word for word in shlex.split(typed()[1]) if word != "--resume"]
    how: dict[str, Any] = {
        "text": recipe.read_text(encoding="utf-8"),
        "command": shlex.join(["segment", *words]),
        "count": count,
        "start": load(start, device="cpu").model if start is not None else None,
        "against": _rival(against, device, settings) if against is not None else None,
        "device": device,
        "every": every,
        "compiled": compiled,
    }
    if len(seeds) > 1:
        with _alone(out):
            _train_several(settings, out, how, seeds, resume, seconds)
        return
    if seeds:
        settings = with_seed(settings, seeds[0])
    if videos:
        telling.check(settings)
    with _alone(out):
        check_folder(out, resume)
        if videos and start is not None:
            how["footage"] = telling.watch(videos, start, device, frames)
        _train_one(settings, out, how, resume, seconds)


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Let no other training write into a folder; several processes of one line are one training.

    A folder that was made for this, and stays empty, goes with it.
    """
    from segment.neural.training.processes import is_chief

    if not is_chief():
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


def _train_one(
    settings: "Recipe", out: Path, how: dict[str, Any], resume: bool, seconds: float | None
) -> None:
    from segment.cli import fitting
    from segment.neural.training.several import Whole, train_whole

    whole = Whole(**how, on_progress=_tell, on_scoring=_say_scoring(how))
    trainer, found = train_whole(settings, out, whole, resume=resume, seconds=seconds)
    if "footage" in found:
        fitting.tell(found["footage"], out)
    _say_end(trainer, out)


def _train_several(
    settings: "Recipe",
    out: Path,
    how: dict[str, Any],
    seeds: tuple[int, ...],
    resume: bool,
    seconds: float | None,
) -> None:
    from segment.neural.training.several import Whole, train_several

    whole = Whole(**how, on_progress=_tell, on_scoring=_say_scoring(how))
    trainer, found = train_several(
        settings,
        out,
        whole,
        seeds,
        resume=resume,
        seconds=seconds,
        on_seed=lambda seed: click.echo(f"seed {seed}", err=True),
    )
    if not found:
        if trainer is not None:
            _say_end(trainer, out)
        return
    for key in ("ami", "ari"):
        each = "  ".join(f"{value:.3f}" for value in found[key])
        mean, spread = found[f"{key}_mean"], found[f"{key}_spread"]
        click.echo(f"{key} of {len(seeds)} seeds: {mean:.3f} ± {spread:.3f}   {each}", err=True)
    click.echo(f"done: {out}, which is seed {found['kept']}", err=True)


def _say_scoring(how: dict[str, Any]) -> Callable[[Any], None]:
    return lambda trainer: click.echo(f"scoring on {how['count']} unseen scenes", err=True)


def _say_end(trainer: Any, out: Path) -> None:
    from segment.neural.training.processes import is_chief

    if not is_chief():
        return
    if trainer.finished:
        click.echo(f"done: {out}", err=True)
    else:
        click.echo(f"stopped after update {trainer.update}; --resume goes on with it", err=True)


def _tell(progress: "Progress") -> None:
    scores = progress.scores
    seen = f"  ami {scores['ami']:.3f}  ari {scores['ari']:.3f}" if scores else ""
    minutes, seconds = divmod(int(progress.left), 60)
    click.echo(
        f"update {progress.update}/{progress.updates}  loss {progress.loss:.1f}{seen}  "
        f"{progress.rate:.0f} scenes/s  {minutes}:{seconds:02d} left",
        err=True,
    )
