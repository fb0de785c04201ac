"""Parts of a film, each read by itself with the numbers and times of the whole.

A look through a film's packets, without decoding, says where each frame is, and what number and
time it has when all is read in order. That holds for sound films alone: where anything is odd, in
the packets or later in what the decoder gives, `NotExact` is raised, and the film is to be read
from its beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from segment.errors import InputError
from segment.frame import Frame, SequenceInfo
from segment.video.clock import Clock
from segment.video.file import VideoFile
from segment.video.ledger import Ledger
from segment.video.opening import open_container, reason
from segment.video.places import Places
from segment.video.source import Position, reaches
from segment.video.structure import find_break

if TYPE_CHECKING:
    Packet = av.Packet[Any]

__all__ = ["FilmPart", "NotExact", "Part", "Survey", "survey"]

EXACT = frozenset(["matroska", "webm", "mov", "mp4", "avi", "mpegts", "flv", "asf"])
"""Containers whose packets tell their time, and in which one can go to a key frame."""

_EARLIER = (0.0, 2.0, 10.0, 60.0)
"""Seconds before the wanted key frame that are tried, where a container finds no nearer place."""


class NotExact(InputError):
    """A film cannot be cut such that every part has the frames, numbers and times of the whole."""


class _Shown:
    """As much of a decoded picture as says when it is shown."""

    __slots__ = ("dts", "pts")

    def __init__(self, pts: int) -> None:
        self.pts = self.dts = pts


@dataclass(frozen=True)
class Survey:
    """Where the frames of a film are, in the order in which they are shown.

    Attributes
    ----------
    info : of the film, as its first frame says.
    stamps : (N,) time stamps, ticks of the film's own clock.
    numbers, times : (N,) `Frame.index` and `Frame.time` of each.
    keys : (K, 2) time stamps of key frames, shown and decoded at, rising.
    """

    info: SequenceInfo
    stamps: NDArray[np.int64]
    numbers: NDArray[np.int64]
    times: NDArray[np.float64]
    keys: NDArray[np.int64]

    def part(self, first: int, last: int, wanted: NDArray[np.bool_]) -> "Part":
        """What is needed to read the frames at places `first` to `last`, both included.

        wanted : (N,) which of all frames are given; the others are decoded, and looked at.
        """
        at = int(np.searchsorted(self.keys[:, 0], self.stamps[first], side="right")) - 1
        place = slice(first, last + 1)
        return Part(
            key=int(self.keys[max(at, 0), 1]),
            stamps=self.stamps[place].copy(),
            numbers=self.numbers[place].copy(),
            times=self.times[place].copy(),
            wanted=wanted[place].copy(),
            begins=first == 0,
        )

    def chosen(self, start: Position, stop: Position, every: int) -> "Chosen | None":
        """Return the frames that are chosen as by `select.between` and `select.every`, if any."""
        asked = np.ones(len(self.numbers), bool)
        pairs = zip(self.numbers.tolist(), self.times.tolist(), strict=True)
        for n, (number, time) in enumerate(pairs if (start, stop) != (None, None) else ()):
            asked[n] = (start is None or reaches(number, time, start)) and not (
                stop is not None and reaches(number, time, stop)
            )
        if not asked.any():
            return None
        first = int(np.flatnonzero(asked)[0])
        asked &= (self.numbers - self.numbers[first]) // self.info.step % every == 0
        return Chosen(self, asked)


class Chosen:
    """Frames of a film that were asked for.

    Attributes
    ----------
    first : number and time of the first of them.
    seconds : from the first to the last of them.
    """

    def __init__(self, survey: Survey, asked: NDArray[np.bool_]) -> None:
        self._survey = survey
        self._asked = asked
        self._places = np.flatnonzero(asked)
        begin = self._places[0]
        self.first = int(survey.numbers[begin]), float(survey.times[begin])
        self._times = survey.times[self._places] - self.first[1]
        self.seconds = float(self._times[-1])

    def part(self, begin: float | None, end: float | None) -> "Part | None":
        """Those from `begin` up to, and without, `end`, seconds since the first; None if none."""
        low = 0 if begin is None else int(np.searchsorted(self._times, begin))
        high = len(self._times) if end is None else int(np.searchsorted(self._times, end))
        if low >= high:
            return None
        places = self._places[low], self._places[high - 1]
        return self._survey.part(int(places[0]), int(places[1]), self._asked)


@dataclass(frozen=True)
class Part:
    """Frames of a film that follow each other, and the key frame from which they are decoded.

    Attributes
    ----------
    key : time stamp at which the key frame is decoded, ticks.
    stamps, numbers, times, wanted : (N,) of each frame, see `Survey`.
    begins : whether the first of them is the film's first.
    """

    key: int
    stamps: NDArray[np.int64]
    numbers: NDArray[np.int64]
    times: NDArray[np.float64]
    wanted: NDArray[np.bool_]
    begins: bool


def survey(film: VideoFile, again: str | Path | BinaryIO) -> Survey:
    """Look through all packets of `film`, which was just opened; `again` is opened for it.

    Raises NotExact where frames cannot be counted by packets alone.
    """
    kinds = set(film.container.format.name.split(","))
    if film.live or not kinds & EXACT:
        raise NotExact(f"{film.told}: a film of this kind ({min(kinds)}) cannot be cut exactly")
    if film.damage:
        raise NotExact(f"{film.told}: {film.damage.reasons[0]}")
    base, rate = film.stream.time_base, film.info.rate
    if base is None:
        raise NotExact(f"{film.told}: its frames have no times")
    with open_container(again, film.told) as container:
        stream = container.streams[film.stream.index]
        assert isinstance(stream, av.VideoStream)
        ledger = Ledger(film.told, container, stream)
        try:
            stamps, keys = _packets(film.told, container.demux(), ledger)
        except (av.FFmpegError, IndexError) as error:
            raise NotExact(f"{film.told}: cannot be read through ({reason(error)})") from None
        order = np.sort(stamps)
        if len(order) == 0 or (np.diff(order) == 0).any():
            raise NotExact(f"{film.told}: two of its frames have one time")
        numbers, times = _shown(order, film, base, rate, ledger)
    if isinstance(again, (str, Path)) and "://" not in str(again):
        wrong = find_break(Path(again), kinds)
        if wrong is not None:
            raise NotExact(f"{film.told}: does not fit together, {wrong}")
    return Survey(film.info, order, numbers, times, np.array(sorted(keys), np.int64))


def _packets(
    told: str, packets: Iterator["Packet"], ledger: Ledger
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Time stamps of the film's packets, and (shown, decoded) of those that begin anew."""
    stamps: list[int] = []
    keys: list[tuple[int, int]] = []
    before: int | None = None
    for packet in packets:
        if packet.size == 0 or not ledger.follow(packet) or packet.is_discard:
            continue
        if packet.pts is None or packet.is_corrupt:
            why = "without a time" if packet.pts is None else "damaged"
            raise NotExact(f"{told}: a packet is {why}")
        if packet.dts is not None:  # the first packets of a Matroska film have none
            if before is not None and packet.dts < before:
                raise NotExact(f"{told}: its clock begins anew at {ledger.told_time(packet.pts)}")
            before = packet.dts
        stamps.append(packet.pts)
        if packet.is_keyframe:
            keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    if not keys:
        raise NotExact(f"{told}: has no key frame from which a part could be decoded")
    return np.array(stamps, np.int64), keys


