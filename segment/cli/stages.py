"""The stages between reading and writing: each takes frames, gives frames, and holds no method."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli import keeping
from segment.cli.chain import Stage, stage, with_first
from segment.cli.exporting import export
from segment.cli.params import Duration, Odd, Patience, Span
from segment.cli.reading import read
from segment.cli.watching import events

if TYPE_CHECKING:
    from segment.frame import Frame

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _history(default: int) -> Decorator:
    return click.option(
        "--history",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        help="Frames that the background remembers; older ones fade.",
    )


def _components(default: int) -> Decorator:
    return click.option(
        "--components",
        type=click.IntRange(1, 8),
        default=default,
        show_default=True,
        help="Gaussians per pixel at the most.",
    )


_threads: Decorator = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Threads.  [default: one per core]"
)


_WIDEST = 999
"""Pixels across a disc on the line: a wider one takes minutes a frame, or all the memory."""


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


_shadows: Decorator = click.option(
    "--shadows",
    is_flag=True,
    help="Give shadows a label of their own: 127 in masks, violet in the overlay.",
)


def _kept_and_guided(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--freeze-after",
            type=Duration(),
            help="Learn for so long, then never again: 30s.  [default: learn on]",
        ),
        click.option(
            "--ignore",
            type=click.Path(),
            metavar="MASK",
            help="Look away where this picture, of the frames' size, is not black.",
        ),
        click.option(
            "--region",
            type=click.Path(),
            metavar="MASK",
            help="Look only where this picture, of the frames' size, is not black.",
        ),
        click.option(
            "--state-every",
            type=click.FloatRange(0),
            default=15.0,
            show_default=True,
            metavar="MINUTES",
            help="Write the state so often while it runs; 0 is only at the end.",
        ),
        click.option(
            "--state",
            type=click.Path(),
            metavar="FILE",
            help="Begin with what FILE has learned, if it is there, and keep it up to date: a "
            "camera starts warm. A folder holds a file for every input.",
        ),
    ):
        command = option(command)
    return command


def _follows_the_camera(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--relearn/--no-relearn",
            default=True,
            show_default=True,
            help="Begin anew when the whole scene has changed at once, as when a light is "
            "switched.",
        ),
        click.option(
            "--stabilize/--no-stabilize",
            default=True,
            show_default=True,
            help="Follow a camera that shakes or moves.",
        ),
    ):
        command = option(command)
    return command


@click.command(cls=Stage)
@_history(500)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    default=16.0,
    show_default=True,
    help="Evidence, in variances, that is foreground: lower finds more.",
)
@_components(4)
@click.option(
    "--quality",
    type=click.Choice(["fast", "best"]),
    default="fast",
    show_default=True,
    help="best lets a network decide: people who stand stay, ghosts and bands of light go, at four "
    "times the time.",
)
@_follows_the_camera
@_shadows
@_kept_and_guided
@_threads
@stage(gives=("foreground",))
def subtract(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Mark as foreground what the background does not explain.

    A mixture of Gaussians per pixel, whose evidence is gathered from the neighbourhood,
    weighed against shadows and changes of light, and fed back into what is learned.
    """
    from segment.background import PosteriorSubtractor

    return keeping.subtract(frames, PosteriorSubtractor, **options)


