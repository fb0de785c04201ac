"""What light does: shadows that keep the texture, clouds, switches, bands of the mains, fog."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .actors import Patch
from .plates import smooth_field

SHADOW = 50
THIN = 0.03  # less shadow than this changes nothing

Light = Callable[[np.ndarray, int], None]
"""Changes a picture (H, W, 3) float32 of frame t in place."""


def dark(gain: float, black: float) -> Light:
    """Little light, and a sensor whose black is not black."""

    def change(picture: np.ndarray, t: int) -> None:
        picture *= gain
        picture += black

    return change


@dataclass(frozen=True)
class Sun:
    """Where shadows fall, and how dark.

    Attributes
    ----------
    along, up : where the shadow of a point one pixel above the foot falls, pixels right and up.
    gain : light that is left in it, for R, G and B.
    soft : width of its edge, pixels.
    contact : how dark it is right below a thing, of a shadow's darkness; may be above 1.
    """

    along: float
    up: float
    gain: np.ndarray
    soft: float
    contact: float = 0.0

    def cast(self, shade: np.ndarray, patch: Patch) -> None:
        """Add the shadow of a patch to how much of the light is taken, (H, W) float32."""
        high, wide = patch.alpha.shape
        foot_x, foot_y = patch.foot[0] - patch.left, patch.foot[1] - patch.top
        edge = int(3 * self.soft + 2)
        corners = np.array([[0, 0], [wide, 0], [0, high], [wide, high]], float)
        above = foot_y - corners[:, 1]
        x = patch.foot[0] + corners[:, 0] - foot_x + self.along * above
        y = patch.foot[1] - self.up * above
        left, top = int(np.floor(x.min())) - edge, int(np.floor(y.min())) - edge
        right, bottom = int(np.ceil(x.max())) + edge, int(np.ceil(y.max())) + edge
        move = np.array(
            [
                [1, -self.along, patch.left + self.along * foot_y - left],
                [0, self.up, patch.foot[1] - self.up * foot_y - top],
            ],
            np.float32,
        )
        size = right - left, bottom - top
        if min(size) < 1 or max(size) > 4000:
            return
        cast = cv2.warpAffine(patch.alpha, move, size)
        cast = cv2.GaussianBlur(cast, (0, 0), self.soft)
        if self.contact > 0:
            foot = int(patch.foot[0] - left), int(patch.foot[1] - top)
            half = int(np.count_nonzero(patch.alpha[int(0.7 * high) :].max(0, initial=0) > 0.5) / 2)
            below = np.zeros_like(cast)
            reach = max(1, half + 1), max(1, int(0.22 * half) + 1)
            cv2.ellipse(below, foot, reach, 0, 0, 360, self.contact, -1)
            below = cv2.GaussianBlur(below, (0, 0), 0.7 * self.soft)
            np.maximum(cast, below, out=cast)
        height, width = shade.shape
        rows = slice(max(0, top), min(height, bottom))
        columns = slice(max(0, left), min(width, right))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        own = cast[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        np.maximum(shade[rows, columns], own, out=shade[rows, columns])


def draw_sun(rng: np.random.Generator, gain: tuple[float, float] = (0.4, 0.9)) -> Sun:
    """Draw a sun: shadows lie to a side, before or behind; what is left of the light is bluish."""
    left = float(rng.uniform(*gain))
    tint = np.array([left - 0.02, left, min(1.0, left + 0.03)], np.float32)
    up = float(rng.uniform(0.08, 0.4)) * (1 if rng.random() < 0.6 else -1)
    sun = Sun(float(rng.uniform(-0.9, 0.9)), up, tint, float(rng.uniform(0.8, 2.5)))
    if rng.random() < 0.5:
        return sun
    darkest = 0.94 / (1 - left)  # some of the light is left anywhere
    return replace(sun, contact=min(darkest, float(rng.uniform(0.5, 3.0))))


def shadowed(picture: np.ndarray, truth: np.ndarray, shade: np.ndarray, gain: np.ndarray) -> None:
    """Take the light away where `shade` says so, and write 50 into truth."""
    shade[shade < THIN] = 0
    # What is darker than the sun's own shadow has no more of its tint.
    mean = np.float32(gain.mean())
    tint = np.minimum(shade, 1)[..., None] * (gain - mean)
    picture *= np.maximum(1 - shade[..., None] * (1 - mean) + tint, 0)
    truth[shade > 0] = SHADOW


def bands(rng: np.random.Generator, height: int, depth: float) -> Light:
    """Rows that are lit in turn, as a rolling shutter sees mains light."""
    count = float(rng.uniform(0.6, 4))  # waves in a picture
    roll = float(rng.uniform(0.02, 0.9)) * float(rng.choice([-1, 1]))  # radians a frame
    start = float(rng.uniform(0, 6.28))
    square = rng.random() < 0.25
    rows = 2 * np.pi * count * np.arange(height) / height

    def at(picture: np.ndarray, t: int) -> None:
        wave = np.sin(rows + start + roll * t)
        if square:
            wave = np.tanh(2.5 * wave)
        picture *= (1 + depth * wave).astype(np.float32)[:, None, None]

    return at


def clouds(rng: np.random.Generator, size: tuple[int, int], depth: float) -> Light:
    """Patches of less light that drift over the picture."""
    height, width = size
    large = smooth_field(rng, (height * 2, width * 3), rng.uniform(0.4, 1.2) * width)
    dark = np.clip(0.5 + 0.7 * large, 0, 1)
    speed = float(rng.uniform(0.4, 3.0))
    row = int(rng.integers(height))
    period = 2 * (2 * width - 1)

    def at(picture: np.ndarray, t: int) -> None:
        place = speed * t % period
        place = place if place < period / 2 else period - place
        move = np.array([[1, 0, -place], [0, 1, -row]], np.float32)
        part = cv2.warpAffine(dark, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
        picture *= 1 - depth * part[..., None]

    return at


def steps(
    rng: np.random.Generator, length: int, depth: float, count: int, quick: bool
) -> tuple[Light, list[int]]:
    """Light that is switched, or that a camera's exposure follows; returns when, too."""
    times = np.sort(rng.integers(min(60, length // 3), length - 20, count)).tolist()
    level, curve = 1.0, np.ones(length, np.float32)
    tint = np.ones((length, 3), np.float32)
    for at in times:
        target = float(np.clip(rng.uniform(1 - depth, 1 + 0.5 * depth), 0.3, 1.35))
        lasts = int(rng.integers(1, 4)) if quick else int(rng.integers(10, 80))
        ramp = np.clip((np.arange(length) - at) / lasts, 0, 1)
        curve = curve + ((target - level) * ramp).astype(np.float32)
        level = target
        warm = rng.normal(0, 0.04, 3).astype(np.float32)
        tint = tint + np.float32(ramp)[:, None] * warm
    offset = float(rng.uniform(0, 6))

    def at_frame(picture: np.ndarray, t: int) -> None:
        picture *= curve[t] * tint[t]
        picture += offset * (1 - curve[t])

    return at_frame, [int(t) for t in times]


def drift(rng: np.random.Generator, depth: float) -> Light:
    """A gain that goes slowly up and down."""
    speed, start = float(rng.uniform(0.005, 0.04)), float(rng.uniform(0, 6))

    def at(picture: np.ndarray, t: int) -> None:
        picture *= np.float32(1 + depth * (np.sin(start + speed * t) - np.sin(start)))

    return at


def fog(rng: np.random.Generator, size: tuple[int, int], clear: float) -> Light:
    """A veil: contrast falls to `clear`, less where the picture is near."""
    height, width = size
    up = 1 - np.arange(height, dtype=np.float32)[:, None] / height
    veil = clear * (1 - 0.35 * up) * (1 + 0.06 * smooth_field(rng, size, width / 2))
    veil = veil[..., None].astype(np.float32)
    grey = np.float32(rng.uniform(120, 200)) + rng.normal(0, 3, 3).astype(np.float32)

    def at(picture: np.ndarray, t: int) -> None:
        picture -= grey
        picture *= veil
        picture += grey

    return at
