"""Pictures that make one sequence: `--sequence a.png b.png`, `frames/%04d.png`, 'frames/*.png'."""

import glob
import os
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

_NUMBER = re.compile(r"%(?:0(\d+))?d")
_MANY = 3  # pictures of a folder that are hardly meant as a sequence each


def is_pattern(given: str) -> bool:
    """Whether an input names many pictures by printf's %d or a shell's wildcards."""
    if "://" in given or os.path.exists(given):
        return False
    name = os.path.basename(given)
    return len(_NUMBER.findall(name)) == 1 or any(sign in name for sign in "*?[")


def has_wildcards(given: str) -> bool:
    """Whether an input is a pattern of a shell's wildcards that no shell has replaced."""
    if "://" in given or not any(sign in given for sign in "*?["):
        return False
    return not os.path.lexists(given)


def gather(inputs: Sequence[str], as_one: bool) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Return the inputs of a run, and which pictures those of them hold that are many.

    as_one : `--sequence`: all inputs are pictures, and make one sequence, which is called by a
        pattern of all of them.

    Raises click.UsageError.
    """
    many = {given: _pictures_of(given) for given in inputs if is_pattern(given)}
    if not as_one:
        return tuple(inputs), many
    files: list[str] = []
    for given in inputs:
        if os.path.isdir(given) or not (given in many or is_picture(given)):
            raise click.UsageError(
                f"--sequence makes one sequence of pictures, and {given!r} is none; a folder or "
                "a video is a sequence by itself, without --sequence"
            )
        files += many.get(given, [given])
    twice = [path for path, count in Counter(files).items() if count > 1]
    if twice:
        raise click.UsageError(f"the picture {twice[0]} is given twice")
    above = os.path.commonpath([os.path.dirname(path) or "." for path in map(_tidy, files)])
    suffixes = {Path(path).suffix for path in files}
    label = os.path.join(above, f"*{suffixes.pop() if len(suffixes) == 1 else ''}")
    return (label,), {label: files}


def chain(inputs: Sequence[str]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Return a camera for each folder of films, and its films in the order people count.

    inputs : films, and folders of films. A camera is called by a pattern of its films.

    Raises click.UsageError.
    """
    from segment.video.decode import VIDEOS
    from segment.video.source import natural

    cameras: dict[str, list[str]] = {}
    for given in inputs:
        if os.path.isdir(given):
            found = [name for name in os.listdir(given) if Path(name).suffix.lower() in VIDEOS]
            if not found:
                raise click.UsageError(f"{given} holds no video; --chain-files wants a camera's")
            cameras.setdefault(_tidy(given), []).extend(os.path.join(given, n) for n in found)
        elif "://" in given or not os.path.exists(given) or is_picture(given):
            raise click.UsageError(
                f"--chain-files joins the video files of a folder, and {given!r} is none"
            )
        else:
            cameras.setdefault(_tidy(os.path.dirname(given) or "."), []).append(given)
    many = {}
    for folder, files in cameras.items():
        distinct = sorted({_tidy(path): path for path in files}.values(), key=natural)
        suffixes = {Path(path).suffix for path in distinct}
        label = os.path.join(folder, f"*{suffixes.pop() if len(suffixes) == 1 else ''}")
        many[label] = distinct
    return tuple(many), many


def is_picture(given: str) -> bool:
    """Whether an input is a picture by its suffix."""
    from segment.video.decode import PICTURES

    return Path(given).suffix.lower() in PICTURES


def holds_several(given: str) -> bool:
    """Whether an input is a stack, or an animation: one file of several frames."""
    from segment.video import decode

    return decode.holds_several(given)


def are_stacks(pictures: Sequence[str]) -> bool:
    """Whether every one of these files holds several frames. Most often the first tells."""
    return bool(pictures) and all(map(holds_several, pictures))


def summary(many: dict[str, list[str]]) -> str | None:
    """Return what tells these pictures from others, short enough for `run.json`; None of none."""
    if not many:
        return None
    names = [name for files in many.values() for name in files]
    return f"{len(names)} ({zlib.crc32(chr(0).join(names).encode('utf-8', 'replace')):08x})"


def advice(inputs: Sequence[str]) -> str | None:
    """Return what to say where pictures of one folder are a sequence each; None where none are."""
    folders = Counter(os.path.dirname(given) for given in inputs if is_picture(given))
    if not folders:
        return None
    folder, count = folders.most_common(1)[0]
    if count < _MANY:
        return None
    files = [given for given in inputs if os.path.dirname(given) == folder and is_picture(given)]
    count = sum(not holds_several(path) for path in files)  # a stack is a sequence by itself
    if count < _MANY:
        return None
    return (
        f"{count} pictures of {folder or '.'} are read as {count} sequences of one frame, in which "
        f"nothing moves; add --sequence to read them as one, or read the folder"
    )


def _tidy(path: str) -> str:
    return os.path.normpath(path)


def _pictures_of(given: str) -> list[str]:
    folder, name = os.path.split(given)
    number = _NUMBER.search(name)
    if number is not None:
        digits = rf"\d{{{number[1]},}}" if number[1] else r"\d+"
        before, after = name[: number.start()], name[number.end() :]
        known = re.compile(re.escape(before.replace("%%", "%")) + digits + re.escape(after))
        try:
            names = sorted(entry for entry in os.listdir(folder or ".") if known.fullmatch(entry))
        except OSError:
            names = []
        files = [os.path.join(folder, entry) for entry in names]
    else:
        files = sorted(glob.glob(given))
    if not files:
        raise click.UsageError(f"no file is called like {given!r}")
    strange = next((path for path in files if not is_picture(path)), None)
    if strange is not None:
        raise click.UsageError(
            f"{given!r} stands for {len(files)} files of which {strange} is no picture; only "
            "pictures make one sequence, give others by name (without quotes the shell does)"
        )
    return files
