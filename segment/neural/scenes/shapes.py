"""Drawn scenes of hollow squares and triangles: still pictures, and sequences in which they fly."""

import numpy as np
from numpy.typing import NDArray

from segment.neural.scenes.motion import bounce
from segment.neural.scenes.scene import Scenes

__all__ = ["flying_shapes", "static_shapes"]

_ART = {
    "square": ["#######", "#######", "##...##", "##...##", "##...##", "#######", "#######"],
    "triangle": [
        ".....##.....",
        "....####....",
        "...##..##...",
        "..##....##..",
        ".##......##.",
        "############",
        "############",
    ],
}


def _read(art: list[str]) -> NDArray[np.bool_]:
    return np.array([[letter == "#" for letter in row] for row in art])


# Square, triangle, triangle upside down.
STENCILS = (_read(_ART["square"]), _read(_ART["triangle"]), _read(_ART["triangle"])[::-1])


def static_shapes(
    rng: np.random.Generator,
    count: int,
    *,
    size: tuple[int, int] = (28, 28),
    objects: int = 3,
    length: int = 1,
) -> Scenes:
    """Draw `count` pictures of `objects` shapes each, anywhere they fit whole.

    Source: the shapes of Reichert and Serre, as Greff et al. use them.
    """
    kinds = rng.integers(len(STENCILS), size=(count, objects))
    room = _room(size, kinds)
    places = np.floor(rng.random((count, objects, 2)) * (room + 1)).astype(np.int64)
    return _paint(kinds, places[:, None], size)


def flying_shapes(
    rng: np.random.Generator,
    count: int,
    *,
    size: tuple[int, int] = (28, 28),
    objects: int = 3,
    length: int = 21,
    speed: tuple[float, float] = (0.3, 1.6),
) -> Scenes:
    """Draw `count` sequences of shapes that fly straight and bounce off the borders.

    speed : slowest and fastest, pixels a frame; directions are uniform.
    """
    kinds = rng.integers(len(STENCILS), size=(count, objects))
    places = bounce(rng, _room(size, kinds), length, speed)  # (count, length, objects, 2)
    return _paint(kinds, np.rint(places).astype(np.int64), size)


def _room(size: tuple[int, int], kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far down and right each shape may be put, (count, objects, 2) pixels."""
    shapes = np.array([stencil.shape for stencil in STENCILS])
    room = np.array(size) - shapes
    if (room < 0).any():
        raise ValueError(f"size is {size}, too small for shapes of {tuple(shapes.max(axis=0))}")
    chosen: NDArray[np.int64] = room[kinds]
    return chosen


def _paint(kinds: NDArray[np.int64], places: NDArray[np.int64], size: tuple[int, int]) -> Scenes:
    """Paint shapes (count, objects) at places (count, length, objects, 2)."""
    count, length, objects = places.shape[:3]
    height, width = size
    covered = np.zeros(count * length * height * width, np.uint8)
    groups = np.zeros_like(covered)
    frames = np.arange(count * length).reshape(count, length) * (height * width)
    corners = frames[:, :, None] + places[..., 0] * width + places[..., 1]
    for one in range(objects):
        for kind, stencil in enumerate(STENCILS):
            y, x = np.nonzero(stencil)
            pixels = (corners[kinds[:, one] == kind, :, one, None] + (y * width + x)).ravel()
            covered[pixels] += 1  # a shape covers a pixel once, so no index comes twice
            groups[pixels] = one + 1
    groups[covered > 1] = 0
    shape = (count, length, height, width)
    images = np.where(covered > 0, np.uint8(255), np.uint8(0)).reshape(*shape, 1)
    return Scenes(images, groups.reshape(shape), (covered > 1).reshape(shape))
