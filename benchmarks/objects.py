"""What a grouper is worth: frames, identities and counts, against exact truth.

    python benchmarks/objects.py [--movi DATA] [--groupers NAME ...] [--sequences 40] [--seed 1000]

Drawn crowds: people, cars and animals that cross, meet, queue, overtake and wander, seeds that
nothing was chosen by; with their exact foreground and with a subtractor's mistakes (holes, ragged
edges, missing parts), as they are and after `clean`. Where pixels of an object are not in the
foreground, nobody can label them: they do not count. DATA is a folder of MOVi clips (npz with
`video` and `segmentations`), whose foreground is the truth's. Milliseconds are processor time a
frame.
"""

import argparse
import inspect
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from segment import grouping
from segment.masks import clean
from segment.neural.scenes.silhouettes import STORIES, CrowdSettings, crowd
from segment.scores.tracks import TrackScore

COLUMNS = ("frame_ari", "sequence_ari", "idf1", "hota", "switches", "count_error")
Clip = tuple[str, np.ndarray, np.ndarray, np.ndarray]  # name, images, foreground, truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--movi", type=Path, help="folder of npz clips")
    parser.add_argument("--groupers", nargs="+", choices=grouping.__all__, default=None)
    parser.add_argument("--sequences", type=int, default=40, help="drawn sequences")
    parser.add_argument("--seed", type=int, default=1000, help="of the first drawn sequence")
    parser.add_argument("--each", action="store_true", help="a line for every clip, too")
    options = parser.parse_args()
    names = options.groupers or [name for name in grouping.__all__ if needs_mask(name)]
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
