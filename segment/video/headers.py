"""The size of a picture as its first bytes declare it, before anything is decoded.

Sources: the formats' specifications (ITU T.81, W3C PNG, GIF89a, TIFF 6.0 and BigTIFF, RFC 9649
WebP, ITU T.800 JPEG 2000, ISO 14496-12 and 23008-12 for AVIF and HEIF, netpbm, OpenEXR, Radiance).
"""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from segment.video.kinds import brands

__all__ = ["picture_size", "pixel_bytes"]

Size = tuple[int, int]


def picture_size(head: bytes, file: BinaryIO | None = None) -> Size | None:
    """Return (width, height) of the largest picture declared, None when this is none we know.

    head : the file's first bytes. file : all of it, where a format keeps its size further back.
    """
    try:
        for begins, look in _KINDS:
            if head.startswith(begins):
                return look(head, file)
        # In a film these four letters may stand anywhere, by chance.
        if head[4:8] == b"ftyp" and brands(head) & _PICTURE_BRANDS:
            return _boxes(head, b"ispe", 4, file)
    except (struct.error, ValueError, IndexError, OverflowError):
        pass
    return None


_PICTURE_BRANDS = frozenset(
    [b"mif1", b"mif2", b"msf1", b"miaf", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx",
     b"avif", b"avis", b"avci", b"avcs", b"1pic", b"jpeg", b"jpgs"]
)  # fmt: skip
"""What HEIF and AVIF call themselves; one of these stands in every such file."""


