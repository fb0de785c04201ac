"""Where a line reads and where it writes: never the same file, by whatever name or link."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segment.cli.names import as_known
from segment.cli.owned import NAME
from segment.errors import ChainError, UnreadableInput

if TYPE_CHECKING:
    from segment.cli.chain import Link
    from segment.cli.plan import Job

Identity = tuple[int, int]
"""Device and number of a file: equal for all its names and for all links to it."""

_WRITTEN = {"inputs", "out", "state"}  # options whose paths are no files to read, or read above


def check_paths(jobs: "Sequence[Job]") -> None:
    """Raise ChainError when an output is an input, or two outputs are one. Nothing is changed."""
    written = list(_written(jobs))
    _check_inputs(jobs, written)
    _check_outputs(jobs)


def _written(jobs: "Sequence[Job]") -> Iterator[Path]:
    for job in jobs:
        yield from (folder / NAME for folder in job.folders())
        yield from job.outputs()
        yield from job.states()


def _check_inputs(jobs: "Sequence[Job]", written: Iterable[Path]) -> None:
    read: dict[Identity, str] = {}
    for job in jobs:
        for given, path in _read(job):
            _note(read, given, path)
    for path in written:
        for place in (path, *_inside(path)):
            identity = _identity(place)
            if identity is not None and identity in read:
                raise ChainError(
                    f"the output {place} is the input {read[identity]}; choose another folder"
                )


def _note(read: dict[Identity, str], given: str, path: Path | int) -> None:
    identity = _identity(path)
    if identity is not None:
        read.setdefault(identity, given)
    if isinstance(path, Path) and path.is_dir():
        from segment.video.decode import PICTURES

        for inside in _inside(path):
            identity = _identity(inside) if inside.suffix.lower() in PICTURES else None
            if identity is not None:
                read.setdefault(identity, str(inside))


def _read(job: "Job") -> Iterator[tuple[str, Path | int]]:
    """What a job reads, as it was given, and its file; a descriptor for standard input."""
    given = job.input
    if given == "-":
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or no file
            yield "on standard input", sys.stdin.fileno()
    elif given.startswith("sample:"):
        from segment import samples

        with contextlib.suppress(UnreadableInput):  # told when it is opened
            yield given, samples.path(given.removeprefix("sample:"))
    else:
        yield given, Path(given)
        for picture in job.read.many.get(given, ()):
            yield picture, Path(picture)
        if given.startswith("file:"):  # FFmpeg's way to write a path
            rest = given.removeprefix("file:")
            yield given, Path(rest.removeprefix("//") if rest.startswith("///") else rest)
    for link in (job.read, *job.links):
        yield from _options(link)


def _options(link: "Link") -> Iterator[tuple[str, Path]]:
    """Every file that an option names: regions, models and the like."""
    for name, value in link.options.items():
        if name not in _WRITTEN and isinstance(value, (str, os.PathLike)):
            yield f"{value} of --{name.replace('_', '-')}", Path(value)


def _inside(folder: Path) -> list[Path]:
    """The files in a folder, without what lies deeper."""
    try:
        return [folder / name for name in os.listdir(folder)]
    except (OSError, ValueError):
        return []


def _identity(path: Path | int) -> Identity | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return None  # /dev/null may be read and written
    return status.st_dev, status.st_ino


def _check_outputs(jobs: "Sequence[Job]") -> None:
    """Raise ChainError when two outputs have one place, or one lies in another's pictures."""
    folders: dict[str, str] = {}
    targets: dict[str, str] = {}
    for job in jobs:
        for folder in job.folders():
            place = _place(folder)
            if place in folders:
                raise ChainError(
                    f"two exports write into {folder}; give one of them another folder"
                )
            folders[place] = str(folder)
        records = [folder / NAME for folder in job.folders()]
        for path in (*job.outputs(), *records, *job.states()):
            place = _place(path)
            if place in targets:
                raise ChainError(f"{path} would be written twice; give one another folder")
            targets[place] = str(path)
    kept = {_place(path): str(path) for job in jobs for path in job.states()}
    for place, name in (*folders.items(), *kept.items()):
        if place in kept:
            place = os.path.dirname(place)
        above = place
        while above not in targets and os.path.dirname(above) != above:
            above = os.path.dirname(above)
        if above in targets:
            raise ChainError(
                f"{name} lies in {targets[above]}, which this line writes, too; choose another "
                "folder"
            )


def _place(path: Path) -> str:
    return as_known(os.path.realpath(path))
