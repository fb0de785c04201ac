"""A street in the afternoon: houses, two trees in the wind, people and cars that cross."""

from functools import cached_property

import cv2
import numpy as np

from .cars import HATCHBACK, SALOON, VAN, car, cyclist
from .houses import GARDEN, HOUSES, WALL, flat, ground, house
from .paint import (
    Camera,
    Canvas,
    Face,
    clouds,
    expose,
    relief,
    seen,
    shadow,
    sprite,
    tone,
    upright,
    vignette,
)
from .people import Look, Walk
from .plants import Foliage, gust

CAMERA = Camera(size=(360, 640), focal=503.0, height=4.0, horizon=100.0, sun=(0.62, 0.3))
RATE = 25
HEDGE = [
    (x, 0.36, 0.55, 0.36)
    for x in np.arange(-14.5, 15, 0.62)
    if not -6.9 < x < -5.6 and not -0.2 < x < 0.9
]
SHADE = 0.46  # share of the light that a shadow takes

LOOKS = {
    "red": Look(1.68, 0.95, top=(186, 52, 48), legs=(44, 52, 78), hair=(60, 36, 24), long_hair=True,
                bag=(120, 84, 50)),
    "navy": Look(1.82, 1.05, top=(38, 54, 96), legs=(96, 88, 76), hair=(46, 36, 30), coat=0.14),
    "yellow": Look(1.66, 0.95, (150, 104, 76), (26, 20, 18), (226, 180, 62), (50, 50, 56),
                   skirt=(62, 84, 110), long_hair=True),
    "green": Look(1.78, 1.1, (112, 76, 54), (24, 20, 18), (66, 110, 78), (60, 58, 62),
                  pack=(46, 48, 54)),
    "grey": Look(1.74, 1.12, (222, 180, 154), (196, 192, 188), (104, 106, 112), (58, 54, 52),
                 coat=0.3, hat=(70, 62, 56)),
    "child": Look(1.22, 1.0, (226, 180, 150), (150, 104, 56), (230, 112, 48), (70, 96, 142),
                  pack=(206, 58, 92)),
    "white": Look(1.71, 0.92, (198, 146, 112), (34, 26, 24), (228, 226, 220), (72, 92, 128),
                  long_hair=True),
    "rider": Look(1.78, 1.0, top=(220, 84, 44), legs=(40, 42, 50)),
}  # fmt: skip

# Number: who, metres away, where at which second, metres a second.
WALKS = {
    1: Walk(LOOKS["red"], 8.35, -5.9, 1.32, since=1.2),
    2: Walk(LOOKS["navy"], 8.0, 5.7, -1.42, since=1.6, pause=(5.6, 7.6)),
    3: Walk(LOOKS["green"], 18.2, 12.5, -1.55, since=1.0),
    4: Walk(LOOKS["yellow"], 17.6, -12.6, 1.45, since=1.4),
    5: Walk(LOOKS["grey"], 8.8, -6.2, 1.02, since=4.6),
    6: Walk(LOOKS["child"], 8.65, -6.75, 1.06, since=4.6),
    7: Walk(LOOKS["white"], 18.5, -9.2, 1.3, since=5.4),
}
# Number: model, paint, metres away, where in the middle of its pass, when, metres a second.
DRIVES = {
    8: (HATCHBACK, (172, 36, 40), 10.6, 3.9, -5.6),
    9: (VAN, (222, 222, 218), 13.9, 4.6, 4.6),
    10: (SALOON, (60, 98, 140), 10.5, 8.4, -6.4),
    11: (HATCHBACK, (198, 204, 206), 14.0, 8.9, 5.6),
}
RIDE = (12, 12.9, 6.7, 3.6)  # number, metres away, when in the middle, metres a second


