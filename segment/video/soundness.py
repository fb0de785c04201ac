"""What is wrong with a picture's bytes though a decoder makes a picture of them.

Decoders fill in what they cannot read and say so to nobody, or in words of their own on stderr.
Here every format is asked what it can know: a sum, a length, a code that means nothing. What
none of them can know (a changed byte of a BMP) nobody can;
docs/measurements/reliability.md has the list.
"""

import io
import os
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import av
import numpy as np

from segment.video.headers import picture_size
from segment.video.hearing import FILMS, heard
from segment.video.limits import current

__all__ = ["find_flaw", "muted", "reaches_far"]

_PNG = b"\x89PNG\r\n\x1a\n"
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_SPACE = b" \t\r\n\v\f"
_BMP_HEADS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes, of all versions


def find_flaw(data: bytes) -> str | None:
    """Return in a few words what is wrong with a picture file's bytes, None when nothing shows.

    Knows JPEG, PNG, WebP, JPEG 2000, BMP and PNM (PBM, PGM, PPM); other kinds show nothing.
    """
    if data[:2] == b"\xff\xd8":
        return jpeg_flaw(data)
    if data.startswith(_PNG):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"jP  " or data[:4] == b"\xff\x4f\xff\x51":
        return _strictly(data, "jpeg2000")
    if data[:2] == b"BM":
        return _bmp(data)
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3] in _SPACE:
        return _pnm(data)
    return None


def jpeg_flaw(data: bytes, film: bool = False) -> str | None:
    """Ask libjpeg-turbo, which counts what it had to make up, and look for the end.

    film : the picture is a motion JPEG's, which many cameras fill up with bytes before its end.
    """
    import simplejpeg

    width, height = picture_size(data) or (0, 0)
    if width * height > current().most_pixels(video=film):
        return f"it says that it is {width}x{height}"  # what it would take to look is not taken
    if _has_empty_table(data):
        return "a number that its pixels are multiplied by is 0"
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_factor=8, strict=True)
    except ValueError as error:
        words = " ".join(str(error).split()).rstrip(".")
        # CMYK is not turned into grey, which is no damage.
        harmless = "conversion" in words.lower() or "colorspace" in words.lower()
        if not (harmless or (film and _is_filling(data, words))):
            return f"libjpeg says: {words[:100]}"
    if data.rfind(b"\xff\xd9") < 0:
        return "the end of the picture is missing"
    return None


def _is_filling(data: bytes, words: str) -> bool:
    """Say whether what libjpeg has no use for is what cameras fill a picture up with.

    One byte, or two, again and again before the picture's end; anything else was a part of it.
    """
    found = _EXTRANEOUS.search(words)
    end = data.rfind(b"\xff\xd9")
    return found is not None and len(set(data[max(0, end - int(found[1])) : end])) <= 2


def _has_empty_table(data: bytes) -> bool:
    """Say whether a quantisation table has a 0. Source: ITU-T T.81, section B.2.4.1."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = min(len(data), at + 2 + int.from_bytes(data[at + 2 : at + 4], "big"))
        table = at + 4
        while data[at + 1] == 0xDB and table < end:
            wide = data[table] >> 4 != 0  # numbers of two bytes
            numbers = data[table + 1 : table + 1 + 64 * (1 + wide)]
            if not np.frombuffer(
                numbers[: len(numbers) // 2 * 2], ">u2" if wide else np.uint8
            ).all():
                return True
            table += 1 + 64 * (1 + wide)
        at = max(end, at + 4)
    return False


def _png(data: bytes) -> str | None:
    """Compare every chunk's CRC-32. Source: PNG specification, section 5.3."""
    at = len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"the checksum of a piece ({kind.decode('latin1')}) is wrong"
        if kind == b"IEND":
            return None
        at = end + 4
    return "it ends before its last piece (IEND)"


_FAR = 1 << 20  # bytes


def reaches_far(data: bytes) -> bool:
    """Say whether a PNG's piece claims far more bytes than there are.

    OpenCV takes memory for a piece before it reads it, as much as it claims: up to 2 GB.
    """
    at = len(_PNG)
    while data.startswith(_PNG) and at + 8 <= len(data):
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return data.startswith(_PNG) and at > len(data) + _FAR


def _webp(data: bytes) -> str | None:
    """Walk the chunks, which must fill the file. Source: RFC 9649."""
    size = int.from_bytes(data[4:8], "little") + 8
    if size > len(data):
        return f"{size} bytes are declared, {len(data)} are there"
    at, pictures = 12, 0
    while at + 8 <= size:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        kind = data[at : at + 4]
        if at + 8 + length > size:
            return f"a piece ({kind.decode('latin1')}) is longer than the file"
        if kind == b"VP8 ":
            pictures += 1
            wrong = _vp8(data[at + 8 : at + 8 + length])
            if wrong:
                return wrong
        pictures += kind in (b"VP8L", b"ANMF")
        at += 8 + length + length % 2
    if at < size:
        return "its pieces do not fill the file"
    if not pictures:
        return "no picture is in it"
    return _vp8l(data) if b"VP8L" in data[12:64] else None


