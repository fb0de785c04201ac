"""The small video of a report: what a browser plays at once, small where nothing happens."""

from pathlib import Path
from typing import Any

import av

from segment.arrays import Image
from segment.export.aspect import shown_size
from segment.export.h264 import CLOCK, Ticks, as_picture, dress, nominal, open_mp4
from segment.frame import Frame

_WIDEST = 768  # pixels; wider, nobody sees more on a page and the chain waits for the encoder
_OFTEN = 12.5  # pictures a second that are shown at most: half of a camera's 25, and smooth enough
MANY = 200_000  # pictures, four hours without a pause, after which half as many a second are
# shown, and so on: until its end an MP4's index waits in memory, 74 bytes a picture
_QUIET = 2.0  # seconds without objects after which one picture a second is enough


class Film:
    """Writes frames to an H.264 file, with square pixels; times are since its first frame."""

    def __init__(self, path: Path, frame: Frame) -> None:
        rate, start = nominal(frame.sequence.rate), frame.time
        height, width = shown_size(frame.sequence.size, frame.sequence.aspect)
        scale = min(1.0, _WIDEST / width, _WIDEST / height)
        self.size = max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)
        self._container: Any = open_mp4(path)
        # Of vtest, superfast takes a quarter longer than ultrafast and two thirds of its bytes;
        # veryfast three times as long. A picture every hundred frames, to seek to.
        self._stream = self._container.add_stream(
            "libx264",
            rate=rate,
            options={
                "preset": "superfast",
                "tune": "fastdecode",
                "crf": "28",
                # Pictures that wait for later ones would end the film seconds early where there
                # is one a second.
                "x264-params": "mbtree=0:keyint=100:bframes=0",
            },
        )
        dress(self._stream.codec_context, self.size, quick=True)
        self._stream.codec_context.thread_count = 1
        # A tenth of a frame less: two frames' distance must do where it is two of 25.
        self._apart = 1 / _OFTEN - 0.1 / float(rate)
        self._ticks = Ticks()
        self._last: av.VideoFrame | None = None
        self._start = start
        self._busy = start
        self._until = -float("inf")
        self._shown, self._slower = 0, 1.0

    def add(self, image: Image, time: float, busy: bool) -> None:
        """Write a frame, unless one was written just now, or nothing has happened for a while."""
        if busy:
            self._busy = time
        apart = 1.0 if time - self._busy > _QUIET else self._apart
        if time - self._until < apart * self._slower:
            return
        self._until = time
        self._shown += 1
        if self._shown % MANY == 0:
            self._slower *= 2
        picture = as_picture(image, self.size, quick=True)
        if self._last is not None:
            for tick in self._ticks.again(time - self._start):
                self._encode(self._last, tick)
        self._encode(picture, self._ticks.at(time - self._start))
        self._last = picture

    def _encode(self, picture: av.VideoFrame, tick: int) -> None:
        picture.pts, picture.time_base = tick, CLOCK
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """End the file."""
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            container.mux(self._stream.encode())
        finally:
            container.close()

    def give_up(self) -> None:
        """Let go of a file that nobody wants: whose head could not be written takes no more."""
        container, self._container = self._container, None
        if container is not None:
            container.close()
