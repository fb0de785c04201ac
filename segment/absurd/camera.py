"""Whether the camera moves all the time: quickly, from one frame to the next, or slowly.

Small pictures of two frames are cut into tiles. Every tile's shift is measured by phase
correlation, and one turn, zoom and shift for all of them is sought (RANSAC). A walker moves a few
tiles, waves move each its own way, a camera all.

Source: Kuglin and Hines, The phase correlation image alignment method, 1975.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image

__all__ = ["Movement"]

Plane = NDArray[np.float32]

_SIDE = 32  # pixels of a tile
_ACROSS = 4  # tiles on the shorter side
_TEXTURE = 2  # grey levels of deviation in a tile: sky and walls do not show whether they move,
_CLEAR = 0.25  # height of a peak, of 1: where there is only noise, it is .13 to .22
_AGREE = 0.6  # share of the tiles that one turn, zoom and shift must explain,
_TILES = 6  # and so many: any two are explained by one, and of four soft ones often three
_NEAR = 0.3  # pixels of the small picture, between a tile's shift and that
_WINDOW = np.outer(np.hanning(_SIDE), np.hanning(_SIDE)).astype(np.float32)

_PAIR = 12  # every so many frames two are compared,
_SLOWER = 5  # and ever less often: the next look is a fifth of all frames so far ahead
_LAG = 2  # frames between the two of a pair
_LEAST = 0.4  # pixels of the small picture: shifts below are the measurement's own
_ENOUGH = 3  # pairs that must have been seen before all of them mean something
_MOVES = 0.6  # share of the pairs; sound footage shows up to a quarter, drawn pans and shakes this

_FIRST, _LAST = 4, 1024  # frames: a slow look compares its first with those so far behind, doubled
_FAR = 3.0  # pixels of the small picture, of 128: a look that has come so far may be judged,
_FAR_ENOUGH = 1.5  # and at the end of the film one that has come half as far
_STEADY = (0.3, 0.7)  # half of the time is about half of the way; who shakes does not get on
_BESIDE, _NOISE = 0.3, 0.2  # share of the way, and pixels, that lie beside it
_SLOWLY = 0.6  # share of the time that was looked at


class Movement:
    """Sees every frame of a sequence; `told` at its end."""

    def __init__(self) -> None:
        self._pairs = _Pairs()
        self._slow = _Slow()

    def see(self, image: Image, count: int) -> None:
        """Take the next picture; `count` were before it."""
        self._pairs.see(image, count)
        self._slow.see(image, count)

    def told(self) -> str | None:
        """One line, or None for a camera that stands."""
        return self._pairs.told() or self._slow.told()


class _Pairs:
    """Frames two apart, now and then: pans, turns, zooms and shakes that are seen at once."""

    def __init__(self) -> None:
        self._before: Plane | None = None
        self._moved = self._looks = self._next = 0

    def see(self, image: Image, count: int) -> None:
        if count == self._next:
            self._before = _small(image)
        elif count == self._next + _LAG and self._before is not None:
            self._next += max(_PAIR, count // _SLOWER)
            before, self._before = self._before, None
            way = _way(before, _small(image))
            if way is not None:
                self._looks += 1
                self._moved += way.agrees and way.median >= _LEAST

    def told(self) -> str | None:
        # Of a handful of looks all must agree.
        least = self._looks if self._looks < 2 * _ENOUGH else _MOVES * self._looks
        if self._looks < _ENOUGH or self._moved < least:
            return None
        return (
            f"the camera moves all the time (in {self._moved} of {self._looks} looks): its own "
            "motion is foreground, too; subtract is meant for a camera that stands"
        )


class _Slow:
    """A frame and those 4, 8, 16 ... behind it: what gets on steadily, however slowly.

    A camera that shakes comes back; a shadow that wanders, or a crowd, is a part of the picture.
    """

    def __init__(self) -> None:
        self._first: Plane | None = None
        self._began = self._next = 0
        self._lag = _FIRST
        self._ways: list[_Way] = []  # one a lag
        self._looked = self._moved = 0  # frames

    def see(self, image: Image, count: int) -> None:
        if self._first is None:
            if count >= self._next:
                self._first, self._began, self._lag, self._ways = _small(image), count, _FIRST, []
            return
        if count < self._began + self._lag:
            return
        way = _way(self._first, _small(image))
        if way is not None and way.agrees:
            self._ways.append(way)
            moves = _steady(self._ways, _FAR)
            if not moves and self._lag < _LAST:
                self._lag *= 2
                return
        else:
            moves = _steady(self._ways, _FAR_ENOUGH)  # as far as it could be followed
        self._looked += self._lag if way is not None else 0
        self._moved += self._lag if moves else 0
        self._first = None
        self._next = count + max(_PAIR, count // _SLOWER)

    def told(self) -> str | None:
        looked, moved = self._looked, self._moved
        if self._first is not None and self._ways:  # a look that the end of the film broke off
            lag = self._lag // 2
            looked += lag
            moved += lag if _steady(self._ways, _FAR_ENOUGH) else 0
        if not moved or moved < _SLOWLY * looked:
            return None
        return (
            f"the camera moves all the time, slowly (on one way in {moved} of {looked} frames that "
            "were looked at): what stands is foreground, too, as soon as that is no longer "
            "followed; subtract is meant for a camera that stands"
        )


@dataclass(frozen=True)
class _Way:
    """How the whole picture moved between two frames."""

    field: Plane  # (points, 2), pixels of the small picture, at every tile
    agrees: bool  # most tiles moved so
    median: float  # pixels, of the tiles that agree

    @property
    def length(self) -> float:
        return float(np.sqrt((self.field**2).sum(axis=1).mean()))


def _steady(ways: list[_Way], far: float) -> bool:
    """Whether the last of these, each over twice the time of the one before, is far on one way."""
    if len(ways) < 3 or ways[-1].length < far:
        return False
    return _halfway(ways[-2], ways[-1]) and _halfway(ways[-3], ways[-2])


def _halfway(half: _Way, whole: _Way) -> bool:
    share = float((half.field * whole.field).sum()) / float((whole.field**2).sum())
    beside = half.field - share * whole.field
    return bool(
        _STEADY[0] <= share <= _STEADY[1]
        and np.sqrt((beside**2).sum(axis=1).mean()) <= _BESIDE * half.length + _NOISE
    )


def _small(image: Image) -> Plane:
    """Return one channel of a picture (H, W, C), small."""
    step = max(1, round(min(image.shape[:2]) / (_SIDE * _ACROSS)))
    # Half of the way goes by leaving out, which is cheap, and half by means, without which fine
    # texture deceives.
    skip = max(1, step // 2)
    plane = np.ascontiguousarray(image[::skip, ::skip, image.shape[2] // 2])
    size = (image.shape[1] // step, image.shape[0] // step)
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA) if step > 1 else plane
    return np.asarray(small, np.float32)


def _way(before: Plane, now: Plane) -> _Way | None:
    """Return how the picture moved; None where too little of it has texture to say."""
    if before.shape != now.shape:
        return None
    tiles_before, tiles_now = _tiles(before), _tiles(now)
    textured = np.flatnonzero(tiles_before.std(axis=(1, 2)) >= _TEXTURE)
    if len(textured) < _TILES:
        return None
    shifts, heights = _shifts(tiles_before[textured], tiles_now[textured])
    across = now.shape[1] // _SIDE
    each = np.arange(len(tiles_before))
    places = np.stack([each % across, each // across], axis=1).astype(np.float32) * _SIDE
    clear = heights >= _CLEAR
    if np.count_nonzero(clear) < _TILES:
        return _Way(np.zeros_like(places), False, 0.0)
    origin, shifts = places[textured][clear], shifts[clear]
    model, inside = cv2.estimateAffinePartial2D(
        origin, origin + shifts, ransacReprojThreshold=_NEAR
    )
    agree = np.asarray(inside).ravel() == 1  # None, when no model was found, is 0 agreeing
    if model is None or not agree.any():
        return _Way(np.zeros_like(places), False, 0.0)
    field = (places @ model[:, :2].T + model[:, 2] - places).astype(np.float32)
    median = float(np.median(np.hypot(*shifts[agree].T)))
    return _Way(field, bool(agree.sum() >= max(_TILES, _AGREE * len(agree))), median)


def _tiles(plane: Plane) -> Plane:
    """Return all whole tiles, (tiles, side, side), row by row."""
    side = _SIDE
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.transpose(0, 2, 1, 3).reshape(rows * columns, side, side)


def _shifts(before: Plane, now: Plane) -> tuple[Plane, Plane]:
    """Return (x, y) by which each tile (tiles, side, side) moved, pixels, and its peak's height."""
    side = before.shape[1]
    first, second = (
        np.fft.rfft2((tiles - tiles.mean(axis=(1, 2), keepdims=True)) * _WINDOW)
        for tiles in (before, now)
    )
    cross = second * first.conj()
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=(side, side))
    peak = surface.reshape(len(surface), -1).argmax(axis=1)
    each = np.arange(len(surface))
    found = []
    y, x = peak // side, peak % side
    for axis in (1, 0):
        step_y, step_x = (1, 0) if axis == 0 else (0, 1)
        left = surface[each, (y - step_y) % side, (x - step_x) % side]
        right = surface[each, (y + step_y) % side, (x + step_x) % side]
        middle = surface[each, y, x]
        # Where the heights lie between two points, the top does.
        bend = np.maximum(middle, 1e-9) + np.maximum(left, 0) + np.maximum(right, 0)
        at = (x if axis == 1 else y) + (np.maximum(right, 0) - np.maximum(left, 0)) / bend
        found.append(np.where(at > side / 2, at - side, at))
    height = surface.reshape(len(surface), -1).max(axis=1)
    return np.stack(found, axis=1).astype(np.float32), height.astype(np.float32)
