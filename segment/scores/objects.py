"""Labels in files against a truth of identities in files, sequence by sequence."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segment.arrays import Labels
from segment.errors import NoFrames, UnreadableInput
from segment.scores.pairing import ID_NAMES, LABEL_NAMES, pair
from segment.scores.sequences import numbered
from segment.scores.tracks import TrackScore
from segment.video import open_frames

__all__ = ["ObjectScore", "score_objects"]


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """The score of one sequence.

    Attributes
    ----------
    name : what labels and truth are both called.
    score : measures of objects and identities.
    """

    name: str
    score: TrackScore

    def as_dict(self) -> dict[str, Any]:
        """All by name, flat, ready for JSON; None for what there is no measure of."""
        values = self.score.as_dict()
        return {
            "name": self.name,
            "frames": self.score.frames,
            **{name: None if value != value else value for name, value in values.items()},
        }


def score_objects(labels: str | Path, truth: str | Path, skip: int = 0) -> list[ObjectScore]:
    """Score every sequence of `labels` that has a `truth` of identities.

    Labels are folders of pictures, 8 or 16 bits a pixel, as `export --as labels` writes them, or
    trees of these; truth the same, or grey videos (`street.ids.mkv`). 0 is background, any
    other number an object that keeps it over the sequence. Frames belong together by number;
    those that only one side has are not scored, nor the first `skip`.

    Raises `UnreadableInput` and `NoFrames`.
    """
    if skip < 0:
        raise ValueError(f"skip is {skip} frames, wanted 0 or more")
    found = pair(Path(labels), Path(truth), LABEL_NAMES, ID_NAMES)
    return [ObjectScore(name, _score(ours, theirs, skip)) for name, ours, theirs in found]


def _score(labels: Path, truth: Path, skip: int) -> TrackScore:
    score = TrackScore()
    with closing(_read(labels)) as ours, closing(_read(truth)) as theirs:
        mine = next(ours, None)
        for number, wanted in theirs:
            while mine is not None and mine[0] < number:
                mine = next(ours, None)
            if number < skip or mine is None or mine[0] > number:
                continue
            try:
                score.count(mine[1], wanted)
            except ValueError as error:
                raise UnreadableInput(f"{labels} and {truth}, frame {number}: {error}") from None
    if not score.frames:
        raise NoFrames(f"{labels} and {truth} have no frame in common from frame {skip} on")
    return score


def _read(path: Path) -> Generator[tuple[int, Labels], None, None]:
    """Yield number and labels (H, W) int32 of each frame, numbers rising."""
    if path.is_dir():
        import cv2

        for number, file in numbered(path):
            picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if picture is None:
                raise UnreadableInput(f"{file} cannot be read as a picture")
            if picture.ndim != 2:
                raise UnreadableInput(f"{file} is a colour picture, wanted one number a pixel")
            yield number, np.asarray(picture, np.int32)
        return
    with open_frames(path) as frames:
        for frame in frames:
            if frame.image.shape[2] != 1:
                raise UnreadableInput(f"{path} is in colour, wanted one number a pixel")
            yield frame.index, frame.image[:, :, 0].astype(np.int32)
        if frames.damage.lost:
            raise UnreadableInput(
                f"{path} is damaged, {frames.damage.lost} frames are lost: which of the others "
                "is which cannot be told"
            )
