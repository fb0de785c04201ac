"""What a grouper is worth: frames, identities and counts, against exact truth.

    python benchmarks/objects.py [--movi DATA] [--groupers NAME ...] [--sequences 40] [--seed 1000]
    python benchmarks/objects.py --vtest DIR [--groupers NAME ...]
    python benchmarks/objects.py --movi DATA --pixels

Drawn crowds: people, cars and animals that cross, meet, queue, overtake and wander, seeds that
nothing was chosen by; with their exact foreground and with a subtractor's mistakes (holes, ragged
edges, missing parts), as they are and after `clean`. Where pixels of an object are not in the
foreground, nobody can label them: they do not count. DATA is a folder of MOVi clips (npz with
`video` and `segmentations`), whose foreground is the truth's. Milliseconds are processor time a
frame.

With `--vtest` nothing but real video: `vtest.avi` in DIR from its first frame, subtracted and
cleaned in three ways, against the boxes by hand of tests/vtest (40 frames).

With `--pixels` nothing is given but the pictures of the MOVi clips, and the pixels of true objects
are scored: whole pictures by `MixtureGrouper`, which is what `group` does without `subtract`, over
the clip and each picture anew; `subtract clean group`; and Felzenszwalb's graphs at three scales,
whose ids do not last.
"""

import argparse
import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from segment import grouping
from segment.background import GaussianMixtureSubtractor, PosteriorSubtractor
from segment.masks import clean
from segment.measures.tracks import TrackScore
from segment.neural.scenes.silhouettes import STORIES, CrowdSettings, crowd
from segment.protocols import Subtractor
from segment.scores.objects import boxes_of, read_boxes
from segment.video import open_frames

COLUMNS = ("frame_ari", "sequence_ari", "idf1", "hota", "switches", "count_error")
WITH_BOXES = ("idf1", "hota", "mota", "switches", "count_error")
# What stands before the grouper on the command line, the subtractor, and the opening of `clean`.
CHAINS = (
    ("subtract clean", PosteriorSubtractor, 0),
    ("subtract clean --opening 5", PosteriorSubtractor, 5),
    ("subtract-mixture clean", GaussianMixtureSubtractor, 0),
)
VTEST = Path(__file__).parents[1] / "tests" / "vtest" / "truth.txt"
Clip = tuple[str, np.ndarray, np.ndarray, np.ndarray]  # name, images, foreground, truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--movi", type=Path, help="folder of npz clips")
    parser.add_argument("--pixels", action="store_true", help="no foreground is given; with --movi")
    parser.add_argument("--vtest", type=Path, help="folder of vtest.avi; score on it alone")
    parser.add_argument("--groupers", nargs="+", choices=grouping.__all__, default=None)
    parser.add_argument("--sequences", type=int, default=40, help="drawn sequences")
    parser.add_argument("--seed", type=int, default=1000, help="of the first drawn sequence")
    parser.add_argument("--each", action="store_true", help="a line for every clip, too")
    options = parser.parse_args()
    names = options.groupers or [name for name in grouping.__all__ if needs_mask(name)]
    if options.vtest:
        vtest(options.vtest / "vtest.avi", names)
        return
    if options.pixels:
        if not options.movi:
            parser.error("--pixels needs --movi DATA")
        pixels(list(movi(options.movi)), options.each)
        return
    sets: dict[str, list[Clip]] = {
        "drawn": list(drawn(options.seed, options.sequences, noise=0.0)),
        "drawn, noisy": list(drawn(options.seed, options.sequences, noise=1.0)),
    }
    sets["noisy, cleaned"] = [
        (name, images, np.stack([clean(mask) for mask in masks]), truth)
        for name, images, masks, truth in sets["drawn, noisy"]
    ]
    if options.movi:
        sets["MOVi"] = list(movi(options.movi))
    for title, clips in sets.items():
        print(f"\n{title + f' ({len(clips)})':22}" + "".join(f"{c:>14}" for c in COLUMNS) + "   ms")
        for name in names:
            table, spent, frames = [], 0.0, 0
            for clip, images, masks, truth in clips:
                score, seconds = judge(name, images, masks, truth)
                table.append([getattr(score, column) for column in COLUMNS])
                spent, frames = spent + seconds, frames + len(images)
                if options.each:
                    print(f"  {clip:20}" + "".join(f"{value:14.3f}" for value in table[-1]))
            mean = np.nanmean(table, axis=0)
            print(f"{name:22}" + "".join(f"{value:14.3f}" for value in mean), end="")
            print(f"{1e3 * spent / frames:7.2f}", flush=True)


