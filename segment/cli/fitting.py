"""What `train --on VIDEO` says while footage is watched, and of what fitting was worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from segment.fitting import Watched
    from segment.neural.recipe import Recipe
    from segment.neural.seeded.footage import Footage


def check(recipe: "Recipe") -> None:
    """Say before anything is watched that a recipe is for another kind of model."""
    from segment import fitting
    from segment.errors import SegmentError

    try:
        fitting.check(recipe)
    except SegmentError as error:
        raise click.UsageError(f"--on: {error}") from None


def watch(videos: tuple[str, ...], model: str, device: str, most: int) -> "Footage":
    """Gather what is alone in videos, and say how far it is."""
    from segment import fitting, samples

    footage, left_out = fitting.watch(
        [samples.resolved(video) for video in videos],
        model=model,
        device=device,
        most=most,
        on_progress=_say,
    )
    if left_out:
        click.echo(f"{left_out} left out, whom the model takes for several at most times", err=True)
    return footage


def _say(watched: "Watched") -> None:
    of = f"/{watched.expected}" if watched.expected else ""
    done = "watched" if watched.done else f"frame {watched.frames}{of}"
    click.echo(f"{watched.video}: {done}, objects alone {watched.alone} times", err=True)


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
