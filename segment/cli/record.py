"""`run.json` beside a sequence's outputs: which chain made them, and whether it came to its end.

A run that was stopped leaves a record that says so, and `--resume` compares the
record with its own chain, so that results of two chains never mix.
"""

import logging
import zlib
from pathlib import Path
from typing import Any

from segment import __version__, stores
from segment.cli import owned
from segment.cli.chain import shorten
from segment.cli.limiting import LIMITING
from segment.cli.lines import typed_for
from segment.cli.owned import NAME
from segment.cli.plan import Job
from segment.cli.report import SequenceReport
from segment.errors import OutputError
from segment.files import make_folder, write_json
from segment.protocols import Damage

_GAP = ("after_frame", "time", "seconds")  # of each gap in a stream that came back

log = logging.getLogger("segment.cli")


def check(job: Job) -> None:
    """Raise OutputError when `--resume` meets another chain's work. Nothing is changed."""
    for link in job.exports:
        if link.mode != "resume":
            continue
        folder = link.folder(job.name)
        # What is in a store is not here; its record is.
        there = link.store is not None and (folder / NAME).exists()
        if there or any(path.exists() for path in link.outputs(job.name)):
            _compare(folder, job)


def begin(job: Job) -> dict[str, Any]:
    """Say that a run has started, and which outputs will be its own. Raises OutputError.

    Returns what it says of the run, whose input is as it is now.
    """
    check(job)
    signed = _told(job)
    for folder in job.folders():
        links = [link for link in job.exports if link.folder(job.name) == folder]
        # Also what may come to stand beside an output: a run that is killed may have made it.
        names = [name for link in links for name in link.names()]
        made = {**dict.fromkeys(names), **_still_there(folder)}
        # What bears no mark is ours by its name here, also when this run comes to no end.
        made |= {name: None for name in names if isinstance(made[name], dict)}
        _write(folder, {**signed, "complete": False, "made": made})
    return signed


def finish(job: Job, report: SequenceReport, signed: dict[str, Any]) -> None:
    """Say that the run has come to its end, what it made, which frames it saw and what is odd.

    signed : what `begin` returned. An input that was changed or replaced since is not what the
    outputs were made of, so that `--resume` makes them again.
    """
    damage = report.damage
    for folder in job.folders():
        made = {**_still_there(folder), **owned.account(folder, _names(job, folder))}
        _write(
            folder,
            {
                **signed,
                "complete": True,
                "made": made,
                "frames": report.frames,
                **report.mapping.as_dict(),
                **({"files": report.parts} if report.parts else {}),
                **({"stretches": report.stretches} if report.stretches else {}),
                "lost": damage.lost,
                "flagged": damage.flagged,
                "reasons": damage.reasons,
                "gaps": [dict(zip(_GAP, gap, strict=True)) for gap in damage.gaps],
                "scaled": report.scaled,
                "warnings": report.warnings,
                "absurd": report.absurd,
            },
        )


def is_changed(job: Job, signed: dict[str, Any]) -> bool:
    """Whether the input is another file than at the beginning, or was written to.

    A pipe's time says nothing, and outputs may lie in a folder of pictures.
    """
    return Path(job.input).is_file() and bool(_stamps(job) != signed["stamp"])


def finished(job: Job) -> bool:
    """Whether every export of `job` resumes, and an earlier run of this chain has finished it.

    And all that it made is there and whole: what is not is told, and made again.
    """
    if not job.exports or any(link.mode != "resume" for link in job.exports):
        return False
    for folder in job.folders():
        content = owned.read(folder)
        if content.get("complete") is not True or not _same(content, job):
            return False
    stored = {link.folder(job.name): link for link in job.exports if link.store is not None}
    if not all(link.is_delivered(job.name) for link in stored.values()):
        return False
    for folder in job.folders():
        if folder in stored:  # the store answers for what it has
            continue
        damage = owned.damage(folder, _names(job, folder))
        if damage is not None:
            log.warning("%s", f"{damage} since it was made; computed again")
            return False
    return True


def outcome(job: Job) -> tuple[int, Damage, dict[str, str]]:
    """Frames, damage and what was absurd, as the finished run wrote them down."""
    content = owned.read(job.exports[0].folder(job.name))
    gaps = [tuple(gap[key] for key in _GAP) for gap in content.get("gaps", [])]
    damage = Damage(
        content.get("lost", 0), content.get("flagged", 0), content.get("reasons", []), gaps
    )
    return content.get("frames", 0), damage, content.get("absurd", {})


