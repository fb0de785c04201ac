"""Zones and lines in the picture: named, checked once, asked about points."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

Point = tuple[float, float]
"""Column and row, pixels; (0, 0) is the middle of the upper left pixel."""

_MOST_POINTS = 1000
_FARTHEST = 1e6  # pixels; no camera has as many, a slip of the hand has


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon with a name; its outline does not cross itself.

    Attributes
    ----------
    name : what events and files call it.
    points : three corners or more, (column, row) in pixels, in order; the last joins the first.

    Raises ValueError for fewer corners, numbers that are none, and outlines that cross themselves.
    """

    name: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        points = _checked("zone", self.name, self.points)
        if len(points) > 1 and points[0] == points[-1]:  # closed, as GeoJSON writes it
            points = points[:-1]
        points = tuple(p for i, p in enumerate(points) if p != points[i - 1])
        object.__setattr__(self, "points", points)
        if len(points) < 3:
            raise ValueError(
                f"the zone {self.name!r} has {len(points)} different points; "
                "wanted a polygon of 3 or more: 'gate: 10,200 300,200 300,400'"
            )
        crossing = _first_crossing(points)
        if crossing is not None:
            a, b = crossing
            raise ValueError(
                f"the outline of the zone {self.name!r} crosses itself: the side from point "
                f"{a + 1} meets the side from point {b + 1}; give its corners in order"
            )
        if abs(self.area) < 1:
            raise ValueError(
                f"the zone {self.name!r} covers {abs(self.area):.2g} pixels; wanted 1 or more"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name: x,y x,y x,y ...`. Raises ValueError."""
        return cls(*_parsed("zone", text))

    @property
    def area(self) -> float:
        """Pixels that the polygon covers; negative when its corners run against the clock."""
        twice = 0.0
        for (x0, y0), (x1, y1) in pairwise([*self.points, self.points[0]]):
            twice += x0 * y1 - x1 * y0
        return twice / 2

    @property
    def centre(self) -> Point:
        """Middle of its corners, for a label."""
        return _middle(self.points)

    def contains(self, x: float, y: float) -> bool:
        """Whether the point (column, row) lies inside."""
        inside = False
        x0, y0 = self.points[-1]
        for x1, y1 in self.points:
            if (y1 > y) != (y0 > y) and x < (x0 - x1) * (y - y1) / (y0 - y1) + x1:
                inside = not inside
            x0, y0 = x1, y1
        return inside

    def scaled(self, factor: float) -> "Zone":
        """The same zone in a picture that is `factor` times as large."""
        return replace(self, points=_times(self.points, factor))


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line with a name and two ends.

    Attributes
    ----------
    name : what events and files call it.
    points : its two ends, (column, row) in pixels.

    Who crosses it goes "down" or "up" where the line lies rather level in the picture, and
    "right" or "left" where it stands rather upright. Raises ValueError.
    """

    name: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        points = _checked("line", self.name, self.points)
        object.__setattr__(self, "points", points)
        if len(points) != 2 or points[0] == points[1]:
            raise ValueError(
                f"the line {self.name!r} has {len(set(points))} different points; "
                "wanted its two ends: 'road: 0,100 640,120'"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name: x,y x,y`. Raises ValueError."""
        return cls(*_parsed("line", text))

    @property
    def centre(self) -> Point:
        """Its middle, for a label."""
        return _middle(self.points)

    @property
    def directions(self) -> tuple[str, str]:
        """The two ways across: towards the negative side of `beside`, and the positive one."""
        (x0, y0), (x1, y1) = self.points
        across = (y0 - y1, x1 - x0)  # points to the positive side
        if abs(across[1]) >= abs(across[0]):
            return ("up", "down") if across[1] > 0 else ("down", "up")
        return ("left", "right") if across[0] > 0 else ("right", "left")

    def beside(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies: its distance from the line (signed, pixels) and how far along.

        Along is 0 at the first end and 1 at the second.
        """
        (x0, y0), (x1, y1) = self.points
        dx, dy = x1 - x0, y1 - y0
        long = math.hypot(dx, dy)
        return (
            (dx * (y - y0) - dy * (x - x0)) / long,
            (dx * (x - x0) + dy * (y - y0)) / long**2,
        )

    def scaled(self, factor: float) -> "Line":
        """The same line in a picture that is `factor` times as large."""
        return replace(self, points=_times(self.points, factor))


def check_places(zones: Sequence[Zone], lines: Sequence[Line]) -> None:
    """Raise ValueError when two of them share a name."""
    seen: set[str] = set()
    places: list[Zone | Line] = [*zones, *lines]
    for place in places:
        if place.name in seen:
            raise ValueError(f"two zones or lines are called {place.name!r}; give each its own")
        seen.add(place.name)


def check_within(place: Zone | Line, size: tuple[int, int]) -> bool:
    """Whether a place lies in a picture of `size` (height, width) as a whole.

    Raises ValueError when no part of it does.
    """
    height, width = size
    columns = [x for x, _ in place.points]
    rows = [y for _, y in place.points]
    if min(columns) > width or max(columns) < 0 or min(rows) > height or max(rows) < 0:
        kind = "zone" if isinstance(place, Zone) else "line"
        raise ValueError(
            f"the {kind} {place.name!r} lies outside the picture: columns {min(columns):g} to "
            f"{max(columns):g}, rows {min(rows):g} to {max(rows):g}, but the frames are "
            f"{width}x{height}"
        )
    return min(columns) >= -1 and max(columns) <= width and min(rows) >= -1 and max(rows) <= height


def _checked(kind: str, name: str, points: Iterable[Sequence[float]]) -> tuple[Point, ...]:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"a {kind} has no name; wanted '{kind}: x,y x,y ...'")
    if any(ord(letter) < 32 for letter in name):
        raise ValueError(f"the name {name!r} of a {kind} holds a control character; leave it out")
    checked = []
    for point in points:
        try:
            x, y = (float(value) for value in point)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"the {kind} {name!r} has a point {point!r}; wanted two numbers, column and row"
            ) from None
        if not (abs(x) <= _FARTHEST and abs(y) <= _FARTHEST):  # neither does NaN pass
            raise ValueError(
                f"the {kind} {name!r} has a point {x:g},{y:g}; wanted pixels of the picture"
            )
        checked.append((x, y))
    if len(checked) > _MOST_POINTS:
        raise ValueError(
            f"the {kind} {name!r} has {len(checked)} points; {_MOST_POINTS} are enough"
        )
    return tuple(checked)


