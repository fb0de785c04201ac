"""Faces become pixels, and every pixel remembers which object covers how much of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Colour = tuple[float, float, float]

SUBPIXELS = 4  # samples along each side of a pixel: coverage is a multiple of 1/16, exactly
BITS = 4  # fractional bits of the coordinates that cv2 fills

STILL, SHADOW, MIXED, MOVING = 0, 50, 170, 255


@dataclass(frozen=True, slots=True)
class Face:
    """One flat polygon in space.

    Attributes
    ----------
    points : (N, 3) metres: x to the right, y up from the ground, z away from the camera.
    colour : RGB in [0, 255], at the top of the polygon if there is a `low`.
    low : RGB at its bottom; None is `colour` everywhere.
    """

    points: np.ndarray
    colour: Colour
    low: Colour | None = None


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole that looks along z, level, from a height.

    Attributes
    ----------
    size : (height, width) of the picture, pixels.
    focal : focal length, pixels.
    height : metres above the ground.
    horizon : row of the picture on which the horizon lies, pixels.
    sun : (dx, dz), where the shadow of a point one metre up falls, metres.
    """

    size: tuple[int, int]
    focal: float
    height: float
    horizon: float
    sun: tuple[float, float]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return where points (N, 3) in metres are seen: (N, 2) pixels, x then y."""
        x, y, z = np.asarray(points, float).T
        z = np.maximum(z, 0.1)
        across = self.size[1] / 2 + self.focal * x / z
        return np.stack([across, self.horizon + self.focal * (self.height - y) / z], axis=1)

    def cast(self, points: np.ndarray) -> np.ndarray:
        """Return where the shadows of points (N, 3) lie on the ground: (N, 3) metres."""
        x, y, z = np.asarray(points, float).T
        return np.stack([x + y * self.sun[0], 0 * y, z + y * self.sun[1]], axis=1)

    def row(self, z: float) -> float:
        """Return the row on which the ground at distance `z` is seen, pixels."""
        return self.horizon + self.focal * self.height / z

    def scale(self, z: float) -> float:
        """Return the pixels of one metre at distance `z`."""
        return self.focal / z


@dataclass(frozen=True, slots=True)
class Sprite:
    """A patch of picture: colour (h, w, 3) times alpha (h, w), its corner at (top, left)."""

    top: int
    left: int
    colour: np.ndarray
    alpha: np.ndarray

    @property
    def where(self) -> tuple[slice, slice]:
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


Outline = tuple[np.ndarray, Colour, Colour | None]


def sprite(outlines: Sequence[Outline], size: tuple[int, int]) -> Sprite | None:
    """Fill outlines, the later over the earlier, and return the patch of the picture they cover.

    An outline is its corners (N, 2) in pixels, a colour, and the colour of its bottom or None.
    Returns None when nothing lies inside the picture of `size` (height, width).
    """
    if not outlines:
        return None
    patch = _patch(np.concatenate([points for points, _, _ in outlines]), size)
    if patch is None:
        return None
    samples, corner = patch
    for points, high, low in outlines:
        inside = _samples(points, corner)
        if low is None:
            cv2.fillPoly(samples, [_fixed(inside)], (*map(float, high), 1.0), shift=BITS)
        else:
            _fill_gradient(samples, inside, high, low)
    return _sprite(samples, corner)


def scatter(polygons: np.ndarray, colours: np.ndarray, size: tuple[int, int]) -> Sprite | None:
    """Fill many small convex polygons: leaves, blades, stones.

    polygons (N, K, 2) pixels; colours (N, 3) RGB; the later lie over the earlier.
    """
    patch = _patch(polygons.reshape(-1, 2), size)
    if patch is None:
        return None
    samples, corner = patch
    solid = np.column_stack([colours, np.ones(len(colours))])
    for polygon, colour in zip(_fixed(_samples(polygons, corner)), solid.tolist(), strict=True):
        cv2.fillConvexPoly(samples, polygon, colour, shift=BITS)
    return _sprite(samples, corner)


def _patch(corners, size):
    """An empty patch of RGBA samples around the corners, alpha 0 or 1, and its (left, top)."""
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, size[::-1])
    if left >= right or top >= bottom:
        return None
    shape = ((bottom - top) * SUBPIXELS, (right - left) * SUBPIXELS, 4)
    return np.zeros(shape, np.uint8), np.array([left, top])


def _samples(points, corner):
    """Where points in pixels lie among the samples of a patch."""
    return ((points - corner) * SUBPIXELS - 0.5).clip(-4e3, 1e4)


def _fixed(inside):
    return np.rint(inside * 2**BITS).astype(np.int32)


def _sprite(samples, corner):
    patch = shrink(samples)
    return Sprite(int(corner[1]), int(corner[0]), patch[..., :3], patch[..., 3])


def _fill_gradient(samples, inside, high, low):
    x0, y0 = np.maximum(np.floor(inside.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(inside.max(axis=0)).astype(int) + 1, samples.shape[1::-1])
    if x0 >= x1 or y0 >= y1:
        return
    stencil = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(stencil, [_fixed(inside - (x0, y0))], 1, shift=BITS)
    first, last = inside[:, 1].min(), inside[:, 1].max()
    share = ((np.arange(y0, y1) - first) / max(last - first, 1e-6)).clip(0, 1)[:, None]
    rows = np.array((*high, 1.0)) * (1 - share) + np.array((*low, 1.0)) * share
    rows[:, 3] = 1
    rows = np.broadcast_to(rows[:, None].clip(0, 255).astype(np.uint8), (*stencil.shape, 4))
    patch = samples[y0:y1, x0:x1]
    patch[stencil > 0] = rows[stencil > 0]


def shrink(samples: np.ndarray) -> np.ndarray:
    """Average blocks of SUBPIXELS x SUBPIXELS samples: (4h, 4w, C) uint8 to (h, w, C)."""
    rows = sum(samples[i::SUBPIXELS].astype(np.uint16) for i in range(SUBPIXELS))
    total = sum(rows[:, i::SUBPIXELS] for i in range(SUBPIXELS))
    return total.astype(np.float32) / SUBPIXELS**2


def seen(faces: Iterable[Face], camera: Camera) -> list[Outline]:
    """Return the faces as the camera sees them."""
    return [(camera.project(face.points), face.colour, face.low) for face in faces]


def relief(patch: Sprite, depth: float, reach: float = 2.0, light=(-0.7, -0.7)) -> Sprite:
    """Return the patch with its edges lit on the side of the light and dark on the other."""
    soft = cv2.GaussianBlur(patch.alpha, (0, 0), reach)
    dx, dy = (round(reach * value) for value in light)
    across = np.roll(soft, (dy, dx), (0, 1)) - np.roll(soft, (-dy, -dx), (0, 1))
    colour = patch.colour * (1 - depth * across)[..., None]
    return Sprite(patch.top, patch.left, colour.clip(0, 255), patch.alpha)


def shadow(faces: Iterable[Face], camera: Camera, blur: float) -> np.ndarray:
    """Return how much of the light the faces take from the ground: (H, W) float32 in [0, 1]."""
    mask = np.zeros(camera.size, np.uint8)
    for face in faces:
        points = camera.project(camera.cast(face.points))
        fixed = np.rint(np.clip(points - 0.5, -4e3, 1e4) * 2**BITS).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, shift=BITS)
    # On bytes this blur is integer arithmetic, the same on every machine.
    return cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255


class Canvas:
    """A picture that is painted from the back to the front, and its truth.

    Parameters
    ----------
    plate : (H, W, 3) float, the empty scene, RGB in [0, 255].
    """

    def __init__(self, plate: np.ndarray):
        size = plate.shape[:2]
        self.picture = plate.astype(np.float32)
        self.glow = np.ones(size, np.float32)  # share of the plate that is still to be seen
        self.cover = np.zeros(size)  # share of a pixel that moving objects cover
        self.share = np.zeros(size)  # what the object in `ids` covers of it
        self.ids = np.zeros(size, np.uint16)
        self.taken = np.zeros(size, np.float32)  # light that moving objects take away

    def darken(self, taken: np.ndarray, already: np.ndarray | float = 0.0) -> None:
        """Cast the shadows of moving objects, `taken` (H, W) in [0, 1].

        Where still things already take the share `already` of the light, only more darkens.
        """
        more = np.maximum(taken - already, 0) / np.maximum(1 - np.asarray(already), 0.05)
        self.taken = np.maximum(self.taken, more.astype(np.float32))
        self.picture *= (1 - more)[..., None]

    def paint(self, patch: Sprite | None, ident: int = 0) -> None:
        """Lay a patch over the picture; `ident` 0 is scenery, from 1 up a moving object."""
        if patch is None:
            return
        where, through = patch.where, 1 - patch.alpha
        self.picture[where] = self.picture[where] * through[..., None] + patch.colour
        for layer in (self.glow, self.taken, self.cover, self.share):
            layer[where] *= through
        if ident:
            self.cover[where] += patch.alpha
            more = patch.alpha > self.share[where]
            self.ids[where][more] = ident
            self.share[where][more] = patch.alpha[more]

    def truth(self, shade: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
        """Return truth (H, W) uint8 and ids (H, W) uint16.

        Truth is MOVING where objects cover nine tenths of the pixel or more, MIXED where
        they cover more than a tenth, SHADOW where they take at least `shade` of the light,
        else STILL. An id is that of the object of which most is seen, where at least
        half of the pixel is covered.
        """
        truth = np.where(self.taken >= shade, SHADOW, STILL).astype(np.uint8)
        truth[self.cover > 0.1] = MIXED
        truth[self.cover >= 0.9] = MOVING
        return truth, np.where(self.cover >= 0.5, self.ids, 0).astype(np.uint16)


def expose(picture: np.ndarray, seed: tuple[int, int], read: float, shot: float) -> np.ndarray:
    """Return what a sensor makes of the picture: (H, W, 3) uint8.

    Parameters
    ----------
    picture : (H, W, 3) float, RGB in [0, 255].
    seed : scene and frame; every frame has its own noise, the same on every run.
    read : standard deviation of the noise in the dark, grey levels.
    shot : variance added by every grey level of light.
    """
    rng = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    light = picture.mean(axis=2)
    grain = rng.standard_normal((height, width), np.float32)
    tint = rng.standard_normal((height, width, 3), np.float32)
    noise = np.sqrt(read**2 + shot * light.clip(0, 255))[..., None]
    noisy = picture + noise * (0.85 * grain[..., None] + 0.5 * tint)
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def vignette(size: tuple[int, int], strength: float) -> np.ndarray:
    """Return the light a lens lets through, (H, W, 1), 1 in the middle."""
    height, width = size
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return (1 - strength * (x**2 + y**2) / 2)[..., None].astype(np.float32)


def clouds(size: tuple[int, int], seed: int, coarse: tuple[float, float], octaves: int = 4):
    """Return smooth noise (H, W), mean about 0, deviation about 1.

    `coarse` is the (height, width) of the largest grains, pixels; each octave halves it.
    """
    rng = np.random.default_rng(seed)
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        rows, columns = (
            max(2, round(length / (grain / 2**octave)) + 1)
            for length, grain in zip(size, coarse, strict=True)
        )
        grid = rng.standard_normal((rows, columns)).astype(np.float32)
        total += cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC) * 0.6**octave
    return total / total.std()


def smooth(points, rounds: int = 2) -> np.ndarray:
    """Return a closed outline (N, D) with its corners cut (Chaikin), four times as many a round."""
    points = np.asarray(points, float)
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1)
        points = cut.reshape(-1, points.shape[1])
    return points


def disc(centre, radius, corners: int = 28) -> np.ndarray:
    """Return a circle, or an ellipse when `radius` is (across, up): (N, 2)."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.asarray(centre) + np.stack([np.cos(turn), np.sin(turn)], 1) * radius


def capsule(start, end, first: float, last: float) -> np.ndarray:
    """Return the outline (N, 2) of a limb: round ends of radii `first` and `last`."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    angle = np.arctan2(*(end - start)[::-1])
    turn = np.linspace(np.pi / 2, 3 * np.pi / 2, 8)

    def end_cap(centre, radius, around):
        return centre + radius * np.stack([np.cos(around), np.sin(around)], 1)

    return np.concatenate(
        [end_cap(start, first, angle + turn), end_cap(end, last, angle + turn + np.pi)]
    )


def upright(outline: np.ndarray, z: float) -> np.ndarray:
    """Return an outline (N, 2) standing on the ground at distance `z`: (N, 3)."""
    return np.column_stack([outline, np.full(len(outline), float(z))])


def tone(colour: Colour, factor: float) -> Colour:
    """Return the colour lighter (factor above 1) or darker."""
    return tuple(min(255.0, value * factor) for value in colour)
