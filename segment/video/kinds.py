"""What a file is by its first bytes, whatever it is called: a film, or a picture of pages."""

import io
from pathlib import Path
from typing import BinaryIO

__all__ = ["TIFF", "brands", "is_bare_gif", "is_film", "is_picture", "needs_a_file"]

_HEAD = 1 << 12
_FILMS = (b"GIF8", b"\x1aE\xdf\xa3", b"FLV\1", b"OggS", b"\0\0\1\xba", b"0&\xb2u\x8ef\xcf\x11")
"""GIF, Matroska, Flash, Ogg, MPEG program streams, Windows media."""

_PACKET = 188  # bytes of a transport stream's packet, which begins with 0x47
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STILL = (b"avif", b"avis", b"mif1", b"heic", b"heix", b"hevc", b"hevx", b"msf1")


def is_film(path: Path) -> bool:
    """Whether a file is a film, though it may be called a picture."""
    head = _head(path)
    if head.startswith(_FILMS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return True
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return not _is_still(head)
    return len(head) > 2 * _PACKET and set(head[: 3 * _PACKET : _PACKET]) == {0x47}


def is_picture(path: Path) -> bool:
    """Whether a file is a TIFF, WebP or AVIF, of which films' decoders would show one page."""
    return _is_picture(_head(path))


def needs_a_file(head: bytes) -> bool:
    """Whether what begins so has pictures that are found only by going to and fro in it."""
    if head.startswith(b"GIF8"):
        return _pictures(io.BytesIO(head))[:1] == [False]
    animated = head.startswith(b"\x89PNG") and b"acTL" in head.partition(b"IDAT")[0]
    return animated or _is_picture(head)


def _is_picture(head: bytes) -> bool:
    if head.startswith(TIFF) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    return head[4:8] == b"ftyp" and {b"avif", b"avis"} & brands(head) != set()


def is_bare_gif(path: Path) -> bool:
    """Whether a GIF has several pictures, some without the block that says how long each lasts.

    FFmpeg takes these for one. Source: GIF89a, sections 18 to 27.
    """
    if not _head(path).startswith(b"GIF8"):
        return False
    try:
        with path.open("rb") as file:
            controlled = _pictures(file)
    except OSError:
        return False
    return len(controlled) > 1 and not all(controlled)


def _pictures(file: BinaryIO) -> list[bool]:
    """Of each picture whether a graphic control extension stands before it."""
    found: list[bool] = []
    control = False
    head = file.read(13)
    if len(head) == 13:
        _skip_table(file, head[10])
    while sign := file.read(1):
        if sign == b"!":
            control = file.read(1) == b"\xf9" or control
        elif sign == b",":
            place = file.read(9)
            if len(place) < 9:
                break
            found.append(control)
            control = False
            _skip_table(file, place[8])
            file.read(1)  # bits of a code
        else:
            break
        while length := file.read(1):
            if length == b"\0":
                break
            file.seek(length[0], 1)
    return found


def _skip_table(file: BinaryIO, flags: int) -> None:
    if flags & 128:
        file.seek(3 << (flags & 7) + 1, 1)


def _is_still(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _STILL


def brands(head: bytes) -> set[bytes]:
    """What a file of boxes (MP4, AVIF) says that it is."""
    end = min(int.from_bytes(head[:4], "big"), len(head), 256)
    return {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}


def _head(path: Path) -> bytes:
    """The first bytes of a file; none of a pipe, whose bytes come once."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except (OSError, ValueError):
        return b""
