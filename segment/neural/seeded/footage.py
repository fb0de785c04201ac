"""Objects of a camera that were seen alone, and scenes made of them in which they meet."""

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask
from segment.errors import SegmentError
from segment.masks import box_of, clean
from segment.neural.seeded.crowds import Drawn, window_on
from segment.neural.seeded.squares import around, cut, resized

if TYPE_CHECKING:
    from segment.neural.seeded.loaded import LoadedSeeded

__all__ = ["CutOut", "Footage", "FootageError", "compose", "draw"]

_BEFORE = 4  # frames back to the picture that motion is measured from
_ALONE = 8  # frames for which an object was alone when it is cut out
_APART = 3  # frames between two cut-outs of one object, to begin with
_LEAST_AREA = 60  # pixels of an object worth cutting out
_SIDE = 96  # most pixels of a cut-out's side, what is around the object included
_MARGIN = 0.6  # of an object's size is shown on every side
_STEADY = 1.5  # so many times larger or smaller an object may have become since `before`
_PART = 0.2  # least share of an object that makes an object in it
_FEWEST = 8  # cut-outs with which one of the parts is of use
_PARTS = (0.6, 0.75)  # of the footage: until where is learned from, and chosen by


class FootageError(SegmentError):
    """Footage shows too few objects to learn from."""


class CutOut(NamedTuple):
    """One object that had a piece of foreground to itself, and what is around it."""

    image: NDArray[np.uint8]
    """(S, S, 3), the square about it; equal channels where the camera is grey."""
    before: NDArray[np.uint8]
    """(S, S, 3), the same place some frames ago."""
    mask: NDArray[np.bool_]
    """(S, S), its pixels in `image`."""
    earlier: NDArray[np.bool_]
    """(S, S), its pixels in `before`."""
    scale: float
    """Pixels of the frame for one of the square."""
    foot: float
    """Its lowest row, as a share of the frame's height."""
    frame: int
    """Counted from the first frame watched."""
    who: tuple[int, int]
    """Video and identity."""


class Footage:
    """Gathers cut-outs frame by frame; holds at most `most` of them, spread over the footage.

    No label is needed: that an object is one is learned from its having been one blob, with one
    identity, for many frames, of which a grouper had to be sure again and again.
    """

    def __init__(self, most: int = 600) -> None:
        if most < 1:
            raise ValueError(f"most is {most}, wanted at least 1 cut-out")
        self.most = most
        self.frames = 0
        self.cutouts: list[CutOut] = []
        self._apart = _APART
        self._video = 0
        self._past: deque[tuple[Image, Labels]] = deque(maxlen=_BEFORE)
        self._alone: dict[int, int] = {}
        self._last: dict[int, int] = {}

    def begin(self) -> None:
        """Another video comes: identities begin anew, what was gathered stays."""
        self._video += 1
        self._past.clear()
        self._alone.clear()
        self._last.clear()

    def watch(self, image: Image, labels: Labels) -> None:
        """Take the next frame: image (H, W, C) uint8, labels (H, W) int32, 0 background."""
        alone = _alone_in(labels)
        self._alone = {number: self._alone.get(number, 0) + 1 for number in alone}
        if len(self._past) == _BEFORE:
            for number, box in alone.items():
                due = self.frames - self._last.get(number, -self._apart) >= self._apart
                if due and self._alone[number] >= _ALONE:
                    self._take(number, box, image, labels)
        self._past.append((image.copy(), labels.copy()))  # a caller may use its arrays again
        self.frames += 1

    def _take(
        self, number: int, box: tuple[int, int, int, int], image: Image, labels: Labels
    ) -> None:
        before, labels_before = self._past[0]
        own, was = labels == number, labels_before == number
        area, area_before = np.count_nonzero(own), np.count_nonzero(was)
        if not area / _STEADY <= area_before <= area * _STEADY:
            return
        self._last[number] = self.frames
        square = around(np.array([box]), _MARGIN)
        size = min(square.side, _SIDE)
        self.cutouts.append(
            CutOut(
                image=_bytes(resized(image, square, size)),
                before=_bytes(resized(before, square, size)),
                mask=resized(own.astype(np.float32), square, size) > 0.5,
                earlier=resized(was.astype(np.float32), square, size) > 0.5,
                scale=square.side / size,
                foot=box[2] / labels.shape[0],
                frame=self.frames,
                who=(self._video, number),
            )
        )
        if len(self.cutouts) > self.most:
            self.cutouts = self.cutouts[::2]
            self._apart *= 2

    def vote(self, network: "LoadedSeeded") -> int:
        """Leave out whom a network takes for several in most of its pictures; return how many.

        Two who walk together, and whom a grouper never told apart, would else be learned as one.
        Who is parted now and then only, stays: it is these mistakes that are to be learned.
        """
        parted: dict[tuple[int, int], list[bool]] = {}
        for one in self.cutouts:
            parted.setdefault(one.who, []).append(_is_parted(one, network))
        left_out = {who for who, votes in parted.items() if 2 * sum(votes) > len(votes)}
        self.cutouts = [one for one in self.cutouts if one.who not in left_out]
        return len(left_out)

    def parts(self) -> tuple[list[CutOut], list[CutOut], list[CutOut]]:
        """Return cut-outs to learn from, to choose weights by, and to judge by: the last quarter.

        Raises FootageError when one of them is too small to be of use.
        """
        ends = [round(share * self.frames) for share in _PARTS]
        learn = [one for one in self.cutouts if one.frame < ends[0]]
        choose = [one for one in self.cutouts if ends[0] <= one.frame < ends[1]]
        judge = [one for one in self.cutouts if one.frame >= ends[1]]
        for part, name in ((learn, "first three fifths"), (choose, "next part"),
                           (judge, "last quarter")):  # fmt: skip
            if len(part) < _FEWEST:
                raise FootageError(
                    f"of the footage's {self.frames} frames the {name} show objects alone "
                    f"{len(part)} times, wanted at least {_FEWEST}; give longer videos, or some "
                    "with fewer objects at a time"
                )
        return learn, choose, judge


