"""Seeing what EM does to a chain: bound and gap of any q, and how uncertain its path is."""

from typing import Any

import numpy as np
from scipy.special import logsumexp, xlogy

from segment.mixture.chains.smoothing import Chain, logarithms
from segment.mixture.em import Bound
from segment.mixture.samples import Floats

__all__ = ["split"]


def split(joint: Floats, chain: Chain, q: Floats | None) -> Bound:
    """Split ln p of one sequence into a lower bound and a KL gap, nats.

    joint (n, K) is ln p(x | state); q (n, K) says what each step's state is, of each on its own (a
    mean field); None is the posterior of the path, whose gap is 0. All from a way back in
    logarithms of its own, so that bound + gap = ln p is a check of the compiled loops.
    """
    first, moves = logarithms(chain)
    opening, following, log_likelihood = _posterior(joint, first, moves)
    here = np.exp(opening) if q is None else q[0]
    complete = _expected(here, first + joint[0])
    posterior = _expected(here, opening)
    entropy = -_expected(here, opening) if q is None else -float(xlogy(here, here).sum())
    for t, follow in enumerate(following, start=1):
        if q is None:
            pairs = here[:, None] * np.exp(follow)
            entropy -= _expected(pairs, follow)
        else:
            pairs = np.multiply.outer(here, q[t])
            entropy -= float(xlogy(q[t], q[t]).sum())
        here = pairs.sum(axis=0)
        complete += _expected(pairs, moves) + _expected(here, joint[t])
        posterior += _expected(pairs, follow)
    return Bound(
        log_likelihood, _finite(complete + entropy), -_finite(posterior + entropy), entropy
    )


def _posterior(joint: Floats, first: Floats, moves: Floats) -> tuple[Floats, list[Floats], float]:
    """Ln P(first state | x) (K,), ln P(next state | state, x) (K, K) of each step, and ln p(x)."""
    behind = np.zeros(len(first))
    following: list[Floats] = []
    for t in range(len(joint) - 1, 0, -1):
        ahead = moves + joint[t] + behind
        behind = logsumexp(ahead, axis=1)
        # Where nothing may follow, nothing does, and no state that may be leads there.
        following.append(ahead - behind[:, None])
    opening = first + joint[0] + behind
    log_likelihood = float(logsumexp(opening))
    return opening - log_likelihood, following[::-1], log_likelihood


def _expected(shares: Floats, logs: Floats) -> float:
    """Sum of share × ln, where there is a share."""
    return float(np.where(shares > 0, shares * logs, 0.0).sum())


def _finite(total: Any) -> float:
    """A sum, or minus infinity where it has counted on something impossible."""
    return float(total) if total > -1e250 else -np.inf
