"""Where in their input masks belong: what `run.json` beside them says, and how numbers fit."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segment.errors import UnreadableInput
from segment.video.mapping import pictures_of
from segment.video.numbers import unrolled

_OURS = ("masks", "masks.mkv", "labels")  # what a run writes, frame by frame

log = logging.getLogger("segment.scores")


@dataclass(frozen=True, slots=True)
class Places:
    """What a run wrote down of the frames that it saw.

    Attributes
    ----------
    numbers : of the frames, rising; None when nobody knows.
    first : number of the input's first frame: 1 where pictures' names count from 1.
    pictures : number of a frame by the name (without suffix) of its picture, where the names
        themselves count nothing.
    """

    numbers: tuple[int, ...] | None = None
    first: int = 0
    pictures: dict[str, int] = field(default_factory=dict)


def places_of(masks: Path) -> Places:
    """Read the `run.json` beside `masks`, a folder or a video; nothing is known without one."""
    if masks.name not in _OURS:
        return Places()
    try:
        content = json.loads((masks.resolve().parent / "run.json").read_text(encoding="utf-8"))
        if content["complete"] is not True or "numbers" not in content:
            return Places()
        numbers = tuple(unrolled(content["numbers"]))
        listed = isinstance(content.get("pictures"), list)
        names = pictures_of(content, numbers) if listed else None
        first = int(content["first"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Places()
    pictures = {Path(name).stem: number for name, number in zip(names or (), numbers, strict=False)}
    return Places(numbers, first, pictures)


def shift_between(name: str, ours: Sequence[int], theirs: Sequence[int], places: Places) -> int:
    """Return what to add to the numbers of masks to get those of the truth: 0, 1 or -1.

    Not 0 only where one side counts from 1 and the other from 0, and both reach equally far;
    this is told to the log. `ours` and `theirs` are numbers, rising.
    """
    if not ours or not theirs:
        return 0
    shift = theirs[0] - ours[0]
    counts = {ours[0], theirs[0]} == {0, 1} and ours[-1] + shift == theirs[-1]
    # A run that says that its input begins at 0 left frame 0 out.
    if not counts or (places.numbers is not None and places.first != ours[0]):
        return 0
    log.warning(
        "%s: masks are numbered %d to %d and the truth %d to %d; paired in this order",
        name, ours[0], ours[-1], theirs[0], theirs[-1],
    )  # fmt: skip
    return shift


def check_missing(
    masks: Path, truth: Path, missing: Sequence[int], of: int, explained: bool
) -> None:
    """Tell the log that truth has no masks; raise UnreadableInput where nothing explains it."""
    if not missing:
        return
    some = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
    if not explained:
        raise UnreadableInput(
            f"{masks} has no mask for {len(missing)} of the {of} frames of {truth}: {some}"
        )
    log.warning(
        "%s has no mask for %d of the %d frames of %s (%s); these are not scored",
        masks, len(missing), of, truth, some,
    )  # fmt: skip
