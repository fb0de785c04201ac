"""Forward and backward through sequences, a block at a time: posteriors of states and moves.

Backward needs what forward found. A run of sequences that is longer than a block is gone
through forward once, and then again block by block on the way back, from what was kept where
blocks begin: memory does not grow with the length of a sequence.

Source: Rabiner, A tutorial on hidden Markov models, Proceedings of the IEEE 77(2), 1989.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from segment.mixture.chains.sequences import blocks
from segment.mixture.samples import Floats

__all__ = ["Arithmetic", "Chain", "Smoothed", "draw", "evidence", "logarithms", "smooth", "viterbi"]

Arithmetic = Literal["auto", "scaled", "log"]

Joint = Callable[[int, int], Floats]
"""ln p(x | state) of steps start to stop, a new array (n, K) that may be overwritten."""

Visit = Callable[[int, int, Floats], None]
"""Called with start, stop and P(state | sequence) (n, K) of each block; the last call counts."""

# Numbers (steps × states) up to which a run's likelihoods and filtered states are all kept
# for the way back: 64 MB. Longer runs are gone through forward twice.
KEPT = 4_000_000

# Numbers (steps × paths) that are drawn at once: 8 MB.
DRAWN = 1_000_000

# A share below 1e-308 of a step whose scale is above `LEAST` is lost, 1e-58 of the whole; moves
# more probable than this give each state so much more that it cannot matter.
_STARVED = 1e-40


class Chain(NamedTuple):
    """P(first state) (K,), and P(next state | state) (K, K), rows sum to 1."""

    start: Floats
    moves: Floats


class Smoothed(NamedTuple):
    """What a run of sequences showed."""

    log_likelihood: float
    starts: Floats
    """(K,) expected number of sequences that begin in each state."""

    moves: Floats
    """(K, K) expected number of moves from state to state."""


def smooth(
    joint: Joint,
    begins: NDArray[np.int64],
    run: tuple[int, int],
    chain: Chain,
    visit: Visit,
    arithmetic: Arithmetic = "auto",
) -> Smoothed:
    """Posteriors of steps start to stop, whole sequences; the last block is visited first.

    Scaled numbers where nothing is lost by it; where something is, all is done again in
    logarithms ("scaled" raises ArithmeticError instead).
    """
    if arithmetic != "log":
        found = _Scaled(joint, begins, run, chain).smooth(visit)
        if found is not None:
            return found
        if arithmetic == "scaled":
            raise ArithmeticError(
                "probabilities of this sequence are below what scaled numbers hold; "
                "use arithmetic='auto' or 'log'"
            )
    return _Logarithms(joint, begins, run, chain).smooth(visit)


def draw(
    joint: Joint,
    begins: NDArray[np.int64],
    run: tuple[int, int],
    chain: Chain,
    visit: Visit,
    rng: np.random.Generator,
    paths: int,
) -> Smoothed:
    """As `smooth`, of so many paths drawn from their posterior: forward, then back at random.

    Source: Frühwirth-Schnatter, Finite Mixture and Markov Switching Models, 2006, section 11.5.
    """
    return _Logarithms(joint, begins, run, chain).draw(visit, rng, paths)


def evidence(joint: Joint, begins: NDArray[np.int64], run: tuple[int, int], chain: Chain) -> Floats:
    """Ln p(x | steps of its sequence before it) of each step of a run, (n,)."""
    # Without a way back nothing tells whether a share that was lost comes to matter.
    if chain.moves.min() > _STARVED:
        found = _Scaled(joint, begins, run, chain).evidence()
        if found is not None:
            return found
    found = _Logarithms(joint, begins, run, chain).evidence()
    found[found < -1e290] = -np.inf
    return found


def viterbi(
    joint: Joint, begins: NDArray[np.int64], run: tuple[int, int], chain: Chain
) -> tuple[NDArray[np.int64], float]:
    """The most probable states (n,) of a run, and ln of its probability together with X."""
    from segment.mixture.chains import kernels

    start, stop = run
    states = len(chain.start)
    first, moves = logarithms(chain)
    kind = np.uint8 if states <= 256 else np.uint32
    came = np.empty((stop - start, states), kind)
    reach, best = np.zeros(states), np.empty(states)
    unroll = kernels.written_out(states)
    total = 0.0
    for a, b in blocks(start, stop, states):
        fresh = _fresh(begins, a, b)
        some = came[a - start : b - start]
        total += kernels.viterbi_block(joint(a, b), fresh, first, moves, reach, some, best, unroll)
    path = np.empty(stop - start, np.int64)
    kernels.follow_back(came, int(reach.argmax()), path)
    return path, total if total > -1e290 else -np.inf


def logarithms(chain: Chain) -> tuple[Floats, Floats]:
    """Ln of a chain's probabilities; nothing is `NEVER`."""
    from segment.mixture.chains import kernels

    with np.errstate(divide="ignore"):
        first, moves = np.log(chain.start), np.log(chain.moves)
    return np.maximum(first, kernels.NEVER), np.maximum(moves, kernels.NEVER)


