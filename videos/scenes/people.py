"""People who walk: limbs that follow from where the feet stand."""

from dataclasses import dataclass

import numpy as np

from .paint import Colour, Face, capsule, disc, smooth, tone, upright

CYCLE = 0.74  # metres walked in two steps, per metre of body height
STANCE = 0.6  # share of the cycle for which a foot stands


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody looks like; lengths in metres, colours RGB."""

    height: float = 1.75
    build: float = 1.0
    skin: Colour = (214, 170, 140)
    hair: Colour = (70, 50, 40)
    top: Colour = (60, 90, 140)
    legs: Colour = (50, 52, 66)
    shoes: Colour = (40, 36, 34)
    coat: float = 0.0  # how far the top hangs below the hip
    skirt: Colour | None = None
    bag: Colour | None = None
    pack: Colour | None = None
    long_hair: bool = False
    hat: Colour | None = None


def person(look: Look, x: float, z: float, way: int, walked: float, vigour: float) -> list[Face]:
    """Return the faces of somebody seen from the side.

    Parameters
    ----------
    x, z : metres, where the body is.
    way : 1 walks to the right, -1 to the left.
    walked : metres walked so far; the legs follow from it, so that feet do not slide.
    vigour : 0 stands still, 1 walks at full stride.
    """
    size = look.height / 1.75
    cycle = CYCLE * look.height
    phase = walked / cycle
    faces: list[Face] = []

    def put(outline, colour, low=None):
        placed = np.array([x, 0]) + np.asarray(outline) * (way * size, size)
        faces.append(Face(upright(placed, z), colour, low))

    def limb(start, end, first, last, colour):
        """A limb with light along its upper left."""
        put(capsule(start, end, first, last), colour)
        shift = np.array([-way * 0.3, 0.15]) * min(first, last)
        put(capsule(start + shift, end + shift, first * 0.5, last * 0.5), tone(colour, 1.16))

    bob = 0.018 * np.cos(4 * np.pi * phase) * vigour
    hip = np.array([0.0, 0.885 + 0.035 * (1 - vigour) - bob])
    lean = 0.035 * vigour
    shoulder = hip + (lean, 0.53)
    swing = 0.48 * vigour * np.cos(2 * np.pi * phase)
    build = look.build

    def leg(offset, shade):
        foot, pitch = _step(phase + offset, cycle / size, vigour)
        knee, ankle = bend(hip, foot, 0.435, 0.43, 1)
        cloth = tone(look.skin if look.skirt else look.legs, shade)
        limb(hip, knee, 0.088 * build, 0.058 * build, cloth)
        limb(knee, ankle, 0.06 * build, 0.042, cloth)
        put(_shoe(ankle, pitch), tone(look.shoes, shade))

    def arm(angle, shade):
        elbow = shoulder + (0, -0.05) + 0.28 * np.array([np.sin(angle), -np.cos(angle)])
        fore = angle + 0.25 + 0.35 * max(angle, 0)
        hand = elbow + 0.25 * np.array([np.sin(fore), -np.cos(fore)])
        cloth = tone(look.top, shade)
        put(disc(hand, (0.042, 0.05), 12), tone(look.skin, shade))
        limb(shoulder + (0, -0.05), elbow, 0.058 * build, 0.046 * build, cloth)
        limb(elbow, hand + (hand - elbow) * -0.15, 0.046 * build, 0.034, cloth)
        return hand

    arm(swing, 0.62)
    leg(0.5, 0.68)
    leg(0.0, 1.0)
    if look.pack:
        put(smooth(shoulder + PACK * (build, 1)), tone(look.pack, 1.1), tone(look.pack, 0.7))
    if look.skirt:
        sway = 0.05 * vigour * np.sin(4 * np.pi * phase)
        put(smooth(hip + SKIRT + np.array([[0, 0]] * 4 + [[sway, 0]] * 3)),
            tone(look.skirt, 1.1), tone(look.skirt, 0.75))  # fmt: skip
    put(capsule(shoulder + (0.01, 0), shoulder + (0.03, 0.1), 0.05, 0.045), tone(look.skin, 0.85))
    torso = TORSO * (build, 1) + np.outer(TORSO[:, 1] / 0.53, [lean, 0]) + hip
    if look.coat:
        torso[TORSO[:, 1] < 0.05] += np.array([0, -look.coat])
        torso[TORSO[:, 1] < 0.05, 0] *= 1.12
    put(smooth(torso), tone(look.top, 1.12), tone(look.top, 0.78))
    _head(put, look, shoulder)
    hand = arm(-swing, 1.0)
    if look.bag:
        put(smooth(hand + BAG), tone(look.bag, 1.1), tone(look.bag, 0.7))
    return faces


TORSO = np.array(
    [[-0.10, 0.58], [0.02, 0.62], [0.1, 0.56], [0.135, 0.40], [0.115, 0.18], [0.12, -0.04],
     [-0.115, -0.05], [-0.105, 0.15], [-0.13, 0.38]]
)  # fmt: skip
PACK = np.array([[-0.08, 0.04], [-0.25, 0.0], [-0.28, -0.25], [-0.24, -0.42], [-0.08, -0.4]])
SKIRT = np.array(
    [[-0.12, 0.08], [0.0, 0.1], [0.12, 0.08], [0.13, -0.05], [0.19, -0.4], [0.0, -0.42],
     [-0.19, -0.4]]
)  # fmt: skip
BAG = np.array(
    [[-0.03, 0.02], [0.03, 0.02], [0.1, -0.1], [0.14, -0.36], [-0.14, -0.36], [-0.1, -0.1]]
)


def _head(put, look: Look, shoulder: np.ndarray) -> None:
    head = shoulder + (0.045, 0.215)
    if look.long_hair:
        put(smooth(head + np.array(
            [[0.0, 0.14], [-0.12, 0.1], [-0.15, -0.05], [-0.13, -0.26], [-0.03, -0.25], [0.0, 0.0]]
        )), tone(look.hair, 0.8))  # fmt: skip
    put(smooth(head + np.array(
        [[-0.09, 0.1], [0.03, 0.135], [0.095, 0.06], [0.1, 0.0], [0.122, -0.025], [0.095, -0.045],
         [0.085, -0.11], [0.03, -0.135], [-0.05, -0.09], [-0.1, 0.0]]
    ), 1), tone(look.skin, 1.06), tone(look.skin, 0.84))  # fmt: skip
    put(
        smooth(
            head
            + np.array(
                [
                    [0.09, 0.075],
                    [0.05, 0.15],
                    [-0.06, 0.16],
                    [-0.135, 0.07],
                    [-0.12, -0.06],
                    [-0.075, -0.085],
                    [-0.045, 0.0],
                    [0.0, 0.06],
                ]
            )
        ),
        tone(look.hair, 1.2),
        tone(look.hair, 0.8),
    )
    if look.hat:
        put(smooth(head + np.array(
            [[0.1, 0.07], [0.09, 0.16], [0.0, 0.2], [-0.11, 0.16], [-0.13, 0.06], [0.0, 0.075]]
        )), tone(look.hat, 1.15), tone(look.hat, 0.8))  # fmt: skip


def _shoe(ankle: np.ndarray, pitch: float) -> np.ndarray:
    turn = np.array([[np.cos(pitch), np.sin(pitch)], [-np.sin(pitch), np.cos(pitch)]])
    sole = np.array([[-0.07, 0.02], [-0.075, -0.075], [0.2, -0.08], [0.2, -0.045], [0.06, 0.03]])
    return ankle + smooth(sole, 1) @ turn


def _step(phase: float, cycle: float, vigour: float) -> tuple[np.ndarray, float]:
    """Where the ankle is from the hip's foot point, metres, and how the foot is turned."""
    p = phase % 1.0
    if p < STANCE:
        x = cycle * (0.28 - p)
        lift = 0.0
    else:
        u = (p - STANCE) / (1 - STANCE)
        x = cycle * (0.28 - STANCE + STANCE * u * u * (3 - 2 * u))
        lift = 0.1 * np.sin(np.pi * u)
    pitch = np.interp(p, [0, 0.1, 0.38, 0.6, 0.7, 0.9, 1], [0.3, 0, 0, -0.7, -0.85, 0.2, 0.3])
    heel = 0.16 * np.sin(max(-pitch, 0)) * (p < 0.75)
    x = vigour * x + (1 - vigour) * 0.035 * np.sign(np.cos(2 * np.pi * phase) + 0.1)
    return np.array([x, 0.08 + vigour * max(lift, heel)]), vigour * pitch


