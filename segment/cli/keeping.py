"""Subtractors as the line asks for them: where to look, and what they have learned in a file."""

import logging
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment.cli.chain import Link, with_first
from segment.errors import BadState, ChainError, OtherState, OutputError, UnreadableInput

if TYPE_CHECKING:
    from segment.arrays import Image, Mask
    from segment.background.saved import Saved
    from segment.feedback import Told
    from segment.frame import Frame

log = logging.getLogger("segment.cli")

ENDING = ".state"

_COMMANDS = {
    "PosteriorSubtractor": "subtract",
    "GaussianMixtureSubtractor": "subtract-mixture",
}

# What a model is built for; all else may be changed while it runs.
_BUILT_IN = ("components", "quality")


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

    first = next(frames, None)
    if first is None:
        return iter(())
    frames = with_first(first, frames)
    where = where_to_look(first.image.shape[:2], region, ignore, first.region)
    if where is not first.region and where is not None:
        frames = select.within(frames, where)

    def begin(path: Path | None) -> "Saved":
        subtractor = _begin(kind, options, path, first.image)
        if isinstance(subtractor, Guided):
            # What is measured on the picture as a whole is measured there.
            subtractor.region = where
        return subtractor

    how = {
        "shadows": shadows,
        "freeze_after": math.inf if freeze_after is None else freeze_after,
        "told": told,
    }
    if state is None:
        return pipeline.subtract(frames, begin(None), **how)  # type: ignore[arg-type]
    path = state_path(state, first.sequence.name)
    return _locked(frames, begin, path, 60 * state_every, how)


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


def _begin(
    kind: "type[Saved]", options: dict[str, Any], path: Path | None, image: "Image"
) -> "Saved":
    if path is None or not path.exists():
        return kind(**options)
    try:
        subtractor = kind.load(path)
    except OtherState as error:
        was, wanted = (_COMMANDS.get(name, name) for name in (error.found, kind.__name__))
        raise BadState(
            f"{path} is what {was} has learned, not {wanted}; put {was} in the line, or name "
            "another file"
        ) from None
    shape = subtractor.image_shape
    if shape is not None and shape != image.shape:
        raise BadState(
            f"{path} has learned pictures of {_describe(shape)}, but the frames are "
            f"{_describe(image.shape)}; name another file, or read --size {shape[1]}x{shape[0]}"
        )
    for name in options.keys() & set(_BUILT_IN):
        known = getattr(subtractor, name)
        if options[name] != known:
            raise BadState(
                f"{path} was learned with --{name} {known}, not {options[name]}; give "
                f"--{name} {known}, or name another file"
            )
    for name, value in options.items():
        setattr(subtractor, name, value)
    log.info("%s", f"begins with what {path} has learned")
    return subtractor


def _describe(shape: Sequence[int]) -> str:
    height, width, channels = shape
    return f"{width}x{height} {'grey' if channels == 1 else 'colour'}"


class _Sound:
    """A subtractor of which is known whether an error left it in the middle of a frame."""

    def __init__(self, subtractor: "Saved") -> None:
        self._subtractor: Any = subtractor
        self.sound = True

    def apply(self, image: "Image", **how: Any) -> "Mask":
        self.sound = False
        mask: Mask = self._subtractor.apply(image, **how)
        self.sound = True
        return mask

    @property
    def sensitivity(self) -> Any:
        return self._subtractor.sensitivity

    @sensitivity.setter
    def sensitivity(self, sensitivity: Any) -> None:
        self._subtractor.sensitivity = sensitivity

    def shadows(self) -> "Mask":
        shadow: Mask = self._subtractor.shadows()
        return shadow

    def background(self) -> "Image":
        picture: Image = self._subtractor.background()
        return picture


def _locked(
    frames: "Iterator[Frame]",
    begin: "Callable[[Path], Saved]",
    path: Path,
    every: float,
    how: dict[str, Any],
) -> "Iterator[Frame]":
    """Subtract as the only run that keeps this state: of two, one would lose what it learned."""
    from segment.files import is_link, make_folder, sweep
    from segment.locks import Lock

    if is_link(path):  # one that leads nowhere, or to itself
        raise OutputError(f"{path} is a link that leads nowhere; remove it, or name another file")
    # What cannot be written is told now, not at the end.
    make_folder(path.parent)
    with Lock(path.with_name(f".{path.name}.lock"), path):
        sweep(path.parent, path.name.__eq__)
        yield from _kept(frames, begin(path), path, every, how)


def _kept(
    frames: "Iterator[Frame]", subtractor: "Saved", path: Path, every: float, how: dict[str, Any]
) -> "Iterator[Frame]":
    """Subtract, and keep what is learned every so many seconds (0 is never) and at the end.

    The end may be the input's, Ctrl-C, a signal, or an error before or after this stage.
    """
    from segment import pipeline

    sound = _Sound(subtractor)
    saved = time.monotonic()

    def try_to_save() -> None:
        try:
            subtractor.save(path)
        except OutputError as error:
            log.warning("%s", error)

    try:
        for frame in pipeline.subtract(frames, sound, **how):
            yield frame
            if every and time.monotonic() - saved >= every:
                try_to_save()  # a full disk is no reason to be blind
                saved = time.monotonic()
    except BaseException:
        if sound.sound and subtractor.image_shape is not None:
            try_to_save()  # what ended the run is the error, this is told beside it
        raise
    subtractor.save(path)
