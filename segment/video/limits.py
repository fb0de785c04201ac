"""What an input may cost, and what it may open: asked before anything is decoded.

The limits hold for what a thread opens and reads; `use` sets them, the defaults hold otherwise.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from segment.errors import UnreadableInput
from segment.video.headers import picture_size, pixel_bytes

__all__ = ["Limits", "check_picture", "check_size", "current", "use"]

MOST_PIXELS = 400_000_000
"""Of a picture: 20,000 x 20,000, more than any camera's; as RGB they are 1.2 GB."""

MOST_VIDEO_PIXELS = 142_606_336
"""Of a frame of a video: the most that any level of a video standard has (HEVC 7, 16384 x 8704)."""

_HEAD = 1 << 18  # bytes of a picture in which its size stands; JPEG may have a thumbnail before
_COPIES = 2  # of a decoded picture that exist at once: as decoded and as RGB


@dataclass(frozen=True)
class Limits:
    """What an input may cost, and what it may open.

    Attributes
    ----------
    max_pixels : of one picture or frame; None is `MOST_PIXELS`, and `MOST_VIDEO_PIXELS` for video.
    max_memory : bytes that the pictures of an input may take at once, those that are decoded, held
        by the decoder, and on their way through the chain; None is half of this machine's.
    timeout : seconds without data until an input counts as silent; None waits for ever.
    allow : what local inputs may open beside themselves: "files", "network".
    """

    max_pixels: int | None = None
    max_memory: int | None = None
    timeout: float | None = 15.0
    allow: frozenset[str] = frozenset()

    def most_pixels(self, video: bool = False) -> int:
        """The most pixels of a picture, or of a frame of a video."""
        return self.max_pixels or (MOST_VIDEO_PIXELS if video else MOST_PIXELS)

    @property
    def memory(self) -> int:
        """Bytes that pictures may take at once."""
        return self.max_memory or half_of_memory()


_DEFAULT = Limits()
_current: ContextVar[Limits] = ContextVar("limits")


def asked() -> Limits | None:
    """Return the limits that somebody has set here, if so."""
    return _current.get(None)


def current() -> Limits:
    """Return the limits that hold here."""
    return _current.get(_DEFAULT)


@contextmanager
def use(limits: Limits) -> Iterator[None]:
    """Let `limits` hold for what this thread does inside."""
    token = _current.set(limits)
    try:
        yield
    finally:
        _current.reset(token)


def check_picture(path: Path) -> None:
    """Raise UnreadableInput when the header of a picture file declares more than may be decoded.

    What cannot be read, or is no picture of a known kind, passes: its reader says what is wrong.
    """
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(_HEAD)
            size = picture_size(head, file)
            depth = pixel_bytes(head, file)
    except OSError:
        return
    if size is not None:
        check_size(str(path), *size, depth)


def check_size(told: str, width: int, height: int, depth: int = 3, *, video: bool = False) -> None:
    """Raise UnreadableInput for pictures of more pixels, or more memory, than the limits let in.

    `depth` : bytes a pixel takes.
    """
    limits = current()
    pixels, most = width * height, limits.most_pixels(video)
    if pixels > most:
        raise UnreadableInput(
            f"{told}: is {width}x{height}, {_millions(pixels)} million pixels, and up to "
            f"{_millions(most)} million are let in; if it can be trusted, --max-pixels {pixels}"
        )
    check_memory(f"{told}: is {width}x{height}, which takes", pixels * depth * _COPIES, "to decode")


def check_memory(what: str, needed: int, why: str) -> None:
    """Raise UnreadableInput where `what` would need more bytes than the limits let in."""
    memory = current().memory
    if needed > memory:
        raise UnreadableInput(
            f"{what} {_megabytes(needed)} {why}, and up to {_megabytes(memory)} are let in; if it "
            f"can be trusted, --max-memory {needed}"
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 10_000_000 else f"{count / 1e6:.3g} MB"


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:.0f}" if pixels >= 10_000_000 else f"{pixels / 1e6:.3g}"


_sharing = 1


def share_memory(count: int) -> None:
    """Let `half_of_memory` be a share of it: so many processes read at once."""
    global _sharing
    _sharing = max(1, count)


def half_of_memory() -> int:
    """Half of the memory, bytes, that this machine or container has; 4 GB where nobody says.

    Or this process's share of it, see `share_memory`.
    """
    found = []
    try:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        found.append(8 << 30)
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if text.isdecimal() and int(text) > 0:
            found.append(int(text))
    return min(found) // 2 // _sharing
