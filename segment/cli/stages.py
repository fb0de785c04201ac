"""All stages of a chain in their order; and `clean`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from segment.cli.chain import Stage, stage
from segment.cli.exporting import export
from segment.cli.grouping import (
    group,
    group_components,
    group_layers,
    group_mixture,
    group_watershed,
)
from segment.cli.params import Odd
from segment.cli.reading import read
from segment.cli.subtracting import (
    subtract,
    subtract_mixture,
    subtract_opencv,
)
from segment.cli.watching import events

if TYPE_CHECKING:
    from segment.frame import Frame

_WIDEST = 999
"""Pixels across a disc on the line: a wider one takes minutes a frame, or all the memory."""


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
    help="Remove blobs below this area, in pixels.  [default: 1/5000 of the picture, 100 at most]",
)
@stage(needs=("foreground",), gives=("foreground",))
def clean(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Tidy the foreground mask: speckles out, gaps and holes closed; 0 switches a step off."""
    from segment import pipeline

    return pipeline.clean(frames, **options)


COMMANDS = (
    read,
    subtract,
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
