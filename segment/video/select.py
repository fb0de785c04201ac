"""Which frames, how large, and where to look: generators between a source and the stages."""

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask, check_mask
from segment.errors import UnreadableInput
from segment.frame import Frame, SequenceInfo
from segment.video.decode import is_lossy, read_stored, rescale
from segment.video.source import Position, reaches

log = logging.getLogger("segment.video")

Scalar = TypeVar("Scalar", bound=np.generic)


def between(
    frames: Iterable[Frame], start: Position = None, stop: Position = None
) -> Iterator[Frame]:
    """Pass on the frames from `start` up to, and without, `stop`; read no further than that.

    An int counts frames by `Frame.index`, a Fraction or float seconds by `Frame.time`.
    """
    for name, position in (("start", start), ("stop", stop)):
        # nan fails both comparisons
        if position is not None and not position >= 0:
            raise ValueError(f"{name} is {position}, wanted a frame number or seconds of 0 or more")
    return _between(frames, start, stop)


def _between(frames: Iterable[Frame], start: Position, stop: Position) -> Iterator[Frame]:
    reach: SequenceInfo | None = None
    known: SequenceInfo | None = None
    if stop is not None and stop <= 0:
        return
    for frame in frames:
        if stop is not None and reaches(frame.index, frame.time, stop):
            return
        if start is None or reaches(frame.index, frame.time, start):
            if frame.sequence is not known or reach is None:
                known = frame.sequence
                reach = replace(known, length=_length_between(known, start, stop))
            yield replace(frame, sequence=reach)
            # Asking for one frame more, only to drop it, would decode it; and wait for it live.
            if isinstance(stop, int) and frame.index + 1 >= stop:
                return


def every(frames: Iterable[Frame], n: int) -> Iterator[Frame]:
    """Pass on the first frame and then each n-th by its number; numbers and times stay.

    A frame that is missing does not shift which of the others are passed on.

    The rate becomes the rate / n, so that what is written plays at the speed of the scene.
    """
    if n < 1:
        raise ValueError(f"n is {n}, wanted 1 (every frame) or more")
    return _every(frames, n)


def _every(frames: Iterable[Frame], n: int) -> Iterator[Frame]:
    known: SequenceInfo | None = None
    thinned: SequenceInfo | None = None
    first: int | None = None
    for frame in frames:
        first = frame.index if first is None else first
        if (frame.index - first) // frame.sequence.step % n:
            continue
        if frame.sequence is not known or thinned is None:
            known = frame.sequence
            length = None if known.length is None else -(-known.length // n)
            thinned = replace(known, rate=known.rate / n, length=length, step=known.step * n)
        yield replace(frame, sequence=thinned)


def resize(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[Frame]:
    """Scale every frame to `size` (height, width), pixels; area mean down, linear up.

    A region, foreground or labels that a frame has already are scaled to the nearest pixel.
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {size}, wanted (height, width) of at least (1, 1)")
    return _resize(frames, (int(size[0]), int(size[1])))


def _resize(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[Frame]:
    known: SequenceInfo | None = None
    scaled: SequenceInfo | None = None
    for frame in frames:
        if frame.sequence is not known or scaled is None:
            known = frame.sequence
            scaled = replace(known, size=size, aspect=_aspect_at(known, size))
        same = frame.image.shape[:2] == size
        yield replace(
            frame,
            image=frame.image if same else rescale(frame.image, size),
            sequence=scaled,
            region=None if frame.region is None else _nearest(frame.region, size),
            foreground=None if frame.foreground is None else _nearest(frame.foreground, size),
            labels=None if frame.labels is None else _nearest(frame.labels, size),
        )


def _aspect_at(info: SequenceInfo, size: tuple[int, int]) -> Fraction:
    """Return the pixels' aspect at another size, so that the picture keeps its shape."""
    shape = info.aspect * info.size[1] / info.size[0]
    aspect = (shape * size[0] / size[1]).limit_denominator(1000)
    # A size in whole pixels is never quite of the same shape.
    return Fraction(1) if abs(aspect - 1) < Fraction(1, 50) else aspect


def within(frames: Iterable[Frame], region: Mask) -> Iterator[Frame]:
    """Tell the stages where to look: set every frame's `region`, (H, W) bool as the frames are."""
    check_mask(region, name="region")
    return _within(frames, region)


def _within(frames: Iterable[Frame], region: Mask) -> Iterator[Frame]:
    for frame in frames:
        if region.shape != frame.image.shape[:2]:
            raise ValueError(
                f"region is {region.shape[0]}x{region.shape[1]}, but the frames of "
                f"{frame.sequence.name} are {frame.image.shape[0]}x{frame.image.shape[1]} "
                "(height x width); draw it on one of the frames"
            )
        yield replace(frame, region=region)


def read_region(path: str | Path, name: str = "region") -> Mask:
    """Return a mask picture as (H, W) bool, True (look here) where it is not black.

    See `read_mask`. Raises `UnreadableInput` also when it is black all over.
    """
    mask = read_mask(path, name)
    if not mask.any():
        raise UnreadableInput(
            f"{name} {path}: is black all over (as is what is transparent), so there is nowhere "
            "to look"
        )
    return mask


def read_mask(path: str | Path, name: str = "mask") -> Mask:
    """Return a mask picture as (H, W) bool, True where it is painted.

    Painted is what is neither black nor more than half transparent. Formats that change levels
    (JPEG and the like) ring around edges, so there black ends at half of white, which the log is
    told. Raises `UnreadableInput` when it cannot be read; `name` is what the message calls it.
    """
    try:
        values, alpha, *_ = read_stored(Path(path))
    except UnreadableInput as error:
        raise UnreadableInput(f"{name} {error}") from None
    if values.dtype.kind == "f":
        values = np.nan_to_num(values)
    if values.dtype == np.uint8 and is_lossy(Path(path)):
        painted = values.max(axis=2) >= 128
        if (painted != values.any(axis=2)).any():
            log.warning(
                "%s %s: its format changes levels, so what is darker than half of white counts "
                "as black; PNG keeps masks exact",
                name,
                path,
            )
    else:
        painted = values.any(axis=2)
    if alpha is not None:
        whole = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
        painted = painted & (alpha > whole / 2)
    return np.asarray(painted, np.bool_)


def _length_between(info: SequenceInfo, start: Position, stop: Position) -> int | None:
    """Return how many frames are expected between; by the mean rate where seconds are asked."""

    def number(position: int | Fraction | float) -> int:
        if isinstance(position, int):
            return max(0, -(-(position - info.first) // info.step))
        # 0.2 s at 25 frames per second is frame 5, though 0.2 is a little more as a float.
        exact = Fraction(position).limit_denominator(1_000_000)
        return math.ceil(exact * info.rate)

    last = info.length
    if stop is not None and (isinstance(stop, int) or math.isfinite(stop)):
        last = number(stop) if last is None else min(last, number(stop))
    if last is None:
        return None
    return max(0, last - (0 if start is None else number(start)))


def _nearest(plane: NDArray[Scalar], size: tuple[int, int]) -> NDArray[Scalar]:
    if plane.shape == size:
        return plane
    # A new pixel takes the old one under its centre; cv2's own nearest looks at corners.
    rows = (2 * np.arange(size[0]) + 1) * plane.shape[0] // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * plane.shape[1] // (2 * size[1])
    return plane[np.ix_(rows, columns)]
