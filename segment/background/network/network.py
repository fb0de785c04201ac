"""From planes of statistics to posteriors, by a small network where there is doubt.

Two networks. A glance at each block, at the largest values and the means of some of its
statistics, says where there may be anything but plain background. There the other looks closely, a
U of three levels: at each level two convolutions, of which the very first mixes planes pixel by
pixel; the coarsest is told what the glance saw around it; on the way back one more over the sum of
the coarser level and what was found on the way there. Its last maps are the logits of foreground of
2 x 2 pixels, and one of shadow.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.background.network import blocks, kernels
from segment.background.network.records import BLOCK, Bytes, Flow, Layer

__all__ = ["Network"]

# Statistics are divided by this: they were in training.
_SCALE = np.float32(1 / 64)

# Posteriors by logits from -8 to 8 in steps of 1/64.
_TABLE = np.rint(255 / (1 + np.exp(-(np.arange(1024) - 511.5) / 64))).astype(np.uint8)

# Pixels of a level below which a second thread is not worth waking.
_WORTH = 4096

# Pixels along a block of the three levels, and of the blocks themselves.
_STEPS = (BLOCK, BLOCK // 2, BLOCK // 4, 1)
_BLOCKS = 3

# Maps of which what lies beside is read: it must go when a block is no longer looked at.
_READ_BESIDE = ("e0", "f0", "p1", "a1", "b1", "p2", "a2", "s2", "s1", "s0")


class Network:
    """The network with the maps of one size of picture; it keeps nothing from frame to frame.

    Parameters
    ----------
    layers : of `weights.load`.
    size : (h, w), half-resolution pixels.
    glanced : planes that the glance reads.
    """

    def __init__(
        self, layers: Mapping[str, Layer], size: tuple[int, int], glanced: tuple[int, ...]
    ) -> None:
        self._layers = layers
        self._glanced = np.array(glanced, np.uint8)
        self._rows, self._columns = (-(-side // BLOCK) for side in size)
        shape = self._rows, self._columns
        self._active, self._left = np.zeros((2, *shape), np.uint8)
        self._open = [self._plane(step) for step in _STEPS]
        self._restless = self._plane(1)
        c0, c1, c2, glance = (layers[name].bias.size for name in ("e0", "a1", "a2", "g0"))
        levels = {
            "e0": (c0, 0), "f0": (c0, 0), "s0": (c0, 0), "u0": (c0, 0), "out": (8, 0),
            "p1": (c0, 1), "a1": (c1, 1), "b1": (c1, 1), "s1": (c1, 1), "u1": (c1, 1),
            "t0": (c0, 1), "p2": (c1, 2), "a2": (c2, 2), "b2": (c2, 2), "s2": (c2, 2),
            "u2": (c2, 2), "t1": (c1, 2), "blocks": (2 * len(glanced), _BLOCKS),
            "g0": (glance, _BLOCKS), "doubt": (4, _BLOCKS), "c1": (c2, _BLOCKS),
        }  # fmt: skip
        self._levels = {name: level for name, (_, level) in levels.items()}
        self._maps = {name: self._make(*how) for name, how in levels.items()}

    @property
    def active(self) -> Bytes:
        """Blocks (rows, columns) that the last frame left in doubt, 0 or 1."""
        return self._active

    @property
    def looked(self) -> float:
        """Share of the blocks, in [0, 1], that the last frame left in doubt."""
        return float(np.count_nonzero(self._active)) / self._active.size

    def glance(self, planes: Bytes, restless: Bytes, threads: int) -> bool:
        """Find the blocks in which there may be anything but background; whether there are any.

        planes (P, h, w) uint8, of which only those for the glance are read, and only in blocks
        that are restless, (rows, columns) uint8.
        """
        maps, width = self._maps, planes.shape[2]

        def work(start: int, stop: int) -> None:
            room = np.empty(width, np.uint8), np.empty(width, np.uint16)
            blocks.pool(planes, self._glanced, restless, _SCALE, *room, maps["blocks"], start, stop)

        rows.over_rows(work, self._rows, threads, 8)
        blocks.open_up(restless, 1, self._restless)
        spans = np.empty((2, self._columns), np.int64)
        flow = Flow(restless, self._restless, 1, spans[0], spans[1])
        kernels.convolve_all(maps["blocks"], self._layers["g0"], self._restless, maps["g0"])
        kernels.mix(maps["g0"], self._layers["doubt"], flow, maps["doubt"], 0, self._rows)
        found = blocks.choose(maps["doubt"][0], restless, self._active, self._left)
        if self._left.any():
            for name in _READ_BESIDE:
                blocks.wipe(maps[name], self._left, _STEPS[self._levels[name]])
        for step, plane in zip(_STEPS, self._open, strict=True):
            blocks.open_up(self._active, step, plane)
        return bool(found)

    def judge(self, planes: Bytes, foreground: Bytes, shadow: Bytes, threads: int) -> None:
        """Write the posteriors of foreground and of shadow, (H, W) uint8, 255 is certain.

        planes (P, h, w) uint8, as they are where `glance` left doubt; elsewhere both are 0.
        """
        maps = self._maps
        foreground[:], shadow[:] = 0, 0

        def enter(flow: Flow, out: Any, start: int, stop: int) -> None:
            desk = np.empty((planes.shape[0], self._open[0].shape[1]), np.float32)
            kernels.enter(planes, _SCALE, self._layers["e0"], flow, desk, out, start, stop)

        def answer(flow: Flow, out: Any, start: int, stop: int) -> None:
            found = np.empty((5, BLOCK), np.uint8)
            kernels.answer(out, flow, _TABLE, found, foreground, shadow, start, stop)

        def convolve(source: str, name: str) -> None:
            self._over(name, self._given(kernels.convolve, source, name), threads)

        def mix(source: str, name: str) -> None:
            self._over(name, self._given(kernels.mix, source, name), threads)

        def halve(source: str, name: str) -> None:
            self._over(name, lambda flow, *rest: kernels.halve(maps[source], flow, *rest), threads)

        def add(coarse: str, fine: str, name: str) -> None:
            def work(flow: Flow, *rest: Any) -> None:
                kernels.add_finer(maps[coarse], maps[fine], flow, *rest)

            self._over(name, work, threads)

        kernels.convolve_all(maps["g0"], self._layers["c1"], self._open[_BLOCKS], maps["c1"])
        self._over("e0", enter, threads)
        convolve("e0", "f0")
        halve("f0", "p1")
        convolve("p1", "a1")
        convolve("a1", "b1")
        halve("b1", "p2")
        convolve("p2", "a2")
        convolve("a2", "b2")
        add("c1", "b2", "s2")
        convolve("s2", "u2")
        mix("u2", "t1")
        add("t1", "b1", "s1")
        convolve("s1", "u1")
        mix("u1", "t0")
        add("t0", "f0", "s0")
        convolve("s0", "u0")
        mix("u0", "out")
        self._over("out", answer, threads)

    def _given(self, kernel: Any, source: str, name: str) -> Callable[..., None]:
        maps, layer = self._maps, self._layers[name]

        def work(flow: Flow, *rest: Any) -> None:
            kernel(maps[source], layer, flow, *rest)

        return work

    def _over(self, name: str, work: Callable[..., None], threads: int) -> None:
        """Make a map, its rows of blocks shared out among threads."""
        level = self._levels[name]
        step = _STEPS[level]

        def band(start: int, stop: int) -> None:
            spans = np.empty((2, self._columns), np.int64)
            flow = Flow(self._active, self._open[level], step, spans[0], spans[1])
            work(flow, self._maps[name], start, stop)

        worth = max(1, _WORTH // (self._columns * step * step))
        rows.over_rows(band, self._rows, threads, worth)

    def _plane(self, step: int) -> NDArray[np.float32]:
        """One row of a level for every row of blocks; spans may go beyond the last block."""
        width = -(-self._columns * step // kernels.VECTOR) * kernels.VECTOR + kernels.VECTOR
        return np.zeros((self._rows, width), np.float32)

    def _make(self, count: int, level: int) -> NDArray[np.float32]:
        step = _STEPS[level]
        width = self._open[level].shape[1] + 2
        return np.zeros((count, self._rows * step + 2, width), np.float32)
