"""Animals that walk on four legs."""

from itertools import pairwise

import numpy as np

from .paint import Colour, Face, capsule, disc, smooth, tone, upright
from .people import bend


def cat(fur: Colour, x: float, z: float, way: int, walked: float) -> list[Face]:
    """Return the faces of a cat seen from the side; `x` metres is its middle."""
    faces: list[Face] = []

    def put(outline, colour, low=None):
        placed = np.asarray(outline, float) * (way, 1) + (x, 0)
        faces.append(Face(upright(placed, z), colour, low))

    def leg(hip, offset, shade, side):
        p = (walked / 0.42 + offset) % 1
        reach = 0.13 - 0.26 * p / 0.6 if p < 0.6 else -0.13 + 0.26 * (p - 0.6) / 0.4
        lift = 0.0 if p < 0.6 else 0.05 * np.sin(np.pi * (p - 0.6) / 0.4)
        knee, paw = bend(hip, hip * (1, 0) + (reach, 0.025 + lift), 0.13, 0.14, side)
        put(capsule(hip, knee, 0.045, 0.028), tone(fur, shade))
        put(capsule(knee, paw, 0.028, 0.02), tone(fur, shade))
        put(disc(paw + (0.02, -0.005), (0.036, 0.02), 12), tone(fur, shade * 1.1))

    front, rear = np.array([0.17, 0.22]), np.array([-0.19, 0.23])
    leg(front, 0.5, 0.6, -1)
    leg(rear, 0.25, 0.6, 1)
    wave = 0.05 * np.sin(9 * walked)
    tail = np.array([[-0.24, 0.27], [-0.36, 0.33], [-0.42, 0.45 + wave], [-0.4, 0.56 + wave]])
    for a, b in pairwise(tail):
        put(capsule(a, b, 0.024, 0.021), tone(fur, 0.85))
    body = [[-0.27, 0.28], [-0.2, 0.34], [0.0, 0.31], [0.2, 0.34], [0.27, 0.27], [0.2, 0.17],
            [0.0, 0.18], [-0.22, 0.17]]  # fmt: skip
    put(smooth(body), tone(fur, 1.2), tone(fur, 0.7))
    for stripe in (-0.14, -0.05, 0.04, 0.13):
        mark = [[stripe, 0.32], [stripe + 0.02, 0.32], [stripe + 0.025, 0.24]]
        put(mark, tone(fur, 0.62))
    leg(front, 0.0, 1.0, -1)
    leg(rear, 0.75, 1.0, 1)
    head = np.array([0.31, 0.37])
    for ear in (-0.045, 0.03):
        put(
            head + np.array([[ear - 0.025, 0.05], [ear, 0.125], [ear + 0.035, 0.05]]),
            tone(fur, 0.85),
        )
    put(
        smooth(
            head
            + np.array(
                [
                    [-0.08, 0.0],
                    [-0.06, 0.075],
                    [0.05, 0.07],
                    [0.09, 0.0],
                    [0.07, -0.05],
                    [-0.04, -0.07],
                ]
            )
        ),
        tone(fur, 1.2),
        tone(fur, 0.85),
    )
    put(disc(head + (0.05, 0.02), (0.012, 0.014), 10), (196, 206, 90))
    put(disc(head + (0.085, -0.008), 0.012, 8), (190, 120, 110))
    return faces
