"""From planes of statistics to posteriors, by a small network where there is doubt.

Two networks. A glance at each block, at the largest values and the means of some of its
statistics, says where there may be anything but plain background. There the other looks closely, a
U of three levels: at each level two convolutions, of which the very first mixes planes pixel by
pixel; the coarsest is told what the glance saw around it; on the way back one more over the sum of
the coarser level and what was found on the way there. Its last maps are the logits of foreground of
2 x 2 pixels, and one of shadow.
"""

import numpy as np

from segment import threads as rows
from segment.background.network import blocks, passes
from segment.background.network.cuts import cut_rows
from segment.background.network.records import BLOCK, EVIDENCE, Bytes, Floats, Layers, Room, Runs
from segment.background.network.strips import size_of

__all__ = ["Network"]

# Statistics are divided by this: they were in training.
_SCALE = np.float32(1 / 64)

# Mean of what a gain leaves of a block, as the glance reads it: ten variances in every pixel.
_MUCH = np.float32(96) * _SCALE

# Posteriors by logits from -8 to 8 in steps of 1/64.
_TABLE = np.rint(255 / (1 + np.exp(-(np.arange(1024) - 511.5) / 64))).astype(np.uint8)

# Blocks in doubt that are worth a thread, and what a row of them costs beside, in blocks.
_WORTH, _ROW = 32, 2.5


class Network:
    """The network with the maps of one size of picture; it keeps nothing from frame to frame.

    Parameters
    ----------
    layers : of `weights.load`.
    size : (h, w), half-resolution pixels.
    glanced : planes that the glance reads.
    """

    def __init__(self, layers: Layers, size: tuple[int, int], glanced: tuple[int, ...]) -> None:
        self._layers = layers
        self._glanced = np.array(glanced, np.uint8)
        self._evident = len(glanced) + glanced.index(EVIDENCE)
        self._rows, self._columns = (-(-side // BLOCK) for side in size)
        self._active = np.zeros((self._rows, self._columns), np.uint8)
        most = (self._columns + 1) // 2
        self._runs = Runs(
            *np.zeros((2, self._rows, most), np.int64), *np.zeros((2, self._rows), np.int64)
        )

        def whole(count: int) -> Floats:
            return np.zeros((count, 1, (self._rows + 3) * (self._columns + 2) + 32), np.float32)

        self._blocks = whole(2 * len(glanced))
        self._seen, self._told = whole(layers.g0.bias.size), whole(layers.c1.bias.size)
        self._doubt = whole(layers.doubt.bias.size)
        self._rooms: list[Room] = []

    @property
    def active(self) -> Bytes:
        """Blocks (rows, columns) that the last frame left in doubt, 0 or 1."""
        return self._active

    @property
    def looked(self) -> float:
        """Share of the blocks, in [0, 1], that the last frame left in doubt."""
        return float(np.count_nonzero(self._active)) / self._active.size

    def read(self, planes: Bytes, restless: Bytes, start: int, stop: int) -> None:
        """Take in what the glance sees of the rows start to stop of blocks.

        planes (P, h, w) uint8, of which only those for the glance are read, and only in blocks
        that are restless, (rows, columns) uint8.
        """
        room = np.empty(planes.shape[2], np.uint8), np.empty(planes.shape[2], np.uint16)
        blocks.pool(planes, self._glanced, restless, _SCALE, *room, self._blocks, start, stop)

    def glance(self, restless: Bytes, wary: Bytes) -> bool:
        """Find the blocks in which there may be anything but background; whether there are any.

        restless (rows, columns) uint8, and all rows as they were read. wary (rows, columns) uint8:
        where to look in any case, if there is much that no gain explains.
        """
        found = blocks.glance(
            self._blocks, self._layers, restless, wary, self._evident, _MUCH,
            self._seen, self._doubt, self._told, self._active,
            self._runs,
        )  # fmt: skip
        return bool(found)

    def judge(self, planes: Bytes, foreground: Bytes, shadow: Bytes, threads: int) -> None:
        """Write the posteriors of foreground and of shadow, (H, W) uint8, 255 is certain.

        planes (P, h, w) uint8, as they are where `glance` left doubt; elsewhere both are 0.
        """
        foreground[:], shadow[:] = 0, 0
        edges = self._shared(threads)
        while len(self._rooms) < len(edges) - 1:
            self._rooms.append(self._make_room(planes.shape[0]))

        def work(first: int, last: int) -> None:
            for band in range(first, last):
                passes.judge(
                    planes, _SCALE, self._layers, self._runs, self._rooms[band], self._told, _TABLE,
                    foreground, shadow, edges[band], edges[band + 1],
                )  # fmt: skip

        rows.over_rows(work, len(edges) - 1, threads)

    def _shared(self, threads: int) -> list[int]:
        """Return the first rows of bands that take about the same time, and their end."""
        blocks = self._runs.blocks
        costs = np.where(blocks > 0, blocks + _ROW, 0.0)
        bands = max(1, min(threads, int(blocks.sum()) // _WORTH))
        return cut_rows(costs, passes.BEYOND, bands)

    def _make_room(self, planes: int) -> Room:
        """Return maps for a band; of those only what is looked at is ever touched."""
        c0, c1, c2 = (layer.bias.size for layer in (self._layers.e0, self._layers.a1,
                                                    self._layers.a2))  # fmt: skip
        sizes = [size_of(self._columns, BLOCK >> level) for level in range(3)]

        def strips(count: int, level: int, all_: bool = True) -> Floats:
            return np.zeros((count, self._rows if all_ else 1, sizes[level]), np.float32)

        return Room(
            e0=strips(c0, 0), f0=strips(c0, 0), u0=strips(c0, 0, False), out=strips(8, 0, False),
            p1=strips(c0, 1), a1=strips(c1, 1), b1=strips(c1, 1), u1=strips(c1, 1, False),
            t0=strips(c0, 1, False), p2=strips(c1, 2), a2=strips(c2, 2), b2=strips(c2, 2, False),
            s2=strips(c2, 2), u2=strips(c2, 2, False), t1=strips(c1, 2, False),
            desk=strips(planes, 0, False), found=np.zeros((5, sizes[0]), np.uint8),
        )  # fmt: skip
