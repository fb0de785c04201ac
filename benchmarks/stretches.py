"""Where a film in stretches differs from one pass: masks by the distance from a border, and ids.

    python benchmarks/stretches.py VIDEO --stretch 20 --warm-up 2 5 10 20

The chain is `subtract clean group`, exported as masks and tracks. Told are the share of the masks'
pixels that differ, by seconds behind the nearest border before them, and as a share of what is
foreground in either; how many ids there are; and whether a second run gives the same bytes.
"""

import argparse
import csv
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

import segment

CHAIN = "subtract clean group export"
FORMATS = "--as masks --as tracks"
EDGES = (0, 1, 2, 5, 10, 20, 60, 1e9)  # seconds behind a border


def run(video, out, stop, cut=""):
    segment.run(f"{cut} read {video} {stop} {CHAIN} {out} {FORMATS}")
    return next(path for path in Path(out).iterdir() if path.is_dir())


def compare(one, other):
    """Rows of (from, to seconds behind a border, frames, share of pixels, share of foreground)."""
    borders = json.loads((other / "run.json").read_text())["stretches"]["borders"]
    starts = [border["frame"] for border in borders]
    rate = starts[0] / borders[0]["time"]
    sums = defaultdict(lambda: np.zeros(4, np.int64))
    for path in sorted((one / "masks").iterdir()):
        number = int(path.stem)
        behind = [number - start for start in starts if start <= number]
        mine, its = (
            cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) > 0
            for p in (path, other / "masks" / path.name)
        )
        counts = [1, mine.size, np.count_nonzero(mine != its), np.count_nonzero(mine | its)]
        after = min(behind) / rate if behind else -1.0
        bin_ = -1 if after < 0 else int(np.searchsorted(EDGES, after, side="right")) - 1
        sums[bin_] += counts
    rows = []
    for bin_, (frames, pixels, differ, found) in sorted(sums.items()):
        where = (
            "before the first border" if bin_ < 0 else f"{EDGES[bin_]:g} to {EDGES[bin_ + 1]:g} s"
        )
        rows.append((where, int(frames), differ / pixels, differ / max(1, found)))
    return rows, borders


def ids(folder):
    with (folder / "tracks.csv").open() as file:
        return len({row["id"] for row in csv.DictReader(file)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--stretch", type=float, default=20)
    parser.add_argument("--warm-up", type=float, nargs="+", default=[2, 5, 10, 20])
    parser.add_argument("--stop", help="of read")
    parser.add_argument("--jobs", default="2")
    given = parser.parse_args()
    stop = f"--stop {given.stop}" if given.stop else ""
    with tempfile.TemporaryDirectory() as top:
        one = run(given.video, f"{top}/one", stop)
        print(f"{given.video.name}: {len(list((one / 'masks').iterdir()))} frames, {ids(one)} ids")
        for warm in given.warm_up:
            cut = f"--jobs {given.jobs} --stretch {given.stretch:g} --warm-up {warm:g}"
            other = run(given.video, f"{top}/cut{warm:g}", stop, cut)
            rows, borders = compare(one, other)
            there = sum(border["objects"] for border in borders)
            joined = sum(border["joined"] for border in borders)
            told = sum(b["differ"] for b in borders) / max(1, sum(b["pixels"] for b in borders))
            print(
                f"warm-up {warm:g} s: {ids(other)} ids, {joined} of {there} go on; told {told:.4%}"
            )
            for where, frames, share, of_found in rows:
                told = f"{share:8.4%} of pixels  {of_found:7.2%} of foreground"
                print(f"    {where:26}{frames:6} frames  {told}", flush=True)
