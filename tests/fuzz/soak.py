"""Hours with a camera that stalls, dies and comes back: memory stays flat, the state stays right.

    python -m tests.fuzz.soak --seconds 3600 --deaths 20 --out FILE

A server of its own streams a drawn scene over HTTP on this machine, stops in the middle of frames,
closes its connections and is away for a while. One run of `segment read --reconnect` follows it to
the end, which is Ctrl-C. What was seen is written to FILE as JSON: memory, the gaps in the run's
own account, the background that it learned, and its clock beside the camera's.
"""

import argparse
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

SIZE = (120, 160)
RATE = 10  # frames a second
LIMIT = 6  # seconds of silence after which a stream counts as lost; more than a busy machine's own


def background():
    """The scene without anything in it, (H, W, 3) uint8."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([60 + rows, 40 + columns, 80 + (rows + columns) // 2], axis=2).astype(np.uint8)


def picture(count):
    """Frame `count` since the server began: a thing crosses, and the sensor is noisy."""
    rng = np.random.default_rng(count)
    image = background() + rng.normal(0, 2, (*SIZE, 3))
    x = 4 * count % (SIZE[1] + 60) - 20
    image[50:74, max(0, x) : max(0, x + 16)] = (230, 40, 40)
    return image.clip(0, 255).astype(np.uint8)


class Camera:
    """Streams MPEG-TS to whoever connects, but not all the time."""

    def __init__(self, seconds, deaths):
        self.began = time.monotonic()
        self.seconds = seconds
        every = seconds / (deaths + 1)
        self.away = [(k * every, k * every + 2 + k % 7) for k in range(1, deaths + 1)]
        # Most are shorter than the time limit, every fourth is longer.
        self.stalls = [
            ((k + 0.5) * every, (k + 0.5) * every + (1 + k % 3 if k % 4 < 3 else 3 * LIMIT))
            for k in range(deaths)
        ]
        self.deaths = 0
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def now(self):
        return time.monotonic() - self.began

    def is_away(self):
        return any(begin <= self.now() < end for begin, end in self.away)

    def _serve(self):
        while True:
            connection, _ = self.listener.accept()
            if self.is_away():
                connection.close()
                continue
            self.connections += 1
            threading.Thread(target=self._stream, args=(connection,), daemon=True).start()

    def _stream(self, connection):
        try:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
            with connection, connection.makefile("wb") as raw, av.open(raw, "w", "mpegts") as out:
                stream = out.add_stream("mpeg4", rate=RATE, options={"g": "6"})
                stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
                stream.bit_rate = 2_000_000
                stream.codec_context.time_base = Fraction(1, 1000)
                begun = self.now()
                while self.now() < self.seconds + 60:
                    if self.is_away():
                        self.deaths += 1
                        # In the middle of a frame, as a camera that loses its power.
                        raw.write(os.urandom(100))
                        return
                    if any(begin <= self.now() < end for begin, end in self.stalls):
                        time.sleep(0.2)
                        continue
                    frame = av.VideoFrame.from_ndarray(picture(int(self.now() * RATE)))
                    frame.pts, frame.time_base = int(1000 * (self.now() - begun)), Fraction(1, 1000)
                    out.mux(stream.encode(frame))
                    raw.flush()
                    time.sleep(1 / RATE)
        except OSError:
            return


def soak(seconds, deaths, tell=lambda found: None):
    """Follow a camera for so many seconds by one run; return what was seen."""
    camera = Camera(seconds, deaths)
    memory = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state, out, words = folder / "state.safetensors", folder / "out", folder / "words"
        line = [
            "read",
            f"http://127.0.0.1:{camera.port}/cam.ts",
            "--reconnect",
            "--reconnect-for",
            900,
        ]
        line += ["--timeout", LIMIT, "subtract", "--state", state, "--state-every", 1]
        line += ["clean", "group-components", "export", out, "--as", "tracks", "--as", "masks"]
        with words.open("wb") as said:
            run = subprocess.Popen(
                [sys.executable, "-m", "segment", *map(str, line)],
                stdout=said,
                stderr=said,
                preexec_fn=_listen,
            )
        while run.poll() is None and camera.now() < seconds:
            time.sleep(1)
            memory.append((round(camera.now()), _megabytes(run.pid)))
            if len(memory) % 60 == 0 and state.exists():
                tell(_report(camera, {"exit": None, "words": _last(words)}, memory, state))
        asked = run.poll() is None
        began = time.monotonic()
        if asked:
            run.send_signal(signal.SIGINT)
            try:
                run.wait(60)
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
        ended = {
            "exit": run.returncode,
            "asked to end": asked,
            "seconds to end": round(time.monotonic() - began, 2),
            "parts": len([path for path in out.rglob(".*") if path.name != ".lock"]),
            "words": _last(words),
            **_written(out, camera),
        }
        return _report(camera, ended, memory, state)


def _listen():
    """Take Ctrl-C, which a shell lets its background ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _last(words):
    return words.read_text(errors="replace").splitlines()[-80:]


