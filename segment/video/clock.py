"""When a frame is shown: exact time stamps into seconds since the first frame."""

from fractions import Fraction

import av


class Clock:
    """Seconds since the first frame, from exact time stamps where there are any."""

    def __init__(self, first: av.VideoFrame, base: Fraction | None, rate: Fraction) -> None:
        self.rate = rate
        self._base = base  # seconds a tick of the frames' time stamps, None when nobody knows
        self._start = self._last = stamp_of(first)
        self._offset = 0
        self.seconds = 0.0  # of the latest frame
        self.longest = 0.0  # seconds between two frames

    def time(self, picture: av.VideoFrame, index: int) -> float:
        """Return the time of the next frame, seconds; it never runs back."""
        before = self.seconds
        self.seconds = max(before, self._measure(picture, index))
        self.longest = max(self.longest, self.seconds - before)
        return self.seconds

    def _measure(self, picture: av.VideoFrame, index: int) -> float:
        stamp = stamp_of(picture)
        if self._start is None or self._base is None:
            return float(index / self.rate)
        step = max(1, round(1 / (self.rate * self._base)))
        assert self._last is not None
        stamp = self._last + step if stamp is None else stamp + self._offset
        # Joined recordings start their clock anew: go on where the last one ended.
        if (self._last - stamp) * self._base >= 1:
            self._offset += self._last + step - stamp
            stamp = self._last + step
        self._last = max(self._last, stamp)
        return float((stamp - self._start) * self._base)


def stamp_of(picture: av.VideoFrame) -> int | None:
    """Return the frame's time stamp, or its packet's where the container gives no other."""
    return picture.pts if picture.pts is not None else picture.dts
