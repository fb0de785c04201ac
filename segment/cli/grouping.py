"""The stages that tell objects apart."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli.chain import Stage, stage

if TYPE_CHECKING:
    from segment.frame import Frame

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


_smallest: Decorator = click.option(
    "--smallest",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Pieces below this area, in pixels, are no objects.",
)


def _patience(what: str = "an object", more: str = "") -> Decorator:
    return click.option(
        "--patience",
        type=click.IntRange(0),
        default=25,
        show_default=True,
        help=f"Frames for which {what} that is not seen keeps its id{more}.",
    )


@click.command("group", cls=Stage)
@_smallest
@click.option(
    "--largest",
    type=click.IntRange(1),
    metavar="PIXELS",
    help="What has more pixels is no object: a change of light, a door.  [default: no limit]",
)
@_patience(more="; ten times that when hidden")
@click.option(
    "--model",
    default="seeded-em-silhouettes",
    show_default=True,
    metavar="NAME",
    help="A trained model that says what is one object, or a folder with one.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--delay",
    type=click.FloatRange(0, 10),
    default=0.8,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long before a frame is given on, so that an object has its id from where it "
    "began; 0 for live use.",
)
@click.option(
    "--number",
    type=click.IntRange(1),
    metavar="N",
    help="There are N objects, in every arena: animals in a cage are always N.",
)
@click.option(
    "--arena",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Only what is inside counts, and ids stay inside: a picture, or zones.json.",
)
@click.option(
    "--candidates",
    is_flag=True,
    help="Give an id to all that is followed: flutter, scraps and parts of objects, too.",
)
@click.option(
    "--feedback/--no-feedback",
    default=False,
    show_default=True,
    help="Let objects tell subtract where they are, and where foreground never was one.",
)
@stage(gives=("labels",))
def group(
    frames: "Iterator[Frame]",
    candidates: bool,
    feedback: bool,
    arena: str | None,
    **options: Any,
) -> "Iterator[Frame]":
    """Tell objects apart by Neural EM, and follow them while they touch and hide each other.

    Without a subtract command before it there is no foreground: pictures, alone or in a video, are
    then grouped whole by colour and texture, as by group-mixture, and ids last all the same.
    """
    from segment import pipeline
    from segment.cli.arenas import read_arenas
    from segment.grouping import automatic

    if feedback and candidates:
        raise click.UsageError("--feedback tells of objects, and --candidates are none yet")
    if candidates and (options["number"] or options["largest"] or arena):
        raise click.UsageError(
            "--candidates are no objects yet: leave out --number, --largest and --arena"
        )
    first, frames = pipeline.peek(frames)
    if first is None:
        return frames
    # Whole pictures have no arenas, and what is in a file that nobody needs is nobody's business.
    asked = arena is not None and first.foreground is not None and not candidates
    arenas = read_arenas(Path(str(arena)), first.image.shape[:2]) if asked else None
    return automatic.group(frames, candidates=candidates, arenas=arenas, **options)


@click.command("group-components", cls=Stage)
@_smallest
@_patience()
@stage(needs=("foreground",), gives=("labels",))
def group_components(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Make every connected piece of foreground an object whose id lasts over the sequence."""
    from segment import pipeline
    from segment.grouping import ConnectedComponents

    return pipeline.group(frames, ConnectedComponents(**options))


@click.command("group-watershed", cls=Stage)
@click.option(
    "--prominence",
    type=click.FloatRange(1, min_open=True),
    default=1.05,
    show_default=True,
    help="By which factor a bulge must be wider than its waist to be an object of its own.",
)
@_smallest
@_patience()
@stage(needs=("foreground",), gives=("labels",))
def group_watershed(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Make every bulge of the foreground an object: pieces are cut where they are narrow."""
    from segment import pipeline
    from segment.grouping import Watershed

    return pipeline.group(frames, Watershed(**options))


@click.command("group-mixture", cls=Stage)
@click.option(
    "--components",
    type=click.IntRange(1),
    help="Number of groups.  [default: the picture decides]",
)
@click.option(
    "--scale",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How coarse, when the picture decides: 0 gives most groups, 1 joins all that touch.",
)
@_patience("a group")
@click.option(
    "--judges",
    type=click.Path(),
    default="learned",
    show_default=True,
    metavar="NAME",
    help="Who says what belongs together: learned from people's segmentations, unasked, or a file.",
)
@stage(gives=("labels",))
def group_mixture(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Gather what looks alike and lies together, in the foreground or the whole picture.

    Mixtures of colours and textures, fitted by EM, find the edges; the pieces between
    them are joined, those first that most belong together.
    """
    from segment import pipeline
    from segment.grouping import MixtureGrouper

    return pipeline.group(frames, MixtureGrouper(**options))


@click.command("group-layers", cls=Stage)
@_smallest
@_patience(more="; ten times that when hidden")
@stage(needs=("foreground",), gives=("labels",))
def group_layers(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Tell objects apart by EM while they touch and hide each other: each a layer that moves."""
    from segment import pipeline
    from segment.grouping import MovingLayers

    return pipeline.group(frames, MovingLayers(**options))
