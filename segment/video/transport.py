"""Whether the packets of an MPEG transport stream stand where they should, and begin as they say.

A demuxer that meets bytes which begin no packet looks for the next one that does, and leaves out
what it cannot place, without a word.

Source: ISO/IEC 13818-1, sections 2.4.3.2 to 2.4.3.7.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_break"]

_SYNC = 0x47
_PACKET = 188  # bytes
_STRIDES = (188, 192, 204)  # from packet to packet: plain, with a time before, with a sum behind
_PROBED = 8  # packets in line that tell which; other bytes do so once in 10**19
_TABLES = (0, 0x11)  # what a recording begins with: programs, or services
_AT_ONCE = 1 << 18  # packets that are looked at together


def find_break(view: memoryview) -> str | None:
    """Return in a few words where packets do not follow each other, None when nothing shows.

    Sound is a stream that begins or ends within a packet, and one behind which, where it was cut,
    another recording begins.
    """
    data = np.frombuffer(view, np.uint8)
    units = _Units()
    at = 0
    while (found := _rhythm(data, at)) is not None:
        begin, stride = found
        if at and data[begin + 1] & 0x1F | data[begin + 2] not in _TABLES:
            return f"what follows byte {at} begins no packet"
        for first, packets in _packets(data, begin, stride):
            wrong = units.follow(data, first + stride * np.arange(packets, dtype=np.int64))
            if wrong is not None:
                return wrong
            at = first + stride * packets
        if at + _PACKET > len(data):
            break
    else:
        if at:
            return f"what follows byte {at} begins no packet"
    return units.odd()


def _rhythm(data: NDArray[np.uint8], at: int) -> tuple[int, int] | None:
    """Return where the first packet from `at` on begins, and how far apart they are."""
    for stride in _STRIDES:
        for begin in range(at, min(at + stride, len(data) - _PACKET + 1)):
            if data[begin] == _SYNC and (data[begin::stride][:_PROBED] == _SYNC).all():
                return begin, stride
    return None


def _packets(data: NDArray[np.uint8], begin: int, stride: int) -> Iterator[tuple[int, int]]:
    """Yield (begin, count) of packets that stand in line, but the last before what does not."""
    while begin + _PACKET <= len(data):
        most = (len(data) - begin - _PACKET) // stride + 1
        line = data[begin : begin + stride * min(most, _AT_ONCE) : stride] == _SYNC
        whole = bool(line.all())
        count = len(line) if whole else int(np.argmin(line)) - 1
        if count > 0:
            yield begin, count
        if not whole:
            return
        begin += stride * count


class _Units:
    """Holds the beginnings of what packets carry against each other, by the number they carry."""

    def __init__(self) -> None:
        self._sound = np.zeros(8192, np.int64)
        self._odd = np.zeros(8192, np.int64)
        self._where = np.full(8192, -1, np.int64)

    def follow(self, data: NDArray[np.uint8], at: NDArray[np.int64]) -> str | None:
        """Take packets that begin at the bytes `at` (N,)."""
        flags = data[at + 3]
        carries, stuffed = flags & 0x10 != 0, flags & 0x20 != 0
        length = np.where(stuffed, data[at + 4].astype(np.int64) + 1, 0)
        number = (data[at + 1].astype(np.int64) & 0x1F) << 8 | data[at + 2]
        long = (length > _PACKET - 4) & (number != 0x1FFF)
        if long.any():
            return f"the packet at byte {at[np.argmax(long)]} is longer than a packet"
        # Beginnings that are not scrambled, with room for the mark.
        begins = (data[at + 1] & 0xC0 == 0x40) & carries & (flags & 0xC0 == 0)
        begins &= length < _PACKET - 4 - 3
        place, number = (at + 4 + length)[begins], number[begins]
        marked = (data[place] == 0) & (data[place + 1] == 0) & (data[place + 2] == 1)
        self._sound += np.bincount(number[marked], minlength=8192)
        odd = np.bincount(number[~marked], minlength=8192)
        # Assigned from behind, so that the first stays.
        fresh = (self._where < 0) & (odd > 0)
        behind = place[~marked][::-1]
        self._where[number[~marked][::-1]] = np.where(
            fresh[number[~marked][::-1]], behind, self._where[number[~marked][::-1]]
        )
        self._odd += odd
        return None

    def odd(self) -> str | None:
        """Return where one of many pieces of a stream does not begin like the others."""
        wrong = (self._odd > 0) & (self._sound > self._odd)
        if not wrong.any():
            return None
        return f"byte {self._where[wrong].min()} begins no piece of a stream"
