"""EM over one cluster of foreground that several layers share: who covers which pixel."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.grouping.layer import Layer, Plane
from segment.grouping.regions import Integers

_SURE = 0.97  # a template is never surer than this
_TAIL = 0.03  # share of an object's pixels that lie where its template does not say
_ANYBODY = 0.004  # the same for an object that is not known yet
_STRENGTH = 0.7  # neighbouring pixels do not tell apart independently
_PIXELS = 25.0  # so many independent ones a template has when it is moved
_NOWHERE = 1e-6


@dataclass(slots=True)
class Window:
    """A part of the frame: contiguous copies, and where its first pixel is."""

    image: Image
    foreground: Mask
    corner: tuple[int, int]


@dataclass(slots=True)
class Mixture:
    """What came of it.

    Attributes
    ----------
    owner : (H, W) intp, position in the list of layers, -1 outside the foreground.
    stray : (H, W) bool, foreground that no layer explains.
    state : for every layer (H, W) uint8, as `Layer.learn` wants it.
    visible : for every layer, how many pixels are its own.
    """

    owner: Integers
    stray: Mask
    state: list[NDArray[np.uint8]]
    visible: list[int]


def mix(layers: list[Layer], window: Window, sweeps: int = 2) -> Mixture:
    """Move the layers (the M-step of where they are), then share the pixels out (E-step)."""
    cluster = _Cluster(layers, window)
    cluster.settle_order()
    for _ in range(sweeps):
        for k in cluster.order:
            cluster.move(k)
        cluster.settle_order()
    cluster.accept()
    return cluster.share()


def without(mixture: Mixture, keep: int, go: int) -> None:
    """Give what one layer has to another, and take it out."""
    mixture.owner[mixture.owner == go] = keep
    mixture.owner[mixture.owner > go] -= 1  # in this order: `keep` may be one of them
    kept, gone = mixture.state[keep], mixture.state[go]
    kept[gone == 1] = 1
    mixture.visible[keep] += mixture.visible[go]
    del mixture.state[go], mixture.visible[go]


class _Cluster:
    def __init__(self, layers: list[Layer], window: Window) -> None:
        self.layers = layers
        self.window = window
        size = window.foreground.shape
        self.cover: Plane = np.empty((len(layers), *size), np.float32)
        self.fit: Plane = np.empty((len(layers), *size), np.float32)
        self.chances = [layer.chances() for layer in layers]
        self.begin = [layer.corner.copy() for layer in layers]
        self.order = list(range(len(layers)))
        for k in self.order:
            self.render(k)

    def render(self, k: int) -> None:
        from segment.grouping import kernels

        layer, window = self.layers[k], self.window
        kernels.render(
            layer.shape,
            layer.colour,
            layer.spread,
            layer.known,
            self.chances[k],
            int(layer.corner[0] - window.corner[0]),
            int(layer.corner[1] - window.corner[1]),
            window.image,
            window.foreground,
            self.cover[k],
            self.fit[k],
        )
        np.minimum(self.cover[k], np.float32(_SURE), out=self.cover[k])

    # --- M-step: where ------------------------------------------------------------------

    def move(self, k: int) -> None:
        """Shift a layer to where it explains most of what the others leave."""
        from segment.grouping import kernels

        layer, window = self.layers[k], self.window
        others = self._covered([j for j in self.order if j != k])
        front = self._covered(self.order[: self.order.index(k)])
        gain = np.empty_like(others)
        kernels.gains(window.foreground, others, gain)
        view = np.where(window.foreground, np.float32(0.7) * (1 - front), np.float32(0))
        rows, columns = layer.probes.T
        probes = (
            np.ascontiguousarray(rows),
            np.ascontiguousarray(columns),
            layer.shape[rows, columns],
            layer.colour[rows, columns],
            layer.spread[rows, columns],
        )
        # A velocity that is not known yet, or was long ago, makes the place uncertain.
        size = layer.size
        loose = 1.0 + 0.04 * size + 0.2 * min(layer.hidden, 0.15 * size)
        if layer.age < 5:
            loose += 0.15 * size
        step = max(1, round(loose * 2 / 4))
        while True:
            scores = np.empty((9, 9))
            at = layer.corner - window.corner
            kernels.search(*probes, int(at[0]), int(at[1]), window.image, gain, view, step, scores)
            shift = (np.indices((9, 9)) - 4) * step
            far = (shift + (layer.corner - layer.place)[:, None, None]) / loose
            total = _PIXELS * scores - 0.5 * (far**2).sum(0)
            best = np.round(total, 6)
            best[4, 4] += 1e-5  # stay when nothing is better
            i, j = np.unravel_index(int(best.argmax()), best.shape)
            layer.corner = layer.corner + shift[:, i, j]
            if step == 1:
                break
            step = step // 2 if step > 3 else 1
        self.render(k)

    def _covered(self, which: list[int]) -> Plane:
        """How likely any of these covers each pixel, (H, W)."""
        free = np.ones(self.window.foreground.shape, np.float32)
        for j in which:
            free *= 1 - self.cover[j]
        return np.asarray(1 - free, np.float32)

    def accept(self) -> None:
        """Take the places found into the layers' motion, as far as the layers are to be seen."""
        for k, layer in enumerate(self.layers):
            front = self._covered(self.order[: self.order.index(k)])
            cover = self.cover[k]
            total = float(layer.shape.sum()) + 1e-6
            layer.visible = float(((1 - front) * cover * self.window.foreground).sum()) / total
            layer.move(layer.corner, min(1.0, 1.5 * layer.visible))

    # --- who is in front ----------------------------------------------------------------

    def settle_order(self) -> None:
        """Order the layers from front to back, by colours where two overlap, by feet else."""
        count = len(self.layers)
        front = np.zeros((count, count))
        for j in range(count):
            for k in range(j + 1, count):
                front[j, k] = self._in_front(j, k)
                front[k, j] = -front[j, k]
        score = np.sign(front).sum(1) + 0.1 * front.sum(1)
        ids = [layer.id for layer in self.layers]
        self.front = front
        self.order = sorted(range(count), key=lambda k: (-round(score[k], 6), ids[k]))

    def _in_front(self, j: int, k: int) -> float:
        """Log-odds that j is in front of k."""
        one, other = self.layers[j], self.layers[k]
        remembered = one.over.get(other.id, 0.0)
        feet = one.box[2] - other.box[2]
        prior = np.clip(feet / (0.1 * min(one.size, other.size) + 1.0), -1, 1)
        return float(remembered + 0.5 * prior + self._evidence(j, k))

    def _evidence(self, j: int, k: int) -> float:
        a, b = self.layers[j].box, self.layers[k].box
        top, left = max(a[0], b[0]), max(a[1], b[1])
        bottom, right = min(a[2], b[2]), min(a[3], b[3])
        y, x = self.window.corner
        if bottom <= top or right <= left or bottom <= y or right <= x:
            return 0.0
        part = np.s_[max(0, top - y) : bottom - y, max(0, left - x) : right - x]
        both = self.cover[j][part] * self.cover[k][part] * self.window.foreground[part]
        weight = float(both.sum())
        if weight < 3:
            return 0.0
        difference = float((both * (self.fit[j][part] - self.fit[k][part])).sum())
        return float(np.clip(0.15 * difference, -4, 4))

    # --- E-step -------------------------------------------------------------------------

    def share(self) -> Mixture:
        """Say for every pixel of the foreground whose it is."""
        import cv2

        window, count = self.window, len(self.layers)
        inside = window.foreground
        height, width = inside.shape
        place: Plane = np.empty((count + 1, height, width), np.float32)
        free = np.ones((height, width), np.float32)
        for k in self.order:
            layer = self.layers[k]
            y = np.arange(height) + (window.corner[0] - layer.corner[0]) - layer.middle[0]
            x = np.arange(width) + (window.corner[1] - layer.corner[1]) - layer.middle[1]
            p = layer.precision
            far = p[0, 0] * y[:, None] ** 2 + 2 * p[0, 1] * y[:, None] * x + p[1, 1] * x**2
            place[k] = (1 - _TAIL) * self.cover[k] * free + _TAIL * np.exp(-0.5 * far)
            free *= 1 - self.cover[k]
        place[count] = _ANYBODY
        prior = np.log(place + _NOWHERE)
        prior[:count] += np.float32(_STRENGTH) * self.fit
        prior[count] += np.float32(_STRENGTH * -0.7)
        weight = inside.astype(np.float32)
        side = 3 if min(layer.size for layer in self.layers) < 12 else 5
        density = np.maximum(cv2.blur(weight, (side, side)), 1e-6)
        log = prior
        for _ in range(2):
            gamma = _softmax(log) * weight
            near = np.stack([cv2.blur(plane, (side, side)) for plane in gamma]) / density
            log = prior + np.log(near + np.float32(0.02))
        log = np.round(log, 3)
        owner = np.where(inside, log[:count].argmax(0), -1)
        stray = inside & (log[count] > log[:count].max(0))
        state, visible = [], []
        for k, layer in enumerate(self.layers):
            own = owner == k
            # Whether it goes on behind those in front of it, nobody knows.
            plane = np.where(own, np.uint8(1), np.uint8(0))
            for j in range(count):
                if j != k and self.front[j, k] > -2:
                    plane[owner == j] = 2
            plane[stray] = 2
            state.append(plane)
            visible.append(int(np.count_nonzero(own & ~stray)))
            layer.over = {
                other.id: float(
                    np.clip(
                        0.85 * layer.over.get(other.id, 0.0) + 0.5 * self._evidence(k, j), -5, 5
                    )
                )
                for j, other in enumerate(self.layers)
                if j != k
            }
        return Mixture(owner, stray, state, visible)


def _softmax(log: Plane) -> Any:
    shifted = np.exp(log - log.max(0))
    return shifted / shifted.sum(0)
