"""A laboratory in the evening: somebody switches the light off and on, a screen flickers."""

from functools import cached_property

import cv2
import numpy as np

from .animals import cat
from .paint import (
    Camera,
    Canvas,
    Colour,
    Face,
    clouds,
    disc,
    expose,
    relief,
    seen,
    shadow,
    smooth,
    sprite,
    tone,
    upright,
    vignette,
)
from .people import Look, Walk
from .plants import Foliage

CAMERA = Camera(size=(360, 640), focal=560.0, height=1.9, horizon=128.0, sun=(0.1, 0.09))
RATE = 25
WALL = 6.6  # metres from the camera
OFF, ON = 4.6, 6.8  # seconds at which the light goes out and comes back
LAMPS = ((-1.7, 2.42), (1.5, 2.42))  # x and y, metres

SCIENTIST = Look(1.72, 0.95, (206, 158, 126), (48, 30, 24), (232, 234, 236), (62, 70, 96),
                 coat=0.42, long_hair=True)  # fmt: skip
STUDENT = Look(1.8, 1.05, (128, 88, 62), (24, 20, 20), (196, 92, 52), (58, 64, 82),
               pack=(48, 78, 86))  # fmt: skip
VISITOR = Look(1.66, 1.05, top=(74, 120, 112), legs=(70, 60, 56), hair=(168, 120, 60))
WALKS = {
    1: Walk(SCIENTIST, 5.3, -4.1, 1.15, since=1.0, pause=(3.7, 5.2)),
    2: Walk(STUDENT, 5.0, 4.0, -1.2, since=2.2),
    3: Walk(VISITOR, 5.6, -4.2, 1.05, since=4.3),
}
CAT = (4, 4.9, 4.2, 2.6, -0.95)  # number, metres away, start, since, metres a second


