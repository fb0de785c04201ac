"""A chain followed while it happens: one observation after the other, in constant memory."""

from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

from segment.mixture.chains.smoothing import Chain, logarithms
from segment.mixture.samples import Floats

__all__ = ["Filter"]


class Filter:
    """What is known of a chain's state now; made by `HiddenMarkovModel.filter`.

    log_likelihood : ln p of all steps so far, nats. steps : how many there were.
    probabilities : (K,) P(state now | all so far); before the first step, where chains begin.
    """

    def __init__(self, chain: Chain, judge: Callable[[Floats], Floats]) -> None:
        self._chain = chain
        self._first, self._moves = logarithms(chain)
        self._judge = judge
        self._state: Floats | None = None
        self.log_likelihood = 0.0
        self.steps = 0

    @property
    def probabilities(self) -> Floats:
        """(K,) P(state now | all so far)."""
        known: Floats = self._chain.start if self._state is None else np.exp(self._state)
        shares: Floats = known / known.sum()
        return shares

    def step(self, x: Floats) -> Floats:
        """Take the next observation (D,), NaN where unknown; return P(state | all so far) (K,)."""
        x = np.atleast_1d(np.asarray(x, np.float64))
        if x.ndim != 1:
            raise ValueError(f"x is {x.shape}, wanted one observation (n_features,) at a time")
        joint = self._judge(x[None])[0]
        expected = self._first
        if self._state is not None:
            expected = logsumexp(self._state[:, None] + self._moves, axis=0)
        state = expected + joint
        gained = float(logsumexp(state))
        if not np.isfinite(gained):
            raise ValueError(f"an observation of {x} is impossible in every state")
        self._state = state - gained
        self.log_likelihood += gained
        self.steps += 1
        return self.probabilities

    def ahead(self, steps: int = 1) -> Floats:
        """P(state) (K,) so many steps from now, without observations."""
        if steps < 0:
            raise ValueError(f"steps is {steps}, wanted 0 or more: a filter does not look back")
        expected = self.probabilities
        if self._state is None:
            steps -= 1
        for _ in range(steps):
            expected = expected @ self._chain.moves
        return expected
