"""Cut-outs and scenes that our own code draws, and scikit-image's sample pictures.

Needs no file beside the repository and scikit-image's wheel. The pictures taken from it are in the
public domain or under CC0: brick, grass and gravel, camera, chelsea, coffee, astronaut, rocket.
"""

import math
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from videos.scenes import cars, paint, people
from videos.scenes.animals import cat

from .cutouts import Cutout
from .plates import Plate, smooth_field

PEOPLE, CARS, ANIMALS, THINGS, HOT, PLAIN = (
    48,
    16,
    12,
    16,
    16,
    40,
)  # drawn once, chosen from ever after
FRAMES = 24  # of a cycle of a gait; as many again show somebody who stands
TALL = 130.0  # pixels of a person
PICTURES = ("brick", "grass", "gravel", "camera", "chelsea", "coffee", "astronaut", "rocket")
DRAWN = 24  # plates of every drawn sort


class FreeSources:
    """Drawn cut-outs and plates, and free pictures.

    Parameters
    ----------
    half : 0 or 1 takes one half of everything, which shares nothing with the other; None all.
    few : so many cut-outs of a sort at most; all take a quarter of a minute to draw, once.
    """

    def __init__(self, half: int | None = None, few: int | None = None) -> None:
        self.half, self.few = half, few
        self.name = f"free{'' if half is None else half}"

    def _mine(self, count: int) -> range:
        return range(count) if self.half is None else range(self.half, count, 2)

    def cutouts(self, sort: str) -> list[Cutout]:
        """Everything of a sort."""
        makers = {
            "person": (_person, PEOPLE),
            "car": (_car, CARS),
            "animal": (_animal, ANIMALS),
            "thing": (_thing, THINGS),
            "hot": (_hot, HOT),
            "plain": (_plain, PLAIN),
        }
        maker, count = makers[sort]
        return [maker(number) for number in list(self._mine(count))[: self.few]]

    def plates(self, sort: str) -> list[str]:
        """Names of empty scenes of a sort; waves are drawn over stills."""
        if sort not in ("still", "thermal"):
            return []
        names = [f"{what}:{n}" for what in ("street", "wall", "patches") for n in self._mine(DRAWN)]
        pictures = PICTURES if self.half is None else PICTURES[self.half :: 2]
        return names + [f"picture:{name}" for name in pictures] * 3

    def plate(self, name: str) -> Plate:
        """The empty scene of that name."""
        return _plate(name)


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Clothes and paint: mostly dull, some white, black or bright."""
    grey = rng.uniform(15, 235)
    strong = rng.choice([0.1, 0.3, 0.8])
    return tuple(float(v) for v in np.clip(grey + strong * rng.uniform(-90, 90, 3), 5, 250))


def _rendered(faces: list, height_metres: float, tall: float):
    """Draw faces seen from the side: colour, alpha, foot in the patch; `tall` pixels high."""
    focal = 2000.0
    depth = focal * height_metres / tall
    size = (int(tall * 1.5) + 20, int(tall * 4) + 20)
    eye = height_metres * 0.7
    camera = paint.Camera(size, focal, eye, size[0] - 12 - eye * focal / depth, (0.0, 0.0))
    moved = [
        paint.Face(face.points + np.array([0, 0, depth]), face.colour, face.low) for face in faces
    ]
    drawn = paint.sprite(paint.seen(moved, camera), size)
    assert drawn is not None
    foot = np.array([size[1] / 2 - drawn.left, size[0] - 12 - drawn.top])
    solid = np.maximum(drawn.alpha, 1e-3)[..., None]
    # paint's colours are premultiplied by how much of the pixel is covered.
    return drawn.colour / solid * 1.0, drawn.alpha, foot


def _textured(rng: np.random.Generator, colour: np.ndarray, weave: np.ndarray) -> np.ndarray:
    """Cloth, dirt and light: a drawn colour gets a texture that moves with it, and a grain."""
    part = cv2.resize(weave, colour.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    return np.clip(colour * part + rng.normal(0, 2.0, colour.shape), 0, 255).astype(np.uint8)


def _cutout(name: str, sort: str, drawn: list, rng: np.random.Generator, **more) -> Cutout:
    strength = float(more.pop("strength", rng.uniform(0.03, 0.2)))
    weave = 1 + strength * smooth_field(rng, (64, 48), float(rng.uniform(1.5, 12)))
    colours, alphas, anchors = [], [], []
    for colour, alpha, foot in drawn:
        soft = cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), 0.6)
        colours.append(_textured(rng, colour.astype(np.float32), weave))
        alphas.append(np.rint(np.clip(soft, 0, 1) * 255).astype(np.uint8))
        anchors.append(foot)
    pace = more.pop("pace", 0.0)
    feet = np.stack([pace * np.arange(len(drawn)), np.zeros(len(drawn))], axis=1)
    return Cutout(name, name, sort, colours, alphas, np.array(anchors), feet, **more)


def _gait(draw, tall_metres: float, tall: float, stride_metres: float, standing: int):
    """Patches of one cycle to the right, then of somebody who stands: patches, pace, cycle."""
    drawn = [
        _rendered(draw(stride_metres * i / FRAMES, 1.0), tall_metres, tall) for i in range(FRAMES)
    ]
    drawn += [
        _rendered(draw(0.05 * math.sin(i / 3.0), 0.0), tall_metres, tall) for i in range(standing)
    ]
    return drawn, stride_metres * tall / tall_metres / FRAMES


@lru_cache(maxsize=PEOPLE)
def _person(number: int) -> Cutout:
    rng = np.random.default_rng([11, number])
    skin = np.array([214, 170, 140]) * rng.uniform(0.35, 1.1)
    look = people.Look(
        height=float(rng.uniform(1.1, 1.95)), build=float(rng.uniform(0.85, 1.5)),
        skin=tuple(np.clip(skin, 0, 250)), hair=_colour(rng), top=_colour(rng),
        legs=_colour(rng), shoes=_colour(rng),
        coat=float(rng.uniform(0.1, 0.45)) if rng.random() < 0.35 else 0.0,
        skirt=_colour(rng) if rng.random() < 0.2 else None,
        bag=_colour(rng) if rng.random() < 0.3 else None,
        pack=_colour(rng) if rng.random() < 0.3 else None,
        long_hair=bool(rng.random() < 0.4), hat=_colour(rng) if rng.random() < 0.25 else None,
    )  # fmt: skip

    def draw(walked: float, vigour: float) -> list:
        return people.person(look, 0.0, 0.0, 1, walked, vigour)

    drawn, pace = _gait(draw, look.height, TALL, people.CYCLE * look.height, 10)
    made = _cutout(f"drawn_person_{number}", "person", drawn, rng, pace=pace, cycle=(0, FRAMES))
    made.feet[FRAMES:] = made.feet[FRAMES - 1]
    return made


@lru_cache(maxsize=CARS)
def _car(number: int) -> Cutout:
    rng = np.random.default_rng([12, number])
    models = [value for value in vars(cars).values() if isinstance(value, cars.Model)]
    model, colour = models[int(rng.integers(len(models)))], _colour(rng)
    cyclist = number % 4 == 3
    look = people.Look(top=_colour(rng), legs=_colour(rng))
    camera = paint.Camera((400, 1200), 2000.0, 1.5, 200.0, (0.3, 0.2))

    def draw(walked: float, vigour: float) -> list:
        if cyclist:
            return cars.cyclist(look, colour, walked, 0.0, 1)
        return cars.car(model, colour, walked, 0.0, 1, camera)

    tall, high = (1.75, 110.0) if cyclist else (1.45, 80.0)
    drawn = []
    for i in range(8):
        walked = 0.18 * i
        faces = [paint.Face(f.points - (walked, 0, 0), f.colour, f.low) for f in draw(walked, 1.0)]
        drawn.append(_rendered(faces, tall, high))
    return _cutout(f"drawn_car_{number}", "car", drawn, rng, pace=0.18 * high / tall, cycle=(0, 8))


@lru_cache(maxsize=ANIMALS)
def _animal(number: int) -> Cutout:
    rng = np.random.default_rng([13, number])
    fur = _colour(rng)

    def draw(walked: float, vigour: float) -> list:
        faces = cat(fur, walked, 0.0, 1, walked)
        return [paint.Face(f.points - (walked, 0, 0), f.colour, f.low) for f in faces]

    drawn, pace = _gait(draw, 0.4, 60.0, 0.5, 0)
    return _cutout(f"drawn_animal_{number}", "animal", drawn, rng, pace=pace, cycle=(0, FRAMES))


@lru_cache(maxsize=THINGS)
def _thing(number: int) -> Cutout:
    """A bag, a box, a ball, a boat: one patch of a few smooth outlines."""
    rng = np.random.default_rng([14, number])
    high, wide = 70, int(70 * rng.uniform(0.7, 2.2))
    base = np.zeros((high + 8, wide + 8, 4), np.uint8)
    outlines = [np.array([[0, 0.3], [0.1, 0], [0.9, 0], [1, 0.3], [1, 1], [0, 1]])]
    if number % 4 == 1:
        outlines = [paint.disc(np.array([0.5, 0.5]), (0.5, 0.5))]
    elif number % 4 == 2:
        outlines = [np.array([[0.0, 0.6], [1, 0.6], [0.85, 1], [0.15, 1]]),
                    np.array([[0.35, 0.6], [0.35, 0.25], [0.7, 0.25], [0.75, 0.6]])]  # fmt: skip
    outlines.append(np.array([[0.2, 0.45], [0.8, 0.45], [0.8, 0.8], [0.2, 0.8]]))
    for outline in outlines:
        points = (paint.smooth(outline, 1) * (wide, high) + 4) * 16
        colour = (*_colour(rng), 255.0)
        cv2.fillPoly(base, [np.rint(points).astype(np.int32)], colour, cv2.LINE_AA, 4)
    alpha = base[..., 3] / 255.0
    colour = base[..., :3].astype(np.float32)
    filled = cv2.inpaint(base[..., :3], (alpha < 0.99).astype(np.uint8), 2, cv2.INPAINT_TELEA)
    colour = np.where((alpha < 0.99)[..., None], filled, colour)
    drawn = [(colour, alpha, np.array([wide / 2 + 4, high + 4.0]))]
    return _cutout(f"drawn_thing_{number}", "thing", drawn, rng)


@lru_cache(maxsize=HOT)
def _hot(number: int) -> Cutout:
    """A drawn person as a camera of heat sees one: bright, brightest where the skin is bare."""
    body = _person((number * 7) % PEOPLE)
    rng = np.random.default_rng([15, number])
    warm, spread = rng.uniform(140, 220), rng.uniform(0.1, 0.4)
    colours = [
        np.clip(warm + spread * (colour.mean(2, keepdims=True) - 110), 0, 255)
        .repeat(3, 2)
        .astype(np.uint8)
        for colour in body.colours
    ]
    return Cutout(f"drawn_hot_{number}", f"drawn_hot_{number}", "hot", colours, body.alphas,
                  body.anchors, body.feet, grey=True, cycle=body.cycle)  # fmt: skip


@lru_cache(maxsize=PLAIN)
def _plain(number: int) -> Cutout:
    """Something of one colour, black or white more often than not, that changes its outline."""
    rng = np.random.default_rng([17, number])
    tall, long = 110.0, float(rng.uniform(0.8, 2.6))
    dark, bright = rng.uniform(4, 45), rng.uniform(205, 250)
    grey = rng.choice([dark, bright, rng.uniform(4, 250)], p=[0.45, 0.2, 0.35])
    paint_ = np.clip(grey + rng.choice([0.0, 1.0]) * rng.uniform(-25, 25, 3), 2, 252)
    corner = float(rng.choice([2.0, 2.0, 5.0]))  # an ellipse, or nearly a box
    lobes = rng.uniform(0, 0.09, 4) * (corner == 2.0), rng.uniform(0, 6.3, 4), rng.integers(1, 3, 4)
    size = int(tall * 1.5), int(tall * long * 1.4) + 4
    angle = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    light = 1 + float(rng.uniform(0, 0.12)) * smooth_field(rng, size, 60)[..., None]
    drawn = []
    for i in range(FRAMES):
        radius = (np.abs(np.cos(angle)) ** corner + np.abs(np.sin(angle)) ** corner) ** (
            -1 / corner
        )
        for k in range(4):
            turn = lobes[1][k] + 2 * np.pi * lobes[2][k] * i / FRAMES
            radius = radius * (1 + lobes[0][k] * np.sin((k + 2) * angle + turn))
        x = size[1] / 2 + 0.5 * tall * long * radius * np.cos(angle)
        y = size[0] / 2 + 0.5 * tall * radius * np.sin(angle)
        alpha = np.zeros(size, np.uint8)
        outline = np.rint(np.stack([x, y], 1) * 16).astype(np.int32)
        cv2.fillPoly(alpha, [outline], 255, cv2.LINE_AA, 4)
        foot = np.array([size[1] / 2, size[0] / 2 + tall / 2])
        drawn.append((np.float32(paint_) * light, alpha / 255.0, foot))
    return _cutout(f"drawn_plain_{number}", "plain", drawn, rng, pace=3.3, cycle=(0, FRAMES),
                   strength=0.015)  # fmt: skip


@lru_cache(maxsize=48)
def _plate(name: str) -> Plate:
    what, _, which = name.partition(":")
    if what == "picture":
        still = _picture(which)
    else:
        makers = {"street": _street, "wall": _wall, "patches": _patches}
        still = makers[what](np.random.default_rng([16, len(what), int(which)]))
    ground = {"street": 0.55, "wall": 0.7}.get(what, 0.5)
    return Plate(f"free_{name}", f"free_{name}", still, frozenset({"still"}), ground=ground)


def _picture(name: str) -> np.ndarray:
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    found = next(folder.glob(f"{name}.*"))
    image = cv2.imread(str(found), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[..., ::-1])


def _ground(rng: np.random.Generator, size: tuple[int, int], base, rough: float) -> np.ndarray:
    """Asphalt, grass or plaster: a colour with spots of all sizes, (H, W, 3) float32."""
    plane = sum(
        amount * smooth_field(rng, size, grain)
        for grain, amount in ((1.2, 0.5), (4, 0.35), (18, 0.35), (90, 0.6))
    )
    tint = smooth_field(rng, size, 60)[..., None] * rng.normal(0, 2.5, 3)
    return np.float32(base) + rough * np.float32(plane)[..., None] + np.float32(tint)


def _street(rng: np.random.Generator) -> np.ndarray:
    """A road, a pavement, a wall with windows and doors, posts, hedges: (480, 640, 3)."""
    height, width = 480, 640
    picture = _ground(rng, (height, width), rng.uniform(80, 170, 1) + rng.normal(0, 8, 3),
                      rng.uniform(4, 14))  # fmt: skip
    line = int(height * rng.uniform(0.3, 0.55))
    wall = _ground(rng, (line, width), np.array(_colour(rng)), rng.uniform(2, 9))
    picture[:line] = wall
    step = int(rng.integers(50, 140))
    for left in range(int(rng.integers(0, 40)), width, step):
        _slab(picture, rng, left, int(line * 0.2), int(step * 0.55), int(line * 0.5), _colour(rng))
    kerb = int(height * rng.uniform(0.62, 0.8))
    picture[kerb : kerb + 5] += 45
    picture[kerb + 5 :] = _ground(rng, (height - kerb - 5, width), rng.uniform(50, 110, 1),
                                  rng.uniform(3, 9))  # fmt: skip
    dash = int(rng.integers(30, 80))
    row = min(height - 8, kerb + int(0.5 * (height - kerb)))
    for left in range(0, width, 2 * dash):
        picture[row : row + 4, left : left + dash] += 80
    for _ in range(int(rng.integers(0, 5))):
        left, wide = int(rng.integers(width)), int(rng.integers(6, 90))
        tall = int(rng.integers(40, 200))
        _slab(picture, rng, left, max(0, line + 20 - tall), wide, tall, _colour(rng))
    return _finished(picture, rng)


def _wall(rng: np.random.Generator) -> np.ndarray:
    """A room: wall, floor, shelves and boards with small contrasts and strong ones."""
    height, width = 480, 640
    picture = _ground(rng, (height, width), np.array(_colour(rng)), rng.uniform(1, 5))
    floor = int(height * rng.uniform(0.6, 0.85))
    picture[floor:] = _ground(rng, (height - floor, width), np.array(_colour(rng)),
                              rng.uniform(2, 10))  # fmt: skip
    for _ in range(int(rng.integers(4, 22))):
        wide, tall = int(rng.integers(8, 190)), int(rng.integers(8, 220))
        left, top = int(rng.integers(-20, width)), int(rng.integers(-20, floor))
        _slab(picture, rng, left, top, wide, min(tall, floor + 40 - top), _colour(rng))
    lamp = smooth_field(rng, (height, width), 260)[..., None]
    return _finished(picture * (1 + 0.12 * lamp), rng)


def _patches(rng: np.random.Generator) -> np.ndarray:
    """Foliage, stones, anything: patches of patches, with strong small contrasts."""
    height, width = 480, 640
    picture = _ground(rng, (height, width), np.array(_colour(rng)), rng.uniform(5, 30))
    for _ in range(int(rng.integers(1, 5))):
        other = _ground(rng, (height, width), np.array(_colour(rng)), rng.uniform(5, 45))
        plane = smooth_field(rng, (height, width), float(rng.choice([6, 14, 60, 150])))
        share = np.clip(3 * (plane - rng.uniform(-0.6, 0.8)), 0, 1)[..., None]
        picture += share * (other - picture)
    return _finished(picture, rng)


def _slab(picture: np.ndarray, rng, left: int, top: int, wide: int, tall: int, colour) -> None:
    """A flat thing with a lit edge and a dark one, textured a little."""
    part = picture[max(0, top) : max(0, top + tall), max(0, left) : max(0, left + wide)]
    if min(part.shape[:2]) < 4:
        return
    part[:] = _ground(rng, part.shape[:2], np.array(colour), rng.uniform(1, 8))
    part[:2] += 25
    part[-2:] -= 25
    part[:, :1] += 15
    part[:, -1:] -= 15


def _finished(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 1.1)))
    return np.clip(soft, 0, 255).astype(np.uint8)