def _parsed(kind: str, text: str) -> tuple[str, tuple[Point, ...]]:
    name, colon, rest = text.rpartition(":")
    words = rest.split()
    example = "gate: 10,200 300,200 300,400" if kind == "zone" else "road: 0,100 640,120"
    if not colon or not name.strip() or not words:
        raise ValueError(f"{text!r} is no {kind}; wanted a name and points: '{example}'")
    points = []
    for word in words:
        try:
            x, y = map(float, word.split(","))
        except ValueError:
            raise ValueError(
                f"the {kind} {name.strip()!r} has a point {word!r}; wanted column,row in pixels, "
                f"as in '{example}'"
            ) from None
        points.append((x, y))
    return name.strip(), tuple(points)


def _first_crossing(points: Sequence[Point]) -> tuple[int, int] | None:
    """The first two sides of a polygon that meet other than at a common corner."""
    count = len(points)
    sides = [(points[i], points[(i + 1) % count]) for i in range(count)]
    for i in range(count):
        for j in range(i + 1, count):
            if j == i + 1 or (i == 0 and j == count - 1):
                # Neighbours share a corner; they must not fold back onto each other.
                shared = sides[i][1] if j == i + 1 else sides[i][0]
                one = sides[i][0] if j == i + 1 else sides[i][1]
                other = sides[j][1] if j == i + 1 else sides[j][0]
                if _turn(one, shared, other) == 0 and (
                    (one[0] - shared[0]) * (other[0] - shared[0])
                    + (one[1] - shared[1]) * (other[1] - shared[1])
                    > 0
                ):
                    return i, j
            elif _meet(*sides[i], *sides[j]):
                return i, j
    return None


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the stretch a-b and the stretch c-d have a point in common."""
    one, two = _turn(a, b, c), _turn(a, b, d)
    three, four = _turn(c, d, a), _turn(c, d, b)
    if one * two < 0 and three * four < 0:
        return True
    return any(
        turn == 0 and _between(p, q, r)
        for turn, p, q, r in ((one, a, b, c), (two, a, b, d), (three, c, d, a), (four, c, d, b))
    )


def _turn(a: Point, b: Point, c: Point) -> float:
    """Positive when a-b-c turns one way, negative for the other, 0 when they lie on a line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, c: Point) -> bool:
    """Whether c, which lies on the line through a and b, lies between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _middle(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _times(points: Sequence[Point], factor: float) -> tuple[Point, ...]:
    return tuple((x * factor, y * factor) for x, y in points)