def bend(start, end, upper: float, lower: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the joint between two bones, and where the second ends.

    `end` is pulled in when it is out of reach. `side` 1 bends forward (a knee), -1 back.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    across = end - start
    length = float(np.hypot(*across))
    reach = min(length, 0.999 * (upper + lower))
    across /= max(length, 1e-6)
    along = (reach**2 + upper**2 - lower**2) / (2 * reach)
    out = np.sqrt(max(upper**2 - along**2, 0.0))
    joint = start + along * across + side * out * np.array([-across[1], across[0]])
    return joint, start + reach * across


@dataclass(frozen=True, slots=True)
class Walk:
    """Somebody's way through a scene.

    Attributes
    ----------
    look : what they look like.
    z : metres from the camera.
    start : x in metres at second `since`.
    speed : metres a second, negative to the left.
    since : second at which they stand at `start`.
    pause : (from, to) seconds during which they stand still, or None.
    """

    look: Look
    z: float
    start: float
    speed: float
    since: float = 0.0
    pause: tuple[float, float] | None = None

    def walked(self, second: float) -> float:
        """Return the metres walked since `since`."""
        moved = second - self.since
        if self.pause is not None:
            moved -= _eased(second, self.pause[0]) - _eased(second, self.pause[1])
        return abs(self.speed) * moved

    def faces(self, second: float) -> list[Face]:
        """Return the faces at a time in seconds."""
        way = 1 if self.speed > 0 else -1
        walked = self.walked(second)
        vigour = (self.walked(second + 0.1) - self.walked(second - 0.1)) / (0.2 * abs(self.speed))
        x = self.start + way * walked
        return person(self.look, x, self.z, way, walked + 7 * self.look.height, vigour)


def _eased(second: float, edge: float, ease: float = 0.6) -> float:
    """Integral of a ramp from 0 to 1 that is centred at `edge` and `ease` seconds long."""
    u = (second - edge) / ease + 0.5
    return 0.0 if u <= 0 else second - edge if u >= 1 else ease * u * u / 2
