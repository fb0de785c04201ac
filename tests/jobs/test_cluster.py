"""Workers of a Dask cluster: all is done, and none twice, whatever is killed or cut."""

import contextlib
import os
import signal
import threading
import time

import pytest

import segment
from segment.errors import ChainError
from segment.jobs.cluster import Cluster, connect
from tests.jobs import pieces
from tests.jobs.test_lines import CHAIN, NAMES, alone, begin, folder, results, rows  # noqa: F401

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask's own, when it is cut off


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as found:
        yield found


def test_a_killed_worker_and_a_cut_connection_cost_nothing(cluster, folder, alone):  # noqa: F811
    place = begin(folder, "dask")
    with distributed.Client(cluster, set_as_default=False) as client:
        found = {}

        def run():
            with pytest.raises(segment.SegmentError, match=r"broken\.mp4") as caught:
                segment.run(["read", "--recursive", "in", *CHAIN], client=client)
            found["report"] = caught.value.report

        with contextlib.chdir(place):
            thread = threading.Thread(target=run)
            thread.start()
            limit = time.monotonic() + 90
            while not list((place / "out").glob("*/run.json")):
                assert time.monotonic() < limit
                time.sleep(0.01)
            pid = next(iter(client.run(os.getpid).values()))
            os.kill(pid, signal.SIGKILL)
            client.loop.add_callback(client.scheduler_comm.comm.abort)
            thread.join(120)
    assert len(found["report"].sequences) == len(NAMES) + 1
    assert results(place) == results(alone)
    assert sorted(row["sequence"] for row in rows(place)) == ["broken", *NAMES]


def test_every_piece_is_done_once(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        pieces_of = Cluster(client, pieces.square, lambda n: f"square-{n}")
        assert dict(pieces_of.run(range(20))) == {n: n * n for n in range(20)}


@pytest.mark.parametrize("scheduler", ["nowhere.json", "auto"])
def test_a_cluster_that_is_not_there_is_told(scheduler, monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with pytest.raises(ChainError, match="--scheduler"):
        connect(scheduler)