def _written(out, camera):
    """What the run's own account says: numbers and gaps, and how far its clock is off."""
    records, tables = list(out.rglob("run.json")), list(out.rglob("tracks.csv"))
    if not records or not tables:
        return {"files": sorted(path.name for path in out.rglob("*.*"))[-20:]}
    account = json.loads(records[0].read_text())
    (table,) = tables
    with table.open() as file:
        rows = list(csv.DictReader(file))
    masks = sorted(int(path.stem) for path in out.rglob("masks/*.png"))
    # Where the thing is tells the camera's clock, up to whole crossings.
    lap = (SIZE[1] + 60) / 4 / RATE
    off = []
    for row in rows:
        left, top, width, height = (float(row[key]) for key in ("x", "y", "width", "height"))
        if 14 <= width <= 18 and 20 <= height <= 28 and 44 <= top <= 54 and 0 < left < SIZE[1] - 20:
            off.append((float(row["time"]) - (left + 20) / 4 / RATE) % lap)
    turned = np.exp(2j * np.pi * np.array(off) / lap)
    drift = np.angle(turned / turned[: max(1, len(off) // 20)].mean()) * lap / (2 * np.pi)
    if not off:
        return {"rows": rows}
    return {
        "rows": len(rows),
        "masks": len(masks),
        "masks are those of the account": masks == sorted(_numbers(account["numbers"])),
        "account": {
            key: account.get(key) for key in ("complete", "numbers", "lost", "flagged", "absurd")
        },
        "gaps": account["gaps"],
        "places looked at": len(off),
        "clock off by, seconds, median and 99 % and last": [
            round(float(value), 2)
            for value in (
                np.median(abs(drift)),
                np.quantile(abs(drift), 0.99),
                np.median(drift[-50:]),
            )
        ],
    }


def _numbers(told):
    """The numbers of "0-3 5" one by one."""
    for part in told.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _report(camera, run, memory, state):
    from segment.background import PosteriorSubtractor

    learned = PosteriorSubtractor.load(state).background().astype(int)
    wrong = np.abs(learned - background()).max(axis=2)
    alive = [(at, size) for at, size in memory if size and at > 60]
    third = max(1, len(alive) // 3)
    return {
        "seconds": round(camera.now()),
        "deaths": camera.deaths,
        "stalls": len(camera.stalls),
        "connections": camera.connections,
        "run": run,
        "memory, MB, first third": max((size for _, size in alive[:third]), default=None),
        "memory, MB, last third": max((size for _, size in alive[-third:]), default=None),
        "background, grey levels off, median and 99 %": [
            float(np.median(wrong)),
            float(np.quantile(wrong, 0.99)),
        ],
    }


def _megabytes(pid):
    try:
        return round(psutil.Process(pid).memory_info().rss / 1e6)
    except psutil.Error:
        return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--deaths", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("soak.json"))
    given = parser.parse_args()
    os.nice(10)

    def write(found):
        given.out.write_text(json.dumps(found, indent=1) + "\n")

    write(soak(given.seconds, given.deaths, write))
