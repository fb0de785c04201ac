"""Video files and streams as frames: a loop over packets that outlives what is damaged."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import av
import numpy as np
from av.container import InputContainer

from segment.arrays import Image
from segment.errors import UnreadableInput
from segment.frame import Frame, SequenceInfo
from segment.video import limits
from segment.video.allowed import options_for, playlist, refusal
from segment.video.checks import why_not_a_video
from segment.video.clock import Clock, stamp_of
from segment.video.decode import rescale
from segment.video.headers import picture_size
from segment.video.ledger import Ledger
from segment.video.levels import Levels
from segment.video.pipes import Pipe
from segment.video.pixels import Painter
from segment.video.places import Places
from segment.video.soundness import FILMS
from segment.video.source import Source, check_rate

if TYPE_CHECKING:
    Packet = av.Packet[Any]

log = logging.getLogger("segment.video")

PATIENCE = 100
"""Packets in a row that may fail before reading gives up."""

_SAMPLES = 5  # parts of a film, at whose ends frames are looked at for their levels

SILENCE = 15.0
"""Seconds a stream may keep silent before it counts as ended."""

LIVE = frozenset(["rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt", "rtp"])
_HEAD = 1 << 16  # bytes in which a playlist shows itself
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
        self._settled = True  # nothing to settle before the first frame has come
        self._wanted_rate = None if rate is None else check_rate(rate)
        self._path = path
        self.told = told(path)
        self._silence = _silence()
        self.container: InputContainer = _open(path, self.told)
        FILMS.add(self)
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
        self._check_size()
        address = isinstance(self._path, str) and is_address(self._path)
        if isinstance(self._path, (str, Path)):
            pipe = not address and is_pipe(Path(self._path))
        else:
            pipe = not self._path.seekable()
        self.live = pipe or (
            address
            and (
                urlsplit(str(self._path)).scheme.lower() in LIVE or self.container.duration is None
            )
        )
        if self.stream.codec_context is None:
            raise UnreadableInput(
                f"{self.told}: its video track is of a kind that no decoder here knows, or damaged"
            )
        # Threads over frames decode fastest and flag all that one thread does (measured on
        # damaged H.264, HEVC, MPEG-4 and FFV1); threads over slices flag nothing in H.264.
        # In a live stream each thread is a frame of delay, so there are but two.
        self.stream.thread_type = "AUTO"
        if self.container.format.name in ("h264", "hevc"):
            # A raw stream declares nothing: only the decoder knows that its last frame is cut,
            # and with threads it forgot to say so in 15 of 100 readings.
            self.stream.thread_type = "NONE"
        if self.live:
            self.stream.thread_count = 2
        self._ledger = Ledger(self.told, self.container, self.stream)
        self._decoded = self._decode()
        self._first = next(self._decoded, None)
        if self._first is None:
            raise UnreadableInput(
                f"{self.told}: its video track ({self.stream.codec_context.name}) "
                f"holds no frame that can be decoded{self._or_too_large()}"
            )
        # A frame that the decoder held back to the end of the file does not say its own.
        base = self._first.time_base or self.stream.time_base
        self._clock = Clock(self._first, base, self._rate(self._first))
        self._settled = False
        self.duration = self._declared_duration()
        self._painter = Painter(self.told, self._first, self._levels, self._others)
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
            name=name or _name(self._path),
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
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, IndexError) as error:
                # IndexError: damage that looks like a new track, which PyAV does not know.
                failures += 1
                if self.live and isinstance(error, av.error.ExitError):
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

    def _drain(self) -> Iterator[av.VideoFrame]:
        try:
            frames = self.stream.decode(None)
        except av.FFmpegError as error:
            frames = []
            if not isinstance(error, av.EOFError):
                self._ledger.errors += 1
        for frame in frames:
            self._ledger.receive(frame)
            yield frame
        if self._ledger.holds_back() and not self._gave_up:
            yield from self._rescue()

    def _rescue(self) -> Iterator[av.VideoFrame]:
        """Yield the frames behind a damaged last packet.

        A decoder that meets an error while it is being emptied cannot be asked on through
        PyAV, so the frames it still holds are decoded once more, by a fresh one.
        """
        if not isinstance(self._path, (str, Path)) or self.live:
            return
        after = self._ledger.last
        assert after is not None
        try:
            with _open(self._path, self.told) as again:
                stream = again.streams[self.stream.index]
                assert isinstance(stream, av.VideoStream)
                stream.thread_type = "NONE"
                again.seek(after, stream=stream)
                for packet in again.demux(stream):
                    try:
                        frames = packet.decode()
                    except av.FFmpegError:
                        continue
                    for frame in frames:
                        if frame.pts is not None and frame.pts > after:
                            after = frame.pts
                            self._ledger.receive(frame)
                            yield frame
        except (av.FFmpegError, IndexError, UnreadableInput):
            return

    def _others(self) -> Iterator[av.VideoFrame]:
        """Yield some frames from all over a file, decoded beside the reading of it."""
        seconds = self.duration
        if not isinstance(self._path, (str, Path)) or self.live or not seconds:
            return
        try:
            with _open(self._path, self.told) as again:
                stream = again.streams[self.stream.index]
                for n in range(1, _SAMPLES):
                    again.seek(int(1e6 * (seconds * n / _SAMPLES)) + (again.start_time or 0))
                    picture = next(again.decode(stream), None)
                    if isinstance(picture, av.VideoFrame):
                        yield picture
        except (av.FFmpegError, IndexError, UnreadableInput):
            return

    def _give_up(self, failures: int) -> None:
        self._gave_up = True
        self.damage.note(
            f"{self.told}: gave up after {failures} failure{'s' if failures > 1 else ''} in a row"
        )

    # -- decoded frames into ours -------------------------------------------------------------

    def _frames(self) -> Iterator[Frame]:
        if self.tracks > 1:
            tell = log.info if self._track else log.warning
            tell(
                "%s: holds %d video tracks, of which track %d is read; --track chooses another",
                self.told,
                self.tracks,
                self._track,
            )
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
        self._settle(ended=not self.live)

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


def is_address(path: str) -> bool:
    """Say whether `path` is a stream's address (rtsp://...) and not a file."""
    scheme, sign, _ = path.partition("://")
    return bool(sign) and scheme.isalnum() and scheme.lower() != "file"