def _names(job: Job, folder: Path) -> list[str]:
    outputs = [path for link in job.exports for path in link.outputs(job.name)]
    return [path.name for path in outputs if path.parent == folder]


def _still_there(folder: Path) -> dict[str, Any]:
    """What earlier runs made here, with other formats, and is there."""
    return {name: how for name, how in owned.made(folder).items() if (folder / name).exists()}


def _compare(folder: Path, job: Job) -> None:
    content = owned.read(folder)
    if not content:
        raise OutputError(
            f"{folder} has no {NAME} that tells how it was made, so it cannot be resumed; "
            "add --overwrite, or choose another folder"
        )
    difference = _difference(content, signature(job))
    if difference is not None:
        raise OutputError(
            f"{folder} was made {difference}; add --overwrite, or choose another folder"
        )


_READABLE = 80  # letters of an option's value that a line shows


def _difference(content: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    """In a few words what a folder was made by and what is wanted now, None when they are one."""
    if content.get("input") != wanted["input"]:
        was = shorten(str(content.get("input")), 200)
        return f"from another input: it was {was}, it is {shorten(wanted['input'], 200)}"
    if content.get("stamp") != wanted["stamp"]:
        return f"from {shorten(wanted['input'], 200)} before that file was changed"
    if content.get("segment") != wanted["segment"]:
        return f"by another version: it was {content.get('segment')}, it is {wanted['segment']}"
    before, now = _stages(content.get("chain")), _stages(wanted["chain"])
    names = [" ".join(name for name, _ in stages) for stages in (before, now)]
    if names[0] != names[1]:
        return f"by another chain: it was {shorten(names[0], 200)}, it is {shorten(names[1], 200)}"
    for (name, old), (_, new) in zip(before, now, strict=True):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                option = f"{name} --{key.replace('_', '-')}"
                values = [str(one.get(key)) for one in (old, new)]
                if max(map(len, values)) > _READABLE:  # what a file holds says nothing to people
                    return f"with another {option}"
                return f"with another {option}: it was {values[0]}, it is {values[1]}"
    cuts = content.get("cut"), wanted.get("cut")
    if cuts[0] != cuts[1]:
        return f"with another --stretch: it was {_cut(cuts[0])}, it is {_cut(cuts[1])}"
    return None if _fits(content, wanted) else "by another chain"


def _cut(cut: Any) -> str:
    if not isinstance(cut, list) or len(cut) != 2:
        return "none"
    return f"{cut[0]} s, warmed up by {cut[1]} s"


def _fits(content: dict[str, Any], wanted: dict[str, Any]) -> bool:
    asked = all(content.get(key) == value for key, value in wanted.items())
    return asked and content.get("cut") == wanted.get("cut")


def _stages(chain: Any) -> list[tuple[str, dict[str, Any]]]:
    """The stages of a record's chain, as far as it is one."""
    return [
        (str(part[0]), part[1])
        for part in (chain if isinstance(chain, list) else [])
        if isinstance(part, list) and len(part) == 2 and isinstance(part[1], dict)
    ]


def _same(content: dict[str, Any], job: Job) -> bool:
    return _fits(content, signature(job))


def _told(job: Job) -> dict[str, Any]:
    """What a record says of a run: what must be equal, and the line to make it again."""
    return {**signature(job), "line": typed_for([job.read, *job.links])}


def signature(job: Job) -> dict[str, Any]:
    """What must be equal for two runs to give equal results."""
    modes = {"overwrite", "resume"}
    chain = [
        [link.command, {k: str(v) for k, v in sorted(link.options.items()) if k not in modes}]
        for link in job.links
    ]
    selection = {
        k: str(v) for k, v in sorted(job.read.options.items()) if k not in ("inputs", *LIMITING)
    }
    return {
        "segment": __version__,
        "input": job.told,
        "stamp": _stamps(job),
        "chain": [["read", selection], *chain],
        **({} if job.cut is None else {"cut": list(job.cut)}),
    }


def _stamps(job: Job) -> list[Any] | None:
    """What tells a job's input from another of that name; of a camera's files, of all in turn."""
    if not job.read.chains:
        return _stamp(job.input)
    files = job.read.many[job.input]
    told = repr([(Path(path).name, _stamp(path)) for path in files])
    return [len(files), zlib.crc32(told.encode("utf-8", "surrogateescape"))]


def _stamp(given: str) -> list[Any] | None:
    """Size and time of change of an input file: another file under the same name differs."""
    if stores.is_store(given):
        return stores.stamp(given)
    path = Path(given)
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


def _write(folder: Path, content: dict[str, Any]) -> None:
    make_folder(folder)
    write_json(folder / NAME, content)
