"""When did anything move: our motion events beside DVR-Scan's and a plain MOG2's.

    python benchmarks/events_beside.py [--data ../shared/data] [--dvr-scan PATH] [--drawn 8]
                                       [--fast] [--keep FOLDER]

Drawn: quarters of an hour of 320x240 at 5 frames a second (a scene of 25 a second of which every
fifth is shown), in which somebody comes by every 36 s in the mean, by rain, under clouds, at night,
before trees; two hours with --drawn 8. With --data also the clips there whose truth is known.

True intervals: foreground of 1/2000 of the picture or more, for 1 s or more, gaps under 2 s merged;
of boxes, when there is one. A found interval is right when it overlaps a moment in which anything
at all was in front; a true one is found when one overlaps it, and its onset is right when the first
that does begins within .5 s. DVR-Scan 1.8.2.1 runs with its defaults, but for `-tb 0`: what it adds
before an event would count as a wrong onset. MOG2 is OpenCV's as it comes, without shadows, by the
rule of the true intervals. With `--fast` also by the masks of `subtract --quality fast`.

Two hours take half an hour of processor time or more: with `--keep` films, our masks of them
and what each way found stay in FOLDER, a run that was cut off goes on there, and a way whose
`*.WAY.json` are gone is run anew. Masks are of the code that made them: without `*.masks.npz` anew.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from composed import FreeSources, light
from composed.plates import waving
from composed.staging import Draft, plain, sensor

from segment import open_frames, pipeline
from segment.background import PosteriorSubtractor
from segment.events import Watcher
from segment.frame import Frame

SIZE = (240, 320)
RATE, STEP = 5, 5  # frames a second that are shown, of the scene's five times as many
LENGTH = 15 * 60 * RATE
WEATHERS = ("rain", "clouds", "night", "trees")
SHARE, SHORTEST, MERGE, NEAR = 1 / 2000, 1.0, 2.0, 0.5

Intervals = list[tuple[float, float]]


# --- footage ----------------------------------------------------------------------------


def drawn(weather: str, seed: int, length: int = LENGTH) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (image (H, W, 3) uint8, truth (H, W) uint8) of a quarter of an hour."""
    number = WEATHERS.index(weather)
    plan = Draft(seed, 100 + number, FreeSources(seed % 2), SIZE, length * STEP, False)
    sorts = ("still", "trees") if weather == "trees" else ("still",)
    scene, plate, _ = plain(plan, *sorts, every=900.0)
    rng = plan.dice(20)
    if weather == "trees":
        reach, share = float(rng.uniform(2, 5)), float(rng.uniform(0.25, 0.6))
        scene.backdrop = waving(plate, plan.dice(2), reach, share, 2)
    elif weather == "clouds":
        scene.lights.append(light.clouds(rng, SIZE, float(rng.uniform(0.2, 0.45))))
    elif weather == "night":
        scene.sun = None
        scene.lights.append(_dark(float(rng.uniform(0.2, 0.4)), float(rng.uniform(4, 14))))
        scene.camera.noise = sensor(plan, float(rng.uniform(3, 7)))
    else:
        scene.lights.append(_rain(rng, int(rng.integers(40, 160))))
    for t in range(0, length * STEP, STEP):
        yield scene.camera.look(*scene.drawn(t), t, SIZE)


def _dark(gain: float, black: float):
    def at(picture: np.ndarray, t: int) -> None:
        picture *= gain
        picture += black

    return at


def _rain(rng: np.random.Generator, most: int):
    """Streaks, others in every frame, heavier now and then, and now and then none."""
    phase, slant = rng.uniform(0, 6), int(rng.integers(-4, 5))

    def at(picture: np.ndarray, t: int) -> None:
        heavy = max(0.0, 0.5 + np.sin(phase + t / 2500) + 0.3 * np.sin(3 * phase + t / 700))
        for _ in range(rng.poisson(most * heavy)):
            x, y = int(rng.integers(SIZE[1])), int(rng.integers(-20, SIZE[0]))
            long = int(rng.integers(6, 24))
            streak = np.zeros((long + 2, abs(slant) + 3), np.uint8)
            ends = (
                ((1, 0), (abs(slant) + 1, long)) if slant > 0 else ((abs(slant) + 1, 0), (1, long))
            )
            cv2.line(streak, *ends, 255, 1, cv2.LINE_AA)
            streak = streak[max(0, -y) :]
            part = picture[max(0, y) : max(0, y) + len(streak), x : x + streak.shape[1]]
            over = streak[: part.shape[0], : part.shape[1], None] / 255.0
            part += (0.35 * over * (235 - part)).astype(np.float32)

    return at


def write(pairs: Iterable[tuple[np.ndarray, np.ndarray]], path: Path) -> list[int]:
    """Write the pictures as H.264; return how many pixels are in front in each."""
    counts = []
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "superfast", "crf": "20"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.thread_count = 1
        for image, truth in pairs:
            counts.append(int(np.count_nonzero(truth == 255)))
            picture = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return counts