def pixel_bytes(head: bytes, file: BinaryIO | None = None) -> int:
    """Return how many bytes a pixel of a picture takes when it is decoded, as far as it says; or 3.

    head, file : as of `picture_size`.
    """
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            bits, kind = head[24], head[25]
            return max(3, bits // 8 * {0: 1, 2: 3, 4: 2, 6: 4}.get(kind, 3))
        if head[:2] in (b"II", b"MM"):
            _, each = max(_tiff_pages(head, file), key=_pixels, default=((0, 0), 3))
            return max(3, each)
        if head.startswith(b"\x76\x2f\x31\x01") or head.startswith((b"#?", b"P7")):
            return 12  # floats
        if head[:4] == b"RIFF" or head[4:8] == b"ftyp":
            return 8  # with transparency, as it is drawn and as it was
    except (struct.error, ValueError, IndexError, OverflowError):
        pass
    return 3


def _pixels(page: tuple[Size, int]) -> int:
    return page[0][0] * page[0][1]


def _png(head: bytes, file: BinaryIO | None) -> Size:
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _gif(head: bytes, file: BinaryIO | None) -> Size:
    width, height = struct.unpack_from("<HH", head, 6)
    return width, height


def _bmp(head: bytes, file: BinaryIO | None) -> Size:
    if struct.unpack_from("<I", head, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", head, 18)
    else:
        width, height = struct.unpack_from("<ii", head, 18)
    return abs(width), abs(height)  # rows from the top have a negative height


def _jpeg(head: bytes, file: BinaryIO | None) -> Size | None:
    found = _frame_headers(head)
    if found is None and file is not None:  # long remarks come first
        file.seek(0)
        found = _frame_headers(file.read(1 << 24))
    return found


def _frame_headers(data: bytes) -> Size | None:
    """Walk over the segments to the frame headers; an EXIF thumbnail is inside one of them."""
    at, largest = 2, None
    while at + 9 < len(data):
        marker = data[at + 1]
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)
            if at < 0:
                break
        elif marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD9:
            at += 1 if marker == 0xFF else 2
        elif marker == 0xDA and largest is not None:
            break
        else:
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack_from(">HH", data, at + 5)
                largest = _larger(largest, (width, height))
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
    return largest


def _larger(one: Size | None, other: Size) -> Size:
    return other if one is None or other[0] * other[1] > one[0] * one[1] else one


def _webp(head: bytes, file: BinaryIO | None) -> Size | None:
    kind = head[12:16]
    if len(head) < 30:
        return None
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


def _tiff(head: bytes, file: BinaryIO | None) -> Size | None:
    """The largest of all pages."""
    return max((size for size, _ in _tiff_pages(head, file)), key=_area, default=None)


def _area(size: Size) -> int:
    return size[0] * size[1]


_WIDTH, _HEIGHT, _BITS, _SAMPLES = 256, 257, 258, 277


def _tiff_pages(head: bytes, file: BinaryIO | None) -> Iterator[tuple[Size, int]]:
    """Walk over the pages; yield the size of each, and the bytes of its pixels."""
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    where, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    at = struct.unpack_from(order + where, head, 8 if big else 4)[0]
    seen: set[int] = set()
    while at and at not in seen and len(seen) < 4096:
        seen.add(at)
        page = _piece(head, file, at, 8)
        entries = struct.unpack_from(order + count, page)[0]
        start = struct.calcsize(count)
        table = _piece(head, file, at + start, min(entries, 4096) * entry + 8)
        found = {_WIDTH: 0, _HEIGHT: 0, _BITS: 8, _SAMPLES: 1}
        for number in range(min(entries, 4096)):
            if len(table) < (number + 1) * entry:
                break
            tag, kind = struct.unpack_from(order + "HH", table, number * entry)
            if tag in found and kind in _TIFF_TYPES:
                place = number * entry + 4
                values = struct.unpack_from(order + where, table, place)[0]
                place += struct.calcsize(where)
                size = struct.calcsize(_TIFF_TYPES[kind])
                if values * size > struct.calcsize(where):  # one for each sample, elsewhere
                    place = struct.unpack_from(order + where, table, place)[0]
                    value = _piece(head, file, place, size)
                else:
                    value = table[place : place + size]
                found[tag] = struct.unpack_from(order + _TIFF_TYPES[kind], value)[0]
        yield (found[_WIDTH], found[_HEIGHT]), (found[_BITS] + 7) // 8 * found[_SAMPLES]
        if len(table) < entries * entry + struct.calcsize(where):
            break
        at = struct.unpack_from(order + where, table, entries * entry)[0]


def _piece(head: bytes, file: BinaryIO | None, at: int, length: int) -> bytes:
    if at + length <= len(head) or file is None:
        return head[at : at + length]
    file.seek(at)
    return file.read(length)


def _netpbm(head: bytes, file: BinaryIO | None) -> Size | None:
    text = re.sub(rb"#[^\n]*\n", b" ", head[2:4096]).split(None, 2)
    return int(text[0]), int(text[1])


def _pam(head: bytes, file: BinaryIO | None) -> Size | None:
    sides = dict(re.findall(rb"^(WIDTH|HEIGHT)\s+(\d+)", head[:4096], re.MULTILINE))
    return (int(sides[b"WIDTH"]), int(sides[b"HEIGHT"])) if len(sides) == 2 else None


def _boxes(head: bytes, kind: bytes, skip: int, file: BinaryIO | None) -> Size | None:
    """Return the largest of all boxes `kind`, wherever they lie: two big numbers after `skip`."""
    largest: Size | None = None
    for found in re.finditer(re.escape(kind), head):
        if found.end() + skip + 8 <= len(head):
            first, second = struct.unpack_from(">II", head, found.end() + skip)
            largest = _larger(largest, (first, second))
    return largest


def _jp2(head: bytes, file: BinaryIO | None) -> Size | None:
    high_wide = _boxes(head, b"ihdr", 0, file)
    declared = None if high_wide is None else high_wide[::-1]
    start = head.find(b"\xff\x4f\xff\x51")
    real = _codestream(head[start:], file) if start >= 0 else None
    # What the codestream says is what a decoder makes, whatever the box around it says.
    sizes = [size for size in (declared, real) if size is not None]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _codestream(head: bytes, file: BinaryIO | None) -> Size:
    right, bottom, left, top = struct.unpack_from(">IIII", head, 8)
    return max(0, right - left), max(0, bottom - top)


def _exr(head: bytes, file: BinaryIO | None) -> Size | None:
    at = head.find(b"dataWindow\0box2i\0")
    if at < 0:
        return None
    left, top, right, bottom = struct.unpack_from("<iiii", head, at + 21)
    return max(0, right - left + 1), max(0, bottom - top + 1)


def _flv(head: bytes, file: BinaryIO | None) -> Size | None:
    """What its first tag declares: its streams are known only when they have been decoded."""
    sides = []
    for name in (b"\0\5width\0", b"\0\6height\0"):
        at = head.index(name) + len(name)
        sides.append(int(struct.unpack_from(">d", head, at)[0]))
    return sides[0], sides[1]


def _radiance(head: bytes, file: BinaryIO | None) -> Size | None:
    found = re.search(rb"\n[-+]([XY]) (\d+) [-+][XY] (\d+)\n", head[:65536])
    if found is None:
        return None
    first, second = int(found[2]), int(found[3])
    return (second, first) if found[1] == b"Y" else (first, second)


_KINDS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    (b"GIF8", _gif),
    (b"BM", _bmp),
    (b"RIFF", _webp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"II+\0", _tiff),
    (b"MM\0+", _tiff),
    (b"\0\0\0\x0cjP  ", _jp2),
    (b"\xff\x4f\xff\x51", _codestream),
    (b"FLV\1", _flv),
    (b"P7", _pam),
    *((b"P%d" % number, _netpbm) for number in range(1, 7)),
    (b"\x76\x2f\x31\x01", _exr),
    (b"#?", _radiance),
)
