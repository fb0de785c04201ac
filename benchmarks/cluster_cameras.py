"""A thousand cameras on a cluster, simulated with figures that were measured: what binds first?

    python benchmarks/cluster_cameras.py                      # the table of docs/cameras.md
    python benchmarks/cluster_cameras.py --cameras 1000 --cores 1000 2000 4000

Each camera closes a file every few minutes, somewhere within them. Whoever is free takes the next:
the scheduler hands it out (one at a time), a worker fetches it (all share the store's network),
and then works on it, a core each, as long as its memory is there. Told is how long after its end
a file is done, and how busy each of the four is; above 1 the backlog grows without end.
"""

import argparse
import heapq
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """What one file needs, and what there is. Seconds of processor time are of README's table."""

    frames_a_second: float = 25.0
    decode: float = 0.0042  # s a frame of 1920x1080, processor time of one core
    chain: float = 0.1278  # subtract, clean, group and masks: 132 ms less the decoding
    megabits: float = 4.0  # a second of video, H.264 at 1920x1080
    memory: float = 0.671  # GB a worker at the most, README's chain at 1920x1080
    task: float = 0.004  # s that the scheduler has for a task, from --dispatch of this script


@dataclass
class Found:
    """What came of it."""

    late: list[float]
    scheduler: float
    network: float
    cores: float
    workers: int


def simulate(
    cameras: int, cores: int, gigabytes: float, gigabits: float, minutes: float, figures: Figures,
    every: float = 1.0, hours: float = 6.0, seed: int = 0,
) -> Found:  # fmt: skip
    """Let `cameras` record for some hours; `every` N-th frame is used, all are decoded."""
    rng = random.Random(seed)
    workers = min(cores, int(gigabytes / figures.memory))
    length = 60 * minutes
    frames = length * figures.frames_a_second
    fetch = length * figures.megabits / (1000 * gigabits)
    work = frames * (figures.decode + figures.chain / every)
    files: list[float] = []
    for _ in range(cameras):
        moment = rng.uniform(0, length)
        while moment < 3600 * hours:
            files.append(moment)
            moment += length
    files.sort()
    free = [0.0] * workers
    scheduler = network = 0.0
    late = []
    for closed in files:
        idle = heapq.heappop(free)
        scheduler = max(scheduler, closed, idle) + figures.task
        # One after another is as fast as all at once, to the last of them.
        network = max(network, scheduler) + fetch
        # Scenes differ: a busy one takes more than an empty one.
        ended = network + work * rng.uniform(0.8, 1.2)
        heapq.heappush(free, ended)
        late.append(ended - closed)
    per_second = cameras / length
    return Found(
        late, per_second * figures.task, per_second * fetch, per_second * work / workers, workers
    )


def dispatch(count: int = 2000) -> float:
    """Seconds a task that Dask's scheduler takes to hand out and take back, measured here."""
    import time

    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
        as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        client.submit(int, 1).result()
        begin = time.process_time()
        client.gather([client.submit(int, n, pure=False) for n in range(count)])
        return (time.process_time() - begin) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=1000)
    parser.add_argument("--cores", type=int, nargs="+", default=[500, 1000, 2000, 3000, 4000])
    parser.add_argument("--memory-a-core", type=float, default=2.0, help="GB")
    parser.add_argument("--gigabits", type=float, default=10.0, help="of the store, all together")
    parser.add_argument("--minutes", type=float, default=10.0, help="that a file has")
    parser.add_argument("--every", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--dispatch", action="store_true", help="measure Dask's time a task")
    given = parser.parse_args()
    if given.dispatch:
        print(f"{1000 * dispatch():.2f} ms of processor time a task")
        return
    print(
        "| every | cores | workers | scheduler | network | cores busy | median late | last hour |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for every in given.every:
        for cores in given.cores:
            found = simulate(
                given.cameras, cores, cores * given.memory_a_core, given.gigabits,
                given.minutes, Figures(), every,
            )  # fmt: skip
            last = sorted(found.late[-len(found.late) // 6 :])
            ordered = sorted(found.late)
            print(
                f"| {every} | {cores} | {found.workers} | {found.scheduler:.3f} | "
                f"{found.network:.2f} | {found.cores:.2f} | {ordered[len(ordered) // 2] / 60:.1f} "
                f"min | {last[len(last) // 2] / 60:.1f} min |"
            )


if __name__ == "__main__":
    main()
