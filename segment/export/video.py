"""Videos: the masks without loss, and the overlay for people to look at."""

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from segment.export.aspect import mark_aspect
from segment.export.files import FileSink, Mode, Needs
from segment.export.need import grey_of
from segment.export.overlay import draw_overlay
from segment.export.trails import Trails
from segment.frame import Frame

log = logging.getLogger("segment.export")

LARGEST_SIDE = 16384
"""Pixels of a side that the encoder of H.264 takes; larger overlays are scaled to it."""

_CLOCK = Fraction(1, 90_000)  # seconds; fine enough for every rate in use


class _Video(FileSink):
    """Pictures into one video stream, each at its frame's own time."""

    container: ClassVar[str]
    codec: ClassVar[str]
    pixels: ClassVar[str]
    options: ClassVar[dict[str, str]]
    standard: ClassVar[int | None] = None  # of the colours; None for grey
    # Without random identifiers: the same frames give the same file.
    container_options: ClassVar[dict[str, str]] = {"fflags": "+bitexact"}

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._container: Any = None
        self._last = -1

    def _open(self, frame: Frame, path: Path) -> None:
        # file: keeps a name with a colon from being taken for a protocol.
        self._container = av.open(
            f"file:{path}", "w", format=self.container, options=self.container_options
        )
        height, width = self._size = self._fitting(frame)
        stream = self._container.add_stream(
            self.codec, rate=frame.sequence.rate, options=self.options
        )
        stream.width, stream.height = self._padded(width), self._padded(height)
        stream.pix_fmt = self.pixels
        stream.codec_context.time_base = _CLOCK
        stream.codec_context.sample_aspect_ratio = frame.sequence.aspect
        if self.standard is not None:
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = self.standard
            context.color_range = ColorRange.MPEG
        self._stream = stream
        self._path, self._aspect = path, frame.sequence.aspect
        self._first = frame.time
        self._last = -1

    def _add(self, frame: Frame) -> None:
        picture = self._frame(frame)
        # Times rise strictly, or the encoder refuses; two frames at one moment are a tick apart.
        ticks = max(round((frame.time - self._first) / float(_CLOCK)), self._last + 1)
        picture.pts, picture.time_base = ticks, _CLOCK
        self._last = ticks
        self._container.mux(self._stream.encode(picture))

    def _close(self) -> None:
        self._container.mux(self._stream.encode())
        container, self._container = self._container, None
        container.close()
        if self.container == "matroska" and self._aspect != 1:
            mark_aspect(self._path, self._size, self._aspect)

    def _discard(self) -> None:
        if self._container is not None:
            container, self._container = self._container, None
            container.close()

    def _padded(self, side: int) -> int:
        return side

    def _fitting(self, frame: Frame) -> tuple[int, int]:
        """Height and width at which frames like this are written."""
        height, width = frame.image.shape[:2]
        return height, width

    def _frame(self, frame: Frame) -> av.VideoFrame:
        raise NotImplementedError


class MaskVideo(_Video):
    """`masks.mkv`: FFV1, 8-bit grey, the values of `masks/`; comes back exactly."""

    output = "masks.mkv"
    needs: ClassVar[Needs] = "foreground"
    container = "matroska"
    codec = "ffv1"
    pixels = "gray"
    # Version 3 with a checksum in every slice, so that damage shows.
    options: ClassVar[dict[str, str]] = {"level": "3", "slicecrc": "1"}

    def _frame(self, frame: Frame) -> av.VideoFrame:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(grey_of(frame)), format="gray")


class OverlayVideo(_Video):
    """`overlay.mp4`: the frames with what was found drawn on them; H.264 that browsers play."""

    output = "overlay.mp4"
    needs: ClassVar[Needs] = "any"
    container = "mp4"
    codec = "libx264"
    pixels = "yuv420p"
    # BT.709, and said so: unsaid, players take it for granted in large pictures and not in
    # small ones, and FFmpeg's own default, BT.601, comes out up to 26 levels wrong.
    standard = 1
    # At 1080p half the time of veryfast and crf 21 (25 for 51 ms), a tenth more bytes, equal PSNR.
    # x264's macroblock tree gives other bytes from one run to the next: without it.
    options: ClassVar[dict[str, str]] = {
        "preset": "superfast",
        "crf": "22",
        "x264-params": "mbtree=0",
    }
    # The index in front, so that a browser plays while it loads.
    container_options: ClassVar[dict[str, str]] = {
        "fflags": "+bitexact",
        "movflags": "+faststart",
    }

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        super().__init__(folder, mode)
        self._trails = Trails()

    def _fitting(self, frame: Frame) -> tuple[int, int]:
        height, width = frame.image.shape[:2]
        share = LARGEST_SIDE / max(height, width)
        if share >= 1:
            return height, width
        size = max(1, round(height * share)), max(1, round(width * share))
        log.warning(
            "%s: its pictures, %dx%d, are larger than a side of %d that H.264 takes; %s is %dx%d",
            frame.sequence.name,
            width,
            height,
            LARGEST_SIDE,
            self.output,
            size[1],
            size[0],
        )
        return size

    def _padded(self, side: int) -> int:
        return side + side % 2  # colours are stored for two by two pixels

    def _frame(self, frame: Frame) -> av.VideoFrame:
        drawn: NDArray[np.uint8] = draw_overlay(
            frame.image, frame.foreground, frame.labels, frame.time, frame.shadow, self._trails
        )
        if drawn.shape[:2] != self._size:
            drawn = np.asarray(cv2.resize(drawn, self._size[::-1], interpolation=cv2.INTER_AREA))
        height, width = self._size
        if height % 2 or width % 2:
            drawn = np.pad(drawn, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
        # Left to the encoder, the conversion differs in a few bytes from one run to the next.
        return picture.reformat(
            format=self.pixels, dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
        )
