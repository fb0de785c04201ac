"""What the street is made of: houses, gardens, pavements and the road."""

import numpy as np

from .paint import Colour, Face, disc, tone, upright

WALL, GARDEN, FAR_KERB, NEAR_KERB = 21.0, 19.4, 16.4, 9.4  # metres from the camera

# From and to, metres; height of the eaves and the ridge; colours of the wall, roof and shutters.
HOUSES = (
    (-15.0, -9.4, 4.9, 6.9, (224, 204, 172), (150, 82, 62), (84, 106, 92)),
    (-9.3, -4.4, 4.3, 6.3, (204, 142, 118), (112, 90, 86), (236, 232, 224)),
    (-2.6, 3.0, 5.0, 7.0, (232, 226, 212), (158, 92, 66), (70, 98, 128)),
    (3.1, 7.8, 4.4, 6.4, (170, 186, 192), (96, 88, 92), (120, 60, 56)),
    (9.2, 15.0, 4.9, 6.9, (230, 200, 140), (146, 84, 64), (92, 98, 84)),
)


def _rect(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x0, y1], [x1, y1], [x1, y0]], float)


def house(
    number: int, x0, x1, eaves, ridge, wall: Colour, roof: Colour, shutter: Colour
) -> list[Face]:
    """A house seen from its long side, its roof sloping towards the street."""
    faces = []

    def put(outline, colour, low=None, z=WALL):
        faces.append(Face(upright(outline, z), colour, low))

    put(_rect(x0, 0, x1, eaves), tone(wall, 1.04), tone(wall, 0.9))
    put(_rect(x0, 0, x1, 0.5), tone(wall, 0.66), tone(wall, 0.55))
    put(_rect(x1 - 0.12, 0, x1, eaves), tone(wall, 0.8))
    slope = np.array(
        [[x0 - 0.2, eaves - 0.1], [x0 + 0.25, ridge], [x1 - 0.25, ridge], [x1 + 0.2, eaves - 0.1]]
    )
    put(_rect(x0 + 0.8, ridge - 0.5, x0 + 1.4, ridge + 0.7), (150, 104, 88), (120, 84, 72))
    put(_rect(x0 + 0.74, ridge + 0.6, x0 + 1.46, ridge + 0.75), (176, 168, 160))
    put(slope, tone(roof, 1.12), tone(roof, 0.92))
    rows = 9
    for i in range(1, rows):
        y = eaves - 0.1 + (ridge - eaves + 0.1) * i / rows
        left, right = (x0 - 0.2 + 0.45 * i / rows, x1 + 0.2 - 0.45 * i / rows)
        put(_rect(left, y, right, y + 0.045), tone(roof, 0.74))
        put(_rect(left, y + 0.045, right, y + 0.075), tone(roof, 1.24))
    put(_rect(x0 - 0.2, eaves - 0.34, x1 + 0.2, eaves - 0.12), tone(wall, 0.7), tone(wall, 0.86))
    put(_rect(x0 - 0.25, eaves - 0.16, x1 + 0.25, eaves - 0.04), (212, 208, 200), (140, 138, 134))
    columns = 3 if x1 - x0 < 5.2 else 4
    gap = (x1 - x0) / columns
    for storey, base in enumerate((0.95, eaves - 1.95)):
        for i in range(columns):
            middle = x0 + (i + 0.5) * gap
            if storey == 0 and i == number % columns:
                _door(put, middle, shutter)
            else:
                _window(put, middle, base, shutter, (number * 7 + i * 3 + storey * 5) % 4)
    return faces


def _window(put, x: float, y: float, shutter: Colour, kind: int) -> None:
    width, height = 0.42, 1.3
    put(_rect(x - width - 0.08, y - 0.08, x + width + 0.08, y + height + 0.1), (240, 236, 228))
    put(_rect(x - width, y, x + width, y + height), (62, 78, 94), (104, 128, 146))
    if kind in (0, 2):
        curtain = np.array(
            [
                [x - width, y + height],
                [x - width, y],
                [x - width * 0.5, y],
                [x - width * 0.15, y + height],
            ]
        )
        put(curtain, (222, 214, 200), (176, 170, 160))
    else:
        sheen = np.array(
            [[x - 0.3, y + height], [x + 0.1, y + height], [x - 0.15, y], [x - 0.4, y + 0.0]]
        )
        put(sheen, (136, 160, 178), (150, 172, 186))
    put(_rect(x - 0.025, y, x + 0.025, y + height), (240, 236, 228))
    put(_rect(x - width, y + 0.85, x + width, y + 0.9), (240, 236, 228))
    put(_rect(x - width, y + height - 0.1, x + width, y + height), (46, 58, 70))
    put(
        _rect(x - width - 0.14, y - 0.16, x + width + 0.14, y - 0.07),
        (214, 208, 198),
        (150, 146, 140),
    )
    for side in (-1, 1):
        edge = x + side * (width + 0.26)
        put(
            _rect(edge - 0.17, y - 0.03, edge + 0.17, y + height + 0.03),
            tone(shutter, 1.05),
            tone(shutter, 0.85),
        )
        for slat in range(6):
            low = y + 0.08 + slat * 0.2
            put(_rect(edge - 0.13, low, edge + 0.13, low + 0.05), tone(shutter, 0.74))


