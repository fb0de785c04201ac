"""Who walks where: a cut-out that is played along a way through the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from .cutouts import FAINT, SOLID, Cutout

NOT_SCORED, MOVING = 170, 255
SPEED = {"person": 0.03, "car": 0.16, "animal": 0.04, "thing": 0.02, "hot": 0.03, "plain": 0.03}
"""Heights a frame at 25 a second: a walk, a car in town."""
LARGEST = 1.3  # times a cut-out may be blown up


@dataclass(frozen=True)
class Patch:
    """A piece of picture on its way into one: colour (h, w, 3) and alpha (h, w) float32, corner."""

    colour: np.ndarray
    alpha: np.ndarray
    left: int
    top: int
    foot: tuple[float, float]


@dataclass
class Actor:
    """One thing on its way; arrays are by frame.

    Attributes
    ----------
    cutout : what is played.
    scale, flipped : pixels of the scene for one of the cut-out; turned to the other side.
    x, y : where the foot is, pixels; NaN while it is not in the scene.
    frame : which patch of the cut-out is seen.
    label : what truth says of it: 255, or 170 while nobody can know that it is no background.
    recolour : gain (3,) and offset (3,) of its colours.
    stands : frames [first, last) for which it stands still.
    """

    cutout: Cutout
    scale: float
    flipped: bool
    x: np.ndarray
    y: np.ndarray
    frame: np.ndarray
    label: np.ndarray
    recolour: tuple[np.ndarray, np.ndarray] | None = None
    stands: list[tuple[int, int]] | None = None

    def __post_init__(self) -> None:
        self._ready: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def patch(self, t: int) -> Patch | None:
        """The piece of picture at frame t, None when it is not there."""
        if not np.isfinite(self.x[t]):
            return None
        colour, alpha, anchor = self._prepared(int(self.frame[t]))
        left, top = self.x[t] - anchor[0], self.y[t] - anchor[1]
        whole = int(np.floor(left)), int(np.floor(top))
        move = np.array([[1, 0, left - whole[0]], [0, 1, top - whole[1]]], np.float32)
        size = (alpha.shape[1] + 1, alpha.shape[0] + 1)
        alpha = cv2.warpAffine(alpha, move, size)
        colour = cv2.warpAffine(colour, move, size, borderMode=cv2.BORDER_REPLICATE)
        alpha[alpha <= FAINT / 255] = 0
        return Patch(colour, alpha, *whole, (float(self.x[t]), float(self.y[t])))

    def _prepared(self, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if i not in self._ready:
            colour, alpha = self.cutout.colours[i], self.cutout.alphas[i]
            anchor = self.cutout.anchors[i] * self.scale
            size = tuple(max(2, round(n * self.scale)) for n in alpha.shape[::-1])
            way = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
            alpha = cv2.resize(alpha, size, interpolation=way).astype(np.float32) / 255
            colour = cv2.resize(colour, size, interpolation=way).astype(np.float32)
            if self.recolour is not None:
                gain, offset = self.recolour
                colour = np.clip(colour * gain + offset, 0, 255).astype(np.float32)
            if self.flipped:
                alpha, colour = alpha[:, ::-1].copy(), colour[:, ::-1].copy()
                anchor = np.array([size[0] - anchor[0], anchor[1]])
            # A border of nothing, so that a shift by part of a pixel has somewhere to go.
            alpha = cv2.copyMakeBorder(alpha, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
            colour = cv2.copyMakeBorder(colour, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
            if self.cutout.cut:  # its lower end lies on the border of the picture, and below
                alpha[-2:] = alpha[-3]
            self._ready[i] = (colour, alpha, anchor + 1)
        return self._ready[i]


def lay(picture: np.ndarray, truth: np.ndarray, patch: Patch, label: int) -> None:
    """Lay a patch over a picture (H, W, 3) float32, and write its truth (H, W) uint8."""
    height, width = truth.shape
    high, wide = patch.alpha.shape
    top, left = max(0, patch.top), max(0, patch.left)
    bottom, right = min(height, patch.top + high), min(width, patch.left + wide)
    if top >= bottom or left >= right:
        return
    own = slice(top - patch.top, bottom - patch.top), slice(left - patch.left, right - patch.left)
    there = slice(top, bottom), slice(left, right)
    alpha = patch.alpha[own]
    part = picture[there]
    part += alpha[..., None] * (patch.colour[own] - part)
    marks = truth[there]
    edge = (alpha > 0) & (alpha < SOLID / 255) & (marks != MOVING)
    marks[edge] = NOT_SCORED
    marks[alpha >= SOLID / 255] = label


Stop = tuple[float, int]
"""Where along the way, as a share of the picture's width, and for how many frames."""


