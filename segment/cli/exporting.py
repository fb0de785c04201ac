"""`export`: the last stages of a chain, and what they write where."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from segment import stores
from segment.cli import delivering
from segment.cli.chain import Link, Stage, typed
from segment.cli.params import Duration

if TYPE_CHECKING:
    from segment.export import Chosen, Origin
    from segment.frame import Frame

FORMATS = (
    "masks", "video", "labels", "coco", "overlay", "tracks", "mot", "events", "events-json",
    "edl", "counts", "report", "clips", "crops", "ctc", "synopsis",
)  # fmt: skip

# What one name stands for: a file for people and one for machines, say.
BRINGS = {
    "events": ("events", "events-json"),
    "report": ("report", "events", "events-json", "counts"),  # the page links to them
}
# Formats that --only chooses for.
CHOOSING = ("clips", "crops", "edl", "synopsis")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
Mode = Literal["new", "overwrite", "resume"]


@dataclass(frozen=True, kw_only=True)
class ExportLink(Link):
    """A last stage: which files it writes, below which folder, and what if they are there."""

    out: Path
    formats: tuple[str, ...]
    mode: Mode
    store: str | None = None
    """The address that all goes to, which is made in `out`."""
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", self.write)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "run"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, run=self.write)

    def address(self, name: str) -> str:
        """Where in the store the files of the sequence `name` go."""
        return f"{self.store}/{name}"

    def is_delivered(self, name: str) -> bool:
        """Whether the store has them all."""
        return delivering.is_there(self.address(name), self.names())

    def told(self, path: Path) -> str:
        """How one of them is shown: where it lies in the end."""
        if self.store is None:
            return str(path)
        return f"{stores.told(self.store)}/{path.relative_to(self.out).as_posix()}"

    def folder(self, name: str) -> Path:
        """Where the files of the sequence `name` go."""
        return self.out / name

    def outputs(self, name: str) -> list[Path]:
        """The files and folders themselves."""
        from segment import export

        folder = self.folder(name)
        found = [folder / export.FORMATS[kind].output for kind in self.formats]
        # What stands beside them only now and then, when it does.
        more = [folder / other for kind in self.formats for other in export.outputs_of(kind)[1:]]
        return found + [path for path in more if path.exists()]

    def check(self, name: str) -> None:
        """Raise OutputError when they cannot be written, or would write over something.

        Nothing is changed.
        """
        from segment import export
        from segment.cli import owned

        folder = self.folder(name)
        if self.store is not None:
            delivering.check(self.address(name), folder, self.names(), self.mode)
        owned.check_below(self.out, folder)
        export.check_output(folder, self.formats, self.mode)
        owned.check(folder, self.names(), replace=self.mode != "new")

    def describe(self, name: str) -> list[str]:
        """What would be written and removed, for people."""
        from segment.cli import owned

        folder = self.folder(name)
        lines = [f"would remove {path}" for path in owned.left_half_written(folder)]
        if self.mode == "overwrite":
            lines += owned.removed(folder, self.names())
        return lines + [f"would write {self.told(path)}" for path in self.outputs(name)]

    def names(self) -> list[str]:
        """What the outputs are called, and what may come to stand beside them."""
        from segment import export

        return [name for kind in self.formats for name in export.outputs_of(kind)]

    def write(self, frames: "Iterator[Frame]", origin: "Origin | None" = None) -> "Iterator[Frame]":
        """Write every frame to all formats and pass it on; `origin` is where they come from."""
        from segment import export, pipeline
        from segment.cli import owned

        first, frames = pipeline.peek(frames)
        if first is None:
            return frames
        folder = self.folder(first.sequence.name)
        for kind in self.formats:
            if self.mode == "overwrite":
                owned.clear(folder, export.FORMATS[kind].output)
            sink: Any = export.FORMATS[kind]
            known = {"origin": origin, **self.settings}
            wanted = {name: known[name] for name in getattr(sink, "settings", ()) if name in known}
            frames = pipeline.export(frames, sink(folder, mode=self.mode, **wanted))
        return frames


@click.command(cls=Stage)
@click.argument("out", type=click.Path(), metavar="OUT")
@click.option(
    "--as",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What to write; may stand several times.  [default: masks]",
)
@click.option(
    "--only",
    multiple=True,
    metavar="WHAT",
    help="Of clips, crops, edl and synopsis: an object's id, a zone or line by name, or a kind "
    "of event; may stand several times.",
)
@click.option(
    "--length",
    type=Duration(),
    help="Of the synopsis, at most.  [default: 60s]",
)
@click.option("--drawn", is_flag=True, help="Draw outlines and ids into the clips.")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of this line stopped.")
def export(
    out: str,
    formats: tuple[str, ...],
    only: tuple[str, ...],
    length: float | None,
    drawn: bool,
    overwrite: bool,
    resume: bool,
) -> ExportLink:
    """Write what was found below OUT, a folder or s3://..., in a folder for each sequence.

    \b
    masks    masks/000000.png    foreground masks, 8-bit, 0 and 255 (127: shadow, if asked for),
                                 named by frame number
    video    masks.mkv           the same as lossless video (FFV1)
    labels   labels/000000.png   object ids, 16-bit, 0 is background
    coco     objects.json        COCO with RLE, bbox, area and track_id
    overlay  overlay.mp4         the frames with outlines, ids and time (H.264)
    tracks   tracks.csv          frame, time, id, box, centroid, area; written whenever
                                 objects were grouped
    mot      mot.txt             the boxes as the Multiple Object Tracking challenges have them
    events   events.csv, events.json   what happened (needs the stage events)
    edl      events.edl          a cut for each event, for video editors
    counts   counts.csv          a minute, a zone, a line: who came, left and crossed
    report   report.html         one page that shows it all (with events.csv and counts.csv)
    clips    clips/000125-….mp4  a short video of each motion, or of what --only chooses, by the
                                 number of its first frame, with the input's sound
    crops    crops/000003.png    the best still of each object, by id
    ctc      ctc/mask000.tif, ctc/res_track.txt   tracks for the Cell Tracking Challenge
    synopsis synopsis.mp4        a day in a minute: objects of all hours side by side, each with
                                 its time; synopsis.json says when each is shown
    """
    if overwrite and resume:
        raise click.UsageError("--overwrite and --resume exclude each other; choose one")
    wanted = tuple(dict.fromkeys(formats)) or ("masks",)
    chosen = _chosen(only, wanted)
    if length is not None and "synopsis" not in wanted:
        raise click.UsageError("--length is of the synopsis; add --as synopsis, or leave it out")
    if length == 0:
        raise click.UsageError("--length is 0 seconds; wanted more, as 60s")
    if drawn and "clips" not in wanted:
        raise click.UsageError("--drawn is for clips; add --as clips, or leave it out")
    formats = tuple(dict.fromkeys(one for kind in wanted for one in BRINGS.get(kind, (kind,))))
    from segment.export import FORMATS as SINKS  # each says itself what it needs

    store = out.rstrip("/") if stores.is_store(out) else None
    if store is not None and not stores.is_store(store):
        raise click.UsageError(
            f"OUT is {out}, a store without a place in it; wanted one, as {out}BUCKET/FOLDER"
        )
    if store is None and _ADDRESS.match(out):
        raise click.UsageError(
            f"nothing can be written to {stores.told(out)}; OUT is a folder, or in a store: "
            "s3://, gs://, az://"
        )
    mode: Mode = "overwrite" if overwrite else "resume" if resume else "new"
    name, line = typed()
    return ExportLink(
        command=name,
        line=line,
        options={
            "out": Path(out) if store is None else stores.told(store),
            "formats": formats,
            "only": only,
            "length": length,
            "drawn": drawn,
            "overwrite": overwrite,
            "resume": resume,
        },
        needs=frozenset(SINKS[kind].needs for kind in formats) - {"any"},
        out=Path(out) if store is None else delivering.staging(store),
        store=store,
        formats=formats,
        mode=mode,
        settings={"chosen": chosen, "drawn": drawn, "length": length},
    )


def _chosen(only: tuple[str, ...], formats: tuple[str, ...]) -> "Chosen":
    from segment.export import Chosen

    if only and not set(formats) & set(CHOOSING):
        raise click.UsageError(
            f"--only chooses what {', '.join(CHOOSING)} show; add --as with one of them, or "
            "leave it out"
        )
    try:
        return Chosen.parse(only)
    except ValueError as error:
        raise click.UsageError(f"--only: {error}") from None
