"""Workers on this machine: processes of Python's own concurrent.futures, one pool for each.

One pool for each, because a pool whose process is killed is broken as a whole: of a single one all
others would lose what they are at, and nobody could say which piece of work it was.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Generic, TypeVar

from segment.errors import SegmentError, WorkerLost
from segment.jobs import alone, machine

__all__ = ["TRIES", "Workers", "count_frame"]

T = TypeVar("T")
R = TypeVar("R")

TRIES = 3
"""Times that a piece of work is begun at most, when its worker is lost each time."""

LOOK = 0.5
"""Seconds between two looks at what the workers do."""

_GRACE = 20.0
"""Seconds that a worker has to leave in order once it was told to."""

_HURRY = 1.0
"""And when it was told again."""


@dataclass
class _Piece(Generic[T]):
    task: T
    begun: int = 0


class _Process(SpawnProcess):
    """One that looks for its parent from the first moment on."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.name = alone.Name(self.name)


class _Context(SpawnContext):
    # Not forked: this process has threads, and so have the libraries it has loaded.
    Process = _Process


class _Worker:
    """One process, and another in its place when it is lost."""

    def __init__(self, number: int, threads: int, frames: Any) -> None:
        self._begin = (number, threads, frames)
        self._process: Any = None
        self._pool = self._fresh()

    def _fresh(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, _Context(), _begin, self._begin)
        # Whoever breaks this off midway leaves a process that complains of what it was not told.
        with _hearing() as asked, _beginning, machine.environment(self._begin[1]):
            before = set(multiprocessing.active_children())
            self._born = pool.submit(os.getpid)
            self._process = next(iter(set(multiprocessing.active_children()) - before), None)
        for number in asked:
            signal.raise_signal(number)
        return pool

    def submit(self, work: Callable[[T], R], task: T) -> "Future[R]":
        return self._pool.submit(work, task)

    def renew(self) -> None:
        self._pool.shutdown(wait=False)
        self._pool = self._fresh()

    @property
    def was_born(self) -> bool:
        return self._born.done() and self._born.exception() is None

    def leave(self, at_once: bool) -> None:
        """Let the process end, at once or after what it is at."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if at_once and self.is_there():
            self._process.terminate()

    def is_there(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        if self.is_there():
            self._process.kill()


_beginning = threading.Lock()  # one process at a time, to know which is whose


class Workers(Generic[T, R]):
    """`count` processes with `threads` threads in each pool of a library's.

    work : what is done with a piece; it, pieces and results travel between processes.
    first : done once, by one worker, before the others begin: compiling, say.
    frames : so many frames have the workers done, all together.
    keeps : whoever has a piece keeps a worker until it is through, also when that is lost.
    """

    keeps = True

    def __init__(
        self,
        count: int,
        threads: int,
        work: Callable[[T], R],
        first: Callable[[], object] | None = None,
    ) -> None:
        self.count = count
        self.threads = threads
        self._work = work
        self._first = first
        self._frames = multiprocessing.get_context("spawn").RawArray("q", count)
        self._stopping = threading.Event()

    @property
    def frames(self) -> int:
        return sum(self._frames)

    def stop(self) -> None:
        """Begin no further piece; those at work come to their end."""
        self._stopping.set()

    def run(
        self, tasks: Iterable[T | None], look: Callable[[], object] = lambda: None
    ) -> Generator[tuple[T, R | BaseException], None, None]:
        """Do every piece, and give each with its result as it ends; an exception is a result, too.

        `tasks` are asked for one when a worker is idle; None says that there is none yet.
        WorkerLost when the worker was lost `TRIES` times. `look` is called twice a second. At the
        end, and when the iterator is closed, the workers leave: what they are at is broken off.
        """
        if multiprocessing.parent_process() is not None and getattr(
            multiprocessing.process.current_process(), "_inheriting", False
        ):
            raise SegmentError(
                "a script that is run by its own workers begins more of them; put what calls "
                "segment.run(..., jobs=N) below  if __name__ == '__main__':"
            )
        workers = [_Worker(0, self.threads, self._frames)]
        busy: dict[Future[R], tuple[_Worker, _Piece[T]]] = {}
        try:
            if self._first is not None:
                self._do_first(workers[0], self._first, look)
            workers += [_Worker(n, self.threads, self._frames) for n in range(1, self.count)]
            yield from self._run(deque(workers), iter(tasks), busy, look)
        finally:
            self._leave(workers, broken_off=bool(busy))

    def _do_first(
        self, worker: _Worker, first: Callable[[], object], look: Callable[[], object]
    ) -> None:
        future = worker.submit(_call, first)
        while not wait([future], LOOK).done:
            look()
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            worker.renew()  # what is wrong will be told of the pieces that it is wrong with

    def _run(
        self,
        idle: "deque[_Worker]",
        tasks: Iterator[T | None],
        busy: "dict[Future[R], tuple[_Worker, _Piece[T]]]",
        look: Callable[[], object],
    ) -> Iterator[tuple[T, R | BaseException]]:
        again: deque[_Piece[T]] = deque()
        while True:
            while idle and (piece := self._next(again, tasks)) is not None:
                piece.begun += 1
                worker = idle.popleft()
                busy[worker.submit(self._work, piece.task)] = worker, piece
            if not busy:
                return
            done, _ = wait(busy, LOOK, FIRST_COMPLETED)
            look()
            for future in done:
                worker, piece = busy.pop(future)
                error = future.exception()
                if isinstance(error, (BrokenProcessPool, SystemExit)):
                    born = worker.was_born
                    worker.renew()
                    idle.append(worker)
                    # Whoever stops begins nothing again, and somebody may wait for this.
                    if piece.begun < TRIES and not self._stopping.is_set():
                        again.append(piece)
                        continue
                    error = WorkerLost(_why_lost(born))
                else:
                    idle.append(worker)
                yield piece.task, future.result() if error is None else error

    def _next(self, again: "deque[_Piece[T]]", tasks: Iterator[T | None]) -> "_Piece[T] | None":
        if self._stopping.is_set():
            return None
        if again:
            return again.popleft()
        for task in tasks:
            return None if task is None else _Piece(task)
        return None

    def _leave(self, workers: list[_Worker], broken_off: bool) -> None:
        """Let the workers leave in order; whoever asks again meanwhile waits no longer for it."""
        limit = time.monotonic() + _GRACE
        with _hearing() as asked:
            for worker in workers:
                worker.leave(at_once=broken_off or not worker.was_born)
            while any(worker.is_there() for worker in workers) and time.monotonic() < limit:
                if asked:
                    limit = min(limit, time.monotonic() + _HURRY)
                    asked.clear()
                time.sleep(0.02)
            for worker in workers:
                worker.kill()


@contextlib.contextmanager
def _hearing() -> Iterator[list[int]]:
    """Note signals instead of being torn away by them: a process would be left behind."""
    asked: list[int] = []
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # None: not set from Python, and so not to be put back from it.
            if number is not None and signal.getsignal(number) not in (None, signal.SIG_IGN):
                before[number] = signal.signal(number, lambda number, _: asked.append(number))
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _why_lost(born: bool) -> str:
    if not born:
        return (
            f"its worker ended before it began, {TRIES} times; a script that calls segment.run "
            "with jobs does so below  if __name__ == '__main__':"
        )
    return (
        f"its worker was lost {TRIES} times; where memory is short, fewer --jobs, or smaller "
        "frames by read --size, need less"
    )


def _call(function: Callable[[], object]) -> None:
    function()


_counter: tuple[Any, int] | None = None


def count_frame() -> None:
    """Let the process that hands out the work know of another frame."""
    if _counter is not None:
        _counter[0][_counter[1]] += 1


def _begin(number: int, threads: int, frames: Any) -> None:
    """What a worker does before its first piece of work."""
    global _counter
    _counter = frames, number
    # Ctrl-C goes to every process of a terminal; what becomes of the work is said by the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not alone.is_looked_for():  # where it could not look from its first moment on
        threading.Thread(target=_end_with_parent, daemon=True).start()
    machine.capped(threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        alone.leave()
