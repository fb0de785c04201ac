"""Options that a line gives and that do nothing for what it reads: told, once, before it runs."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from segment.stores import is_store

if TYPE_CHECKING:
    from segment.cli.chain import Link

_BARE = frozenset([".h264", ".264", ".h265", ".265", ".hevc", ".mjpeg"])
"""Films that do not say how fast they are."""


def told(inputs: Sequence[str], many: dict[str, list[str]], raw: bool) -> tuple[str, ...]:
    """Return a line for each option of `read` that was typed and concerns none of the inputs.

    many : pictures of those inputs that stand for many. raw : standard input holds raw frames.
    """
    context = click.get_current_context()
    kinds = {_kind(given, given in many, raw) for given in inputs}
    return tuple(
        f"--{name.replace('_', '-')} {why}, so here it does nothing"
        for name, (concerned, why) in _CONCERNS.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        and not any(concerned(kind) for kind in kinds)
    )


def of_stages(links: Sequence["Link"]) -> tuple[str, ...]:
    """Return a line for each option of a later stage that lacks the one it goes with."""
    return tuple(
        f"--state-every of {link.command} goes with --state, so here it does nothing"
        for link in links
        if "state_every" in link.options
        and link.options["state_every"] != _STATE_EVERY
        and not link.options.get("state")
    )


_STATE_EVERY = 15.0  # its default


def _kind(given: str, many: bool, raw: bool) -> str:
    """What an input is, as far as its name tells: address, camera, pipe, raw, pictures, file."""
    if given == "-":
        return "raw" if raw else "pipe"
    if given.startswith("sample:"):
        return "film"
    if is_store(given):
        return "film"
    if "://" in given and not given.startswith("file:"):
        return "address"
    if given.startswith("/dev/video") or (given.isdecimal() and not os.path.exists(given)):
        return "camera"
    if many or os.path.isdir(given):
        return "pictures"
    suffix = Path(given).suffix.lower()
    if suffix in _BARE:
        return "bare"
    from segment.video.decode import PICTURES, VIDEOS

    if suffix in PICTURES:
        return "picture"
    return "film" if suffix in VIDEOS else "unknown"


def _is(*kinds: str) -> Callable[[str], bool]:
    return lambda kind: kind in kinds


_CONCERNS: dict[str, tuple[Callable[[str], bool], str]] = {
    "reconnect": (_is("address", "camera"), "is for cameras and addresses"),
    "reconnect_for": (_is("address", "camera"), "is for cameras and addresses"),
    "track": (
        _is("film", "bare", "picture", "address", "pipe", "unknown"),
        "is for files that hold several tracks or series",
    ),
    "rate": (
        _is("pictures", "picture", "raw", "bare", "pipe", "unknown"),
        "is for pictures and raw frames; a film keeps its own",
    ),
    "raw_pixels": (_is("raw"), "goes with --raw-size"),
    "white": (
        _is("pictures", "picture", "film", "bare", "address", "pipe", "unknown"),
        "is for files deeper than 8 bits",
    ),
    "black": (
        _is("pictures", "picture", "film", "bare", "address", "pipe", "unknown"),
        "is for files deeper than 8 bits",
    ),
}
