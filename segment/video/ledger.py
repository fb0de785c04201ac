"""What came against what was sent and declared: how a cut or damaged film is told."""

from collections import Counter, deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer

from segment.protocols import Damage
from segment.video.checks import Protected
from segment.video.clock import Clock
from segment.video.shape import orientation_of

if TYPE_CHECKING:
    Packet = av.Packet[Any]

# Codecs in which every packet holds exactly one frame to be shown, so that a packet without
# its frame is a loss. VP8 and VP9 have packets that show nothing; MPEG-4 packs two in one.
_INTRA = "ffv1 mjpeg png prores dnxhd huffyuv ffvhuff utvideo rawvideo v210"
_ONE_TO_ONE = frozenset(["h264", "hevc", "av1", *_INTRA.split()])
_STILLS = frozenset(["mjpeg", "png", "apng", "webp", "tiff"])
# Containers whose header declares how long the film is. Others are guessed from the end of
# the file, and the end of a cut file says nothing.
_DECLARING = frozenset(["matroska", "webm", "avi", "mov", "mp4", "flv", "asf"])


# Containers in which a film of one rate gives every frame its own time. AVI repeats a frame by an
# empty packet, which is sound, mp4 says itself how long each is shown, and a program stream marks
# times of some frames only: of its last few one would be missed.
_EVEN = frozenset(["matroska", "mpegts", "asf", "flv", "wtv"])

_JOINT = 4  # packets between a mark of MPEG-TS's counters and the clock that begins anew


