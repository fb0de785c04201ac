"""Tubes at their new places in time, painted on the background, as a video."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.events import Scene
from segment.export.h264 import nominal
from segment.export.overlay import attach_tags, colour_of
from segment.export.synopsis.backgrounds import Backgrounds
from segment.export.synopsis.encode import Encoder
from segment.export.synopsis.tubes import Slice, Tube, Tubes
from segment.frame import SequenceInfo
from segment.masks import box_of
from segment.objects import Object

__all__ = ["Shown", "paint"]

_LATE = 0.3  # seconds for which a slice stands in for one that is missing
_INSIDE = 0.5  # share of the change of light that an object itself takes part in
_LEAST, _MOST = 1, 120  # pictures a second: of films that are slower or faster it has these
_COARSE = 8  # pixels of a cell in which light is compared: it changes by large patches


@dataclass(frozen=True, slots=True)
class Shown:
    """A tube and where it goes: its group, seconds after the group's beginning, and of that."""

    tube: Tube
    group: int
    after: float
    move: float
    speed: float

    @property
    def begin(self) -> float:
        """Second of the synopsis at which it appears."""
        return self.move + self.after / self.speed

    @property
    def end(self) -> float:
        """Second at which it is gone."""
        return self.begin + (self.tube.end - self.tube.start) / self.speed

    def moment(self, second: float) -> float:
        """Second of the input that is shown at a second of the synopsis."""
        return self.tube.start + (second - self.begin) * self.speed


def paint(
    path: Path,
    shown: list[Shown],
    length: float,
    tubes: Tubes,
    backgrounds: Backgrounds,
    sequence: SequenceInfo,
) -> float:
    """Write the video; return which share of the objects' pixels lies on other groups'."""
    backgrounds.finish()
    rate = nominal(sequence.rate, _LEAST, _MOST)
    scene = sequence.scene or Scene()
    first, last = backgrounds.span
    count = max(1, round(length * rate))
    waiting = sorted(shown, key=lambda one: one.begin)
    going: list[Shown] = []
    behind: dict[int, NDArray[np.float32]] = {}
    pixels = collided = 0
    with Encoder(path, sequence.size, rate, sequence.aspect) as encoder:
        for n in range(count):
            second = float(n / rate)
            while waiting and waiting[0].begin <= second + 1e-9:
                going.append(waiting.pop(0))
            over = [one for one in going if one.end < second - 1e-6]
            going = [one for one in going if one.end >= second - 1e-6]
            for one in over:
                behind.pop(id(one), None)
            now = backgrounds.at(first + (last - first) * second / length)
            picture, coarse = now.copy(), _coarse(now)
            found: list[tuple[Shown, Slice, float]] = []
            for one in going:
                time = one.moment(second)
                place = one.tube.at(time, _LATE)
                if place is not None:
                    found.append((one, tubes.slice(one.tube, place), time))
            found.sort(key=lambda item: item[1].y + item[1].mask.shape[0])  # the nearest last
            for one, piece, _ in found:
                if id(one) not in behind:
                    behind[id(one)] = _coarse(backgrounds.at(one.tube.start))
                _lay(picture, piece, coarse - behind[id(one)])
            whole, on_top = _collisions(found, picture.shape[:2])
            pixels, collided = pixels + whole, collided + on_top
            image = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
            attach_tags(
                image,
                [
                    (_clock(scene, time), colour_of(one.tube.number), _thing(one, piece))
                    for one, piece, time in found
                ],
            )
            encoder.add(image, n)
    return collided / max(pixels, 1)


def _coarse(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    size = -(-width // _COARSE), -(-height // _COARSE)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _lay(picture: NDArray[np.float32], piece: Slice, brighter: NDArray[np.float32]) -> None:
    """Lay a slice on the picture; `brighter`, coarse, is by how much the background is now."""
    height, width = piece.mask.shape
    x0, y0 = piece.x // _COARSE, piece.y // _COARSE
    x1, y1 = -(-(piece.x + width) // _COARSE), -(-(piece.y + height) // _COARSE)
    size = (x1 - x0) * _COARSE, (y1 - y0) * _COARSE
    light = cv2.resize(brighter[y0:y1, x0:x1], size, interpolation=cv2.INTER_LINEAR)
    dy, dx = piece.y - y0 * _COARSE, piece.x - x0 * _COARSE
    share = np.where(piece.mask, np.float32(_INSIDE), np.float32(1))[:, :, None]
    lit = piece.image.astype(np.float32) + share * light[dy : dy + height, dx : dx + width]
    there = picture[piece.y : piece.y + height, piece.x : piece.x + width]
    there += piece.cover[:, :, None] * (lit - there)


def _collisions(found: list[tuple[Shown, Slice, float]], size: tuple[int, int]) -> tuple[int, int]:
    """Pixels of all groups, and those of them that lie on another group's."""
    counts = np.zeros(size, np.uint8)
    groups: dict[int, list[Slice]] = {}
    for one, piece, _ in found:
        groups.setdefault(one.group, []).append(piece)
    for pieces in groups.values():
        own = np.zeros(size, np.uint8) if len(pieces) > 1 else None
        for piece in pieces:
            height, width = piece.mask.shape
            where = slice(piece.y, piece.y + height), slice(piece.x, piece.x + width)
            if own is None:
                counts[where] += piece.mask
            else:
                own[where] |= piece.mask
        if own is not None:
            counts += own
    return int(counts.sum(dtype=np.int64)), int(counts[counts > 1].sum(dtype=np.int64))


def _thing(one: Shown, piece: Slice) -> Object:
    """Where the object is, for its tag."""
    top, left, bottom, right = box_of(piece.mask)
    return Object(
        one.tube.number,
        piece.x + left,
        piece.y + top,
        right - left,
        bottom - top,
        0,
        (0.0, 0.0),
        piece.mask,
    )


def _clock(scene: Scene, time: float) -> str:
    """The time of day with a clock, else hours, minutes and seconds of the input."""
    moment = scene.moment(time)
    if moment is not None:
        return moment[11:19]
    minutes, seconds = divmod(int(time), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
