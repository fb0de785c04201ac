"""Where EM begins: first responsibilities from k-means, k-means++ seeds, or chance."""

from typing import Literal

import numpy as np

from segment.mixture.samples import Floats, Samples

__all__ = ["Start", "lloyd", "merge", "plus_plus", "responsibilities", "squared_distances"]

Start = Literal["kmeans", "k-means++", "random", "random_from_data"]

# Seeds are looked for among so many samples; the fit itself uses all of them.
_MOST = 20_000

_LLOYD_STEPS = 20


def responsibilities(
    samples: Samples, components: int, how: Start, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Some samples (n, D), gaps filled with means, and first responsibilities × weight (n, K)."""
    X, weight = samples.some(rng, max(_MOST, 50 * components))
    if not samples.complete:
        X = np.where(np.isnan(X), samples.centre, X)
    X, weight = merge(X, weight)
    if how == "random":
        shares = rng.dirichlet(np.ones(components), size=len(X))
        return X, shares * weight[:, None]
    if how == "random_from_data":
        seeds = rng.choice(len(X), components, replace=len(X) < components)
        centres = X[seeds]
    elif how in ("kmeans", "k-means++"):
        centres = plus_plus(X, weight, components, rng)
        if how == "kmeans":
            centres = lloyd(X, weight, centres, _LLOYD_STEPS)
    else:
        raise ValueError(
            f"init_params is {how!r}, wanted 'kmeans', 'k-means++', 'random' or 'random_from_data'"
        )
    nearest = squared_distances(X, centres).argmin(axis=1)
    shares = np.zeros((len(X), components))
    shares[np.arange(len(X)), nearest] = 1.0
    return X, shares * weight[:, None]


def merge(X: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Different samples in order, and what each counts: a start knows no order or doubles."""
    X = X[weight > 0]
    different, member = np.unique(X, axis=0, return_inverse=True)
    return different, np.bincount(member.ravel(), weight[weight > 0], minlength=len(different))


def plus_plus(X: Floats, weight: Floats, components: int, rng: np.random.Generator) -> Floats:
    """Seeds (K, D) far from each other: the best of a few draws by squared distance each time.

    Source: Arthur and Vassilvitskii, k-means++, SODA 2007 (its greedy variant).
    """
    tries = 2 + int(np.log(components))
    chosen = [int(rng.choice(len(X), p=weight / weight.sum()))]
    nearest = squared_distances(X, X[chosen])[:, 0]
    for _ in range(1, components):
        mass = nearest * weight
        total = mass.sum()
        if total > 0:
            candidates = rng.choice(len(X), tries, p=mass / total)
        else:
            # Fewer different samples than components: any other one will do.
            left = np.setdiff1d(np.arange(len(X)), chosen)
            candidates = rng.choice(left if len(left) else len(X), 1)
        reach = np.minimum(nearest[:, None], squared_distances(X, X[candidates]))
        best = int((weight @ reach).argmin())
        chosen.append(int(candidates[best]))
        nearest = reach[:, best]
    return X[chosen]


def lloyd(X: Floats, weight: Floats, centres: Floats, steps: int) -> Floats:
    """Centres (K, D) after at most `steps` rounds of k-means; an empty one stays where it is."""
    before = None
    for _ in range(steps):
        nearest = squared_distances(X, centres).argmin(axis=1)
        if before is not None and (nearest == before).all():
            break
        before = nearest
        counts = np.bincount(nearest, weight, minlength=len(centres))
        sums = np.stack(
            [np.bincount(nearest, weight * x, minlength=len(centres)) for x in X.T], axis=1
        )
        held = counts > 0
        centres = centres.copy()
        centres[held] = sums[held] / counts[held, None]
    return centres


def squared_distances(X: Floats, centres: Floats) -> Floats:
    """(n, K) squared distances, each from a difference: no cancellation far from the origin."""
    distances = np.empty((len(X), len(centres)))
    for k, centre in enumerate(centres):
        d = X - centre
        np.einsum("nd,nd->n", d, d, out=distances[:, k])
    return distances
