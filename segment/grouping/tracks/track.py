"""One track: what a grouper has followed under one id, and what speaks for its being an object."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from segment.grouping.pieces import Box
from segment.grouping.regions import Floats

__all__ = ["Sighting", "Track"]

_SMOOTH = 0.2  # share of a frame in what is remembered of place, size and motion
_GROWING = 0.5  # what the middle moves counts by so much: who comes nearer grows, too
_LOOKS = 0.05  # and of colours
_BLOCKS, _LOOKED = 6, 3  # means of colours that are kept; with those so far back now is compared
_OTHER, _SLOW = 2.5, 0.05  # times its usual side: something else; share of a frame in the usual
_WHOLE = 0.75  # share of its usual side below which it is seen in part
_HUGE = 1.4  # the same of what is also far larger than what is usual in the video
_FORMER = 16  # objects that it was before: frames are held back for seconds only
_MEMORY = 30.0  # seconds after which a step counts by a third: who has stood for long may walk


@dataclass(slots=True)
class Sighting:
    """What is seen of a track in one frame.

    Attributes
    ----------
    id : the grouper's.
    box : first row and column, last row and column + 1.
    area : pixels.
    colours : (B,) histogram of its colours.
    frame : when, as whoever takes it in counts; -1 until then.
    """

    id: int
    box: Box
    area: int
    colours: Floats
    frame: int = -1

    @property
    def height(self) -> int:
        """Rows of the box."""
        return self.box[2] - self.box[0]

    @property
    def width(self) -> int:
        """Columns of the box."""
        return self.box[3] - self.box[1]

    @property
    def side(self) -> float:
        """Side of a square of the box's area, pixels."""
        return float(np.sqrt(self.height * self.width))

    @property
    def middle(self) -> Floats:
        """Middle of the box, (2,)."""
        return np.array([self.box[0] + self.box[2], self.box[1] + self.box[3]]) / 2