@click.command("subtract-learned", cls=Stage)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Probability from which on a pixel is foreground: lower finds more.",
)
@click.option(
    "--absorb",
    type=Patience(),
    default=180.0,
    show_default="3m",
    help="When what stands still becomes background at the latest: 2m, 0, never.",
)
@click.option(
    "--remember",
    type=Span(),
    default=20.0,
    show_default="20s",
    help="How far the background reaches back.",
)
@_follows_the_camera
@_shadows
@_kept_and_guided
@_threads
@stage(gives=("foreground",))
def subtract_learned(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Mark foreground by what a small network, trained on drawn footage, makes of the statistics.

    Finds less where trees wave and more of those who stand still than subtract does; worse where
    the camera shakes, and ten times slower and more.
    """
    from segment.background import LearnedSubtractor

    first = next(frames, None)
    if first is None:
        return frames
    options["frame_rate"] = float(first.sequence.rate)
    return keeping.subtract(with_first(first, frames), LearnedSubtractor, **options)


@click.command("subtract-mixture", cls=Stage)
@_history(200)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    default=16.0,
    show_default=True,
    help="Squared distance from the background, in variances, that is foreground.",
)
@_components(5)
@click.option("--detect-shadows", is_flag=True, help="Take shadows out of the foreground.")
@_shadows
@_kept_and_guided
@_threads
@stage(gives=("foreground",))
def subtract_mixture(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Mark foreground by the plain mixture of the literature, pixel by pixel: the fastest."""
    from segment.background import GaussianMixtureSubtractor

    # What is to be told apart must be looked for.
    options["detect_shadows"] |= options["shadows"]
    return keeping.subtract(frames, GaussianMixtureSubtractor, **options)


@click.command("subtract-opencv", cls=Stage)
@click.option(
    "--method",
    type=click.Choice(["mog2", "knn"]),
    default="mog2",
    show_default=True,
    help="OpenCV's subtractor.",
)
@_history(500)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    help="Squared distance that is foreground.  [default: OpenCV's, 16 for mog2, 400 for knn]",
)
@click.option(
    "--detect-shadows",
    is_flag=True,
    help="Take shadows out of the foreground. OpenCV's own default; slower, and less exact.",
)
@_shadows
@stage(gives=("foreground",))
def subtract_opencv(frames: "Iterator[Frame]", shadows: bool, **options: Any) -> "Iterator[Frame]":
    """Mark foreground by OpenCV's MOG2 or KNN, to compare with."""
    from segment import pipeline
    from segment.background import OpenCVSubtractor

    options["detect_shadows"] |= shadows
    return pipeline.subtract(frames, OpenCVSubtractor(**options), shadows=shadows)


@click.command(cls=Stage)
@click.option(
    "--median",
    type=Odd(0),
    default=3,
    show_default=True,
    help="Side, in pixels, of the square in which the majority decides.",
)
@click.option(
    "--opening",
    type=click.IntRange(0, _WIDEST),
    default=0,
    show_default=True,
    help="Diameter, in pixels, of the disc that must fit into what stays.",
)
@click.option(
    "--closing",
    type=click.IntRange(0, _WIDEST),
    default=7,
    show_default=True,
    help="Diameter, in pixels, of the disc that must fit into a gap that stays.",
)
@click.option(
    "--holes",
    type=click.IntRange(0),
    help="Fill holes up to this area, in pixels.  [default: 1/200 of the picture]",
)
@click.option(
    "--smallest",
    type=click.IntRange(0),
    help="Remove blobs below this area, in pixels.  [default: 1/5000 of the picture]",
)
@stage(needs=("foreground",), gives=("foreground",))
def clean(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Tidy the foreground mask: speckles out, gaps and holes closed; 0 switches a step off."""
    from segment import pipeline

    return pipeline.clean(frames, **options)


@click.command("group", cls=Stage)
@_smallest
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
@stage(gives=("labels",))
def group(
    frames: "Iterator[Frame]",
    delay: float,
    candidates: bool,
    number: int | None,
    arena: str | None,
    **options: Any,
) -> "Iterator[Frame]":
    """Tell objects apart by Neural EM, and follow them while they touch and hide each other.

    Without a subtract command before it there is no foreground: pictures, alone or in a video, are
    then grouped whole by colour and texture, as by group-mixture, and ids last all the same.
    """
    from segment import pipeline
    from segment.cli.arenas import read_arenas
    from segment.grouping import MixtureGrouper, NeuralGrouper
    from segment.grouping.tracks.naming import TrackNamer

    if candidates and (number or arena):
        raise click.UsageError("--candidates are no objects yet: leave out --number and --arena")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return frames
    frames = with_first(first, frames)
    if first.foreground is None:
        if first.sequence.length == 1:
            keeping.log.info(
                "%s is one picture, in which nothing moves: its groups are what looks alike and "
                "lies together, as by group-mixture",
                first.sequence.name,
            )
        else:
            keeping.log.warning(
                "%s has no foreground masks: groups are what looks alike and lies together in "
                "whole pictures, as by group-mixture; put subtract before group for what moves",
                first.sequence.name,
            )
        return pipeline.group(frames, MixtureGrouper(patience=options["patience"]))
    grouped = pipeline.group(frames, NeuralGrouper(**options))
    if candidates:
        return grouped
    rate = float(first.sequence.rate)
    arenas = None if arena is None else read_arenas(Path(arena), first.image.shape[:2])
    namer = TrackNamer(rate, number=number, arenas=arenas)
    return pipeline.decide(grouped, namer, delay=round(delay * rate))


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


COMMANDS = (
    read,
    subtract,
    subtract_learned,
    subtract_mixture,
    subtract_opencv,
    clean,
    group,
    group_components,
    group_layers,
    group_watershed,
    group_mixture,
    events,
    export,
)
