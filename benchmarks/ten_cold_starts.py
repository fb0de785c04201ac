"""Ten first runs at once with an empty folder for compiled loops, round after round.

    NUMBA_CPU_NAME=znver3 python benchmarks/ten_cold_starts.py --rounds 10

Told are the failures (wanted none), whether the masks of all are equal, and the processor time.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINE = "read sample:street --stop 3 --size 64x48 subtract-mixture export OUT"


def one_round(words: list[str], count: int) -> tuple[int, int, list[str]]:
    """Return how many failed, how many different results there are, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/cache"}
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "segment", "-q"]
                + [f"{folder}/{n}" if word == "OUT" else word for word in words],
                env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for n in range(count)
        ]  # fmt: skip
        said = [process.communicate()[0] for process in running]
        failed = sum(process.returncode != 0 for process in running)
        results = {
            hashlib.sha256(
                b"".join(path.read_bytes() for path in sorted(Path(folder, str(n)).rglob("*.png")))
            ).hexdigest()
            for n in range(count)
        }
    return failed, len(results), [text for text in said if text]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--line", default=LINE, help="with OUT where it writes")
    given = parser.parse_args()
    failures = 0
    for number in range(given.rounds):
        begin = time.monotonic()
        failed, results, said = one_round(given.line.split(), given.count)
        failures += failed
        print(
            f"round {number + 1}: {failed} failed, {results} different results, "
            f"{time.monotonic() - begin:.0f} s {' '.join(said)[:300]}",
            flush=True,
        )
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{failures} failures; {spent.ru_utime + spent.ru_stime:.0f} s of processor time")


if __name__ == "__main__":
    main()
