"""From what slots predict to objects: slots that predict the same are one."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["together"]

ALIKE = 0.5  # overlap of two predictions, over the foreground, from which they are one object's
LEAST = 0.04  # share of the foreground below which an object is none
SURE = 0.5  # a slot that nowhere predicts more has found nothing


def together(psi: NDArray[np.float32], foreground: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Unite predictions (K, S, S) that overlap; return the objects' (N, S, S), N at least 1.

    The two that overlap most are united first, again and again; an object that is the likeliest
    nowhere, or hardly anywhere, is left out.
    """
    alive = np.flatnonzero(psi[:, foreground].max(1, initial=0.0) > SURE)
    if not len(alive):
        return np.ones((1, *foreground.shape), np.float32)
    maps = psi[alive].astype(np.float64)
    flat = maps[:, foreground]
    weight = np.ones(len(maps))
    while len(maps) > 1:
        low = np.minimum(flat[:, None], flat).sum(2)
        high = np.maximum(flat[:, None], flat).sum(2)
        alike = np.triu(low / np.maximum(high, 1e-9), 1)
        j, k = np.unravel_index(int(alike.argmax()), alike.shape)
        if alike[j, k] <= ALIKE:
            break
        share = weight[j] / (weight[j] + weight[k])
        maps[j] = share * maps[j] + (1 - share) * maps[k]
        weight[j] += weight[k]
        maps, weight = np.delete(maps, k, 0), np.delete(weight, k)
        flat = maps[:, foreground]
    while len(maps) > 1:
        area = np.bincount(maps[:, foreground].argmax(0), minlength=len(maps))
        if area.min() >= LEAST * area.sum():
            break
        maps = np.delete(maps, int(area.argmin()), 0)
    return maps.astype(np.float32)
