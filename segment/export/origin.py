"""Where the frames of a sink come from, for those that tell it or need the file itself."""

from dataclasses import dataclass, field
from pathlib import Path

from segment.protocols import Damage

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of an input beside its frames.

    Attributes
    ----------
    path : of the file that was read; None for cameras, pipes, folders and unknown.
    chain : the stages as they were typed, `read` first.
    damage : what could not be read so far; it grows while the input is read.
    """

    path: Path | None = None
    chain: tuple[str, ...] = ()
    damage: Damage = field(default_factory=Damage)
