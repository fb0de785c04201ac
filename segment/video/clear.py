"""Transparency in frames: nothing after the reader knows of it, so that it is told."""

import logging
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

log = logging.getLogger("segment.video")

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG2000 = b"\xff\x4f\xff\x51"  # where its code stream begins
_COMPONENTS = 40  # bytes from there to their number, ITU-T T.800 A.5.1
_IN_PLANES = ("yuva", "gbrap")  # pixel formats whose last plane it is
_IN_PIXELS = ("rgba", "argb", "bgra", "abgr")


class Clear:
    """Looks at the transparency of a sequence's frames, and tells once that there is some."""

    def __init__(self) -> None:
        self.is_told = False

    def look(self, alpha: NDArray[Any] | None, told: object) -> None:
        """`alpha` : (H, W) of any type, None where there is none. `told` : what frame it is of."""
        if alpha is None or self.is_told:
            return
        whole = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
        most = int(alpha.max())
        if whole > 255 and 255 < most < whole and most & (most + 1) == 0:
            whole = most  # 10, 12, 14 bits in 16
        if alpha.min() < whole:
            self.tell(f"{told} is transparent in {_share((alpha < whole).mean())} of its pixels")

    def tell(self, what: str) -> None:
        self.is_told = True
        log.warning(
            "%s; in frames that counts as opaque, in the colour stored under it (--region and "
            "--ignore say where not to look)",
            what,
        )


def _share(part: float) -> str:
    return "less than 1 %" if part < 0.01 else f"{100 * part:.0f} %"


def may_be_clear(data: bytes) -> bool:
    """Whether a picture file can hold transparency, by its head."""
    if data.startswith(_PNG):
        return data[25:26] in (b"\x04", b"\x06") or b"tRNS" in data.partition(b"IDAT")[0]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return data[12:16] in (b"VP8X", b"VP8L")
    at = data.find(_JPEG2000, 0, 4096)
    if at >= 0:
        return data[at + _COMPONENTS : at + _COMPONENTS + 2] in (b"\0\2", b"\0\4")
    return data[:2] == b"P7" or data[:4] == b"\x76\x2f\x31\x01"  # PAM, OpenEXR


def has_alpha(picture: av.VideoFrame) -> bool:
    """Whether a film's pixels have transparency, and it is not merely a filling of their bytes."""
    return any(part.is_alpha for part in picture.format.components) or picture.format.has_palette


def alpha_of(picture: av.VideoFrame) -> NDArray[Any]:
    """Return a decoded frame's transparency, (H, W); it is whole where it is its type's most."""
    kind = picture.format.name
    if kind.startswith(_IN_PLANES):
        return _plane(picture)
    if kind in _IN_PIXELS:
        pixels: NDArray[Any] = picture.to_ndarray()
        return pixels[:, :, kind.index("a")]
    found: NDArray[Any] = picture.reformat(format="rgba").to_ndarray()
    return found[:, :, 3]


def _plane(picture: av.VideoFrame) -> NDArray[Any]:
    form, plane = picture.format, picture.planes[3]
    bits = form.components[3].bits
    order = ">" if form.is_big_endian else "<"
    kind = "u1" if bits <= 8 else f"{order}f4" if "f32" in form.name else f"{order}u2"
    held: Any = plane
    lines = np.frombuffer(held, np.uint8).reshape(plane.height, plane.line_size)
    width = picture.width * np.dtype(kind).itemsize
    values = np.ascontiguousarray(lines[:, :width]).view(kind)
    return np.where(values == (1 << bits) - 1, 65535, values) if 8 < bits < 16 else values
