"""EM over one cluster of foreground that several layers share: who covers which pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.grouping.layer import Layer, Plane, chances
from segment.grouping.regions import Floats, Integers

_SURE = 0.97  # a template is never surer than this
_ODD = 0.05  # share of an object's pixels that look like nothing seen before
_PIXELS = 25.0  # so many independent ones a template has when it is moved
_NEW = 5  # frames before a velocity says much


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
    owner : (H, W) int32, position in the list of layers, -1 outside the foreground.
    stray : (H, W) bool, foreground that no layer explains.
    visible : for every layer, how many pixels are its own and not stray.
    boxes : for every layer, the box around these in the window: first row and column, last row
        and column + 1; empty ones are 0.
    first : (H, W) int32, `owner` before any layer was taken out.
    means : for every layer (N + 1,) uint8, what it means to it that a pixel is the N-th's, by
        `first`, as `Layer.learn` wants it; the last is for the background.
    """

    owner: NDArray[np.int32]
    stray: Mask
    visible: list[int]
    boxes: list[tuple[int, int, int, int]]
    first: NDArray[np.int32]
    means: list[NDArray[np.uint8]]

    def state(self, k: int, part: tuple[slice, slice]) -> NDArray[np.uint8]:
        """Return what a layer learns from a part of the window: as `Layer.learn` wants it."""
        state = self.means[k][self.first[part]]
        state[self.stray[part]] = 2
        return state


def mix(layers: list[Layer], window: Window, sweeps: int = 2) -> Mixture:
    """Move the layers (the M-step of where they are), then share the pixels out (E-step)."""
    cluster = _Cluster(layers, window)
    cluster.settle_order()
    for _ in range(sweeps):
        if not cluster.move():
            break  # nor would the order be another, nor anybody move the next time
        cluster.settle_order()
    cluster.accept()
    return cluster.share()


def without(mixture: Mixture, keep: int, go: int) -> None:
    """Give what one layer has to another, and take it out."""
    owner = np.where(mixture.owner == go, np.int32(keep), mixture.owner)
    owner[owner > go] -= 1  # in this order: `keep` may be one of them
    mixture.owner = owner
    kept, gone = mixture.means[keep], mixture.means[go]
    kept[gone == 1] = 1
    one, other = mixture.boxes[keep], mixture.boxes[go]
    if not mixture.visible[keep] or not mixture.visible[go]:
        mixture.boxes[keep] = one if mixture.visible[keep] else other
    else:
        mixture.boxes[keep] = (
            min(one[0], other[0]),
            min(one[1], other[1]),
            max(one[2], other[2]),
            max(one[3], other[3]),
        )
    mixture.visible[keep] += mixture.visible[go]
    del mixture.means[go], mixture.visible[go], mixture.boxes[go]