def _fresh(begins: NDArray[np.int64], start: int, stop: int) -> NDArray[np.bool_]:
    """(n,) whether a sequence begins at each of these steps."""
    fresh = np.zeros(stop - start, bool)
    some = begins[np.searchsorted(begins, start) : np.searchsorted(begins, stop)]
    fresh[some - start] = True
    return fresh


class _Block(NamedTuple):
    """What forward leaves for backward."""

    fresh: NDArray[np.bool_]
    joint: Floats
    alpha: Floats
    scale: Floats


class _Kept(NamedTuple):
    """Steps start to stop of a run, and what the way back into them begins from."""

    start: int
    stop: int
    ahead: Floats
    """(K,) what forward begins from."""
    last: Floats
    """(K,) alpha at the step before."""
    block: _Block | None
    """What forward has left, where it is kept."""


class _Scaled:
    """A run, with probabilities that sum to 1 at every step."""

    def __init__(
        self, joint: Joint, begins: NDArray[np.int64], run: tuple[int, int], chain: Chain
    ) -> None:
        from segment.mixture.chains import kernels

        self.kernels = kernels
        self.joint, self.begins, self.chain = joint, begins, chain
        self.states = len(chain.start)
        self.unroll = kernels.written_out(self.states)
        self.blocks = list(blocks(*run, self.states))
        self.keeps = (run[1] - run[0]) * self.states <= KEPT

    def forward(self, a: int, b: int, joint: Floats, ahead: Floats) -> tuple[_Block, float]:
        """Filter a block; `ahead` (K,) is updated. The sum is NaN where something was lost."""
        block = _Block(_fresh(self.begins, a, b), joint, np.empty_like(joint), np.empty(len(joint)))
        largest = self.kernels.likelihoods(joint, joint.reshape(-1))
        return block, largest + self.kernels.filter_block(
            joint, block.fresh, *self.chain, ahead, block.alpha, block.scale, self.unroll
        )

    def evidence(self) -> Floats | None:
        """Ln p of each step given those before, (n,); None where something was lost."""
        ahead, parts = np.zeros(self.states), []
        for a, b in self.blocks:
            joint = self.joint(a, b)
            largest = joint.max(axis=1)
            block, total = self.forward(a, b, joint, ahead)
            if not total > -1e290:
                return None
            parts.append(largest + np.log(block.scale))
        return np.concatenate(parts)

    def smooth(self, visit: Visit) -> Smoothed | None:
        """Posteriors of the run; None where something was lost."""
        total, ahead, last = 0.0, np.zeros(self.states), np.zeros(self.states)
        kept = []
        for a, b in self.blocks:
            before = ahead.copy()
            block, some = self.forward(a, b, self.joint(a, b), ahead)
            if not some > -1e290:
                return None
            held = block if self.keeps or (a, b) == self.blocks[-1] else None
            kept.append(_Kept(a, b, before, last, held))
            total, last = total + some, block.alpha[-1].copy()
        starts, moves = np.zeros(self.states), np.zeros((self.states, self.states))
        behind = np.ones(self.states)
        for a, b, ahead, last, found in reversed(kept):
            block = found or self.forward(a, b, self.joint(a, b), ahead)[0]
            fresh, joint, alpha, scale = block
            gamma = np.empty_like(alpha)
            most = self.kernels.smooth_block(
                joint, fresh, self.chain.moves, behind, alpha, scale, gamma, self.unroll
            )
            if not most < 1 / self.kernels.LEAST:
                return None
            moves += alpha[:-1].T @ joint[1:] + np.multiply.outer(last, joint[0])
            starts += gamma[fresh].sum(axis=0)
            visit(a, b, gamma)
            if not fresh[0]:
                # Rounding does not add up over blocks.
                behind /= last @ behind
        return Smoothed(total, starts, moves * self.chain.moves)


