"""A line of stages becomes jobs, one a sequence; what cannot work is refused before it starts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segment.cli import idle
from segment.cli.chain import Link
from segment.cli.exporting import ExportLink
from segment.cli.gathering import advice
from segment.cli.keeping import check_states, state_path, where_to_look
from segment.cli.names import sequence_names
from segment.cli.places import check_paths
from segment.cli.reading import ReadLink, region_of
from segment.cli.watching import WatchLink
from segment.errors import ChainError, without_password
from segment.frame import Frame
from segment.protocols import FrameSource

_CURES = {
    "foreground": "a foreground mask; put a subtract command before it",
    "labels": "objects; put a group command before it",
    "events": "events; put events before it",
}


@dataclass(frozen=True)
class Job:
    """The chain for one sequence.

    Attributes
    ----------
    name : of the sequence, distinct among the jobs; the folder below an export's OUT.
    input : as it was asked for.
    read, links : the first stage, and those after it.
    cut : how long stretches are, and how long each is warmed up, seconds; None for one pass.
    """

    name: str
    input: str
    read: ReadLink
    links: tuple[Link, ...]
    cut: tuple[float, float] | None = None

    @property
    def told(self) -> str:
        """The input as it is shown and written down: without a password."""
        return without_password(self.input)

    def open(self) -> FrameSource:
        """Open the input. Raises UnreadableInput."""
        return self.read.open(self.input, self.name)

    def select(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames that `read` was asked for."""
        return self.read.run(frames)

    @property
    def exports(self) -> list[ExportLink]:
        return [link for link in self.links if isinstance(link, ExportLink)]

    def outputs(self) -> list[Path]:
        """Files and folders that the exports write for this sequence."""
        return [path for link in self.exports for path in link.outputs(self.name)]

    def folders(self) -> list[Path]:
        """The folders that hold them, each once."""
        return list(dict.fromkeys(link.folder(self.name) for link in self.exports))

    def states(self) -> list[Path]:
        """Files in which the stages keep what they learn."""
        given = [link.options.get("state") for link in self.links]
        return [state_path(state, self.name) for state in given if state]


@dataclass(frozen=True)
class Plan:
    """What a line does: its links as typed, and a job for each input."""

    links: tuple[Link, ...]
    jobs: tuple[Job, ...]
    advice: tuple[str, ...] = ()
    """What to tell before it begins, a line each."""
    order: tuple[str, ...] = ()
    """Names of all sequences of the line, also when `jobs` are a part of them."""

    def check_outputs(self) -> None:
        """Raise OutputError when an export cannot write, or would write over something.

        ChainError when that is one of the line's inputs, or another of its outputs.
        """
        check_paths(self.jobs)
        for job in self.jobs:
            for link in job.exports:
                link.check(job.name)

    def describe(self) -> str:
        """What would happen, for people. Opens every input once, and raises if one cannot be."""
        lines = []
        for job in self.jobs:
            with job.open() as source:
                lines.append(f"{'read':<18}{job.told}{_describe_source(source)}")
                _check_masks(job, source)
            if job.cut is not None:
                lines.append(
                    f"{'':<18}in stretches of {job.cut[0]:g} s, each warmed up by {job.cut[1]:g} s"
                )
            for link in (job.read, *job.links):
                name = "" if link is job.read else link.command
                lines.append(f"{name:<18}{_describe_options(link)}")
                if link.options.get("state"):
                    path = state_path(link.options["state"], job.name)
                    lines.append(
                        f"{'':<18}would {'begin with' if path.exists() else 'write'} {path}"
                    )
                if isinstance(link, ExportLink):
                    lines += [f"{'':<18}{told}" for told in link.describe(job.name)]
        return "\n".join(line.rstrip() for line in lines if line.strip())


def make_plan(links: Sequence[Link]) -> Plan:
    """Check the order of the stages and make a job for every input. Raises ChainError."""
    read, rest = _split(links)
    _check_needs(rest)
    _check_lost(rest)
    _check_only(rest)
    completed = _with_tracks(rest)
    _check_collisions(completed)
    check_states(completed, read.inputs)
    names = sequence_names(read.inputs)
    jobs = tuple(
        Job(name, given, read, tuple(completed))
        for name, given in zip(names, read.inputs, strict=True)
    )
    moving = any("foreground" in link.gives for link in rest)
    lines = [
        advice(read.inputs) if moving else None,
        *read.idle,
        *idle.of_stages(rest),
        *_mixed(rest),
    ]
    told = tuple(line for line in lines if line is not None)
    return Plan(tuple(rest), jobs, told, tuple(names))


def _split(links: Sequence[Link]) -> tuple[ReadLink, list[Link]]:
    first, *rest = links
    if not isinstance(first, ReadLink):
        raise ChainError(
            f"{first.command} has nothing to work on; the chain begins with read: "
            f"segment read INPUT... {first.command}"
        )
    if any(isinstance(link, ReadLink) for link in rest):
        raise ChainError(
            "read stands twice; it stands once, first, and takes several inputs: "
            "read a.mp4 b.mp4 subtract"
        )
    return first, rest