class Street:
    """Eleven seconds of a street; `frame(t)` depends on nothing but t."""

    name = "street"
    size = CAMERA.size
    rate = RATE
    length = 275

    def frame(self, t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) RGB uint8, the truth (H, W) uint8 and the ids uint16."""
        second = t / RATE
        canvas = Canvas(self._plate)
        dapple = self._dapple(second)
        canvas.picture *= (1 - dapple)[..., None]
        objects = self._objects(second)
        taken = np.zeros(self.size, np.float32)
        for _, z, faces in objects:
            blur = 0.02 * CAMERA.scale(z) + 0.6
            taken = np.maximum(taken, SHADE * shadow(faces, CAMERA, blur))
        canvas.darken(taken * self._ground, dapple)

        still = [(0, 16.6, self._far_tree), (0, 9.1, self._lamp), (0, 7.72, self._near_tree)]
        for ident, z, what in sorted(objects + still, key=lambda entry: -entry[1]):
            if ident:
                patch = sprite(seen(what, CAMERA), self.size)
                if patch is not None:
                    canvas.paint(relief(patch, 0.22, 0.028 * CAMERA.scale(z)), ident)
            elif isinstance(what, tuple):
                trunk, crown = what
                canvas.paint(trunk)
                canvas.paint(crown.patch(second, CAMERA))
            else:
                canvas.paint(what)
        drift = 1 + 0.025 * np.sin(0.45 * second) + 0.006 * gust(second)
        picture = canvas.picture * self._lens * np.float32(drift)
        return expose(picture, (501, t), read=1.6, shot=0.028), *canvas.truth()

    def _objects(self, second: float) -> list[tuple[int, float, list[Face]]]:
        """Everything that moves: number, metres away, faces."""
        found = []
        for ident, walk in WALKS.items():
            if second >= walk.since:
                found.append((ident, walk.z, walk.faces(second)))
        for ident, (model, paint, z, middle, speed) in DRIVES.items():
            x = speed * (second - middle)
            if abs(x) < 0.75 * z + 3:
                found.append((ident, z, car(model, paint, x, z, 1 if speed > 0 else -1, CAMERA)))
        ident, z, middle, speed = RIDE
        x = speed * (second - middle)
        if abs(x) < 0.75 * z + 2:
            found.append((ident, z, cyclist(LOOKS["rider"], (36, 120, 116), x, z, 1)))
        return found

    # What stands still, drawn once.

    @cached_property
    def _lens(self) -> np.ndarray:
        return vignette(self.size, 0.2)

    @cached_property
    def _rows(self) -> np.ndarray:
        """How far away the ground is on each row, metres, (H, 1); above the ground 1e9."""
        y = np.arange(self.size[0])[:, None] + 0.5
        return np.where(
            y > CAMERA.horizon + 1, CAMERA.focal * CAMERA.height / (y - CAMERA.horizon + 1e-9), 1e9
        )

    @cached_property
    def _ground(self) -> np.ndarray:
        """Where shadows can fall: 1 in front of the gardens."""
        return (self._rows < GARDEN).astype(np.float32) * np.ones(self.size, np.float32)

    def _spread(self, texture: np.ndarray, metres: float) -> np.ndarray:
        """Lay a texture on the ground, its side `metres` long, mirrored again and again."""
        z = np.minimum(self._rows, 60.0)
        x = (np.arange(self.size[1])[None] + 0.5 - self.size[1] / 2) * z / CAMERA.focal
        side = texture.shape[0]
        # There and back again, so that no seam shows where one copy meets the next.
        u = np.abs((x / metres) % 2 - 1) * (side - 1)
        v = np.abs((z / metres) % 2 - 1) * (side - 1) * np.ones_like(x)
        return cv2.remap(texture, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)

    @cached_property
    def _plate(self) -> np.ndarray:
        picture = self._sky()
        canvas = Canvas(picture)
        canvas.paint(self._hills())
        for i, plot in enumerate(HOUSES):
            canvas.paint(sprite(seen(house(i, *plot), CAMERA), self.size))
        grain = (
            1 + 0.022 * clouds(self.size, 11, (30, 6)) + 0.012 * clouds(self.size, 12, (3, 3), 2)
        )
        canvas.picture *= np.where(self._rows < WALL, 1, grain)[..., None]
        canvas.paint(sprite(seen(ground(), CAMERA), self.size))
        coarse = self._spread(clouds((512, 512), 13, (128, 128), 5), 7.0)
        fine = self._spread(clouds((512, 512), 14, (6, 6), 2), 3.0)
        canvas.picture *= np.where(self._rows < GARDEN, 1 + 0.035 * coarse + 0.028 * fine, 1)[
            ..., None
        ]
        hedge = Foliage.grow(HEDGE, 5200, 0.2, (84, 118, 58), GARDEN, 15, 0)
        canvas.paint(hedge.patch(0, CAMERA))
        for patch in (self._furniture(),):
            canvas.paint(patch)
        return canvas.picture.clip(0, 255)

    def _sky(self) -> np.ndarray:
        height, width = self.size
        down = np.linspace(0, 1, height)[:, None, None] / 0.32
        sky = np.array([126, 168, 214]) * (1 - down.clip(0, 1)) + np.array(
            [228, 226, 216]
        ) * down.clip(0, 1)
        veil = 1 / (1 + np.exp(-2.2 * (clouds(self.size, 3, (70, 260), 5) - 0.35)))
        veil = (veil * 0.75)[..., None]
        return (
            sky * np.ones((1, width, 1)) * (1 - veil) + np.array([247, 243, 236]) * veil
        ).astype(np.float32)

    def _hills(self):
        x = np.linspace(-70, 70, 60)
        outlines = []
        for z, base, colour in ((80, 13, (150, 170, 172)), (60, 8, (116, 142, 120))):
            y = base + 2.5 * np.sin(x * 0.11 + z) + 1.2 * np.sin(x * 0.37 + z)
            line = np.concatenate([np.stack([x, y], 1), [[70, 0], [-70, 0]]])
            outlines.append(Face(upright(line, z), colour, tone(colour, 0.85)))
        outlines.append(Face(flat(-80, WALL, 80, 60), (124, 152, 98), (112, 138, 78)))
        return sprite(seen(outlines, CAMERA), self.size)

    @cached_property
    def _lamp(self):
        x, z = 4.35, 9.1
        post = np.array([[x - 0.05, 0], [x - 0.03, 4.7], [x + 0.03, 4.7], [x + 0.05, 0]])
        foot = np.array([[x - 0.1, 0], [x - 0.08, 0.5], [x + 0.08, 0.5], [x + 0.1, 0]])
        faces = [Face(upright(o, z), (64, 76, 74), (40, 48, 46)) for o in (post, foot)]
        light = np.array([[x - 0.012, 0], [x - 0.01, 4.7], [x - 0.03, 4.7], [x - 0.04, 0]])
        faces.append(Face(upright(light, z), (112, 124, 122)))
        return sprite(seen(faces, CAMERA), self.size)

    def _furniture(self):
        faces = []
        x, z = 1.6, GARDEN - 0.4
        for y in (0.42, 0.62, 0.8):
            plank = np.array([[x, y], [x, y + 0.12], [x + 1.7, y + 0.12], [x + 1.7, y]])
            faces.append(Face(upright(plank, z), (150, 104, 66), (112, 76, 48)))
        for leg in (x + 0.15, x + 1.45):
            post = np.array([[leg, 0], [leg, 0.9], [leg + 0.09, 0.9], [leg + 0.09, 0]])
            faces.append(Face(upright(post, z - 0.05), (52, 54, 56)))
        bin_ = np.array([[4.2, 0], [4.14, 0.85], [4.66, 0.85], [4.6, 0]])
        faces.append(Face(upright(bin_, z), (74, 96, 82), (44, 60, 50)))
        lid = np.array([[4.1, 0.85], [4.14, 0.93], [4.66, 0.93], [4.7, 0.85]])
        faces.append(Face(upright(lid, z), (98, 120, 104)))
        return sprite(seen(faces, CAMERA), self.size)

    @cached_property
    def _far_tree(self):
        z, x = 16.6, 6.6
        clumps = [
            (x + dx, y, a, b)
            for dx, y, a, b in (
                (-0.2, 5.2, 1.2, 0.8),
                (-1.1, 4.5, 1.0, 0.8),
                (1.1, 4.7, 1.1, 0.9),
                (0.3, 3.9, 1.2, 0.8),
                (-0.8, 3.6, 0.9, 0.6),
                (1.2, 3.7, 0.8, 0.6),
                (-0.2, 4.5, 1.1, 0.8),
            )
        ]
        crown = Foliage.grow(clumps, 3000, 0.17, (106, 142, 58), z, 21, 0.07)
        return _trunk(x, z, 0.16, 3.6, self.size), crown

    @cached_property
    def _near_tree(self):
        z, x = 7.72, -4.25
        clumps = [
            (x + dx, y, a, b)
            for dx, y, a, b in (
                (-0.6, 5.4, 1.3, 0.7),
                (0.6, 5.3, 1.2, 0.6),
                (1.5, 5.25, 0.7, 0.45),
                (-0.8, 4.4, 0.8, 0.7),
                (0.35, 4.5, 0.8, 0.5),
                (1.25, 4.85, 0.6, 0.4),
            )
        ]
        crown = Foliage.grow(clumps, 2300, 0.15, (92, 132, 52), z, 22, 0.05)
        return _trunk(x, z, 0.15, 4.6, self.size), crown

    @cached_property
    def _patches(self) -> np.ndarray:
        """The shade of the far tree's crown: spots of light that the wind pushes about."""
        spots = self._spread(clouds((512, 512), 31, (40, 40), 3), 6.0)
        return (1 / (1 + np.exp(-4 * (spots + 0.25)))).astype(np.float32)

    @cached_property
    def _shades(self) -> np.ndarray:
        rows = np.minimum(self._rows, 60.0)
        x = (np.arange(self.size[1])[None] + 0.5 - self.size[1] / 2) * rows / CAMERA.focal
        crown = np.hypot(
            (x - (6.6 + 4.4 * CAMERA.sun[0])) / 2.6, (rows - 16.6 - 4.4 * CAMERA.sun[1]) / 1.5
        )
        near = np.hypot(
            (x + 4.25 - 4.9 * CAMERA.sun[0]) / 2.3, (rows - 7.7 - 4.9 * CAMERA.sun[1]) / 1.1
        )
        soft = np.maximum(
            1 / (1 + np.exp(9 * (crown.clip(0, 4) - 1))),
            1 / (1 + np.exp(9 * (near.clip(0, 4) - 1))),
        )
        stems = []
        for tree_x, z, girth, top in ((6.6, 16.6, 0.16, 3.6), (-4.25, 7.72, 0.15, 4.6)):
            stems.append(
                upright(
                    np.array(
                        [
                            [tree_x - girth, 0],
                            [tree_x - girth, top],
                            [tree_x + girth, top],
                            [tree_x + girth, 0],
                        ]
                    ),
                    z,
                )
            )
        bars = shadow([Face(stem, (0, 0, 0)) for stem in stems], CAMERA, 1.2)
        post = np.array([[4.31, 0], [4.31, 4.7], [4.39, 4.7], [4.39, 0]])
        bars = np.maximum(bars, shadow([Face(upright(post, 9.1), (0, 0, 0))], CAMERA, 0.8))
        self._bars = bars * self._ground * SHADE
        return (soft * self._ground * SHADE).astype(np.float32)

    def _dapple(self, second: float) -> np.ndarray:
        """The share of the light that the trees take from the ground, (H, W)."""
        shades = self._shades
        shift = np.float32([[1, 0, 2.5 * gust(second)], [0, 1, 0.8 * gust(second, 2.0)]])
        moved = cv2.warpAffine(self._patches, shift, self.size[::-1], borderMode=cv2.BORDER_REFLECT)
        return np.maximum(shades * moved, self._bars)


def _trunk(x: float, z: float, girth: float, top: float, size):
    faces = []
    outline = np.array([[-1.5, 0], [-1.0, 0.35], [-0.8, top], [0.8, top], [1.0, 0.35], [1.5, 0]])
    outline = outline * (girth, 1) + (x, 0)
    faces.append(Face(upright(outline, z), (84, 68, 54), (74, 60, 48)))
    light = np.array(
        [[-1.3, 0.02], [-0.9, 0.35], [-0.7, top], [-0.2, top], [-0.4, 0.35], [-0.6, 0.02]]
    )
    faces.append(Face(upright(light * (girth, 1) + (x, 0), z), (128, 106, 82), (112, 92, 72)))
    for side, base in ((-1, 0.72), (1, 0.78), (-0.4, 0.85)):
        a = np.array([x, base * top])
        b = a + (side * 0.9, 0.35 * top * 0.6)
        branch = np.array([a + (-0.06, 0), b, b + (0.03, 0), a + (0.06, 0)])
        faces.append(Face(upright(branch, z), (90, 72, 56)))
    return sprite(seen(faces, CAMERA), size)
