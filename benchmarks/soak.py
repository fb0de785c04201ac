"""A million frames through one line: memory stays flat, times stay right, ids last.

    python benchmarks/soak.py --frames 1000000 --out soak.json

A scene of 160x120 is drawn and piped into `segment read - ... subtract clean group events export`:
somebody crosses it every twelve seconds, to the right and to the left in turn, in light that goes
up and down and with a sensor's noise. What is known of it, when who crosses the line in the
middle, is held against events.csv and tracks.csv at the end. Memory is looked at every ten
seconds. `--seconds` ends the run in order, with SIGTERM, as a service manager would end a camera's.
"""

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil

HEIGHT, WIDTH, RATE = 120, 160, 25
PERIOD = 300  # frames from one who crosses to the next
CROSSING = 120  # frames of it in which somebody is there
DAY = 90_000  # frames from bright to bright
LINE = f"middle: {WIDTH // 2},0 {WIDTH // 2},{HEIGHT}"


def pictures(count, seed=0):
    """Raw RGB frames, bytes of HEIGHT * WIDTH * 3 each."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    still = np.stack([70 + rows / 2, 60 + columns / 3, 90 + (rows + columns) / 4], axis=2)
    texture = rng.normal(0, 12, (HEIGHT, WIDTH, 1))
    # A few dozen pictures of noise, shifted by chance, are noise enough and cost little.
    noise = rng.normal(0, 2, (31, HEIGHT, WIDTH, 3)).astype(np.float32)
    still = (still + texture).astype(np.float32)
    for frame in range(count):
        light = np.float32(1 + 0.25 * np.cos(2 * np.pi * frame / DAY))
        image = still * light + np.roll(noise[frame % 31], int(rng.integers(WIDTH)), axis=1)
        here = body(frame)
        if here is not None:
            left, right = max(0, here[0]), min(WIDTH, here[2])
            if left < right:
                image[here[1] : here[3], left:right] = np.float32(
                    [[(210, 60, 50), (50, 70, 220)][frame // PERIOD % 2]]
                )
        yield image.clip(0, 255).astype(np.uint8).tobytes()


def body(frame):
    """Box (left, top, right, bottom) of who crosses, pixels; None when nobody is there."""
    turn, step = divmod(frame, PERIOD)
    step -= PERIOD - CROSSING  # the beginning of each period is empty
    if step < 0:
        return None
    x = round(-16 + step * (WIDTH + 32) / (CROSSING - 1))
    x = x if turn % 2 == 0 else WIDTH - x
    return x - 8, 50, x + 8, 90


def crossing(turn):
    """Second at which the middle of who crosses in this turn is on the line."""
    return (turn * PERIOD + PERIOD - CROSSING + (CROSSING - 1) / 2) / RATE


def soak(frames, out, seconds=None, tell=lambda found: None):
    line = [sys.executable, "-m", "segment", "--quiet", "read", "-"]
    line += ["--raw-size", f"{WIDTH}x{HEIGHT}", "--rate", str(RATE), "--timeout", "600"]
    line += ["subtract", "clean", "group", "events", "--line", LINE]
    line += ["export", str(out), "--as", "events", "--as", "tracks"]
    run = subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=False)
    fed = [0]

    def feed():
        try:
            for picture in pictures(frames):
                run.stdin.write(picture)
                fed[0] += 1
            run.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    threading.Thread(target=feed, daemon=True).start()
    began, memory, asked = time.monotonic(), [], False
    while run.poll() is None:
        time.sleep(10 if frames > 5000 else 1)
        try:
            memory.append((fed[0], round(psutil.Process(run.pid).memory_info().rss / 1e6)))
        except psutil.Error:
            break
        if seconds is not None and not asked and time.monotonic() - began > seconds:
            run.send_signal(signal.SIGTERM)
            asked = True
        tell({"frames": fed[0], "seconds": round(time.monotonic() - began), "memory": memory[-30:]})
    run.wait()
    return {
        "frames fed": fed[0],
        "exit": run.returncode,
        "ended by a signal": asked,
        "seconds": round(time.monotonic() - began),
        "words": run.stderr.read().decode(errors="replace").splitlines()[-5:],
        **_memory(memory),
        **_right(out / "stdin"),
    }


def _memory(seen):
    alive = [size for at, size in seen if at > seen[-1][0] / 20]  # the first twentieth fills up
    third = max(1, len(alive) // 3)
    return {
        "memory, MB, first, middle and last third": [
            max(part, default=None) for part in (alive[:third], alive[third:-third], alive[-third:])
        ],
    }


def _right(folder):
    """What events.csv and tracks.csv say, beside what is known."""
    with (folder / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    crossed = [(float(row["start"]), row) for row in events if row["kind"] == "cross"]
    ids, last = defaultdict(set), 0
    with (folder / "tracks.csv").open() as file:
        for row in csv.DictReader(file):
            last = max(last, int(row["frame"]))
            ids[int(row["frame"]) // PERIOD].add(row["id"])
    turns = (last + PERIOD - CROSSING // 2) // PERIOD  # whose middle is behind them
    off, missed, doubled = [], 0, 0
    at = np.array([when for when, _ in crossed])
    for turn in range(turns):
        near = np.abs(at - crossing(turn)) < PERIOD / RATE / 2 if len(at) else np.zeros(0, bool)
        missed += not near.any()
        doubled += near.sum() > 1
        if near.any():
            off.append(float((at[near] - crossing(turn))[0]))
    ways = defaultdict(int)
    for _, row in crossed:
        ways[row.get("direction") or row.get("way") or "?"] += 1
    later = [len(ids[turn]) for turn in range(turns)]
    return {
        "frames seen": last + 1,
        "who crossed": turns,
        "crossings told": len(crossed),
        "not told": int(missed),
        "told twice": int(doubled),
        "seconds off, median, first hundred and last hundred": [
            float(np.median(off[:100])) if off else None,
            float(np.median(off[-100:])) if off else None,
        ],
        "directions": dict(ways),
        "with one id all the way": int(sum(count == 1 for count in later)),
        "with more": int(sum(count > 1 for count in later)),
        "ids used twice": len([1 for _, turns in _turns_of(ids).items() if len(turns) > 1]),
    }


def _turns_of(ids):
    found = defaultdict(set)
    for turn, names in ids.items():
        for name in names:
            found[name].add(turn)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, help="end it after so long")
    parser.add_argument("--out", type=Path, default=Path("soak.json"))
    given = parser.parse_args()
    os.nice(15)

    def write(found):
        given.out.write_text(json.dumps(found, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        found = soak(given.frames, Path(folder) / "out", given.seconds, write)
    write(found)
    print(json.dumps(found, indent=1))
