"""Missing values in Gaussian mixtures: what is not known is one more thing for the E-step.

Samples are worked on by pattern, the same features missing, so that a pattern costs one
regression of its missing features on its known ones for each component.

Source: Ghahramani and Jordan, Supervised learning from incomplete data via an EM
approach, 1994.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import logsumexp

from segment.mixture.family import LOG_2PI, Assign, Collapse, Pass
from segment.mixture.fused import Moments
from segment.mixture.samples import Floats, Samples

__all__ = ["complete", "joint_of_known", "log_joint", "patterns", "statistics", "sweep"]


def sweep(
    samples: Samples, covariances: Floats, parameters: Any, assign: Assign | None, full: bool
) -> Pass:
    """E-step and M-step sums where X has NaN; covariances (K, D, D); see `Family.sweep`."""
    sums = _Sums(parameters[1], covariances)
    total = 0.0
    for X, weight in samples.chunks(65536):
        for rows, known in patterns(X):
            some = X[rows][:, known]
            joint = joint_of_known(some, known, covariances, parameters)
            evidence = logsumexp(joint, axis=1)
            log_shares = joint - evidence[:, None]
            shares = np.exp(log_shares) if assign is None else assign(log_shares)
            if weight is None:
                total += float(evidence.sum())
            else:
                total += float(weight[rows] @ evidence)
                shares = shares * weight[rows, None]
            sums.add(some, known, shares)
    return Pass(sums.moments(full), total)


def statistics(
    X: Floats, shares: Floats, covariances: Floats, parameters: Any, full: bool
) -> Moments:
    """M-step sums of X (n, D) with NaN under given shares (n, K); covariances (K, D, D)."""
    sums = _Sums(parameters[1], covariances)
    for rows, known in patterns(X):
        sums.add(X[rows][:, known], known, shares[rows])
    return sums.moments(full)


class _Sums:
    """Sums of completed samples about each component's mean."""

    def __init__(self, means: Floats, covariances: Floats) -> None:
        components, features = means.shape
        self.means, self.covariances = means, covariances
        self.counts = np.zeros(components)
        self.first = np.zeros((components, features))
        self.second = np.zeros((components, features, features))

    def add(self, some: Floats, known: Any, shares: Floats) -> None:
        """Add samples (n, known features) of one pattern under shares (n, K)."""
        self.counts += shares.sum(axis=0)
        for k, mean in enumerate(self.means):
            d, spread = complete(some, known, mean, self.covariances[k])
            wd = shares[:, k, None] * d
            self.first[k] += wd.sum(axis=0)
            self.second[k] += wd.T @ d + shares[:, k].sum() * spread

    def moments(self, full: bool) -> Moments:
        shift = self.first / np.where(self.counts > 0, self.counts, 1.0)[:, None]
        second = self.second
        second -= self.counts[:, None, None] * shift[:, :, None] * shift[:, None, :]
        scatters = second if full else np.diagonal(second, axis1=1, axis2=2).copy()
        return Moments(self.counts, self.means + shift, scatters)


def log_joint(X: Floats, covariances: Floats, parameters: Any) -> Floats:
    """Ln of weight times density of what is known of each sample: (n, D) to (n, K)."""
    joint = np.empty((len(X), len(parameters[0])))
    for rows, known in patterns(X):
        joint[rows] = joint_of_known(X[rows][:, known], known, covariances, parameters)
    return joint


def patterns(X: Floats) -> Iterator[tuple[Any, Any]]:
    """Yield the rows of X that know the same features, and which (D,) bool those are."""
    known, member = np.unique(~np.isnan(X), axis=0, return_inverse=True)
    member = member.ravel()
    for p in range(len(known)):
        yield np.flatnonzero(member == p), known[p]


def joint_of_known(some: Floats, known: Any, covariances: Floats, parameters: Any) -> Floats:
    """Ln of weight times density (n, K) of samples (n, known features) of one pattern."""
    weights, means = parameters[:2]
    joint = np.empty((len(some), len(weights)))
    logs = np.log(np.maximum(weights, np.finfo(np.float64).tiny))
    for k, mean in enumerate(means):
        try:
            lower = np.linalg.cholesky(covariances[k][np.ix_(known, known)])
        except np.linalg.LinAlgError:
            raise Collapse(
                f"component {k} has collapsed: its covariance is singular; raise reg_covar, "
                "give a prior or fewer components"
            ) from None
        y = np.linalg.solve(lower, (some - mean[known]).T)
        constant = logs[k] - np.log(np.diagonal(lower)).sum() - 0.5 * len(lower) * LOG_2PI
        joint[:, k] = constant - 0.5 * (y**2).sum(axis=0)
    return joint


def complete(some: Floats, known: Any, mean: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Expected differences from the mean (n, D), and the covariance (D, D) that is left."""
    d = np.zeros((len(some), len(mean)))
    spread = np.zeros_like(covariance)
    d[:, known] = some - mean[known]
    if not known.all():
        across = covariance[np.ix_(~known, known)]
        slope = np.linalg.solve(covariance[np.ix_(known, known)], across.T).T
        d[:, ~known] = d[:, known] @ slope.T
        spread[np.ix_(~known, ~known)] = covariance[np.ix_(~known, ~known)] - slope @ across.T
    return d, spread