# --- what is true, and what is found ------------------------------------------------------


def intervals(flags: Iterable[bool], rate: float, shortest: float = SHORTEST) -> Intervals:
    """Stretches of true frames, those with gaps under `MERGE` joined, of `shortest` or more."""
    found: list[list[float]] = []
    for t, flag in enumerate(flags):
        if flag and found and t / rate - found[-1][1] < MERGE:
            found[-1][1] = t / rate
        elif flag:
            found.append([t / rate, t / rate])
    return [(a, b) for a, b in found if b - a >= shortest]


def ours(path: Path, quality: str = "best", kept: Path | None = None) -> Intervals:
    """Our motion events, all defaults but the quality of `subtract`; masks are `kept` in a file."""
    found: Intervals = []
    with open_frames(path) as frames:
        masks = masked(frames, quality, kept)
        for frame in pipeline.watch(masks, Watcher(kinds={"motion"})):
            found += [(event.start, event.end) for event in frame.events or ()]
    return found


def masked(frames: Iterable[Frame], quality: str, kept: Path | None) -> Iterator[Frame]:
    """Frames with the masks in the file `kept`, or with new ones, which are put there."""
    if kept is not None and kept.exists():
        packed = np.load(kept)["masks"]
        for frame, bits in zip(frames, packed, strict=True):
            size = frame.image.shape[:2]
            mask = np.unpackbits(bits, count=size[0] * size[1]).reshape(size)
            yield replace(frame, foreground=mask.astype(np.bool_))
        return
    made = []
    for frame in pipeline.clean(pipeline.subtract(frames, PosteriorSubtractor(quality=quality))):
        made.append(np.packbits(frame.foreground))
        yield frame
    if kept is not None:
        part = kept.with_suffix(".part.npz")
        np.savez_compressed(part, masks=np.array(made))
        os.replace(part, kept)


def mog2(path: Path, rate: float) -> Intervals:
    """OpenCV's MOG2, by the rule of the true intervals."""
    subtractor = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
    flags = []
    with av.open(str(path)) as video:
        for frame in video.decode(video=0):
            mask = subtractor.apply(frame.to_ndarray(format="bgr24"))
            flags.append(np.count_nonzero(mask) >= SHARE * mask.size and len(flags) > 0)
    return intervals(flags, rate)


