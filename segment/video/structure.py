"""Whether the pieces of a film's file fit into each other, which readers mend without a word.

A reader that meets a piece of an impossible length looks for the next one that makes sense, and
says so in a log, if at all. Here the lengths and sums that a file holds are held against each
other, without decoding anything.
"""

import mmap
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from segment.video import program, transport

__all__ = ["find_break"]


def find_break(path: Path, formats: frozenset[str] | set[str]) -> str | None:
    """Return in a few words where a film's file does not fit together, None when nothing shows.

    formats : FFmpeg's names of the container; knows matroska and webm, flv, avi, mp4 and its kin,
    mpegts, and mpeg, the program stream.
    """
    walk = next((_WALKS[name] for name in _WALKS if name in formats), None)
    if walk is None:
        return None
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
            memoryview(data) as view,
        ):
            return walk(view)
    except (OSError, ValueError):  # gone, or empty: reading it says so
        return None


# -- Matroska and WebM. Source: RFC 8794 (EBML), RFC 9559 (Matroska) ------------------------------

_HEADER, _SEGMENT, _CLUSTER, _GROUP = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xA0
_TRACKS, _TRACK, _TRACK_NUMBER = 0x1654AE6B, 0xAE, 0xD7
_SUM, _BLOCK, _SIMPLE_BLOCK = 0xBF, 0xA1, 0xA3
_PICTURE, _INFO, _CUES, _SEEK, _TAGS = 0xE0, 0x1549A966, 0x1C53BB6B, 0x114D9B74, 0x1254C367
_PLACE, _POINT, _POINTED, _TAGGED, _TAG_OF = 0x4DBB, 0xBB, 0xB7, 0x7373, 0x67C8
_TOP = frozenset([_CLUSTER, _TRACKS, _INFO, _CUES, _SEEK, _TAGS])
# What holds other pieces, as far as the film or what it means depends on them.
_MASTERS = _TOP | {_HEADER, _SEGMENT, _GROUP, _TRACK, _PICTURE}
_MASTERS |= {_PLACE, _POINT, _POINTED, _TAGGED, _TAG_OF}


class _Unfit(Exception):
    """A piece that does not fit, and where."""


def _matroska(view: memoryview) -> str | None:
    at, tracks = 0, set[int]()
    try:
        while at < len(view):
            kind, begin, end = _element(view, at, len(view), 0)
            if kind not in (_HEADER, _SEGMENT):
                # A second file behind the first, or somebody's bytes: no part of this film.
                return None
            if end is not None and end > len(view):
                raise _Unfit(f"{end} bytes are declared, {len(view)} are there")
            at = _inside(view, kind, begin, end, tracks)
    except _Unfit as wrong:
        return str(wrong)
    return None


def _inside(view: memoryview, parent: int, begin: int, end: int | None, tracks: set[int]) -> int:
    """Walk over what a piece holds; return where it ends."""
    at = begin
    until = len(view) if end is None else end
    while at < until:
        kind, inner, close = _element(view, at, until, parent)
        if end is None and (kind == _HEADER or (parent != _SEGMENT and kind in _TOP)):
            return at  # the next piece, or a second film, ends one of unknown length
        if kind == _SUM and at == begin and end is not None and close == inner + 4:
            if zlib.crc32(view[close:end]) != int.from_bytes(view[inner:close], "little"):
                raise _Unfit(f"the checksum of the piece at byte {begin} is wrong")
        elif kind == _TRACK_NUMBER and parent == _TRACK:
            tracks.add(int.from_bytes(view[inner:close], "big"))
        elif kind in (_SIMPLE_BLOCK, _BLOCK) and tracks and close is not None:
            number, block = _number(view, inner, close, 8)
            if number not in tracks:
                raise _Unfit(f"the piece at byte {at} is of a track {number}, which is not there")
            if not _block_holds(view, block + 2, close):
                raise _Unfit(f"the piece at byte {at} does not say how it is made up")
        if kind in _MASTERS:
            at = _inside(view, kind, inner, close, tracks)
        elif close is None:
            raise _Unfit(f"the piece at byte {at} has no length")
        else:
            at = close
    return at


