"""Scenes without objects: stills with a camera's noise, real stretches, waves that are drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Plate:
    """What a camera sees when nobody is there.

    Attributes
    ----------
    name, source : what it is, and the clip it comes from.
    still : (H, W, 3) uint8.
    frames : real pictures of the empty scene, or none.
    residuals : (H, W, 3) int8, what single pictures differ by from the still, or none.
    sorts : of "still", "stretch", "trees", "water", "thermal".
    grey : without colours.
    ground : where it begins, as a share of the height from above; feet stand below.
    """

    name: str
    source: str
    still: np.ndarray
    sorts: frozenset[str]
    frames: list[np.ndarray] = field(default_factory=list)
    residuals: list[np.ndarray] = field(default_factory=list)
    grey: bool = False
    ground: float = 0.5

    def cropped(self, rng: np.random.Generator, size: Size, least: float = 0.6) -> "Plate":
        """Return a piece of it, at random, of the wanted size, turned over now and then."""
        height, width = self.still.shape[:2]
        fits = min(height / size[0], width / size[1])
        # Never blown up by much: a blurred background is no camera's.
        share = float(rng.uniform(min(1.0, max(least, 0.75 / fits)), 1.0))
        high, wide = int(size[0] * fits * share), int(size[1] * fits * share)
        top = int(rng.integers(height - high + 1))
        left = int(rng.integers(width - wide + 1))
        turned = bool(rng.random() < 0.5)

        def piece(image: np.ndarray) -> np.ndarray:
            part = image[top : top + high, left : left + wide]
            shape = cv2.INTER_AREA if high > size[0] else cv2.INTER_LINEAR
            if (high, wide) != size:
                part = cv2.resize(part, size[::-1], interpolation=shape)
            return np.ascontiguousarray(part[:, ::-1] if turned else part)

        return Plate(
            self.name,
            self.source,
            piece(self.still),
            self.sorts,
            [piece(frame) for frame in self.frames],
            [piece(less.astype(np.float32)).astype(np.int8) for less in self.residuals],
            self.grey,
            float(np.clip((self.ground * height - top) / high, 0, 1.3)),
        )


Backdrop = Callable[[int], np.ndarray]
"""From a frame's number to a picture (H, W, 3) float32, overwritten by the next call."""


def unmoved(plate: Plate, rng: np.random.Generator) -> Backdrop:
    """The still, with the noise its own camera had, where that is known."""
    base = plate.still.astype(np.float32)
    if not plate.residuals:
        return lambda t: base.copy()
    order = rng.integers(len(plate.residuals), size=4096)
    signs = rng.choice(np.array([-1, 1], np.int8), size=4096)

    def at(t: int) -> np.ndarray:
        return base + plate.residuals[order[t % 4096]] * signs[t % 4096]

    return at


def stretch(plate: Plate, step: int = 1) -> Backdrop:
    """Real pictures there and back."""
    count = len(plate.frames)
    period = max(1, 2 * count - 2)

    def at(t: int) -> np.ndarray:
        place = t * step % period
        return plate.frames[place if place < count else period - place].astype(np.float32)

    return at


def smooth_field(rng: np.random.Generator, size: Size, grain: float) -> np.ndarray:
    """A random plane (H, W) float32, mean 0, deviation 1, whose spots are `grain` pixels wide."""
    height, width = size
    coarse = rng.normal(size=(int(height / grain) + 3, int(width / grain) + 3)).astype(np.float32)
    high, wide = int(len(coarse) * grain) + 1, int(coarse.shape[1] * grain) + 1
    plane = cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_CUBIC)
    top = int(rng.integers(max(1, high - height)))
    left = int(rng.integers(max(1, wide - width)))
    plane = plane[top : top + height, left : left + width]
    return (plane - plane.mean()) / max(float(plane.std()), 1e-6)


