"""Cars, a van and a bicycle: outlines given a width, wheels that turn as far as they roll."""

from dataclasses import dataclass

import numpy as np

from .paint import Camera, Colour, Face, capsule, disc, smooth, tone, upright
from .people import Look, bend

WIDTH = 1.75
TO_SUN = np.array([-0.45, 0.8])
TYRE, RIM, GLASS, BLACK = (26, 26, 28), (176, 180, 186), (52, 66, 80), (20, 20, 22)


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of a vehicle that drives to the right; (x, y) in metres, x 0 in the middle."""

    body: np.ndarray
    cabin: np.ndarray
    windows: tuple[np.ndarray, ...]
    axles: tuple[float, float]
    radius: float
    glazed: tuple[int, ...]  # edges of the cabin that are glass all the way across
    seams: tuple[float, ...]  # x of the door gaps


HATCHBACK = Model(
    body=np.array(
        [
            [-1.92, 0.32],
            [-1.98, 0.62],
            [-1.93, 0.9],
            [-1.0, 0.95],
            [0.9, 0.94],
            [1.62, 0.82],
            [1.93, 0.66],
            [1.98, 0.36],
            [1.85, 0.24],
            [-1.8, 0.24],
        ]
    ),
    cabin=np.array(
        [[-1.9, 0.9], [-1.62, 1.34], [-1.3, 1.45], [0.1, 1.45], [0.42, 1.36], [1.08, 0.9]]
    ),
    windows=(
        np.array([[-1.55, 0.96], [-1.36, 1.32], [-1.1, 1.38], [-0.5, 1.38], [-0.5, 0.96]]),
        np.array([[-0.42, 0.96], [-0.42, 1.38], [0.08, 1.38], [0.36, 1.3], [0.82, 0.96]]),
    ),
    axles=(-1.22, 1.26),
    radius=0.31,
    glazed=(0, 4),
    seams=(-0.46, 0.82),
)
SALOON = Model(
    body=np.array(
        [
            [-2.2, 0.34],
            [-2.28, 0.66],
            [-2.2, 0.92],
            [-1.4, 0.96],
            [0.9, 0.94],
            [1.9, 0.82],
            [2.2, 0.66],
            [2.26, 0.38],
            [2.1, 0.24],
            [-2.05, 0.24],
        ]
    ),
    cabin=np.array(
        [[-1.75, 0.92], [-1.02, 1.36], [-0.7, 1.43], [0.2, 1.43], [0.48, 1.36], [1.22, 0.9]]
    ),
    windows=(
        np.array([[-1.32, 0.97], [-0.86, 1.3], [-0.6, 1.36], [-0.26, 1.36], [-0.26, 0.97]]),
        np.array([[-0.18, 0.97], [-0.18, 1.36], [0.18, 1.36], [0.42, 1.3], [0.94, 0.97]]),
    ),
    axles=(-1.38, 1.42),
    radius=0.32,
    glazed=(0, 4),
    seams=(-0.22, 0.92, -1.2),
)
VAN = Model(
    body=np.array(
        [
            [-2.5, 0.4],
            [-2.52, 1.1],
            [1.5, 1.14],
            [2.1, 1.05],
            [2.42, 0.86],
            [2.48, 0.45],
            [2.3, 0.3],
            [-2.4, 0.3],
        ]
    ),
    cabin=np.array(
        [[-2.5, 1.05], [-2.48, 2.2], [-2.3, 2.32], [0.9, 2.32], [1.16, 2.2], [1.86, 1.1]]
    ),
    windows=(np.array([[0.5, 1.2], [0.5, 1.95], [1.08, 1.95], [1.58, 1.2]]),),
    axles=(-1.55, 1.62),
    radius=0.35,
    glazed=(4,),
    seams=(0.4, 1.6, -0.8),
)


def car(model: Model, paint: Colour, x: float, z: float, way: int, camera: Camera) -> list[Face]:
    """Return the faces of a vehicle; `x` metres is its middle, `z` its near side."""
    faces: list[Face] = []

    def put(outline, colour, low=None, depth=0.0):
        placed = np.asarray(outline, float) * (way, 1) + (x, 0)
        faces.append(Face(upright(placed, z + depth), colour, low))

    def prism(outline, near, far, glazed=()):
        placed = outline * (way, 1) + (x, 0)
        for i, (a, b) in enumerate(zip(placed, np.roll(placed, -1, axis=0), strict=True)):
            # The outline runs clockwise, and the other way round when the car is turned.
            normal = np.array([a[1] - b[1], b[0] - a[0]]) * way
            normal /= np.hypot(*normal)
            if normal @ (np.array([0.0, camera.height]) - a) <= 0:
                continue
            colour = GLASS if i in glazed else paint
            light = 0.52 + 0.3 * max(normal[1], 0) + 0.42 * max(normal @ TO_SUN, 0)
            light *= 1.5 if i in glazed else 1.0
            corners = [(*a, near), (*b, near), (*b, far), (*a, far)]
            faces.append(Face(np.array(corners), tone(colour, light), tone(colour, light * 0.92)))

    put([[-1.9, 0.1], [-1.9, 0.35], [1.9, 0.35], [1.9, 0.1]], BLACK, depth=0.25)
    for axle in model.axles:
        put(disc((axle, model.radius), model.radius), BLACK, depth=WIDTH - 0.25)
    body, cabin = model.body, model.cabin
    prism(body, z, z + WIDTH)
    put(body, tone(paint, 1.06), tone(paint, 0.58))
    _flank(put, model, paint)
    prism(cabin, z + 0.14, z + WIDTH - 0.14, model.glazed)
    put(cabin, tone(paint, 1.1), tone(paint, 0.95), 0.14)
    for window in model.windows:
        put(window, (150, 176, 196), (38, 46, 56), 0.12)
        middle = window.mean(axis=0)
        glint = middle + (
            np.array([[-0.28, 0.22], [-0.18, 0.22], [-0.3, -0.2], [-0.4, -0.2]]) * 0.7
        )
        put(glint, (186, 204, 216), (90, 104, 116), 0.11)
    for axle in model.axles:
        _wheel(put, (axle, model.radius), model.radius, -way * x / model.radius)
    return faces


def _flank(put, model: Model, paint: Colour) -> None:
    """What is on the near side: sill, seams, handles, lamps, arches."""
    body = model.body
    front, rear = body[:, 0].max(), body[:, 0].min()
    high = body[:, 1].max()
    waist = high - 0.12
    put(
        [
            [rear + 0.08, waist],
            [rear + 0.1, waist + 0.035],
            [front - 0.5, waist],
            [front - 0.5, waist - 0.03],
        ],
        tone(paint, 1.35),
    )
    put([[rear + 0.1, 0.24], [rear + 0.04, 0.4], [front - 0.04, 0.4], [front - 0.14, 0.24]],
        tone(paint, 0.5), tone(paint, 0.3))  # fmt: skip
    for seam in model.seams:
        put([[seam, 0.4], [seam, high - 0.02], [seam + 0.025, high - 0.02], [seam + 0.025, 0.4]],
            tone(paint, 0.5))  # fmt: skip
        put([[seam + 0.06, waist - 0.09], [seam + 0.06, waist - 0.05], [seam + 0.24, waist - 0.05],
             [seam + 0.24, waist - 0.09]], tone(paint, 0.6))  # fmt: skip
    put(
        smooth(
            [[front - 0.42, 0.7], [front - 0.36, 0.78], [front - 0.06, 0.68], [front - 0.03, 0.6]]
        ),
        (250, 248, 232),
        (214, 214, 206),
    )
    put(
        smooth(
            [[rear + 0.02, 0.62], [rear + 0.04, 0.84], [rear + 0.22, 0.86], [rear + 0.18, 0.66]]
        ),
        (214, 44, 36),
        (150, 20, 22),
    )
    for axle in model.axles:
        arch = disc((axle, model.radius), model.radius * 1.2)
        put(np.maximum(arch, (-9, 0.22)), (24, 24, 26))


def _wheel(put, centre, radius: float, turned: float, depth: float = -0.01) -> None:
    put(disc(centre, radius, 36), (36, 36, 38), TYRE, depth)
    put(disc(centre, radius * 0.66, 30), RIM, (120, 124, 130), depth)
    for spoke in range(5):
        angle = turned + spoke * 2 * np.pi / 5
        out = np.array([np.cos(angle), np.sin(angle)])
        side = np.array([-out[1], out[0]])
        gap = [out * 0.2 + side * 0.04, out * 0.58 + side * 0.17, out * 0.58 - side * 0.17,
               out * 0.2 - side * 0.04]  # fmt: skip
        turn = np.pi / 5
        spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        put(np.asarray(centre) + np.array(gap) @ spin * radius, (58, 60, 64), None, depth)
    put(disc(centre, radius * 0.13, 12), (206, 208, 212), None, depth)


def cyclist(look: Look, paint: Colour, x: float, z: float, way: int) -> list[Face]:
    """Return the faces of somebody on a bicycle; `x` metres is the bottom bracket."""
    faces: list[Face] = []

    def put(outline, colour, low=None, depth=0.0):
        placed = np.asarray(outline, float) * (way, 1) + (x, 0)
        faces.append(Face(upright(placed, z + depth), colour, low))

    def tube(a, b, radius, colour, last=None):
        put(capsule(a, b, radius, last or radius), colour)

    rear, front, crank = np.array([-0.46, 0.34]), np.array([0.6, 0.34]), np.array([0.0, 0.3])
    seat, head, bar = np.array([-0.2, 0.95]), np.array([0.42, 0.92]), np.array([0.46, 1.08])
    rolled = way * x
    pedalled = -rolled / 0.34 / 2.2

    def leg(angle, shade):
        pedal = crank + 0.17 * np.array([np.cos(angle), np.sin(angle)])
        tube(crank, pedal, 0.016, tone((120, 120, 124), shade))
        knee, ankle = bend(seat + (0.02, 0.06), pedal + (-0.04, 0.08), 0.44, 0.44, 1)
        tube(seat + (0.02, 0.06), knee, 0.088, tone(look.legs, shade), 0.06)
        tube(knee, ankle, 0.058, tone(look.legs, shade), 0.042)
        put(
            smooth(
                ankle + np.array([[-0.07, 0.02], [-0.07, -0.08], [0.19, -0.08], [0.06, 0.03]]), 1
            ),
            tone(look.shoes, shade),
        )

    leg(pedalled + np.pi, 0.65)
    for hub in (rear, front):
        # Rings, not discs: the road shows between the spokes.
        for i in range(28):
            a, b = (
                np.array([np.cos(v), np.sin(v)]) for v in (i * np.pi / 14, (i + 1) * np.pi / 14)
            )
            put([hub + 0.34 * a, hub + 0.34 * b, hub + 0.3 * b, hub + 0.3 * a], TYRE)
        for i in range(7):
            angle = -rolled / 0.34 + i * 2 * np.pi / 7
            out = np.array([np.cos(angle), np.sin(angle)])
            tube(hub, hub + 0.31 * out, 0.009, (150, 152, 156))
        put(disc(hub, 0.03, 10), (90, 90, 94))
    for a, b in ((rear, crank), (crank, seat), (rear, seat - (0, 0.12)), (crank, head),
                 (seat - (0.0, 0.1), head), (head, front), (head, bar)):  # fmt: skip
        tube(a, b, 0.024, paint)
    put(
        smooth(seat + np.array([[-0.14, 0.03], [0.14, 0.03], [0.12, -0.01], [-0.1, -0.03]]), 1),
        BLACK,
    )
    leg(pedalled, 1.0)
    shoulder = np.array([0.12, 1.46])
    tube(seat + (0.0, 0.1), shoulder, 0.13 * look.build, tone(look.top, 0.95), 0.12 * look.build)
    tube(seat + (-0.03, 0.14), shoulder - (0.03, 0), 0.06, tone(look.top, 1.15), 0.06)
    top = shoulder + (0.1, 0.22)
    tube(shoulder, top, 0.05, tone(look.skin, 0.85))
    put(disc(top, (0.1, 0.125)), tone(look.skin, 1.05), tone(look.skin, 0.82))
    put(
        smooth(
            top + np.array([[0.13, 0.03], [0.1, 0.13], [-0.02, 0.18], [-0.14, 0.12], [-0.15, 0.0]])
        ),
        (240, 240, 236),
        (190, 192, 196),
    )
    elbow, hand = bend(shoulder - (0, 0.04), bar + (0.02, 0.01), 0.29, 0.3, -1)
    tube(shoulder - (0, 0.04), elbow, 0.055, tone(look.top, 0.9), 0.045)
    tube(elbow, hand, 0.044, tone(look.top, 1.0), 0.034)
    put(disc(hand, 0.045, 12), look.skin)
    return faces
