"""The last stretch of the frames as H.264 on disk, from which clips are cut without encoding twice.

What is cut begins at the wanted frame, not at the nearest picture that stands alone: an edit
list, which players and browsers follow, hides those that are only there to decode the first.
"""

import contextlib
import tempfile
from array import array
from bisect import bisect_left
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
from av.codec.context import CodecContext

from segment.arrays import Image
from segment.export.h264 import (
    CLOCK,
    LONGEST,
    Ticks,
    as_picture,
    dress,
    even,
    fitting,
    nominal,
    open_mp4,
)
from segment.export.sound import Sound

__all__ = ["Spool"]

_ALONE = 1.0  # seconds between two pictures that can be decoded alone
_CHUNK = 30.0  # seconds in one file: what is forgotten goes by so much

# Packets come out at once and in order, so that a clip can be cut as soon as it is over.
_OPTIONS = {
    "preset": "superfast",
    "crf": "20",
    "tune": "zerolatency",
    "x264-params": "bframes=0:rc-lookahead=0:sync-lookahead=0:mbtree=0:scenecut=0",
}


class _Chunk:
    """Packets of some seconds in a file without a name; the first can be decoded alone."""

    def __init__(self, folder: Path) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # see close
        self.ticks = array("q")
        self.places = array("Q")
        self.alone = array("b")
        self.end = 0

    def add(self, ticks: int, alone: bool, content: bytes) -> None:
        self.ticks.append(ticks)
        self.places.append(self.end)
        self.alone.append(alone)
        self.file.write(content)
        self.end += len(content)

    def packet(self, n: int) -> bytes:
        end = self.places[n + 1] if n + 1 < len(self.places) else self.end
        self.file.seek(self.places[n])
        content = self.file.read(end - self.places[n])
        self.file.seek(self.end)
        return content


class Spool:
    """Takes frames in, and cuts stretches of them.

    Parameters
    ----------
    folder : where the packets lie, in files without a name.
    size : (height, width) of the frames.
    rate : frames a second.
    aspect : width of a pixel by its height.
    """

    def __init__(
        self, folder: Path, size: tuple[int, int], rate: Fraction, aspect: Fraction = Fraction(1)
    ) -> None:
        self._fitting = fitting(size)
        rate = nominal(rate)
        self._folder, self._rate, self._aspect = folder, rate, aspect
        keys = max(1, round(_ALONE * float(rate)))
        self._options = {
            **_OPTIONS,
            "x264-params": f"{_OPTIONS['x264-params']}:keyint={keys}:min-keyint={keys}",
        }
        self._codec: Any = CodecContext.create("libx264", "w")
        self._dress(self._codec)
        self._codec.framerate = rate
        self._codec.options = self._options
        self.chunks: deque[_Chunk] = deque()
        self._ticks = Ticks()

    def _dress(self, codec: Any) -> None:
        dress(codec, even(self._fitting), aspect=self._aspect)
        codec.thread_count = 1

    def add(self, image: Image, time: float) -> None:
        """Take the next frame in, (H, W, C) uint8 at `time` seconds."""
        picture = as_picture(image, self._fitting)
        picture.pts, picture.time_base = self._ticks.at(time), CLOCK
        self._keep(self._codec.encode(picture))

    def _keep(self, packets: list[Any]) -> None:
        for packet in packets:
            full = self.chunks and packet.pts - self.chunks[-1].ticks[0] > _CHUNK / CLOCK
            if not self.chunks or (full and packet.is_keyframe):
                self.chunks.append(_Chunk(self._folder))
            self.chunks[-1].add(packet.pts, packet.is_keyframe, bytes(packet))

    def finish(self) -> None:
        """No frame comes any more."""
        self._keep(self._codec.encode(None))

    def forget(self, time: float) -> None:
        """Let go of what nobody will ask for: all that lies before `time`, by the chunk."""
        while len(self.chunks) > 1 and self.chunks[1].ticks[0] <= _ticks(time):
            self.chunks.popleft().file.close()

    def cut(self, path: Path, start: float, end: float, sound: Sound | None = None) -> bool:
        """Write the frames from `start` to `end`, seconds, both included, as MP4.

        Returns False, and writes nothing, when there is no frame among them any more.
        """
        begin, until = _ticks(start), _ticks(end)
        packets = self._packets(begin, until)
        if not packets:
            return False
        first = max(begin, next(t for t, _, _ in packets if t >= begin))
        with open_mp4(path) as out:
            stream: Any = out.add_stream("libx264", rate=self._rate, options=self._options)
            self._dress(stream.codec_context)
            spoken = None if sound is None else sound.begin(out)
            usual = round(1 / float(self._rate) / float(CLOCK))
            left_out = 0  # of gaps that are longer than a picture can be shown
            for n, (ticks, alone, content) in enumerate(packets):
                packet = av.Packet(content)
                packet.pts = packet.dts = ticks - first - left_out
                packet.time_base, packet.stream, packet.is_keyframe = CLOCK, stream, alone
                after = packets[n + 1][0] - ticks if n + 1 < len(packets) else usual
                left_out += max(0, after - LONGEST)
                packet.duration = min(after, LONGEST)
                out.mux(packet)
            if sound is not None and spoken is not None:
                first_time = float(first * CLOCK)
                sound.copy(out, spoken, first_time, float((packets[-1][0] + usual) * CLOCK))
        return True

    def _packets(self, begin: int, until: int) -> list[tuple[int, bool, bytes]]:
        """Those from `begin` to `until`, and what the first of them needs."""
        found: list[tuple[int, bool, bytes]] = []
        for number, chunk in enumerate(self.chunks):
            last = number + 1 == len(self.chunks)
            if not last and self.chunks[number + 1].ticks[0] <= begin:
                continue
            n = bisect_left(chunk.ticks, begin)
            if not found:
                n = min(n, len(chunk.ticks) - 1)
                while n > 0 and not chunk.alone[n]:
                    n -= 1
            for k in range(n, len(chunk.ticks)):
                if chunk.ticks[k] > until:
                    return _if_any(found, begin)
                found.append((chunk.ticks[k], bool(chunk.alone[k]), chunk.packet(k)))
        return _if_any(found, begin)

    def close(self) -> None:
        """Let go of the files."""
        for chunk in self.chunks:
            with contextlib.suppress(OSError):
                chunk.file.close()
        self.chunks.clear()


def _if_any(found: list[tuple[int, bool, bytes]], begin: int) -> list[tuple[int, bool, bytes]]:
    return found if found and found[-1][0] >= begin else []


def _ticks(time: float) -> int:
    return round(time / float(CLOCK))
