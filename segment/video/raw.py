"""Raw frames from a binary stream: bytes in rows, one frame after the other."""

from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from segment.errors import UnreadableInput
from segment.frame import Frame, SequenceInfo
from segment.video.source import Source, check_rate

_CHANNELS = {"rgb": 3, "bgr": 3, "grey": 1, "gray": 1}


class RawFrames(Source):
    """Frames without a container, as `ffmpeg -f rawvideo -pix_fmt rgb24 -` writes them.

    Parameters
    ----------
    stream : binary file object, such as `sys.stdin.buffer`; it is not closed.
    size : (height, width) of every frame, pixels.
    pixels : "rgb", "bgr" (three bytes a pixel) or "grey" (one).
    rate : frames per second.

    A last frame that is cut off is not delivered; it counts in `damage.lost`.
    """

    def __init__(
        self,
        stream: BinaryIO,
        size: tuple[int, int],
        pixels: str = "rgb",
        rate: Fraction | float | str = 25,
        name: str = "stdin",
    ) -> None:
        super().__init__()
        height, width = size
        if height < 1 or width < 1:
            raise ValueError(f"size is {size}, wanted (height, width) of at least (1, 1)")
        if pixels not in _CHANNELS:
            raise ValueError(f"pixels is {pixels!r}, wanted one of 'rgb', 'bgr', 'grey'")
        self._stream = stream
        self._pixels = pixels
        self._shape = (int(height), int(width), _CHANNELS[pixels])
        self.live = not stream.seekable()
        self.info = SequenceInfo(name, (int(height), int(width)), check_rate(rate))
        # The first frame is read now: an empty pipe fails before any output is made.
        self._ahead: bytearray | None = self._fill()
        if not self._ahead:
            raise UnreadableInput(f"{name}: holds no bytes, wanted raw frames of {self._told()}")

    def _frames(self) -> Iterator[Frame]:
        wanted = self._shape[0] * self._shape[1] * self._shape[2]
        index = 0
        while True:
            data = self._ahead if self._ahead is not None else self._fill()
            self._ahead = None
            if len(data) < wanted:
                break
            image = np.frombuffer(data, np.uint8).reshape(self._shape)
            if self._pixels == "bgr":
                image = np.ascontiguousarray(image[:, :, ::-1])
            yield Frame(image, index, float(index / self.info.rate), self.info)
            index += 1
        if data:
            self.damage.lost += 1
            self.damage.note(
                f"{self.info.name}: frame {index} is cut off, {len(data)} of {wanted} bytes; "
                f"is the size {self._told()} right?"
            )

    def _fill(self) -> bytearray:
        """Return the next frame's bytes, fewer at the end; a pipe may give them in pieces."""
        wanted = self._shape[0] * self._shape[1] * self._shape[2]
        data = bytearray(wanted)
        view = memoryview(data)
        have = 0
        while have < wanted:
            piece = self._stream.read(wanted - have)
            if not piece:
                break
            view[have : have + len(piece)] = piece
            have += len(piece)
        view.release()
        del data[have:]
        return data

    def _told(self) -> str:
        return f"{self._shape[1]}x{self._shape[0]} {self._pixels}"
