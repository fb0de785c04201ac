"""Objects in real video, from subtraction to ids, against boxes and ids that are known.

    python benchmarks/tracks.py TRACKS VIDEO [--only NAME ...] [--candidates] [--keep FOLDER]
                                [--settings 3] [--quality fast] [--feedback] [--absent]

TRACKS holds vtest.gt.txt, and tud_campus, sleap_flies, tracktor_mouse with `input.*` and truth;
VIDEO holds vtest.avi; street.mp4 is the repository's. A line a sequence: IDF1, MOTA, HOTA at half
an overlap of boxes; ids that a true object is given; ids in all; boxes a frame that touch nobody
known (less than a tenth of an overlap); milliseconds of processor time a frame that `group` takes.
Rows of vtest's truth with confidence 0 are neither wanted nor punished. The mouse is a point: how
many ids its boxes have, in how many frames the commonest of them is there, and other boxes a frame.

`--candidates` leaves out what tracks decide, `--keep` keeps masks, so that a second run is quicker.
A single decision about two people moves vtest by .1: `--settings 3` takes the video as it is,
mirrored left to right, and from its fourth frame on, a line each, and a line with the means (shifts
by some pixels are no setting: up and down they change nothing, bit for bit). `--absent` neither
wants nor punishes the person whom vtest's truth leaves out (frames 66 to 174, from the stairs at
the back to the left), as rows with confidence 0. `--feedback` lets objects tell `subtract` of
places, whose masks are then made anew.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from segment import pipeline
from segment.background import PosteriorSubtractor
from segment.frame import Frame
from segment.grouping import NeuralGrouper
from segment.grouping.tracks.naming import TrackNamer
from segment.masks import clean
from segment.measures.tracks import TrackScore
from segment.scores.objects import Boxes, boxes_of
from segment.video import open_frames

STREET = Path(__file__).parents[1] / "videos"
COLUMNS = ("idf1", "mota", "hota", "ids/one", "ids", "nobody", "ms")
NOTHING = boxes_of(np.zeros((1, 1), np.int32))
DELAY = 0.8  # seconds, as on the command line
SETTINGS = ((False, 0), (True, 0), (False, 3))  # of chance: mirrored, frames left out at first
# Boxes by hand, by frame, of one who walks at the back of vtest and has no rows.
ABSENT = {
    66: (280, 54, 296, 82),
    78: (276, 54, 288, 82),
    90: (250, 56, 263, 89),
    104: (212, 63, 228, 96),
    118: (173, 69, 190, 105),
    132: (130, 78, 147, 116),
    146: (86, 87, 102, 125),
    160: (40, 95, 54, 136),
    172: (0, 106, 13, 146),
    174: (0, 106, 8, 146),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--candidates", action="store_true", help="ids for all that is followed")
    parser.add_argument("--number", action="store_true", help="tell the number of animals")
    parser.add_argument("--delay", type=float, default=DELAY)
    parser.add_argument("--keep", type=Path, help="folder for masks")
    parser.add_argument("--quality", choices=("fast", "best"), default="best")
    parser.add_argument("--feedback", action="store_true", help="objects tell subtract of places")
    parser.add_argument("--absent", action="store_true", help="who has no rows is no error")
    parser.add_argument("--settings", type=int, choices=(1, 2, 3), default=1, help="of chance")
    options = parser.parse_args()
    if options.feedback and (options.settings > 1 or options.candidates):
        parser.error("--feedback goes with neither --settings nor --candidates")
    T = options.tracks
    # Video, truth, frames, number of animals.
    sequences = {
        "vtest": (options.video / "vtest.avi", T / "vtest.gt.txt", 400, None),
        "street": (STREET / "street.mp4", STREET / "street.ids.mkv", 275, None),
        "tud_campus": (T / "tud_campus/input.mkv", T / "tud_campus/gt.txt", 71, None),
        "sleap_flies": (T / "sleap_flies/input.mp4", T / "sleap_flies/gt.txt", 1500, 2),
        "tracktor_mouse": (
            T / "tracktor_mouse/input.mp4",
            T / "tracktor_mouse/tracked.csv",
            1000,
            1,
        ),
    }
    print(
        f"{'':16}"
        + "".join(f"{c:>9}" for c in ("idf1", "mota", "hota", "ids/one", "ids", "nobody", "ms"))
    )
    for name, (path, truth, length, number) in sequences.items():
        if options.only and name not in options.only:
            continue
        told = number if options.number else None
        rows = []
        for setting in SETTINGS[: options.settings]:
            spent = [0.0]
            frames = followed(path, length, options, told, spent, setting)
            if truth.suffix == ".csv":
                values = mouse(frames, truth)
            else:
                values = score(frames, truth, absent=options.absent and name == "vtest")
            print(f"{name:16}{values}{1e3 * spent[0] / length:9.1f}", flush=True)
            rows.append(values.split())
        if len(rows) > 1 and truth.suffix != ".csv":
            means = np.array(rows, np.float64).mean(0)
            print(f"{'  mean':16}" + "".join(f"{value:9.3f}" for value in means), flush=True)


def followed(
    path: Path,
    length: int,
    options: argparse.Namespace,
    number: int | None,
    spent: list[float],
    setting: tuple[bool, int],
) -> Iterator[Frame]:
    """Frames with ids; seconds that grouping took are added to `spent`."""
    mirrored, first = setting

    def turned(picture: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture

    grouper = NeuralGrouper()
    with open_frames(path) as source:
        rate = float(source.info.rate)
        namer, delay = TrackNamer(rate, number=number), round(options.delay * rate)
        if options.feedback:
            subtractor = PosteriorSubtractor(quality=options.quality)
            frames = islice(source, length)
            yield from pipeline.joint(frames, subtractor, grouper, namer, delay=delay)
            return
        masks = masks_of(path, length, options)

        def group() -> Iterator[Frame]:
            pairs = zip(islice(source, length), masks, strict=False)
            for frame, mask in islice(pairs, first, None):
                image = turned(frame.image)
                mask = clean(turned(mask))
                begun = time.process_time()
                labels = grouper.group(image, mask)
                spent[0] += time.process_time() - begun
                yield Frame(image, frame.index, frame.time, frame.sequence, labels=labels)

        found = group() if options.candidates else pipeline.decide(group(), namer, delay=delay)
        for frame in found:
            labels = turned(frame.labels)
            yield Frame(turned(frame.image), frame.index, frame.time, frame.sequence, labels=labels)


def masks_of(path: Path, length: int, options: argparse.Namespace) -> Iterator[np.ndarray]:
    """Masks of a video's first frames, before `clean`, from a file where they were kept."""
    held = None
    if options.keep is not None:
        held = options.keep / f"{path.parent.name}-{path.stem}-{length}-{options.quality}.npz"
    if held is None or not held.exists():
        subtractor, packed = PosteriorSubtractor(quality=options.quality), []
        with open_frames(path) as source:
            for frame in islice(source, length):
                packed.append(np.packbits(subtractor.apply(frame.image), axis=1))
                width = frame.image.shape[1]
        table = np.stack(packed)
        if held is not None:
            held.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(held, masks=table, width=width)
    else:
        with np.load(held) as found:
            table, width = found["masks"], int(found["width"])
    for one in table:
        yield np.unpackbits(one, axis=1, count=width).astype(bool)


