"""What is ours in a folder of outputs: the `run.json` of a run says what it made.

Nothing else is ever overwritten or removed, whatever the options, and nothing through a link.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from segment.errors import OutputError
from segment.files import checksum, is_link, orphans, parse_json, sweep, told

NAME = "run.json"
LOCK = ".run.lock"

_BEGINS = b'{\n "segment": '  # every run.json of ours, also one that was cut

Ranges = list[list[int]]
"""Frames whose pictures were made: first and last number, both included."""


def read(folder: Path) -> dict[str, Any]:
    """What run.json holds; nothing when there is none, or it is damaged. Raises OutputError.

    That is for one that somebody else wrote, or a link.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return {}
    if is_link(path) or not path.is_file():
        raise OutputError(f"{path} is no file of segment's; move it, or choose another folder")
    with told(path):
        content = path.read_bytes()
    try:
        document = parse_json(content)
    except (ValueError, RecursionError):
        document = None
        if not content.strip(b"\0") or content.startswith(_BEGINS):
            return {}  # cut, by a power cut say
    if not isinstance(document, dict) or not {"segment", "chain", "complete"} <= document.keys():
        raise OutputError(f"{path} was not written by segment; move it, or choose another folder")
    return document


def made(folder: Path) -> dict[str, Any]:
    """What a run of ours made in `folder`: for a file its checksum, for pictures their ranges.

    For a folder of other files, which bear no mark of ours, the checksum of each by its name.
    None where the run has not come to its end.
    """
    found = read(folder).get("made")
    return found if isinstance(found, dict) else {}


