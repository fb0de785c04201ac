"""The whole chain against the sum of its stages timed alone, and its memory over a long run.

    python benchmarks/chain.py                    # 300 frames of 1920x1080
    python benchmarks/chain.py --frames 10000     # the long run of the README

A clip is drawn (cars on a noisy street, H.264), every stage is timed alone on the
same frames, then the command line runs the whole chain while its memory is sampled.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

from segment import Frame, open_frames, pipeline
from segment.background import PosteriorSubtractor
from segment.export import FORMATS
from segment.grouping import ConnectedComponents

STAGES = ["read", "subtract", "clean", "group-components", "export --as masks"]


def draw(path: Path, frames: int, size: tuple[int, int]) -> None:
    """Ten boxes that drive over a textured, noisy ground; objects come back for ever."""
    height, width = size
    rng = np.random.default_rng(1)
    ground = rng.uniform(60, 130, (height // 8 + 1, width // 8 + 1, 3))
    ground = np.kron(ground, np.ones((8, 8, 1)))[:height, :width].astype(np.int16)
    noise = rng.normal(0, 3, (8, height, width, 1)).astype(np.int16)
    lanes = np.linspace(0.1, 0.85, 10)
    speeds = rng.uniform(3, 12, 10) * np.where(np.arange(10) % 2, 1, -1)
    colours = rng.integers(0, 255, (10, 3))
    box = (height // 14, width // 12)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "23"}
        for t in range(frames):
            picture = ground + noise[t % 8]
            if t >= 25:
                for lane, speed, colour in zip(lanes, speeds, colours, strict=True):
                    x = int(speed * t) % (width + box[1]) - box[1]
                    y = int(lane * height)
                    picture[y : y + box[0], max(x, 0) : max(x + box[1], 0)] = colour
            image = picture.clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def per_frame(stage: Callable[[Iterable[Frame]], Iterable[Frame]], frames: list[Frame]) -> float:
    """Milliseconds a frame of one stage alone; the first frames warm it up."""
    done = stage(iter(frames))
    warm = max(2, len(frames) // 10)
    for _ in range(warm):
        next(done)
    began = time.perf_counter()
    count = sum(1 for _ in done)
    return 1000 * (time.perf_counter() - began) / count


def alone(clip: Path, folder: Path, count: int) -> dict[str, float]:
    """Milliseconds a frame of every stage alone, on the first `count` frames in memory.

    "subtract, one thread" is the one stage that shares out its rows, kept from doing so.
    """
    times = {}
    with open_frames(clip) as source:
        began = time.perf_counter()
        frames = [frame for frame, _ in zip(source, range(count), strict=False)]
        times["read"] = 1000 * (time.perf_counter() - began) / len(frames)
    single = PosteriorSubtractor(threads=1)
    times["subtract, one thread"] = per_frame(lambda f: pipeline.subtract(f, single), frames)
    steps: dict[str, Callable[[Any], Any]] = {
        "subtract": lambda f: pipeline.subtract(f, PosteriorSubtractor()),
        "clean": pipeline.clean,
        "group-components": lambda f: pipeline.group(f, ConnectedComponents()),
        "export --as masks": lambda f: pipeline.export(f, FORMATS["masks"](folder / "alone")),
    }
    for name, step in steps.items():
        times[name] = per_frame(step, frames)
        if name == "export --as masks":
            break
        frames = list(step(iter(frames)))
    return times


def chained(clip: Path, folder: Path) -> tuple[float, float, list[float]]:
    """Seconds from the first frame to the last, of the processor, and memory in MB meanwhile."""
    line = ["read", str(clip), "subtract", "clean", "group-components", "export", str(folder)]
    process = psutil.Popen(
        [sys.executable, "-m", "segment", "--log", "json", *line], stderr=subprocess.PIPE, text=True
    )
    memory: list[float] = []
    processor = began = ended = 0.0
    for text in process.stderr:
        event = json.loads(text)["event"]
        if event == "begin":  # the first frame is through, all is loaded and compiled
            began = time.perf_counter()
        elif event in ("progress", "end"):
            ended = time.perf_counter()
            with process.oneshot():
                memory.append(process.memory_info().rss / 2**20)
                times = process.cpu_times()
                processor = times.user + times.system
    process.wait()
    if process.returncode:
        raise SystemExit(f"the chain ended with {process.returncode}")
    return ended - began, processor, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT")
    parser.add_argument("--alone", type=int, default=100, help="frames for timing stages alone")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        draw(clip, options.frames, (height, width))
        times = alone(clip, folder, min(options.alone, options.frames))
        seconds, processor, memory = chained(clip, folder / "out")
    for stage, milliseconds in times.items():
        print(f"{stage:<22}{milliseconds:8.2f} ms a frame alone")
    whole = 1000 * seconds / options.frames
    print(f"{'chain':<22}{whole:8.2f} ms a frame")
    everything = sum(times.values())
    for name, left_out in (
        ("as they are", "subtract, one thread"),
        ("one thread each", "subtract"),
    ):
        total = everything - times[left_out]
        print(f"{'sum, ' + name:<22}{total:8.2f} ms a frame; chain / sum {whole / total:.2f}")
    print(f"{'processor time':<22}{1000 * processor / options.frames:8.2f} ms a frame")
    if len(memory) > 3:
        tenth = memory[max(1, len(memory) // 10)]
        print(f"memory {tenth:.0f} MB after a tenth, {memory[-1]:.0f} MB at the end, "
              f"{max(memory):.0f} MB at the most")  # fmt: skip


if __name__ == "__main__":
    main()
