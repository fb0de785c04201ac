"""The stages that tell foreground from background."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from segment.cli import keeping
from segment.cli.chain import Stage, stage
from segment.cli.params import Duration, Patience, Span

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
    default="best",
    show_default=True,
    help="best lets a network decide: people who stand stay, trees, ghosts and bands of light go. "
    "fast takes about half the time.",
)
@click.option(
    "--shrink",
    type=click.IntRange(1),
    metavar="TIMES",
    help="Look at frames so many times smaller; masks are as large as they are.  [default: by "
    "their size, 2 for 1920x1080, 1 up to 1100x800]",
)
@click.option(
    "--absorb",
    type=Patience(),
    help="How long what stands still stays foreground, to the frame: 2m, 0, never.  [default: "
    "it is learned slowly]",
)
@click.option(
    "--remember",
    type=Span(),
    help="How far the background reaches back: 20s.  [default: --history frames]",
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
    from segment import pipeline
    from segment.background import PosteriorSubtractor

    first, frames = pipeline.peek(frames)
    if first is None:
        return frames
    if options["absorb"] is not None or options["remember"] is not None:
        options["frame_rate"] = float(first.sequence.rate)
    return keeping.subtract(frames, PosteriorSubtractor, **options)


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
