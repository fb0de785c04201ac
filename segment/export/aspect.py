"""Pixels that are not square: how large a picture is shown, and how a Matroska file says it."""

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from segment.arrays import Image

_SEGMENT, _TRACKS, _ENTRY, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0
_UNIT, _VOID, _CRC = 0x54B2, 0xEC, 0xBF
_WIDTH, _HEIGHT = b"\x54\xb0", b"\x54\xba"
_HEAD = 1 << 16  # bytes in which the tracks are described


def shown_size(size: tuple[int, int], aspect: Fraction) -> tuple[int, int]:
    """Return the (height, width) at which a picture of `size` has square pixels; none are lost."""
    height, width = size
    if aspect >= 1:
        return height, round(width * aspect)
    return round(height / aspect), width


def as_shown(image: Image, aspect: Fraction) -> Image:
    """Return a picture (H, W, C) with square pixels; itself where it has them."""
    if aspect == 1:
        return image
    height, width = shown_size((image.shape[0], image.shape[1]), aspect)
    wide = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return wide.reshape(height, width, -1)


def mark_aspect(path: Path, size: tuple[int, int], aspect: Fraction) -> bool:
    """Write at which size the first track's pictures of `size` (height, width) are shown.

    The room for it is the void that FFmpeg leaves in a track; nothing else moves. Returns whether
    there was enough, and the file as FFmpeg writes it.

    Source: RFC 9559, sections 5.1.4.1.28.8 to 10 (DisplayWidth, DisplayHeight, DisplayUnit), and
    RFC 8794, section 11.3 (CRC-32, Void).
    """
    high, wide = shown_size(size, aspect)
    with path.open("r+b") as file:
        data = bytearray(file.read(_HEAD))
        place = _inside(data, 0, len(data), _SEGMENT, _TRACKS)
        if place is None:
            return False
        begin, end = place
        entry = _inside(data, begin, end, _ENTRY)
        if entry is None or not _fill(data, *entry, (wide, high)):
            return False
        parts = list(_elements(data, begin, end))
        if parts and parts[0][0] == _CRC:  # of all that follows it in its element
            _, _, body, stop = parts[0]
            data[body:stop] = zlib.crc32(data[stop:end]).to_bytes(4, "little")
        file.seek(begin)
        file.write(data[begin:end])
    return True


def _fill(data: bytearray, begin: int, end: int, shown: tuple[int, int]) -> bool:
    """Put the size into the track entry in data[begin:end], which keeps its length."""
    kept = bytearray()
    room = 0
    found = False
    for name, start, body, stop in _elements(data, begin, end):
        if name == _VOID:
            room += stop - start
        elif name == _VIDEO and not found:
            found = True
            fields = b"".join(
                bytes(data[one:last])
                for field, one, _, last in _elements(data, body, stop)
                if field != _UNIT  # the default is pixels
            )
            fields += _WIDTH + _number(shown[0]) + _HEIGHT + _number(shown[1])
            if len(fields) > 126:
                return False
            kept += bytes([_VIDEO, 0x80 | len(fields)]) + fields
        else:
            kept += data[start:stop]
    left = end - begin - len(kept)
    if not found or not room or left < 0 or left == 1 or left > 128:
        return False
    if left:
        kept += bytes([_VOID, 0x80 | (left - 2)]) + bytes(left - 2)
    data[begin:end] = kept
    return True


def _number(value: int) -> bytes:
    """Return a length and an unsigned number in as few bytes as it needs."""
    body = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return bytes([0x80 | len(body)]) + body


def _inside(data: bytearray, begin: int, end: int, *names: int) -> tuple[int, int] | None:
    """Return where the content of the first element down a path of `names` is."""
    for name in names:
        place = next(((b, e) for n, _, b, e in _elements(data, begin, end) if n == name), None)
        if place is None:
            return None
        begin, end = place
    return begin, end


def _elements(data: bytearray, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield name, begin, begin of content and end of the elements in data[at:end]."""
    while at < end:
        first = data[at]
        if not first:
            return
        length = 9 - first.bit_length()
        name = int.from_bytes(data[at : at + length], "big")
        size_at = at + length
        if size_at >= end or not data[size_at]:
            return
        wide = 9 - data[size_at].bit_length()
        size = int.from_bytes(data[size_at : size_at + wide], "big") & ((1 << 7 * wide) - 1)
        body = size_at + wide
        yield name, at, body, min(body + size, end)
        at = body + size