def _vp8l(data: bytes) -> str | None:
    """Decode a lossless picture by Pillow, which, unlike OpenCV, refuses one that is not whole."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data)) as picture:
            picture.load()
    except Exception as error:  # whatever a damaged file does to it
        return f"its picture does not decode ({str(error)[:60]})"
    return None


def _vp8(frame: bytes) -> str | None:
    """Hold a key frame's partitions against its length. Source: RFC 6386, sections 9.1 and 9.5."""
    tag = int.from_bytes(frame[:3], "little")
    first = tag >> 5
    if tag & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return "its picture does not begin like one (VP8)"
    if 10 + first > len(frame):
        return "its picture is cut (VP8)"
    if frame[10:11] >= b"\x80":  # the first bit of the first partition, as it is coded
        return "its colours are of a kind that there is not (VP8)"
    return None


def _strictly(data: bytes, codec: str) -> str | None:
    """Let FFmpeg decode, refuse what it would else conceal, and say what it found odd."""
    context = av.VideoCodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_type = "NONE"
    context.options = {"err_detect": "explode"}
    said: list[str] = []
    try:
        # Not beside a film: a thread of its decoder that wants to speak would wait for Python's
        # lock, and who holds that may be waiting for the thread.
        with nullcontext() if FILMS else heard(said):
            context.decode(av.Packet(data))
    except av.error.InvalidDataError:
        return f"the decoder finds {said[0] if said else 'what cannot be'}"
    except av.FFmpegError:
        return None  # a kind of picture that it does not know
    return f"the decoder says: {said[0]}" if said else None


def _bmp(data: bytes) -> str | None:
    begin, width, height = (
        int.from_bytes(data[a:b], "little") for a, b in ((10, 14), (18, 22), (22, 26))
    )
    bits, packed = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    head, size = int.from_bytes(data[14:18], "little"), int.from_bytes(data[2:6], "little")
    if head not in _BMP_HEADS:
        return f"its head has {head} bytes, as no kind of BMP"
    if size > len(data):
        return f"{size} bytes are declared, {len(data)} are there"
    if head < 40 or packed not in (0, 3):
        return None  # old, or run lengths
    height = min(height, 2**32 - height)  # negative from top to bottom
    need = begin + (width * bits + 31) // 32 * 4 * height
    if need > len(data):
        return f"{need} bytes are declared, {len(data)} are there"
    return None


def _pnm(data: bytes) -> str | None:
    """Count the bytes of the pixels. Source: netpbm's ppm(5), pgm(5) and pbm(5)."""
    numbers: list[int] = []
    at = 2
    wanted = 2 if data[1:2] in b"14" else 3
    while len(numbers) < wanted and at < len(data):
        if data[at : at + 1] == b"#":
            at = data.find(b"\n", at) + 1 or len(data)
        elif data[at : at + 1] in _SPACE:
            at += 1
        else:
            end = at
            while end < len(data) and data[end : end + 1].isdigit():
                end += 1
            if end == at:
                return "its header has a word where a number should be"
            numbers.append(int(data[at:end]))
            at = end
    if len(numbers) < wanted:
        return "its header is cut"
    if data[1:2] in b"123":
        return None
    width, height = numbers[:2]
    channels = 3 if data[1:2] == b"6" else 1
    depth = 1 if wanted == 2 or numbers[2] < 256 else 2
    row = (width + 7) // 8 if wanted == 2 else width * channels * depth
    need, have = row * height, len(data) - at - 1
    if have < need:
        return f"{need} bytes of pixels are declared, {have} are there"
    rest = data[at + 1 + need :].lstrip(_SPACE)
    if rest and not rest.startswith(b"P"):
        return f"{len(rest)} bytes are left over behind its pixels"
    if wanted == 3 and numbers[2] < 255 and max(data[at + 1 : at + 1 + need]) > numbers[2]:
        return f"it has values above {numbers[2]}, its largest"
    return None


_mute = threading.Lock()


@contextmanager
def muted() -> Iterator[None]:
    """Keep what libraries write to the process's stderr, below Python, from being seen.

    For the moment in which a picture is decoded that is known to be damaged: libjpeg and libpng
    speak there under their own names, what is wrong is told under ours. Nothing else is muted
    longer than that.
    """
    with _mute:
        try:
            saved = os.dup(2)
        except OSError:  # stderr is closed: nobody can speak there
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