def _shown(
    order: NDArray[np.int64], film: VideoFile, base: Fraction, rate: Fraction, ledger: Ledger
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number and time of each frame, as reading from the beginning would give them."""
    stream = film.stream
    rates = (stream.base_rate, stream.guessed_rate, stream.average_rate)
    places = Places(film.container.format.name, rates, base)
    clock: Any = Clock(_Shown(int(order[0])), base, rate)  # type: ignore[arg-type]
    numbers, times = np.empty(len(order), np.int64), np.empty(len(order))
    ahead: float | None = None
    for n, stamp in enumerate(order.tolist()):
        picture: Any = _Shown(stamp)
        numbers[n] = places.place(picture, 0)
        ahead = float(numbers[n] / rate) if ahead is None else ahead
        times[n] = ahead + clock.time(picture, int(numbers[n]))
        ledger.pace(stamp)
    why = ledger.gaps(clock)
    if why is not None:
        raise NotExact(f"{film.told}: {why}")
    return numbers, times


class FilmPart(VideoFile):
    """The frames of one part of a film; otherwise as `VideoFile`, with whose words it is opened.

    Every frame is one that the part names, with the number and time that it names; none is
    missing, damaged, or too many: else NotExact is raised while reading.
    """

    def __init__(self, path: str | Path | BinaryIO, part: Part, *args: Any, **how: Any) -> None:
        self._part = part
        super().__init__(path, *args, **how)

    def _frames(self) -> Iterator[Frame]:
        part = self._part
        if part.begins:
            self._tell_tracks()
        self._first = None  # what was decoded to open the film is decoded again, in its turn
        stamps, at = part.stamps.tolist(), 0
        for picture in self._pictures():
            stamp = picture.pts
            if stamp is not None and stamp < stamps[at]:
                continue  # between the key frame and the part
            if stamp != stamps[at]:
                raise NotExact(f"{self.told}: frame {part.numbers[at]} does not come by itself")
            if self._ledger.is_damaged(picture) or self.damage:
                raise NotExact(f"{self.told}: frame {part.numbers[at]} is damaged")
            if part.wanted[at]:
                number, time = int(part.numbers[at]), float(part.times[at])
                yield Frame(self._image(picture), number, time, self.info)
                if self._stopped:
                    return
            at += 1
            if at == len(stamps):
                return
        raise NotExact(f"{self.told}: frame {part.numbers[at]} does not come")

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """Decode from the key frame on."""
        for packet in self._from_key():
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                raise NotExact(f"{self.told}: does not decode ({reason(error)})") from None
            for frame in frames:
                self._ledger.receive(frame)
                yield frame
        try:
            yield from self.stream.decode(None)
        except av.EOFError:
            return
        except av.FFmpegError as error:
            raise NotExact(f"{self.told}: does not decode ({reason(error)})") from None

    def _from_key(self) -> Iterator["Packet"]:
        """Packets of the film, from a key frame that is not behind the part's first frame."""
        begin = int(self._part.stamps[0])
        second = 1 / (self.stream.time_base or Fraction(1))
        for earlier in _EARLIER:
            target = self._part.key - int(earlier * second)
            try:
                self.container.seek(target, stream=self.stream)
            except av.FFmpegError as error:
                raise NotExact(f"{self.told}: cannot be sought in ({reason(error)})") from None
            self._ledger = Ledger(self.told, self.container, self.stream)
            packets = self._film_packets()
            first = next((packet for packet in packets if packet.is_keyframe), None)
            if first is not None and first.pts is not None and first.pts <= begin:
                yield first
                yield from packets
                return
        raise NotExact(f"{self.told}: frame {self._part.numbers[0]} cannot be sought")

    def _film_packets(self) -> Iterator["Packet"]:
        for packet in self._demux():
            if self.damage:
                raise NotExact(f"{self.told}: {self.damage.reasons[0]}")
            if self._ledger.follow(packet):
                yield packet

    def _settle(self, ended: bool) -> None:
        """Nothing: a part is not what the film declares, and has told what was wrong."""

    def _look_at_structure(self) -> None:
        """Nothing: the survey has."""