def _element(view: memoryview, at: int, until: int, parent: int) -> tuple[int, int, int | None]:
    """Return the kind of the piece at `at`, where its content begins, and where it ends.

    None where its length is unknown, as in what is written while it is filmed.
    """
    kind, begin = _number(view, at, until, 4, marked=True)
    length, inner = _number(view, begin, until, 8)
    if length == (1 << 7 * (inner - begin)) - 1:
        return kind, inner, None
    end = inner + length
    if end > until and parent:
        if until == len(view):
            raise _Unfit(f"the piece at byte {at} is cut: it would end at {end} of {until}")
        raise _Unfit(f"the piece at byte {at} ends at {end}, behind its surroundings at {until}")
    return kind, inner, end


_RESERVED, _LACED = 0x70, 0x06  # bits of a block's flags
_XIPH, _FIXED = 0x02, 0x04


def _block_holds(view: memoryview, at: int, end: int) -> bool:
    """Say whether a block's flags, at `at`, and the lengths of frames laced in it make sense."""
    if at >= end or view[at] & _RESERVED:
        return False
    lacing = view[at] & _LACED
    if not lacing:
        return True
    if at + 1 >= end:
        return False
    frames, at, total = view[at + 1] + 1, at + 2, 0
    if lacing == _FIXED:
        return (end - at) % frames == 0
    length = 0
    for n in range(frames - 1):  # the last takes what is left
        if lacing == _XIPH:
            length = 0
            while at < end and view[at] == 255:
                length, at = length + 255, at + 1
            if at >= end:
                return False
            length, at = length + view[at], at + 1
        else:
            given, after = _number(view, at, end, 8)
            # The first as it is, the others by how much they are longer.
            length = given if n == 0 else length + given - ((1 << 7 * (after - at) - 1) - 1)
            at = after
        total += length
        if length < 0:
            return False
    return at + total <= end


def _number(
    view: memoryview, at: int, until: int, most: int, marked: bool = False
) -> tuple[int, int]:
    """Read a number of variable length; `marked` keeps the bit that says how long it is."""
    if at >= until:
        raise _Unfit(f"it is cut at byte {at}")
    first = view[at]
    size = 9 - first.bit_length()
    if size > most:
        raise _Unfit(f"byte {at} ({first:#04x}) begins no piece")
    if at + size > until:
        raise _Unfit(f"it is cut at byte {at}")
    whole = int.from_bytes(view[at : at + size], "big")
    return (whole if marked else whole & (1 << 7 * size) - 1), at + size


# -- Flash video. Source: Adobe, Video File Format Specification, version 10, annex E -------------

_TAG = 11  # bytes before a tag's content
_FILM, _NEWER = 9, 0x80  # a tag of pictures; the bit of a later version, in which codecs have names
_AVC = 7


def _flv(view: memoryview) -> str | None:
    at = int.from_bytes(view[5:9], "big") + 4
    checked = False
    codec = None
    while at + _TAG <= len(view):
        length = int.from_bytes(view[at + 1 : at + 4], "big")
        if view[at] & 0x1F not in (8, 9, 18):
            return f"byte {at} ({view[at]:#04x}) begins no piece"
        end = at + _TAG + length
        if end + 4 > len(view):
            return f"the piece at byte {at} is cut: it would end at {end + 4} of {len(view)}"
        behind = int.from_bytes(view[end : end + 4], "big")
        if behind != length + _TAG:
            if not checked:
                return None  # some writers count otherwise, or not at all
            return f"the piece at byte {at} has {length} bytes, and {behind} by what follows it"
        checked = True
        if view[at] & 0x1F == _FILM and length:
            content = view[at + _TAG : end]
            codec = content[0] & 0x0F if codec is None else codec
            if not content[0] & _NEWER and (content[0] & 0x0F != codec or not _avc_holds(content)):
                return f"the picture at byte {at} is of another kind than those before it"
        at = end + 4
    return f"it is cut at byte {at}" if at < len(view) else None