class Room:
    """Nine seconds of a laboratory; `frame(t)` depends on nothing but t."""

    name = "room"
    size = CAMERA.size
    rate = RATE
    length = 225

    def frame(self, t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) RGB uint8, the truth (H, W) uint8 and the ids uint16."""
        second = t / RATE
        level = lamps(second)
        canvas = Canvas(self._plate)
        objects = self._objects(second)
        taken = np.zeros(self.size, np.float32)
        for _, _, faces in objects:
            taken = np.maximum(taken, shadow(faces, CAMERA, 5.0))
        canvas.darken((0.12 + 0.4 * level) * taken * self._floor)
        for ident, _, faces in sorted(objects, key=lambda entry: -entry[1]):
            patch = sprite(seen(faces, CAMERA), self.size)
            if patch is not None:
                canvas.paint(relief(patch, 0.2, 3.0, (0.2, -0.9)), ident)

        flicker = (
            1 + 0.1 * np.sin(2 * np.pi * 9.7 * second) + 0.08 * np.sin(2 * np.pi * 2.3 * second)
        )
        warm, cool, screen = self._light
        drift = 1 + 0.04 * np.sin(0.5 * second)
        light = level * drift * warm + cool + flicker * screen
        picture = canvas.picture * light
        shown = self._shown(second, flicker, level)
        picture += shown * canvas.glow[..., None]
        picture *= self._lens
        return expose(picture, (502, t), read=2.6, shot=0.045), *canvas.truth()

    def _objects(self, second: float) -> list[tuple[int, float, list[Face]]]:
        found = [
            (ident, walk.z, walk.faces(second))
            for ident, walk in WALKS.items()
            if second >= walk.since
        ]
        ident, z, start, since, speed = CAT
        if second >= since:
            x = start + speed * (second - since)
            found.append((ident, z, cat((150, 96, 52), x, z, -1, abs(x - start))))
        return found

    # Light and what gives it.

    @cached_property
    def _lens(self) -> np.ndarray:
        return vignette(self.size, 0.3)

    @cached_property
    def _light(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Light of the lamps, the night and the screen, (H, W, 3) each."""
        y, x = np.mgrid[: self.size[0], : self.size[1]].astype(np.float32)
        warm = 0.34 * np.ones(self.size, np.float32)
        for lamp in LAMPS:
            column, row = CAMERA.project([(*lamp, WALL - 1.2)])[0]
            away = np.hypot((x - column) / 210, (y - row - 60) / 170)
            warm += 0.62 * np.exp(-(away**2))
        night = 0.17 + 0.16 * np.exp(-(np.hypot((x - 330) / 170, (y - 190) / 150) ** 2))
        screen = 0.3 * np.exp(-(np.hypot((x - 540) / 110, (y - 215) / 90) ** 2))
        return (
            warm[..., None] * np.float32([1.06, 0.98, 0.84]),
            night[..., None] * np.float32([0.62, 0.8, 1.25]),
            screen[..., None] * np.float32([0.5, 0.9, 1.1]),
        )

    def _shown(self, second: float, flicker: float, level: float) -> np.ndarray:
        """What shines by itself: the lamps, the night outside, the picture on the screen."""
        shown = 0.9 * self._night + level * self._bulbs
        x0, y0, x1, y1 = self._screen
        height, width = y1 - y0, x1 - x0
        u = np.arange(width) / width
        picture = np.zeros((height, width, 3), np.float32)
        picture += np.float32([8, 22, 34])
        rows = np.arange(height)[:, None]
        for colour, speed, ripple, base in (
            ((90, 230, 160), 3.1, 11, 0.34), ((240, 180, 70), 1.9, 17, 0.68),
        ):  # fmt: skip
            beat = np.sin(ripple * u - speed * second) * np.sin(5 * u + 2.2 * second)
            curve = height * (base + 0.2 * beat)
            near = np.exp(-(((rows - curve[None]) / 1.3) ** 2))[..., None]
            picture += near * np.float32(colour)
        picture[(rows[:, 0] + int(second * 40)) % 4 == 0] *= 0.82
        shown[y0:y1, x0:x1] += picture * flicker
        return shown

    @cached_property
    def _screen(self) -> tuple[int, int, int, int]:
        (x0, y0), (x1, y1) = np.rint(
            CAMERA.project([(2.16, 1.36, WALL - 0.5), (2.94, 0.92, WALL - 0.5)])
        )
        return int(x0), int(y0), int(x1), int(y1)

    @cached_property
    def _bulbs(self) -> np.ndarray:
        """The lamps that hang from the ceiling, and the haze around them."""
        shown = np.zeros((*self.size, 3), np.float32)
        for lamp in LAMPS:
            column, row = CAMERA.project([(*lamp, WALL - 1.2)])[0]
            y, x = np.mgrid[: self.size[0], : self.size[1]].astype(np.float32)
            away = np.hypot(x - column, (y - row - 4) * 1.3)
            shown += (70 * np.exp(-((away / 42) ** 2)))[..., None] * np.float32([1, 0.84, 0.55])
            glow = np.exp(-(np.hypot((x - column) / 19, (y - row - 3) / 4) ** 4))
            shown += (190 * glow)[..., None] * np.float32([1, 0.95, 0.8])
        return shown

    @cached_property
    def _night(self) -> np.ndarray:
        """The town behind the window, lit windows and lamps out of focus."""
        rng = np.random.default_rng(71)
        corners = CAMERA.project([(-0.72, 2.2, WALL), (1.12, 0.98, WALL)])
        (x0, y0), (x1, y1) = np.rint(corners).astype(int)
        height, width = y1 - y0, x1 - x0
        down = np.linspace(0, 1, height)[:, None, None]
        sky = np.float32([16, 26, 58]) * (1 - down) + np.float32([92, 78, 96]) * down
        view = (sky * np.ones((1, width, 1))).astype(np.float32)
        edge = 0
        while edge < width:
            step, roof = int(rng.integers(10, 26)), int(height * rng.uniform(0.45, 0.8))
            view[roof:, edge : edge + step] = (14, 18, 32)
            for wy in range(roof + 3, height - 2, 6):
                for wx in range(edge + 2, min(edge + step, width) - 2, 5):
                    if rng.random() < 0.4:
                        view[wy : wy + 3, wx : wx + 2] = (214, 170, 96)
            edge += step
        for _ in range(16):
            spot = np.zeros_like(view)
            centre = int(rng.integers(0, width)), int(rng.integers(height // 2, height))
            colour = [(255, 190, 100), (255, 120, 90), (150, 190, 255)][int(rng.integers(3))]
            cv2.circle(spot, centre, int(rng.integers(2, 6)), colour, -1, cv2.LINE_AA)
            view += 0.3 * spot
        view = cv2.GaussianBlur(view, (0, 0), 0.9)
        shown = np.zeros((*self.size, 3), np.float32)
        shown[y0:y1, x0:x1] = view.clip(0, 255)
        bars = sprite(seen(_sashes(), CAMERA), self.size)
        shown[bars.where] *= (1 - bars.alpha)[..., None]
        return shown

    # What stands still, drawn once.

    @cached_property
    def _floor(self) -> np.ndarray:
        rows = np.arange(self.size[0])[:, None]
        return (rows > CAMERA.row(WALL)) * np.ones(self.size, np.float32)

    @cached_property
    def _plate(self) -> np.ndarray:
        canvas = Canvas(np.full((*self.size, 3), (206, 204, 196), np.float32))
        canvas.paint(sprite(seen(_shell(), CAMERA), self.size))
        grain = (
            1 + 0.02 * clouds(self.size, 41, (60, 60)) + 0.012 * clouds(self.size, 42, (2, 14), 2)
        )
        canvas.picture *= grain[..., None]
        canvas.paint(sprite(seen(_sill() + _shelf() + _board() + _desk(), CAMERA), self.size))
        clumps = [(-3.0, 1.05, 0.3, 0.3), (-3.16, 0.85, 0.2, 0.2), (-2.84, 0.84, 0.2, 0.2)]
        pot = upright(
            np.array([[-3.16, 0.0], [-3.24, 0.45], [-2.76, 0.45], [-2.84, 0.0]]), WALL - 0.3
        )
        canvas.paint(sprite(seen([Face(pot, (186, 108, 78), (128, 70, 52))], CAMERA), self.size))
        plant = Foliage.grow(clumps, 240, 0.16, (84, 128, 66), WALL - 0.3, 43, 0)
        canvas.paint(plant.patch(0, CAMERA))
        canvas.paint(sprite(seen(_hanging(), CAMERA), self.size))
        return canvas.picture.clip(0, 255)


def lamps(second: float) -> float:
    """Return how brightly the lamps burn, 0 to 1; tubes stutter before they burn again."""
    if second < OFF:
        return 1.0
    if second < ON:
        return max(0.0, 1 - (second - OFF) / 0.08)
    stutter = int((second - ON) * RATE)
    return (0.7, 0.15, 0.85, 0.5)[stutter] if stutter < 4 else min(1.0, 0.9 + (second - ON) * 0.06)


def _rect(x0: float, y0: float, x1: float, y1: float, z: float) -> np.ndarray:
    return upright(np.array([[x0, y0], [x0, y1], [x1, y1], [x1, y0]], float), z)


def _box(x0, y0, x1, y1, z0, z1, colour: Colour) -> list[Face]:
    """A box: its top, the end that shows, its front."""
    top = np.array([[x0, y1, z0], [x1, y1, z0], [x1, y1, z1], [x0, y1, z1]])
    end = x1 if x1 < 0 else x0
    side = np.array([[end, y0, z0], [end, y1, z0], [end, y1, z1], [end, y0, z1]])
    return [
        Face(side, tone(colour, 0.66)),
        Face(top, tone(colour, 1.15)),
        Face(_rect(x0, y0, x1, y1, z0), tone(colour, 0.98), tone(colour, 0.84)),
    ]


def _shell() -> list[Face]:
    """Wall, dado, ceiling and the floor with its boards."""
    faces = [
        Face(_rect(-6, 0, 6, 3.0, WALL), (206, 206, 196), (196, 194, 184)),
        Face(_rect(-6, 0, 6, 0.9, WALL), (128, 150, 146), (116, 136, 132)),
        Face(_rect(-6, 0.88, 6, 0.93, WALL), (226, 222, 210)),
        Face(_rect(-6, 0, 6, 0.12, WALL), (222, 216, 204), (170, 164, 154)),
        Face(
            np.array([[-8, 3, 3], [8, 3, 3], [8, 3, WALL], [-8, 3, WALL]], float), (228, 226, 218)
        ),
        Face(
            np.array([[-8, 0, WALL], [8, 0, WALL], [8, 0, 3], [-8, 0, 3]], float),
            (150, 112, 78),
            (166, 126, 88),
        ),
    ]
    rng = np.random.default_rng(44)
    for x in np.arange(-6, 6, 0.22):
        start = rng.uniform(2.5, 4.5)
        for z0, z1 in ((2.5, start), (start, start + 1.4), (start + 1.4, WALL)):
            board = np.array(
                [[x, 0, z1], [x + 0.205, 0, z1], [x + 0.205, 0, z0 + 0.02], [x, 0, z0 + 0.02]]
            )
            colour = tone((160, 120, 84), rng.uniform(0.88, 1.1))
            faces.append(Face(board, tone(colour, 0.93), colour))
    return faces


def _sashes() -> list[Face]:
    bars = [
        (-0.8, 0.9, -0.72, 2.28),
        (1.12, 0.9, 1.2, 2.28),
        (-0.8, 2.2, 1.2, 2.28),
        (-0.8, 0.9, 1.2, 0.98),
        (-0.12, 0.9, -0.07, 2.28),
        (0.48, 0.9, 0.53, 2.28),
        (-0.8, 1.78, 1.2, 1.82),
    ]
    return [Face(_rect(*bar, WALL), (232, 228, 218), (206, 202, 192)) for bar in bars]


def _sill() -> list[Face]:
    glass = Face(_rect(-0.8, 0.9, 1.2, 2.28, WALL), (16, 18, 24))
    return [glass, *_sashes(), *_box(-0.9, 0.82, 1.3, 0.88, WALL - 0.16, WALL, (222, 216, 204))]


def _shelf() -> list[Face]:
    """Shelves with books and glassware."""
    rng = np.random.default_rng(45)
    z = WALL - 0.3
    faces = _box(-2.62, 0, -1.12, 2.15, z, WALL, (122, 88, 60))
    faces.append(Face(_rect(-2.56, 0.06, -1.18, 2.09, z - 0.001), (70, 50, 36), (58, 42, 32)))
    for y in (0.06, 0.56, 1.06, 1.56):
        x = -2.54
        while x < -1.26:
            width, height = rng.uniform(0.04, 0.085), rng.uniform(0.27, 0.41)
            if rng.random() < 0.14:
                x += 0.09
                continue
            hue = [(156, 62, 54), (54, 86, 122), (198, 164, 92), (72, 110, 86), (206, 200, 186),
                   (92, 70, 104), (60, 62, 70)][int(rng.integers(7))]  # fmt: skip
            faces.append(
                Face(
                    _rect(x, y + 0.03, x + width, y + height, z - 0.01),
                    tone(hue, 1.1),
                    tone(hue, 0.75),
                )
            )
            if rng.random() < 0.6:
                band = _rect(x, y + height * 0.7, x + width, y + height * 0.78, z - 0.011)
                faces.append(Face(band, (220, 204, 150)))
            x += width + 0.004
        faces.append(Face(_rect(-2.6, y - 0.02, -1.14, y + 0.03, z - 0.02), (146, 108, 76)))
    return faces


def _board() -> list[Face]:
    """A white board: a curve with two humps, its components dashed, and a formula's strokes."""
    z = WALL - 0.02
    faces = [Face(_rect(1.55, 1.42, 3.25, 2.3, z), (150, 152, 154)),
             Face(_rect(1.6, 1.46, 3.2, 2.26, z), (240, 242, 240), (228, 230, 228))]  # fmt: skip
    x = np.linspace(0, 1, 50)
    humps = [
        h * np.exp(-(((x - m) / s) ** 2)) for m, s, h in ((0.3, 0.13, 0.5), (0.66, 0.18, 0.34))
    ]
    for curve, colour in zip(
        (*humps, sum(humps)), ((44, 96, 170), (190, 60, 50), (40, 42, 48)), strict=True
    ):
        line = np.stack([1.72 + 1.3 * x, 1.56 + curve], 1)
        ribbon = np.concatenate([line + (0, 0.011), line[::-1] - (0, 0.011)])
        faces.append(Face(upright(ribbon, z), colour))
    faces.append(Face(_rect(1.7, 1.54, 3.06, 1.555, z), (40, 42, 48)))
    faces.append(Face(_rect(1.7, 1.54, 1.715, 2.15, z), (40, 42, 48)))
    return faces


def _desk() -> list[Face]:
    """A desk with a screen, a cup, flasks, and drawers under it."""
    faces = _box(1.75, 0.0, 1.83, 0.72, WALL - 0.9, WALL, (120, 122, 128))
    faces += _box(2.7, 0.0, 3.5, 0.72, WALL - 0.9, WALL, (128, 132, 138))
    for y in (0.08, 0.3, 0.52):
        faces.append(
            Face(_rect(2.74, y, 3.46, y + 0.19, WALL - 0.91), (150, 154, 160), (136, 140, 146))
        )
        faces.append(Face(_rect(3.02, y + 0.1, 3.18, y + 0.125, WALL - 0.92), (80, 84, 90)))
    faces += _box(1.68, 0.72, 3.6, 0.77, WALL - 0.95, WALL, (196, 166, 124))
    faces.append(Face(_rect(2.48, 0.77, 2.62, 0.92, WALL - 0.5), (44, 46, 50)))
    faces += _box(2.12, 0.88, 2.98, 1.4, WALL - 0.5, WALL - 0.44, (44, 46, 50))
    faces.append(Face(_rect(2.16, 0.92, 2.94, 1.36, WALL - 0.5), (8, 10, 14)))
    for x, colour in ((1.86, (92, 176, 190)), (2.0, (214, 132, 88))):
        flask = np.array([[x - 0.07, 0.77], [x - 0.02, 0.93], [x - 0.02, 1.02], [x + 0.02, 1.02],
                          [x + 0.02, 0.93], [x + 0.07, 0.77]])  # fmt: skip
        faces.append(Face(upright(flask, WALL - 0.7), (222, 228, 230), (200, 210, 214)))
        low = np.array([[x - 0.062, 0.78], [x - 0.038, 0.87], [x + 0.038, 0.87], [x + 0.062, 0.78]])
        faces.append(Face(upright(low, WALL - 0.7), colour))
    faces.append(
        Face(upright(smooth(disc((3.2, 0.82), (0.05, 0.06)), 1), WALL - 0.75), (180, 70, 60))
    )
    return faces


def _hanging() -> list[Face]:
    """The cords and shades of the lamps."""
    faces = []
    for x, y in LAMPS:
        z = WALL - 1.2
        faces.append(Face(_rect(x - 0.008, y, x + 0.008, 3.0, z), (50, 50, 52)))
        shade = np.array(
            [[x - 0.2, y - 0.02], [x - 0.07, y + 0.13], [x + 0.07, y + 0.13], [x + 0.2, y - 0.02]]
        )
        faces.append(Face(upright(shade, z), (66, 84, 88), (96, 116, 118)))
    return faces
