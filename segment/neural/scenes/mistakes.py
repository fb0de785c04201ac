"""The mistakes that a subtractor makes of objects: holes, ragged edges, missing parts, specks."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["spoil"]


def spoil(
    rng: np.random.Generator, truth: NDArray[np.int32], strength: float = 1.0
) -> NDArray[np.bool_]:
    """Return masks (T, H, W) with a subtractor's mistakes: holes, ragged edges, missing parts.

    Holes and missing parts belong to the object (where it looks like what is behind it) and come
    and go over several frames; edges are ragged anew in every frame; specks are few and small.
    """
    length, height, width = truth.shape
    masks = np.zeros(truth.shape, bool)
    numbers = [int(n) for n in np.unique(truth) if n]
    gaps = {n: _Gaps(rng, length, strength) for n in numbers}
    for t in range(length):
        mask = np.zeros((height, width), bool)
        rough = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 1.2)
        rough = rough / rough.std()
        for n in numbers:
            own = truth[t] == n
            if own.any():
                mask |= own & ~gaps[n].at(t, own)
        # The signed distance to the edge, shaken by about a pixel.
        inner = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 3)
        outer = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 3)
        masks[t] = (inner - outer) + 0.9 * strength * rough > 0.3
        for _ in range(rng.poisson(0.5 * strength)):
            y, x = int(rng.integers(height)), int(rng.integers(width))
            masks[t, y : y + 2, x : x + 2] = True
    return masks


class _Gaps:
    """Where one object is not seen: discs and bands in the coordinates of its box."""

    def __init__(self, rng: np.random.Generator, length: int, strength: float) -> None:
        self.gaps: list[tuple[int, int, bool, float, float, float]] = []
        for _ in range(rng.poisson(strength * length / 12)):
            start = int(rng.integers(-8, length))
            lasts = int(rng.integers(3, 15))
            band = bool(rng.random() < 0.35)
            size = rng.uniform(0.04, 0.12) if band else rng.uniform(0.06, 0.2)
            place = rng.uniform(0.1, 0.9, 2)
            self.gaps.append((start, start + lasts, band, place[0], place[1], float(size)))

    def at(self, t: int, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
        rows, columns = np.nonzero(own.any(1))[0], np.nonzero(own.any(0))[0]
        top, tall = rows[0], len(rows)
        left, wide = columns[0], len(columns)
        y = ((np.arange(own.shape[0]) - top) / tall)[:, None]
        x = ((np.arange(own.shape[1]) - left) / wide)[None]
        lost = np.zeros(own.shape, bool)
        for start, end, band, row, column, size in self.gaps:
            if start <= t < end:
                if band:
                    lost |= (np.abs(y - row) < size) & (x == x)
                else:
                    lost |= ((y - row) * tall) ** 2 + ((x - column) * wide) ** 2 < (
                        size * max(tall, wide)
                    ) ** 2
        return lost
