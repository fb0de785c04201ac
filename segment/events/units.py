"""From pixels to the ground: a scale, or a homography from four points that were measured."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from segment.errors import UnreadableInput

Matrix = tuple[tuple[float, float, float], ...]

_STRAIGHT = 1e-3  # of the picture's extent: three of four points on a line fix no plane


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a point of the picture lies on the ground.

    Attributes
    ----------
    unit : "px" or "m".
    matrix : 3x3 homography from (column, row, 1) to the ground, row by row.
    side : of the horizon on which the ground lies; 0 where there is no horizon.

    `Ground()` leaves pixels as they are; `scaled` and `measured` give metres.
    Source of the fit: Hartley and Zisserman, Multiple View Geometry, 2003, algorithm 4.2.
    """

    unit: str = "px"
    matrix: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    side: int = 0

    @classmethod
    def scaled(cls, metres_per_pixel: float) -> Self:
        """A camera that looks straight down, or a scene where one scale is good enough."""
        if not 0 < metres_per_pixel < math.inf:
            raise ValueError(
                f"{metres_per_pixel} metres per pixel; wanted a number above 0, for example .02"
            )
        s = float(metres_per_pixel)
        return cls("m", ((s, 0.0, 0.0), (0.0, s, 0.0), (0.0, 0.0, 1.0)))

    @classmethod
    def measured(cls, pixels: Any, metres: Any) -> Self:
        """The plane through four points or more: `pixels` (N, 2) in the picture, `metres` (N, 2).

        More than four are fitted in the least-squares sense. Raises ValueError when they
        fix no plane: fewer than four, three on a line, or the same point twice.
        """
        try:
            seen = np.asarray(pixels, np.float64)
            real = np.asarray(metres, np.float64)
        except (TypeError, ValueError):
            raise ValueError("the points of the ground are not all pairs of numbers") from None
        if seen.ndim != 2 or seen.shape[1:] != (2,) or seen.shape != real.shape or len(seen) < 4:
            raise ValueError(
                f"the ground has pixels of shape {seen.shape} and metres of shape {real.shape}; "
                "wanted four pairs or more of each, in the same order"
            )
        if not (np.isfinite(seen).all() and np.isfinite(real).all()):
            raise ValueError("the points of the ground hold a number that is none (NaN, infinity)")
        for points, what in ((seen, "pixels"), (real, "metres")):
            if _lie_on_a_line(points):
                raise ValueError(
                    f"three of the four points of the ground lie on a line ({what}), or two are "
                    "the same; choose corners of a large four-sided figure"
                )
        (a, to_a), (b, to_b) = _normalised(seen), _normalised(real)
        rows = []
        for (x, y), (u, v) in zip(a, b, strict=True):
            rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
            rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
        h = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
        h = np.linalg.inv(to_b) @ h @ to_a
        depth = np.column_stack([seen, np.ones(len(seen))]) @ h[2]
        if np.abs(depth).min() < 1e-12 * np.abs(depth).max() or len(set(np.sign(depth))) > 1:
            raise ValueError(
                "the points of the ground do not belong together: some lie beyond the horizon "
                "of the others; check that pixels and metres are in the same order"
            )
        h /= depth.mean()
        matrix = tuple((float(r[0]), float(r[1]), float(r[2])) for r in h)
        return cls("m", matrix, int(np.sign(depth[0] / depth.mean())))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read `{"pixels": [[x, y], ...], "metres": [[x, y], ...]}`. Raises UnreadableInput."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls.measured(content["pixels"], content["metres"])
        except OSError as error:
            raise UnreadableInput(
                f"the ground {path} cannot be read: {(error.strerror or str(error)).lower()}"
            ) from None
        except (KeyError, TypeError, RecursionError):
            wanted = '{"pixels": [[x, y], ... four], "metres": [[x, y], ... four]}'
            raise UnreadableInput(f"the ground {path} is no map; wanted {wanted}") from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UnreadableInput(f"the ground {path} is not JSON: {error}") from None
        except ValueError as error:
            raise UnreadableInput(f"{path}: {error}") from None

    def place(self, x: float, y: float) -> tuple[float, float] | None:
        """Where column `x`, row `y` lies, in `unit`; None at and beyond the horizon."""
        if self.unit == "px":
            return x, y
        (a, b, c), (d, e, f), (g, h, i) = self.matrix
        depth = g * x + h * y + i
        # Within a hundredth of the horizon a pixel is a hundred times as long as in the middle.
        if self.side and depth * self.side < 0.01:
            return None
        return (a * x + b * y + c) / depth, (d * x + e * y + f) / depth


def _lie_on_a_line(points: Any) -> bool:
    """Whether no four of the points are in general position (three of four on a line)."""
    extent = float(np.ptp(points, axis=0).max())
    if extent == 0:
        return True
    if len(points) > 4:  # least squares: only a line as a whole is no plane
        centred = points - points.mean(axis=0)
        spread = np.linalg.svd(centred, compute_uv=False)
        return bool(spread[1] < _STRAIGHT * spread[0])
    for skip in range(4):
        a, b, c = (points[i] for i in range(4) if i != skip)
        twice = abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
        if twice < _STRAIGHT * extent**2:
            return True
    return False


def _normalised(points: Any) -> tuple[Any, Any]:
    """Points about 0 at a mean distance of the root of 2, and the matrix that takes them there."""
    centre = points.mean(axis=0)
    scale = math.sqrt(2) / max(float(np.hypot(*(points - centre).T).mean()), 1e-300)
    matrix = np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
    return (points - centre) * scale, matrix
