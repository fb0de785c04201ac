"""`run.json` beside a sequence's outputs: which chain made them, and whether it came to its end.

A run that was stopped leaves a record that says so, and `--resume` compares the
record with its own chain, so that results of two chains never mix.
"""

import json
from pathlib import Path
from typing import Any

from segment import __version__
from segment.cli.plan import Job
from segment.errors import OutputError
from segment.export.files import make_folder, write_whole
from segment.protocols import Damage
from segment.video.mapping import Mapping

NAME = "run.json"


def begin(job: Job) -> None:
    """Say that a run has started. Raises OutputError when `--resume` meets another chain's work."""
    for link in job.exports:
        folder = link.folder(job.name)
        if link.mode == "resume" and any(path.exists() for path in link.outputs(job.name)):
            _compare(folder, job)
        _write(folder, {**_signature(job), "complete": False})


def finish(job: Job, frames: int, damage: Damage, mapping: Mapping) -> None:
    """Say that the run has come to its end, and which frames of the input it saw."""
    for link in job.exports:
        _write(
            link.folder(job.name),
            {
                **_signature(job),
                "complete": True,
                "frames": frames,
                **mapping.as_dict(),
                "lost": damage.lost,
                "flagged": damage.flagged,
                "reasons": damage.reasons,
            },
        )


def finished(job: Job) -> bool:
    """Whether every export of `job` resumes, and an earlier run of this chain has finished it."""
    return bool(job.exports) and all(
        link.mode == "resume"
        and all(path.exists() for path in link.outputs(job.name))
        and _read(link.folder(job.name)).get("complete") is True
        and _same(_read(link.folder(job.name)), job)
        for link in job.exports
    )


def outcome(job: Job) -> tuple[int, Damage]:
    """Frames and damage that the finished run wrote down."""
    content = _read(job.exports[0].folder(job.name))
    damage = Damage(content.get("lost", 0), content.get("flagged", 0), content.get("reasons", []))
    return content.get("frames", 0), damage


def _compare(folder: Path, job: Job) -> None:
    content = _read(folder)
    if not content:
        raise OutputError(
            f"{folder} has no {NAME} that tells how it was made, so it cannot be resumed; "
            "add --overwrite, or choose another folder"
        )
    if not _same(content, job):
        raise OutputError(
            f"{folder} was made by another chain or from another input ({content.get('chain')}); "
            "add --overwrite, or choose another folder"
        )


def _same(content: dict[str, Any], job: Job) -> bool:
    wanted = _signature(job)
    return all(content.get(key) == value for key, value in wanted.items())


def _signature(job: Job) -> dict[str, Any]:
    """What must be equal for two runs to give equal results."""
    modes = {"overwrite", "resume"}
    chain = [
        [link.command, {k: str(v) for k, v in sorted(link.options.items()) if k not in modes}]
        for link in job.links
    ]
    selection = {k: str(v) for k, v in sorted(job.read.options.items()) if k != "inputs"}
    return {
        "segment": __version__,
        "input": job.input,
        "stamp": _stamp(Path(job.input)),
        "chain": [["read", selection], *chain],
    }


def _stamp(path: Path) -> list[int] | None:
    """Size and time of change of an input file: another file under the same name differs."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(folder: Path, content: dict[str, Any]) -> None:
    make_folder(folder)
    write_whole(folder / NAME, (json.dumps(content, indent=1) + "\n").encode())