def walk(
    rng: np.random.Generator,
    cutout: Cutout,
    size: tuple[int, int],
    length: int,
    tall: float,
    *,
    row: float,
    begin: int,
    stops: list[Stop] = (),
    back: bool = False,
    pace: float = 1.0,
    inside: bool = False,
    way: int = 0,
    stay: bool = False,
) -> Actor:
    """Send a cut-out across the picture.

    tall : its height, pixels. row : where its foot is, pixels. begin : its first frame; before it
    it is not there (`inside`: it stands at the first stop in frame `begin` already). stops : where
    it stands, and how long. back : it turns at the last stop. pace : 1 walks, 2.5 runs. way : 1 to
    the right, -1 to the left, 0 as it comes. stay : it does not leave its last stop.
    """
    height, width = size
    scale = tall / cutout.height
    way = way or int(rng.choice([-1, 1]))
    half = 0.5 * scale * max(alpha.shape[1] for alpha in cutout.alphas) + 4
    speed = pace * SPEED[cutout.sort] * tall * rng.uniform(0.8, 1.25)
    first, last = (-half, width + half) if way > 0 else (width + half, -half)
    places = [(share * width, frames) for share, frames in stops]
    if inside and places:
        first = places[0][0]
    targets = [*places, ((-half if first < 0 else first) if back else last, 0)]
    if back and inside:
        targets[-1] = (-half if rng.random() < 0.5 else width + half, 0)
    x = np.full(length, np.nan)
    still = np.zeros(length, bool)
    stands: list[tuple[int, int]] = []
    t, place = begin, first
    for number, (target, frames) in enumerate(targets):
        if stay and number == len(targets) - 1:
            x[max(t, 0) :] = place
            still[max(t, 0) :] = True
            if t < length:
                stands.append((max(t, 0), length))
            break
        steps = max(1, int(np.ceil(abs(target - place) / speed)))
        if abs(target - place) < 1e-6:
            steps = 0
        for k in range(steps):
            if 0 <= t < length:
                x[t] = place + (target - place) * (k + 1) / steps
            t += 1
        place = target
        if frames:
            a, b = max(0, t), min(length, t + frames)
            if a < b:
                x[a:b] = place
                still[a:b] = True
                stands.append((a, b))
            t += frames
    drift = rng.normal(0, 0.02) * height * (np.arange(length) - begin) / max(200, length)
    y = row + (0 if cutout.cut else drift)
    moved = np.diff(np.nan_to_num(x, nan=0.0), prepend=np.nan_to_num(x[:1]))
    moved[~np.isfinite(x) | (np.abs(moved) > 3 * speed)] = 0
    frame = _played(rng, cutout, moved, still, scale)
    x = x + _swaying(rng, length, tall) * still
    heading = way if not back else np.sign(moved[np.abs(moved) > 0][:1].sum() or way)
    flipped = bool(heading * cutout.facing < 0) if cutout.facing else bool(rng.random() < 0.5)
    return Actor(
        cutout, scale, flipped, x, np.broadcast_to(y, (length,)).astype(float), frame,
        np.full(length, MOVING, np.uint8), stands=stands,
    )  # fmt: skip


def _swaying(rng: np.random.Generator, length: int, tall: float) -> np.ndarray:
    """Nobody stands quite still: pixels, a hundredth of the height at most."""
    t = np.arange(length)
    reach = min(1.0, 0.008 * tall) * rng.uniform(0.2, 1.0)
    return reach * np.sin(t * rng.uniform(0.02, 0.08) + rng.uniform(0, 6)) * np.sin(t * 0.013)


