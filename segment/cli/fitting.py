"""What `train --on VIDEO` does before and after: watch the footage, and say whether it helped."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from segment.neural.recipe import Recipe
    from segment.neural.seeded.footage import Footage

MODEL = "seeded-em-silhouettes"
RECIPE = "footage.toml"
_EVERY = 5.0  # seconds between two lines of progress


def recipe_path() -> Path:
    """The recipe for fitting that ships beside the model it begins with."""
    from segment.neural import zoo

    return zoo.find(MODEL) / RECIPE


def check(recipe: "Recipe") -> None:
    """Say before anything is watched that a recipe is for another kind of model."""
    if recipe.model.cell != "seeded":
        raise click.UsageError(
            f'--on fits the model of `group`, [model] cell "seeded"; the recipe\'s is '
            f'"{recipe.model.cell}"'
        )


def watch(videos: Iterable[str], model: str, device: str, most: int) -> "Footage":
    """Subtract, clean and group the first `most` frames of every video; gather what is alone."""
    from itertools import islice

    from segment import pipeline
    from segment.background import PosteriorSubtractor
    from segment.grouping import NeuralGrouper
    from segment.neural import load
    from segment.neural.seeded.footage import Footage
    from segment.neural.seeded.loaded import LoadedSeeded
    from segment.video import open_frames

    footage = Footage()
    for video in videos:
        footage.begin()
        with open_frames(video) as source:
            told = time.monotonic()
            frames = pipeline.subtract(islice(source, most), PosteriorSubtractor())
            frames = pipeline.read_ahead(pipeline.clean(frames))
            grouped: Any = pipeline.group(frames, NeuralGrouper(model=model, device=device))
            # Closed before the file is, in which a thread reads ahead.
            with contextlib.closing(grouped):
                for done, frame in enumerate(grouped, start=1):
                    footage.watch(frame.image, frame.labels)
                    if time.monotonic() - told >= _EVERY:
                        told, length = time.monotonic(), frame.sequence.length
                        expected = f"/{min(length, most)}" if length else ""
                        _say(f"{video}: frame {done}{expected}", footage)
        _say(f"{video}: watched", footage)
    left_out = footage.vote(load(model, device, kind=LoadedSeeded))
    if left_out:
        click.echo(f"{left_out} left out, whom the model takes for several at most times", err=True)
    footage.parts()  # says so at once where there is too little to learn from
    return footage


def _say(words: str, footage: "Footage") -> None:
    click.echo(f"{words}, objects alone {len(footage.cutouts)} times", err=True)


def tell(verdict: dict[str, Any], out: Path) -> None:
    """Say on stderr what fitting was worth on the part of the footage that was kept back."""
    rows = (
        ("ari", "objects that touch, ARI", "{:.3f}"),
        ("several", "objects that touch, parted", "{:.1%}"),
        ("single", "single ones left whole", "{:.1%}"),
        ("exact", "number right", "{:.1%}"),
    )
    click.echo("on the footage's last quarter, before and after:", err=True)
    for key, words, form in rows:
        values = [form.format(verdict[when][key]) for when in ("before", "after")]
        click.echo(f"  {words:<28}{values[0]:>8}{values[1]:>8}", err=True)
    if verdict["helped"]:
        click.echo(f"it helped; use it with: group --model {out}", err=True)
    else:
        click.echo(f"it did not help: {out} holds the weights it began with", err=True)