@dataclass(slots=True, eq=False)
class Track:
    """What was seen of one id of a grouper.

    Attributes
    ----------
    id : the grouper's; `object` is the one it became, 0 while it is a candidate.
    first, last : frames in which it was seen first and last; `seen`, in how many.
    start : (2,) middle of its box at first, the mean of a few frames.
    place, velocity : (2,) middle of its box now, smoothed, and pixels a frame.
    height, width : of its box, smoothed.
    edges : (4,) its box, smoothed, and `began` (4,), the mean of its first ones.
    steps : sum of the squares of its edges' steps from sighting to sighting, pixels squared; old
        ones fade.
    moved : how far it has been from where it started, in its own sizes: all of it, or its middle
        by twice as much. What flutters grows and shrinks, so that its middle moves, but not all.
    small : share of its frames, smoothed, in which it was a scrap by what is usual there.
    side : of a square of its box's area, as it usually is; what is another thing does not count.
    watched : frames for which `looks` were taken.
    grown : frames in a row in which it was several times as large.
    leaving : whether it was at the border when it was seen last.
    touched : whether it went along with another, not much smaller one, when it was seen last.
    apart : frames in which nothing larger was near.
    hosts : by the id of another track, for how many frames more it lay on that one, or went along
        beside it as a part of it, than not.
    colours : (B,) histogram, smoothed.
    before : a frame some time ago, and its colours then.
    looks : its colours, means of `still` frames each, the last ones.
    part_of : the track whose part it is.
    former : objects that it was until some frames, the last ones, before it became something else.
    """

    id: int
    first: int
    start: Floats
    place: Floats
    height: float
    width: float
    colours: Floats
    last: int = 0
    seen: int = 0
    velocity: Floats = field(default_factory=lambda: np.zeros(2))
    edges: Floats = field(default_factory=lambda: np.zeros(4))
    began: Floats = field(default_factory=lambda: np.zeros(4))
    steps: float = 0.0
    seen_at: Floats | None = None
    moved: float = 0.0
    small: float = 0.0
    side: float = 0.0
    grown: int = 0
    watched: int = 0
    leaving: bool = False
    touched: bool = False
    apart: int = 0
    hosts: dict[int, float] = field(default_factory=dict)
    before: "tuple[int, Floats] | None" = None
    looks: "deque[Floats]" = field(default_factory=lambda: deque(maxlen=_BLOCKS))
    part_of: "Track | None" = None
    object: int = 0
    former: "deque[tuple[int, int]]" = field(default_factory=lambda: deque(maxlen=_FORMER))

    @classmethod
    def of(cls, one: Sighting, frame: int) -> "Track":
        """Begin a track with its first sighting."""
        middle, colours = one.middle, one.colours.astype(np.float64)
        return cls(one.id, frame, middle, middle.copy(), one.height, one.width, colours, last=frame)

    @property
    def size(self) -> float:
        """Side of a square of its box's area, pixels."""
        return float(np.sqrt(max(1.0, self.height * self.width)))

    def see(
        self, one: Sighting, frame: int, still: int, rate: float = 25.0, huge: bool = False
    ) -> None:
        """Take in a sighting; the mean of the first `still` frames is where it started.

        huge : whether it is far larger than what is usual there.
        """
        gap = max(1, frame - self.last)
        self.seen += 1
        middle = one.middle
        box = np.array(one.box, np.float64)
        if self.seen <= still:
            self.began = self.began + (box - self.began) / self.seen
            self.start = self.start + (middle - self.start) / self.seen
        if self.seen_at is not None:
            fade = np.exp(-gap / (_MEMORY * rate))
            self.steps = float(fade * self.steps + ((box - self.seen_at) ** 2).sum())
        self.seen_at = box
        share = max(_SMOOTH, 1.0 / self.seen)
        before = self.place
        self.place = self.place + share * (middle - self.place)
        if self.seen > 1:
            self.velocity = self.velocity + share * ((self.place - before) / gap - self.velocity)
        self.height += share * (one.height - self.height)
        self.width += share * (one.width - self.width)
        self.colours += max(_LOOKS, 1.0 / self.seen) * (one.colours - self.colours)
        self._look(one, still)
        self.edges = self.edges + share * (box - self.edges)
        self.grown = self.grown + 1 if self.is_another(one, huge) else 0
        if not self.grown:
            quick = _SMOOTH if one.side > self.side else _SLOW  # who comes in grows
            self.side += max(quick, 1.0 / self.seen) * (one.side - self.side)
        self.moved = max(self.moved, self._gone() / self.size)
        self.last = frame

    def _look(self, one: Sighting, still: int) -> None:
        """Take a sighting's colours into the mean of these frames, or begin the next one."""
        count = self.watched % still
        colours = one.colours / max(1.0, float(one.colours.sum()))
        if not count:
            self.looks.append(colours)
        else:
            self.looks[-1] = self.looks[-1] + (colours - self.looks[-1]) / (count + 1)
        self.watched += 1

    def is_whole(self, one: Sighting) -> bool:
        """Whether a sighting is about as large as it usually is, by now."""
        return one.side > _WHOLE * self.side

    def looks_other(self, still: int, odds: "Callable[[Floats, Floats], float]") -> float:
        """Log-odds that it is the same by its looks as some time ago; 0 while nobody can say.

        odds : of two histograms. What has changed is unlike all that it was for a while: one who
        comes out from behind something was like this before.
        """
        if self.watched % still or len(self.looks) < _LOOKED:
            return 0.0
        *before, then, _, now = self.looks
        if max((odds(one, now) for one in before), default=-1.0) > 0:
            return 0.0
        return odds(then, now)

    def is_another(self, one: Sighting, huge: bool) -> bool:
        """Whether a sighting is so much larger than usual that it is not, or not only, this one."""
        return one.side > (_HUGE if huge else _OTHER) * self.side > 0

    def object_at(self, frame: int) -> int:
        """Return the object that it was in a frame, by what is known now."""
        return next((number for until, number in self.former if frame < until), self.object)

    def begin_anew(self, one: Sighting, since: int) -> None:
        """Forget what spoke for its being an object: since a frame it is something else."""
        if self.object:
            self.former.append((since, self.object))
        self.object, self.grown, self.side = 0, 0, one.side
        self.moved, self.steps, self.seen = 0.0, 0.0, 1
        self.began = np.array(one.box, np.float64)
        self.edges, self.start, self.place = self.began.copy(), one.middle, one.middle
        self.height, self.width = one.height, one.width
        self.colours = one.colours.astype(np.float64)
        self.forget_looks()

    def forget_looks(self) -> None:
        """Begin to compare looks anew: whose they are, has changed."""
        self.looks.clear()
        self.watched = 0

    @property
    def purpose(self) -> float:
        """How far its edges are from where they began, by what steps at random would bring: 1.

        The square of the sum of N steps that know nothing of each other is N steps' squares in
        the mean. Who goes somewhere exceeds it the more, the longer he goes; what flutters falls
        behind, for each step takes back what the last one brought.
        """
        return float(((self.edges - self.began) ** 2).sum() / max(1e-9, self.steps))

    def _gone(self) -> float:
        """How far it is from where it started, pixels."""
        off = (self.edges - self.began).reshape(2, 2)
        together = np.where(off[0] * off[1] > 0, np.abs(off).min(0), 0.0)
        middle = float(np.abs(self.place - self.start).max())
        return max(float(together.max()), _GROWING * middle)

    def lean_on(self, other: int, whether: bool, most: float) -> float:
        """Count a frame for or against being another's part; return the balance."""
        balance = self.hosts.get(other, 0.0) + (1.0 if whether else -1.0)
        self.hosts[other] = balance = float(np.clip(balance, 0.0, most))
        return balance
