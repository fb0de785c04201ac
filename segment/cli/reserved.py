"""The folders that a run writes are its own, from its beginning to its end."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from segment.cli.owned import LOCK
from segment.cli.plan import Job
from segment.files import told
from segment.locks import Lock

# Locks are open files, of which a process may often have 1024. A run over more folders locks
# the rest when their turn comes.
_MOST = 400


class Reserved:
    """Locks on the folders of all jobs; each goes when its job is through.

    Used in a `with`, whose beginning raises Busy when another run writes one of them. A folder
    that was made for its lock, and stays empty, goes with it.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._locks: dict[Path, contextlib.ExitStack] = {}

    def __enter__(self) -> Self:
        try:
            for job in self._jobs:
                if len(self._locks) >= _MOST:
                    break
                self._take(job)
        except BaseException:
            self._give_back()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    @contextlib.contextmanager
    def turn(self, job: Job) -> Iterator[None]:
        """While the job runs, its folders are locked; then they are free."""
        self._take(job)
        try:
            yield
        finally:
            for folder in job.folders():
                self._locks.pop(folder).close()

    def _take(self, job: Job) -> None:
        for folder in job.folders():
            if folder not in self._locks:
                # What undoes a step is there before the step: a signal may come in between.
                undone = self._locks[folder] = contextlib.ExitStack()
                _lock(folder, undone)

    def _give_back(self) -> None:
        while self._locks:
            self._locks.popitem()[1].close()


def lock_of(folder: Path) -> Lock:
    """The lock of a folder of outputs."""
    return Lock(folder / LOCK, folder)


def _lock(folder: Path, undone: contextlib.ExitStack) -> None:
    for missing in _missing(folder):
        undone.callback(_remove_if_empty, missing)
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = lock_of(folder)
    undone.callback(lock.release)
    lock.acquire()


def _missing(folder: Path) -> list[Path]:
    """Those of a folder and all above it that are not there, from the top."""
    missing = []
    place = folder
    while not place.exists() and place != place.parent:
        missing.append(place)
        place = place.parent
    return missing[::-1]


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is not empty
        folder.rmdir()
