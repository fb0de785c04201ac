"""What `events`, `report` and `counts` add to a chain's time, and whether memory stays flat.

    python benchmarks/events_cost.py VIDEO [--stop 120] [--rounds 3]
    python benchmarks/events_cost.py --frames 100000

The first runs `read VIDEO subtract clean group export --as masks`, with and without
`events --line ... --zone ...` and `--as report --as counts --as events`, in turn, and tells the
processor time of both: all threads, compiling left out by a run before. The second watches drawn
pictures of 48x64, with people who come and go, and writes a report, counts and events of them.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

import segment
from segment import pipeline
from segment.events import Line, Scene, Watcher, Zone
from segment.export import CountsTable, EventsTable, ReportPage
from segment.frame import Frame, SequenceInfo

SIZE = (48, 64)
RATE = 10
WATCH = (
    "events --line 'road: 0,{0} {1},{0}' --zone 'gate: {2},{3} {1},{3} {1},{4} {2},{4}' "
    "export '{5}' --as masks --as report --as counts --as events"
)


def chain(video: Path, stop: int, watched: bool) -> float:
    """Seconds of processor time of one run."""
    with segment.open_frames(video) as frames:
        height, width = next(iter(frames)).image.shape[:2]
    with tempfile.TemporaryDirectory() as out:
        rest = f"export '{out}' --as masks"
        if watched:
            rest = WATCH.format(height // 2, width - 1, width // 2, height // 2, height - 1, out)
        before = time.process_time()
        segment.run(f"read '{video}' --stop {stop} subtract clean group {rest}")
        return time.process_time() - before


def compare(video: Path, stop: int, rounds: int) -> None:
    """Print the time without, with, and the share that is added."""
    chain(video, min(stop, 12), True)
    without, added = [], []
    for _ in range(rounds):
        plain = chain(video, stop, False)
        without.append(plain)
        added.append(chain(video, stop, True) - plain)
    each = 1000 / stop
    print(
        f"{video.name}: {np.median(without) * each:.1f} ms a frame without, "
        f"{np.median(added) * each:+.2f} ms with events, report and counts: "
        f"{np.median(added) / np.median(without):+.1%} "
        f"({', '.join(f'{a / w:+.1%}' for a, w in zip(added, without, strict=True))})"
    )


def drawn(count: int) -> Iterator[Frame]:
    """People of 6x12 who walk by: a new one every 3 s, each there for 6 s."""
    info = SequenceInfo("drawn", SIZE, Fraction(RATE), count)
    plain = np.random.default_rng(0).integers(80, 110, (*SIZE, 3), np.uint8)
    for t in range(count):
        image, labels = plain.copy(), np.zeros(SIZE, np.int32)
        for number in range(max(0, t // 30 - 1), t // 30 + 1):
            x, y = t - 30 * number, 4 + 7 * (number % 5)
            labels[y : y + 12, x : x + 6] = number + 1
            image[y : y + 12, x : x + 6] = (220, 40 * number % 200, 60)
        yield Frame(image, t, t / RATE, info, foreground=labels > 0, labels=labels)


def resident() -> float:
    """Megabytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def soak(count: int) -> None:
    """Print the memory at every tenth of `count` frames."""
    scene = Scene(
        (Zone("gate", ((32, 0), (63, 0), (63, 47), (32, 47))),),
        (Line("road", ((40, 0), (40, 47))),),
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        frames: Iterator[Frame] = pipeline.watch(drawn(count), Watcher(scene))
        for sink in (ReportPage(out), CountsTable(out), EventsTable(out)):
            frames = pipeline.export(frames, sink)
        before = time.process_time()
        for frame in frames:
            if (frame.index + 1) % max(1, count // 10) == 0:
                took = (time.process_time() - before) / (frame.index + 1) * 1e3
                print(f"frame {frame.index + 1}: {resident():.1f} MB, {took:.2f} ms", flush=True)
        print(f"at the end, with the page written: {resident():.1f} MB")
        print(f"report.html: {(out / 'report.html').stat().st_size / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--stop", type=int, default=120, help="frames of the video")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=0, help="drawn frames, for the memory")
    options = parser.parse_args()
    if options.frames:
        soak(options.frames)
    if options.video:
        compare(options.video, options.stop, options.rounds)


if __name__ == "__main__":
    main()
