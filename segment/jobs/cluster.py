"""Workers of a Dask cluster: the same as `local.Workers`, on as many machines as it has.

Dask decides where a piece runs and what becomes of it when a worker is lost; a piece that was lost
with its worker `allowed-failures` times (Dask's setting, 3) is given up. It may run twice at once,
when a connection is lost: whoever does the work must not mind.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from segment.errors import ChainError, SegmentError, WorkerLost

__all__ = ["Cluster", "connect"]

T = TypeVar("T")
R = TypeVar("R")

LOOK = 0.5
"""Seconds between two looks at what the workers do."""

AHEAD = 2
"""Pieces that wait at the scheduler for each thread of a worker, so that none stands idle; all at
once would make the scheduler's memory grow with their number."""


def connect(scheduler: str, timeout: float = 30.0) -> Any:
    """Return a `distributed.Client` of an address, a scheduler's file, or of "auto".

    auto : what DASK_SCHEDULER_ADDRESS, or Dask's configuration, says. Raises ChainError.
    """
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise ChainError(
            "--scheduler needs Dask; pip install 'segment-em[cluster]' brings it"
        ) from None
    if scheduler == "auto":
        address = dask.config.get("scheduler-address", None)
        if not address:
            raise ChainError(
                "--scheduler auto: neither DASK_SCHEDULER_ADDRESS nor Dask's configuration names "
                "a scheduler; give its address, or its file"
            )
        scheduler = str(address)
    is_file = Path(scheduler).is_file()
    where: dict[str, Any] = {"scheduler_file": scheduler} if is_file else {"address": scheduler}
    if not is_file and (scheduler.endswith(".json") or os.sep in scheduler.split("://")[-1]):
        raise ChainError(f"--scheduler {scheduler}: there is no such file, and it is no address")
    try:
        make: Any = Client
        return make(**where, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ChainError(
            f"--scheduler {scheduler}: no scheduler answers there ({reason})"
        ) from None


class Cluster(Generic[T, R]):
    """The workers of a `distributed.Client`.

    name : gives a piece's key, the same whenever the same piece is given.
    Otherwise see `local.Workers`.
    """

    keeps = False

    def __init__(
        self, client: Any, work: Callable[[T], R], name: Callable[[T], str], threads: int = 1
    ) -> None:
        self._client = client
        self._work = work
        self._name = name
        self.threads = threads
        self.frames = 0
        self.place = os.getcwd()
        self._stopping = threading.Event()

    @property
    def count(self) -> int:
        """Pieces that can be worked on at once."""
        # Told by the scheduler now and then; nothing is asked for, and nothing can be lost.
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return max(1, sum(int(worker["nthreads"]) for worker in workers))

    def stop(self) -> None:
        """Begin no further piece; those at work come to their end."""
        self._stopping.set()

    def run(
        self, tasks: Iterable[T | None], look: Callable[[], object] = lambda: None
    ) -> Iterator[tuple[T, R | BaseException]]:
        """Do every piece, and give each with its result as it ends; an exception is a result, too.

        WorkerLost when workers were lost with it as often as Dask allows. Raises SegmentError when
        the scheduler is lost and does not come back.
        """
        waiting = iter(tasks)
        again: list[T] = []
        busy: dict[Any, T] = {}
        try:
            while True:
                self._watch()
                while len(busy) < AHEAD * self.count and not self._stopping.is_set():
                    task: Any = again.pop() if again else next(waiting, _END)
                    if task is _END or task is None:
                        break
                    busy[self._submit(task)] = task
                if self._stopping.is_set():
                    again.clear()
                    self._take_back(busy)
                if not busy:
                    return
                ended = [future for future in busy if future.status not in ("pending", "lost")]
                for future in ended:
                    task = busy.pop(future)
                    if future.status == "cancelled":
                        # The connection to the scheduler was lost, and with it what was asked for.
                        # What a worker had begun nevertheless is found by who does it again.
                        again.append(task)
                        continue
                    result = self._result(future)
                    if result is _LOST:  # cut off between its end and its answer
                        again.append(task)
                        continue
                    yield task, result
                look()
                if not ended:
                    time.sleep(LOOK / 5)
        finally:
            if busy and self._client.status == "running":
                self._client.cancel(list(busy), force=True)

    def _submit(self, task: T) -> Any:
        return self._client.submit(self._work, task, key=self._name(task), pure=False)

    def _take_back(self, busy: dict[Any, T]) -> None:
        """Cancel what no worker has begun."""
        running = {
            key
            for keys in self._client.processing().values()  # given to a worker, begun or not
            for key in keys
        }
        idle = [future for future in busy if future.key not in running]
        if idle:
            self._client.cancel(idle, force=True)
        for future in idle:
            del busy[future]

    def _result(self, future: Any) -> R | BaseException:
        from distributed import KilledWorker
        from distributed.client import CancelledError  # type: ignore[attr-defined]

        try:
            error = future.exception()
            if error is None:
                return future.result()  # type: ignore[no-any-return]
        except CancelledError:
            return _LOST  # type: ignore[no-any-return]
        if isinstance(error, CancelledError):
            return _LOST  # type: ignore[no-any-return]
        if isinstance(error, KilledWorker):
            return WorkerLost(
                "its worker was lost as often as Dask allows (allowed-failures); where memory is "
                "short, fewer threads or smaller frames, read --size, need less"
            )
        return error  # type: ignore[no-any-return]

    def _watch(self) -> None:
        """Wait while the scheduler is away; raise SegmentError when it does not come back."""
        while self._client.status == "connecting":
            time.sleep(LOOK)
        if self._client.status != "running":
            raise SegmentError(
                "the cluster's scheduler was lost and did not come back; what is done is done, add "
                "--resume to go on"
            )


_END: Any = object()
_LOST: Any = object()
