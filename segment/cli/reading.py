"""`read`: the first stage of every chain, and what its inputs may be."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from segment.cli import idle
from segment.cli.chain import Link, Stage, did_you_mean, typed
from segment.cli.gathering import chain, gather, summary
from segment.cli.limiting import coming_back, limited, limits_of
from segment.cli.listing import all_inputs
from segment.cli.params import Input, LevelOf, Moment, Rate, Size
from segment.errors import UnreadableInput

if TYPE_CHECKING:
    from segment.arrays import Mask
    from segment.frame import Frame
    from segment.protocols import FrameSource
    from segment.video import Source
    from segment.video.parts import Part, Survey


@dataclass(frozen=True, kw_only=True)
class ReadLink(Link):
    """The first stage: what to open, and which frames to take from it."""

    inputs: tuple[str, ...]
    many: dict[str, list[str]]
    """The pictures of those inputs that stand for many; with `chains`, their films."""
    chains: bool = False
    idle: tuple[str, ...] = ()
    """What to tell of options that do nothing here."""

    def open(self, given: str, name: str) -> "FrameSource":
        """Open one of the inputs. Raises UnreadableInput."""
        source = self._source(given, name)
        if self.options["start"] is not None:
            source.skip_before(self.options["start"])
        return source

    def open_part(self, given: str, name: str, part: "Part") -> "FrameSource":
        """Open a part of a film, of which `survey` says that it can be read by itself."""
        from segment.video import living, parts

        return living.open_with(
            lambda: parts.FilmPart(self._film(given), part, name, **self._how(given)),
            given,
            limits=limits_of(self.options),
        )

    def survey(self, given: str, name: str) -> "Survey":
        """Look through a film, so that its parts can be read. Raises NotExact, UnreadableInput."""
        from segment.video import VideoFile, limits, parts

        with (
            limits.use(limits_of(self.options)),
            VideoFile(self._film(given), name, **self._how(given)) as film,
        ):
            return parts.survey(film, self._film(given))

    def rest_of(self, frames: "Iterator[Frame]", first: tuple[int, float]) -> "Iterator[Frame]":
        """Bring frames that were already chosen by time and number to what was asked for.

        first : number and time of the first frame of all that were chosen.
        """
        options = {**self.options, "start": None, "stop": None, "every": 1}
        options.pop("inputs")
        return _selected(self._as_chosen(frames, first), **options)

    def _as_chosen(self, frames: "Iterator[Frame]", first: tuple[int, float]) -> "Iterator[Frame]":
        from segment.video import select

        known = None
        for frame in frames:
            if known is None:
                start, stop, step = (self.options[name] for name in ("start", "stop", "every"))
                like = iter([replace(frame, index=first[0], time=first[1])])
                if start is not None or stop is not None:
                    like = select.between(like, start, stop)
                known = next(select.every(like, step) if step > 1 else like).sequence
            yield replace(frame, sequence=known)

    def _film(self, given: str) -> Any:
        from segment import samples, stores
        from segment.video.opening import is_address

        path = samples.resolved(given)
        if stores.is_store(path):
            return stores.open_stored(str(path))
        return path if is_address(str(path)) else Path(path)

    def _how(self, given: str) -> dict[str, Any]:
        from segment import samples, video

        if samples.resolved(given) != given:
            return {}
        levels = video.Levels(self.options["black"], self.options["white"])
        return {"rate": self.options["rate"], "levels": levels, "track": self.options["track"]}

    def _source(self, given: str, name: str) -> "Source":
        from segment import samples, video
        from segment.video import living

        limits = limits_of(self.options)
        path = samples.resolved(given)
        if path != given:
            return living.open_living(path, limits=limits, name=name)
        if given == "-":
            raw = {
                "size": self.options["raw_size"],
                "pixels": self.options["raw_pixels"],
                "rate": self.options["rate"] or 25,
            }
            if raw["size"] is None:
                return living.open_living(_standard_input(), limits=limits, name=name)
            return living.open_raw(_standard_input(), limits=limits, name=name, **raw)
        levels = video.Levels(self.options["black"], self.options["white"])
        if given in self.many and self.chains:
            how = {"levels": levels, "track": self.options["track"], "rate": self.options["rate"]}
            return living.open_with(
                lambda: _chained(self.many[given], name, how), given, limits=limits
            )
        if given in self.many:
            rate, pictures = self.options["rate"] or 25, self.many[given]
            return living.open_with(
                lambda: video.ImageFolder(pictures, rate, name, levels), given, limits=limits
            )
        return living.open_living(
            given,
            limits=limits,
            reconnect=self.options["reconnect"],
            give_up=self.options["reconnect_for"],
            name=name,
            rate=self.options["rate"],
            levels=levels,
            track=self.options["track"],
        )


def _chained(files: list[str], name: str, how: dict[str, Any]) -> "Source":
    from segment.video.chained import Chained

    return Chained(files, name, **how)


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise UnreadableInput("standard input is closed, so there is nothing to read from it")
    # Without a buffer: a thread that waits in a buffer's read holds a lock that Python needs
    # to leave after Ctrl-C.
    try:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (OSError, ValueError):  # it is no file, in tests for example
        return sys.stdin.buffer


@click.command(cls=Stage)
@click.argument("inputs", nargs=-1, metavar="INPUT...", type=Input())
@click.option(
    "--from",
    "lists",
    type=click.Path(allow_dash=True),
    multiple=True,
    metavar="FILE",
    help="Read what FILE lists, an input a line; - is standard input. May stand several times.",
)
@click.option(
    "--recursive", is_flag=True, help="Of a folder, read every video and folder of pictures below."
)
@click.option(
    "--chain-files",
    is_flag=True,
    help="The videos of a folder are one camera's, in the order of their names: one sequence, in "
    "which what was learned, the clock and ids go on from file to file.",
)
@click.option("--start", type=Moment(), help="First moment to read: 5s, 00:01:30, or frame 125.")
@click.option("--stop", type=Moment(), help="Read up to this moment, and not beyond.")
@click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True, help="Take each N-th frame."
)
@click.option("--size", type=Size(), help="Scale frames to WIDTHxHEIGHT, for example 640x360.")
@click.option(
    "--region",
    type=click.Path(),
    metavar="MASK",
    help="Look only where this picture, of the frames' size, is not black.",
)
@click.option(
    "--rate",
    type=Rate(),
    help="Frames a second of pictures and raw frames, 25 or 1/3600.  [default: 25]",
)
@click.option(
    "--white",
    type=LevelOf(),
    help="The level that becomes white in pictures deeper than 8 bits, as their file stores it; "
    "auto looks for it.  [default: the highest of the depth in use]",
)
@click.option("--black", type=LevelOf(), help="The level that becomes black.  [default: 0]")
@click.option(
    "--track",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Which of a file's video tracks, or of a TIFF's series, to read.",
)
@click.option(
    "--sequence", is_flag=True, help="INPUTs are pictures, and the frames of one sequence."
)
@click.option(
    "--raw-size", type=Size(), help="Standard input holds raw frames of WIDTHxHEIGHT, not a file."
)
@click.option(
    "--raw-pixels",
    type=click.Choice(["rgb", "bgr", "grey"]),
    default="rgb",
    show_default=True,
    help="How raw frames store a pixel, 8 bits a channel.",
)
@coming_back
@limited
def read(inputs: tuple[str, ...], **options: Any) -> ReadLink:
    """Read videos, pictures, cameras and streams.

    INPUT is a video file, a folder of pictures, a picture, a camera number (0), a
    stream address (rtsp://...), a sample clip (sample:street), or - for standard
    input, which holds a video stream or, with --raw-size, raw frames. Several inputs
    are read one after the other (--jobs: several at once), each as a sequence of its own;
    'cams/*/*.mp4' in quotes stands for all of them. frames/%04d.png, 'frames/*.png' in
    quotes, and pictures with --sequence are one sequence.
    """
    context = click.get_current_context()
    group = context.find_root().command
    commands = group.commands if isinstance(group, click.Group) else {}
    for given in inputs:
        if not Path(given).exists() and re.fullmatch(r"[a-z-]{2,}", given):
            suggestion = did_you_mean(given, commands)
            if suggestion:
                raise click.UsageError(
                    f"there is no file and no command {given!r}{suggestion}", context
                )
    if options["raw_size"] is not None and inputs != ("-",):
        raise click.UsageError("--raw-size goes with standard input: read - --raw-size 640x480")
    _check_levels(options["black"], options["white"])
    inputs = all_inputs(inputs, options.pop("lists"), options.pop("recursive"))
    chains = options.pop("chain_files")
    if chains and options["sequence"]:
        raise click.UsageError("--chain-files is for videos, --sequence for pictures; choose one")
    inputs, many = chain(inputs) if chains else gather(inputs, options["sequence"])
    if chains:
        options["chain_files"] = True
    elif many:
        options["pictures"] = summary(many)
    name, line = typed()
    return ReadLink(
        command=name,
        line=line,
        options={"inputs": inputs, **options},
        gives=frozenset({"image"}),
        run=partial(_selected, **options),
        inputs=inputs,
        many=many,
        chains=chains,
        idle=idle.told(inputs, {} if chains else many, options["raw_size"] is not None),
    )


def _check_levels(black: float | str | None, white: float | str | None) -> None:
    from segment.video.levels import Levels

    try:
        if isinstance(white, float) and white <= 0 and black is None:
            raise ValueError(f"white is {white:g}, not above black, which is 0 without --black")
        Levels(black, white)  # type: ignore[arg-type]
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _selected(
    frames: "Iterator[Frame]",
    *,
    start: Any,
    stop: Any,
    every: int,
    size: tuple[int, int] | None,
    region: str | None,
    **_: Any,
) -> "Iterator[Frame]":
    from segment import pipeline
    from segment.video import select

    if start is not None or stop is not None:
        frames = select.between(frames, start, stop)
    frames = select.every(frames, every) if every > 1 else frames
    first, frames = pipeline.peek(frames)
    if first is None:
        return frames
    if region is None:
        return select.resize(frames, size) if size else frames
    where, scaled = region_of(region, first.sequence.size, size)
    if scaled:
        return select.within(select.resize(frames, size), where)  # type: ignore[arg-type]
    frames = select.within(frames, where)
    return select.resize(frames, size) if size else frames


def region_of(
    region: str, found: tuple[int, int], wanted: tuple[int, int] | None
) -> "tuple[Mask, bool]":
    """Return a mask for frames of the size `found`, and whether it is for the `wanted` one.

    Sizes are (height, width). Raises UnreadableInput when it fits neither, or is no mask.
    """
    from segment.video import select

    where = select.read_region(Path(region))
    if where.shape == found:
        return where, False
    if where.shape == wanted:
        return where, True
    height, width = where.shape
    raise UnreadableInput(
        f"the region {region} is {width}x{height}, but the frames are "
        f"{found[1]}x{found[0]}; draw it at their size"
    )