def needs_mask(name: str) -> bool:
    """Whether a grouper is for what a subtractor found, and starts with no arguments."""
    needed = [p.default for p in inspect.signature(getattr(grouping, name)).parameters.values()]
    return inspect.Parameter.empty not in needed


def drawn(seed: int, count: int, noise: float) -> Iterator[Clip]:
    """Sequences of all stories in turn."""
    for k in range(count):
        story = STORIES[k % len(STORIES)]
        one = crowd(seed + k, CrowdSettings(stories=(story,), noise=noise))
        yield f"{seed + k} {story}", one.images, one.foreground, one.truth


def movi(folder: Path) -> Iterator[Clip]:
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as held:
            video = held["video"]
            truth = held["segmentations"].reshape(video.shape[:3]).astype(np.int32)
        yield path.stem, video, truth > 0, truth


def pixels(clips: list[Clip], each: bool) -> None:
    """Print what is found in pictures alone."""
    print(f"\n{f'pixels of MOVi ({len(clips)})':34}     frame_ari  sequence_ari      ms")
    for title, begin in from_pixels().items():
        table, seconds, frames = [], 0.0, 0
        for name, images, _, truth in clips:
            group, score = begin(), TrackScore()
            for image, true in zip(images, truth, strict=True):
                begun = time.process_time()
                labels = group(image)
                seconds, frames = seconds + time.process_time() - begun, frames + 1
                score.count(labels, true, true > 0)
            table.append((score.frame_ari, score.sequence_ari))
            if each:
                print(f"  {name:32}{table[-1][0]:14.3f}{table[-1][1]:14.3f}")
        mean = np.nanmean(table, axis=0)
        print(f"{title:34}{mean[0]:14.3f}{mean[1]:14.3f}{1e3 * seconds / frames:8.1f}", flush=True)


def from_pixels() -> dict[str, Callable[[], Callable[[np.ndarray], np.ndarray]]]:
    """By title, what begins a new sequence and returns a function from pictures to labels."""
    from skimage.segmentation import felzenszwalb

    def chain() -> Callable[[np.ndarray], np.ndarray]:
        subtractor, grouper = PosteriorSubtractor(), grouping.NeuralGrouper()
        return lambda image: grouper.group(image, clean(subtractor.apply(image)))

    def graph(scale: int) -> Callable[[], Callable[[np.ndarray], np.ndarray]]:
        return lambda: lambda image: felzenszwalb(image, scale=scale, sigma=0.8, min_size=20) + 1

    return {
        "group (as group-mixture)": lambda: grouping.MixtureGrouper().group,
        "  judges unasked": lambda: grouping.MixtureGrouper(judges="unasked").group,
        "  each picture anew": lambda: lambda image: grouping.MixtureGrouper().group(image),
        "subtract clean group": chain,
        **{f"Felzenszwalb, scale {scale}": graph(scale) for scale in (100, 200, 400)},
    }


def vtest(path: Path, names: list[str]) -> None:
    """Print what each grouper makes of real video, the whole chain before it."""
    truth = read_boxes(VTEST)
    for title, kind, opening in CHAINS:
        images, masks = seen(path, max(truth) + 1, kind(), opening)
        print(f"\n{title:50}" + "".join(f"{c:>13}" for c in WITH_BOXES) + "     ms")
        for name in names:
            grouper, score, seconds = getattr(grouping, name)(), TrackScore(), 0.0
            for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
                begun = time.process_time()
                labels = grouper.group(image, mask)
                seconds += time.process_time() - begun
                if index in truth:
                    found, true = boxes_of(labels), truth[index]
                    score.count_boxes(
                        found.numbers, found.places, true.numbers, true.places, true.ignored
                    )
            values = "".join(f"{getattr(score, column):13.3f}" for column in WITH_BOXES)
            print(f"{name:50}{values}{1e3 * seconds / len(images):7.2f}", flush=True)


def seen(
    path: Path, length: int, subtractor: Subtractor, opening: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the first frames of a video and their foreground."""
    images, masks = [], []
    with open_frames(path) as frames:
        for frame in islice(frames, length):
            images.append(frame.image)
            masks.append(clean(subtractor.apply(frame.image), opening=opening))
    return images, masks


def judge(
    name: str, images: Iterable[np.ndarray], masks: np.ndarray, truth: np.ndarray
) -> tuple[TrackScore, float]:
    """Score a new grouper of this name on one clip; also its processor time in seconds."""
    grouper, score, seconds = getattr(grouping, name)(), TrackScore(), 0.0
    for image, mask, true in zip(images, masks, truth, strict=True):
        begun = time.process_time()
        labels = grouper.group(image, mask)
        seconds += time.process_time() - begun
        score.count(labels, true, mask)
    return score, seconds


if __name__ == "__main__":
    main()