class Ledger:
    """Keeps count of packets, frames and failures while a film is read.

    A frame is lost when its packet came and it did not, when the container skipped a piece of
    the file, or when the file ends before what it declares. Each is told from what sound files
    do as well: varying rates, packets before the first key frame, edit lists, sound that is
    longer than the film.
    """

    def __init__(self, name: str, container: InputContainer, stream: "av.VideoStream") -> None:
        self._name = name
        self._container = container
        self._stream = stream
        self._formats = set(container.format.name.split(","))
        codec = stream.codec_context.name
        self._one_to_one = codec in _ONE_TO_ONE
        self._protected = Protected(codec)
        start = (container.start_time or 0) / 1_000_000
        # Matroska declares the end on its own clock, others the time since their start.
        self.zero = min(0.0, start) if "matroska" in self._formats else start
        # Containers with an index miss what they cannot read; these search for the next block.
        self._holes = _Holes() if self._formats & {"matroska", "avi"} else None
        self.errors = 0
        self.first: int | None = None
        """Time stamp of the first decoded frame."""
        self.last: int | None = None
        """Time stamp of the latest decoded frame."""
        self.orientation = 1
        """The tag (EXIF) of the first packet, where packets are files of pictures."""
        self._origin: int | None = None  # time stamp of the first key frame's packet
        # Taken now: where a file has no index, one grows while it is read.
        self._indexed = len(stream.index_entries) if self._formats & {"mp4", "avi"} else 0
        self._packets = 0
        self._delivered = 0
        self._reach = 0.0  # seconds after `zero` that any track got to
        self._waiting: Counter[int] = Counter()  # time stamps of packets without their frame
        self._late: list[int] = []
        self._latest: deque[int] = deque(maxlen=32)  # as many as any decoder holds back
        self._damaged: set[int] = set()
        self._sent: int | None = None  # time stamp of the latest packet
        self._suspects: list[tuple[int, int]] = []  # stamp and number of marked packets
        self._too_late: list[int] = []
        self._headless: set[int] = set()  # time stamps of packets before the first key frame
        self._pace = _Pace() if self._formats & _EVEN else None
        self._placed: int | None = None  # time stamp of the frame that was given a number last

    # -- while reading ------------------------------------------------------------------------

    def follow(self, packet: "Packet") -> bool:
        """Take the next packet of any track; return whether it is of the film."""
        ours = packet.stream_index == self._stream.index
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.time_base is not None:
            end = float((stamp + (packet.duration or 0)) * packet.time_base)
            self._reach = max(self._reach, end - self.zero)
        if self._holes is not None:
            self._holes.follow(packet, ours)
        if ours:
            if not self._packets and self._stream.codec_context.name in _STILLS:
                self.orientation = orientation_of(bytes(packet))
            self._send(packet)
        return ours

    def _send(self, packet: "Packet") -> None:
        self._packets += 1
        if packet.pts is None:
            return
        if self._origin is None:
            if packet.is_keyframe:
                self._origin = packet.pts
            else:
                self._headless.add(packet.pts)
        self._latest.append(packet.pts)
        if self._one_to_one and not packet.is_discard:
            self._waiting[packet.pts] += 1
            if len(self._waiting) > 512:  # no decoder holds that many back: it is lost
                stamp = min(self._waiting)
                del self._waiting[stamp]
                self._late.append(stamp)
        self._follow_counters(packet.pts, packet.is_corrupt)
        if not self._protected.holds(packet):
            self._damaged.add(packet.pts)

    def _follow_counters(self, stamp: int, wrong: bool) -> None:
        """Take what MPEG-TS's continuity counters say of a packet.

        They break where something is missing, and where recordings were joined: there the clock
        begins anew, some packets behind or before the one that is marked, and nothing is missing.
        """
        before, self._sent = self._sent, stamp
        second = 1 / self._stream.time_base if self._stream.time_base else 0
        if before is not None and stamp < before - second:
            self._suspects.clear()
            return
        if wrong:
            self._suspects.append((stamp, self._packets))
        while self._suspects and self._packets - self._suspects[0][1] >= _JOINT:
            self._mark(self._suspects.pop(0)[0])

    def _mark(self, stamp: int) -> None:
        if self.last is not None and stamp <= self.last:
            self._too_late.append(stamp)  # its frame has been delivered
        else:
            self._damaged.add(stamp)

    def receive(self, frame: av.VideoFrame) -> None:
        """Take the next decoded frame."""
        self._delivered += 1
        stamp = frame.pts
        if stamp is None:
            return
        self.first = stamp if self.first is None else self.first
        self.last = stamp
        self._headless.discard(stamp)
        if self._pace is not None:
            self._pace.show(stamp)
        if self._holes is not None:
            self._holes.show(stamp)
        self._waiting[stamp] -= 1
        if self._waiting[stamp] <= 0:
            del self._waiting[stamp]

    def lost_before(self, frame: av.VideoFrame) -> int:
        """Return how many packets since the frame asked for last had frames that never came."""
        stamp = frame.pts
        if stamp is None:
            return 0
        after = self._placed
        if after is None:  # packets before the first key frame are missed by nobody
            after = stamp - 1 if self._origin is None else self._origin - 1
        self._placed = stamp
        lost = sum(after < one < stamp for one in self._waiting)
        return lost + sum(after < one < stamp for one in self._late[-512:])

    def fail(self, packet: "Packet", reason: str, damage: Damage) -> None:
        """Take a packet that did not decode."""
        self.errors += 1
        if not self._one_to_one or packet.pts is None:  # else named when its frame is missing
            stamp = packet.pts if packet.pts is not None else packet.dts
            damage.note(
                f"{self._name}: a frame near {self.told_time(stamp)} did not decode ({reason})"
            )

    def is_damaged(self, frame: av.VideoFrame) -> bool:
        """Say whether the decoder or a checksum calls a decoded frame damaged."""
        if frame.pts is not None and frame.pts in self._damaged:
            self._damaged.discard(frame.pts)
            return True
        return frame.is_corrupt

    def owes(self) -> bool:
        """Say whether packets were sent whose frames should follow the latest one."""
        last = self.last
        return last is not None and any(stamp > last for stamp in (*self._waiting, *self._latest))

    def told_time(self, stamp: int | None) -> str:
        """Return the time of a stamp, or the number of the frame, for messages."""
        if stamp is None or self._stream.time_base is None:
            return f"frame {self._delivered}"
        first = self.first if self.first is not None else stamp
        seconds = float((stamp - first) * self._stream.time_base)
        return f"{seconds:.3f} s" if seconds >= 0 else f"{-seconds:.3f} s before the first frame"

    # -- what the file declares ---------------------------------------------------------------

    def declared_packets(self) -> int | None:
        """Return how many packets the file's index lists, None when it has none."""
        # The index leaves out what an edit list cuts away and what an avi's camera dropped;
        # the header's count does not.
        if self._indexed:
            return self._indexed
        return (self._stream.frames or None) if "mp4" in self._formats else None

    def declared_seconds(self, rate: Fraction) -> float | None:
        """Return how many seconds after `zero` the file ends by its header."""
        if not self._formats & _DECLARING:
            return None
        if "avi" in self._formats and self._stream.frames > 0:
            return float(self._stream.frames / rate)
        tag = _tag_seconds(self._stream.metadata.get("DURATION"))
        if tag is not None:
            return tag
        return self._container.duration / 1_000_000 if self._container.duration else None

    # -- at the end ---------------------------------------------------------------------------

    def pace(self, stamp: int) -> None:
        """Take the time stamp of a frame that nobody decodes, in the order of showing."""
        if self._pace is not None:
            self._pace.show(stamp)

    def gaps(self, clock: Clock) -> str | None:
        """Say what packets alone tell to be missing from a film that was read through, or None."""
        absent = self._absent(clock)
        if absent > 0:
            return f"is cut or unreadable after {self._packets} packets"
        leaps = [] if self._pace is None else self._pace.leaps()
        return f"frames after {self.told_time(leaps[0][0])} are missing" if leaps else None

    def settle(self, damage: Damage, clock: Clock, ended: bool) -> None:
        """Add what was lost to `damage`; what is declared counts when the file `ended`."""
        missing = self._missing(ended)
        for stamp in missing:
            damage.note(f"{self._name}: the frame at {self.told_time(stamp)} did not decode")
        damage.lost += max(len(missing), self.errors)
        for stamp, _ in self._suspects if ended else ():
            self._mark(stamp)
        for stamp in self._too_late:
            damage.flagged += 1
            damage.note(f"{self._name}: the frame at {self.told_time(stamp)} is damaged")
        for before, skipped, why in self._skipped(missing):
            damage.lost += skipped
            damage.note(
                f"{self._name}: about {skipped} frames after {self.told_time(before)} "
                f"are missing, {why}"
            )
        headless = self._headless & set(missing) ^ self._headless
        if headless and "mpegts" in self._formats:
            damage.lost += len(headless)
            damage.note(
                f"{self._name}: begins in mid-picture, {len(headless)} frames before its first key "
                "frame cannot be decoded"
            )
        absent = self._absent(clock) if ended else 0
        if absent > 0:
            damage.lost += absent
            damage.note(
                f"{self._name}: is cut or unreadable after {self._delivered} frames, "
                f"{absent} more are declared"
            )

    def _missing(self, ended: bool) -> list[int]:
        """Return the time stamps of packets whose frames never came."""
        first, last = self.first, self.last
        if first is None or last is None:
            return []
        # Packets before the first key frame are how a film cut out of a longer one begins;
        # nobody misses them. Nor those behind the latest frame, when reading was stopped:
        # their turn had not come.
        if self._origin is not None:
            first = min(first, self._origin)
        stamps = (*self._late, *self._waiting.elements())
        return sorted(stamp for stamp in stamps if stamp >= first and (ended or stamp < last))

    def _skipped(self, missing: list[int]) -> list[tuple[int, int, str]]:
        """Return (time stamp before, frames, why) of each piece that was skipped."""
        found = []
        if self._holes is not None:
            for before, after in self._holes.leaps:
                frames = round((after - before) / self._holes.duration) - 1
                frames -= sum(before < stamp < after for stamp in missing)
                if frames > 0:
                    found.append((before, frames, "the file is unreadable there"))
        known = {before for before, _, _ in found}
        if self._pace is None:
            return found
        for before, after in self._pace.leaps():
            frames = round((after - before) / self._pace.usual) - 1
            frames -= sum(before < stamp < after for stamp in missing)
            if before not in known and frames > 0:
                found.append((before, frames, "by the times of those around them"))
        return found

    def _absent(self, clock: Clock) -> int:
        """Return how many frames are declared behind the last packet."""
        packets = self.declared_packets()
        if packets is not None and ("mp4" in self._formats or packets > self._packets):
            return packets - self._packets
        # An avi that is cut has no index, and lists what was found.
        seconds = self.declared_seconds(clock.rate)
        if seconds is None:
            return 0
        # A last frame of unknown duration, or one dropped by the camera, is no cut.
        slack = max(0.25, 2.5 * clock.longest, float(2 / clock.rate))
        gap = seconds - self._reach
        if gap <= slack:
            return 0
        # Where the rate varies, what came tells more than what is declared.
        shown = clock.seconds
        rate = (self._delivered - 1) / shown if shown > 0 else float(clock.rate)
        return max(1, round(gap * rate))


