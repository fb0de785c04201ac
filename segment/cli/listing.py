"""Inputs that stand for many: lists in a file, folders with all below, patterns of names."""

import glob
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from segment import stores
from segment.cli.gathering import are_stacks, has_wildcards, is_picture
from segment.cli.owned import NAME

log = logging.getLogger("segment.cli")

LONGEST_LIST = 1 << 28
"""Bytes of a list of inputs: two million names of a hundred letters."""


_BINARY = set(map(chr, range(1, 9)))  # control characters that no list and hardly a name holds


def all_inputs(given: Sequence[str], lists: Sequence[str], recursive: bool) -> tuple[str, ...]:
    """Return the inputs of a run, each as if it had been given by itself.

    given : words of the line; a pattern that the shell left alone becomes the files it stands
        for, unless those are the pictures of one sequence.
    lists : files that name inputs, one a line, or apart by NUL; - is standard input.
    recursive : take folders for all that lies below them.

    Raises click.UsageError.
    """
    inputs: list[str] = []
    for word in (*given, *(name for path in lists for name in read_list(path))):
        inputs += _expanded(word)
    if recursive:
        inputs = [found for one in inputs for found in _below(one)]
    if not inputs:
        raise click.UsageError(
            f"{' and '.join(lists)} names no input; wanted one a line"
            if lists
            else "there is nothing to read; give an INPUT, or a list of them by --from"
        )
    # A list is put together by programs, and two patterns may overlap.
    return tuple(dict.fromkeys(inputs)) if lists or recursive else tuple(inputs)


def read_list(path: str) -> list[str]:
    """Return the names in a list, one a line, or apart by NUL as `find -print0` gives them.

    Empty lines are none, and so is what stands behind a # at the beginning of a line, unless a
    file is called so. Names are relative to the working folder. Raises click.UsageError.
    """
    told = "standard input" if path == "-" else path
    try:
        if path == "-":
            content = sys.stdin.buffer.read(LONGEST_LIST + 1)
        elif stores.is_store(path):
            told = stores.told(path)
            stored = stores.read(path, LONGEST_LIST + 1)
            if stored is None:
                raise OSError("there is no such file")
            content = stored
        else:
            with open(path, "rb") as file:
                content = file.read(LONGEST_LIST + 1)
    except (OSError, ValueError, AttributeError) as error:  # closed, or no file
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(f"the list {told} cannot be read: {reason.lower()}") from None
    if len(content) > LONGEST_LIST:
        raise click.UsageError(f"the list {told} has more than {LONGEST_LIST >> 20} MB")
    content = content.removeprefix(b"\xef\xbb\xbf")  # what Windows' editors put first
    apart = b"\0" if b"\0" in content else b"\n"
    names = [os.fsdecode(line.rstrip(b"\r")) for line in content.split(apart)]
    found = [
        name for name in names if name.strip() and not (name[0] == "#" and not os.path.exists(name))
    ]
    if any(len(name) > 4096 or _BINARY & set(name) for name in found):
        raise click.UsageError(f"the list {told} is no text; wanted the name of an input a line")
    return found


def _expanded(word: str) -> list[str]:
    """The files a pattern stands for; the word itself when it is none."""
    if stores.is_store(word) and any(sign in word for sign in "*?["):
        found = stores.listed(word)
        if not found:
            raise click.UsageError(f"no file is called like {stores.told(word)!r}")
        return found
    if not has_wildcards(word):
        return [word]
    files = sorted(glob.glob(word, recursive=True))
    if not files:
        raise click.UsageError(f"no file is called like {word!r}")
    pictures = sum(map(is_picture, files))
    if pictures == len(files):
        return files if are_stacks(files) else [word]  # one sequence
    if pictures:
        other = next(path for path in files if not is_picture(path))
        raise click.UsageError(
            f"{word!r} stands for {len(files)} files of which {other} is no picture; pictures make "
            "one sequence, videos are one each: give them by two patterns"
        )
    return files


def _below(given: str) -> Iterator[str]:
    """The videos and stacks below a folder, and folders of pictures; what is no folder itself."""
    if stores.is_store(given):
        yield from _below_store(given)
        return
    if "://" in given or not os.path.isdir(given):
        yield given
        return
    found = 0
    for name in _walk(given):
        found += 1
        yield name
    if not found:
        raise click.UsageError(f"{given} holds no video and no picture, nor does a folder below it")


def _below_store(given: str) -> list[str]:
    """The videos of a store below an address; one that is a file itself is that."""
    from segment.video.decode import VIDEOS
    from segment.video.source import natural

    every = stores.below(given)
    if every == [given]:
        return every
    ours = tuple(path.removesuffix(NAME) for path in every if path.endswith(f"/{NAME}"))
    found = [
        path
        for path in every
        if Path(path).suffix.lower() in VIDEOS and not (ours and path.startswith(ours))
    ]
    if not found:
        raise click.UsageError(f"{stores.told(given)} holds no video, nor does a folder below it")
    return sorted(found, key=natural)


def _walk(top: str) -> Iterator[str]:
    from segment.video.decode import PICTURES, VIDEOS
    from segment.video.source import natural

    def refuse(error: OSError) -> None:
        log.warning("%s", f"{error.filename} cannot be looked into: {str(error.strerror).lower()}")

    for folder, inside, files in os.walk(top, onerror=refuse):
        if NAME in files:  # what a run of ours has made is no input
            log.info("%s", f"{folder} holds results of segment and is left out")
            inside.clear()
            continue
        inside[:] = sorted((name for name in inside if not name.startswith(".")), key=natural)
        endings = {
            name: Path(name).suffix.lower()
            for name in sorted(files, key=natural)
            if not name.startswith(".")
        }
        pictures = [
            os.path.join(folder, name) for name, ending in endings.items() if ending in PICTURES
        ]
        if are_stacks(pictures):
            yield from pictures
        elif pictures:
            yield folder
        for name, ending in endings.items():
            if ending in VIDEOS:
                yield os.path.join(folder, name)