def is_pipe(path: Path) -> bool:
    """Say whether `path` gives its bytes once, in order: a named pipe or a shell's <(...)."""
    return path.is_fifo() or path.is_char_device() or path.is_socket()


def told(path: str | Path | BinaryIO) -> str:
    """Return how messages name `path`: an address without its password."""
    if not isinstance(path, (str, Path)):
        name = getattr(path, "name", None)  # a number where it was opened by its number
        return name if isinstance(name, str) else "the input stream"
    if isinstance(path, str) and is_address(path):
        parts = urlsplit(path)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return str(path)


def _silence() -> float | None:
    """Seconds a stream may keep silent here; None is for ever."""
    given = limits.asked()
    return SILENCE if given is None else given.timeout


def _open(path: str | Path | BinaryIO, name: str) -> InputContainer:
    allow = limits.current().allow
    address = path if isinstance(path, str) and is_address(path) else None
    options = options_for(address, allow)
    # What is decoded while looking for what the streams are must not be larger either.
    options["max_pixels"] = str(limits.current().most_pixels(video=True))
    timeout = None
    target: str | BinaryIO
    if not isinstance(path, (str, Path)):
        _check_head(_head(path), name, allow)
        target = path
    elif address is not None:
        target, timeout = address, _silence()
        if urlsplit(address).scheme.lower().startswith("rtsp"):
            options["rtsp_transport"] = "tcp"  # its default, udp, loses packets
    else:
        # Bytes of a pipe that are looked at are gone.
        if not is_pipe(Path(path)) and not _check_head(_head(Path(path)), name, allow):
            why = why_not_a_video(Path(path))
            if why is not None:
                raise UnreadableInput(f"{name}: {why}")
        # A plain name with a colon would be taken for a protocol.
        target = f"file:{path}"
    try:
        return av.open(target, "r", options=options, timeout=timeout, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        why = None
        if isinstance(path, (str, Path)) and address is None and not is_pipe(Path(path)):
            why = why_not_a_video(Path(path), refused=True)
        raise UnreadableInput(f"{name}: {why or f'cannot be opened ({reason(error)})'}") from error


def _check_head(head: bytes, name: str, allow: frozenset[str]) -> bool:
    """Say whether an input is a playlist that may be opened; raise when it may not.

    And for a picture, which comes here under another name or by a pipe, when it is too large.
    """
    size = picture_size(head)
    if size is not None:
        limits.check_size(name, *size)
    kind = playlist(head)
    if kind is None:
        return False
    why = refusal(name, kind, allow)
    if why is not None:
        raise UnreadableInput(why)
    return True


def _head(path: Path | BinaryIO) -> bytes:
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


def _name(path: str | Path | BinaryIO) -> str:
    if not isinstance(path, (str, Path)):
        name = getattr(path, "name", None)
        return "stdin" if not isinstance(name, str) or name == "<stdin>" else Path(name).stem
    if isinstance(path, str) and is_address(path):
        parts = urlsplit(path)
        return Path(parts.path).stem or parts.hostname or "stream"
    return Path(path).stem
