"""Subtractors as the line asks for them: where to look, and what they have learned in a file."""

import logging
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment.cli.chain import Link
from segment.errors import BadState, ChainError, OtherState, UnreadableInput

if TYPE_CHECKING:
    from segment.arrays import Mask
    from segment.background.saved import Saved
    from segment.background.warm import Warm
    from segment.feedback import Told
    from segment.frame import Frame

log = logging.getLogger("segment.cli")

ENDING = ".state"

_COMMANDS = {
    "PosteriorSubtractor": "subtract",
    "GaussianMixtureSubtractor": "subtract-mixture",
}


def check_states(links: Sequence[Link], inputs: Sequence[str]) -> None:
    """Raise ChainError when states would be mixed: several sequences, or stages, and one file."""
    states = [str(link.options["state"]) for link in links if link.options.get("state")]
    for state, count in Counter(states).items():
        if count > 1:
            raise ChainError(f"two stages keep their state in {state}; give each its own")
        if len(inputs) > 1 and not _is_folder(state):
            raise ChainError(
                f"--state {state} is one file, but there are {len(inputs)} inputs; for a state "
                f"each, name a folder: --state {state}/"
            )
    if states and any(link.options.get("resume") for link in links):
        raise ChainError(
            "--resume reads the input again from its first frame, which the state would have "
            "learned already; leave out --state, or --overwrite instead of --resume"
        )


def subtract(
    frames: "Iterator[Frame]",
    kind: "type[Saved]",
    *,
    state: str | None,
    state_every: float,
    region: str | None,
    ignore: str | None,
    shadows: bool = False,
    freeze_after: float | None = None,
    told: "Told | None" = None,
    **options: Any,
) -> "Iterator[Frame]":
    """Subtract by a `kind` with `options`, which begins with `state` and is kept there.

    `region` and `ignore` are mask pictures; `shadows` get a label of their own; seconds after
    which nothing more is learned: `freeze_after`. Raises
    BadState, UnreadableInput, OutputError.
    """
    from segment import pipeline
    from segment.background.inputs import Guided
    from segment.video import select

    first, frames = pipeline.peek(frames)
    if first is None:
        return frames
    where = where_to_look(first.image.shape[:2], region, ignore, first.region)
    if where is not first.region and where is not None:
        frames = select.within(frames, where)
    how: dict[str, Any] = {
        "shadows": shadows,
        "freeze_after": math.inf if freeze_after is None else freeze_after,
        "told": told,
    }
    if state is not None:
        from segment.background.warm import Warm

        warm = Warm(kind, state_path(state, first.sequence.name), region=where, **options)
        return _warm(frames, warm, 60 * state_every, how)
    subtractor: Any = kind(**options)
    if isinstance(subtractor, Guided):
        # What is measured on the picture as a whole is measured there.
        subtractor.region = where
    return pipeline.subtract(frames, subtractor, **how)


def _warm(
    frames: "Iterator[Frame]", warm: "Warm", every: float, how: dict[str, Any]
) -> "Iterator[Frame]":
    from segment import pipeline

    try:
        with warm as subtractor:
            yield from subtractor.saving(pipeline.subtract(frames, subtractor, **how), every)
    except OtherState as error:
        was, wanted = (_COMMANDS.get(name, name) for name in (error.found, warm.kind.__name__))
        raise BadState(
            f"{warm.path} is what {was} has learned, not {wanted}; put {was} in the line, or name "
            "another file"
        ) from None


def state_path(given: str, name: str) -> Path:
    """The file for the sequence `name`: the one that was given, or its own in that folder.

    Of a link, the file it leads to: that is what the user keeps, and the link stays one.
    """
    path = Path(given) / f"{name}{ENDING}" if _is_folder(given) else Path(given)
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_folder(given: str) -> bool:
    return given.endswith(("/", os.sep)) or Path(given).is_dir()


def where_to_look(
    size: Sequence[int],
    region: str | None,
    ignore: str | None,
    where: "Mask | None" = None,
) -> "Mask | None":
    """Where of frames of `size` (height, width) to look, (H, W) bool, None for everywhere.

    where : of these, what is looked at anyway. Raises UnreadableInput.
    """
    from segment.video import select

    if region is not None:
        looked = select.read_region(Path(region))
        _check_size(size, looked, f"region {region}")
        where = looked if where is None else where & looked
    if ignore is not None:
        ignored = select.read_mask(Path(ignore), "ignored region")
        _check_size(size, ignored, f"ignored region {ignore}")
        if not ignored.any():
            log.warning(
                "the ignored region %s is black all over (as is what is transparent): nothing is "
                "ignored",
                ignore,
            )
        where = ~ignored if where is None else where & ~ignored
    if where is not None and not where.any():
        raise UnreadableInput(
            f"{' and '.join(filter(None, (region, ignore)))}: nothing is left to look at"
        )
    return where


def _check_size(size: Sequence[int], mask: "Mask", name: str) -> None:
    height, width = size
    if mask.shape != (height, width):
        raise UnreadableInput(
            f"the {name} is {mask.shape[1]}x{mask.shape[0]}, but the frames are "
            f"{width}x{height}; draw it at their size"
        )
