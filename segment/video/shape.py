"""What a picture's file declares of it beside its size: the shape of a pixel, which way is up,
and whether there are others."""

import io
import struct
from fractions import Fraction
from pathlib import Path

from segment.video.upright import by_exif

__all__ = ["aspect_of", "density_aspect", "orientation_of", "pictures_of_jpeg"]

_HEAD = 1 << 16
_MOST = 8  # times as wide as high, or as high as wide; more is no camera's, but a mistake
# What a file with a tag holds somewhere; to look for it spares most pictures a second library.
_TAGGED = (b"Exif", b"eXIf", b"EXIF", b"exif", b"adobe", b"Orientation", b"II*\0", b"MM\0*")
_PNG, _JPEG, _BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"BM"


def aspect_of(path: Path) -> Fraction:
    """Return a pixel's width by its height in a PNG, JPEG or BMP, upright; 1 where none is said.

    Sources: W3C PNG, pHYs; ITU T.871, units and densities; BITMAPINFOHEADER. TIFF's are asked by
    who reads its tags.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        across, down = _density(head)
    except (OSError, struct.error, ValueError):
        return Fraction(1)
    aspect = density_aspect(across, down)
    if aspect != 1 and by_exif(orientation_of(path.read_bytes())).lies:
        return 1 / aspect
    return aspect


def density_aspect(across: Fraction | int, down: Fraction | int) -> Fraction:
    """Return a pixel's width by its height from how many there are across and down, in one unit."""
    if across <= 0 or down <= 0:
        return Fraction(1)
    aspect = Fraction(down) / Fraction(across)
    # Dots per metre are rounded: 72 by 72 may come as 2834 by 2835.
    if abs(aspect - 1) < Fraction(1, 500) or not Fraction(1, _MOST) <= aspect <= _MOST:
        return Fraction(1)
    return aspect.limit_denominator(1000)


def orientation_of(data: bytes) -> int:
    """Return the orientation tag of a picture's bytes, 1 where it has none that can be read."""
    if not any(mark in data for mark in _TAGGED):
        return 1
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data)) as picture:
            return int(picture.getexif().get(274, 1))
    except Exception:  # no tag that can be read
        return 1


def pictures_of_jpeg(data: bytes) -> int:
    """Return how many pictures a JPEG holds: more than one in a stereo camera's MPO.

    Source: CIPA DC-007, the number of images (tag 0xB001) in the MP index.
    """
    at = data.find(b"MPF\0", 0, _HEAD) + 4
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[at : at + 4])
    if not data.startswith(_JPEG) or at < 4 or order is None:
        return 1
    try:
        begin = at + struct.unpack_from(f"{order}I", data, at + 4)[0]
        (count,) = struct.unpack_from(f"{order}H", data, begin)
        for entry in range(begin + 2, begin + 2 + 12 * min(count, 64), 12):
            if struct.unpack_from(f"{order}H", data, entry)[0] == 0xB001:
                return max(1, int(struct.unpack_from(f"{order}I", data, entry + 8)[0]))
    except struct.error:
        pass
    return 1


def _density(head: bytes) -> tuple[int, int]:
    """How many pixels there are across and down; (1, 1) where the file does not say."""
    if head.startswith(_PNG):
        at = head.find(b"pHYs", 0, max(0, head.find(b"IDAT")))
        return struct.unpack_from(">II", head, at + 4) if at > 0 else (1, 1)
    if head.startswith(_JPEG) and head[2:4] == b"\xff\xe0" and head[6:11] == b"JFIF\0":
        return struct.unpack_from(">HH", head, 14)
    if head.startswith(_BMP) and struct.unpack_from("<I", head, 14)[0] >= 40:
        return struct.unpack_from("<ii", head, 38)
    return 1, 1
