"""Pictures of rarer kinds, of the film trade, of astronomy, of games: as FFmpeg decodes them."""

from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from segment.errors import UnreadableInput
from segment.video.clear import alpha_of, has_alpha
from segment.video.limits import current
from segment.video.opening import open_container, reason
from segment.video.pixels import is_grey
from segment.video.tiff import Pixels

__all__ = ["RARER", "read_rarer"]

_RARER = (
    ".tga .dpx .pcx .sgi .qoi .pfm .phm .xwd .dds .ras .sun .psd .fits .fts .cin .jls .j2k .jpx "
    ".jxl .pgx"
)
RARER = frozenset(_RARER.split())
"""Suffixes of their files, lower case."""


def read_rarer(path: Path) -> Pixels:
    """Return the first picture of a file in the depth it has. Raises UnreadableInput."""
    try:
        with open_container(path, str(path)) as container:
            picture = next(container.decode(video=0))
            alpha = alpha_of(picture) if has_alpha(picture) else None
            flaw = "its decoder says so" if picture.is_corrupt else _cut(path)
            return Pixels(_values(picture), alpha, flaw=flaw)
    except (av.FFmpegError, OSError, IndexError, StopIteration, ValueError) as error:
        why = reason(error) or "it ends before its picture"
        most = current().most_pixels(video=True) / 1e6
        raise UnreadableInput(
            f"{path}: is damaged, or no picture that can be read, or has more than {most:.4g} "
            f"million pixels, which --max-pixels lets in ({why})"
        ) from None


def _cut(path: Path) -> str | None:
    """Say whether a file ends too early, of which its decoder says nothing: it fills up.

    Sources: the QOI specification; ITU T.87 and T.800; Sun's rasterfile.h.
    """
    data = path.read_bytes()
    if data[:4] == b"\x59\xa6\x6a\x95":
        length, colours = (int.from_bytes(data[at : at + 4], "big") for at in (16, 28))
        is_whole = len(data) >= 32 + colours + length
    elif data[:4] == b"qoif":
        is_whole = data.endswith(bytes(7) + b"\1")
    elif data[:3] in (b"\xff\xd8\xff", b"\xff\x4f\xff"):
        is_whole = b"\xff\xd9" in data[-64:]
    else:
        return None
    return None if is_whole else "the end of the picture is missing"


def _values(picture: av.VideoFrame) -> NDArray[Any]:
    kind, deep = picture.format.name, picture.format.components[0].bits > 8
    if "f32" in kind or "f16" in kind:
        kind = "grayf32le" if is_grey(picture) else "gbrpf32le"
    elif is_grey(picture):
        kind = "gray16le" if deep else "gray"
    else:
        kind = "rgb48le" if deep else "rgb24"
    values = picture.reformat(format=kind).to_ndarray()
    return np.ascontiguousarray(values if values.ndim == 3 else values[:, :, None])