class _Cluster:
    """Layers over a window. A template's planes are kept once, wherever it is moved."""

    def __init__(self, layers: list[Layer], window: Window) -> None:
        from segment.grouping import kernels

        self.layers = layers
        self.window = window
        self.corner = np.array(window.corner, np.intp)
        count, channels = len(layers), window.image.shape[2]
        sizes = np.array([layer.shape.size for layer in layers])
        self.boxes: Integers = np.empty((count, 5), np.intp)
        self.boxes[:, :2] = np.array([layer.corner for layer in layers]) - self.corner
        self.boxes[:, 2:4] = [layer.shape.shape for layer in layers]
        self.boxes[:, 4] = np.cumsum(sizes) - sizes
        shapes: Plane = np.concatenate([layer.shape.reshape(-1) for layer in layers])
        self.covers: Plane = np.minimum(shapes, np.float32(_SURE))
        self.fits: Plane = np.zeros(shapes.size, np.float32)
        likely: Plane = chances(np.stack([layer.histogram for layer in layers]))
        self.logs: Plane = np.log(np.float32(_ODD) + np.float32(1 - _ODD) * likely)
        self.templates = kernels.Templates(
            self.covers,
            np.concatenate([layer.colour.reshape(-1, channels) for layer in layers]),
            np.concatenate([layer.spread.reshape(-1) for layer in layers]),
            np.concatenate([layer.known.reshape(-1) for layer in layers]),
            self.boxes,
            likely,
            self.logs,
            self.fits,
            np.full((count, 2), np.iinfo(np.intp).min, np.intp),
        )
        self.sizes = np.array([layer.size for layer in layers])
        self.over: Floats = np.array(
            [[one.over.get(other.id, 0.0) for other in layers] for one in layers]
        )
        self.order: Integers = np.arange(count, dtype=np.intp)
        self._prepare(shapes)

    def _prepare(self, shapes: Plane) -> None:
        """Gather what the M-step wants to know of the layers."""
        from segment.grouping import kernels

        layers, window = self.layers, self.window
        lengths = np.array([len(layer.probes) for layer in layers])
        owner = np.repeat(np.arange(len(layers)), lengths)
        probes = np.concatenate([layer.probes for layer in layers])
        rows, columns = np.ascontiguousarray(probes.T)
        at = self.boxes[owner, 4] + rows * self.boxes[owner, 3] + columns
        self.probes = kernels.Probes(
            np.concatenate([[0], np.cumsum(lengths)]),
            rows,
            columns,
            shapes[at],
            self.templates.spreads[at],
            self.templates.colours[at],
        )
        # A velocity that is not known yet, or was long ago, makes the place uncertain.
        hidden, age = np.array([(layer.hidden, layer.age) for layer in layers]).T
        self.loose = 1.0 + 0.04 * self.sizes + 0.2 * np.minimum(hidden, 0.15 * self.sizes)
        self.loose += np.where(age < _NEW, 0.15 * self.sizes, 0.0)
        self.places = np.array([layer.place for layer in layers]) - self.corner
        pixels = window.foreground.size
        self.scratch = kernels.Scratch(
            np.empty((4, pixels), np.float32),
            np.empty(window.image.size, np.uint8),
            np.empty((9, 9)),
        )

    # --- M-step: where ------------------------------------------------------------------

    def move(self) -> bool:
        """Shift every layer to where it explains most of what the others leave; any at all?"""
        from segment.grouping import kernels

        before = self.boxes[:, :2].copy()
        kernels.sweep(
            self.order,
            self.templates,
            self.probes,
            self.places,
            self.loose,
            _PIXELS,
            self.window.image,
            self.window.foreground,
            self.scratch,
        )
        return bool((self.boxes[:, :2] != before).any())

    def accept(self) -> None:
        """Take the places found into the layers' motion, as far as the layers are to be seen."""
        from segment.grouping import kernels

        seen = np.empty(len(self.layers))
        inside = self.window.foreground
        free = np.empty(inside.shape, np.float32)
        kernels.show(self.covers, self.boxes, self.order, inside, free, seen)
        corners = self.boxes[:, :2] + self.corner
        for layer, pixels, corner in zip(self.layers, seen.tolist(), corners, strict=True):
            layer.visible = pixels / (float(layer.shape.sum()) + 1e-6)
            layer.move(corner, min(1.0, 1.5 * layer.visible))

    # --- who is in front ----------------------------------------------------------------

    def settle_order(self) -> None:
        """Order the layers from front to back, by colours where two overlap, by feet else."""
        self.evidence = self._evidence()
        if len(self.layers) == 1:
            self.front = np.zeros((1, 1))
            return
        feet = self.boxes[:, 0] + self.boxes[:, 2]
        less = np.minimum(self.sizes[:, None], self.sizes)
        prior = np.clip((feet[:, None] - feet) / (0.1 * less + 1.0), -1, 1)
        # What is remembered is what the first of two remembers.
        front = np.triu(self.over + 0.5 * prior + self.evidence, 1)
        self.front = front - front.T
        score = np.sign(self.front).sum(1) + 0.1 * self.front.sum(1)
        ids = np.array([layer.id for layer in self.layers])
        self.order = np.lexsort((ids, -np.round(score, 6)))

    def _evidence(self) -> Floats:
        """How much better the row's layer than the column's fits where they overlap, (N, N)."""
        from segment.grouping import kernels

        weight, found = np.zeros((2, len(self.layers), len(self.layers)))
        if len(self.layers) > 1:
            kernels.evidence(
                self.templates, self.window.image, self.window.foreground, weight, found
            )
        return found

    # --- E-step -------------------------------------------------------------------------

    def share(self) -> Mixture:
        """Say for every pixel of the foreground whose it is."""
        owner, stray = self._owners()
        visible, boxes, means = self._results(owner, stray)
        return Mixture(owner, stray, visible, boxes, owner, means)

    def _owners(self) -> tuple[NDArray[np.int32], Mask]:
        import cv2

        from segment.grouping import kernels

        window, count = self.window, len(self.layers)
        inside = window.foreground
        for k in self.order.tolist():
            kernels.fit(self.templates, k, window.image, inside)
        gauss = np.empty((count, 5))
        gauss[:, :2] = self.boxes[:, :2] + np.array([layer.middle for layer in self.layers])
        for k, layer in enumerate(self.layers):
            p = layer.precision
            gauss[k, 2:] = p[0, 0], 2 * p[0, 1], p[1, 1]
        start, number = np.empty((2, *inside.shape), np.int32)
        most = (count + 1) * int(np.count_nonzero(inside))
        who = np.empty(most, np.int32)
        prior, log, gamma = np.empty((3, most), np.float32)
        owner = np.full(inside.shape, -1, np.int32)
        stray = np.zeros(inside.shape, bool)
        top = np.zeros(inside.shape, np.uint16)
        doubt = np.zeros(inside.shape, np.uint8)
        kernels.candidates(
            self.covers,
            self.fits,
            self.boxes,
            self.order,
            gauss,
            self.logs,
            window.image,
            inside,
            np.empty(count, np.intp),
            np.empty((count, 3), np.intp),
            np.empty((count, 4), np.float32),
            np.empty(count, np.float32),
            start,
            number,
            who,
            prior,
            owner,
            stray,
            top,
            doubt,
        )
        half = 1 if self.sizes.min() < 12 else 2
        # A pixel's neighbours count, and in turn theirs: where the same layer is the likeliest
        # in all of them, it stays so.
        wide = np.ones((4 * half + 1, 4 * half + 1), np.uint8)
        least = cv2.erode(np.where(inside, top, np.uint16(65535)), wide)
        doubt = ((doubt > 1) | ((doubt > 0) & (cv2.dilate(top, wide) != least))).view(np.uint8)
        side = np.ones((2 * half + 1, 2 * half + 1), np.uint8)
        once = cv2.dilate(doubt, side)
        level = (doubt + once + cv2.dilate(once, side)) * inside
        kernels.soften(level, 1, start, number, prior, gamma)
        share = np.empty(count + 1)
        lists = start, number, who, prior
        kernels.smooth(level, 2, half, inside, *lists, gamma, share, log)
        kernels.soften(level, 2, start, number, log, gamma)
        kernels.smooth(level, 3, half, inside, *lists, gamma, share, log)
        kernels.decide(level, 3, start, number, who, log, count, owner, stray)
        return owner, stray

    def _results(
        self, owner: NDArray[np.int32], stray: Mask
    ) -> tuple[list[int], list[tuple[int, int, int, int]], list[NDArray[np.uint8]]]:
        from segment.grouping import kernels

        count = len(self.layers)
        visible, boxes = np.empty(count, np.intp), np.empty((count, 4), np.intp)
        kernels.tally(owner, stray, visible, boxes)
        # Whether it goes on behind those in front of it, nobody knows.
        means = np.zeros((count, count + 1), np.uint8)
        means[:, :count][self.front.T > -2] = 2
        np.fill_diagonal(means, 1)
        over = np.clip(0.85 * self.over + 0.5 * self.evidence, -5, 5).tolist()
        for k, layer in enumerate(self.layers):
            layer.over = {other.id: over[k][j] for j, other in enumerate(self.layers) if j != k}
        return (
            visible.tolist(),
            [(box[0], box[1], box[2], box[3]) for box in boxes.tolist()],
            list(means),
        )
