"""Twins of the compiled sweep: the equations on whole arrays."""

import numpy as np


def joint(X, weights, means, covariances):
    """ln of weight times density, (N, K); covariances (K, D, D)."""
    columns = []
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        d = X - mean
        distance = (d @ np.linalg.inv(covariance) * d).sum(axis=1)
        log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
        columns.append(np.log(weight) - 0.5 * (log_det + distance))
    return np.stack(columns, axis=1)


def sweep(X, sample_weight, weights, means, covariances):
    """Counts (K,), means (K, D), scatters (K, D, D) and the log-likelihood."""
    logs = joint(X, weights, means, covariances)
    largest = logs.max(axis=1, keepdims=True)
    evidence = largest[:, 0] + np.log(np.exp(logs - largest).sum(axis=1))
    shares = np.exp(logs - evidence[:, None]) * sample_weight[:, None]
    counts = shares.sum(axis=0)
    middles = shares.T @ X / counts[:, None]
    scatters = np.stack(
        [
            (X - middle).T @ ((X - middle) * share[:, None])
            for middle, share in zip(middles, shares.T, strict=True)
        ]
    )
    return counts, middles, scatters, sample_weight @ evidence
