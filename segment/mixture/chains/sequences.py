"""Samples in an order: where sequences begin, and how they are shared out."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.blocks import Streamed
from segment.mixture.samples import Floats, Samples

__all__ = ["Sequences", "StreamedSequences", "blocks", "check_lengths", "step_weights"]

# Numbers (steps × states) that the loops over time hold at once, three such arrays: they stay
# in the second cache, and 100,000 steps of 8 states take 6 % longer with ten times as many.
BLOCK = 65536

# Numbers of short blocks that are read before they are worked on: 8 MB.
TOGETHER = 1_000_000


@dataclass(frozen=True, slots=True)
class Sequences(Samples):
    """N steps of D features; each is the next of the one before it, or begins a sequence."""

    begins: NDArray[np.int64]
    """Where each sequence begins, the first at 0, and N at the end."""

    @classmethod
    def of(cls, samples: Samples, lengths: Any) -> "Sequences":
        """The samples as sequences of these lengths, or as one."""
        given = {field.name: getattr(samples, field.name) for field in fields(samples)}
        return cls(**given, begins=check_lengths(lengths, len(samples.X)))

    @property
    def count(self) -> int:
        """How many sequences there are."""
        return len(self.begins) - 1

    def runs(self, states: int) -> list[tuple[int, int]]:
        """Whole sequences, as many together as fill a block: what one thread takes on."""
        if not self.weight.size:
            return runs(self.begins, states)
        # Sequences of one weight together, so that sums can be weighed as a whole.
        weights = self.weight[self.begins[:-1]]
        edges = np.flatnonzero(np.diff(weights, prepend=np.nan, append=np.nan) != 0)
        return [
            run
            for a, b in itertools.pairwise(edges)
            if weights[a] > 0
            for run in runs(self.begins[a : b + 1], states)
        ]

    def weight_of(self, run: tuple[int, int]) -> float:
        """What each sequence of a run counts."""
        return float(self.weight[run[0]]) if self.weight.size else 1.0

    def wholes(self) -> Iterator["Sequences"]:
        """Sequences that are in memory together: all of them."""
        yield self

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[Samples]:
        """Yield whole sequences of `size` steps together or a few more, in random order."""
        some: list[int] = []
        held = 0
        for number in rng.permutation(self.count):
            some.append(int(number))
            held += int(self.begins[number + 1] - self.begins[number])
            if held >= size:
                yield self._only(some)
                some, held = [], 0

    def _only(self, numbers: list[int]) -> "Sequences":
        """Some of the sequences, with the moments of all."""
        rows = np.concatenate([np.arange(self.begins[n], self.begins[n + 1]) for n in numbers])
        own = Samples.of_rows(
            self, self.X[rows], self.weight[rows] if self.weight.size else self.weight
        )
        lengths = [int(self.begins[n + 1] - self.begins[n]) for n in numbers]
        return Sequences.of(own, lengths)


@dataclass(frozen=True, slots=True)
class StreamedSequences(Streamed):
    """Sequences that are never in memory together: each block is one."""

    @classmethod
    def of_blocks(cls, samples: Streamed) -> "StreamedSequences":
        """The blocks as sequences."""
        return cls(**{field.name: getattr(samples, field.name) for field in fields(samples)})

    @property
    def count(self) -> int:
        """How many sequences there are."""
        return sum(whole.count for whole in self.wholes())

    def wholes(self) -> Iterator[Sequences]:
        """Yield as many sequences together as give threads something to do, one at least."""
        waiting: list[NDArray[Any]] = []
        for X, _ in self.parts():
            waiting.append(X)
            if sum(block.size for block in waiting) >= TOGETHER:
                yield self._together(waiting)
                waiting = []
        if waiting:
            yield self._together(waiting)

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[Samples]:
        """Yield whole sequences of `size` steps together or a few more, block after block."""
        for whole in self.wholes():
            yield from whole.batches(rng, size)

    def _together(self, blocks: list[NDArray[Any]]) -> Sequences:
        X = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return Sequences.of(Samples.of_rows(self, X, self.weight), [len(block) for block in blocks])


def check_lengths(lengths: Any, steps: int) -> NDArray[np.int64]:
    """Where sequences of these lengths begin, (n + 1,) int64; ValueError unless they add up."""
    if lengths is None:
        return np.array([0, steps], np.int64)
    given = np.asarray(lengths)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise ValueError(
            f"lengths is {given.dtype} of shape {given.shape}, wanted whole numbers "
            "(n_sequences,): the steps of each sequence"
        )
    if (given < 1).any():
        raise ValueError(f"lengths has {given.min()}, wanted sequences of at least one step")
    if given.sum() != steps:
        raise ValueError(
            f"lengths add up to {given.sum()}, but X has {steps} steps; wanted them to be equal"
        )
    return np.concatenate([[0], np.cumsum(given, dtype=np.int64)])


def step_weights(weight: Any, lengths: Any, steps: int) -> Floats | None:
    """What each step counts (n,), from what its sequence does; None for None, else ValueError."""
    if weight is None:
        return None
    begins = check_lengths(lengths, steps)
    given = np.asarray(weight, np.float64)
    if given.shape != (len(begins) - 1,):
        raise ValueError(
            f"sequence_weight is {given.shape}, wanted {(len(begins) - 1,)}: what each of the "
            "sequences counts"
        )
    return np.repeat(given, np.diff(begins))


def runs(begins: NDArray[np.int64], states: int) -> list[tuple[int, int]]:
    """(start, stop) of whole sequences that together fill a block, or of one longer than that."""
    size = BLOCK // states
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(begins) - 1:
        # As many sequences as fit; one at least.
        end = int(np.searchsorted(begins, begins[at] + size, "right")) - 1
        end = max(end, at + 1)
        found.append((int(begins[at]), int(begins[end])))
        at = end
    return found


def blocks(start: int, stop: int, states: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the parts of a run that are held at once."""
    size = max(64, BLOCK // states)
    for begin in range(start, stop, size):
        yield begin, min(stop, begin + size)
