"""Masks in files against truth in files, sequence by sequence."""

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
from segment.measures.change import MEASURES, ChangeScore
from segment.scores.pairing import pair
from segment.scores.places import Places, check_missing, places_of, shift_between
from segment.video import open_frames
from segment.video.decode import PICTURES
from segment.video.numbers import number_in
from segment.video.source import natural

Grey = NDArray[np.uint8]


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
    from 1; of pictures without numbers the order. The `run.json` beside our own `masks/` and
    `masks.mkv` says which frames of the input they are. Masks may be of every n-th frame, from
    anywhere to anywhere, or lack what the input lacks by that file; then the frames that both have
    are scored, and the log is told. Other gaps are errors.

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
    places = places_of(masks)
    have = numbers_of(masks, places)
    shift = shift_between(name, have, numbers_of(truth, Places()), places)
    named = Places(pictures=places.pictures)
    with closing(_read(masks, places, shift)) as ours, closing(_read(truth, named)) as theirs:
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
    if not frames:
        raise NoFrames(
            f"{masks} and {truth} have no frame in common from frame {skip} on; masks are "
            f"numbered {_span(have)}, the truth {_span(numbers_of(truth, Places()))}"
        )
    check_missing(masks, truth, missing, of, explained=_is_regular(masks, have, places))
    return SequenceScore(name, frames, of, score)


def _as_mask(values: Grey) -> Mask:
    if values.max(initial=0) == 1:
        raise ValueError("the mask holds 0 and 1; wanted 0 and 255 (multiply it by 255)")
    return values >= 128


def _span(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if numbers else "not at all"


def _is_regular(masks: Path, numbers: Sequence[int], places: Places) -> bool:
    """Whether masks are every n-th frame of some range, or all that a whole run has seen."""
    if places.numbers is not None:
        return tuple(numbers) == places.numbers
    return masks.is_dir() and len({after - before for before, after in pairwise(numbers)}) <= 1


def numbers_of(path: Path, places: Places) -> Sequence[int]:
    """Return the numbers of the frames of a folder or video, without reading its pixels."""
    if path.is_dir():
        return [number for number, _ in numbered(path)]
    if places.numbers is not None:
        return places.numbers
    with open_frames(path) as frames:
        return range(frames.info.length or 0)


def _read(path: Path, places: Places, shift: int = 0) -> Generator[tuple[int, Grey], None, None]:
    """Yield number (and `shift`) and grey values (H, W) uint8 of each frame, numbers rising."""
    read = _read_pictures if path.is_dir() else _read_video
    for number, values in read(path, places):
        yield number + shift, values


def _read_pictures(folder: Path, places: Places) -> Generator[tuple[int, Grey], None, None]:
    import cv2

    for number, path in numbered(folder, places):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise UnreadableInput(f"{path} cannot be read as a picture")
        if picture.dtype != np.uint8:
            raise UnreadableInput(f"{path} is {picture.dtype}, wanted 8 bits a pixel")
        if picture.ndim == 3:
            # Of three equal channels each is the grey value; what is transparent is black.
            alpha = picture[:, :, 3] if picture.shape[2] == 4 else None
            picture = cv2.cvtColor(picture[:, :, :3], cv2.COLOR_BGR2GRAY)
            if alpha is not None:
                picture[alpha < 128] = 0
        yield number, np.asarray(picture, np.uint8)


def numbered(folder: Path, places: Places | None = None) -> list[tuple[int, Path]]:
    """Return the pictures of a folder with their frames' numbers, rising.

    Pictures that are called like those of an input whose names count nothing have the numbers
    that `places` gives them.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    paths = sorted((path for path in paths if path.is_file()), key=lambda path: natural(path.name))
    given = places.pictures if places is not None else {}
    if given and paths and all(path.stem in given for path in paths):
        return sorted((given[path.stem], path) for path in paths)
    numbers = [number_in(path.stem) for path in paths]
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


def _read_video(path: Path, places: Places) -> Generator[tuple[int, Grey], None, None]:
    import cv2

    count = 0
    with open_frames(path) as frames:
        for count, frame in enumerate(frames, 1):
            values = frame.image[:, :, 0]
            if frame.image.shape[2] == 3:
                values = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), np.uint8)
            if places.numbers is None:
                yield frame.index, values
            elif count <= len(places.numbers):
                yield places.numbers[count - 1], values
        if frames.damage.lost:
            raise UnreadableInput(
                f"{path} is damaged, {frames.damage.lost} frames are lost: which of the others "
                "is which cannot be told"
            )
    if places.numbers is not None and count != len(places.numbers):
        raise UnreadableInput(
            f"{path} holds {count} frames, but the run.json beside it tells of "
            f"{len(places.numbers)}: they are of two runs"
        )
