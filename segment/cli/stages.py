"""The commands that chain: each takes frames, gives frames, and holds no method of its own."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import click

from segment.cli.chain import Link, Stage, did_you_mean, stage, typed
from segment.cli.params import Input, Moment, Odd, Size

if TYPE_CHECKING:
    from segment.frame import Frame
    from segment.protocols import FrameSource
    from segment.video import Source

FORMATS = ("masks", "video", "labels", "coco", "overlay", "tracks")
Mode = Literal["new", "overwrite", "resume"]


# --- read -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ReadLink(Link):
    """The first stage: what to open, and which frames to take from it."""

    inputs: tuple[str, ...]

    def open(self, given: str, name: str) -> "FrameSource":
        """Open one of the inputs. Raises UnreadableInput."""
        source = self._source(given, name)
        if self.options["start"] is not None:
            source.skip_before(self.options["start"])
        return source

    def _source(self, given: str, name: str) -> "Source":
        from segment import samples, video

        if given.startswith("sample:"):
            return video.open_frames(samples.path(given.removeprefix("sample:")), name=name)
        if given == "-":
            raw = {
                "size": self.options["raw_size"],
                "pixels": self.options["raw_pixels"],
                "rate": self.options["rate"] or 25,
            }
            if raw["size"] is None:
                return video.open_frames(_standard_input(), name=name)
            return video.RawFrames(_standard_input(), name=name, **raw)
        return video.open_frames(given, name=name, rate=self.options["rate"])


def _standard_input() -> BinaryIO:
    # Without a buffer: a thread that waits in a buffer's read holds a lock that Python needs
    # to leave after Ctrl-C.
    try:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (OSError, ValueError):  # it is no file, in tests for example
        return sys.stdin.buffer


def name_of(given: str) -> str:
    """What a sequence is called after its input: `a/street.mp4` is street, camera 0 is camera0."""
    if given == "-":
        return "stdin"
    if given.isdigit():
        return f"camera{given}"
    if given.startswith("sample:"):
        return given.removeprefix("sample:")
    if "://" in given:
        place = re.sub(r"[?#].*", "", given.split("://", 1)[1]).rstrip("/").rsplit("/", 1)[-1]
        return re.sub(r"[^\w.-]", "-", place.rsplit("@", 1)[-1]).rsplit(".", 1)[0] or "stream"
    path = Path(given)
    if path.is_dir():
        return path.resolve().name or "pictures"
    return path.stem


@click.command(cls=Stage)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=Input())
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
    type=click.FloatRange(0, min_open=True),
    help="Frames a second of pictures and raw frames.  [default: 25]",
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
def read(inputs: tuple[str, ...], **options: Any) -> ReadLink:
    """Read videos, pictures, cameras and streams.

    INPUT is a video file, a folder of pictures, a picture, a camera number (0), a
    stream address (rtsp://...), a sample clip (sample:street), or - for standard
    input, which holds a video stream or, with --raw-size, raw frames. Several inputs
    are read one after the other, each as a sequence of its own.
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
    name, line = typed()
    return ReadLink(
        command=name,
        line=line,
        options={"inputs": inputs, **options},
        gives=frozenset({"image"}),
        run=lambda frames: _selected(frames, **options),
        inputs=inputs,
    )


def _with_first(first: "Frame", frames: "Iterator[Frame]") -> "Iterator[Frame]":
    """Put back the frame that was looked at; closing this closes `frames`."""
    yield first
    yield from frames


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
    from segment.errors import UnreadableInput
    from segment.video import select

    if start is not None or stop is not None:
        frames = select.between(frames, start, stop)
    frames = select.every(frames, every) if every > 1 else frames
    first = next(frames, None)
    if first is None:
        return iter(())
    frames = _with_first(first, frames)
    if region is None:
        return select.resize(frames, size) if size else frames
    where = select.read_region(Path(region))
    if where.shape == first.sequence.size:
        frames = select.within(frames, where)
        return select.resize(frames, size) if size else frames
    if where.shape == size:
        return select.within(select.resize(frames, size), where)
    height, width = where.shape
    raise UnreadableInput(
        f"the region {region} is {width}x{height}, but the frames are "
        f"{first.sequence.size[1]}x{first.sequence.size[0]}; draw it at their size"
    )


# --- subtract -------------------------------------------------------------------------------


@click.command(cls=Stage)
@click.option(
    "--history",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Frames that the background remembers; older ones fade.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    default=16.0,
    show_default=True,
    help="Evidence, in variances, that is foreground: lower finds more.",
)
@click.option(
    "--components",
    type=click.IntRange(1, 8),
    default=4,
    show_default=True,
    help="Gaussians per pixel at the most.",
)
@click.option(
    "--stabilize/--no-stabilize",
    default=True,
    show_default=True,
    help="Follow a camera that shakes or moves.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads.  [default: one per core]")
@stage(gives=("foreground",))
def subtract(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Mark as foreground what the background does not explain.

    A mixture of Gaussians per pixel, whose evidence is gathered from the neighbourhood,
    weighed against shadows and changes of light, and fed back into what is learned.
    """
    from segment import pipeline
    from segment.background import PosteriorSubtractor

    return pipeline.subtract(frames, PosteriorSubtractor(**options))


@click.command("subtract-mixture", cls=Stage)
@click.option(
    "--history",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Frames that the background remembers; older ones fade.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    default=16.0,
    show_default=True,
    help="Squared distance from the background, in variances, that is foreground.",
)
@click.option(
    "--components",
    type=click.IntRange(1, 8),
    default=5,
    show_default=True,
    help="Gaussians per pixel at the most.",
)
@click.option("--detect-shadows", is_flag=True, help="Take shadows out of the foreground.")
@click.option("--threads", type=click.IntRange(1), help="Threads.  [default: one per core]")
@stage(gives=("foreground",))
def subtract_mixture(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Mark foreground by the plain mixture of the literature, pixel by pixel: the fastest."""
    from segment import pipeline
    from segment.background import GaussianMixtureSubtractor

    return pipeline.subtract(frames, GaussianMixtureSubtractor(**options))


@click.command("subtract-opencv", cls=Stage)
@click.option(
    "--method",
    type=click.Choice(["mog2", "knn"]),
    default="mog2",
    show_default=True,
    help="OpenCV's subtractor.",
)
@click.option(
    "--history", type=click.IntRange(1), default=500, show_default=True, help="Frames remembered."
)
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
@stage(gives=("foreground",))
def subtract_opencv(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Mark foreground by OpenCV's MOG2 or KNN, to compare with."""
    from segment import pipeline
    from segment.background import OpenCVSubtractor

    return pipeline.subtract(frames, OpenCVSubtractor(**options))


# --- clean and group ------------------------------------------------------------------------


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
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Diameter, in pixels, of the disc that must fit into what stays.",
)
@click.option(
    "--closing",
    type=click.IntRange(0),
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


@click.command("group-components", cls=Stage)
@click.option(
    "--smallest",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Pieces below this area, in pixels, are no objects.",
)
@click.option(
    "--patience",
    type=click.IntRange(0),
    default=25,
    show_default=True,
    help="Frames for which an object that is not seen keeps its id.",
)
@stage(needs=("foreground",), gives=("labels",))
def group_components(frames: "Iterator[Frame]", **options: Any) -> "Iterator[Frame]":
    """Make every connected piece of foreground an object whose id lasts over the sequence."""
    from segment import pipeline
    from segment.grouping import ConnectedComponents

    return pipeline.group(frames, ConnectedComponents(**options))


# --- export ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ExportLink(Link):
    """A last stage: which files it writes, below which folder, and what if they are there."""

    out: Path
    formats: tuple[str, ...]
    mode: Mode

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", self.write)

    def folder(self, name: str) -> Path:
        """Where the files of the sequence `name` go."""
        return self.out / name

    def outputs(self, name: str) -> list[Path]:
        """The files and folders themselves."""
        from segment import export

        return [self.folder(name) / export.FORMATS[kind].output for kind in self.formats]

    def check(self, name: str) -> None:
        """Raise OutputError when they cannot be written, or would write over something."""
        from segment import export

        export.check_output(self.folder(name), self.formats, self.mode)

    def sweep(self, name: str) -> None:
        """Remove what a killed run left half written for the sequence `name`."""
        from segment import export

        export.sweep(self.folder(name))

    def write(self, frames: "Iterator[Frame]") -> "Iterator[Frame]":
        """Write every frame to all formats and pass it on."""
        from segment import export, pipeline

        first = next(frames, None)
        if first is None:
            return iter(())
        frames = _with_first(first, frames)
        folder = self.folder(first.sequence.name)
        for kind in self.formats:
            frames = pipeline.export(frames, export.FORMATS[kind](folder, mode=self.mode))
        return frames


@click.command(cls=Stage)
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option(
    "--as",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What to write; may stand several times.  [default: masks]",
)
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of this line stopped.")
def export(out: Path, formats: tuple[str, ...], overwrite: bool, resume: bool) -> ExportLink:
    """Write what was found below OUT, in a folder for each sequence.

    \b
    masks    masks/000000.png    foreground masks, 8-bit, 0 and 255, named by frame number
    video    masks.mkv           the same as lossless video (FFV1)
    labels   labels/000000.png   object ids, 16-bit, 0 is background
    coco     objects.json        COCO with RLE, bbox, area and track_id
    overlay  overlay.mp4         the frames with outlines, ids and time (H.264)
    tracks   tracks.csv          frame, time, id, box, centroid, area; written whenever
                                 objects were grouped
    """
    if overwrite and resume:
        raise click.UsageError("--overwrite and --resume exclude each other; choose one")
    formats = tuple(dict.fromkeys(formats)) or ("masks",)
    needs = {
        "masks": {"foreground"},
        "video": {"foreground"},
        "labels": {"labels"},
        "coco": {"labels"},
        "tracks": {"labels"},
    }
    mode: Mode = "overwrite" if overwrite else "resume" if resume else "new"
    name, line = typed()
    return ExportLink(
        command=name,
        line=line,
        options={"out": out, "formats": formats, "overwrite": overwrite, "resume": resume},
        needs=frozenset().union(*(needs.get(kind, set()) for kind in formats)),
        out=out,
        formats=formats,
        mode=mode,
    )


COMMANDS = (
    read,
    subtract,
    subtract_mixture,
    subtract_opencv,
    clean,
    group_components,
    export,
)
