"""One picture file into pixels of its own depth, upright, and its transparency."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image
from segment.errors import SegmentError, UnreadableInput
from segment.video.animated import AnimatedPages
from segment.video.clear import may_be_clear
from segment.video.kinds import TIFF, brands, is_bare_gif
from segment.video.limits import check_picture
from segment.video.rarer import RARER, read_rarer
from segment.video.shape import orientation_of
from segment.video.soundness import find_flaw, muted, reaches_far
from segment.video.tiff import Pixels, TiffPages
from segment.video.upright import by_exif, turned

_PICTURES = (
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .jp2 .bmp .dib .tif .tiff .btf .tf8 .lsm .webp .avif "
    ".ppm .pgm .pbm .pnm .pam .exr .hdr"
)
PICTURES = frozenset(_PICTURES.split()) | RARER
"""Suffixes of picture files, lower case. A gif is a short film and goes to PyAV."""

_VIDEOS = (
    ".mp4 .m4v .mov .qt .mkv .webm .avi .divx .mpg .mpeg .mpe .m1v .m2v .ts .m2ts .mts .m2t "
    ".trp .wmv .asf .flv .f4v .3gp .3g2 .gif .h264 .264 .h265 .265 .hevc .obu .ivf .ogv .ogm "
    ".y4m .mjpeg .mjpg .mj2 .vob .mxf .dv .nut .wtv .rm .rmvb .tod"
)
VIDEOS = frozenset(_VIDEOS.split())
"""Suffixes that a folder's message names as videos."""

LINEAR = frozenset([".exr", ".hdr"])
"""Suffixes of pictures of light: floats from 0 to 1, with highlights above."""

_HEAD = 1 << 16
_WRITTEN = (b"P1", b"P2", b"P3")  # pictures whose pixels are numbers in letters
_PNG = b"\x89PNG\r\n\x1a\n"


class Pages(Protocol):
    """The pictures in one file; see `TiffPages` and `AnimatedPages`."""

    path: Path
    length: int
    rate: Fraction | None
    aspect: Fraction
    notes: list[str]
    complaints: list[str]
    codec: str

    @property
    def kind(self) -> str: ...
    def read(self, number: int) -> Pixels: ...
    def close(self) -> None: ...


def open_pages(path: Path, track: int = 0) -> Pages | None:
    """Open a TIFF, AVIF, animated WebP or PNG, or bare GIF, whatever its suffix; else None.

    `track` chooses among the series of a TIFF that holds several. Raises UnreadableInput, also
    for a picture, of whatever kind, that is larger than the limits let in.
    """
    check_picture(path)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None  # `read_bytes` says why
    if head[:4] in TIFF:
        return TiffPages(path, track)
    if head[4:8] == b"ftyp" and {b"avif", b"avis"} & brands(head):
        return AnimatedPages(path)
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20:21] and head[20] & 2:
        return AnimatedPages(path)
    if head.startswith(_PNG) and b"acTL" in head.partition(b"IDAT")[0]:
        return AnimatedPages(path)
    if is_bare_gif(path):
        return AnimatedPages(path)
    return None


def first_of(pages: Pages) -> Pixels:
    """Return a file's first picture, and with it what its file complains of."""
    complaints = list(pages.complaints)
    pixels = pages.read(0)
    complaints += pages.complaints
    return pixels._replace(flaw=complaints[0]) if complaints else pixels


def holds_several(path: str | Path) -> bool:
    """Whether a file holds several pictures that are frames each; False where nobody can tell."""
    try:
        pages = open_pages(Path(path))
        if pages is None:
            return False
        try:
            return pages.length > 1
        finally:
            pages.close()
    except SegmentError:
        return False


def read_stored(path: Path) -> Pixels:
    """Return a picture file's pixels in the depth it has, and its alpha; of pages the first.

    Raises UnreadableInput.
    """
    pages = open_pages(path)
    if pages is not None:
        try:
            return first_of(pages)
        finally:
            pages.close()
    if path.suffix.lower() in RARER:
        return read_rarer(path)
    # Decoding from memory keeps names OK that the library's own file reading cannot open.
    data = read_bytes(path)
    flaw = find_flaw(data)
    if reaches_far(data):
        raise UnreadableInput(
            f"{path}: is damaged, a piece claims more bytes than the file has ({flaw})"
        )
    # A decoder's own words are heard by nobody: what is wrong is told with the frame.
    with muted() if flaw else nullcontext():
        picture, alpha = _decode(data)
    if picture is None:
        raise UnreadableInput(
            f"{path}: is damaged or no picture that can be read ({flaw or f'{len(data)} bytes'})"
        )
    return Pixels(picture, alpha, flaw=flaw)


def read_pixels(path: Path) -> NDArray[Any]:
    """Return a picture file as (H, W, 3) RGB or (H, W, 1) grey in the depth it has."""
    return read_stored(path).values


def is_lossy(path: Path) -> bool:
    """Whether a picture's format changes levels, so that a mask's edges ring."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(_HEAD)
        jpeg2000 = head[4:8] == b"jP  " or head[:4] == b"\xff\x4f\xff\x51"
        webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP" and b"VP8 " in head[:4096]
        return head[:2] == b"\xff\xd8" or jpeg2000 or webp or b"avif" in head[4:64]
    return False


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes. Raises UnreadableInput."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableInput(f"{path}: no such file") from None
    except PermissionError:
        raise UnreadableInput(f"{path}: no permission to read this file") from None
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from None
    if not data:
        raise UnreadableInput(f"{path}: is empty (0 bytes)")
    return data


def _decode(data: bytes) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Return a picture as (H, W, C) grey or RGB, turned as its orientation tag says; its alpha."""
    if may_be_clear(data):
        stored = _decoded(data, cv2.IMREAD_UNCHANGED)
        if stored is not None and stored.shape[2] == 4:
            # Stored is also how it lies. The last channel, before their order was turned round.
            stored = turned(stored, by_exif(orientation_of(data)))
            return np.ascontiguousarray(stored[:, :, 1:]), stored[:, :, 0]
    return _decoded(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR), None


def _decoded(data: bytes, flags: int) -> NDArray[Any] | None:
    """Return (H, W, C), with the channels in the order of RGB, and alpha first."""
    if data[:2] in _WRITTEN:
        data += b"\n"  # without it the last number has no end
    with quiet():
        try:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:
            return None
    if picture is None or picture.size == 0:
        return None
    if picture.ndim == 2:
        return picture[:, :, None]
    return np.ascontiguousarray(picture[:, :, ::-1])


def rescale(image: Image, size: tuple[int, int]) -> Image:
    """Return `image` (H, W, C) at `size` (height, width); area mean down, linear up."""
    height, width = size
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return with_axis(cv2.resize(image, (width, height), interpolation=method))


def fitted(image: Image, size: tuple[int, int], channels: int) -> Image:
    """Return `image` (H, W, C) as one of a sequence that was begun: of its size and colours."""
    if image.shape[:2] != size:
        image = rescale(image, size)
    if image.shape[2] != channels:
        code = cv2.COLOR_GRAY2RGB if channels == 3 else cv2.COLOR_RGB2GRAY
        image = with_axis(cv2.cvtColor(image, code))
    return image


def with_axis(image: NDArray[Any]) -> Image:
    """Return (H, W) or (H, W, C) uint8 as (H, W, C), in one piece."""
    plane: Image = np.ascontiguousarray(image, np.uint8)
    return plane[:, :, None] if plane.ndim == 2 else plane


@contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV from complaining on stderr; what failed is told by our own message."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