def _played(
    rng: np.random.Generator,
    cutout: Cutout,
    moved: np.ndarray,
    still: np.ndarray,
    scale: float,
) -> np.ndarray:
    """Which patch is seen: limbs follow what was walked; who stands plays what stood."""
    first, last = cutout.loop
    count = max(1, last - first)
    own = float(np.hypot(*cutout.pace[first:last].T).mean()) * scale if len(cutout) > 2 else 0.0
    # Clips differ in rate and in how honest their motion is: a cycle is at least 12 frames.
    per_pixel = 1.0 / own if own > 0.004 * cutout.height * scale else 0.0
    steps = np.minimum(np.abs(moved) * per_pixel, count / 12) if per_pixel else np.ones(len(moved))
    phase = np.cumsum(steps) + int(rng.integers(count))
    frame = first + phase.astype(int) % count
    if cutout.standing is not None:
        a, b = cutout.standing
        period = max(1, 2 * (b - a) - 2)
        place = (np.arange(len(moved)) + int(rng.integers(period))) % period
        standing = a + np.where(place < b - a, place, period - place)
    else:
        # Legs together: the narrowest patch, and its neighbours now and then.
        narrow = first + int(np.argmin([a.shape[1] for a in cutout.alphas[first:last]] or [0]))
        choice = np.repeat(rng.integers(-1, 2, len(moved) // 25 + 1), 25)[: len(moved)]
        standing = np.clip(narrow + choice, 0, len(cutout) - 1)
    return np.where(still, standing, np.clip(frame, 0, len(cutout) - 1))


def lying(
    rng: np.random.Generator, thing: Cutout, size: tuple[int, int], length: int, tall: float,
    row: float, place: float,
) -> Actor:  # fmt: skip
    """A thing on the ground at a share of the width, and `appear` says when it is there."""
    actor = walk(rng, thing, size, length, min(tall, LARGEST * thing.height), row=row, begin=0,
                 stops=[(place, length)], inside=True)  # fmt: skip
    actor.x[:] = np.nan
    actor.y[:] = row
    return actor


def appear(rng: np.random.Generator, actor: Actor, thing: Cutout, x: float, span: slice) -> Actor:
    """Let what lies be there at x in some frames, all alike; nobody scores what always was."""
    actor.x[span] = x
    actor.frame[:] = int(rng.integers(len(thing)))
    if span.start == 0:
        actor.label[:] = 170
    return actor


def replay(
    rng: np.random.Generator,
    cutout: Cutout,
    size: tuple[int, int],
    length: int,
    tall: float,
    *,
    begin: int,
    middle: tuple[float, float],
    ground: float = 0.42,
) -> Actor:
    """Let a cut-out go the way it went, half of it by the time it is at `middle` (x, y)."""
    height, width = size
    scale = tall / cutout.height
    flipped = bool(rng.random() < 0.5)
    feet = cutout.feet * scale
    if flipped:
        feet = feet * (-1, 1)
    feet = feet + (np.array(middle) - feet[len(feet) // 2])
    # Nothing rides through the sky: the way is laid lower where it began too high.
    feet[:, 1] += max(0.0, ground * height - float(feet[:, 1].min()))
    count = len(feet)
    x, y = np.full(length, np.nan), np.full(length, np.nan)
    frame = np.zeros(length, int)
    ends = max(2, min(8, count - 1))
    out = feet[-1] - feet[-1 - ends]
    into = feet[ends] - feet[0]
    slow = 0.01 * tall
    for pace, base, away in ((out / ends, feet[-1], 1), (into / ends, feet[0], -1)):
        if np.hypot(*pace) < slow:  # it stood at the end: it leaves to the side
            pace = np.array([slow * 3 * (1 if base[0] > width / 2 else -1) * away, 0.0])
        for k in range(1, 600):
            t = begin + (count - 1 + k if away > 0 else -k)
            place = base + away * pace * k
            if not (-tall * 2 < place[0] < width + tall * 2 and -5 < place[1] < height + tall):
                break
            if 0 <= t < length:
                x[t], y[t] = place
                frame[t] = count - 1 if away > 0 else 0
    for k in range(count):
        if 0 <= begin + k < length:
            (x[begin + k], y[begin + k]), frame[begin + k] = feet[k], k
    return Actor(cutout, scale, flipped, x, y, frame, np.full(length, MOVING, np.uint8), stands=[])
