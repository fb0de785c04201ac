"""Batches made ahead by threads: number i is the same whoever asks."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


def ahead(make: Callable[[int], T], start: int, stop: int, threads: int) -> Iterator[T]:
    """Yield make(start) … make(stop - 1) in order, drawn while the caller works."""
    if threads < 1:
        yield from map(make, range(start, stop))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="segment-scenes") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for index in range(start, stop):
                waiting.append(pool.submit(make, index))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
