"""Videos: the masks without loss, and the overlay for people to look at."""

import logging
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
from numpy.typing import NDArray

from segment.export.aspect import mark_aspect
from segment.export.files import FileSink, Mode, Needs
from segment.export.h264 import (
    CLOCK,
    LARGEST_SIDE,
    Ticks,
    as_picture,
    dress,
    even,
    fitting,
    nominal,
    open_mp4,
)
from segment.export.need import grey_of
from segment.export.overlay import draw_overlay
from segment.export.trails import Trails
from segment.frame import Frame

log = logging.getLogger("segment.export")


class _Video(FileSink):
    """Pictures into one video stream, each at its frame's own time."""

    repeats: ClassVar[bool] = False
    """Whether a picture is shown again where the next comes hours later."""

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._container: Any = None

    def _open(self, frame: Frame, path: Path) -> None:
        self._container, self._stream = self._begin(frame, path)
        self._first = frame.time
        self._ticks = Ticks()
        self._shown: av.VideoFrame | None = None

    def _add(self, frame: Frame) -> None:
        picture, seconds = self._frame(frame), frame.time - self._first
        if self._shown is not None and self.repeats:
            for tick in self._ticks.again(seconds):
                self._encode(self._shown, tick)
        self._encode(picture, self._ticks.at(seconds))
        self._shown = picture

    def _encode(self, picture: av.VideoFrame, tick: int) -> None:
        picture.pts, picture.time_base = tick, CLOCK
        self._container.mux(self._stream.encode(picture))

    def _close(self) -> None:
        self._container.mux(self._stream.encode())
        container, self._container = self._container, None
        container.close()

    def _discard(self) -> None:
        if self._container is not None:
            container, self._container = self._container, None
            container.close()

    def _begin(self, frame: Frame, path: Path) -> tuple[Any, Any]:
        """The container for frames like this one, and its stream."""
        raise NotImplementedError

    def _frame(self, frame: Frame) -> av.VideoFrame:
        raise NotImplementedError


class MaskVideo(_Video):
    """`masks.mkv`: FFV1, 8-bit grey, the values of `masks/`; comes back exactly."""

    output = "masks.mkv"
    needs: ClassVar[Needs] = "foreground"

    def _begin(self, frame: Frame, path: Path) -> tuple[Any, Any]:
        self._path, self._size = path, frame.image.shape[:2]
        self._aspect = frame.sequence.aspect
        # file: keeps a name with a colon from being taken for a protocol. Without random
        # identifiers: the same frames give the same file.
        container: Any = av.open(
            f"file:{path}", "w", format="matroska", options={"fflags": "+bitexact"}
        )
        # Version 3 with a checksum in every slice, so that damage shows.
        options = {"level": "3", "slicecrc": "1"}
        stream = container.add_stream("ffv1", rate=nominal(frame.sequence.rate), options=options)
        stream.height, stream.width = self._size
        stream.pix_fmt = "gray"
        stream.codec_context.time_base = CLOCK
        stream.codec_context.sample_aspect_ratio = self._aspect
        return container, stream

    def _close(self) -> None:
        super()._close()
        if self._aspect != 1:
            mark_aspect(self._path, self._size, self._aspect)

    def _frame(self, frame: Frame) -> av.VideoFrame:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(grey_of(frame)), format="gray")


class OverlayVideo(_Video):
    """`overlay.mp4`: the frames with what was found drawn on them; H.264 that browsers play."""

    output = "overlay.mp4"
    needs: ClassVar[Needs] = "any"
    repeats = True
    # At 1080p half the time of veryfast and crf 21 (25 for 51 ms), a tenth more bytes, equal PSNR.
    # x264's macroblock tree gives other bytes from one run to the next: without it.
    options: ClassVar[dict[str, str]] = {
        "preset": "superfast",
        "crf": "22",
        "x264-params": "mbtree=0",
    }

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._trails = Trails()

    def _begin(self, frame: Frame, path: Path) -> tuple[Any, Any]:
        height, width = frame.image.shape[:2]
        self._size = fitting((height, width))
        if self._size != (height, width):
            log.warning(
                "%s: its pictures, %dx%d, are larger than a side of %d that H.264 takes; "
                "%s is %dx%d",
                frame.sequence.name,
                width,
                height,
                LARGEST_SIDE,
                self.output,
                self._size[1],
                self._size[0],
            )
        container = open_mp4(path)
        rate = nominal(frame.sequence.rate)
        stream = container.add_stream("libx264", rate=rate, options=self.options)
        dress(stream.codec_context, even(self._size), aspect=frame.sequence.aspect)
        return container, stream

    def _frame(self, frame: Frame) -> av.VideoFrame:
        drawn: NDArray[np.uint8] = draw_overlay(
            frame.image, frame.foreground, frame.labels, frame.time, frame.shadow, self._trails
        )
        return as_picture(drawn, self._size)
