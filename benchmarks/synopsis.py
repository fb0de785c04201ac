"""A composed hour with 60 objects, seen in a minute.

    python benchmarks/synopsis.py [--out synopsis.mp4] [--objects 60] [--minutes 60]

People, cars and animals are drawn by us (benchmarks/composed), in 320x240 at 10 frames a second;
ids are exact here, so this measures the synopsis, not the chain. Every tenth comes with another.
Those have met whose boxes touch for 1.2 s or more. Light goes from morning to evening.
"""

import argparse
import json
import tempfile
import time
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
from composed import FreeSources
from composed.actors import lay, walk
from composed.staging import Draft, Stage, picked

from segment import pipeline
from segment.events import Watcher
from segment.export import SynopsisVideo
from segment.frame import Frame, SequenceInfo
from segment.objects import objects_of

SIZE, RATE = (240, 320), 10
PACE = 25 / RATE  # cut-outs are played at 25 frames a second


def hour(objects: int, minutes: float, seed: int = 0):
    """Return frames with exact labels, how many come with another, and how many frames."""
    length = round(minutes * 60 * RATE)
    plan = Draft(seed, 200, FreeSources(0), SIZE, length, False)
    plate = plan.plate("still")
    stage = Stage(plan.dice(6), SIZE, plate.ground)
    cast, rng = plan.cast("person", "car", "animal"), plan.dice(3)
    actors, pairs = [], 0
    begins = np.sort(rng.uniform(0.002, 0.985, objects) * length).astype(int)
    while len(actors) < objects:
        cutout = picked(rng, cast)
        row, tall = stage.place(cutout)
        begin = int(begins[len(actors)])
        how = {"row": row, "begin": begin, "pace": PACE, "way": int(rng.choice([-1, 1]))}
        actors.append(walk(rng, cutout, SIZE, length, tall, **how))
        if len(actors) % 10 == 1 and len(actors) < objects:
            apart = round(0.3 * tall / max(1.0, np.nanmax(np.abs(np.diff(actors[-1].x)))))
            how |= {"begin": begin + max(2, apart), "row": row + 1}
            actors.append(walk(rng, cutout, SIZE, length, tall, **how))
            pairs += 1
    plain = plate.still.astype(np.float32)
    info = SequenceInfo("hour", SIZE, Fraction(RATE), length)

    def frames():
        noise = np.random.default_rng(1).normal(0, 1.5, (8, *SIZE, 3)).astype(np.float32)
        for t in range(length):
            picture, labels = plain.copy(), np.zeros(SIZE, np.int32)
            here = [
                (actor.y[t], n, patch)
                for n, actor in enumerate(actors, start=1)
                if (patch := actor.patch(t)) is not None
            ]
            for _, n, patch in sorted(here, key=lambda one: one[0]):
                own = np.zeros(SIZE, np.uint8)
                lay(picture, own, patch, 255)
                labels[own == 255] = n
            picture *= 0.55 + 0.45 * np.sin(np.pi * (0.1 + 0.8 * t / length))
            picture += noise[t % 8]
            image = np.clip(picture, 0, 255).astype(np.uint8)
            yield Frame(image, t, t / RATE, info, foreground=labels > 0, labels=labels)

    return frames(), pairs, length


def touch(a, b) -> bool:
    """Whether the boxes of two touch."""
    return (
        abs(2 * (a.x - b.x) + a.width - b.width) <= a.width + b.width
        and abs(2 * (a.y - b.y) + a.height - b.height) <= a.height + b.height
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--objects", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    frames, pairs, length = hour(options.objects, options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        sink, spent = SynopsisVideo(Path(folder)), 0.0
        seen: dict[int, float] = {}
        beside: dict[tuple[int, int], float] = {}
        with sink:
            for frame in pipeline.watch(frames, Watcher(kinds={"object"})):
                ids = np.unique(frame.labels)
                for n in ids[ids > 0].tolist():
                    seen[n] = seen.get(n, 0.0) + 1 / RATE
                for a, b in combinations(objects_of(frame.labels), 2):
                    if touch(a, b):
                        beside[a.id, b.id] = beside.get((a.id, b.id), 0.0) + 1 / RATE
                begun = time.process_time()
                sink.write(frame)
                spent += time.process_time() - begun
            gathered, begun = spent, time.process_time()
        spent += time.process_time() - begun
        told = json.loads((Path(folder) / "synopsis.json").read_text())
        if options.out:
            options.out.write_bytes((Path(folder) / "synopsis.mp4").read_bytes())
    shown = {one["id"]: one for one in told["objects"]}
    lasting = {n for n, seconds in seen.items() if seconds >= 1.2}
    met = [pair for pair, seconds in beside.items() if seconds >= 1.2]
    kept = [
        (a, b)
        for a, b in met
        if a in shown and b in shown
        and abs((shown[b]["shown"] - shown[a]["shown"]) * shown[a]["speed"]
                - (shown[b]["start"] - shown[a]["start"])) < 0.05
    ]  # fmt: skip
    begins = [shown[n]["shown"] for n in sorted(shown, key=lambda n: shown[n]["start"])]
    order = np.mean([a <= b for i, a in enumerate(begins) for b in begins[i + 1 :]])
    print(
        f"{options.minutes:g} minutes, {len(seen)} objects, {sum(seen.values()):.0f} s of them\n"
        f"shown: {len(lasting & set(shown))} of {len(lasting)} in {told['length']:.1f} s\n"
        f"pixels that collide: {told['collided']:.2%}\n"
        f"who met and still meets: {len(kept)} of {len(met)} pairs, of {pairs} that came together\n"
        f"pairs in the order they came: {order:.1%}\n"
        f"processor time: {spent:.1f} s ({gathered:.1f} while frames go by), "
        f"{length / RATE / spent:.0f} times as fast as real time"
    )


if __name__ == "__main__":
    main()
