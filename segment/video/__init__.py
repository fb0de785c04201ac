"""Files, folders, cameras and streams into frames: `open_frames` picks the source."""

import shutil
import sys
import tempfile
import weakref
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from segment import stores
from segment.video import kinds
from segment.video.camera import Camera
from segment.video.decode import PICTURES
from segment.video.file import VideoFile
from segment.video.images import ImageFolder, Paged, Picture, open_picture
from segment.video.levels import Levels
from segment.video.opening import head_of, is_address, name_of
from segment.video.raw import RawFrames
from segment.video.source import Source

__all__ = [
    "Camera",
    "ImageFolder",
    "Levels",
    "Paged",
    "Picture",
    "RawFrames",
    "Source",
    "VideoFile",
    "open_frames",
]


def open_frames(
    path: str | Path | int | BinaryIO,
    *,
    name: str | None = None,
    rate: Fraction | float | str | None = None,
    levels: Levels | None = None,
    track: int = 0,
) -> Source:
    """Open whatever `path` is and return its frames; nothing else has to know what it was.

    `path` is a video file, a folder of pictures, a picture, a camera's number (0, "0",
    "/dev/video0"), a stream's address (rtsp://, http://, ...), a file of a store (s3://,
    memory://, ...; with fsspec), "-" for standard input or a
    binary file object; the last two hold a container. `name` of the sequence comes from `path`
    if None. `rate` is frames per second where the input does not say: pictures (25 if None) and
    raw streams. A video keeps its own. `levels` are those that become black and white where
    pixels are deeper than eight bits. `track` chooses among the video tracks of a file, or the
    series of a TIFF, from 0.

    Raises `UnreadableInput` at once, not at the first frame, when there is nothing to read.
    """
    if isinstance(path, int):
        return Camera(path, name)
    if not isinstance(path, (str, Path)):
        if kinds.needs_a_file(head_of(path)):
            return _copied(path, "input", name or name_of(path), rate, levels, track)
        return VideoFile(path, name, rate, levels, track)
    if isinstance(path, str):
        if path == "-":
            return VideoFile(sys.stdin.buffer, name or "stdin", rate, levels, track)
        if stores.is_store(path):
            return _open_stored(path, name or name_of(path), rate, levels, track)
        if is_address(path):
            return VideoFile(path, name, rate, levels, track)
        if path.isdecimal() and not Path(path).exists():
            return Camera(int(path), name)
        if path.startswith("/dev/video") and path[10:].isdecimal():
            return Camera(int(path[10:]), name)
    path = Path(path)
    if path.is_dir():
        return ImageFolder(path, 25 if rate is None else rate, name, levels)
    called_picture = path.suffix.lower() in PICTURES
    if kinds.is_bare_gif(path) or (
        not kinds.is_film(path) if called_picture else kinds.is_picture(path)
    ):
        return open_picture(path, rate, name, levels, track)
    return VideoFile(path, name, rate, levels, track)


def _open_stored(
    address: str,
    name: str,
    rate: Fraction | float | str | None,
    levels: Levels | None,
    track: int,
) -> Source:
    """Open a film of a store, read in blocks as it is asked for; a picture is copied here first."""
    suffix = Path(address).suffix.lower()
    stored = stores.open_stored(address)
    if suffix not in PICTURES:
        return VideoFile(stored, name, rate, levels, track)
    return _copied(stored, f"{name}{suffix}", name, rate, levels, track)


def _copied(
    stream: BinaryIO,
    called: str,
    name: str,
    rate: Fraction | float | str | None,
    levels: Levels | None,
    track: int,
) -> Source:
    """Open what comes once, and is read in another order, from a copy that goes with its reader."""
    folder = tempfile.mkdtemp(prefix="segment-")
    try:
        path = Path(folder) / called
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        source = open_frames(path, name=name, rate=rate, levels=levels, track=track)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(source, shutil.rmtree, folder, True)
    return source