class _Logarithms:
    """A run, all in logarithms."""

    def __init__(
        self, joint: Joint, begins: NDArray[np.int64], run: tuple[int, int], chain: Chain
    ) -> None:
        from segment.mixture.chains import kernels

        self.kernels = kernels
        self.joint, self.begins = joint, begins
        self.first, self.moves = logarithms(chain)
        self.states = len(chain.start)
        self.unroll = kernels.written_out(self.states)
        self.blocks = list(blocks(*run, self.states))
        self.keeps = (run[1] - run[0]) * self.states <= KEPT

    def forward(self, a: int, b: int, ahead: Floats) -> tuple[_Block, float]:
        """Filter a block; `ahead` (K,) is updated."""
        joint = self.joint(a, b)
        block = _Block(_fresh(self.begins, a, b), joint, np.empty_like(joint), np.empty(len(joint)))
        best, terms = np.empty(self.states), np.empty(self.states**2)
        return block, self.kernels.filter_block_log(
            joint,
            block.fresh,
            self.first,
            self.moves,
            ahead,
            block.alpha,
            block.scale,
            best,
            terms,
            self.unroll,
        )

    def evidence(self) -> Floats:
        """Ln p of each step given those before, (n,)."""
        ahead = np.zeros(self.states)
        return np.concatenate([self.forward(a, b, ahead)[0].scale for a, b in self.blocks])

    def there(self) -> tuple[float, list[_Kept]]:
        """Ln p of the run, and what the way back begins from in each block."""
        total, ahead, last = 0.0, np.zeros(self.states), np.zeros(self.states)
        kept = []
        for a, b in self.blocks:
            before = ahead.copy()
            block, some = self.forward(a, b, ahead)
            held = block if self.keeps or (a, b) == self.blocks[-1] else None
            kept.append(_Kept(a, b, before, last, held))
            total, last = total + some, block.alpha[-1].copy()
        return total if total > -1e290 else -np.inf, kept

    def draw(self, visit: Visit, rng: np.random.Generator, paths: int) -> Smoothed:
        """As `smooth`, of so many paths drawn from their posterior instead of all of them."""
        total, kept = self.there()
        starts, moves = np.zeros(self.states), np.zeros((self.states, self.states))
        states = np.full(paths, -1)
        for a, b, ahead, _, found in reversed(kept):
            block = found or self.forward(a, b, ahead)[0]
            gamma = np.zeros_like(block.alpha)
            together = max(1, DRAWN // len(gamma))
            for some in range(0, paths, together):
                own = states[some : some + together]
                self.kernels.draw_block(
                    block.alpha,
                    block.fresh,
                    self.moves,
                    rng.random((len(gamma), len(own))),
                    own,
                    gamma,
                    moves,
                    np.empty(self.states),
                )
            gamma /= paths
            starts += gamma[block.fresh].sum(axis=0)
            visit(a, b, gamma)
        return Smoothed(total, starts, moves / paths)

    def smooth(self, visit: Visit) -> Smoothed:
        """Posteriors of the run."""
        total, kept = self.there()
        starts, moves = np.zeros(self.states), np.zeros((self.states, self.states))
        behind = np.zeros(self.states)
        for a, b, ahead, last, found in reversed(kept):
            fresh, joint, alpha, scale = found or self.forward(a, b, ahead)[0]
            gamma = np.empty_like(alpha)
            self.kernels.smooth_block_log(
                joint,
                fresh,
                self.moves,
                behind,
                last,
                alpha,
                scale,
                gamma,
                moves.reshape(-1),
                np.empty(self.states),
                np.empty(2 * self.states**2),
                self.unroll,
            )
            gamma /= gamma.sum(axis=1, keepdims=True)
            starts += gamma[fresh].sum(axis=0)
            visit(a, b, gamma)
            if not fresh[0]:
                behind -= float(logsumexp(last + behind))
        return Smoothed(total, starts, moves)
