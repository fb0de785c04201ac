"""Labels in files against a truth of identities in files, sequence by sequence."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Labels
from segment.errors import NoFrames, UnreadableInput
from segment.measures.tracks import TrackScore
from segment.scores.pairing import ID_NAMES, LABEL_NAMES, find, pair
from segment.scores.places import Places, places_of, shift_between
from segment.scores.sequences import numbered, numbers_of
from segment.video import open_frames

__all__ = ["Boxes", "ObjectScore", "boxes_of", "read_boxes", "score_objects"]


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


@dataclass(frozen=True, slots=True)
class Boxes:
    """The objects of one frame as boxes.

    Attributes
    ----------
    numbers : (N,) who they are.
    places : (N, 4) left, top, right, bottom, pixels from 0; the last two are exclusive.
    ignored : (N,) bool, those that need not be found.
    """

    numbers: NDArray[np.int64]
    places: NDArray[np.float64]
    ignored: NDArray[np.bool_]


def score_objects(labels: str | Path, truth: str | Path, skip: int = 0) -> list[ObjectScore]:
    """Score every sequence of `labels` that has a `truth` of identities.

    Labels are folders of pictures, 8 or 16 bits a pixel, as `export --as labels` writes them, or
    trees of these; truth the same, or grey videos (`street.ids.mkv`). 0 is background, any
    other number an object that keeps it over the sequence. Frames belong together by number;
    those that only one side has are not scored, nor the first `skip`.

    A truth that is a text file (`.txt`) holds boxes of one sequence as the MOT challenges have
    them, see `read_boxes`. Then the boxes of the labels are compared; or those of `mot.txt`, as
    `export --as mot` writes it, where there are no labels. Every frame from the first to the
    last that the truth names is scored.

    Raises `UnreadableInput` and `NoFrames`.
    """
    if skip < 0:
        raise ValueError(f"skip is {skip} frames, wanted 0 or more")
    if Path(truth).suffix.lower() == ".txt":
        return [_score_boxes(Path(labels), Path(truth), skip)]
    found = pair(Path(labels), Path(truth), LABEL_NAMES, ID_NAMES)
    return [ObjectScore(name, _score(ours, theirs, skip)) for name, ours, theirs in found]


def boxes_of(labels: Labels) -> Boxes:
    """The box around each object of `labels`, (H, W) integers, 0 is background."""
    from scipy.ndimage import find_objects

    numbers, index = np.unique(labels, return_inverse=True)
    around = find_objects(index.reshape(labels.shape) + 1)
    places = [(c.start, r.start, c.stop, r.stop) for r, c in around]
    kept = numbers != 0
    return Boxes(
        numbers[kept].astype(np.int64),
        np.array(places, np.float64).reshape(-1, 4)[kept],
        np.zeros(int(kept.sum()), np.bool_),
    )


def read_boxes(path: str | Path) -> dict[int, Boxes]:
    """Read MOT text: what each frame that it names holds, by the frame's number from 0.

    A line is `frame,id,left,top,width,height` and maybe a flag and more. Frames and pixels count
    from 1 there. In a truth (nine fields: the last are class and visibility) a flag of 0 says
    that this one need not be found; elsewhere it is a confidence, and says nothing here.

    Raises `UnreadableInput`, which names the line.
    """
    rows: dict[int, dict[int, tuple[float, ...]]] = {}
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{path} cannot be read as text: {error}") from None
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = [float(value) for value in line.split(",")]
            frame, number, left, top, width, height, *rest = values
            sound = np.isfinite(values).all() and frame >= 1 and width > 0 and height > 0
            if not sound or frame % 1 or number % 1:
                raise ValueError
        except ValueError:
            raise UnreadableInput(
                f"{path}, line {at} is {line[:60]!r}, wanted "
                "frame,id,left,top,width,height,... with frames from 1"
            ) from None
        ignored = len(rest) == 3 and rest[0] == 0
        held = rows.setdefault(int(frame) - 1, {})
        if int(number) in held:
            raise UnreadableInput(f"{path}, line {at}: frame {int(frame)} has {int(number)} twice")
        held[int(number)] = (left - 1, top - 1, left - 1 + width, top - 1 + height, ignored)
    found = {}
    for frame, held in sorted(rows.items()):
        table = np.array(list(held.values()), np.float64)
        numbers = np.array(list(held), np.int64)
        found[frame] = Boxes(numbers, table[:, :4], table[:, 4] > 0)
    return found


def _score_boxes(labels: Path, truth: Path, skip: int) -> ObjectScore:
    wanted = read_boxes(truth)
    if not wanted:
        raise NoFrames(f"{truth} names no frame")
    name, frames = _boxes(labels)
    score, nothing = TrackScore(), boxes_of(np.zeros((1, 1), np.int32))
    with closing(frames):
        for number, ours in frames:
            if number > max(wanted):
                break
            if number < max(skip, min(wanted)):
                continue
            theirs = wanted.get(number, nothing)
            score.count_boxes(
                ours.numbers, ours.places, theirs.numbers, theirs.places, theirs.ignored
            )
    if not score.frames:
        raise NoFrames(f"{labels} and {truth} have no frame in common from frame {skip} on")
    return ObjectScore(name, score)


def _boxes(root: Path) -> tuple[str, Generator[tuple[int, Boxes], None, None]]:
    """Name and frames of the one sequence at or below `root`: labels, or else MOT text."""
    texts = sorted(root.rglob("mot.txt")) if root.is_dir() else []
    if root.is_file() and root.suffix.lower() == ".txt":
        texts, labels = [root], []
    elif texts:  # other pictures beside them are no labels
        folders = sorted(path for path in [root, *root.rglob("*")] if path.is_dir())
        labels = [path for path in folders if path.name in LABEL_NAMES]
    else:
        labels = [one.path for one in find(root, LABEL_NAMES)]
    sequences = labels or texts
    if len(sequences) != 1:
        raise UnreadableInput(
            f"{root} holds {len(sequences)} sequences, but the truth is of one; name its folder"
        )
    name = sequences[0].resolve().parent.name
    if labels:
        # MOT counts from 1, and so do the labels of pictures whose names do.
        shift = -1 if places_of(labels[0]).first else 0
        return name, ((number, boxes_of(one)) for number, one in _read(labels[0], shift))
    return name, _lines(texts[0])


def _lines(path: Path) -> Generator[tuple[int, Boxes], None, None]:
    """Yield the frames of MOT text, and as empty those that it does not name."""
    held, nothing = read_boxes(path), boxes_of(np.zeros((1, 1), np.int32))
    number = 0
    # What was found may end before the truth does; nobody can tell from the file.
    while True:
        yield number, held.get(number, nothing)
        number += 1


def _score(labels: Path, truth: Path, skip: int) -> TrackScore:
    score = TrackScore()
    places = places_of(labels)
    have, wanted_numbers = numbers_of(labels, places), numbers_of(truth, Places())
    shift = shift_between(labels.name, have, wanted_numbers, places)
    with closing(_read(labels, shift)) as ours, closing(_read(truth)) as theirs:
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


def _read(path: Path, shift: int = 0) -> Generator[tuple[int, Labels], None, None]:
    """Yield number (and `shift`) and labels (H, W) int32 of each frame, numbers rising."""
    if path.is_dir():
        import cv2

        for number, file in numbered(path):
            picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if picture is None:
                raise UnreadableInput(f"{file} cannot be read as a picture")
            if picture.ndim != 2:
                raise UnreadableInput(f"{file} is a colour picture, wanted one number a pixel")
            yield number + shift, np.asarray(picture, np.int32)
        return
    with open_frames(path) as frames:
        for frame in frames:
            if frame.image.shape[2] != 1:
                raise UnreadableInput(f"{path} is in colour, wanted one number a pixel")
            yield frame.index + shift, frame.image[:, :, 0].astype(np.int32)
        if frames.damage.lost:
            raise UnreadableInput(
                f"{path} is damaged, {frames.damage.lost} frames are lost: which of the others "
                "is which cannot be told"
            )
