"""`bench`: how fast the subtractors are on this machine and this video, beside OpenCV's."""

import contextlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment import __version__
from segment.cli.chain import Tool
from segment.cli.names import name_of
from segment.cli.params import Size

if TYPE_CHECKING:
    from segment.arrays import Mask
    from segment.background.compare import Comparison
    from segment.cli.progress import Reporter
    from segment.frame import Frame
    from segment.measures import ChangeScore

SAMPLE = "sample:street"

# Bytes of frames that are decoded before they are timed, so that no decoder runs beside.
_AHEAD = 200_000_000


@click.command(cls=Tool)
@click.argument("video", required=False, metavar="[VIDEO]", type=click.Path())
@click.option("--size", type=Size(), help="Scale frames to WIDTHxHEIGHT, for example 1920x1080.")
@click.option(
    "--threads", type=click.IntRange(1, 1024), help="Threads of each.  [default: one per core]"
)
@click.option(
    "--frames",
    type=click.IntRange(2),
    default=200,
    show_default=True,
    help="Frames to read at most; the first 25, or a quarter, are not timed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(
    video: str | None, size: tuple[int, int] | None, threads: int | None, frames: int, as_json: bool
) -> None:
    """Time the subtractors on VIDEO, beside OpenCV's.

    All take the same frames in turn, with their defaults and as many threads; a figure is
    the median over the frames. `speed` is the median of MOG2's time over its own, frame
    by frame: 2 is twice as fast as MOG2. Without VIDEO a sample clip is taken.

    A truth beside the video (street.truth.mkv beside street.mp4, or truth.mkv beside
    input.mkv, labelled as in CDnet) also gives the F-measure of the masks as they come, at
    the video's own size.
    """
    from segment.background.compare import Comparison
    from segment.cli import progress

    given = video or SAMPLE
    with Comparison(threads) as comparison, progress.for_terminal(quiet=False, log="text") as bar:
        report = _measure(comparison, given, size, frames, bar)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        click.echo(_as_table(report))


def _measure(
    comparison: "Comparison",
    given: str,
    size: tuple[int, int] | None,
    most: int,
    bar: "Reporter",
) -> dict[str, Any]:
    """Run all of them over the frames and gather what is told. Raises UnreadableInput, NoFrames."""
    from segment import samples
    from segment.background.compare import OPENCV
    from segment.errors import NoFrames
    from segment.video import open_frames, select

    path = samples.resolved(given)
    name = name_of(given)
    bar.prepare(name)
    scores: dict[str, ChangeScore] = {}
    done = 0
    shape: tuple[int, ...] = ()
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(open_frames(path))
        info = source.info
        length = most if info.length is None else min(most, info.length)
        frames: Iterator[Frame] = islice(iter(source), most)
        truth: Iterator[Frame] = iter(())
        if size is not None and size != info.size:
            frames = iter(select.resize(frames, size))
        elif beside := _truth(Path(path)):
            truth = iter(opened.enter_context(open_frames(beside)))
        for chunk in _chunks(frames):
            if not done:
                comparison.prepare([frame.image for frame in chunk[:3]])
                shape = chunk[0].image.shape
                bar.begin(name, length)
            for frame in chunk:
                masks = comparison.frame(frame.image)
                labels = next(truth, None)
                if labels is not None and done:  # no subtractor knows the first frame
                    _score(scores, masks, labels)
                done += 1
                bar.frame(name, done, length)
    if done < 2:
        raise NoFrames(f"{given}: has {done or 'no'} frame, wanted at least 2 to time")
    times, speed = comparison.milliseconds(), comparison.speed()
    rows = [
        {
            "name": who,
            "ms": times[who],
            "speed": speed[who],
            "f": scores[who].f if who in scores else None,
        }
        for who in comparison.names
    ]
    return {
        "video": given,
        "size": f"{shape[1]}x{shape[0]}",
        "channels": shape[2],
        "frames": done,
        "threads": comparison.threads,
        "segment": __version__,
        "opencv": OPENCV,
        "rows": rows,
        "absent": comparison.absent,
    }


def _truth(path: Path) -> Path | None:
    """The truth that lies beside a video, None when there is none."""
    beside = path.with_name("truth.mkv" if path.stem == "input" else f"{path.stem}.truth.mkv")
    return beside if path.is_file() and beside.is_file() else None


def _score(scores: "dict[str, ChangeScore]", masks: "dict[str, Mask]", truth: "Frame") -> None:
    from segment.errors import UnreadableInput
    from segment.measures import ChangeScore

    for who, mask in masks.items():
        try:
            scores.setdefault(who, ChangeScore()).count(mask, truth.image[:, :, 0])
        except ValueError as error:
            name, number = truth.sequence.name, truth.index
            raise UnreadableInput(f"{name}, frame {number}: {error}") from None


def _chunks(frames: "Iterator[Frame]") -> "Iterator[list[Frame]]":
    for first in frames:
        # At least a few, since all of them are prepared on the first ones.
        count = max(4, _AHEAD // first.image.nbytes)
        yield [first, *islice(frames, count - 1)]


def _as_table(report: dict[str, Any]) -> str:
    threads = "1 thread" if report["threads"] == 1 else f"{report['threads']} threads"
    kind = "grey" if report["channels"] == 1 else "colour"
    scored = any(row["f"] is not None for row in report["rows"])
    lines = [
        f"{report['video']}: {report['frames']} frames {report['size']} {kind}, {threads}, "
        f"segment {report['segment']}, OpenCV {report['opencv']}",
        "",
        f"{'':<18}{'ms a frame':>12}{'speed':>9}{'F':>9}" if scored else
        f"{'':<18}{'ms a frame':>12}{'speed':>9}",
    ]  # fmt: skip
    for row in report["rows"]:
        f = f"{row['f']:9.3f}" if scored else ""
        lines.append(f"{row['name']:<18}{row['ms']:12.2f}{row['speed']:8.2f}x{f}")
    lines += [f"{name:<18}left out: {reason}" for name, reason in report["absent"].items()]
    return "\n".join(lines)
