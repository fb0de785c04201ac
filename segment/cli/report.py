"""What became of a run: an account for each sequence, and the exit code of all."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segment.cli.exits import DECODED_WITH_DAMAGE, INTERRUPTED, SOME_INPUTS_FAILED
from segment.errors import SegmentError
from segment.protocols import Damage
from segment.video.mapping import Mapping


@dataclass(slots=True)
class SequenceReport:
    """What became of one input.

    Attributes
    ----------
    name, input : of the sequence, and what was asked to be read.
    frames : frames that went through the whole chain.
    outputs : files and folders written; of those in a store, the addresses.
    damage : what could not be read.
    error : why the input failed, None if it did not.
    already : True when an earlier run had finished it and `--resume` left it alone.
    interrupted : exit code of the signal that ended a live source, else 0.
    mapping : which frames of the input they were, by number and, for pictures, by name.
    scaled : frames of another size than the first, scaled to it.
    warnings : what was told of the input while it was read, a line each, also with --quiet.
    absurd : what can hardly be meant, as kind (`segment.absurd.KINDS`) and one line.
    parts : of a camera's files, where each begins: (path, number of its first frame, seconds).
    objects, events : how many there were, None where none were looked for.
    stretches : of a film that was cut, which stretches there were, and how they fit; else None.
    """

    name: str
    input: str
    frames: int = 0
    outputs: list[Path | str] = field(default_factory=list)
    damage: Damage = field(default_factory=Damage)
    error: SegmentError | None = None
    already: bool = False
    interrupted: int = 0
    mapping: Mapping = field(default_factory=Mapping)
    scaled: int = 0
    warnings: list[str] = field(default_factory=list)
    absurd: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[str, int, float]] = field(default_factory=list)
    objects: int | None = None
    events: int | None = None
    stretches: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "sequence": self.name,
            "input": self.input,
            "frames": self.frames,
            "outputs": [str(path) for path in self.outputs],
            "lost": self.damage.lost,
            "flagged": self.damage.flagged,
            "reasons": self.damage.reasons,
            "scaled": self.scaled,
            "warnings": self.warnings,
            "absurd": self.absurd,
            "error": None if self.error is None else str(self.error),
            "already": self.already,
        }


@dataclass(slots=True)
class RunReport:
    """What became of all inputs, in their order."""

    sequences: list[SequenceReport] = field(default_factory=list)
    left: int = 0
    """Inputs that were not begun, for somebody interrupted the run."""

    @property
    def exit_code(self) -> int:
        """0 fine, 1 all failed, 3 some failed, 4 decoded with damage, 130 interrupted."""
        if self.left:
            return INTERRUPTED
        failed = [report.error for report in self.sequences if report.error is not None]
        if failed:
            return failed[0].exit_code if len(failed) == len(self.sequences) else SOME_INPUTS_FAILED
        stopped = next((report.interrupted for report in self.sequences if report.interrupted), 0)
        if stopped:
            return stopped
        return DECODED_WITH_DAMAGE if any(report.damage for report in self.sequences) else 0

    def raise_first(self) -> None:
        """Raise the first input's failure, if any input failed."""
        for report in self.sequences:
            if report.error is not None:
                report.error.report = self
                raise report.error
