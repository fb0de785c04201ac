"""One sequence: a backdrop, actors, light and a camera, frame by frame, with exact truth."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from .actors import Actor, lay
from .camera import Camera, Pair
from .cutouts import Cutout
from .light import Light, Sun, shadowed
from .plates import Backdrop, Plate


class Sources(Protocol):
    """Where cut-outs and empty scenes come from."""

    name: str

    def cutouts(self, sort: str) -> list[Cutout]: ...
    def plates(self, sort: str) -> list[str]: ...
    def plate(self, name: str) -> Plate: ...


@dataclass
class Scene:
    """All that is needed to draw one sequence.

    Attributes
    ----------
    size : (height, width) of the pictures; the scene itself is larger by the camera's margin.
    length : frames.
    backdrop : the empty scene.
    actors : who comes by.
    camera : what becomes of the picture.
    lights : what changes it before the camera, in turn.
    sun : casts shadows, or None.
    notes : what the manifest tells: sources, times of events.
    """

    size: tuple[int, int]
    length: int
    backdrop: Backdrop
    camera: Camera
    actors: list[Actor] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    sun: Sun | None = None
    notes: dict = field(default_factory=dict)

    def frames(self) -> Iterator[Pair]:
        """Yield (image (H, W, C) uint8 RGB or grey, truth (H, W) uint8)."""
        return self.camera.coded(self.camera.look(*self.drawn(t), t, self.size)
                                 for t in range(self.length))  # fmt: skip

    def drawn(self, t: int) -> Pair:
        """The scene itself, (H, W, 3) float32, before any camera, and its truth."""
        picture = self.backdrop(t)
        truth = np.zeros(picture.shape[:2], np.uint8)
        queue = sorted(self.actors, key=lambda actor: actor.y[t] if actor.x[t] == actor.x[t] else 0)
        patches = [(actor, patch) for actor in queue if (patch := actor.patch(t)) is not None]
        if self.sun is not None and patches:
            shade = np.zeros(truth.shape, np.float32)
            for actor, patch in patches:
                if not actor.cutout.cut:
                    self.sun.cast(shade, patch)
            shadowed(picture, truth, shade, self.sun.gain)
        for actor, patch in patches:
            lay(picture, truth, patch, int(actor.label[t]))
        for light in self.lights:
            light(picture, t)
        return np.clip(picture, 0, 255, out=picture), truth


def camouflaged(
    cutout: Cutout, behind: np.ndarray, contrast: float, offset: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and offset that bring a cut-out's colours near those behind it."""
    middle = len(cutout) // 2
    solid = cutout.alphas[middle] > 128
    colours = cutout.colours[middle][solid].astype(np.float32)
    own = colours.mean(0) if len(colours) else np.full(3, 128, np.float32)
    there = cv2.blur(behind, (5, 5)).reshape(-1, 3).mean(0)
    gain = np.full(3, contrast, np.float32)
    return gain, (there + offset - gain * own).astype(np.float32)
