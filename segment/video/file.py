"""Video files and streams as frames: a loop over packets that outlives what is damaged."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import av
import numpy as np
from av.container import InputContainer

from segment import threads
from segment.arrays import Image
from segment.errors import UnreadableInput
from segment.frame import Frame, SequenceInfo
from segment.video import limits
from segment.video.again import rescue, samples
from segment.video.clock import Clock, stamp_of
from segment.video.decode import rescale
from segment.video.hearing import FILMS, begins, is_heard, listening
from segment.video.ledger import Ledger
from segment.video.levels import Levels
from segment.video.opening import (
    LIVE,
    is_address,
    is_pipe,
    name_of,
    open_container,
    reason,
    silence,
    told,
)
from segment.video.pixels import Painter
from segment.video.places import Places
from segment.video.source import Source, check_rate
from segment.video.structure import find_break

if TYPE_CHECKING:
    Packet = av.Packet[Any]

log = logging.getLogger("segment.video")

PATIENCE = 100
"""Packets in a row that may fail before reading gives up."""

_KEPT = {"h264": 16, "hevc": 16, "vvc": 16, "vp9": 8, "av1": 8, "libdav1d": 8, "libaom-av1": 8}
"""Frames that a decoder keeps at most to predict others from, by the standards."""

_KEPT_BY_OTHERS = 3  # MPEG-1 to 4 and VP8; most keep none
_MOST_THREADS = 16  # that FFmpeg takes by itself; each holds a frame

_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: an album cover, not a film


class VideoFile(Source):
    """A video file, a stream address or a container in a binary file object, through PyAV.

    Parameters
    ----------
    path : file, address (rtsp://, http://, ...) or binary file object such as stdin's buffer.
    name : of the sequence; the file's stem if None.
    rate : frames per second of a raw stream (.h264), which does not say; others keep their own.
    levels : what becomes black and white where pixels are deeper than eight bits.
    track : which of the video tracks, from 0.

    Every frame that can be decoded is delivered, upright as the display matrix in the file asks
    (turned, mirrored), as RGB (H, W, 3) or, from grey formats, (H, W, 1), uint8; deeper pixels are
    scaled. The first frame's size holds for all, later ones of another size are scaled to it.
    `Frame.time` is exact from the time stamps, 0 for the first frame, whatever the file starts at.

    `damage.lost` counts frames that did not decode and those a cut file lacks; `damage.flagged`
    those delivered although the decoder, or the file's own checksum (FFV1), calls them damaged.
    The whole is known when the last frame has been read.

    Beside what every source has: `pixels`, the pixel format; `turn`, what makes the stored picture
    upright, and `rotation`, its degrees counter-clockwise; `tracks`, how many video tracks there
    are; `estimated`, whether `info.length` is guessed from times, since the file counts no frames;
    `start`, seconds on the file's own clock of the first frame; `duration`, seconds by the
    container, each None when it does not say; `stream` and `container`, PyAV's own.
    """

    def __init__(
        self,
        path: str | Path | BinaryIO,
        name: str | None = None,
        rate: Fraction | float | str | None = None,
        levels: Levels | None = None,
        track: int = 0,
    ) -> None:
        super().__init__()
        self._levels = levels
        self._track = track
        self._gave_up = False
        self._fell_silent = False
        self._settled = True  # nothing to settle before the first frame has come
        self._wanted_rate = None if rate is None else check_rate(rate)
        self._path = path
        self.told = told(path)
        self._silence = silence()
        begins(self)
        self._heard: list[str] = []  # of the decoder of a bare stream, while it was opened
        with listening(self, self._heard):
            self.container: InputContainer = open_container(path, self.told)
        try:
            self._prepare(name)
        except BaseException:
            self.close()
            raise

    def _prepare(self, name: str | None) -> None:
        films = [s for s in self.container.streams.video if not s.disposition & _ATTACHED_PICTURE]
        if not films:
            sound = bool(self.container.streams.audio)
            raise UnreadableInput(
                f"{self.told}: holds {'sound only' if sound else 'no pictures'}, "
                "no video track to read"
            )
        if not 0 <= self._track < len(films):
            raise UnreadableInput(
                f"{self.told}: has no video track {self._track}; it holds {len(films)}, "
                "the first is 0"
            )
        self.tracks = len(films)
        self.stream = films[self._track]
        if self.stream.codec_context is None:
            raise UnreadableInput(
                f"{self.told}: its video track is of a kind that no decoder here knows, or damaged"
            )
        self._check_size()
        address = isinstance(self._path, str) and is_address(self._path)
        if isinstance(self._path, (str, Path)):
            pipe = not address and is_pipe(Path(self._path))
        else:
            pipe = not self._path.seekable()
        self._piped = pipe
        self.live = pipe or (
            address
            and (
                urlsplit(str(self._path)).scheme.lower() in LIVE or self.container.duration is None
            )
        )
        # Threads over frames decode fastest and flag all that one thread does (measured on
        # damaged H.264, HEVC, MPEG-4 and FFV1); threads over slices flag nothing in H.264.
        # In a live stream each thread is a frame of delay, so there are but two.
        self.stream.thread_type = "AUTO"
        codec = self.stream.codec_context.name
        self._listens = not self.live and is_heard(self.container.format.name, codec)
        if self._listens:
            # Bare streams: with threads the decoder forgot to say in 15 of 100 readings that the
            # last frame is cut.
            self.stream.thread_type = "NONE"
            if self._heard:
                self.damage.flagged += 1
                self.damage.note(
                    f"{self.told}: at its beginning the decoder says: {self._heard[0]}"
                )
        if self.live:
            self.stream.thread_count = 2
        elif (shared := threads.most()) is not None:
            self.stream.thread_count = shared
        self._fit_into_memory(self.stream.width, self.stream.height)
        self._ledger = Ledger(self.told, self.container, self.stream)
        self._decoded = self._decode()
        self._first = next(self._decoded, None)
        if self._first is None:
            raise UnreadableInput(
                f"{self.told}: its video track ({self.stream.codec_context.name}) "
                f"holds no frame that can be decoded{self._or_too_large()}"
            )
        if (self._first.width, self._first.height) != (self.stream.width, self.stream.height):
            self._fit_into_memory(self._first.width, self._first.height)
        # A frame that the decoder held back to the end of the file does not say its own.
        base = self._first.time_base or self.stream.time_base
        self._clock = Clock(self._first, base, self._rate(self._first))
        self._settled = False
        self.duration = self._declared_duration()
        tag = self._ledger.orientation
        self._painter = Painter(self.told, self._first, self._levels, self._others, tag)
        self.pixels = self._first.format.name
        self.turn = self._painter.turn
        self.rotation = 90 * self.turn.quarters
        height, width = self._first.height, self._first.width
        aspect = Fraction(self.stream.sample_aspect_ratio or 1) or Fraction(1)
        if self.turn.lies:
            height, width, aspect = width, height, 1 / aspect
        stamp = stamp_of(self._first)
        self.start = None if stamp is None or base is None else float(stamp * base)
        self.info = SequenceInfo(
            name=name or name_of(self._path),
            size=(height, width),
            rate=self._clock.rate,
            length=None if self.live else self._declared_length(),
            aspect=aspect,
        )

    def _check_size(self) -> None:
        """Refuse a film whose pictures are too large, before one of them is decoded."""
        width, height = self.stream.width, self.stream.height
        if width > 0 and height > 0:
            limits.check_size(self.told, width, height, video=True)
        # What the file declares need not be what its frames are.
        most = limits.current().most_pixels(video=True)
        self.stream.codec_context.options = {"max_pixels": str(most)}

    def _fit_into_memory(self, width: int, height: int) -> None:
        """Decode in one thread where more would take too much; refuse what still does."""
        context = self.stream.codec_context
        form = context.format
        each = 4.0 if form is None else form.padded_bits_per_pixel / 8
        count = context.thread_count or min(_MOST_THREADS, (os.cpu_count() or 1) + 1)
        count = 1 if self.stream.thread_type.name == "NONE" else count
        kept = _KEPT.get(context.name, _KEPT_BY_OTHERS)
        if width * height * each * (kept + count) > limits.current().memory and count > 1:
            count = 1
            if self.__dict__.get("_first") is None:  # it has begun else
                self.stream.thread_type, self.stream.thread_count = "NONE", 1
        self.held = round(width * height * each * (kept + count))
        limits.check_memory(
            f"{self.told}: is {width}x{height}, of which {context.name} keeps up to "
            f"{kept + count} frames, which take",
            self.held,
            "to decode",
        )

    def _or_too_large(self) -> str:
        most = limits.current().most_pixels(video=True)
        if self.stream.width and self.stream.height:
            return ""
        return f", or none of up to {most / 1e6:.4g} million pixels (--max-pixels lets in more)"

    def _declared_duration(self) -> float | None:
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        return self.container.duration / 1_000_000 if self.container.duration else None

    # -- what the file declares ---------------------------------------------------------------

    def _rate(self, first: av.VideoFrame) -> Fraction:
        if self._wanted_rate is not None and (first.pts is None and first.dts is None):
            return self._wanted_rate
        stream = self.stream
        for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
            # Some containers declare their clock (90000) where they know no rate.
            if rate and 0 < rate <= 1000:
                return Fraction(rate)
        return Fraction(25)

    def _declared_length(self) -> int | None:
        packets = self._ledger.declared_packets() or self.stream.frames
        self.estimated = packets <= 0
        if packets > 0:
            return packets
        seconds = self._ledger.declared_seconds(self._clock.rate)
        if seconds is None:
            seconds = self.duration or 0.0
        else:
            seconds += self._ledger.zero - (self.start or 0.0)
        return round(seconds * self._clock.rate) or None

    # -- packets into decoded frames ----------------------------------------------------------

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Yield what decodes, in the order of showing, and keep the books of what does not."""
        failures = 0
        for packet in self._demux():
            if not self._ledger.follow(packet):
                continue
            try:
                with self._listening():
                    frames = packet.decode()
            except av.FFmpegError as error:
                failures += 1
                self._ledger.fail(packet, reason(error), self.damage)
                if failures >= PATIENCE:
                    self._give_up(failures)
                    break
                continue
            if frames:
                failures = 0
            for frame in frames:
                self._ledger.receive(frame)
                yield frame
        yield from self._drain()

    def _demux(self) -> Iterator["Packet"]:
        """Yield packets of all tracks; one that cannot be read does not end the file."""
        failures = 0
        packets = self.container.demux()
        while True:
            try:
                with self._listening():
                    packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, IndexError) as error:
                # IndexError: damage that looks like a new track, which PyAV does not know.
                failures += 1
                if self.live and isinstance(error, av.error.ExitError):
                    self._fell_silent = True
                    self.damage.note(
                        f"{self.told}: silent for {self._silence:g} s, taken as its end"
                    )
                    return
                where = self._ledger.told_time(self._ledger.last)
                self.damage.note(f"{self.told}: reading failed after {where} ({reason(error)})")
                if self.live or failures >= PATIENCE:
                    self._give_up(failures)
                    return
                packets = self.container.demux()  # the old generator died with the error
                continue
            if packet.size == 0:
                continue  # would end the decoder; PyAV sends such packets to flush, we drain
            failures = 0
            yield packet

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Count what a decoder without threads calls an error, and conceals."""
        if not self._listens:
            yield
            return
        said: list[str] = []
        try:
            with listening(self, said):
                yield
        finally:
            if said:
                self.damage.flagged += 1
                where = self._ledger.told_time(None)
                self.damage.note(f"{self.told}: near {where} the decoder says: {said[0]}")

    def _drain(self) -> Iterator[av.VideoFrame]:
        try:
            with self._listening():
                frames = self.stream.decode(None)
        except av.FFmpegError as error:
            frames = []
            if not isinstance(error, av.EOFError):
                self._ledger.errors += 1
        for frame in frames:
            self._ledger.receive(frame)
            yield frame
        again = self._again()
        if again is not None and self._ledger.owes() and not self._gave_up:
            yield from rescue(again, self.told, self.stream.index, self._ledger, self.damage)

    def _again(self) -> str | Path | None:
        """The input, if it can be opened beside the reading of it."""
        return self._path if isinstance(self._path, (str, Path)) and not self.live else None

    def _others(self) -> Iterator[av.VideoFrame]:
        """Yield some frames from all over a file."""
        again = self._again()
        if again is not None and self.duration:
            yield from samples(again, self.told, self.stream.index, self.duration)

    def _give_up(self, failures: int) -> None:
        self._gave_up = True
        self.damage.note(
            f"{self.told}: gave up after {failures} failure{'s' if failures > 1 else ''} in a row"
        )

    # -- decoded frames into ours -------------------------------------------------------------

    def _frames(self) -> Iterator[Frame]:
        self._tell_tracks()
        stream = self.stream
        places = Places(
            self.container.format.name,
            (stream.base_rate, stream.guessed_rate, stream.average_rate),
            stream.time_base,
        )
        ahead: float | None = None
        picture = self._first
        self._first = None  # holds on to no frame
        while picture is not None:
            index = places.place(picture, self._ledger.lost_before(picture))
            # Frames that are lost before the first one that came have their time, too.
            ahead = float(index / self._clock.rate) if ahead is None else ahead
            time = ahead + self._clock.time(picture, index)
            if self._ledger.is_damaged(picture):
                self.damage.flagged += 1
                self.damage.note(f"{self.told}: frame {index} ({time:.3f} s) is damaged")
            if self._is_wanted(index, time):
                yield Frame(self._image(picture), index, time, self.info)
            elif self._stopped:
                return
            picture = next(self._decoded, None)
        # What comes by a pipe may be a file, whose head declares what should have come.
        whole = self._piped and not (self._stopped or self._fell_silent or self._gave_up)
        self._settle(ended=whole or not self.live)
        self._look_at_structure()

    def _tell_tracks(self) -> None:
        if "1" in (self.stream.metadata.get(name) for name in ("alpha_mode", "ALPHA_MODE")):
            log.warning(
                "%s: its layer of transparency is not read, all counts as opaque", self.told
            )
        if self.tracks > 1:
            tell = log.info if self._track else log.warning
            tell(
                "%s: holds %d video tracks, of which track %d is read; --track chooses another",
                self.told,
                self.tracks,
                self._track,
            )

    def _look_at_structure(self) -> None:
        """Ask the file itself, where its film seemed sound to the end."""
        again = self._again()
        if again is not None and not self.damage:
            wrong = find_break(Path(again), set(self.container.format.name.split(",")))
            if wrong is not None:
                self.damage.note(f"{self.told}: does not fit together, {wrong}")

    def _image(self, picture: av.VideoFrame) -> Image:
        image = self._painter.paint(picture)
        if image.shape[2] != (1 if self._painter.grey else 3):
            image = image[:, :, :1] if self._painter.grey else np.repeat(image, 3, axis=2)
        if image.shape[:2] != self.info.size:
            if not self.size_changes:
                log.warning(
                    "%s: a frame is %s (height, width), not %s as the first; "
                    "scaled to it, and so are later ones",
                    self.told,
                    image.shape[:2],
                    self.info.size,
                )
            self.size_changes += 1
            image = rescale(image, self.info.size)
        return image

    def _settle(self, ended: bool) -> None:
        if not self._settled:
            self._settled = True
            self._ledger.settle(self.damage, self._clock, ended)

    def close(self) -> None:
        """Release the file and its decoder, in the thread that has used them."""
        self._settle(ended=False)
        self._first = None
        self.container.close()
        FILMS.discard(self)
        # A decoder lives as long as somebody knows its stream, and its threads with it.
        for name in ("_decoded", "_ledger", "stream"):
            self.__dict__.pop(name, None)
