"""How a film's file, address or stream is opened, named, and refused."""

from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import av
from av.container import InputContainer

from segment.errors import UnreadableInput, without_password
from segment.video import limits
from segment.video.allowed import options_for, playlist, refusal, without_files
from segment.video.checks import why_not_a_video
from segment.video.headers import picture_size
from segment.video.pipes import Pipe

SILENCE = 15.0
"""Seconds a stream may keep silent before it counts as ended."""

LIVE = frozenset(["rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt", "rtp"])
"""Schemes of addresses that have no end of their own."""

_HEAD = 1 << 16  # bytes in which a playlist shows itself


def is_address(path: str) -> bool:
    """Say whether `path` is a stream's address (rtsp://...) and not a file."""
    scheme, sign, _ = path.partition("://")
    return bool(sign) and scheme.isalnum() and scheme.lower() != "file"


def _plain(address: str) -> str:
    """The address with its scheme in small letters, which mean the same; FFmpeg knows no others."""
    scheme, sign, rest = address.partition("://")
    return f"{scheme.lower()}{sign}{rest}"


def is_pipe(path: Path) -> bool:
    """Say whether `path` gives its bytes once, in order: a named pipe or a shell's <(...)."""
    return path.is_fifo() or path.is_char_device() or path.is_socket()


def told(path: str | Path | BinaryIO) -> str:
    """Return how messages name `path`: an address without its password."""
    if not isinstance(path, (str, Path)):
        name = getattr(path, "name", None)  # a number where it was opened by its number
        return name if isinstance(name, str) else "the input stream"
    return without_password(path) if isinstance(path, str) else str(path)


def silence() -> float | None:
    """Seconds a stream may keep silent here; None is for ever."""
    given = limits.asked()
    return SILENCE if given is None else given.timeout


def open_container(path: str | Path | BinaryIO, name: str) -> InputContainer:
    """Open a film, which messages call `name`, within the limits. Raises UnreadableInput."""
    allow = limits.current().allow
    address = path if isinstance(path, str) and is_address(path) else None
    options = options_for(address, allow)
    # What is decoded while looking for what the streams are must not be larger either.
    options["max_pixels"] = str(limits.current().most_pixels(video=True))
    timeout = None
    target: str | BinaryIO
    kind = None
    if not isinstance(path, (str, Path)):
        _check_head(head_of(path), name, allow)
        target = path
    elif address is not None:
        target, timeout = _plain(address), silence()
        if urlsplit(address).scheme.lower().startswith("rtsp"):
            options["rtsp_transport"] = "tcp"  # its default, udp, loses packets
    else:
        # Bytes of a pipe that are looked at are gone.
        if not is_pipe(Path(path)):
            kind = _check_head(head_of(Path(path)), name, allow)
            why = None if kind else why_not_a_video(Path(path))
            if why is not None:
                raise UnreadableInput(f"{name}: {why}")
        # A plain name with a colon would be taken for a protocol.
        target = f"file:{path}"
        if kind is not None and "files" not in allow:
            # The list itself is read by us, so that FFmpeg need not open any file.
            target = Path(path).open("rb")  # noqa: SIM115  # closed with what reads it
            options["protocol_whitelist"] = without_files(options["protocol_whitelist"])
        if kind is not None and "ffconcat" in kind:
            options["safe"] = "0"  # else names with a folder or an address are refused
    try:
        return av.open(target, "r", options=options, timeout=timeout, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        why = None
        if kind is not None:
            why = (
                f"is {kind}, and what it names cannot be opened ({reason(error)}); "
                f"--allow {' --allow '.join(sorted(allow))} lets in nothing else"
            )
        elif isinstance(path, (str, Path)) and address is None and not is_pipe(Path(path)):
            why = why_not_a_video(Path(path), refused=True)
        raise UnreadableInput(f"{name}: {why or f'cannot be opened ({reason(error)})'}") from error


def _check_head(head: bytes, name: str, allow: frozenset[str]) -> str | None:
    """Return what kind of playlist an input is, None for none; raise when it may not be opened.

    And for a picture, which comes here under another name or by a pipe, when it is too large.
    """
    size = picture_size(head)
    if size is not None:
        limits.check_size(name, *size)
    kind = playlist(head)
    why = None if kind is None else refusal(name, kind, allow)
    if why is not None:
        raise UnreadableInput(why)
    return kind


def head_of(path: Path | BinaryIO) -> bytes:
    """Return the first bytes of a file, or of a stream that can give them back."""
    try:
        if isinstance(path, Path):
            with path.open("rb") as file:
                return file.read(_HEAD)
        if isinstance(path, Pipe):
            return path.peek(_HEAD)
        if path.seekable():
            place = path.tell()
            head = path.read(_HEAD)
            path.seek(place)
            return head
    except (OSError, ValueError):
        pass  # opening it says why
    return b""


def reason(error: Exception) -> str:
    """Return what went wrong, in the words of the library or the system."""
    return str(getattr(error, "strerror", None) or error).removesuffix(".").lower()


def name_of(path: str | Path | BinaryIO) -> str:
    """Return what a sequence is called after: a file's stem, an address's last part or host."""
    if not isinstance(path, (str, Path)):
        name = getattr(path, "name", None)
        return "stdin" if not isinstance(name, str) or name == "<stdin>" else Path(name).stem
    if isinstance(path, str) and is_address(path):
        parts = urlsplit(path)
        return Path(parts.path).stem or parts.hostname or "stream"
    return Path(path).stem
