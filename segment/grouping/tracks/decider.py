"""Which tracks are objects: evidence over time decides, and candidates wait without an id."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.grouping.pieces import Box
from segment.grouping.regions import Floats
from segment.grouping.tracks.track import Sighting, Track
from segment.grouping.tracks.usual import Usual

__all__ = ["Decider", "Evidence"]


@dataclass(frozen=True)
class Evidence:
    """How much of it is wanted. Seconds are taken by the rate of the sequence.

    Chosen on frames 1 to 400 of vtest and on drawn crowds.
    """

    life: float = 0.4  # seconds for which an object has been seen
    frames: int = 4  # and at least so many frames
    moved: float = 0.5  # of its own size: how far it has been from where it started
    scrap: float = 0.65  # of the usual size there: below, it is a scrap
    far: float = 4.0  # of its own sizes: who has gone so far,
    apart: float = 1.5  # and been alone for so many seconds, is somebody, however small
    inside: float = 0.5  # share of its box in a larger one's from which one lies on the other
    part: float = 0.5  # seconds more on another than not, after which it is a part of that
    known: float = 2.0  # and if it is an object by itself
    near: float = 0.15  # of the usual size: how far parts of one are from each other
    whole: float = 1.2  # of the usual height: two that are no more together may be one
    forget: float = 10.0  # seconds after which who is not seen is forgotten


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
    """

    def __init__(
        self, height: int, width: int, rate: float, evidence: Evidence | None = None
    ) -> None:
        self.height, self.width = height, width
        self.evidence = evidence or Evidence()
        self.usual = Usual(height)
        self.tracks: dict[int, Track] = {}
        self.frame = -1
        self._objects = 0
        self._rate = min(max(rate, 1.0), 120.0)
        self._life = self._frames(self.evidence.life, self.evidence.frames)

    def _frames(self, seconds: float, least: int = 1) -> int:
        return max(least, round(seconds * self._rate))

    # --- what is seen -------------------------------------------------------------------

    def take(self, seen: Sequence[Sighting]) -> None:
        """Take in the sightings of the next frame."""
        self.frame += 1
        for one in seen:
            track = self.tracks.get(one.id)
            if track is None:
                self.tracks[one.id] = track = Track.of(one, self.frame)
            track.see(one, self.frame, self._life)
        self._relate(seen)
        for one in seen:
            self._weigh(self.tracks[one.id], one)
        if self.frame % 10 == 9:
            self.usual.fit()
            self._forget()

    def _relate(self, seen: Sequence[Sighting]) -> None:
        """Count who lies on whom, or goes along beside as a part of it."""
        wanted = self.evidence
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
        beside = self._beside(seen, boxes, gap, common)
        close = larger & (on | beside)
        near = (gap < 0.5 * size[None, :]) & (area[None, :] > 2 * area[:, None])
        for i, track in enumerate(tracks):
            if not near[i].any():
                track.apart += 1
            hosts = {seen[j].id: True for j in np.flatnonzero(close[i]).tolist()}
            hosts.update({h: False for h in track.hosts if h not in hosts and h in self.tracks})
            need = self._frames(wanted.known if track.object else wanted.part, 4)
            for other, whether in hosts.items():
                if self.tracks[other].last != self.frame:
                    continue
                balance = track.lean_on(other, whether, need + 4)
                if not balance:
                    del track.hosts[other]
            self._attach(track, need)

    def _beside(
        self, seen: Sequence[Sighting], boxes: Floats, gap: Floats, common: Floats
    ) -> NDArray[np.bool_]:
        """Whether the row's is a scrap, and beside the column's together no more than usual."""
        none: NDArray[np.bool_] = np.zeros(gap.shape, np.bool_)
        if not self.usual.known:
            return none
        wanted = self.evidence
        ratio = np.array([self._ratio(one.box) for one in seen])
        usual = (boxes[:, 2] - boxes[:, 0]) / ratio
        top = np.minimum(boxes[:, None, 0], boxes[None, :, 0])
        bottom = np.maximum(boxes[:, None, 2], boxes[None, :, 2])
        lower = np.where(boxes[:, None, 2] >= boxes[None, :, 2], usual[:, None], usual[None, :])
        wide = boxes[:, 3] - boxes[:, 1]
        over = common[..., 1] >= 0.5 * np.minimum(wide[:, None], wide[None, :])
        fits = bottom - top <= wanted.whole * lower
        scrap = (ratio < wanted.scrap)[:, None]
        together: NDArray[np.bool_] = scrap & over & fits & (gap <= wanted.near * lower)
        return together

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

    def _weigh(self, track: Track, one: Sighting) -> None:
        """See whether a candidate is an object by now, and learn from it what is usual."""
        scrap = self._ratio(one.box) < self.evidence.scrap
        track.small += max(0.05, 1.0 / track.seen) * (scrap - track.small)
        if track.moved >= 1.0 and track.part_of is None and not self._at_border(one.box):
            self.usual.add(one.box[2], one.height, track.id)
        if not track.object and self._is_object(track):
            self._objects += 1
            track.object = self._objects

    def _is_object(self, track: Track) -> bool:
        wanted = self.evidence
        if track.part_of is not None or track.seen < self._life or track.moved < wanted.moved:
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
        for track in self.tracks.values():
            track.hosts = {h: b for h, b in track.hosts.items() if h in self.tracks}
            if track.part_of is not None and track.part_of.id not in self.tracks:
                track.part_of = None

    def _at_border(self, box: Box) -> bool:
        return box[0] <= 0 or box[1] <= 0 or box[2] >= self.height or box[3] >= self.width

    def _ratio(self, box: Box) -> float:
        return self.usual.ratio(box[2], box[2] - box[0])

    # --- what it is ---------------------------------------------------------------------

    def names(self, seen: Sequence[Sighting]) -> dict[int, int]:
        """Return the object of every id seen in a frame, by what is known now; 0 for none."""
        members: dict[Track, list[Sighting]] = {}
        for one in seen:
            track = self.tracks.get(one.id)
            if track is not None and root(track).object:
                members.setdefault(root(track), []).append(one)
        found = dict.fromkeys((one.id for one in seen), 0)
        for whole, parts in members.items():
            boxes = np.array([one.box for one in parts])
            top, left = boxes[:, :2].min(0).tolist()
            bottom, right = boxes[:, 2:].max(0).tolist()
            scrap = self._ratio((top, left, bottom, right)) < self.evidence.scrap
            if not scrap or self._is_somebody(whole):
                found.update({one.id: whole.object for one in parts})
        return found


def root(track: Track) -> Track:
    """Return the track of which one is a part, maybe of a part; itself if it is nobody's."""
    seen = {track}
    while track.part_of is not None and track.part_of not in seen:
        track = track.part_of
        seen.add(track)
    return track
