"""Samples in an order: where sequences begin, and how they are shared out."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.samples import Samples

__all__ = ["Sequences", "blocks", "check_lengths"]

# Numbers (steps × states) that the loops over time hold at once, three such arrays: they stay
# in the second cache, and 100,000 steps of 8 states take 6 % longer with ten times as many.
_BLOCK = 65536


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

    def runs(self, states: int) -> list[tuple[int, int]]:
        """Whole sequences, as many together as fill a block: what one thread takes on."""
        return runs(self.begins, states)


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


def runs(begins: NDArray[np.int64], states: int) -> list[tuple[int, int]]:
    """(start, stop) of whole sequences that together fill a block, or of one longer than that."""
    size = _BLOCK // states
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
    size = max(64, _BLOCK // states)
    for begin in range(start, stop, size):
        yield begin, min(stop, begin + size)