class _Holes:
    """Looks for frames that the container skipped without a word.

    A damaged block makes mkv and avi readers search for the next sound one. What it swallowed
    shows as bytes that no packet accounts for, and as a leap in the frames' time stamps near
    by. Either alone is common in sound files: indices and tags between packets, variable rates.
    """

    def __init__(self) -> None:
        self.leaps: list[tuple[int, int]] = []  # time stamps of the frames on both sides
        self.duration = 0
        self._end = 0
        self._unknown = 0  # bytes of no packet since the last one of the film
        self._last: int | None = None  # packet's stamp
        self._shown: int | None = None  # frame's stamp
        self._near: list[tuple[int, int]] = []

    def follow(self, packet: "Packet", ours: bool) -> None:
        """Take the next packet of any track; `ours` when it is of the film itself."""
        pos = packet.pos
        if pos is None or pos < 0:
            return
        if self._end:
            self._unknown = max(self._unknown, pos - self._end)
        self._end = pos + packet.size
        stamp = packet.pts if packet.pts is not None else packet.dts
        if not ours or stamp is None:
            return
        self.duration = packet.duration or self.duration
        if self._unknown > 256 and self._last is not None and self.duration:
            # Decoders bring frames into another order, by 16 at most.
            wide = 16 * self.duration
            self._near.append((min(self._last, stamp) - wide, max(self._last, stamp) + wide))
            del self._near[:-64]
        self._unknown = 0
        self._last = stamp

    def show(self, stamp: int) -> None:
        """Take the next decoded frame, in the order of showing."""
        before, self._shown = self._shown, stamp
        if before is None or stamp - before < 1.75 * self.duration:
            return
        if any(low < stamp and before < high for low, high in self._near):
            self.leaps.append((before, stamp))


