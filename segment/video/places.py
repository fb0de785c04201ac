"""Which number a film's frame has: what was lost before it keeps its place."""

from fractions import Fraction

import av

from segment.video.clock import stamp_of

_TIMED = frozenset(
    ["matroska", "webm", "avi", "mov", "mp4", "mpegts", "mpeg", "flv", "asf", "nut", "ivf", "wtv"]
)
"""Containers that give each frame a time of its own; a gif or a playlist says how long it lasts."""

_OFF = 0.3  # of a frame, by which a time may miss the film's beat: 1 ms at 240 a second is .24
_HEARD = 4  # steps of one frame before each gap
_SEEN = 25  # frames, from which on gaps are weighed
_RARE = 0.1  # share of the steps that may be gaps where frames were lost; more is a varying rate


class Places:
    """Counts the places of a film's frames: those that came, and those that did not.

    Where all times fall on the beat of a declared, constant rate, a frame's place is given by its
    time: a gap of three frames' length is two lost frames, whatever they were lost to. As soon as
    times leave the beat, or gaps are no longer rare, the rate varies, and frames are counted as
    they come, but for those that are known to be lost because their packet came.
    """

    def __init__(self, container: str, rates: tuple[Fraction | None, ...], base: Fraction | None):
        self._base = base
        known = [rate for rate in rates if rate is not None and 0 < rate <= 1000]
        # The first is the one on whose beat all times lie; a lost frame lowers the mean.
        self._rate = known[0] if known else None
        timed = bool(_TIMED & set(container.split(",")))
        self._steady = timed and base is not None and self._rate is not None
        self._last: int | None = None
        self._place = -1
        self._steps = self._gaps = 0

    def place(self, picture: av.VideoFrame, lost: int) -> int:
        """Return the number of the next frame; `lost` packets before it had no frame."""
        stamp = stamp_of(picture)
        beats = self._beats(stamp) if self._steady and self._place >= 0 else 1
        self._last = stamp
        self._place += max(1 + lost, beats)
        return self._place

    def _beats(self, stamp: int | None) -> int:
        """Return how many frames' time has passed since the latest; 1 where that is not known."""
        assert self._rate is not None
        assert self._base is not None
        if stamp is None or self._last is None:
            self._steady = False
            return 1
        passed = float((stamp - self._last) * self._base * self._rate)
        beats = round(passed)
        self._steps += 1
        self._gaps += beats > 1
        often = self._steps >= _SEEN and self._gaps > _RARE * self._steps
        if beats < 1 or abs(passed - beats) > _OFF or often:
            self._steady = False
            return 1
        # The beat has to be heard before a gap in it is one.
        return beats if self._steps > _HEARD * self._gaps else 1