def leafy(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Where a picture may wave, (H, W) float32 in [0, 1]: its most restless places, and chance."""
    grey = image.mean(2).astype(np.float32)
    busy = cv2.GaussianBlur(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2)), (0, 0), 8)
    busy = (busy - busy.mean()) / max(float(busy.std()), 1e-6)
    plane = 0.6 * busy + smooth_field(rng, grey.shape, min(grey.shape) / 4)
    plane -= np.quantile(plane, 1 - share)
    return np.clip(plane * 2.5 + 0.5, 0, 1).astype(np.float32)


class Sway:
    """Displacements of a place in the wind: (H, W, 2) float32 pixels at any time."""

    def __init__(self, rng: np.random.Generator, size: Size, reach: float, grain: float) -> None:
        self.small = (max(8, size[0] // 4), max(8, size[1] // 4))
        self.size = size
        self.reach = reach
        grain = max(grain, 5.0 * reach)  # a finer one would fold the picture over itself
        self.fields = [smooth_field(rng, self.small, max(2.0, grain / 4)) for _ in range(3)]
        self.phases = [2.0 * smooth_field(rng, self.small, max(3.0, grain / 2)) for _ in range(3)]
        self.speeds = rng.uniform(0.06, 0.3, 3)  # radians a frame: periods of 20 to 100 frames
        self.angle = float(rng.uniform(-0.4, 0.4))
        self.gust = rng.uniform(0.006, 0.03, 2), rng.uniform(0, 6.28, 2)

    def at(self, t: float) -> np.ndarray:
        strength = 0.6 + 0.4 * float(np.sin(self.gust[0] * t + self.gust[1]).mean()) * 1.4
        along = sum(
            plane * np.sin(speed * t + phase)
            for plane, phase, speed in zip(self.fields, self.phases, self.speeds, strict=True)
        )
        along = cv2.resize(np.float32(along), self.size[::-1], interpolation=cv2.INTER_LINEAR)
        along *= self.reach * max(0.1, strength) / 1.7
        return np.dstack([along * np.float32(np.cos(self.angle)), along * np.float32(0.5)])


def waving(
    plate: Plate, rng: np.random.Generator, reach: float, share: float, branches: int
) -> Backdrop:
    """A still whose leaves wave, and branches that sway in front of whatever is behind them."""
    base = plate.still.astype(np.float32)
    size = base.shape[:2]
    amount = leafy(plate.still, rng, share)[..., None]
    sway = Sway(rng, size, reach, rng.uniform(6, 24))
    grid = np.dstack(np.meshgrid(np.arange(size[1]), np.arange(size[0]))).astype(np.float32)
    twigs = [_Branch(rng, plate.still, reach) for _ in range(branches)]

    def at(t: int) -> np.ndarray:
        moved = grid + amount * sway.at(t)
        picture = cv2.remap(base, moved, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for twig in twigs:
            twig.paint(picture, t)
        return picture

    return at


class _Branch:
    """Leaves with gaps between them, hanging in from a border."""

    def __init__(self, rng: np.random.Generator, image: np.ndarray, reach: float) -> None:
        height, width = image.shape[:2]
        high = int(height * rng.uniform(0.25, 0.6))
        wide = int(width * rng.uniform(0.2, 0.5))
        self.top = 0 if rng.random() < 0.7 else int(rng.integers(height - high + 1))
        self.left = int(rng.choice([0, width - wide, rng.integers(width - wide + 1)]))
        leaves = smooth_field(rng, (high, wide), rng.uniform(2.5, 6))
        leaves += 0.8 * smooth_field(rng, (high, wide), rng.uniform(8, 20))
        y, x = np.mgrid[:high, :wide].astype(np.float32)
        from_top = y / high
        side = np.abs(x / wide - 0.5) * 2
        leaves += 1.2 - 2.2 * np.maximum(from_top, side)
        self.alpha = np.clip(leaves * 3, 0, 1).astype(np.float32)[..., None]
        green = np.array(
            [rng.uniform(30, 110), rng.uniform(60, 140), rng.uniform(20, 70)], np.float32
        )
        if image.std(axis=2).mean() < 1:
            green[:] = green.mean()
        shade = 1 + 0.35 * smooth_field(rng, (high, wide), rng.uniform(1.5, 4))
        self.colour = np.clip(green * shade[..., None], 0, 255).astype(np.float32)
        self.sway = Sway(rng, (high, wide), 1.3 * reach, rng.uniform(10, 40))
        self.grid = np.dstack(np.meshgrid(np.arange(wide), np.arange(high))).astype(np.float32)

    def paint(self, picture: np.ndarray, t: int) -> None:
        moved = self.grid + self.sway.at(t)
        alpha = cv2.remap(self.alpha, moved, None, cv2.INTER_LINEAR)[..., None]
        colour = cv2.remap(
            self.colour, moved, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        high, wide = alpha.shape[:2]
        part = picture[self.top : self.top + high, self.left : self.left + wide]
        part += alpha * (colour - part)


def watery(plate: Plate, rng: np.random.Generator, reach: float) -> Backdrop:
    """A still whose lower part is water: mirrored, in waves that run, with glitter."""
    base = plate.still.astype(np.float32)
    height, width = base.shape[:2]
    shore = int(height * rng.uniform(0.15, 0.55))
    low = height - shore
    tint = base[:shore].mean((0, 1)) * 0.5 + np.array([60, 80, 95], np.float32) * 0.5
    if plate.grey:
        tint[:] = tint.mean()
    mirrored = cv2.resize(base[:shore][::-1], (width, low), interpolation=cv2.INTER_LINEAR)
    calm = 0.45 * cv2.GaussianBlur(mirrored, (0, 0), 3) + 0.55 * tint
    y, x = np.mgrid[:low, :width].astype(np.float32)
    near = 0.25 + 0.75 * y / low  # waves grow towards the camera
    waves = []
    for _ in range(5):
        length = rng.uniform(5, 22)
        turn = rng.uniform(-0.5, 0.5)
        phase = 2 * np.pi * (np.sin(turn) * x * 0.5 + np.cos(turn) * y) / (length * near)
        phase += 1.2 * smooth_field(rng, (low, width), length)
        waves.append((np.float32(phase), rng.uniform(0.1, 0.5), rng.uniform(0.5, 1)))
    depth = np.float32(rng.uniform(0.10, 0.3) * reach / 3)
    shine = rng.uniform(60, 150) if rng.random() < 0.6 else 0.0
    soft = np.clip(y / 3, 0, 1)[..., None]

    def at(t: int) -> np.ndarray:
        surface = sum(
            np.float32(share) * np.sin(phase + np.float32(speed * t))
            for phase, speed, share in waves
        )
        surface = surface * (near / 2.5)
        lit = calm * (1 + depth * surface)[..., None]
        if shine:
            lit += (shine * np.clip(surface - 0.75, 0, 1))[..., None]
        picture = base.copy()
        picture[shore:] += soft * (lit - picture[shore:])
        return picture

    return at


def swaying(plate: Plate, rng: np.random.Generator, reach: float, trees: int) -> Backdrop:
    """Whole trees that sway before the sky, or before the still; it shows in between."""
    base = plate.still.astype(np.float32)
    height, width = base.shape[:2]
    grey = bool(base.std(axis=2).mean() < 1)
    if rng.random() < 0.75:
        line = int(height * rng.uniform(0.35, 1.0))
        sky = np.array([rng.uniform(140, 235), rng.uniform(180, 245), rng.uniform(215, 252)])
        sky = sky.mean() * np.ones(3) if grey or rng.random() < 0.3 else sky
        haze = 1 + 0.06 * smooth_field(rng, (line, width), width / 2)[..., None]
        base[:line] = np.clip(sky * haze, 0, 255)
    base = cv2.GaussianBlur(base, (0, 0), 0.6)
    drawn = [_Tree(rng, (height, width), reach, grey) for _ in range(trees)]

    def at(t: int) -> np.ndarray:
        picture = base.copy()
        for tree in drawn:
            tree.paint(picture, t)
        return picture

    return at


class _Tree:
    """A trunk, branches and leaves; the higher, the further it sways."""

    def __init__(self, rng: np.random.Generator, size: Size, reach: float, grey: bool) -> None:
        height, width = size
        alpha = np.zeros(size, np.uint8)
        colour = np.zeros((*size, 3), np.uint8)
        dark = float(rng.uniform(0.15, 1.0))
        green = dark * np.array([rng.uniform(60, 150), rng.uniform(90, 170), rng.uniform(20, 90)])
        green = green.mean() * np.ones(3) if grey else green
        foot = float(rng.uniform(0.0, 1.0)) * width
        low, top = float(rng.uniform(0.75, 1.2)) * height, float(rng.uniform(-0.3, 0.4)) * height
        lean = float(rng.normal(0, 0.08)) * height
        spread, droop = float(rng.uniform(0.15, 0.6)) * height, float(rng.normal(0.1, 0.35))
        leaf, dense = float(rng.uniform(1.0, 3.5)) * height / 240, float(rng.uniform(0.15, 1.0))

        def stroke(one, two, tint, thick: float) -> None:
            ends = [tuple(round(16 * float(v)) for v in point) for point in (one, two)]
            shade = tuple(float(v) for v in np.clip(tint, 0, 255))
            thick = max(1, round(thick))
            cv2.line(alpha, *ends, 255, thick, cv2.LINE_AA, 4)
            cv2.line(colour, *ends, shade, thick + 1, cv2.LINE_8, 4)

        bark = green * rng.uniform(0.4, 0.8)
        stroke((foot, low), (foot + lean, top), bark, rng.uniform(1, 7) * height / 240)
        for _ in range(int(rng.integers(18, 60))):
            up = float(rng.uniform(0.1, 1.0))
            x, y = foot + lean * up, low + (top - low) * up
            side = float(rng.choice([-1, 1]))
            far = spread * (1.15 - up) * float(rng.uniform(0.5, 1.2))
            ex, ey = x + side * far, y + droop * far + float(rng.normal(0, 0.1)) * far
            stroke((x, y), (ex, ey), bark, rng.uniform(0.6, 2.0) * height / 240)
            for _ in range(int(dense * far / leaf)):
                along = float(rng.uniform(0.15, 1.05))
                px = x + along * (ex - x) + float(rng.normal(0, 1.6)) * leaf
                py = y + along * (ey - y) + float(rng.normal(0, 1.6)) * leaf
                tip = rng.normal(0, 1.3, 2) * leaf
                lit = float(rng.uniform(0.5, 1.5))
                stroke((px, py), (px + tip[0], py + tip[1]), green * lit, leaf)
        self.alpha = cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), 0.6)
        self.colour = colour.astype(np.float32)
        rise = np.clip((low - np.arange(height, dtype=np.float32)) / (low - top), 0, 1.2)
        self.lever = (reach * rise ** float(rng.uniform(0.8, 1.8)))[:, None]
        self.speeds, self.phases = rng.uniform(0.08, 0.8, 2), rng.uniform(0, 6.28, 2)
        self.gust = float(rng.uniform(0.005, 0.05)), float(rng.uniform(0, 6.28))
        self.flutter = Sway(rng, size, float(rng.uniform(0.1, 0.5)) * reach, rng.uniform(6, 30))
        self.grid = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)

    def paint(self, picture: np.ndarray, t: int) -> None:
        wave = np.sin(self.speeds * t + self.phases)
        wind = 0.55 + 0.45 * np.sin(self.gust[0] * t + self.gust[1])
        moved = self.grid + self.flutter.at(t)
        moved[..., 0] += self.lever * np.float32(wind * (wave[0] + 0.5 * wave[1]) / 1.5)
        alpha = cv2.remap(self.alpha, moved, None, cv2.INTER_LINEAR)[..., None]
        colour = cv2.remap(self.colour, moved, None, cv2.INTER_LINEAR)
        # Colours are drawn a little wider than what covers: no dark rims.
        picture += alpha * (colour - picture)
