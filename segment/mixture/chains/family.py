"""The equations of hidden Markov models: Baum and Welch's sums, and their maximum."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture.chains.emission import Emission
from segment.mixture.chains.sequences import Sequences, StreamedSequences
from segment.mixture.chains.smoothing import Arithmetic, Chain, Smoothed, draw, smooth
from segment.mixture.family import Assign, Drawn, Family, Pass
from segment.mixture.samples import Floats, Samples, over_chunks

__all__ = ["ChainFamily", "ChainParameters", "ChainSums", "expected_logs"]

_TINY = float(np.finfo(np.float64).tiny)


class ChainParameters(NamedTuple):
    """Where chains begin, how they move, and what their states emit."""

    start: Floats
    """(K,) sum 1."""

    moves: Floats
    """(K, K), from row to column; rows sum to 1."""

    emission: Any
    """The parameters of a family of K × M components; see `Emission`."""

    @property
    def chain(self) -> Chain:
        """Without the emissions."""
        return Chain(self.start, self.moves)


class ChainSums(NamedTuple):
    """Sums under the posteriors of states and moves."""

    starts: Floats
    """(K,)."""

    moves: Floats
    """(K, K)."""

    emission: Any
    """Of the family of emissions."""


class ChainFamily(Family):
    """A chain of K states.

    allowed : (K, K) bool, moves that may be; starts : (K,) bool, states that may be the first.
    start_prior, move_prior : (K,) and (K, K), concentrations of Dirichlet priors, 1 for none.

    Sources: Baum, Petrie, Soules and Weiss, Annals of Mathematical Statistics 41, 1970;
    Rabiner, Proceedings of the IEEE 77(2), 1989.
    """

    def __init__(
        self,
        emission: Emission,
        allowed: NDArray[np.bool_],
        starts: NDArray[np.bool_],
        start_prior: Floats,
        move_prior: Floats,
        arithmetic: Arithmetic = "auto",
    ) -> None:
        self.n_components = emission.states
        self.emission = emission
        self.allowed = allowed
        self.starts = starts
        self.start_prior = start_prior
        self.move_prior = move_prior
        self.arithmetic = arithmetic

    def sweep(
        self, samples: Samples, parameters: ChainParameters, assign: Assign | None = None
    ) -> Pass:
        assert isinstance(samples, Sequences | StreamedSequences)
        assert assign is None or isinstance(assign, Drawn)
        total, sums = 0.0, None
        starts, moves = np.zeros(self.n_components), np.zeros(self.allowed.shape)
        for whole in samples.wholes():
            runs = whole.runs(self.n_components)
            # In the order of the runs, so that sums do not depend on the number of threads.
            found = self._over_runs(whole, runs, parameters, assign)
            for run, (smoothed, emitted) in zip(runs, found, strict=True):
                weight = whole.weight_of(run)
                total += weight * smoothed.log_likelihood
                starts += weight * smoothed.starts
                moves += weight * smoothed.moves
                sums = self._together(sums, emitted)
        return Pass(ChainSums(starts, moves, sums), total)

    def _over_runs(
        self,
        samples: Sequences,
        runs: list[tuple[int, int]],
        parameters: ChainParameters,
        assign: Drawn | None,
    ) -> list[tuple[Smoothed, Any]]:
        """What each run shows, in threads; each draws from a generator of its own."""
        drawn = [Drawn(rng, assign.draws) for rng in assign.rng.spawn(len(runs))] if assign else []
        found: dict[int, tuple[Smoothed, Any]] = {}

        def work(begin: int, end: int, _scratch: None) -> None:
            for number in range(begin, end):
                own = drawn[number] if drawn else None
                found[number] = self._smooth(samples, parameters, runs[number], own)

        over_chunks(work, len(runs), samples.threads, lambda: None)
        return [found[number] for number in range(len(runs))]

    def _smooth(
        self,
        samples: Sequences,
        parameters: ChainParameters,
        run: tuple[int, int],
        assign: Drawn | None,
    ) -> tuple[Smoothed, Any]:
        parts: dict[int, Any] = {}
        weight = samples.weight_of(run)

        def take(a: int, b: int) -> Floats:
            return samples.X[a:b].astype(np.float64, copy=False)

        def joint(a: int, b: int) -> Floats:
            return self.emission.joint(take(a, b), parameters.emission)

        def visit(a: int, b: int, gamma: Floats) -> None:
            shares = gamma if weight == 1.0 else gamma * weight
            parts[a] = self.emission.statistics(take(a, b), shares, parameters.emission)

        way = (joint, samples.begins, run, parameters.chain, visit)
        if assign is None:
            smoothed = smooth(*way, self.arithmetic)
        else:
            smoothed = draw(*way, assign.rng, assign.draws)
        sums = None
        for part in parts.values():
            sums = self._together(sums, part)
        return smoothed, sums

    def _together(self, sums: Any, more: Any) -> Any:
        if sums is None or more is None:
            return more if sums is None else sums
        return self.emission.family.blend(sums, more, 1.0, 1.0)

    def draws(self, iteration: int) -> int:
        # A path is dear, and has many steps, of which each is a draw.
        return iteration

    def blend(self, old: ChainSums, new: ChainSums, keep: float, add: float) -> ChainSums:
        return ChainSums(
            keep * old.starts + add * new.starts,
            keep * old.moves + add * new.moves,
            self.emission.family.blend(old.emission, new.emission, keep, add),
        )

    def maximise(self, statistics: ChainSums, parameters: ChainParameters) -> ChainParameters:
        start = np.where(self.starts, statistics.starts + self.start_prior - 1, 0.0)
        moves = np.where(self.allowed, statistics.moves + self.move_prior - 1, 0.0)
        rows = moves.sum(axis=1, keepdims=True)
        # A state that is never left has shown nothing of where it leads.
        moves = np.where(rows > 0, moves / np.maximum(rows, _TINY), parameters.moves)
        emitted = self.emission.family.maximise(statistics.emission, parameters.emission)
        return ChainParameters(
            start / start.sum(),
            moves,
            emitted._replace(weights=self.emission.within(emitted.weights)),
        )

    def expected(self, statistics: ChainSums, parameters: ChainParameters) -> float:
        total = expected_logs(statistics.starts, parameters.start)
        total += expected_logs(statistics.moves, parameters.moves)
        return total + self.emission.family.expected(statistics.emission, parameters.emission)

    def log_prior(self, parameters: ChainParameters) -> float:
        start = (self.start_prior - 1) * np.log(np.maximum(parameters.start, _TINY))
        moves = (self.move_prior - 1) * np.log(np.maximum(parameters.moves, _TINY))
        total = start[self.starts].sum() + moves[self.allowed].sum()
        return float(total) + self.emission.family.log_prior(parameters.emission)

    def pack(self, parameters: ChainParameters) -> Floats:
        start = np.log(np.maximum(parameters.start, _TINY))[self.starts]
        moves = np.log(np.maximum(parameters.moves, _TINY))
        moves -= np.where(self.allowed, moves, 0.0).sum(axis=1, keepdims=True) / (
            self.allowed.sum(axis=1, keepdims=True)
        )
        emitted = self.emission.pack(parameters.emission)
        return np.concatenate([start - start.mean(), moves[self.allowed], emitted])

    def unpack(self, vector: Floats) -> ChainParameters:
        starts, moves = int(self.starts.sum()), int(self.allowed.sum())
        first, free, rest = np.split(vector, [starts, starts + moves])
        start = np.zeros(self.n_components)
        start[self.starts] = np.exp(first - first.max())
        logs = np.full(self.allowed.shape, -np.inf)
        logs[self.allowed] = free
        table = np.exp(logs - logs.max(axis=1, keepdims=True))
        return ChainParameters(
            start / start.sum(),
            table / table.sum(axis=1, keepdims=True),
            self.emission.unpack(rest),
        )

    def gradient(self, statistics: ChainSums, parameters: ChainParameters) -> Floats:
        starts = np.where(self.starts, statistics.starts + self.start_prior - 1, 0.0)
        moves = np.where(self.allowed, statistics.moves + self.move_prior - 1, 0.0)
        starts = starts - starts.sum() * parameters.start
        moves = moves - moves.sum(axis=1, keepdims=True) * parameters.moves
        emitted = self.emission.gradient(statistics.emission, parameters.emission)
        return np.concatenate([starts[self.starts], moves[self.allowed], emitted])

    def count_free(self, features: int) -> int:
        moves = int(self.allowed.sum()) - self.n_components
        return moves + int(self.starts.sum()) - 1 + self.emission.count_free(features)

    def log_joint(self, X: Floats, parameters: ChainParameters) -> Floats:
        """Ln p(x | state): the emissions alone."""
        return self.emission.joint(X, parameters.emission)

    def statistics(self, X: Floats, shares: Floats) -> Any:
        """Sums of the emissions alone."""
        return self.emission.family.statistics(X, shares)


def expected_logs(sums: Floats, probabilities: Floats) -> float:
    """Sum of count × ln p, where there is a count."""
    logs = np.log(np.maximum(probabilities, _TINY))
    return float(np.where(sums > 0, sums * logs, 0.0).sum())