def known(truth: Path) -> dict[int, Boxes]:
    """Boxes of every frame, from labels or MOT text with a confidence."""
    if truth.suffix == ".mkv":
        with open_frames(truth) as frames:
            return {f.index: boxes_of(f.image[:, :, 0].astype(np.int32)) for f in frames}
    rows = defaultdict(list)
    for line in truth.read_text().split():
        values = [float(value) for value in line.split(",")]
        rows[int(values[0]) - 1].append(values)
    found = {}
    for index, held in rows.items():
        table = np.array(held)
        corner = table[:, 2:4] - 1
        places = np.concatenate([corner, corner + table[:, 4:6]], axis=1)
        found[index] = Boxes(table[:, 1].astype(np.int64), places, table[:, 6] == 0)
    return found


def with_absent(truth: dict[int, Boxes]) -> dict[int, Boxes]:
    """The truth of vtest with the one who has no rows, neither wanted nor punished."""
    keys = np.array(sorted(ABSENT))
    places = np.array([ABSENT[key] for key in keys.tolist()], np.float64)
    found = dict(truth)
    for index in range(int(keys[0]), int(keys[-1]) + 1):
        place = [float(np.interp(index, keys, column)) for column in places.T]
        old = found.get(index, NOTHING)
        found[index] = Boxes(
            np.append(old.numbers, 0),
            np.append(old.places, [place], axis=0),
            np.append(old.ignored, True),
        )
    return found


def score(frames: Iterator[Frame], path: Path, absent: bool = False) -> str:
    """What is found against boxes that are true, as the middle of a line."""
    truth, measures = known(path), TrackScore()
    if absent:
        truth = with_absent(truth)
    nobody, seen, given = 0, set(), defaultdict(set)
    for frame in frames:
        ours, theirs = (
            boxes_of(frame.labels),
            truth.get(frame.index, boxes_of(np.zeros((1, 1), int))),
        )
        seen.update(ours.numbers.tolist())
        if not min(truth) <= frame.index <= max(truth):
            continue
        measures.count_boxes(
            ours.numbers, ours.places, theirs.numbers, theirs.places, theirs.ignored
        )
        common = overlaps(theirs.places, ours.places)
        nobody += int((common.max(0, initial=0) < 0.1).sum())
        for i, row in enumerate(common):
            if len(row) and row.max() >= 0.5 and not theirs.ignored[i]:
                given[int(theirs.numbers[i])].add(int(ours.numbers[row.argmax()]))
    each = np.mean([len(ids) for ids in given.values()]) if given else 0.0
    return (
        f"{measures.idf1:9.3f}{measures.mota:9.3f}{measures.hota:9.3f}{each:9.2f}{len(seen):9}"
        f"{nobody / len(truth):9.2f}"
    )


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    begin = np.maximum(one[:, None, :2], other[None, :, :2])
    end = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.clip(end - begin, 0, None).prod(2)
    area, area_other = ((b[:, 2:] - b[:, :2]).prod(1) for b in (one, other))
    return common / (area[:, None] + area_other - common)


def mouse(frames: Iterator[Frame], path: Path) -> str:
    """Ids at the place of the mouse, share of frames of the commonest, other boxes a frame."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    places = {int(float(row[1])) - 1: (float(row[2]), float(row[3])) for row in rows}
    at: Counter[int] = Counter()
    length = others = 0
    for frame in frames:
        if frame.index not in places:
            continue
        length += 1
        found, (x, y) = boxes_of(frame.labels), places[frame.index]
        left, top, right, bottom = found.places.T
        inside = (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
        at.update(found.numbers[inside].tolist()[:1])
        others += int((~inside).sum())
    most = at.most_common(1)[0][1] if at else 0
    return f"  {len(at)} ids, one in {most / length:.1%}, {others / length:.2f} other boxes "


if __name__ == "__main__":
    main()
