"""Who is who after a crossing: the looks of those who met, before and after."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from segment.grouping.regions import Floats
from segment.grouping.tracks.appearance import Appearance
from segment.grouping.tracks.track import Sighting, Track

__all__ = ["Crossings"]

_NEAR = 0.3  # of the larger one's size: who is so near has met
_COUNTS = 0.3  # of its area: what is smaller hides nobody
_AFTER = 0.5  # seconds alone after a crossing, before it is asked who is who
_FRAMES = 4  # and at least so many frames
_RECENT = 1.0  # seconds for which those met are passed on to whoever is met next
_LONGEST = 10.0  # seconds for which a crossing is remembered
_SURE = 6.0  # log-odds by which looks must contradict where two went before they are exchanged
_SHARE, _HALF = 0.1, 0.5  # of a frame, and of what came after a crossing, in what is remembered
_OTHER_SIZE = 0.5  # difference of the logarithm of areas from which it is not the same that is seen


@dataclass(slots=True)
class _Looks:
    """Colours, of a sum of 1, and area of one, as means of so many frames."""

    colours: Floats
    area: float
    frames: int = 1

    def see(self, one: "_Looks", least: float) -> None:
        """Take in another's frames, which count by at least so much."""
        self.frames += one.frames
        share = max(least, one.frames / self.frames)
        self.colours = self.colours + share * (one.colours - self.colours)
        self.area += share * (one.area - self.area)


@dataclass(slots=True)
class _Face:
    """Looks of one while nobody was near, those since, and whom it met, and when."""

    before: _Looks | None = None
    after: _Looks | None = None
    met: dict[int, int] = field(default_factory=dict)

    @property
    def settled(self) -> int:
        """Frames alone since it met somebody."""
        return 0 if self.after is None else self.after.frames


class Crossings:
    """Tells, some frames after two came apart, whether their tracks went on as each other.

    Where two share a piece of foreground, or one hides the other, motion and templates may err.
    Looks are remembered from when somebody was alone; once both are alone again, they are
    compared with both. One of them may be new and have no past. Who is out of sight is left out:
    with these more was spoiled than mended on vtest.

    Parameters
    ----------
    appearance : says how likely two looks are one's.
    rate : frames a second.
    """

    def __init__(self, appearance: Appearance, rate: float) -> None:
        self._odds = appearance.odds
        self._faces: dict[int, _Face] = {}
        self._after = max(_FRAMES, round(_AFTER * rate))
        self._recent = round(_RECENT * rate)
        self._longest = round(_LONGEST * rate)

    def take(
        self,
        seen: list[tuple[Track, Sighting]],
        known: dict[int, Track],
        frame: int,
        whole: Callable[[Track], Track],
    ) -> Iterator[tuple[Track, Track, float]]:
        """Take in a frame; give those whose objects are to be exchanged, and the log-odds for it.

        seen : tracks and what is seen of them; known : all by their ids; whole : of what one is a
        part. Whoever takes the pairs must exchange their objects before the next one is asked for.
        """
        self._meet(seen, frame, whole)
        for track, _ in seen:
            face = self._faces.get(track.id)
            if face is None or face.settled < self._after or face.after is None:
                continue
            for number in list(face.met):
                other, theirs = known.get(number), self._faces.get(number)
                if other is None or theirs is None or frame - face.met[number] > self._longest:
                    del face.met[number]
                    continue
                here = other.last == frame and theirs.settled >= self._after
                if not here or not track.object or not other.object:
                    continue
                del face.met[number]
                theirs.met.pop(track.id, None)
                gain = self._contradiction(face, theirs)
                if gain > _SURE:
                    face.before, theirs.before = theirs.before, face.before
                    yield track, other, gain
            if not face.met:
                if face.before is None:
                    face.before = face.after
                else:
                    face.before.see(face.after, _HALF)
                face.after = None

    def _contradiction(self, one: _Face, other: _Face) -> float:
        """Log-odds that two were exchanged, against that they were not."""
        now = [face.after for face in (one, other) if face.after is not None]
        pasts = [face.before for face in (one, other) if face.before is not None]
        pasts = [past for past in pasts if past.frames >= _FRAMES]
        # Who is seen in part, or was seen as two, has other colours.
        for looks, others in ((now, pasts), (pasts, now)):
            if not all(any(_of_a_size(look, past) for past in others) for look in looks):
                return 0.0
        gain = 0.0
        for past in pasts:
            for look in now:
                odds = self._odds(past.colours, look.colours)
                if (past is one.before) == (look is one.after):
                    gain -= odds
                elif odds > 0:
                    gain += odds
                else:
                    return 0.0  # neither way is right: somebody else was there
        return gain

    def _meet(
        self,
        seen: list[tuple[Track, Sighting]],
        frame: int,
        whole: Callable[[Track], Track],
    ) -> None:
        """See who is near whom, and remember the looks of who is alone."""
        if not seen:
            return
        boxes = np.array([one.box for _, one in seen], np.float64)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        apart = np.maximum(boxes[:, None, :2], boxes[None, :, :2]) - np.minimum(
            boxes[:, None, 2:], boxes[None, :, 2:]
        )
        gap = np.hypot(*np.clip(apart, 0, None).transpose(2, 0, 1))
        near = gap <= _NEAR * np.sqrt(np.maximum(area[:, None], area[None, :]))
        near &= area[None, :] > _COUNTS * area[:, None]
        roots = [whole(track) for track, _ in seen]
        for i, (track, one) in enumerate(seen):
            if roots[i] is not track:
                self._faces.pop(track.id, None)
                continue
            face = self._faces.setdefault(track.id, _Face())
            others = {roots[j].id for j in np.flatnonzero(near[i]) if roots[j] is not track}
            if others:
                self._share(track.id, others, frame)
                face.after = None
                continue
            look = _Looks(one.colours / max(1.0, float(one.colours.sum())), float(one.area))
            if face.met and face.after is not None:
                face.after.see(look, 0.0)
            elif face.met:
                face.after = look
            elif face.before is not None:
                face.before.see(look, _SHARE)
            else:
                face.before = look

    def _share(self, number: int, others: set[int], frame: int) -> None:
        """Note that one met others, and whoever they, and it, have just met."""
        new = others - self._faces[number].met.keys()
        self._faces[number].met.update(dict.fromkeys(others, frame))
        if not new:
            return
        crowd = {number}
        for one in (number, *others):
            crowd.add(one)
            if one in self._faces:
                met = self._faces[one].met.items()
                crowd.update(other for other, at in met if frame - at <= self._recent)
        for one in crowd:
            for other in crowd - {one} if one in self._faces else ():
                self._faces[one].met.setdefault(other, frame)

    def is_open(self, track: Track, known: dict[int, Track], frame: int) -> bool:
        """Whether it looks like one of those whom it has met, so that it will be exchanged."""
        face = self._faces.get(track.id)
        for number in () if face is None else face.met:
            theirs = self._faces.get(number)
            here = number in known and known[number].last >= frame - self._recent
            if (
                here
                and theirs is not None
                and theirs.before is not None
                and self._odds(theirs.before.colours, track.looks[-1]) > 0
            ):
                return True
        return False

    def forget(self, known: dict[int, Track]) -> None:
        """Let go of those who are not remembered elsewhere."""
        self._faces = {number: face for number, face in self._faces.items() if number in known}


def _of_a_size(one: _Looks, other: _Looks) -> bool:
    return abs(math.log(one.area / other.area)) < _OTHER_SIZE
