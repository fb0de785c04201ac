"""Masks in files against truth in files, sequence by sequence."""

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask
from segment.errors import NoFrames, UnreadableInput
from segment.scores.change import MEASURES, ChangeScore
from segment.scores.pairing import pair
from segment.video import open_frames
from segment.video.images import PICTURES
from segment.video.source import natural

Grey = NDArray[np.uint8]

# CDnet calls frames in000001, gt000001 and bin000001, and counts them from 1.
_CDNET = re.compile(r"(?:in|gt|bin)(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """The score of one sequence.

    Attributes
    ----------
    name : what masks and truth are both called.
    frames : how many were scored.
    of : how many have truth, from `skip` on; more than `frames` when only some have masks.
    score : counts and measures.
    """

    name: str
    frames: int
    of: int
    score: ChangeScore = field(default_factory=ChangeScore)

    def as_dict(self) -> dict[str, Any]:
        """All by name, flat, ready for JSON."""
        return {
            "name": self.name,
            "frames": self.frames,
            "of": self.of,
            **self.score.as_dict(),
        }


def score_sequences(masks: str | Path, truth: str | Path, skip: int = 1) -> list[SequenceScore]:
    """Score every sequence of `masks` that has `truth`; one frame of each is in memory.

    Each is a video, a folder of pictures, or a tree of these; see `segment.scores.pairing`.
    `skip` frames at the beginning are not scored, since no subtractor knows them.

    Frames belong together by number: of videos the order counts, from 0; of pictures the last
    number in the name, less one in CDnet's `gt000001`, `in000001` and `bin000001`, which count
    from 1; of pictures without numbers the order. A folder of masks may hold every n-th frame,
    from anywhere to anywhere; then the frames that both have are scored. Other gaps are errors.

    In masks, values from 128 up are foreground: 127 is OpenCV's shadow. Masks of 0 and 1 are
    refused. Raises `UnreadableInput` and `NoFrames`.
    """
    if skip < 0:
        raise ValueError(f"skip is {skip} frames, wanted 0 or more")
    return [
        _score(name, ours, theirs, skip) for name, ours, theirs in pair(Path(masks), Path(truth))
    ]


def mean_of(scores: Sequence[SequenceScore]) -> dict[str, float]:
    """Mean of each measure over sequences, each counting the same, as CDnet does."""
    if not scores:
        raise ValueError("no scores to take the mean of")
    return {
        name: sum(getattr(one.score, name) for one in scores) / len(scores) for name in MEASURES
    }


def _score(name: str, masks: Path, truth: Path, skip: int) -> SequenceScore:
    score = ChangeScore()
    frames = of = 0
    missing: list[int] = []
    with closing(_read(masks)) as ours, closing(_read(truth)) as theirs:
        mask = next(ours, None)
        for number, labels in theirs:
            if number < skip:
                continue
            of += 1
            while mask is not None and mask[0] < number:
                mask = next(ours, None)
            if mask is None or mask[0] > number:
                missing.append(number)
                continue
            try:
                score.count(_as_mask(mask[1]), labels)
            except ValueError as error:
                raise UnreadableInput(f"{masks} and {truth}, frame {number}: {error}") from None
            frames += 1
    if missing and not _is_regular(masks):
        some = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise UnreadableInput(
            f"{masks} has no mask for {len(missing)} of the {of} frames of {truth}: {some}"
        )
    if not frames:
        raise NoFrames(f"{masks} and {truth} have no frame in common from frame {skip} on")
    return SequenceScore(name, frames, of, score)


def _as_mask(values: Grey) -> Mask:
    if values.max(initial=0) == 1:
        raise ValueError("the mask holds 0 and 1; wanted 0 and 255 (multiply it by 255)")
    return values >= 128


def _is_regular(masks: Path) -> bool:
    """Whether the pictures in a folder are every n-th frame of some range."""
    if not masks.is_dir():
        return False
    numbers = [number for number, _ in numbered(masks)]
    return len({after - before for before, after in pairwise(numbers)}) <= 1


def _read(path: Path) -> Generator[tuple[int, Grey], None, None]:
    """Yield number and grey values (H, W) uint8 of each frame, numbers rising."""
    return _read_pictures(path) if path.is_dir() else _read_video(path)


def _read_pictures(folder: Path) -> Generator[tuple[int, Grey], None, None]:
    import cv2

    for number, path in numbered(folder):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise UnreadableInput(f"{path} cannot be read as a picture")
        if picture.dtype != np.uint8:
            raise UnreadableInput(f"{path} is {picture.dtype}, wanted 8 bits a pixel")
        if picture.ndim == 3:
            # Alpha is dropped; of three equal channels each is the grey value.
            picture = cv2.cvtColor(picture[:, :, :3], cv2.COLOR_BGR2GRAY)
        yield number, np.asarray(picture, np.uint8)


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """Return the pictures of a folder with their frames' numbers, rising."""
    paths = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    paths = sorted((path for path in paths if path.is_file()), key=lambda path: natural(path.name))
    numbers = [_number(path.stem) for path in paths]
    known = [number for number in numbers if number is not None]
    if not known:
        return list(enumerate(paths))
    if len(known) < len(paths):
        path = paths[numbers.index(None)]
        raise UnreadableInput(f"{path} has no frame number in its name, but others there have")
    if len(set(known)) < len(known):
        twice = next(number for number in known if known.count(number) > 1)
        raise UnreadableInput(f"{folder} has several pictures of frame {twice}")
    return sorted(zip(known, paths, strict=True))


def _number(stem: str) -> int | None:
    if cdnet := _CDNET.fullmatch(stem):
        return int(cdnet[1]) - 1
    digits: list[str] = re.findall(r"\d+", stem)
    return int(digits[-1]) if digits else None


def _read_video(path: Path) -> Generator[tuple[int, Grey], None, None]:
    import cv2

    with open_frames(path) as frames:
        for frame in frames:
            values = frame.image[:, :, 0]
            if frame.image.shape[2] == 3:
                values = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), np.uint8)
            yield frame.index, values
        if frames.damage.lost:
            raise UnreadableInput(
                f"{path} is damaged, {frames.damage.lost} frames are lost: which of the others "
                "is which cannot be told"
            )