def dvr_scan(program: str, path: Path, *words: str) -> Intervals:
    """What DVR-Scan finds."""
    line = [program, "-i", str(path), "-so", "-q", "-tb", "0", "--ignore-user-config", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    times = [_seconds(stamp) for stamp in re.findall(r"\d+:\d\d:\d\d\.\d+", done.stdout)]
    # It adds two seconds behind an event: the quiet by which it knows that it is over.
    return [(a, max(a, b - 2.0)) for a, b in zip(times[::2], times[1::2], strict=True)]


def _seconds(stamp: str) -> float:
    hours, minutes, seconds = stamp.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


@dataclass
class Score:
    """What was found in some footage."""

    hours: float = 0.0
    true: int = 0
    hit: int = 0
    found: int = 0
    false: int = 0
    quiet: float = 0.0  # seconds without anything in front
    alarmed: float = 0.0  # seconds of these that lie in a found interval
    onsets: list[float] = field(default_factory=list)

    def add(self, counts: list[float], rate: float, size: float, found: Intervals) -> None:
        """`counts` are pixels in front in each frame; NaN where nobody knows."""
        front = np.array(counts, float)
        wanted = intervals(front >= SHARE * size, rate)
        known = ~np.isnan(front)
        self.hours += known.sum() / rate / 3600
        self.true += len(wanted)
        for a, b in wanted:
            over = [one for one in found if one[0] <= b + NEAR and one[1] >= a - NEAR]
            if over:
                self.hit += 1
                self.onsets.append(min(over)[0] - a)
        any_front = np.flatnonzero((front > 0) | ~known) / rate
        times = np.arange(len(front)) / rate
        covered = np.zeros(len(front), bool)
        for a, b in found:
            covered |= (times >= a) & (times <= b)
        quiet = known & (front == 0)
        for a, b in wanted:  # the pause between two who come one after the other is not quiet
            quiet &= (times < a) | (times > b + MERGE)
        self.quiet += quiet.sum() / rate
        self.alarmed += (quiet & covered).sum() / rate
        for a, b in found:
            near = (any_front >= a - NEAR) & (any_front <= b + NEAR)
            self.found += 1
            self.false += not near.any()

    def row(self, name: str) -> str:
        recall = self.hit / max(self.true, 1)
        precision = 1 - self.false / max(self.found, 1)
        late = np.array(self.onsets) if self.onsets else np.array([np.nan])
        within = np.mean(np.abs(late) <= NEAR)
        an_hour = self.false / max(self.hours, 1e-9)
        return (
            f"| {name} | {self.hit} of {self.true}, {recall:.3f} | {self.found} | "
            f"{precision:.3f} | {an_hour:.1f} | {self.alarmed / max(self.quiet, 1e-9):.1%} | "
            f"{np.median(late):+.2f} s | {within:.0%} |"
        )


HEAD = (
    "| | recall | found | precision | false an hour | quiet time alarmed | onset, median "
    "| within .5 s |\n|---|---|---|---|---|---|---|---|"
)


def real(data: Path) -> Iterator[tuple[str, Path, list[float], float, float]]:
    """Clips with truth: name, film, pixels in front by frame, rate, pixels of the picture."""
    rooms = [data / name for name in ("background", "background2") if (data / name).is_dir()]
    for folder in (folder for room in rooms for folder in sorted(room.iterdir())):
        with av.open(str(folder / "truth.mkv")) as truth:
            planes = [f.to_ndarray(format="gray") for f in truth.decode(video=0)]
        counts = [float(np.count_nonzero(plane == 255)) for plane in planes]
        counts = [
            float("nan") if np.isin(plane, (85, 170)).mean() > 0.5 else count
            for plane, count in zip(planes, counts, strict=True)
        ]
        with av.open(str(folder / "input.mkv")) as film:
            rate = float(film.streams.video[0].average_rate or Fraction(25))
        yield folder.name, folder / "input.mkv", counts, rate, float(planes[0].size)
    boxes = data / "tracks" / "vtest.gt.txt"
    film = data / "video" / "vtest.avi"
    if boxes.is_file() and film.is_file():
        with av.open(str(film)) as video:
            stream = video.streams.video[0]
            length, rate = stream.frames, float(stream.average_rate)
            size = float(stream.height * stream.width)
        counts = [0.0] * length
        for line in boxes.read_text().splitlines():
            words = line.split(",")
            t = int(words[0]) - 1
            if 0 <= t < length:
                counts[t] += float(words[4]) * float(words[5])
        yield "vtest", film, counts, rate, size


def once(path: Path, make: Callable[[], list]) -> list:
    """What lies in the file at `path` as JSON; made, and put there whole, when there is none."""
    if path.exists():
        return json.loads(path.read_text())
    made = make()
    part = path.with_suffix(".part")
    part.write_text(json.dumps(made))
    os.replace(part, path)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="clips with truth")
    parser.add_argument("--dvr-scan", help="the program, of an environment of its own")
    parser.add_argument("--drawn", type=int, default=8, help="quarters of an hour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=15, help="of each")
    parser.add_argument("--fast", action="store_true", help="masks of --quality fast, too")
    parser.add_argument("--keep", type=Path, help="folder for films and what was found")
    options = parser.parse_args()
    # By name: what finds intervals in a film of a rate, and may keep more in a file.
    ways: dict[str, Callable[[Path, float, Path], Intervals]] = {
        "segment": lambda p, _, kept: ours(p, "best", kept)
    }
    if options.fast:
        ways["segment, fast"] = lambda p, _, kept: ours(p, "fast", kept)
    ways["MOG2"] = lambda p, rate, _: mog2(p, rate)
    if options.dvr_scan:
        program = options.dvr_scan
        ways["DVR-Scan, MOG2"] = lambda p, *_: dvr_scan(program, p)
        ways["DVR-Scan, CNT"] = lambda p, *_: dvr_scan(program, p, "-b", "CNT")

    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)

        def judge(title, scores, path, counts, rate, size) -> None:
            for name, way in ways.items():
                done = kept / f"{title}.{name.replace(', ', '-')}.json"
                more = done.with_suffix(".masks.npz")
                made = once(done, lambda way=way, more=more: way(path, rate, more))
                found = [tuple(one) for one in made]
                one = Score()
                one.add(counts, rate, size, found)
                scores[name].add(counts, rate, size, found)
                print(f"  {one.row(f'{title}, {name}')}", flush=True)

        if options.drawn:
            scores = {name: Score() for name in ways}
            for n in range(options.drawn):
                weather, seed = WEATHERS[n % 4], options.seed + n // 4
                title = f"{weather}_{seed}_{options.minutes:g}"
                path, length = kept / f"{title}.mkv", round(options.minutes * 60 * RATE)
                # A film is whole when its counts are there.
                counts = once(
                    kept / f"{title}.counts.json",
                    lambda w=weather, s=seed, n=length, p=path: write(drawn(w, s, n), p),
                )
                judge(title, scores, path, counts, RATE, SIZE[0] * SIZE[1])
                if not options.keep:
                    path.unlink()
            print(f"\ndrawn, {options.drawn * options.minutes / 60:g} hours\n{HEAD}")
            print("\n".join(score.row(name) for name, score in scores.items()), flush=True)
        if options.data:
            scores = {name: Score() for name in ways}
            for title, path, counts, rate, size in real(options.data):
                judge(title, scores, path, counts, rate, size)
            print(f"\nclips, {scores['segment'].hours * 60:.1f} minutes\n{HEAD}")
            print("\n".join(score.row(name) for name, score in scores.items()), flush=True)


if __name__ == "__main__":
    main()