def account(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """What `made` will say of outputs that are finished. Raises OutputError."""
    found: dict[str, Any] = {}
    for name in names:
        target = folder / name
        with told(target):
            if target.is_dir():
                found[name] = _account(target)
            elif target.is_file():
                found[name] = checksum(target)
    return found


def _account(folder: Path) -> Any:
    from segment.export import marked

    if marked(folder.name):
        return ranges(numbers(folder))
    return {path.name: checksum(path) for path in _held(folder)}


def numbers(folder: Path) -> list[int]:
    """Of which frames, or objects, there are pictures in `folder`."""
    return sorted(int(path.stem) for path in _held(folder))


def ranges(numbers: Sequence[int]) -> Ranges:
    """[0, 1, 2, 7] as [[0, 2], [7, 7]]."""
    runs = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    found = [[number for _, number in run] for _, run in runs]
    return [[run[0], run[-1]] for run in found]


def check_below(out: Path, folder: Path) -> None:
    """Raise OutputError when a link leads away between OUT and a sequence's folder."""
    place = folder
    while place not in (out, place.parent):
        if is_link(place):
            raise OutputError(
                f"{place} is a link, and nothing is written through one; remove it, or choose "
                "another folder"
            )
        place = place.parent


def check(folder: Path, names: Iterable[str], replace: bool) -> None:
    """Raise OutputError when run.json, or an output, is not ours: to write, or to `replace`."""
    known = made(folder)
    for name in names:
        target = folder / name
        if not os.path.lexists(target):
            continue
        _check_kind(target)
        if not replace:
            continue
        if target.is_dir():
            _check_held(target, known)
        elif name not in known:
            raise OutputError(
                f"{target} was not made by segment ({_why(folder)}); move it, or choose another "
                "folder"
            )


def _check_kind(target: Path) -> None:
    if is_link(target):
        raise OutputError(
            f"{target} is a link, and nothing is written through one; remove it, or choose "
            "another folder"
        )
    kind = target.lstat().st_mode
    wanted, what = (stat.S_ISREG, "a file") if target.suffix else (stat.S_ISDIR, "a folder")
    if not wanted(kind):
        raise OutputError(f"{target} is not {what}; move it, or choose another folder")


def _why(folder: Path) -> str:
    return f"{NAME} does not name it" if (folder / NAME).is_file() else f"there is no {NAME}"


def _check_held(folder: Path, known: dict[str, Any]) -> None:
    from segment.export import marked

    is_ours = _is_ours if marked(folder.name) else _is_named
    strange = [path for path in _held(folder) if not is_ours(path, known)]
    if strange:
        others = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise OutputError(
            f"{strange[0]}{others}: not made by segment; move what is yours, or choose another "
            "folder"
        )


def _held(folder: Path) -> list[Path]:
    """What in an output's folder has a name that the output gives."""
    from segment.export import holds
    from segment.export.folders import within

    names = holds(folder.name)
    if names is None:
        return []
    with told(folder):
        return within(folder, names)


def _is_named(path: Path, known: dict[str, Any]) -> bool:
    """Whether run.json names a file, or a run that did not come to its end was writing there."""
    if path.parent.name not in known or is_link(path) or not path.is_file():
        return False
    made = known[path.parent.name]
    return made is None or (isinstance(made, dict) and path.name in made)


def _is_ours(path: Path, known: dict[str, Any]) -> bool:
    from segment.export import png

    with told(path):
        if png.whose(path) != "other":
            return True
        # Damaged since a run of ours made it; a sound picture is somebody's work.
        return (
            path.is_file()
            and not is_link(path)
            and _lies_in(int(path.stem), known.get(path.parent.name, ()))
            and png.fault(path) is not None
        )


def _lies_in(number: int, known: Any) -> bool:
    try:
        return any(first <= number <= last for first, last in known or ())
    except (TypeError, ValueError):
        return False


def clear(folder: Path, name: str) -> None:
    """Remove what a run of ours left in a folder; files are replaced when the new one is whole."""
    target = folder / name
    if target.is_dir() and not is_link(target):
        _check_held(target, made(folder))
        for path in _held(target):
            with told(path):
                path.unlink()


def damage(folder: Path, names: Iterable[str]) -> str | None:
    """Say what is missing or damaged of what run.json says was made, or None."""
    from segment.export import marked, png

    known = made(folder)
    for name in names:
        target = folder / name
        if name not in known or not os.path.lexists(target) or is_link(target):
            return f"{target} is missing"
        with told(target):
            if not target.is_dir():
                if checksum(target) != known[name]:
                    return f"{target} is damaged"
                continue
            if _account(target) != known[name]:
                what = "pictures" if marked(name) else "files"
                return f"{target} does not hold the {what} that were made"
            for path in _held(target) if marked(name) else ():
                if png.whose(path) != "ours" or png.fault(path):
                    return f"{path} is damaged"
    return None


def removed(folder: Path, names: Iterable[str]) -> list[str]:
    """What overwriting will remove or replace, for people."""
    from segment.export import marked

    lines = []
    for name in names:
        target = folder / name
        if target.is_dir():
            count, what = len(_held(target)), "pictures" if marked(name) else "files"
            lines += [f"would remove {count} {what} in {target}"] if count else []
        elif target.is_file():
            lines.append(f"would replace {target}")
    return lines


def left_half_written(folder: Path) -> list[Path]:
    """Temporary files that killed runs of ours left in a sequence's folder."""
    return [path for place in _places(folder) for path in orphans(place, _is_output)]


def sweep_away(folder: Path) -> None:
    """Remove them; only for those who hold the folder's lock."""
    for place in _places(folder):
        sweep(place, _is_output)


def _places(folder: Path) -> list[Path]:
    from segment.export import FORMATS

    names = {kind.output for kind in FORMATS.values() if "." not in kind.output}
    return [folder, *(folder / name for name in sorted(names))]


def _is_output(name: str) -> bool:
    from segment.export import FORMATS, outputs_of

    return (
        name == NAME
        or any(kind.holds.fullmatch(name) for kind in FORMATS.values() if hasattr(kind, "holds"))
        or name in {output for kind in FORMATS for output in outputs_of(kind)}
    )
