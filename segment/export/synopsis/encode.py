"""H.264 that browsers play, for a video that is made when all frames are known."""

from fractions import Fraction
from pathlib import Path
from typing import Self

from segment.arrays import Image
from segment.export.h264 import as_picture, dress, even, fitting, open_mp4

__all__ = ["Encoder"]


class Encoder:
    """Writes pictures at a steady rate; a context manager.

    size : (height, width); rate : pictures a second; aspect : width of a pixel by its height.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, aspect: Fraction = Fraction(1)
    ) -> None:
        self._size = fitting(size)
        self._container = open_mp4(path)
        self._base = 1 / rate
        self._stream = self._container.add_stream(
            "libx264",
            rate=rate,
            options={"preset": "veryfast", "crf": "21", "x264-params": "mbtree=0"},
        )
        dress(self._stream.codec_context, even(self._size), aspect=aspect, clock=self._base)

    def __enter__(self) -> Self:
        return self

    def add(self, image: Image, number: int) -> None:
        """Write picture `number`, (H, W, 3) uint8 RGB."""
        picture = as_picture(image, self._size)
        picture.pts, picture.time_base = number, self._base
        self._container.mux(self._stream.encode(picture))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
