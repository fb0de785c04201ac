"""H.264 that browsers play: how files, encoders and pictures are set up for all that write it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from segment.arrays import Image

__all__ = [
    "CLOCK", "LARGEST_SIDE", "LONGEST", "Ticks", "as_picture", "dress", "even", "fitting",
    "nominal", "open_mp4",
]  # fmt: skip

CLOCK = Fraction(1, 90_000)  # seconds; fine enough for every rate in use
LONGEST = round(3000 / CLOCK)
"""Ticks for which a picture is shown at most. MP4 has 31 bits, six hours and a half, for how much
later than it is decoded a picture is shown, which is up to four pictures later."""

LARGEST_SIDE = 16384  # pixels of a side that the encoder takes

Size = tuple[int, int]


def open_mp4(path: Path) -> Any:
    """A container to write: its index in front, so that a browser plays while it loads.

    It has no random identifiers: the same frames give the same file.
    """
    # file: keeps a name with a colon from being taken for a protocol.
    return av.open(
        f"file:{path}",
        "w",
        format="mp4",
        options={"fflags": "+bitexact", "movflags": "+faststart"},
    )


def nominal(rate: Fraction, least: float = 0.001, most: float = 1000) -> Fraction:
    """The rate that a file is told: as it is, within what encoders and players bear.

    Every picture has its own time beside it.
    """
    return min(max(rate, Fraction(str(least))), Fraction(str(most)))


def fitting(size: Size) -> Size:
    """(height, width) at which pictures of `size` can be encoded, as large as may be."""
    share = min(1.0, LARGEST_SIDE / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def even(size: Size) -> Size:
    """`size` with a row and a column more where needed: two by two pixels share a colour."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


class _Colours(NamedTuple):
    """How red, green and blue become what is stored, and the numbers that say so in the file."""

    matrix: int
    rest: int  # primaries and transfer


# BT.709, and said so: unsaid, players take it for granted in large pictures and not in small
# ones, and FFmpeg's own default, BT.601, comes out up to 26 levels wrong.
_BT709 = _Colours(1, 1)
# The matrix of BT.601, also said: the one that OpenCV has, in a sixth of swscale's time.
_BT601 = _Colours(6, 1)


def dress(
    codec: Any, size: Size, *, aspect: Fraction = Fraction(1), clock: Fraction = CLOCK,
    quick: bool = False,
) -> None:  # fmt: skip
    """Tell an encoder what its pictures are: of (height, width) even `size`, from `as_picture`."""
    colours = _BT601 if quick else _BT709
    codec.height, codec.width = size
    codec.pix_fmt, codec.time_base = "yuv420p", clock
    codec.sample_aspect_ratio = aspect
    codec.colorspace = colours.matrix
    codec.color_primaries = codec.color_trc = colours.rest
    codec.color_range = ColorRange.MPEG


def as_picture(image: Image, size: Size, *, quick: bool = False) -> av.VideoFrame:
    """`image` (H, W, C), RGB or grey, at (height, width) `size`, its border repeated to be even.

    `quick` is for what is looked at once: shrunk by halves and bilinear, colours by BT.601.
    """
    if image.shape[:2] != size:
        image = _halved(image, size) if quick else image
        how = cv2.INTER_LINEAR if quick else cv2.INTER_AREA
        small: NDArray[Any] = np.asarray(cv2.resize(image, size[::-1], interpolation=how))
        image = small.astype(np.uint8, copy=False).reshape(*size, -1)
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    if size[0] % 2 or size[1] % 2:
        image = np.pad(image, ((0, size[0] % 2), (0, size[1] % 2), (0, 0)), mode="edge")
    image = np.ascontiguousarray(image)
    if quick:
        planes = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
        return av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
    # Left to the encoder, the conversion differs in a few bytes from one run to the next.
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
    )


def _halved(image: Image, size: Size) -> Image:
    # The mean of two by two is quick; of other numbers, eight times slower than bilinear.
    while image.shape[0] >= 2 * size[0] and image.shape[1] >= 2 * size[1]:
        half = image.shape[1] // 2, image.shape[0] // 2
        whole = image[: 2 * half[1], : 2 * half[0]]
        small = np.asarray(cv2.resize(whole, half, interpolation=cv2.INTER_AREA), np.uint8)
        image = small.reshape(half[1], half[0], -1)
    return image


class Ticks:
    """Times in ticks of `CLOCK`. They rise strictly, or the encoder refuses; two frames at one
    moment are a tick apart."""

    def __init__(self) -> None:
        self.last = -1

    def at(self, seconds: float) -> int:
        """The tick of a frame that comes next."""
        self.last = max(round(seconds / float(CLOCK)), self.last + 1)
        return self.last

    def again(self, seconds: float) -> Iterator[int]:
        """The ticks at which the last picture is shown again, where the next is too far from it.

        A camera that was away for a night leaves such a gap.
        """
        while self.last >= 0 and seconds / float(CLOCK) - self.last > LONGEST:
            self.last += LONGEST
            yield self.last
