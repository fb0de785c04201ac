"""Samples that come in blocks: for data larger than memory, and exact nevertheless."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.samples import (
    Floats,
    Samples,
    add_sums,
    check_matrix,
    finish_moments,
    middle_of,
)
from segment.threads import count_threads

__all__ = ["Blocks", "Streamed"]


class Blocks:
    """Samples for `fit`, a block at a time, as often as EM asks for them.

    source : a function without arguments that returns an iterator over arrays (n_i, D), of one D,
        and the same arrays each time; or a sequence of arrays, memory-mapped ones say.

    Every sweep of EM goes through all blocks once, and its sums are those of all samples
    together: the fit is that of one array, to rounding. One block is in memory at a time.
    """

    def __init__(self, source: Callable[[], Iterable[Any]] | Iterable[Any]) -> None:
        if isinstance(source, Iterator):
            raise TypeError(
                "source is an iterator, which can be read only once; EM reads samples in every "
                "sweep: give a function that begins anew, such as lambda: read(path)"
            )
        if not callable(source) and (isinstance(source, str) or not isinstance(source, Iterable)):
            raise TypeError(f"source is {source!r}, wanted a function or a sequence of arrays")
        self.source = source

    def __iter__(self) -> Iterator[Any]:
        blocks = self.source() if callable(self.source) else self.source
        if not isinstance(blocks, Iterable):
            raise TypeError(
                f"source() returned {blocks!r}, wanted an iterator over arrays (n_i, D)"
            )
        return iter(blocks)

    def mapped(self, function: Callable[[Any], Any]) -> "Blocks":
        """Blocks of what the function makes of each."""
        return Blocks(lambda: (function(block) for block in self))


@dataclass(frozen=True, slots=True)
class Streamed(Samples):
    """As `Samples`, read block by block; X is empty, of the samples' type and features."""

    source: Blocks
    length: int

    @classmethod
    def of(
        cls,
        source: Blocks,
        *,
        missing: bool,
        least: int,
        threads: int | None,
        check: Callable[[NDArray[Any]], None],
    ) -> "Streamed":
        """Look at all blocks once; ValueError for samples that cannot be used, `check` for one."""
        near: Floats | None = None
        sums: Floats = np.zeros((3, 1))
        length, complete, kind = 0, True, np.dtype(np.uint8)
        features: int | None = None
        for block in source:
            X = check_matrix(block, features, "the first block")
            if near is None:
                near, features, kind = middle_of(X), X.shape[1], X.dtype
            some, whole = add_sums(X, np.empty(0), near, missing)
            check(X)
            sums, length, complete = sums + some, length + len(X), complete and whole
            kind = np.promote_types(kind, X.dtype)
        if near is None or features is None:
            raise ValueError("Blocks has no block, wanted at least one array (n, D)")
        if length < least:
            raise ValueError(
                f"X has n_samples={length}, fewer than n_components={least}; "
                "give more samples or ask for fewer components"
            )
        centre, scale = finish_moments(sums, near)
        empty = np.empty((0, features), kind)
        return cls(
            empty,
            np.empty(0),
            float(length),
            centre,
            scale,
            complete,
            count_threads(threads),
            source,
            length,
        )

    def __len__(self) -> int:
        return self.length

    def parts(self) -> Iterator[tuple[NDArray[Any], Floats]]:
        """Yield X (n, D) and empty weights of each block."""
        seen = 0
        for block in self.source:
            X = check_matrix(block, len(self.centre), "the first block")
            seen += len(X)
            yield X, self.weight
        if seen != self.length:
            raise ValueError(
                f"Blocks gave {self.length} samples at first and {seen} now; "
                "wanted the same blocks each time"
            )

    def chunks(self, size: int = 4096) -> Iterator[tuple[Floats, Floats | None]]:
        """Yield (n, D) float64 and None, of a few samples at a time."""
        for X, _ in self.parts():
            for start in range(0, len(X), size):
                yield X[start : start + size].astype(np.float64), None

    def some(self, rng: np.random.Generator, most: int) -> tuple[Floats, Floats]:
        """At most `most` samples drawn without return, (n, D) float64, and weights of 1."""
        if self.length > most:
            which = np.sort(rng.choice(self.length, most, replace=False))
        else:
            which = np.arange(self.length)
        found, begin = [], 0
        for X, _ in self.parts():
            own = which[np.searchsorted(which, begin) : np.searchsorted(which, begin + len(X))]
            found.append(X[own - begin].astype(np.float64))
            begin += len(X)
        together = np.concatenate(found)
        return together, np.ones(len(together))

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[Samples]:
        """Yield `size` samples at a time, in the order of the blocks; the last few are left."""
        waiting: list[NDArray[Any]] = []
        held = 0
        for X, _ in self.parts():
            begin = 0
            while held + len(X) - begin >= size:
                end = begin + size - held
                yield self.of_rows(np.concatenate([*waiting, X[begin:end]]), self.weight)
                waiting, held, begin = [], 0, end
            if begin < len(X):
                waiting.append(X[begin:].copy())
                held += len(X) - begin