def _is_parted(one: CutOut, network: "LoadedSeeded") -> bool:
    square = around(np.array([box_of(one.mask)]))
    window = cut(one.image, one.before, one.mask, square, network.size)
    owner = network.part(window).argmax(0)[window[0] > 0]
    return bool(np.count_nonzero(np.bincount(owner) >= _PART * owner.size) > 1)


def draw(rng: np.random.Generator, cutouts: list[CutOut], size: int) -> Drawn:
    """Make a scene of cut-outs, and cut a window on it."""
    for _ in range(100):  # an object may come to lie outside, or under others
        base = cutouts[int(rng.integers(len(cutouts)))]
        count = int(rng.choice([1, 2, 3, 4], p=[0.35, 0.4, 0.2, 0.05]))
        # Those that walk at the same height of the picture are of about the same size.
        nearest = sorted(cutouts, key=lambda one: abs(one.foot - base.foot))
        near = nearest[: max(_FEWEST, len(cutouts) // 4)]
        others = [near[int(n)] for n in rng.integers(len(near), size=count - 1)]
        image, before, mask, whose = compose(rng, [base, *others])
        window = window_on(rng, image, before, mask, whose, size)
        if window is not None:
            return window
    raise RuntimeError("a hundred scenes of cut-outs without a window on them")


def compose(
    rng: np.random.Generator, cutouts: list[CutOut]
) -> tuple[Image, Image, Mask, NDArray[np.int32]]:
    """Lay cut-outs upon or beside the first, on the picture around it.

    Returns the image and the picture before, (S, S, 3) uint8, the foreground (S, S) bool, and
    whose it is, (S, S) int32: 1 for the first, 2 for the second, ….
    """
    base = cutouts[0]
    # Mirrored beyond its square, so that others find room beside it.
    room = len(base.mask) // 4
    sides = ((room, room), (room, room))
    image, before = (np.pad(p, (*sides, (0, 0)), "symmetric") for p in (base.image, base.before))
    mask, earlier = (np.pad(one, sides) for one in (base.mask, base.earlier))
    canvas = _Canvas(image, before, np.where(mask, 1, 0).astype(np.int32), earlier)
    boxes = [box_of(mask)]
    for number, other in enumerate(cutouts[1:], start=2):
        pasted = _scaled(other, other.scale / base.scale * rng.uniform(0.85, 1.15))
        box = box_of(pasted.mask)
        aside = boxes[int(rng.integers(len(boxes)))]
        at = _beside(rng, aside, box)
        shift = at[0] - box[0], at[1] - box[1]
        in_front = rng.random() < (0.75 if at[0] + box[2] - box[0] > aside[2] else 0.25)
        canvas.paste(pasted, shift, number, in_front)
        boxes.append((*at, at[0] + box[2] - box[0], at[1] + box[3] - box[1]))
    foreground = canvas.whose > 0
    if rng.random() < 0.5:  # as if a subtractor's mask had been tidied after they met
        foreground = clean(foreground, smallest=0, holes=0)
    return canvas.image, canvas.before, foreground, canvas.whose


class _Canvas:
    """Pictures of now and before that things are pasted into."""

    def __init__(self, image: Image, before: Image, whose: NDArray[np.int32], earlier: Mask):
        self.image, self.before, self.whose, self.earlier = image, before, whose, earlier

    def paste(self, one: CutOut, shift: tuple[int, int], number: int, in_front: bool) -> None:
        """Paste a cut-out, moved by (rows, columns), before or behind what is there."""
        here, there = _overlap(self.whose.shape[0], len(one.mask), shift)
        if here is None or there is None:
            return
        own, was = one.mask[there], one.earlier[there]
        if not in_front:
            own = own & (self.whose[here] == 0)
            was = was & ~self.earlier[here]
        self.whose[here][own] = number
        self.image[here][own] = one.image[there][own]
        self.before[here][was] = one.before[there][was]
        self.earlier[here] |= was


def _overlap(canvas: int, size: int, shift: tuple[int, int]) -> tuple[Any, Any] | tuple[None, None]:
    """Slices of the canvas and of what is pasted at `shift`, where they meet."""
    here, there = [], []
    for start in shift:
        first, last = max(0, start), min(canvas, start + size)
        if first >= last:
            return None, None
        here.append(slice(first, last))
        there.append(slice(first - start, last - start))
    return tuple(here), tuple(there)


def _beside(
    rng: np.random.Generator, aside: tuple[int, int, int, int], box: tuple[int, int, int, int]
) -> tuple[int, int]:
    """Where the first row and column of a box go, so that it touches or overlaps another."""
    height, width = box[2] - box[0], box[3] - box[1]
    angle = rng.uniform(0, 2 * np.pi)
    # People and cars meet side by side more often than one above the other.
    way = np.array([0.5 * np.sin(angle), np.cos(angle)])
    way /= np.abs(way).max()
    near = 1 - rng.uniform(-0.15, 0.6)
    middle = np.array([aside[0] + aside[2], aside[1] + aside[3]]) / 2
    half = np.array([aside[2] - aside[0] + height, aside[3] - aside[1] + width]) / 2
    top, left = middle + way * near * half - np.array([height, width]) / 2
    return round(top), round(left)


def _scaled(one: CutOut, factor: float) -> CutOut:
    size = max(4, round(len(one.mask) * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR

    def fit(plane: NDArray[Any]) -> NDArray[Any]:
        resized = cv2.resize(plane, (size, size), interpolation=how)
        return resized.reshape(size, size, *plane.shape[2:])

    pictures = (fit(plane) for plane in (one.image, one.before))
    masks = (fit(plane.astype(np.float32)) > 0.5 for plane in (one.mask, one.earlier))
    image, before = pictures
    mask, earlier = masks
    if not mask.any():
        mask = np.zeros_like(mask)
        mask[size // 2, size // 2] = True
    return one._replace(image=image, before=before, mask=mask, earlier=earlier)


def _alone_in(labels: Labels) -> dict[int, tuple[int, int, int, int]]:
    """Objects that share no piece of foreground and do not touch the border, with their boxes."""
    from scipy.ndimage import find_objects

    height, width = labels.shape
    lit = labels > 0
    _, pieces = cv2.connectedComponents(lit.view(np.uint8), connectivity=8)
    several = int(labels.max()) + 1
    pairs = np.unique(pieces[lit].astype(np.int64) * several + labels[lit])
    piece, number = np.divmod(pairs, several)
    sharing = set(number[np.bincount(piece)[piece] > 1].tolist())
    found = {}
    for one, where in enumerate(find_objects(labels), start=1):
        if where is None or one in sharing:
            continue
        (top, bottom), (left, right) = ((part.start, part.stop) for part in where)
        inside = top > 0 and left > 0 and bottom < height and right < width
        if inside and np.count_nonzero(labels[where] == one) >= _LEAST_AREA:
            found[one] = top, left, bottom, right
    return found


def _bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    whole = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    whole = whole if whole.ndim == 3 else whole[..., None]
    # Grey videos and colour ones may be laid over each other.
    return np.repeat(whole, 3, axis=2) if whole.shape[2] == 1 else whole