def _door(put, x: float, colour: Colour) -> None:
    put(_rect(x - 0.62, 0, x + 0.62, 2.45), (232, 226, 216))
    put(_rect(x - 0.48, 0, x + 0.48, 2.3), tone(colour, 0.9), tone(colour, 0.6))
    put(_rect(x - 0.3, 1.4, x + 0.3, 2.1), (70, 86, 100), (110, 130, 144))
    put(_rect(x - 0.3, 0.3, x + 0.3, 1.1), tone(colour, 0.62))
    put(disc((x + 0.36, 1.1), 0.045, 10), (226, 196, 110))
    put(_rect(x - 0.8, 2.5, x + 0.8, 2.62), (200, 194, 184), (130, 126, 120))


def flat(x0: float, z0: float, x1: float, z1: float, y: float = 0.0) -> np.ndarray:
    """A rectangle on the ground, (4, 3) metres."""
    return np.array([[x0, y, z1], [x1, y, z1], [x1, y, z0], [x0, y, z0]], float)


def ground() -> list[Face]:
    """Gardens, pavements with their slabs, kerbs, and the road with its lines."""
    far, near = 24.0, 7.0
    faces = [
        Face(flat(-20, GARDEN, 20, WALL), (112, 138, 78), (120, 142, 82)),
        Face(flat(-20, FAR_KERB, 20, GARDEN), (188, 182, 172), (196, 190, 180)),
        Face(flat(-20, NEAR_KERB, 20, FAR_KERB), (116, 116, 120), (132, 131, 132)),
        Face(flat(-20, near, 20, NEAR_KERB), (190, 184, 174), (206, 200, 188)),
    ]
    for x in (-6.25, 0.35):
        faces.append(Face(flat(x - 0.55, GARDEN, x + 0.55, WALL), (180, 168, 152)))
    joint = (158, 152, 143)
    for z0, z1, side in ((FAR_KERB, GARDEN, 0.9), (near, NEAR_KERB, 0.6)):
        for x in np.arange(-far, far, side):
            faces.append(Face(flat(x, z0, x + 0.025, z1), joint))
        for z in np.arange(z0, z1, side):
            faces.append(Face(flat(-20, z, 20, z + 0.03), joint))
    for z, bright, dark in (
        (FAR_KERB, (214, 210, 202), (142, 138, 132)),
        (NEAR_KERB, (150, 146, 140), None),
    ):
        faces.append(Face(flat(-20, z, 20, z + 0.16), bright))
        if dark:
            faces.append(Face(upright(_rect(-20, -0.09, 20, 0.0), z), dark, tone(dark, 0.8)))
    faces.append(Face(flat(-20, NEAR_KERB - 0.14, 20, NEAR_KERB), (220, 215, 205)))
    faces.append(Face(flat(-20, NEAR_KERB, 20, NEAR_KERB + 0.35), (98, 98, 102)))
    middle = (NEAR_KERB + FAR_KERB) / 2
    for x in np.arange(-16, 16, 2.6):
        faces.append(Face(flat(x, middle - 0.06, x + 1.3, middle + 0.06), (216, 214, 206)))
    for z in (NEAR_KERB + 0.5, FAR_KERB - 0.5):
        faces.append(Face(flat(-20, z - 0.045, 20, z + 0.045), (200, 198, 190)))
    turn = np.linspace(0, 2 * np.pi, 30)
    for x, z, r in ((-2.3, 11.4, 0.34), (5.4, 14.9, 0.34)):
        ring = np.stack([x + r * np.cos(turn), 0 * turn, z + r * np.sin(turn)], 1)
        faces += [
            Face(ring, (86, 84, 84)),
            Face((ring - (x, 0, z)) * 0.85 + (x, 0, z), (104, 102, 102)),
        ]
    faces.append(Face(flat(-1.2, 12.6, 3.2, 13.8), (106, 106, 111)))  # a mended patch
    return faces
