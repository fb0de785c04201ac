"""The learned E-step: from statistics to posteriors, by a small network where there is doubt.

Two networks. A glance at each block, at the largest values and the means of its statistics, says
where there may be anything but plain background. There, and in the blocks beside, the other looks
closely, a U of four levels: at each level two convolutions with 3 x 3, on the way back one over the
sum of the coarser level and what was found on the way there. Its last maps are the logits of
foreground of 2 x 2 pixels, and one of shadow.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.background.learned import weights
from segment.background.learned.kernels import network as kernels
from segment.background.learned.kernels.records import BLOCK, Bytes, Flow, Layer

__all__ = ["Network"]

# Weights without a glance: softened distance (of 255) from which on a pixel is no longer plainly
# background, and last posterior (of 255) above which it is doubtful, as they were trained.
_LOW, _DOUBTFUL = np.uint8(62), np.uint8(24)

# Statistics are divided by this: they were in training.
_SCALE = np.float32(1 / 64)

# Posteriors by logits from -8 to 8 in steps of 1/64.
_TABLE = np.rint(255 / (1 + np.exp(-(np.arange(1024) - 511.5) / 64))).astype(np.uint8)

# Half-resolution pixels of a level below which a second thread is not worth waking.
_WORTH = 4096

_STEPS = (BLOCK, BLOCK // 2, BLOCK // 4, BLOCK // 8)


class Network:
    """The network with the maps of one size of picture; it keeps nothing from frame to frame.

    Parameters
    ----------
    layers : of `weights.load`.
    size : (h, w), half-resolution pixels.
    """

    def __init__(self, layers: Mapping[str, Layer], size: tuple[int, int]) -> None:
        self._layers = layers
        self._rows, self._columns = (-(-side // BLOCK) for side in size)
        shape = self._rows, self._columns
        self._active = np.zeros(shape, np.uint8)
        self._hot = np.zeros(shape, np.uint8)
        self._everywhere = np.ones(shape, np.uint8)
        self._learned = "g0" in layers
        self._open = [self._plane(step) for step in _STEPS]
        counts = [layers[name].bias.size for name in ("e0", "a1", "a2", "a3")]
        c0, c1, c2, c3 = counts
        planes = layers["e0"].weight.shape[1]
        glance = layers["g0"].bias.size if self._learned else 4
        levels = {
            "seen": (planes, 0), "e0": (c0, 0), "s0": (c0, 0), "u0": (c0, 0), "out": (8, 0),
            "p1": (c0, 1), "a1": (c1, 1), "b1": (c1, 1), "s1": (c1, 1), "u1": (c1, 1),
            "t0": (c0, 1), "p2": (c1, 2), "a2": (c2, 2), "b2": (c2, 2), "s2": (c2, 2),
            "u2": (c2, 2), "t1": (c1, 2), "p3": (c2, 3), "a3": (c3, 3), "b3": (c3, 3),
            "blocks": (2 * planes, 3), "g0": (glance, 3), "doubt": (4, 3),
        }  # fmt: skip
        self._levels = {name: level for name, (_, level) in levels.items()}
        self._maps = {name: self._make(*how) for name, how in levels.items()}

    @property
    def looked(self) -> float:
        """Share of the blocks, in [0, 1], that the last frame left in doubt."""
        return float(np.count_nonzero(self._active)) / self._active.size

    def judge(self, planes: Bytes, size: tuple[int, int], threads: int) -> tuple[Bytes, Bytes]:
        """Return the posteriors of foreground and of shadow, (H, W) uint8, 255 is certain.

        planes (P, h, w) uint8; size (H, W) of the picture.
        """
        foreground, shadow = np.zeros((2, *size), np.uint8)
        before = self._active.copy()
        if not self._glance(planes):
            self._clear(before)
            return foreground, shadow
        self._clear(before & (1 - self._active))
        for step, plane in zip(_STEPS, self._open, strict=True):
            plane[:, : self._columns * step] = np.repeat(self._active, step, axis=1)
        maps, active = self._maps, self._active

        def make(out: str, work: Any, *given: Any) -> None:
            level = self._levels[out]
            step = _STEPS[level]

            def band(start: int, stop: int) -> None:
                spans = np.empty((2, self._columns), np.int64)
                flow = Flow(active, self._open[level], step, spans[0], spans[1])
                work(*given, flow, maps[out], start, stop)

            height = self._rows * step
            worth = max(1, _WORTH // max(1, self._columns * step))
            rows.over_rows(band, height, threads, worth)

        def convolve(source: str, name: str) -> None:
            make(name, kernels.convolve, maps[source], self._layers[name])

        def mix(source: str, name: str) -> None:
            make(name, kernels.mix, maps[source], self._layers[name])

        def fetch(start: int, stop: int) -> None:
            kernels.fetch(planes, active, _SCALE, maps["seen"], start, stop)

        rows.over_rows(fetch, self._rows * BLOCK, threads, 16)
        convolve("seen", "e0")
        make("p1", kernels.halve, maps["e0"])
        convolve("p1", "a1")
        convolve("a1", "b1")
        make("p2", kernels.halve, maps["b1"])
        convolve("p2", "a2")
        convolve("a2", "b2")
        make("p3", kernels.halve, maps["b2"])
        convolve("p3", "a3")
        convolve("a3", "b3")
        make("s2", kernels.add_finer, maps["b3"], maps["b2"])
        convolve("s2", "u2")
        mix("u2", "t1")
        make("s1", kernels.add_finer, maps["t1"], maps["b1"])
        convolve("s1", "u1")
        mix("u1", "t0")
        make("s0", kernels.add_finer, maps["t0"], maps["e0"])
        convolve("s0", "u0")
        mix("u0", "out")

        def answer(start: int, stop: int) -> None:
            kernels.answer(maps["out"], active, _TABLE, foreground, shadow, start, stop)

        rows.over_rows(answer, planes.shape[1], threads, 16)
        return foreground, shadow

    def _glance(self, planes: Bytes) -> int:
        """Find the blocks in which there may be anything but background, and how many they are."""
        if not self._learned:
            return int(kernels.find_doubt(planes, _LOW, _DOUBTFUL, self._hot, self._active))
        maps, width = self._maps, planes.shape[2]
        room = np.empty(width, np.uint8), np.empty(width, np.uint16)
        kernels.pool(planes, _SCALE, *room, maps["blocks"], 0, self._rows)
        spans = np.empty((2, self._columns), np.int64)
        everywhere = np.ones_like(self._open[3])
        flow = Flow(self._everywhere, everywhere, 1, spans[0], spans[1])
        kernels.convolve(maps["blocks"], self._layers["g0"], flow, maps["g0"], 0, self._rows)
        kernels.mix(maps["g0"], self._layers["doubt"], flow, maps["doubt"], 0, self._rows)
        return int(kernels.choose(maps["doubt"][0], self._active))

    def _plane(self, step: int) -> NDArray[np.float32]:
        """One row of a level for every row of blocks; spans may go beyond the last block."""
        width = -(-self._columns * step // kernels.VECTOR) * kernels.VECTOR + kernels.VECTOR
        return np.zeros((self._rows, width), np.float32)

    def _make(self, count: int, level: int) -> NDArray[np.float32]:
        step = _STEPS[level]
        width = self._open[level].shape[1] + 2
        return np.zeros((count, self._rows * step + 2, width), np.float32)

    def _clear(self, left: Bytes) -> None:
        """Set to 0 what was computed in blocks that are no longer active: neighbours read it."""
        for row, column in np.argwhere(left):
            for name in weights.CONVOLVED:
                step = _STEPS[self._levels[name]]
                top, side = row * step + 1, column * step + 1
                self._maps[name][:, top : top + step, side : side + step] = 0
