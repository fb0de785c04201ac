"""Where in a short time each group of tubes goes: an energy, and annealing that makes it small.

Groups move in steps of time. Energy is the sum of three terms:

    collision   for each two groups, the cells of the picture that both cover at one moment, as a
                share of what a group covers in the mean
    order       for each two groups, whether the one that began first comes second, by the number
                of the others
    place       of each group, the square of how far it lies from where it would be if all of the
                time were shown faster, as a share of the length: light and shadows fit there

No term asks that groups be shown: all of them are. One that is longer than the whole length goes
by faster, by as much as is needed.

Minimised by heat-bath annealing, which is Gibbs sampling while the temperature falls: for one
group after the other, the energy of all its places is computed at once, and one is drawn by
Boltzmann's weights; at the end each takes its best until none moves.

Source: Pritch, Rav-Acha and Peleg, Nonchronological video synopsis and indexing, IEEE PAMI 30(11),
2008, for tubes and the kinds of terms; Geman and Geman, IEEE PAMI 6(6), 1984, for the sampling.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrangement", "Shape", "arrange"]

_COLLISION, _ORDER, _PLACE = 4.0, 0.15, 0.3
_HOT, _COLD = 0.5, 0.01  # temperatures
_SWEEPS = 24
_LAST = 12  # sweeps at temperature 0, at the most
_AT_ONCE = 1 << 22  # numbers that are looked up together, which bounds the memory
_WORK = 3e9  # and in all, which bounds the time: of thousands of groups there are fewer sweeps

Ints = NDArray[np.int64]


class Shape(NamedTuple):
    """A tube as the arrangement sees it.

    start, end : seconds in the input.
    when, where : (N,) step of time since its start, and number of a cell that it covers then.
    """

    start: float
    end: float
    when: Ints
    where: Ints


class Arrangement(NamedTuple):
    """Where each group goes: the second of its beginning, and how many times as fast it runs."""

    length: float
    moves: list[float]
    speeds: list[float]


class _Group(NamedTuple):
    begin: float  # seconds since the input's start
    steps: int
    covers: Ints  # step * cells + cell, each once


def arrange(
    groups: Sequence[tuple[float, Sequence[Shape]]],
    *,
    cells: int,
    length: float,
    step: float,
    start: float,
    span: float,
    seed: int = 0,
) -> Arrangement:
    """Find a place in time for each group.

    groups : (second when it began, its tubes), in the order they began.
    cells : of the picture; length : seconds that there are; step : seconds of a step; start, span :
        of the input, seconds.
    """
    lasts = [max(shape.end for shape in tubes) - begin + step for begin, tubes in groups]
    length = max(step, min(length, sum(lasts) if lasts else 1.0))
    speeds = [max(1.0, last / length) for last in lasts]
    total = max(1, int(np.ceil(length / step - 1e-9)))
    shapes = [
        _gathered(begin - start, tubes, speed, cells, total, step)
        for (begin, tubes), speed in zip(groups, speeds, strict=True)
    ]
    places = _anneal(shapes, cells, total, span, np.random.default_rng(seed)) if shapes else []
    moves = [
        min(place * step, max(0.0, length - last / speed))
        for place, last, speed in zip(places, lasts, speeds, strict=True)
    ]
    return Arrangement(length, moves, speeds)


def _gathered(
    begin: float, tubes: Sequence[Shape], speed: float, cells: int, total: int, step: float
) -> _Group:
    first = min(tube.start for tube in tubes)
    parts = []
    for tube in tubes:
        when = np.floor(((tube.start - first) / step + tube.when) / speed).astype(np.int64)
        parts.append(np.minimum(when, total - 1) * cells + tube.where)
    index = np.unique(np.concatenate(parts))
    steps = int(index[-1] // cells) + 1 if index.size else 1
    return _Group(begin, min(total, steps), index)


class _Timeline:
    """How many groups cover each cell at each step, and what a place would cost."""

    def __init__(self, groups: list[_Group], cells: int, total: int, span: float) -> None:
        self._groups, self._cells, self._total = groups, cells, total
        self._counts = np.zeros(total * cells, np.int16)
        self._mean = max(1.0, float(np.mean([group.covers.size for group in groups])))
        self.places = np.full(len(groups), -1, np.int64)
        self._wanted = [group.begin / max(span, 1e-9) * (total - group.steps) for group in groups]

    def put(self, n: int, place: int, sign: int = 1) -> None:
        """Lay group n at a place, or take it away."""
        self._counts[self._groups[n].covers + place * self._cells] += np.int16(sign)
        self.places[n] = place if sign > 0 else -1

    def energies(self, n: int) -> NDArray[np.float64]:
        """Of each place of group n, which is not on the line."""
        group = self._groups[n]
        places = np.arange(self._total - group.steps + 1)
        hits = np.zeros(len(places))
        rows = max(1, _AT_ONCE // max(1, group.covers.size))
        for k in range(0, len(places), rows):
            some = places[k : k + rows, None] * self._cells
            hits[k : k + rows] = self._counts[group.covers[None, :] + some].sum(axis=1)
        there = self.places >= 0
        before = np.sort(self.places[:n][there[:n]])
        after = np.sort(self.places[n + 1 :][there[n + 1 :]])
        wrong = (len(before) - np.searchsorted(before, places, "right")) + np.searchsorted(
            after, places, "left"
        )
        away = (places - self._wanted[n]) / self._total
        others = max(1, len(self._groups) - 1)
        return _COLLISION * hits / self._mean + _ORDER * wrong / others * 4 + _PLACE * away**2


def _anneal(
    groups: list[_Group], cells: int, total: int, span: float, rng: np.random.Generator
) -> list[int]:
    line = _Timeline(groups, cells, total, span)
    # The largest first: small ones find room between them.
    for n in sorted(range(len(groups)), key=lambda n: -groups[n].covers.size):
        line.put(n, int(np.argmin(line.energies(n))))
    work = sum(float(g.covers.size) * (total - g.steps + 1) for g in groups)
    sweeps = int(min(_SWEEPS, _WORK / max(work, 1.0)))
    for temperature in np.geomspace(_HOT, _COLD, sweeps) if sweeps else ():
        for n in rng.permutation(len(groups)).tolist():
            line.put(n, int(line.places[n]), -1)
            energy = line.energies(n)
            weights = np.exp(-(energy - energy.min()) / temperature)
            chosen = np.searchsorted(np.cumsum(weights), rng.random() * weights.sum())
            line.put(n, min(int(chosen), len(energy) - 1))
    for _ in range(min(_LAST, max(1, sweeps))):
        moved = False
        for n in range(len(groups)):
            old = int(line.places[n])
            line.put(n, old, -1)
            energy = line.energies(n)
            best = int(np.argmin(energy))
            best = best if energy[best] < energy[old] - 1e-12 else old
            line.put(n, best)
            moved = moved or best != old
        if not moved:
            break
    return [int(place) for place in line.places]
