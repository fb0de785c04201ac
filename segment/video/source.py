"""What every source shares: opened early, read once, stopped between two frames, closed."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Self

from segment.frame import Frame, SequenceInfo
from segment.protocols import Damage

FASTEST = 1_000_000
"""Frames a second; a film of the fastest cameras. The slowest is as fine as rates are kept."""

_FINE = 1_000_000  # parts of a frame a second in which rates are kept

Position = int | Fraction | float | None
"""A frame's number (int), or seconds since the first frame (Fraction, float); None is open."""


class Source:
    """A `FrameSource` that only has to say how its frames are read and its things closed.

    Attributes
    ----------
    info : what is common to all frames; known as soon as the source is open.
    damage : what could not be read, counted while reading.
    live : True when frames come as they happen.
    size_changes : frames so far that were scaled, being of another size than the first.
    held : bytes that decoding takes at the most, beside the frames that were given; 0 where nobody
        has counted them.
    """

    live: bool = False
    held: int = 0
    info: SequenceInfo

    def __init__(self) -> None:
        self.damage = Damage()
        self.size_changes = 0
        self._start: Position = None
        self._begun = False
        self._stopped = False

    def __iter__(self) -> Iterator[Frame]:
        if self._begun:
            raise RuntimeError(
                f"the frames of {self.info.name} were asked for twice; a source is read once, "
                "open it again"
            )
        self._begun = True
        return self._until_stopped()

    def stop(self) -> None:
        """End the iteration after the current frame; may come from a signal or a thread."""
        self._stopped = True

    def skip_before(self, start: Position) -> None:
        """Leave out the frames before `start`, a number (int) or seconds (Fraction, float).

        Same frames, numbers and times as `select.between(source, start)`, but pixels that
        nobody will see are not converted. To be called before reading begins.
        """
        self._start = start

    def close(self) -> None:
        """Release files and devices; twice is as good as once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _until_stopped(self) -> Iterator[Frame]:
        try:
            for frame in () if self._stopped else self._frames():
                if self._is_wanted(frame.index, frame.time):
                    yield frame
                if self._stopped:
                    break
        finally:
            self.close()

    def _is_wanted(self, index: int, time: float) -> bool:
        return self._start is None or reaches(index, time, self._start)

    def _frames(self) -> Iterator[Frame]:
        raise NotImplementedError


def reaches(index: int, time: float, position: int | Fraction | float) -> bool:
    """Say whether a frame of this number (or time, seconds) is at `position` or behind it."""
    # Frame 3 at 25 frames per second is at 0.12 s; as a float that is a little less than the
    # 0.12 s somebody asks for. No two frames are a microsecond apart.
    return index >= position if isinstance(position, int) else time + 1e-6 >= position


def check_rate(rate: Fraction | float | str) -> Fraction:
    """Return frames per second as an exact fraction; ValueError unless a camera may have it."""
    try:
        exact = Fraction(rate).limit_denominator(_FINE)
    except (ValueError, ZeroDivisionError, OverflowError):
        exact = Fraction(0)
    if not 0 < exact <= FASTEST:
        raise ValueError(
            f"rate is {rate!r}, wanted frames per second above 0, such as 25, and at most {FASTEST}"
        )
    return exact


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts names as people count: frame2 before frame10."""
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part.casefold())
        for part in re.split(r"(\d+)", name)
        if part
    )
