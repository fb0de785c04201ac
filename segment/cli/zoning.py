"""`zones`: a page on which zones and lines are clicked, for the stage `events`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segment.cli.chain import Tool
from segment.cli.params import Duration

if TYPE_CHECKING:
    from segment.arrays import Image
    from segment.protocols import FrameSource

_EVERY = 0.5  # seconds between two pictures that the background is made of


@click.command(cls=Tool)
@click.argument("video", type=click.Path())
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default="zones.json",
    show_default=True,
    help="What the page will save; the page itself, zones.html, is written beside it. One that "
    "is there already is opened in the page.",
)
@click.option(
    "--start",
    type=Duration(),
    default="0s",
    show_default=True,
    help="From where on to look at the background: the next twenty seconds.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is no page of ours.")
def zones(video: str, out: Path, start: float, overwrite: bool) -> None:
    """Write a page on which zones and lines are clicked on the background of VIDEO.

    It opens from disk in any browser, loads nothing, and saves zones.json among the downloads:
    `segment read VIDEO subtract clean group events --zones zones.json ...` takes it from there.
    """
    from segment import samples
    from segment.cli.names import name_of
    from segment.errors import NoFrames, OutputError
    from segment.events import read_zones
    from segment.events.zonesfile import Zones
    from segment.export.zones import MARK, background_of, zones_page
    from segment.files import is_link, make_folder, told, write_text
    from segment.video import open_frames

    page = out.with_suffix(".html")
    saved = out if out.suffix.lower() != ".html" else out.with_suffix(".json")
    if os.path.lexists(page) and not overwrite:
        with told(page):
            ours = (
                page.is_file() and not is_link(page) and MARK in page.read_text("utf-8", "replace")
            )
        if not ours:
            raise OutputError(
                f"{page} is there already, and no page of ours; add --overwrite, or choose another "
                "name with -o"
            )
    given = read_zones(saved) if saved.exists() else Zones((), ())
    with open_frames(samples.resolved(video)) as source:
        pictures = _looks(source, start)
        first = next(pictures, None)
        if first is None:
            raise NoFrames(f"{video} has no frame from second {start:g} on")
        background = background_of(_chained(first, pictures))
        aspect = source.info.aspect
    try:
        there = given.fitted(background.shape[:2])
    except ValueError as error:
        raise OutputError(f"{saved}: {error}, or choose another file with -o") from None
    text = zones_page(background, name_of(video), saved.name, there.zones, there.lines, aspect)
    make_folder(page.parent)
    write_text(page, text)
    click.echo(f"{page}: open it in a browser; it saves {saved.name} among your downloads")


def _looks(source: "FrameSource", start: float) -> "Iterator[Image]":
    last = None
    for frame in source:
        if frame.time >= start and (last is None or frame.time - last >= _EVERY):
            last = frame.time
            yield frame.image


def _chained(first: "Image", rest: "Iterator[Image]") -> "Iterator[Image]":
    yield first
    yield from rest
