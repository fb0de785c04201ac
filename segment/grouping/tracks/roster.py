"""Which object a track is: a new one, or one that went out of sight."""

import itertools
import math
from collections import deque
from collections.abc import Iterator
from copy import copy

import numpy as np

from segment.grouping.tracks.appearance import Appearance
from segment.grouping.tracks.track import Track

__all__ = ["Roster"]

_GONE = 4.0  # seconds for which one who went out of sight may come back as the same
_NEAR, _FARTHER = 0.75, 0.75  # of its size, and so much more a second: where it may come back
_ALIKE = 0.5  # most difference of the logarithm of sizes
_OF_A_SIZE = 0.7  # the same of animals whose number is known: one is no half of another
_OVERLAP = 2  # frames for which two tracks of one object may be seen at once, when one takes over
_ODDS = 1.0  # log-odds wanted before two tracks are one object
_AGES = 1.0  # seconds between two looks of one object that are compared
_EVERY = 5  # frames between two lessons
_REMEMBERED = 1000  # reunions: streams may be endless


class Roster:
    """Objects by number, and the track that each is seen as.

    Parameters
    ----------
    rate : frames a second.
    number : how many objects there are; None where nobody knows. Where it is known, there are
        never more, and a track that comes when all are known is one of those out of sight.
    ids : numbers for new objects, from 1 unless others take from them, too.
    """

    def __init__(
        self, rate: float, number: int | None = None, ids: Iterator[int] | None = None
    ) -> None:
        self.number = number
        self.holders: dict[int, Track] = {}
        self.appearance = Appearance()
        self.reunions: deque[tuple[int, int, float]] = deque(maxlen=_REMEMBERED)
        """Frame, object and confidence in (0, 1] of the last tracks taken for a former one."""
        self._rate = rate
        self._free: set[int] = set()
        self._ids = itertools.count(1) if ids is None else ids
        self._given = 0

    @property
    def full(self) -> bool:
        """Whether all of a known number of objects have been seen."""
        return self.number is not None and self._given >= self.number and not self._free

    def release(self, track: Track) -> None:
        """Take the object of a known number back from a track that is a part of another."""
        if self.number is not None and track.object:
            self._free.add(track.object)
            track.object = 0

    def renounce(self, track: Track, since: int) -> None:
        """Take a track for something else, and its object for out of sight since a frame."""
        if track.object and self.number is None:
            gone = copy(track)
            gone.last, gone.leaving = since, False
            self.holders[track.object] = gone

    def admit(self, track: Track, frame: int) -> int:
        """Return the object that a track is from now on; 0 where all are known and in sight."""
        if self.number is not None and self._given >= self.number:
            found = self._of_known(track, frame)
        else:
            found = self._returned(track, frame)
            if not found:
                self._given += 1
                found = next(self._ids)
        if found:
            before = self.holders.get(found)
            if before is not None:
                before.object = 0
            self._free.discard(found)
            track.object = found
            self.holders[found] = track
        return found

    def exchange(self, one: Track, other: Track, frame: int, odds: float) -> None:
        """Let two tracks have each other's object, where looks say by so much that they erred."""
        one.object, other.object = other.object, one.object
        for track in (one, other):
            self.holders[track.object] = track
            self.reunions.append((frame, track.object, 1 / (1 + math.exp(-odds))))

    def _returned(self, track: Track, frame: int) -> int:
        """The object out of sight that a track is likely to be; 0 for none."""
        best, least = 0, _ODDS
        for number, holder in self.holders.items():
            gap = track.first - holder.last
            if (
                holder.leaving
                or holder.last == frame
                or gap < -_OVERLAP
                or gap > _GONE * self._rate
            ):
                continue
            odds = self._odds(holder, track, max(0, gap))
            if odds > least:
                best, least = number, odds
        if best:
            self.reunions.append((frame, best, 1 / (1 + math.exp(-least))))
        return best

    def _odds(self, holder: Track, track: Track, gap: int) -> float:
        """Log-odds that a track goes on where another ended, by place, size and looks."""
        if abs(math.log(track.size / holder.size)) > _ALIKE:
            return -math.inf
        # Nobody is known to go straight on for longer than a second.
        expected = holder.place + holder.velocity * min(gap, self._rate)
        reach = holder.size * (_NEAR + _FARTHER * gap / self._rate)
        far = float(np.hypot(*(track.start - expected))) / reach
        return 2.0 - 2.0 * far * far + self.appearance.odds(holder.colours, track.colours)

    def expects(self, track: Track, frame: int) -> bool:
        """Whether a track begins where one of a known number was just seen last, and as large."""
        if not self.full:
            return False
        found = self._of_known(track, frame)
        if not found:
            return False
        holder = self.holders[found]
        gap = track.first - holder.last
        reach = holder.size * (_NEAR + _FARTHER * max(0, gap) / self._rate)
        return gap <= self._rate and float(np.hypot(*(track.start - holder.place))) <= reach

    def _of_known(self, track: Track, frame: int) -> int:
        """Of a known number of objects the nearest that is out of sight and about as large."""

        def cost(number: int) -> float:
            holder = self.holders[number]
            far = float(np.hypot(*(track.start - holder.place))) / holder.size
            return far + 2 * abs(math.log(track.size / holder.size))

        free = [
            number
            for number, holder in self.holders.items()
            if number not in self._free
            and holder.last < frame
            and abs(math.log(track.size / holder.size)) <= _OF_A_SIZE
        ]
        # One whose track was a part of another has been nowhere yet.
        return min(free, key=cost, default=0) or min(self._free, default=0)

    def learn(self, seen: list[Track], frame: int) -> None:
        """Learn what looks say from tracks seen in a frame: each is one, and any two are two."""
        if frame % _EVERY:
            return
        known = [track for track in seen if track.object and track.part_of is None]
        for track in known:
            if track.before is None or frame - track.before[0] >= _AGES * self._rate:
                if track.before is not None:
                    self.appearance.learn(track.before[1], track.colours, same=True)
                track.before = frame, track.colours.copy()
        for one, other in itertools.pairwise(known):
            self.appearance.learn(one.colours, other.colours, same=False)

    def forget(self, alive: dict[int, Track]) -> None:
        """Let go of those who are not coming back; of a known number, nobody."""
        if self.number is None:
            self.holders = {n: one for n, one in self.holders.items() if one.id in alive}
