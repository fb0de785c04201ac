"""Points that are far from each other, for slots to begin at."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["far_apart"]


def far_apart(
    points: NDArray[np.intp], first: int, count: int, shaken: np.random.Generator | None = None
) -> NDArray[np.intp]:
    """Return `count` of some points (P, 2), from number `first` on each farthest from those before.

    With `shaken`, every squared distance counts by half to all of it, as it draws.
    """
    chosen = [first]
    far = ((points - points[first]) ** 2).sum(1).astype(np.float64)
    for _ in range(count - 1):
        weighed = far if shaken is None else far * shaken.uniform(0.5, 1, len(far))
        chosen.append(int(weighed.argmax()))
        far = np.minimum(far, ((points - points[chosen[-1]]) ** 2).sum(1))
    return points[chosen]