def _check_needs(links: Sequence[Link]) -> None:
    there: set[str] = set()
    for link in links:
        for missing in sorted(link.needs - there):
            raise ChainError(f"{link.command} needs {_CURES[missing]}")
        there |= link.gives


_FOUND = ("foreground", "labels", "events")
"""What stages find, each of what stands before it."""


def _made_of(kind: str) -> tuple[str, ...]:
    return _FOUND[: _FOUND.index(kind)]


def _fresh(link: Link) -> set[str]:
    """What a stage finds anew; `clean` only changes what is there."""
    return set(link.gives - link.needs)


def _check_lost(links: Sequence[Link]) -> None:
    """Raise ChainError when nothing sees what a stage gives before another gives it anew."""
    takers: dict[str, Link] = {}  # of what nothing looks at, the later stage that gives it anew
    for link in reversed(links):
        if isinstance(link, ExportLink):
            takers.clear()
            continue
        fresh = _fresh(link)
        if fresh and fresh <= takers.keys():
            taker = takers[min(fresh)]
            raise ChainError(
                f"{taker.command} takes the place of what {link.command} found, which "
                "nothing has seen; leave one of them out, or put an export between them"
            )
        for kind in fresh:
            takers[kind] = link
            for seen in _made_of(kind):
                takers.pop(seen, None)


def _mixed(links: Sequence[Link]) -> Iterator[str]:
    """Yield a line for each export of what was made of another stage's masks or objects."""
    found: dict[str, Link] = {}
    made_of: dict[tuple[str, str], Link | None] = {}
    for link in links:
        for kind in _fresh(link):
            found[kind] = link
            made_of.update({(kind, other): found.get(other) for other in _made_of(kind)})
        if not isinstance(link, ExportLink):
            continue
        for (kind, other), before in made_of.items():
            if before is not None and before is not found[other]:
                yield (
                    f"{_TOLD[kind]} that {found[kind].command} found, of what {before.command} "
                    f"found, are written to {link.out} beside {_TOLD[other]} of "
                    f"{found[other].command}, which they were not made of"
                )


_TOLD = {"foreground": "masks", "labels": "objects", "events": "events"}


def _check_only(links: Sequence[Link]) -> None:
    """Raise ChainError when `--only` names what no stage before it looks for."""
    watched: WatchLink | None = None
    for link in links:
        if isinstance(link, WatchLink):
            watched = link
        chosen = link.settings.get("chosen") if isinstance(link, ExportLink) else None
        if not chosen or not (chosen.places or chosen.kinds):
            continue
        if watched is None:
            raise ChainError("--only needs events to choose by; put events before export")
        for name in sorted(chosen.places - set(watched.places)):
            there = ", ".join(map(repr, watched.places)) or "none"
            raise ChainError(f"--only {name}: there is no such zone or line; there are {there}")
        for kind in sorted(chosen.kinds - set(watched.kinds)):
            raise ChainError(
                f"--only {kind}: events does not look for it; it looks for "
                f"{', '.join(watched.kinds)}"
            )


def _with_tracks(links: Sequence[Link]) -> list[Link]:
    """Let the first export of a folder write tracks.csv when there are objects to write."""
    grouped = False
    served = {
        link.out for link in links if isinstance(link, ExportLink) and "tracks" in link.formats
    }
    completed: list[Link] = []
    for link in links:
        grouped = grouped or "labels" in link.gives
        if isinstance(link, ExportLink) and grouped and link.out not in served:
            served.add(link.out)
            link = replace(link, formats=(*link.formats, "tracks"))
        completed.append(link)
    return completed


def _check_collisions(links: Sequence[Link]) -> None:
    counts = Counter(
        (link.out, name) for link in links if isinstance(link, ExportLink) for name in link.formats
    )
    for (out, name), count in counts.items():
        if count > 1:
            raise ChainError(
                f"two exports write {name} into {out}; give the second one another folder"
            )


def _check_masks(job: Job, source: FrameSource) -> None:
    """Raise UnreadableInput when a mask picture of the line does not fit an input's frames."""
    wanted = job.read.options["size"]
    where = None
    if job.read.options["region"] is not None:
        where, _ = region_of(job.read.options["region"], source.info.size, wanted)
    size = wanted or source.info.size
    if where is not None and where.shape != size:
        where = None  # it is scaled with the frames
    for link in job.links:
        masks = [link.options.get(name) for name in ("region", "ignore")]
        if any(masks):
            where_to_look(size, masks[0], masks[1], where)


def _describe_source(source: FrameSource) -> str:
    info = source.info
    height, width = info.size
    length = "" if info.length is None else f", {info.length} frames"
    return f": {width}x{height}, {float(info.rate):g} frames a second{length}"


def _describe_options(link: Link) -> str:
    hidden = {"inputs", "out", "formats"}
    if not link.options.get("state"):
        hidden.add("state_every")
    if isinstance(link, ReadLink) and not link.options["raw_size"]:
        hidden.add("raw_pixels")
    return ", ".join(
        f"{name.replace('_', ' ')} {_show(value)}"
        for name, value in link.options.items()
        if value not in (None, (), False) and name not in hidden
    )


def _show(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return "yes" if value is True else str(value)
