"""From what slots predict to objects: slots that predict the same are one."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["together"]

ALIKE = 0.5  # overlap of two predictions, over the foreground, from which they are one object's
LEAST = 0.04  # share of the foreground below which an object is none
SURE = 0.5  # a slot that nowhere predicts more has found nothing


def together(
    psi: NDArray[np.float32],
    foreground: NDArray[np.bool_],
    stand: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Unite predictions (K, S, S) that overlap; return the objects' (N, S, S), N at least 1.

    stand : (K,) how many slots a prediction stands for; one unless told.

    The two that overlap most are united first, again and again; an object that is the likeliest
    nowhere, or hardly anywhere, is left out.
    """
    alive = np.flatnonzero(psi[:, foreground].max(1, initial=0.0) > SURE)
    if not len(alive):
        return np.ones((1, *foreground.shape), np.float32)
    maps = psi[alive].astype(np.float64)
    flat = maps[:, foreground]
    weight = np.ones(len(maps)) if stand is None else stand[alive].astype(np.float64)
    alike = np.triu([_likeness(one, flat) for one in flat], 1)
    while len(maps) > 1:
        j, k = np.unravel_index(int(alike.argmax()), alike.shape)
        if alike[j, k] <= ALIKE:
            break
        share = weight[j] / (weight[j] + weight[k])
        maps[j] = share * maps[j] + (1 - share) * maps[k]
        weight[j] += weight[k]
        maps, flat, weight = (np.delete(held, k, 0) for held in (maps, flat, weight))
        alike = np.delete(np.delete(alike, k, 0), k, 1)
        flat[j] = maps[j][foreground]
        row = _likeness(flat[j], flat)
        alike[j, j + 1 :], alike[:j, j] = row[j + 1 :], row[:j]
    while len(maps) > 1:
        area = np.bincount(maps[:, foreground].argmax(0), minlength=len(maps))
        if area.min() >= LEAST * area.sum():
            break
        maps = np.delete(maps, int(area.argmin()), 0)
    return maps.astype(np.float32)


def _likeness(one: NDArray[np.float64], each: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a prediction (F,) overlaps with each (N, F): (N,) in [0, 1]."""
    overlap: NDArray[np.float64] = np.minimum(one, each).sum(1) / np.maximum(
        np.maximum(one, each).sum(1), 1e-9
    )
    return overlap
