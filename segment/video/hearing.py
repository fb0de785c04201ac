"""What FFmpeg's decoders only mention in their log: heard where nothing can wait for it for ever.

A decoder's own thread that wants to speak waits for Python's lock, and who holds that may be
waiting for the thread. So a film is heard only where it is decoded without threads, and while no
other film is open in the process, whose threads might want to speak, too.
"""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import av

__all__ = ["FILMS", "begins", "heard", "is_heard", "listening"]

_BARE = frozenset(["h264", "hevc"])
"""Containers that declare nothing: only the decoder knows that the last frame is cut."""

_OLD = frozenset(["mpeg1video", "mpeg2video", "mpeg4", "h263", "flv1", "wmv1", "wmv2"])
"""Codecs whose decoder repairs what it cannot read, and marks it only where it has no threads
(MPEG-2: 4 of 200 damaged files). One thread decodes 1080p of them in 3 to 5 ms."""

_MENTIONED = (
    "Skipping invalid",
    "time_increment_bits",
    "ignoring extra picture",
    "Failed to parse header of NALU",
    "Missing picture start code",
)
"""Beginnings of warnings that are said of damage only, never of what is sound and odd."""

_listening = threading.Lock()

FILMS: "weakref.WeakSet[object]" = weakref.WeakSet()
"""Films that are being read in this process; their decoders' threads must not meet who listens."""


def is_heard(container: str, codec: str) -> bool:
    """Say whether a film, by FFmpeg's names, is decoded without threads, so that it is heard."""
    return container in _BARE or codec in _OLD


def begins(film: object) -> None:
    """Let nobody listen from now on but `film`, which is about to be opened."""
    with _listening:
        FILMS.add(film)


@contextmanager
def listening(film: object, said: list[str]) -> Iterator[None]:
    """Add to `said` what FFmpeg calls an error, or leaves out, while no other film is open.

    `film` itself must decode without threads.
    """
    with _listening:
        if any(other is not film for other in FILMS):
            yield
            return
        before = av.logging.get_level()
        av.logging.set_level(av.logging.WARNING)
        logs: list[tuple[int, str, str]] = []
        try:
            with av.logging.Capture() as logs:
                yield
        finally:
            for level, _, text in logs:
                if level <= av.logging.ERROR or text.startswith(_MENTIONED):
                    said.append(text.strip()[:80])
            av.logging.set_level(before)


@contextmanager
def heard(said: list[str]) -> Iterator[None]:
    """Take down what FFmpeg says in this thread; for a picture, while no film is open."""
    with _listening:
        before = av.logging.get_level()
        av.logging.set_level(av.logging.WARNING)
        try:
            with av.logging.Capture() as logs:
                yield
            said += [text.strip()[:80] for level, _, text in logs if level <= av.logging.WARNING]
        finally:
            av.logging.set_level(before)
