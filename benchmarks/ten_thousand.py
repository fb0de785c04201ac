"""Ten thousand tiny videos and pictures, a hundred of them damaged in ten ways, in one line.

    python benchmarks/ten_thousand.py --count 10000 --damaged 100 --jobs 2 --out ten_thousand.json

Told are the memory of the process that hands out the work and of its workers as the run goes on,
what an input costs, and whether the summary is true: one row each, exit code 3, every damaged
input named and no sound one.
"""

import argparse
import contextlib
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import psutil

SIZE, LENGTH = (48, 64), 12
CHAIN = "subtract clean group-components export OUT --as tracks"

KINDS = {
    ".mkv": ("ffv1", "bgr0"),
    ".mp4": ("libx264", "yuv420p"),
    ".avi": ("mjpeg", "yuvj420p"),
    ".mov": ("mpeg4", "yuv420p"),
    ".ts": ("mpeg2video", "yuv420p"),
    ".tif": None,
    ".gif": ("gif", "rgb8"),
}


def pictures(seed):
    """A still, rough scene and a square that crosses it: (LENGTH, H, W, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    still = cv2.GaussianBlur(rng.normal(120, 60, (*SIZE, 3)).astype(np.float32), (0, 0), 3)
    found = still + rng.normal(0, 2, (LENGTH, *SIZE, 3)).astype(np.float32)
    left, top = rng.integers(0, 8), rng.integers(4, 30)
    for t in range(2, LENGTH):
        found[t, top : top + 12, left + 4 * t : left + 4 * t + 12] = (230, 30, 60)
    return found.clip(0, 255).astype(np.uint8)


def write(path, images):
    kind = KINDS[path.suffix]
    if kind is None:
        cv2.imwritemulti(str(path), [image[:, :, ::-1] for image in images])
        return
    codec, pixels = kind
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, pixels
        stream.codec_context.thread_count = 1
        for image in images:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.mux(stream.encode(frame.reformat(format=pixels)))
        file.mux(stream.encode())


def _cut(data):
    return data[: len(data) * 2 // 3]


def _zeroed(data):
    return data[: len(data) // 3] + bytes(len(data) // 3) + data[2 * len(data) // 3 :]


def _overwritten(data):
    third = len(data) // 3
    return data[:third] + np.random.default_rng(len(data)).bytes(third) + data[2 * third :]


def _shortened(data):
    """A stretch is missing, and all behind it has moved."""
    return data[: len(data) // 3] + data[len(data) // 2 :]


DAMAGES = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "only its head": lambda data: data[:60],
    "cut": _cut,
    "zeroed": _zeroed,
    "overwritten": _overwritten,
    "a stretch missing": _shortened,
    "a text by that name": lambda data: b"Dear camera, please record.\n" * 40,
    "a playlist by that name": lambda data: b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n",
    "its head overwritten": lambda data: b"\xff" * 64 + data[64:],
}
"""Done to Matroska with a sum in every slice, where each of these can be known."""


def prepare(folder, count, damaged):
    """Write the inputs and return the names of those that are damaged, with how."""
    kinds, ways, hurt = list(KINDS), list(DAMAGES), {}
    every = count // damaged if damaged else count + 1
    for number in range(count):
        place = folder / f"camera{number // 1000:02}"
        place.mkdir(exist_ok=True)
        way = None
        if number % every == every // 2 and len(hurt) < damaged:
            way = ways[len(hurt) % len(ways)]
        path = place / f"{number:05}{'.mkv' if way else kinds[number % len(kinds)]}"
        write(path, pictures(number))
        if way:
            path.write_bytes(DAMAGES[way](path.read_bytes()))
            hurt[str(path)] = way
    return hurt


def megabytes(process):
    try:
        return round(process.memory_info().rss / 1e6, 1)
    except psutil.Error:
        return 0.0


def follow(line, summary, tell):
    """Run the line; return its exit code and what it and its workers had, and how far it was."""
    began, seen = time.monotonic(), []
    with tempfile.TemporaryFile("w+") as said:
        run = subprocess.Popen(line, stderr=said, stdout=said)
        process = psutil.Process(run.pid)
        while run.poll() is None:
            time.sleep(1)
            rows = summary.read_bytes().count(b"\n") - 1 if summary.exists() else 0
            workers = []
            with contextlib.suppress(psutil.Error):
                workers = [megabytes(child) for child in process.children()]
            seen.append((rows, megabytes(process), max(workers, default=0.0)))
            if len(seen) % 30 == 0:
                tell({"seconds": round(time.monotonic() - began), "rows": rows, "now": seen[-1]})
        said.seek(0)
        return run.returncode, time.monotonic() - began, seen, said.read()


def study(folder, given, tell=lambda found: None):
    inputs, out = folder / "in", folder / "out"
    inputs.mkdir()
    hurt = prepare(inputs, given.count, given.damaged)
    words = [str(out) if word == "OUT" else word for word in given.chain.split()]
    line = [sys.executable, "-m", "segment", "--quiet", "--jobs", str(given.jobs)]
    line += ["read", "--recursive", str(inputs), *words]
    code, seconds, seen, said = follow(line, out / "summary.csv", tell)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (out / "summary.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    bad = {row["input"]: row["state"] for row in rows if row["state"] != "done"}
    named = [path for path in hurt if Path(path).name in said]
    parent = [(at, size) for at, size, _ in seen if at > 0 and size > 0]
    tenths = [
        max((size for at, size in parent if tenth <= 10 * at / given.count < tenth + 1), default=0)
        for tenth in range(10)
    ]
    return {
        "inputs": given.count,
        "exit": code,
        "seconds": round(seconds),
        "processor time, ms an input": round(
            1000 * (spent.ru_utime + spent.ru_stime) / given.count, 1
        ),
        "rows": len(rows),
        "rows of inputs that are told twice": len(rows) - len({row["input"] for row in rows}),
        "states": dict(Counter(row["state"] for row in rows)),
        "frames of the sound": dict(
            Counter(row["frames"] for row in rows if row["input"] not in hurt)
        ),
        "damaged, by how, with what became of it": {
            how: dict(Counter(bad.get(path, "done") for path, way in hurt.items() if way == how))
            for how in DAMAGES
        },
        "damaged that are not told": sorted(set(hurt) - set(bad)),
        "sound that are called damaged": sorted(set(bad) - set(hurt)),
        "damaged and named on the terminal": f"{len(named)} of {len(hurt)}",
        "memory of who hands out the work, MB, at the most in each tenth": tenths,
        "memory of a worker, MB, at the most": max((size for *_, size in seen), default=0),
        "last words": said.splitlines()[-6:],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--damaged", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--chain", default=CHAIN)
    parser.add_argument("--out", type=Path, default=Path("ten_thousand.json"))
    given = parser.parse_args()
    os.nice(10)

    def write_down(found):
        given.out.write_text(json.dumps(found, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as name:
        found = study(Path(name), given, write_down)
    write_down(found)
    print(json.dumps(found, indent=1))
