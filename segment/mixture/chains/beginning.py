"""Where the fit of a chain begins: what may follow what, and first guesses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.chains.family import ChainFamily, ChainParameters
from segment.mixture.chains.sequences import Sequences, StreamedSequences
from segment.mixture.gaussian import given
from segment.mixture.samples import Floats, Samples
from segment.mixture.start import Start, lloyd, plus_plus, responsibilities, squared_distances

__all__ = ["begin", "first_shares", "topology"]

# Steps from whose nearest states the first guess at moves is counted.
_COUNTED = 50_000


def topology(
    wanted: Any, states: int, start_init: Any, transitions_init: Any
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Moves that may be (K, K) bool, and first states (K,) bool; what is given as 0 may not."""
    starts = np.ones(states, bool)
    if isinstance(wanted, str):
        if wanted not in ("ergodic", "left-to-right"):
            raise ValueError(
                f"topology is {wanted!r}, wanted 'ergodic', 'left-to-right' or (K, K) bool"
            )
        allowed = np.ones((states, states), bool)
        if wanted == "left-to-right":
            allowed, starts = np.triu(allowed), np.arange(states) == 0
    else:
        allowed = np.asarray(wanted)
        if allowed.shape != (states, states) or allowed.dtype != bool:
            raise ValueError(
                f"topology is {allowed.dtype} of shape {allowed.shape}, wanted bool of shape "
                f"{(states, states)}: the moves that may be"
            )
    start, moves = _given_chain(states, start_init, transitions_init)
    if start is not None:
        starts = start > 0
    if moves is not None:
        allowed = allowed & (moves > 0)
    if not allowed.any(axis=1).all():
        stuck = int(np.flatnonzero(~allowed.any(axis=1))[0])
        raise ValueError(f"state {stuck} has no move that may be, not even to itself")
    return allowed, starts


def _given_chain(
    states: int, start_init: Any, transitions_init: Any
) -> tuple[Floats | None, Floats | None]:
    start = given(start_init, "start_init", (states,))
    moves = given(transitions_init, "transitions_init", (states, states))
    for name, rows in (("start_init", start), ("transitions_init", moves)):
        if rows is not None and ((rows < 0).any() or (abs(rows.sum(axis=-1) - 1) > 1e-6).any()):
            raise ValueError(f"{name} is {rows}, wanted probabilities whose rows sum to 1")
    return start, moves


def begin(
    family: ChainFamily,
    samples: Sequences | StreamedSequences,
    emitted: Any,
    start_init: Any,
    transitions_init: Any,
) -> ChainParameters:
    """The parameters to start from: moves counted between the nearest states, or given."""
    states = family.n_components
    emitted = emitted._replace(weights=family.emission.within(emitted.weights))
    start, moves = _given_chain(states, start_init, transitions_init)
    if start is None:
        start = family.starts / family.starts.sum()
    if moves is None:
        counts, seen = np.zeros((states, states)), 0
        for whole in samples.wholes():
            some = whole.X[: _COUNTED - seen].astype(np.float64)
            labels = family.emission.joint(some, emitted).argmax(axis=1)
            _count_moves(counts, labels, whole)
            seen += len(some)
            if seen == _COUNTED:
                break
        # Nearest states are wrong now and then: nothing that may be begins at nothing.
        moves = np.where(family.allowed, counts + 1.0, 0.0)
    else:
        moves = np.where(family.allowed, moves, 0.0)
    return ChainParameters(start, moves / moves.sum(axis=1, keepdims=True), emitted)


def _count_moves(counts: Floats, labels: NDArray[np.int64], sequences: Sequences) -> None:
    """Add to counts (K, K) the moves between labels (n,) of the first steps of these sequences."""
    follows = np.ones(max(0, len(labels) - 1), bool)
    begins = sequences.begins
    follows[begins[(begins > 0) & (begins < len(labels))] - 1] = False
    worth = sequences.weight[1 : len(labels)][follows] if sequences.weight.size else 1.0
    np.add.at(counts, (labels[:-1][follows], labels[1:][follows]), worth)


def first_shares(
    samples: Samples, states: int, mixtures: int, how: Start, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Some samples (n, D) and first shares (n, K * M): states first, then parts of each."""
    X, shares = responsibilities(samples, states, how, rng)
    if mixtures == 1:
        return X, shares
    parts = np.zeros((len(X), states, mixtures))
    for k in range(states):
        own = np.flatnonzero(shares[:, k] > 0)
        weight = shares[own, k]
        if len(own) < mixtures:
            parts[own, k] = weight[:, None] / mixtures
            continue
        seeds = plus_plus(X[own], weight, mixtures, rng)
        centres = lloyd(X[own], weight, seeds, 20)
        parts[own, k, squared_distances(X[own], centres).argmin(axis=1)] = weight
    return X, parts.reshape(len(X), -1)
