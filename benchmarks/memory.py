"""What whole runs take of memory, beside what `--max-memory` counts for them.

    python benchmarks/memory.py
    python benchmarks/memory.py --sizes 640x360 3840x2160 --chains 'subtract clean group export OUT'

Each run is a process of its own over a drawn film. Told are the most that it had, what of it grows
with the picture (beside a film of 64x36), and what `--max-memory` counts, all in MB.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np

CHAINS = (
    "subtract export OUT",
    "subtract --quality fast export OUT",
    "subtract-mixture export OUT",
    "subtract clean group export OUT",
    "subtract clean group export OUT --as overlay",
    "subtract clean group-components export OUT --as overlay",
)
SIZES = ("640x360", "1920x1080", "3840x2160")
SMALL = "64x36"


def draw(path, size, frames):
    """A film of textured ground on which three squares move."""
    width, height = map(int, size.split("x"))
    rng = np.random.default_rng(0)
    ground = np.kron(
        rng.integers(60, 160, (height // 4 + 1, width // 4 + 1, 3)), np.ones((4, 4, 1))
    )[:height, :width].astype(np.uint8)
    side = height // 8
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for t in range(frames):
            picture = ground.copy()
            for n in range(3):
                top, left = side * (1 + 2 * n), (t * side // 4 + n * 2 * side) % (width - side)
                picture[top : top + side, left : left + side] = (230, 60 * n, 40)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())


# A process begins with what its parent had at its most: so the parent has to be a small one.
_WATCH = """
import os, subprocess, sys
run = subprocess.Popen([sys.executable, "-m", "segment", "-q", *sys.argv[1:]])
_, status, usage = os.wait4(run.pid, 0)
run.returncode = os.waitstatus_to_exitcode(status)
print(usage.ru_maxrss << 10)
sys.exit(run.returncode)
"""


def most_of(words):
    """Bytes that a run had at its most. It is waited for by itself, so that nobody else counts."""
    watch = [sys.executable, "-c", _WATCH, *words]
    done = subprocess.run(watch, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ends with {done.returncode}")
    return int(done.stdout)


def counted(film, chain):
    """What the line needs by its own count: it says so when it may have one byte."""
    line = ["read", str(film), "--max-memory", "1", *chain]
    said, needed = "", 1
    for _ in range(9):  # one check after the other
        done = subprocess.run(
            [sys.executable, "-m", "segment", *line], capture_output=True, text=True, check=False
        )
        found = re.search(r"--max-memory (\d+)", said := done.stderr)
        if not found:
            return needed
        needed = int(found[1])
        line[3] = str(needed)
    raise SystemExit(said)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--chains", nargs="+", default=CHAINS)
    parser.add_argument("--frames", type=int, default=12)
    given = parser.parse_args()
    print("| chain | size | most | grown | bytes a pixel | counted |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in (SMALL, *given.sizes):
            draw(folder / f"{size}.mp4", size, given.frames)
        for number, chain in enumerate(given.chains):
            words = chain.split()

            def line(size, number=number, words=words):
                out = str(folder / f"{number}-{size}")
                return [
                    "read",
                    str(folder / f"{size}.mp4"),
                    *(out if w == "OUT" else w for w in words),
                ]

            base = most_of(line(SMALL))
            for size in given.sizes:
                most = most_of(line(size))
                width, height = map(int, size.split("x"))
                fresh = str(folder / f"counted-{number}-{size}")
                told = counted(folder / f"{size}.mp4", [fresh if w == "OUT" else w for w in words])
                grown = most - base
                print(
                    f"| `{chain.replace(' OUT', '')}` | {size} | {most / 1e6:.0f} | "
                    f"{grown / 1e6:.0f} | {grown / width / height:.0f} | {told / 1e6:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
