"""What a first run costs more than a later one, in processor time, and which loop takes it.

    NUMBA_CPU_NAME=znver3 python benchmarks/cold_start.py           # a processor without AVX-512
    NUMBA_CPU_NAME=znver3 python benchmarks/cold_start.py --loops   # loop by loop

Two runs of a line in processes of their own, the first with an empty folder for compiled loops.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINE = "read sample:street subtract clean group export OUT --as masks --as coco --as overlay"


def run(words, out, cache):
    """Seconds of processor time of one run, and on the clock."""
    line = [str(out) if word == "OUT" else word for word in words]
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    subprocess.run([sys.executable, "-m", "segment", "-q", *line], env=environ, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.monotonic() - begin


def compare(words):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cold, waited = run(words, place / "cold", place / "cache")
        warm, after = run(words, place / "warm", place / "cache")
        kept = list((place / "cache").rglob("*.loops"))
    return {
        "cold, s of processor time": round(cold, 1),
        "warm": round(warm, 1),
        "more": round(cold - warm, 1),
        "cold, s on the clock": round(waited, 1),
        "warm, on the clock": round(after, 1),
        "loops kept": len(kept),
    }


def each_loop(words):
    """Seconds of processor time that each loop itself takes to compile, the dearest first."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder
        from numba.core import event

        import segment

        spent, stack = {}, []

        class Listener(event.Listener):
            def on_start(self, happened):
                stack.append([time.thread_time(), 0.0])

            def on_end(self, happened):
                begin, inner = stack.pop()
                took = time.thread_time() - begin
                if stack:
                    stack[-1][1] += took
                function = happened.data["dispatcher"].py_func
                name = f"{function.__module__}.{function.__qualname__}"
                known = spent.setdefault(name.removeprefix("segment."), [0.0, 0])
                known[0] += took - inner
                known[1] += 1

        listener = Listener()
        event.register("numba:compile", listener)
        segment.run([f"{folder}/out" if word == "OUT" else word for word in words])
        event.unregister("numba:compile", listener)
    rows = sorted(spent.items(), key=lambda item: -item[1][0])
    for name, (seconds, count) in rows:
        print(f"{seconds:7.2f} s  {count:3} x  {name}")
    print(f"{sum(seconds for seconds, _ in spent.values()):7.2f} s in all, {len(rows)} loops")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--line", default=LINE, help="with OUT where it writes")
    parser.add_argument("--loops", action="store_true")
    given = parser.parse_args()
    if given.loops:
        each_loop(given.line.split())
    else:
        print(json.dumps(compare(given.line.split()), indent=1))
