"""The sound of an input, for clips that are cut from its pictures."""

import contextlib
import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

__all__ = ["Sound"]

log = logging.getLogger("segment.export")

# What MP4 holds and players play as it is; all else is encoded anew, as AAC.
_COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
_EARLY = 1.0  # seconds by which a file is searched too early: its index is of pictures


class Sound:
    """The first sound track of a file; times are those of its frames, 0 at the first picture.

    `of` returns None where there is none, or the file cannot be read twice.
    """

    def __init__(self, container: Any, track: Any, begin: float) -> None:
        self._container, self._track, self._begin = container, track, begin

    @classmethod
    def of(cls, path: Path | None) -> "Sound | None":
        """The sound of the file at `path`."""
        if path is None:
            return None
        try:
            container: Any = av.open(f"file:{path}")
        except (OSError, ValueError):
            return None
        with contextlib.suppress(OSError, ValueError):
            tracks = container.streams.audio
            if tracks and container.streams.video:
                picture = container.streams.video[0]
                start = picture.start_time
                begin = 0.0 if start is None else float(start * picture.time_base)
                return cls(container, tracks[0], begin)
        container.close()
        return None

    def begin(self, out: Any) -> Any:
        """Add a track for it to a container that is being written; None when that cannot be."""
        context = self._track.codec_context
        try:
            if context.name in _COPIED:
                return out.add_stream_from_template(self._track)
            return out.add_stream("aac", rate=context.sample_rate)
        except (OSError, ValueError, TypeError) as error:
            log.warning("%s", f"clips are without sound: {error}")
            return None

    def copy(self, out: Any, track: Any, start: float, end: float) -> None:
        """Write what sounds from `start` to `end`, seconds; a track that is damaged ends early."""
        try:
            if self._track.codec_context.name in _COPIED:
                for packet, time in self._packets(start, end):
                    base = float(packet.time_base)
                    packet.pts = packet.dts = round((time - start) / base)
                    packet.stream = track
                    out.mux(packet)
            else:
                self._encode(out, track, start, end)
        except (OSError, ValueError) as error:
            log.warning("%s", f"the sound from second {start:.1f} on ends early: {error}")

    def _packets(self, start: float, end: float) -> Any:
        """Packets of the input that sound between two moments, and when each begins."""
        where = max(0.0, start + self._begin - _EARLY)
        self._container.seek(int(where / self._track.time_base), stream=self._track)
        for packet in self._container.demux(self._track):
            if packet.pts is None:
                continue
            time = float(packet.pts * packet.time_base) - self._begin
            if time >= end:
                return
            if time + float((packet.duration or 0) * packet.time_base) > start:
                yield packet, time

    def _encode(self, out: Any, track: Any, start: float, end: float) -> None:
        rate = self._track.codec_context.sample_rate
        resample = av.AudioResampler(format="fltp", layout=track.layout, rate=rate)
        first: float | None = None
        done = 0
        for packet, time in self._packets(start, end):
            first = time - start if first is None else first
            for sound in packet.decode():
                for part in resample.resample(sound):
                    part.pts = round(first * rate) + done
                    part.time_base = Fraction(1, rate)
                    done += part.samples
                    out.mux(track.encode(part))
        out.mux(track.encode(None))

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
