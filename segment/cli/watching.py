"""`events`: the stage that says what happened, and what its options become."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli.chain import Link, Stage, typed
from segment.cli.params import Duration
from segment.errors import BadZones

if TYPE_CHECKING:
    from segment.events import Scene
    from segment.events.zonesfile import Zones
    from segment.frame import Frame

log = logging.getLogger("segment.cli")

KINDS = ("motion", "object", "enter", "leave", "cross", "stop", "left", "taken")


class Clock(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A date with a time of day, ISO 8601; converts to datetime."""

    name = "clock"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value).strip())
        except ValueError:
            return self.fail(
                f"{value!r} is no clock; wanted a date and a time of day, as 2026-11-27T06:00:00",
                param,
                ctx,
            )


@dataclass(frozen=True, kw_only=True)
class WatchLink(Link):
    """The stage that watches, and what it looks for."""

    places: tuple[str, ...] = ()
    kinds: tuple[str, ...] = KINDS


@click.command(cls=Stage)
@click.option(
    "--zone",
    "zone",
    multiple=True,
    metavar="'NAME: X,Y X,Y X,Y'",
    help="A polygon in pixels that objects enter and leave; may stand several times.",
)
@click.option(
    "--line",
    "line",
    multiple=True,
    metavar="'NAME: X,Y X,Y'",
    help="A line that objects cross; may stand several times.",
)
@click.option(
    "--zones",
    type=click.Path(),
    metavar="FILE",
    help="Zones and lines from zones.json (docs/reference/events.md), GeoJSON in pixels, or CVAT.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="What to look for; may stand several times.  [default: everything]",
)
@click.option(
    "--shortest",
    type=Duration(),
    default="1s",
    show_default=True,
    help="Motion and objects that last less are none.",
)
@click.option(
    "--merge",
    type=Duration(),
    default="2s",
    show_default=True,
    help="Who is back within this time was never gone.",
)
@click.option(
    "--stop",
    type=Duration(),
    default="10s",
    show_default=True,
    help="Who stands for so long has stopped; what lies for so long was left or taken.",
)
@click.option(
    "--before",
    type=Duration(),
    default="2s",
    show_default=True,
    help="How much earlier clips and cuts begin.",
)
@click.option(
    "--after",
    type=Duration(),
    default="2s",
    show_default=True,
    help="How much later clips and cuts end.",
)
@click.option(
    "--metres-per-pixel",
    type=click.FloatRange(0, min_open=True),
    help="Tell distances in metres and speeds in metres a second.",
)
@click.option(
    "--ground",
    type=click.Path(),
    metavar="FILE",
    help='The same by four points: {"pixels": [[x, y], ...], "metres": [[x, y], ...]}.',
)
@click.option("--clock", type=Clock(), help="Date and time of second 0: 2026-11-27T06:00:00.")
def events(**options: Any) -> Link:
    """Say what happened: who came and left, entered, crossed, stopped; what was left or taken.

    \b
    motion       anything moves (needs no group command)
    object       an object appears, to its leaving
    enter leave  the feet of an object come into a zone, or leave it (with the time inside)
    cross        the feet cross a line: up, down, left or right in the picture
    stop         an object stands
    left taken   a thing that stays where none was, a thing that is gone

    The export formats events, edl, counts, clips and report take it from there.
    """
    from segment.errors import SegmentError
    from segment.events import Ground, Line, Scene, Zone, read_zones

    try:
        if options["metres_per_pixel"] is not None and options["ground"] is not None:
            raise ValueError("--metres-per-pixel and --ground exclude each other; choose one")
        ground = Ground()
        if options["metres_per_pixel"] is not None:
            ground = Ground.scaled(options["metres_per_pixel"])
        elif options["ground"] is not None:
            ground = Ground.read(Path(options["ground"]))
        scene = Scene(
            tuple(Zone.parse(text) for text in options["zone"]),
            tuple(Line.parse(text) for text in options["line"]),
            ground,
            options["clock"],
            options["before"],
            options["after"],
        )
        drawn = None if options["zones"] is None else read_zones(Path(options["zones"]))
        # Names that stand twice are told before anything is read.
        whole = scene if drawn is None else _joined(scene, drawn)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
    except SegmentError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
    kinds = options["kinds"] or KINDS
    places = scene.zones or scene.lines or drawn is not None
    objects = bool(places) or "motion" not in kinds
    settings = {name: options[name] for name in ("shortest", "merge", "stop")}
    name, line = typed()
    return WatchLink(
        command=name,
        line=line,
        # The places themselves, not only their file: --resume must see when they change.
        options={**options, "zones": None if drawn is None else (options["zones"], drawn)},
        needs=frozenset({"labels"} if objects else {"foreground"}),
        gives=frozenset({"events"}),
        run=partial(_watched, scene=scene, drawn=drawn, kinds=kinds, **settings),
        places=(*(zone.name for zone in whole.zones), *(line.name for line in whole.lines)),
        kinds=tuple(kinds),
    )


def _watched(
    frames: "Iterator[Frame]", scene: "Scene", drawn: "Zones | None", **settings: Any
) -> "Iterator[Frame]":
    from segment import pipeline
    from segment.events import Watcher

    first, frames = pipeline.peek(frames)
    if first is None:
        return frames
    size = first.image.shape[:2]
    try:
        if drawn is not None:
            scene = _joined(scene, drawn.fitted(size))
        for name in scene.check(size):
            log.warning("%s", f"{first.sequence.name}: a part of {name!r} lies outside the picture")
    except ValueError as error:
        raise BadZones(str(error)) from None
    return pipeline.watch(frames, Watcher(scene, **settings))


def _joined(scene: "Scene", drawn: "Zones") -> "Scene":
    from dataclasses import replace

    zones, lines, _ = drawn
    return replace(scene, zones=(*scene.zones, *zones), lines=(*scene.lines, *lines))
