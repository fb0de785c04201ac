"""Light or somebody: what of a mask has an edge in the picture, and what only changed its light.

Clouds, lamps and mist change a picture softly, and what is behind stays to be seen in it; somebody
in front begins and ends within a few pixels. Both are looked for in the picture's share of a coarse
background: on a dark wall beside a bright one light makes no edge in that.
"""

import math

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image

__all__ = ["Backdrop"]

_LOOK = 0.4  # seconds between two looks at the background
_FOLLOW = 0.1  # share of a look that is learned
_ALIKE = 0.5  # correlation of its fine structure with the background's above which it is light
_PLAIN = 0.9  # grey levels of structure below which that says nothing
_ACROSS = 4  # cells within which an edge rises
_EDGE = (
    0.12  # by how much, in natural logarithms of light: clouds make .02 to .10, people .4 to 1.3
)
_APART = 3  # cells from one to the next by which noise is measured
_LOUD = 4.0  # times the step that noise makes in the median
_FAINT = 0.03  # less change than this is none
_BODY = 10  # cells from an edge to the next one of the same body, at most twice this,
_RIM = 3  # and from an edge to where the mask of it ends
_BLACK = 8.0  # grey levels that are added: in the dark, noise is no share of anything

Part = tuple[slice, slice]
Plane = NDArray[np.float32]

_LOG = np.log(np.arange(256, dtype=np.float32) + np.float32(_BLACK))


class Backdrop:
    """A coarse grey background, and what of the picture is that background in another light."""

    def __init__(self) -> None:
        self._plain: Plane | None = None
        self._logs: Plane | None = None  # of the plain background
        self._noise = 0.0  # step across some cells, in the median of the cells without anybody
        self._looked = -math.inf

    def look(
        self, image: Image, coarse: NDArray[np.bool_], step: int, time: float
    ) -> NDArray[np.uint8]:
        """The coarse picture, grey; the background follows it where nothing is in front."""
        import cv2

        green = image[step // 2 :: step, step // 2 :: step, image.shape[2] // 2]
        grey = np.ascontiguousarray(green)
        if self._plain is None:
            self._plain, self._looked = grey.astype(np.float32), time
            self._logs = _LOG[grey]
        elif time - self._looked >= _LOOK:
            self._looked = time
            unseen = (~coarse).view(np.uint8)
            cv2.accumulateWeighted(grey, self._plain, _FOLLOW, unseen)
            cv2.log(self._plain + np.float32(_BLACK), self._logs)
            if unseen.any():
                everywhere = slice(0, grey.shape[0]), slice(0, grey.shape[1])
                steps = _steps(self._change(grey, everywhere), _APART)
                self._noise = float(np.median(steps[unseen[::_APART, ::_APART] > 0]))
        return grey

    def edged(self, grey: NDArray[np.uint8], numbers: NDArray[np.int32]) -> NDArray[np.bool_]:
        """What (H, W) of the blobs in `numbers` (H, W) lies at an edge, or between edges.

        A blob with an edge about most of it stays whole, and so does one in which the picture does
        not change at all: its colour may tell it.
        """
        import cv2

        coarse = numbers > 0
        rows, columns = np.flatnonzero(coarse.any(axis=1)), np.flatnonzero(coarse.any(axis=0))
        reach = _BODY + _RIM
        where = (
            slice(max(0, int(rows[0]) - reach), int(rows[-1]) + reach + 1),
            slice(max(0, int(columns[0]) - reach), int(columns[-1]) + reach + 1),
        )
        part = np.ascontiguousarray(coarse[where]).view(np.uint8)
        change = self._change(grey, where)
        front = np.asarray(cv2.dilate(part, np.ones((_ACROSS + 1, _ACROSS + 1), np.uint8)))
        least = max(_EDGE, _LOUD * self._noise)
        edges = ((_steps(change) > least) & (front > 0)).view(np.uint8)
        grown = cv2.dilate(edges, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        body = np.asarray(cv2.erode(grown, np.ones((2 * _BODY + 1, 2 * _BODY + 1), np.uint8)))
        near = np.ones((3, 3), np.uint8)
        inner, crisp = np.asarray(cv2.erode(part, near)), np.asarray(cv2.dilate(edges, near))
        # Few cells are of a blob: the rest is of these.
        cells = np.flatnonzero(part)
        own, held = numbers[where].reshape(-1)[part.reshape(-1) > 0], body.reshape(-1)[cells] > 0
        rim = inner.reshape(-1)[cells] == 0
        areas, changed, holds, rims, crisps = (
            np.bincount(those, minlength=int(own.max()) + 1)
            for those in (
                own,
                own[np.abs(change.reshape(-1)[cells]) > _FAINT],
                own[held],
                own[rim],
                own[rim & (crisp.reshape(-1)[cells] > 0)],
            )
        )
        whole = (crisps > rims / 2) | ((holds == 0) & (changed < areas / 2))
        kept = np.zeros(part.size, np.bool_)
        kept[cells] = held | whole[own]
        seen = np.zeros_like(coarse)
        seen[where] = kept.reshape(part.shape)
        return seen

    def is_light(self, grey: NDArray[np.uint8], inside: NDArray[np.bool_], where: Part) -> bool:
        """Whether the blob `inside` the part `where` shows the fine structure that is behind it."""
        import cv2

        assert self._plain is not None
        now, then = np.asarray(grey[where], np.float32), self._plain[where]
        one, other = (
            (part - np.asarray(cv2.blur(part, (5, 5)), np.float32))[inside] for part in (now, then)
        )
        telling = other.std() >= _PLAIN and one.std() > 1e-6
        return bool(telling) and float(np.corrcoef(one, other)[0, 1]) > _ALIKE

    def _change(self, grey: NDArray[np.uint8], where: Part) -> Plane:
        """How much lighter a part is than its background, in logarithms."""
        import cv2

        assert self._logs is not None
        change = np.asarray(cv2.LUT(grey[where], _LOG), np.float32)
        change -= self._logs[where]
        return np.asarray(cv2.blur(change, (3, 3)), np.float32)


def _steps(change: Plane, apart: int = 1) -> Plane:
    """By how much it changes across each cell, or across some, so many cells apart."""
    half = _ACROSS // 2
    steps = np.zeros((-(-change.shape[0] // apart), -(-change.shape[1] // apart)), np.float32)
    # The first cell, of those looked at, that has others on both sides.
    first = -(-half // apart) * apart
    begin = first - half
    across = np.abs(change[::apart, first + half :: apart] - change[::apart, begin:-_ACROSS:apart])
    down = np.abs(change[first + half :: apart, ::apart] - change[begin:-_ACROSS:apart, ::apart])
    first //= apart
    steps[:, first : first + across.shape[1]] = across
    inner = steps[first : first + down.shape[0]]
    np.maximum(inner, down, out=inner)
    return steps
