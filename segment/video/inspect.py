"""What an input holds and whether it is sound, for people who ask before they run."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from segment.video.file import VideoFile
from segment.video.images import ImageFolder, Paged, Picture
from segment.video.limits import Limits
from segment.video.living import open_living
from segment.video.opening import is_address, told
from segment.video.source import Source


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What an input holds. The last block is None, or empty, unless it was decoded (`check`).

    Attributes
    ----------
    path : as given (an address without its password).
    kind : "video", "pictures" (a folder), "pages" (of one file), "picture", "camera" or "stream".
    size : (height, width) upright, pixels. `rotation` : degrees counter-clockwise that make the
        stored picture upright: 0, 90, 180 or 270; `mirrored` : columns run the other way, too,
        which is mended before it is turned. `aspect` : width of a pixel by its height.
    rate : frames per second, the mean if it varies.
    frames : as declared, None if unknown; `estimated` : guessed from times, no count in the file.
    tracks : of video, of which the first is read unless another was asked for.
    duration : seconds, by the container or frames / rate. `start` : seconds its clock begins at.
    bytes : of the file or all files, None for cameras and streams.
    decoded, lost, flagged, reasons : counted by decoding all of it.
    shortest, longest : seconds between two neighbouring frames.
    size_changes : frames that were scaled to the first one's size.
    """

    path: str
    kind: str
    container: str | None
    codec: str | None
    pixels: str | None
    size: tuple[int, int]
    rate: Fraction
    frames: int | None
    duration: float | None
    rotation: int
    aspect: Fraction
    start: float | None
    audio: bool
    bytes: int | None
    mirrored: bool = False
    tracks: int | None = None
    estimated: bool = False

    decoded: int | None = None
    lost: int | None = None
    flagged: int | None = None
    reasons: tuple[str, ...] = ()
    shortest: float | None = None
    longest: float | None = None
    size_changes: int | None = None

    @property
    def variable_rate(self) -> bool | None:
        """True when frames are not evenly spaced, beyond the clock's rounding (1 ms in mkv)."""
        if self.shortest is None or self.longest is None:
            return None
        return self.longest - self.shortest > 0.0021

    @property
    def sound(self) -> bool | None:
        """True when all of it decoded without a complaint; None when nobody looked."""
        if self.decoded is None:
            return None
        return not (self.lost or self.flagged or self.reasons)


def inspect(
    path: str | Path | int, *, check: bool = False, track: int = 0, limits: Limits | None = None
) -> VideoFacts:
    """Return what `path` holds; with `check`, decode all of it and say whether it is sound.

    `track` chooses among the video tracks of a file, or the series of a TIFF, from 0.
    `limits` : what it may cost and open.

    Raises `UnreadableInput` as `open_living` does. A live source cannot be checked, it has
    no end: its facts come without the counts.
    """
    with open_living(path, limits=limits, track=track) as source:
        facts = _facts(path, source.inner)
        return _checked(facts, source) if check and not source.live else facts


def _facts(path: str | Path | int, source: Source) -> VideoFacts:
    info = source.info
    duration = None if info.length is None else float(info.length / info.rate)
    facts = VideoFacts(
        path=str(path) if isinstance(path, int) else told(path),
        kind="camera",
        container=None,
        codec=None,
        pixels=None,
        size=info.size,
        rate=info.rate,
        frames=info.length,
        duration=duration,
        rotation=0,
        aspect=info.aspect,
        start=None,
        audio=False,
        bytes=None,
    )
    if isinstance(source, VideoFile):
        return replace(
            facts,
            kind="stream" if source.live else "video",
            container=source.container.format.name,
            codec=source.stream.codec_context.name,
            pixels=source.pixels,
            duration=source.duration if source.duration is not None else duration,
            rotation=90 * source.turn.quarters,
            mirrored=source.turn.mirrored,
            tracks=source.tracks,
            estimated=source.estimated,
            start=source.start,
            audio=bool(source.container.streams.audio),
            bytes=None if is_address(str(path)) else source.container.size,
        )
    if isinstance(source, ImageFolder):
        total = sum(picture.stat().st_size for picture in source.paths)
        return replace(facts, kind="pictures", bytes=total)
    if isinstance(source, Paged):
        pages = source.pages
        return replace(
            facts,
            kind="pages",
            container=pages.kind,
            codec=pages.codec,
            bytes=pages.path.stat().st_size,
        )
    if isinstance(source, Picture):
        return replace(facts, kind="picture", duration=None, bytes=Path(str(path)).stat().st_size)
    return facts


def _checked(facts: VideoFacts, source: Source) -> VideoFacts:
    decoded = 0
    previous = 0.0
    shortest, longest = math.inf, 0.0
    for frame in source:
        if decoded:
            gap = frame.time - previous
            shortest, longest = min(shortest, gap), max(longest, gap)
        previous = frame.time
        decoded += 1
    return replace(
        facts,
        decoded=decoded,
        lost=source.damage.lost,
        flagged=source.damage.flagged,
        reasons=tuple(source.damage.reasons),
        shortest=shortest if decoded > 1 else None,
        longest=longest if decoded > 1 else None,
        size_changes=source.size_changes,
    )
