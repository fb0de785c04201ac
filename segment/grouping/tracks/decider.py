"""Which tracks are objects: evidence over time decides, and candidates wait without an id."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.grouping.pieces import Box
from segment.grouping.regions import Floats
from segment.grouping.tracks.crossing import Crossings
from segment.grouping.tracks.roster import Roster
from segment.grouping.tracks.track import Sighting, Track
from segment.grouping.usual import Usual

__all__ = ["Decider", "Evidence"]

_MOST = 300  # tracks of a frame, the largest, that are compared with each other


@dataclass(frozen=True)
class Evidence:
    """How much of it is wanted. Seconds are taken by the rate of the sequence.

    Chosen on frames 1 to 400 of vtest and on drawn crowds.
    """

    life: float = 0.4  # seconds for which an object has been seen
    frames: int = 4  # and at least so many frames
    moved: float = 0.5  # of its own size: how far it has been from where it started
    purpose: float = 1.0  # square of how far its edges went, by that of steps at random
    far: float = 4.0  # of its own sizes: who has gone so far,
    apart: float = 1.5  # and been alone for so many seconds, is somebody, however small
    inside: float = 0.5  # share of its box in a larger one's from which one lies on the other
    part: float = 0.5  # seconds more on another than not, after which it is a part of that
    known: float = 2.0  # and if it is an object by itself
    near: float = 0.15  # of the usual size: how far parts of one are from each other
    unlike: float = -8.0  # log-odds of looks below which it has become something else
    forget: float = 10.0  # seconds after which who is not seen is forgotten
    largest: float = math.inf  # pixels: what is larger is no object, as a change of light


class Decider:
    """Tells objects from scraps, flutter and parts of others, by what becomes of them.

    Feed it what is seen in every frame (`take`); ask it what the ids of a grouper are (`names`),
    at once or some frames later, when more is known. Ids of objects begin at 1, in the order in
    which they are decided, and are never given twice.

    Parameters
    ----------
    height, width : of the pictures, pixels.
    rate : frames a second.
    evidence : how much of it is wanted.
    number : how many objects there are, None where nobody knows; then there are never more.
    ids : numbers for new objects; from 1 unless others take from them, too.
    """

    def __init__(
        self,
        height: int,
        width: int,
        rate: float,
        evidence: Evidence | None = None,
        number: int | None = None,
        ids: Iterator[int] | None = None,
    ) -> None:
        self.height, self.width = height, width
        self.evidence = evidence or Evidence()
        self.usual = Usual(height)
        self.tracks: dict[int, Track] = {}
        self.frame = -1
        self._rate = min(max(rate, 1.0), 120.0)
        self.roster = Roster(self._rate, number, ids)
        self._life = self._frames(self.evidence.life, self.evidence.frames)
        self._crossings = Crossings(self.roster.appearance, self._rate)

    def _frames(self, seconds: float, least: int = 1) -> int:
        return max(least, round(seconds * self._rate))

    # --- what is seen -------------------------------------------------------------------

    def take(self, seen: Sequence[Sighting]) -> None:
        """Take in the sightings of the next frame."""
        self.frame += 1
        for one in seen:
            one.frame = self.frame
            track = self.tracks.get(one.id)
            if track is None:
                self.tracks[one.id] = track = Track.of(one, self.frame)
            track.see(one, self.frame, self._life, self._rate, self._is_huge(one))
            since = self._became_another(track, one)
            if since and self.roster.number is None:
                self.roster.renounce(track, self.frame - since)
                track.begin_anew(one, self.frame - since)
        self._relate(seen)
        for one in sorted(seen, key=lambda one: (-one.area, one.id)):
            if one.area <= self.evidence.largest:
                self._weigh(self.tracks[one.id], one)
        here = [(self.tracks[one.id], one) for one in seen]
        for track, met, odds in self._crossings.take(here, self.tracks, self.frame, root):
            self.roster.exchange(track, met, self.frame, odds)
            track.forget_looks()
            met.forget_looks()
        self.roster.learn([track for track, _ in here], self.frame)
        if self.frame % 10 == 9:
            self.usual.fit()
            self._forget()

    def _became_another(self, track: Track, one: Sighting) -> int:
        """For how many frames a track has been something else, by size or looks; 0 if it is not."""
        if track.grown >= self._life:
            return track.grown
        odds = track.looks_other(self._life, self.roster.appearance.odds)
        # What is left to be seen of one who is hidden looks otherwise, too.
        part = self.usual.is_scrap(one.box) or not track.is_whole(one)
        if part or odds > self.evidence.unlike:
            return 0
        return 0 if self._crossings.is_open(track, self.tracks, self.frame) else self._life

    def _is_huge(self, one: Sighting) -> bool:
        """Whether it is far larger than usual, and not just coming in."""
        return self.usual.is_huge(one.box) and not self._at_border(one.box)

    def _relate(self, seen: Sequence[Sighting]) -> None:
        """Count who lies on whom, or goes along beside as a part of it."""
        wanted = self.evidence
        seen = sorted(seen, key=lambda one: (-one.area, one.id))[:_MOST]
        if not seen:
            return
        boxes = np.array([one.box for one in seen], np.float64)
        tracks = [self.tracks[one.id] for one in seen]
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        begin = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
        end = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        common = np.clip(end - begin, 0, None)
        apart = np.clip(begin - end, 0, None)
        gap = np.hypot(apart[..., 0], apart[..., 1])
        larger = area[None, :] > area[:, None]
        on = common.prod(2) >= wanted.inside * area[:, None]
        size = np.sqrt(area)
        beside = self._beside(boxes, gap, common)
        close = larger & (on | beside | self._with(tracks, gap, size))
        # What has become something else by now holds nobody.
        close &= ~np.array([track.grown > 0 for track in tracks])[None, :]
        near = (gap < 0.5 * size[None, :]) & (area[None, :] > 2 * area[:, None])
        beside_it = (gap <= wanted.near * size[None, :]) & (area[None, :] > 0.3 * area[:, None])
        pace = np.array([track.velocity for track in tracks])
        alike = np.abs(pace[:, None] - pace[None, :]).max(2) < 0.03 * size[None, :]
        beside_it &= alike & ~np.eye(len(tracks), dtype=bool)
        for i, track in enumerate(tracks):
            track.touched = bool(beside_it[i].any())
            if not near[i].any():
                track.apart += 1
            hosts = {seen[j].id: True for j in np.flatnonzero(close[i]).tolist()}
            hosts.update({h: False for h in track.hosts if h not in hosts and h in self.tracks})
            spare = not track.object and self.roster.full
            long = track.object or not (on[i] | beside[i]).any()
            need = self._frames(wanted.known if long and not spare else wanted.part, 4)
            for other, whether in hosts.items():
                host = self.tracks[other]
                if host.last != self.frame and root(host).object:
                    continue  # an object out of sight: its part keeps its id
                balance = track.lean_on(other, whether, need + 4)
                if not balance:
                    del track.hosts[other]
            self._attach(track, need)

    def _with(self, tracks: list[Track], gap: Floats, size: Floats) -> NDArray[np.bool_]:
        """Whether the row's touches the column's and goes along, where sizes say nothing.

        What moves as one for long is one. Of a known number, all in sight, what touches one of
        them is a part of it.
        """
        touches = gap <= self.evidence.near * size[None, :]
        spare = np.array([self.roster.full and not track.object for track in tracks])
        goes = np.array([float(np.hypot(*track.velocity)) for track in tracks]) > 0.02 * size
        along = touches & goes[:, None] & goes[None, :]
        if self.usual.known:
            along[:] = False
        found: NDArray[np.bool_] = along | (touches & spare[:, None] & ~spare[None, :])
        return found

    def _beside(self, boxes: Floats, gap: Floats, common: Floats) -> NDArray[np.bool_]:
        """Whether the row's is a scrap, and beside the column's together no more than usual."""
        beside: NDArray[np.bool_] = np.zeros(gap.shape, np.bool_)
        usual = self.usual
        if not usual.known:
            return beside
        size = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))
        wide = boxes[:, 3] - boxes[:, 1]
        for i in np.flatnonzero([usual.is_scrap(_box(box)) for box in boxes]).tolist():
            for j in np.flatnonzero(gap[i] <= self.evidence.near * size).tolist():
                whole = np.append(
                    np.minimum(boxes[i, :2], boxes[j, :2]), np.maximum(boxes[i, 2:], boxes[j, 2:])
                )
                # The parts of what stands are above each other.
                over = common[i, j, 1] >= 0.5 * min(wide[i], wide[j])
                beside[i, j] = usual.may_be_one(_box(whole)) and (over or not usual.upright)
        return beside

    def _attach(self, track: Track, need: int) -> None:
        """Make a track a part of the one that it leans on, or let it go again."""
        host = track.part_of
        if host is not None and not track.hosts.get(host.id, 0.0):
            track.part_of = None
        if track.part_of is None and track.hosts:
            other = max(track.hosts, key=lambda number: (track.hosts[number], -number))
            host = self.tracks[other]
            if track.hosts[other] >= need and root(host) is not track:
                track.part_of = host
                self.roster.release(track)

    def _weigh(self, track: Track, one: Sighting) -> None:
        """See whether a candidate is an object by now, and learn from it what is usual."""
        scrap = self.usual.is_scrap(one.box)
        track.leaving = self._at_border(one.box)
        track.small += max(0.05, 1.0 / track.seen) * (scrap - track.small)
        # Who goes along with nobody is whole: halves do.
        alone = track.part_of is None and not track.touched
        if track.moved >= 1.0 and alone and not self._at_border(one.box):
            self.usual.add(one.box, track.id)
        if track.object or track.part_of is not None:
            return
        if self._is_object(track) or self.roster.expects(track, self.frame):
            self.roster.admit(track, self.frame)

    def _is_object(self, track: Track) -> bool:
        wanted = self.evidence
        if track.seen < self._life or track.moved < wanted.moved:
            return False
        if track.purpose < wanted.purpose:
            return False
        return track.small < 0.5 or self._is_somebody(track)

    def _is_somebody(self, track: Track) -> bool:
        """Whether it has gone far enough alone to be somebody, however small."""
        wanted = self.evidence
        return track.moved >= wanted.far and track.apart >= max(
            self._frames(wanted.apart), 0.8 * track.seen
        )

    def _forget(self) -> None:
        old = self.frame - self._frames(self.evidence.forget)
        self.tracks = {number: track for number, track in self.tracks.items() if track.last >= old}
        self.roster.forget(self.tracks)
        self._crossings.forget(self.tracks)
        for track in self.tracks.values():
            track.hosts = {h: b for h, b in track.hosts.items() if h in self.tracks}
            if track.part_of is not None and track.part_of.id not in self.tracks:
                track.part_of = None

    def _at_border(self, box: Box) -> bool:
        return box[0] <= 0 or box[1] <= 0 or box[2] >= self.height or box[3] >= self.width

    # --- what it is ---------------------------------------------------------------------

    def names(self, seen: Sequence[Sighting]) -> dict[int, int]:
        """Return the object of every id seen in a frame, by what is known now; 0 for none."""
        members: dict[Track, list[Sighting]] = {}
        found = dict.fromkeys((one.id for one in seen), 0)
        for one in seen:
            track = self.tracks.get(one.id)
            if track is None:
                continue
            whole = root(track)
            number = whole.object_at(one.frame)
            if number != whole.object:
                found[one.id] = number  # it is something else by now, and was this
            elif number:
                members.setdefault(whole, []).append(one)
        for whole, parts in members.items():
            if sum(one.area for one in parts) > self.evidence.largest:
                continue
            if any(
                one.id == whole.id and self._is_huge(one) and whole.is_another(one, True)
                for one in parts
            ):
                continue
            boxes = np.array([one.box for one in parts])
            around = np.append(boxes[:, :2].min(0), boxes[:, 2:].max(0))
            if not self.usual.is_scrap(_box(around)) or self._is_somebody(whole):
                found.update({one.id: whole.object for one in parts})
        return found


def _box(around: NDArray[Any]) -> Box:
    top, left, bottom, right = around.tolist()
    return top, left, bottom, right


def root(track: Track) -> Track:
    """Return the track of which one is a part, maybe of a part; itself if it is nobody's."""
    seen = {track}
    while track.part_of is not None and track.part_of not in seen:
        track = track.part_of
        seen.add(track)
    return track
