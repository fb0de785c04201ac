"""H.264 that browsers play, for a video that is made when all frames are known."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from segment.arrays import Image

__all__ = ["Encoder"]

_LARGEST_SIDE = 16384  # pixels that the encoder takes


class Encoder:
    """Writes pictures at a steady rate; a context manager.

    size : (height, width); rate : pictures a second; aspect : width of a pixel by its height.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, aspect: Fraction = Fraction(1)
    ) -> None:
        height, width = size
        scale = min(1.0, _LARGEST_SIDE / max(height, width))
        self._scaled = max(1, round(height * scale)), max(1, round(width * scale))
        self._container: Any = av.open(
            f"file:{path}", "w", format="mp4",
            options={"fflags": "+bitexact", "movflags": "+faststart"},
        )  # fmt: skip
        stream = self._container.add_stream(
            "libx264",
            rate=rate,
            options={"preset": "veryfast", "crf": "21", "x264-params": "mbtree=0"},
        )
        stream.height, stream.width = (side + side % 2 for side in self._scaled)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / rate
        context.sample_aspect_ratio = aspect
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = ColorRange.MPEG
        self._stream, self._base = stream, 1 / rate

    def __enter__(self) -> Self:
        return self

    def add(self, image: Image, number: int) -> None:
        """Write picture `number`, (H, W, 3) uint8 RGB."""
        height, width = self._scaled
        if image.shape[:2] != self._scaled:
            small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            image = np.asarray(small, np.uint8)
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        picture = picture.reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
        )
        picture.pts, picture.time_base = number, self._base
        self._container.mux(self._stream.encode(picture))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
