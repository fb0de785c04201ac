"""Eight videos on two Dask workers: one is killed, then the connection to the scheduler is cut.

    python benchmarks/cluster_kill.py

Told are the rows of the summary and whether all files are those of one process, byte for byte.
"""

import csv
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import distributed

import segment
from tests.conftest import moving_square, write_video

CHAIN = "subtract clean group-components export {} --as masks --as tracks --as coco"
VIDEOS = 8
OURS = ("summary.csv", "run.json")  # when, where, how fast


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.suffix in (".png", ".csv", ".json") and path.name not in OURS
    }


def done():
    return sum('"complete": true' in path.read_text() for path in Path("out").glob("*/run.json"))


def wait_for(count):
    while done() < count:
        time.sleep(0.02)
    return done()


def main():
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        Path("in").mkdir()
        for number in range(VIDEOS):
            images, _ = moving_square(60, (92, 124), seed=number)
            write_video(Path(f"in/v{number}.mkv"), images)
        segment.run(f"read --recursive in {CHAIN.format('alone')}")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            line = f"read --recursive in {CHAIN.format('out')}"
            run = threading.Thread(target=segment.run, args=(line,), kwargs={"client": client})
            run.start()
            killed = wait_for(2)
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            cut = wait_for(5)
            client.loop.add_callback(client.scheduler_comm.comm.abort)
            run.join()
        with open("out/summary.csv", newline="") as table:
            rows = list(csv.DictReader(table))
        print(
            f"a worker killed after {killed} of {VIDEOS}, the connection cut after {cut}: "
            f"{len(rows)} rows of {len({row['sequence'] for row in rows})} videos, states "
            f"{ {row['state'] for row in rows} }, frames { {row['frames'] for row in rows} }; "
            f"{len(files('out'))} files, equal: {files('out') == files('alone')}"
        )
        os.chdir("/")


if __name__ == "__main__":
    main()
