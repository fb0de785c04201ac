"""Decoded frames of any pixel format as images: RGB or grey, eight bits, upright."""

from collections.abc import Callable, Iterable
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from segment.arrays import Image
from segment.video.clear import Clear, alpha_of, has_alpha
from segment.video.levels import Levels, Scale, to_eight_bits
from segment.video.upright import UPRIGHT, Turn, by_exif, by_matrix, turned

_LIMITED, _FULL = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
_WHOLE = 65535  # white of the 16 bits that colours deeper than eight are converted to
_UNCODED = ("rgb", "bgr", "gbr", "argb", "abgr")  # pixels that are what a camera gave


class Painter:
    """Turns the decoded frames of one film into images.

    Parameters
    ----------
    name : of the film, for messages.
    first : its first frame.
    levels : what becomes black and white, in the units of the pixel format's own depth.
    more : gives some other frames, where levels have to be looked for.
    orientation : the tag of the first frame, where it is a picture's file.

    Images are (H, W, 1) where the first frame has no colour, else RGB. Depths of 16 bits and
    floats are looked at, for cameras put 12 bits into them; lesser depths are what they say.
    """

    def __init__(
        self,
        name: str,
        first: av.VideoFrame,
        levels: Levels | None = None,
        more: Callable[[], Iterable[av.VideoFrame]] = tuple,
        orientation: int = 1,
    ) -> None:
        self.grey = is_grey(first)
        self._rotation, self.turn = first.rotation, turn_of(first, orientation)
        # One for all frames: a frame's own would set up its tables anew each time.
        self._converter = VideoReformatter()
        self._levels = levels or Levels()
        self._bits = first.format.components[0].bits
        self._kind = first.format.name
        self._scale = Scale(name, self._in_sixteen(self._levels) if self._is_coded() else levels)
        self._name, self._clear = name, Clear()
        self._clear.is_told = not has_alpha(first)  # there is nothing to tell
        values = self._deep(first)
        self._plain = values is None
        if values is not None and self._scale.needs_look(values):
            self._look(values, more)

    def _look(self, first: NDArray[Any], more: Callable[[], Iterable[av.VideoFrame]]) -> None:
        declared = None if self._bits >= 16 else 16 if self._is_coded() else self._bits
        samples = [first]
        if declared is None or "auto" in (self._levels.black, self._levels.white):
            others = (self._deep(picture) for picture in more())
            samples += [one for one in others if one is not None and one.dtype == first.dtype]
        self._scale.look(samples, declared)
        found = self._scale.range_of(first)
        if not self.grey and (found.black, found.white) == (0, _WHOLE):
            self._plain = True  # as it always was: the converter does it in one go

    def paint(self, picture: av.VideoFrame) -> Image:
        """Return the picture upright; the array is the caller's own."""
        if not self._clear.is_told and has_alpha(picture):
            self._clear.look(alpha_of(picture), f"{self._name}: a frame")
        values = None if self._plain else self._deep(picture)
        if values is not None:
            image = self._scale.apply(values)
        else:
            image = self._grey_image(picture) if self.grey else self._rgb_image(picture)
            if self._levels.given:
                image = self._scale.apply(image)
        # To ask each frame for its matrix would keep it, and 40 MB of its like, until Python next
        # looks for what refers to itself.
        if picture.rotation != self._rotation:
            self._rotation, self.turn = picture.rotation, turn_of(picture)
        return np.ascontiguousarray(turned(image, self.turn))

    def _is_coded(self) -> bool:
        """Whether pixels are converted to 16 bits, and so are the levels asked for."""
        if self._bits <= 8 or self._kind.startswith("gray") or "f32" in self._kind:
            return False
        return self._bits < 16 or not self._kind.startswith(_UNCODED)

    def _in_sixteen(self, levels: Levels) -> Levels:
        times = _WHOLE / (2**self._bits - 1)
        scaled = [
            round(level * times) if isinstance(level, (int, float)) else level
            for level in (levels.black, levels.white)
        ]
        return Levels(*scaled)

    def _deep(self, picture: av.VideoFrame) -> NDArray[Any] | None:
        """Return the values as (H, W, C) in their own depth, where that is to be looked at."""
        kind = picture.format.name
        bits = picture.format.components[0].bits
        if bits <= 8:
            return None
        limited = picture.color_range == _LIMITED
        if kind.startswith("gray") and not limited:
            return picture.to_ndarray()[:, :, None]
        if kind.startswith("gbrpf32"):
            return picture.to_ndarray()
        uncoded = bits >= 16 and kind.startswith(_UNCODED)
        if not self._levels.given and not uncoded:
            return None
        if self.grey:
            return self._converted(picture, "gray16le")[:, :, None]
        return self._converted(picture, "rgb48le")

    def _rgb_image(self, picture: av.VideoFrame) -> Image:
        if picture.format.name == "rgb24":
            return _copied(picture)
        return np.ascontiguousarray(self._converted(picture, "rgb24"))

    def _grey_image(self, picture: av.VideoFrame) -> Image:
        limited = picture.color_range == _LIMITED
        if picture.format.name == "gray" and not limited:
            return _copied(picture)[:, :, None]
        bits = picture.format.components[0].bits
        if bits <= 8 or limited or not is_grey(picture):
            return np.ascontiguousarray(self._converted(picture, "gray"))[:, :, None]
        # The converter dithers deep grey; plain rounding is what a threshold can trust.
        return to_eight_bits(self._converted(picture, "gray16le"))[:, :, None]

    def _converted(self, picture: av.VideoFrame, pixels: str) -> NDArray[Any]:
        wanted: dict[str, Any] = {"format": pixels, "dst_color_range": _FULL}
        if picture.color_range in (_LIMITED, _FULL):
            wanted["src_color_range"] = int(picture.color_range)
        # Its own threads cost more than they bring: decoding and converting 1080p took
        # 4.7 ms a frame with them, 2.6 ms without, on two cores.
        converted = self._converter.reformat(picture, **wanted, threads=1)
        return converted.to_ndarray()


def is_grey(picture: av.VideoFrame) -> bool:
    """Say whether the pixels have no colour, whatever their depth."""
    return picture.format.name.startswith(("gray", "mono", "ya8", "ya16"))


def turn_of(picture: av.VideoFrame, orientation: int = 1) -> Turn:
    """Return how the picture becomes upright, by the display matrix that came with it.

    `orientation` is its tag, by which it goes where PyAV cannot give the matrix.
    """
    try:
        found: Any = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV knows not every kind of data that stands beside a picture (EXIF)
        return (
            by_exif(orientation) if orientation != 1 else Turn(quarters=picture.rotation // 90 % 4)
        )
    if found is None:
        return UPRIGHT
    numbers = np.frombuffer(bytes(found), "=i4")
    return by_matrix(numbers.tolist()) if len(numbers) >= 9 else UPRIGHT


def _copied(picture: av.VideoFrame) -> Image:
    # Not converted, these are the decoder's own pixels, which it predicts from.
    return np.array(picture.to_ndarray(), np.uint8, order="C")
