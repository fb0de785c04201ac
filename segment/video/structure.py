"""Whether the pieces of a film's file fit into each other, which readers mend without a word.

A reader that meets a piece of an impossible length looks for the next one that makes sense, and
says so in a log, if at all. Here the lengths and sums that a file holds are held against each
other, without decoding anything.
"""

import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["find_break"]


def find_break(path: Path, formats: frozenset[str] | set[str]) -> str | None:
    """Return in a few words where a film's file does not fit together, None when nothing shows.

    formats : FFmpeg's names of the container; knows matroska and webm, flv and avi.
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
_TOP = frozenset([_CLUSTER, _TRACKS, _INFO, _CUES, _SEEK, _TAGS])
# What holds other pieces, as far as the film or what it means depends on them.
_MASTERS = _TOP | {_HEADER, _SEGMENT, _GROUP, _TRACK, _PICTURE}


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
            number, _ = _number(view, inner, close, 8)
            if number not in tracks:
                raise _Unfit(f"the piece at byte {at} is of a track {number}, which is not there")
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


def _flv(view: memoryview) -> str | None:
    at = int.from_bytes(view[5:9], "big") + 4
    checked = False
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
        at = end + 4
    return f"it is cut at byte {at}" if at < len(view) else None


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


_WALKS = {"matroska": _matroska, "webm": _matroska, "flv": _flv, "avi": _avi}
