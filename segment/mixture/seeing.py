"""Seeing what EM does: the bound below the likelihood, and how many components data want."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import logsumexp, xlogy

from segment.mixture.base import Mixture
from segment.mixture.estimator import generator
from segment.mixture.samples import Floats, check_matrix, check_weights

__all__ = ["Bound", "Criterion", "Selection", "bound", "select"]

Criterion = Literal["bic", "aic", "icl", "heldout"]


class Bound(NamedTuple):
    """ln p(X) = bound + gap, sums over the samples in nats."""

    log_likelihood: float
    """ln p(X | parameters)."""

    bound: float
    """L(q) = E_q[ln p(X, Z)] + the entropy of q; never above the log-likelihood."""

    gap: float
    """KL(q || p(Z | X)), at least 0, and 0 for the responsibilities themselves."""

    entropy: float
    """Of q."""


def bound(model: Mixture, X: Any, q: Any = None, sample_weight: Any = None) -> Bound:
    """Split the log-likelihood of X (n, D) into a lower bound and a KL gap.

    q (n, K) is any distribution over the components of each sample, rows summing to 1;
    None is the responsibilities, whose gap is 0. Bound and gap are calculated on their
    own, so that their sum is a check. Raises ValueError for a q that is no distribution.

    Source: Neal and Hinton, 1998; Bishop, PRML, 2006, section 9.4.
    """
    model._check_fitted()
    X = check_matrix(X, model.n_features_in_, type(model).__name__)
    weight = check_weights(sample_weight, len(X))
    weight = weight if weight.size else np.ones(len(X))
    joint = np.concatenate([joint for _, joint in model._joints(X)])
    evidence = logsumexp(joint, axis=1)
    log_shares = joint - evidence[:, None]
    if q is None:
        q = np.exp(log_shares)
        q /= q.sum(axis=1, keepdims=True)
    q = np.asarray(q, np.float64)
    if q.shape != joint.shape:
        raise ValueError(f"q is {q.shape}, wanted {joint.shape}: (n_samples, n_components)")
    if not (q >= 0).all() or np.abs(q.sum(axis=1) - 1).max() > 1e-6:
        raise ValueError("q wants rows of probabilities that sum to 1")
    entropy = float(weight @ -xlogy(q, q).sum(axis=1))
    # What q gives no share is not asked for its logarithm.
    expected = float(weight @ np.where(q > 0, q * joint, 0.0).sum(axis=1))
    terms: Floats = xlogy(q, q) - np.where(q > 0, q * log_shares, 0.0)
    return Bound(
        float(weight @ evidence), expected + entropy, float(weight @ terms.sum(axis=1)), entropy
    )


class Selection(NamedTuple):
    """What `select` found."""

    best: Any
    """The chosen model, fitted to all samples."""

    n_components: int

    scores: dict[int, float]
    """The criterion for each number of components; lower is better, as for BIC."""

    models: dict[int, Any]
    """A fit for each number."""


def select(
    model: Any,
    X: Any,
    components: Iterable[int] = range(1, 9),
    criterion: Criterion = "bic",
    *,
    sample_weight: Any = None,
    folds: int = 5,
    parameter: str = "n_components",
) -> Selection:
    """Fit copies of `model` (unfitted settings) with other numbers of components; choose.

    parameter : which number it is; "n_factors" chooses the factors of a mixture of analysers.

    criterion : "bic", "aic", "icl", or "heldout": minus twice the log-likelihood of samples
        that the fit had not seen, over `folds` of them.
    On pixels, of which there are many and none is independent, BIC always takes the most;
    ICL and held-out likelihood of other pictures are better guides there.
    """
    if criterion not in ("bic", "aic", "icl", "heldout"):
        raise ValueError(f"criterion is {criterion!r}, wanted 'bic', 'aic', 'icl' or 'heldout'")
    X = check_matrix(X)
    weight = check_weights(sample_weight, len(X))
    scores: dict[int, float] = {}
    models: dict[int, Any] = {}
    for number in components:
        fitted = type(model)(**model.get_params()).set_params(**{parameter: number})
        # Chains take no weights, and are asked for none.
        more = {"sample_weight": weight} if weight.size else {}
        fitted.fit(X, **more)
        models[number] = fitted
        if criterion == "heldout":
            scores[number] = _held_out(fitted, X, weight, folds)
        else:
            judge = getattr(fitted, criterion)
            scores[number] = judge(X, **more)
    if not scores:
        raise ValueError("components is empty, wanted numbers to choose from")
    best = min(scores, key=lambda number: scores[number])
    return Selection(models[best], best, scores, models)


def _held_out(model: Any, X: Any, weight: Floats, folds: int) -> float:
    if not 2 <= folds <= len(X):
        raise ValueError(f"folds is {folds}, wanted 2 to {len(X)}, the number of samples")
    order = generator(model.random_state).permutation(len(X))
    total = 0.0
    for fold in range(folds):
        held = np.zeros(len(X), bool)
        held[order[fold::folds]] = True
        copy = type(model)(**model.get_params())
        copy.fit(X[~held], sample_weight=weight[~held] if weight.size else None)
        evidence = copy.score_samples(X[held])
        total += float(weight[held] @ evidence if weight.size else evidence.sum())
    return -2 * total
