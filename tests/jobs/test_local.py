"""Workers of this machine: everything is done once, whatever becomes of a process."""

import os
import time

import psutil
import pytest

from segment.errors import WorkerLost
from segment.jobs import machine
from segment.jobs.local import TRIES, Workers
from tests.jobs import pieces


def test_every_piece_is_done_once_also_when_a_worker_is_killed(tmp_path):
    workers = Workers(2, 1, pieces.die_once)
    folders = [tmp_path / str(n) for n in range(3)]
    for folder in folders:
        folder.mkdir()
    (folders[1] / "begun").touch()  # this one is not killed

    found = list(workers.run(folders))

    assert sorted(task for task, _ in found) == folders
    assert all(isinstance(pid, int) and pid != os.getpid() for _, pid in found)


def test_who_kills_its_worker_each_time_is_given_up_and_the_others_are_done():
    workers = Workers(2, 1, pieces.die)

    found = dict(workers.run([1, -1, 2, 101, 3]))

    assert {n: found[n] for n in (1, 2, 3)} == {1: 1, 2: 2, 3: 3}
    assert isinstance(found[-1], WorkerLost)
    assert f"lost {TRIES} times" in str(found[-1])
    assert isinstance(found[101], OSError)


def test_threads_of_a_worker_are_capped():
    ((_, found),) = Workers(1, 1, pieces.threads_of).run(["any"])
    assert found == (1, 1, "1")
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_closing_breaks_off_what_is_at_work():
    before = set(psutil.Process().children(recursive=True))
    run = Workers(2, 1, pieces.sleep).run([0, 60])
    next(run)
    begin = time.monotonic()
    run.close()
    ours = set(psutil.Process().children(recursive=True)) - before
    assert time.monotonic() - begin < 30
    assert not [child for child in ours if "resource_tracker" not in " ".join(child.cmdline())]


def test_stopping_leaves_the_rest():
    workers = Workers(1, 1, pieces.square)
    found = []
    for task, _ in workers.run(range(100)):
        found.append(task)
        workers.stop()
    assert found == [0]


@pytest.mark.parametrize(("free", "count"), [(0, 1), (machine.PARENT + 2 * machine.WORKER, 2)])
def test_memory_bounds_the_number_of_workers(monkeypatch, free, count):
    monkeypatch.setattr(machine, "memory", lambda: free)
    monkeypatch.setattr(machine, "cores", lambda: 16)
    assert machine.workers_for(100) == count
    assert machine.workers_for(1) == 1