def _avc_holds(content: memoryview) -> bool:
    """Say whether what begins as H.264 is one of its settings, a picture, or its end."""
    if content[0] & 0x0F != _AVC:
        return True
    if len(content) < 5 or content[1] > 2:
        return False
    return content[1] != 0 or bytes(content[5:6]) == b"\x01"  # settings begin with their version


# -- AVI. Source: Microsoft, AVI RIFF File Reference ----------------------------------------------


def _avi(view: memoryview) -> str | None:
    """Look at what stands before the film; one that lost its index behind it still reads."""
    head = False
    for kind, begin, end in _chunks(view, 12, len(view)):
        name = bytes(view[begin : begin + 4]) if kind == b"LIST" else b""
        if name == b"movi":
            return None if head else "its head is missing"
        wrong = f"byte {begin - 8} begins no piece" if not _is_name(kind) else None
        if name == b"hdrl":
            head = True
            wrong = _unfit_head(view, begin + 4, end)
        if wrong:
            return wrong
    return "the piece with its film (movi) is missing"


def _is_name(kind: bytes) -> bool:
    return all(32 <= byte < 127 for byte in kind)


def _unfit_head(view: memoryview, begin: int, end: int) -> str | None:
    if end > len(view):
        return "its head is longer than the file"
    at = begin
    for kind, inner, close in _chunks(view, begin, end):
        if not _is_name(kind):
            return f"byte {at} begins no piece of its head"
        if close > end:
            return f"the piece at byte {at} is longer than its head"
        if kind == b"LIST":
            wrong = _unfit_head(view, inner + 4, close)
            if wrong:
                return wrong
        at = close + close % 2
    return None


def _chunks(view: memoryview, at: int, until: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, begin, end) of the content of every chunk."""
    while at + 8 <= until:
        end = at + 8 + int.from_bytes(view[at + 4 : at + 8], "little")
        yield bytes(view[at : at + 4]), at + 8, end
        at = end + end % 2


# -- mp4 and QuickTime. Source: ISO/IEC 14496-12, sections 4.2, 8.4.2 and 6.2.3 --------------------

_BOXES = frozenset(
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex"]
)
"""Which boxes hold others and nothing else."""

_TOP_BOXES = frozenset([b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"sidx", b"styp"])
_CLOCKS = frozenset([b"mdhd", b"mvhd"])


def _mp4(view: memoryview) -> str | None:
    return _unfit_boxes(view, 0, len(view), top=True)


def _unfit_boxes(view: memoryview, at: int, until: int, top: bool = False) -> str | None:
    indexed = False
    while at + 8 <= until:
        length, name, begin = (
            int.from_bytes(view[at : at + 4], "big"),
            view[at + 4 : at + 8],
            at + 8,
        )
        kind = bytes(name)
        if top and indexed and kind not in _TOP_BOXES:
            return None  # somebody's bytes behind the film
        if length == 1:
            length, begin = int.from_bytes(view[at + 8 : at + 16], "big"), at + 16
        elif length == 0:  # to the end of the file; in a list of QuickTime, the list's end
            length = until - at if top else 8
        end = at + length
        if not begin <= end <= until:
            return f"the piece at byte {at} would end at {end} of {until}"
        if kind in _BOXES:
            indexed = indexed or kind == b"moov"
            wrong = _unfit_boxes(view, begin, end)
            if wrong:
                return wrong
        if kind in _CLOCKS and end >= begin + 16:
            ticks = begin + (20 if view[begin] == 1 else 12)
            if not any(view[ticks : ticks + 4]):
                return f"the clock at byte {at} has no ticks in a second"
        at = end
    return None


_WALKS: dict[str, Callable[[memoryview], str | None]] = {
    "matroska": _matroska,
    "webm": _matroska,
    "flv": _flv,
    "avi": _avi,
    "mp4": _mp4,
    "mpeg": program.find_break,
    "mpegts": transport.find_break,
}
