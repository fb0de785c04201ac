"""Whether the packets of an MPEG program stream (.mpg, .vob) follow each other.

A demuxer that meets bytes which begin no packet looks for the next one that does, and makes a
whole of one that is cut, without a word.

Source: ISO/IEC 13818-1, section 2.5.3; ISO/IEC 11172-1, section 2.4.3.
"""

__all__ = ["find_break"]

_START = b"\0\0\1"
_END, _PACK, _SYSTEM = 0xB9, 0xBA, 0xBB  # codes from the last of them on begin a packet
_STUFFED = 1 << 16  # zeros that are looked at together; any number may stand before a code


def find_break(view: memoryview) -> str | None:
    """Return in a few words where packets do not follow each other, None when nothing shows.

    Sound is a stream that begins within a packet, and one in which a film's packets have no
    length: nothing is known of them.
    """
    if bytes(view[:4]) != _START + bytes([_PACK]):
        return None
    at, size = 0, len(view)
    while at < size:
        code = _code(view, at)
        if code is None:
            zeros = _zeros(view, at)
            if zeros == size - at:
                return None  # filled up to its end
            if zeros == 0 or _code(view, at + zeros) is None:
                return f"what follows byte {at} begins no packet"
            at += zeros
            continue
        if code == _END:
            at += 4
            continue
        if code < _PACK:
            return f"what follows byte {at} begins no packet"
        end = _end(view, at, code)
        if end is None:
            return None
        if end > size:
            return f"the packet at byte {at} is cut: it would end at {end} of {size}"
        at = end
    return None


def _code(view: memoryview, at: int) -> int | None:
    return view[at + 3] if at + 4 <= len(view) and bytes(view[at : at + 3]) == _START else None


def _zeros(view: memoryview, at: int) -> int:
    """How many zeros stand from `at` on before a start code's own."""
    begin = at
    while chunk := bytes(view[at : at + _STUFFED]):
        rest = chunk.lstrip(b"\0")
        at += len(chunk) - len(rest)
        if rest:
            return max(0, at - begin - 2) if rest[0] == 1 else at - begin
    return at - begin


def _end(view: memoryview, at: int, code: int) -> int | None:
    """Where the packet or pack at `at` ends; None where it does not say."""
    head = bytes(view[at : at + 14])
    if code == _PACK:
        if len(head) > 4 and head[4] & 0xF0 == 0x20:  # MPEG-1
            return at + 12
        return at + 14 + (head[13] & 7 if len(head) == 14 else 0)
    if len(head) < 6:
        return at + 6
    length = int.from_bytes(head[4:6], "big")
    return at + 6 + length if length or code == _SYSTEM else None
