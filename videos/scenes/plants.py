"""Leaves and blades that the wind moves: background that is never still."""

from dataclasses import dataclass

import numpy as np

from .paint import Camera, Sprite, scatter

LEAF = np.array([[-1, 0], [-0.3, 0.42], [0.45, 0.36], [1, 0], [0.45, -0.36], [-0.3, -0.42]])


def gust(second: float, phase: float | np.ndarray = 0.0) -> float | np.ndarray:
    """Return the strength of the wind, about -1 to 1; it never repeats within a clip."""
    return (
        0.5 * np.sin(1.3 * second + phase)
        + 0.3 * np.sin(2.9 * second + 1.7 * phase + 1)
        + 0.2 * np.sin(6.1 * second + 2.3 * phase + 2)
    )


@dataclass(frozen=True, slots=True)
class Foliage:
    """The crown of a tree or a hedge: leaves in a few round clumps.

    places (N, 3) metres, turns (N,) radians, lengths (N,) metres, colours (N, 3) RGB,
    phases (N,) and freedom (N,): when a leaf moves and how far, metres.
    """

    places: np.ndarray
    turns: np.ndarray
    lengths: np.ndarray
    colours: np.ndarray
    phases: np.ndarray
    freedom: np.ndarray

    @classmethod
    def grow(cls, clumps, count, length, green, z, seed, freedom=0.06):
        """Grow `count` leaves of `length` metres in clumps (M, 4): x, y, and radii in metres."""
        rng = np.random.default_rng(seed)
        clumps = np.asarray(clumps, float)
        weight = clumps[:, 2] * clumps[:, 3]
        # Clumps in the back are filled first, so that those in front lie over them.
        which = np.sort(rng.choice(len(clumps), count, p=weight / weight.sum()))
        angle, radius = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count))
        out = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
        places = clumps[which, :2] + out * clumps[which, 2:]
        # The sun stands on the upper left; deep inside it is dark.
        lit = 0.78 + 0.34 * (0.75 * out[:, 1] - 0.6 * out[:, 0]) * radius
        lit *= rng.uniform(0.72, 1.22, count)
        lit = np.where(rng.random(count) < 0.25, lit * 0.68, lit)
        hue = rng.normal(0, 1, (count, 1)) * (9, 4, 3)
        colours = (np.array(green) * lit[:, None] + hue * lit[:, None]).clip(4, 250)
        order = np.lexsort((lit + rng.normal(0, 0.2, count), which))
        return cls(
            places=np.column_stack([places, np.full(count, float(z))])[order],
            turns=rng.uniform(0, np.pi, count),
            lengths=length * rng.uniform(0.7, 1.3, count),
            colours=colours[order],
            phases=(0.9 * places[:, 0] + 0.7 * places[:, 1] + rng.normal(0, 0.25, count))[order],
            freedom=freedom * rng.uniform(0.4, 1.4, count),
        )

    def patch(self, second: float, camera: Camera) -> Sprite | None:
        """Return the leaves as the camera sees them at a time."""
        sway = gust(second, -self.phases) * self.freedom
        places = self.places.copy()
        places[:, 0] += sway
        places[:, 1] += 0.4 * gust(second + 0.7, -self.phases) * self.freedom
        turns = self.turns + 0.5 * gust(1.6 * second, 5 * self.turns)
        cosine, sine = np.cos(turns), np.sin(turns)
        spin = np.stack([np.stack([cosine, sine], 1), np.stack([-sine, cosine], 1)], 1)
        scale = camera.scale(self.places[0, 2])
        leaves = (LEAF @ spin) * (self.lengths * scale / 2)[:, None, None]
        leaves += camera.project(places)[:, None]
        return scatter(leaves, self.colours, camera.size)
