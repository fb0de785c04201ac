"""What a file's bytes tell without decoding: why it is no video, whether its checksums hold."""

import zlib
from pathlib import Path
from typing import Protocol

import numpy as np

from segment.video.soundness import jpeg_flaw

_HEAD = 1 << 16
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands of pictures in the container of mp4."""


class _Packet(Protocol):
    @property
    def size(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


def why_not_a_video(path: Path, refused: bool = False) -> str | None:
    """Return in a few words why `path` cannot be a video, None when it may be one.

    `refused` : the demuxer did not open it, so that there must be a reason.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if not head:
                return "is empty (0 bytes)"
            if _is_text(head):
                return "is a text file, not a video"
            if not refused:
                return None
            if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
                return (
                    "is a HEIF picture as telephones make them, of a kind that is not read here; "
                    "save it as JPEG or PNG"
                )
            if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip") and not _has_index(path):
                return (
                    "is an mp4 without its index (moov); the recording was cut before its end "
                    "and needs a repair tool, or to be copied again"
                )
    except FileNotFoundError:
        is_address = str(path).lower().startswith("file:/")
        return f"no such file{'; give its path, without file://' if is_address else ''}"
    except IsADirectoryError:
        return "is a folder"
    except PermissionError:
        return "no permission to read this file"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "is damaged at its beginning, or no video of a known kind"


def _is_text(head: bytes) -> bool:
    if b"\0" in head or head.startswith(b"YUV4MPEG2"):
        return False
    # The piece may end inside a character.
    for cut in range(4):
        try:
            head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False


def _has_index(path: Path) -> bool:
    """Walk over an mp4's top boxes to its index."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if kind in (b"moov", b"moof"):
                return True
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                return False
            at += length
    return False


class Protected:
    """Finds what a packet's own bytes give away, and its decoder tells nobody.

    FFV1 version 3 ends every slice with its length (3 bytes), a status byte and a CRC-32.
    Older streams have none: the lengths in the first packet tell. GIF's codes must make as many
    pixels as its picture has, and libjpeg counts what it has to make up of a motion JPEG's.
    Other codecs hold always.

    Source: RFC 9043, sections 4.9 and 4.8.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._checks: bool | None = None if codec == "ffv1" else codec in ("gif", "mjpeg")

    def holds(self, packet: _Packet) -> bool:
        if self._checks is False:
            return True
        if self._codec == "gif":
            return _codes_hold(bytes(packet))
        if self._codec == "mjpeg":
            return jpeg_flaw(bytes(packet), film=True) is None
        data = bytes(packet)
        if self._checks is None:
            self._checks = _has_sums(data)
        return not self._checks or _slices_hold(data)


def _codes_hold(data: bytes) -> bool:
    """Say whether a GIF's codes make all of its picture. Source: GIF89a, sections 20 to 22."""
    at = 0
    if data[:3] == b"GIF":  # the first packet may have the file's head before it
        if len(data) < 13:
            return False
        at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)
    while data[at : at + 1] == b"!":
        at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    if data[at : at + 1] != b"," or at + 11 > len(data):
        return False
    width, height = (int.from_bytes(data[at + k : at + k + 2], "little") for k in (5, 7))
    flags = data[at + 9]
    at += 10 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    if at >= len(data) or not 1 <= data[at] <= 8:
        return False
    bits, codes = data[at], bytearray()
    at += 1
    while at < len(data) and data[at]:
        if at + 1 + data[at] > len(data):
            return False
        codes += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    from segment.video.kernels import count_gif_lzw

    pixels, ending = count_gif_lzw(np.frombuffer(codes, np.uint8), bits, np.zeros(4096, np.int64))
    # Some writers leave the end code out; none draws more or fewer pixels.
    return bool(ending >= 0 and pixels == width * height)


def _has_sums(data: bytes) -> bool:
    """Say whether slices with a length, a status and a sum behind each make up all of `data`."""
    end = len(data)
    while end >= 8:
        end -= int.from_bytes(data[end - 8 : end - 5], "big") + 8
    return end == 0


def _slices_hold(data: bytes) -> bool:
    end = len(data)
    while end > 0:
        length = int.from_bytes(data[end - 8 : end - 5], "big") + 8
        if end < 8 or length > end:
            return False
        # The standard's CRC runs from the highest bit with start and end 0, zlib's from the
        # lowest with both inverted; over data and CRC together it is 0.
        piece = data[end - length : end].translate(_REVERSED)
        if zlib.crc32(piece, 0xFFFFFFFF) != 0xFFFFFFFF:
            return False
        end -= length
    return True