class _Pace:
    """Looks for frames that are missing by the times of those around them, in an even film.

    Where nearly all frames follow each other at one distance, and a few at a multiple of it, some
    are missing: a recorder's loss. A rate that varies has many distances, and a film in which
    repeated frames are left out has many leaps; neither counts.
    """

    _MOST = 50  # even steps for every leap, at least
    _KINDS = 200  # distances; a film of so many is not even

    def __init__(self) -> None:
        self._before: int | None = None
        self._steps: Counter[int] = Counter()
        self._wide: list[tuple[int, int]] = []
        self.usual = 0
        """Ticks from one frame to the next, most times."""

    def show(self, stamp: int) -> None:
        """Take the next frame's time stamp, in the order of showing."""
        before, self._before = self._before, stamp
        if before is None:
            return
        step = stamp - before
        if len(self._steps) < self._KINDS:
            self._steps[step] += 1
        if self._steps[step] > self._steps[self.usual]:
            self.usual = step
        if step > 1.75 * self.usual and len(self._wide) < 1000:
            self._wide.append((before, stamp))

    def leaps(self) -> list[tuple[int, int]]:
        """Return the time stamps on both sides of every stretch in which frames are missing."""
        if len(self._steps) >= self._KINDS:
            return []
        usual, total = self.usual, sum(self._steps.values())
        # A clock of milliseconds rounds: 33 and 34.
        even = sum(count for step, count in self._steps.items() if abs(step - usual) <= 1)
        wide = [(a, b) for a, b in self._wide if b - a > 1.75 * usual]
        odd = [(b - a) / usual for a, b in wide]
        if usual < 8 or even + len(wide) < total or len(wide) * self._MOST > even:
            return []
        if any(abs(times - round(times)) > 0.1 for times in odd):
            return []
        return wide


def _tag_seconds(tag: str | None) -> float | None:
    """Read mkv's "00:01:02.500000000"; None when it is anything else."""
    try:
        hours, minutes, seconds = (tag or "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
