"""`segment warm`: compile now what the first run would compile, and keep it."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from segment.cli.chain import Bound, Tool
from segment.cli.exporting import ExportLink
from segment.errors import SegmentError

if TYPE_CHECKING:
    from segment.cli.chain import Link
    from segment.cli.plan import Job
    from segment.frame import Frame

FRAMES = 40
"""Of the sample, after which a car and a man were subtracted and grouped."""

CHAINS = {
    "subtract": ["subtract", "clean"],
    "group": ["subtract", "clean", "group"],
    "fast": ["subtract --quality fast"],
    "subtract-mixture": ["subtract-mixture --shadows"],
    "group-mixture": ["group-mixture"],
}
"""What is run for each name; the first two are what most people use."""

_FEW = {"group-mixture": 2}  # frames that are enough, where each takes seconds


def warm(job: "Job", frames: int = FRAMES, grey: bool = False) -> None:
    """Run a chain on a few frames of a sample, so that its loops are compiled and kept."""
    from segment import samples, video
    from segment.cli.execute import chained, expect_loops

    links = tuple(link for link in job.links if not isinstance(link, ExportLink))
    links = tuple(_without_files(link) for link in links)
    with contextlib.suppress(SegmentError), video.open_frames(samples.path("street")) as source:
        read = replace(job.read, run=_grey if grey else iter)
        job = replace(job, read=read, links=links)
        expect_loops(job)
        for frame in chained(job, source):
            if frame.index >= frames:
                source.stop()


def warm_stage(name: str, grey: bool = False) -> None:
    """Warm one of `CHAINS`."""
    warm(_job(CHAINS[name]), _FEW.get(name, FRAMES), grey)


def _grey(frames: "Iterator[Frame]") -> "Iterator[Frame]":
    for frame in frames:
        yield replace(frame, image=frame.image[:, :, 1:2].copy())


def _without_files(link: "Link") -> "Link":
    """The stage without what belongs to the user's own videos: a state, a region."""
    if not isinstance(link.run, Bound):
        return link
    own: dict[str, Any] = dict.fromkeys({"state", "region", "ignore"} & link.run.options.keys())
    return replace(link, run=Bound(link.run.place, {**link.run.options, **own}))


@click.command("warm", cls=Tool)
@click.option(
    "--only",
    type=click.Choice(list(CHAINS)),
    multiple=True,
    metavar="STAGE",
    help=f"Compile for this only; may stand several times: {', '.join(CHAINS)}.",
)
def warm_up(only: tuple[str, ...]) -> None:
    """Compile now what a first run would compile, and keep it for all later ones.

    For an image of a container, or before many workers begin. What is there already is left as
    it is. Colour and grey are compiled apart, and both are.
    """
    from segment.cli.execute import library_messages
    from segment.cli.progress import Plain, Quiet
    from segment.kernels import kept

    folder = kept.where()
    if folder is None:
        raise SegmentError(
            "there is no folder that compiled loops can be kept in; NUMBA_CACHE_DIR=FOLDER names "
            "one that can be written"
        )
    whole = time.process_time()
    quiet = click.get_current_context().find_root().params.get("quiet")
    with library_messages(Quiet() if quiet else Plain()):
        for name in only or CHAINS:
            before, began = _files(folder), time.process_time()
            for grey in (False, True):
                warm_stage(name, grey)
            new = len(_files(folder) - before)
            spent = time.process_time() - began
            told = f"{new} loops compiled" if new else "all there already"
            click.echo(f"{name:<24}{told}, {spent:.1f} s of processor time")
    size = sum(path.stat().st_size for path in folder.glob("*.loops"))
    click.echo(
        f"{'kept':<24}{folder}, {size / 1e6:.1f} MB; {time.process_time() - whole:.1f} s in all"
    )


def _files(folder: Any) -> set[tuple[str, int]]:
    # A loop for a further type makes its file longer.
    return {(path.name, path.stat().st_size) for path in folder.glob("*.loops")}


def _job(chain: Sequence[str]) -> "Job":
    """The job of `read sample:street` and these stages, each as it would be typed."""
    from segment.cli.plan import make_plan
    from segment.cli.stages import COMMANDS

    commands = {command.name: command for command in COMMANDS}
    links = []
    for line in ("read sample:street", *chain):
        name, *words = line.split()
        with commands[name].make_context(name, words) as context:
            links.append(commands[name].invoke(context))
    return make_plan(links).jobs[0]
