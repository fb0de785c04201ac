"""The small video of a report: what a browser plays at once, small where nothing happens."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from segment.arrays import Image

_CLOCK = Fraction(1, 90_000)
_WIDEST = 768  # pixels; wider, nobody sees more on a page and the chain waits for the encoder
_QUIET = 2.0  # seconds without objects after which one picture a second is enough


class Film:
    """Writes frames to an H.264 file; times are since its first frame."""

    def __init__(self, path: Path, image: Image, rate: Fraction, start: float) -> None:
        height, width = image.shape[:2]
        scale = min(1.0, _WIDEST / width, _WIDEST / height)
        self.size = max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)
        self._container: Any = av.open(
            f"file:{path}", "w", format="mp4",
            options={"fflags": "+bitexact", "movflags": "+faststart"},
        )  # fmt: skip
        # Of vtest, 5.4 ms and 4.9 kB a frame; ultrafast takes 3.8 ms and 7.8 kB, veryfast 10 ms
        # and 3.7 kB. A picture every hundred frames, to seek to.
        stream = self._container.add_stream(
            "libx264",
            rate=rate,
            options={
                "preset": "superfast",
                "tune": "fastdecode",
                "crf": "28",
                "x264-params": "mbtree=0:keyint=100",
            },
        )
        stream.height, stream.width = self.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = _CLOCK
        context.thread_count = 1
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = ColorRange.MPEG
        self._stream = stream
        self._start = start
        self._last = -1
        self._busy = start
        self._until = start

    def add(self, image: Image, time: float, busy: bool) -> None:
        """Write a frame, unless nothing has happened for a while."""
        if busy:
            self._busy = time
        elif time - self._busy > _QUIET and time - self._until < 1:
            return
        self._until = time
        height, width = self.size
        if image.shape[:2] != self.size:
            image = np.asarray(
                cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8
            )
        if image.ndim == 2 or image.shape[2] == 1:
            image = np.repeat(image.reshape(height, width, 1), 3, axis=2)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        picture = picture.reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
        )
        ticks = max(round((time - self._start) / float(_CLOCK)), self._last + 1)
        picture.pts, picture.time_base = ticks, _CLOCK
        self._last = ticks
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
