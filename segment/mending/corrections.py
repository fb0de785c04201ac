"""Corrections of ids: which, of whom, from and until when; in the order in which they stand."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Labels
from segment.errors import SegmentError
from segment.files import read_toml

__all__ = ["Correction", "Corrections", "Seen"]

Verb = Literal["swap", "merge", "split", "drop"]
Moment = int | Fraction
"""A frame's number, or seconds since the first frame."""

_VERBS: tuple[Verb, ...] = ("swap", "merge", "split", "drop")
_WORDS = {*_VERBS, "from", "until", "into", "sequence"}
_LARGEST = 2**31 - 1  # what labels hold


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction.

    Attributes
    ----------
    verb : swap two ids; merge several into the first; split off what an id is from some moment
        on; drop what is no object.
    ids : of whom, as the corrections before this one have left them.
    begin, end : first and last moment for which it holds, frame numbers or seconds; None: always.
    into : the id that what is split off gets; None: one that nobody has.
    number : which of the corrections it is, from 1, for messages.
    """

    verb: Verb
    ids: tuple[int, ...]
    begin: Moment | None = None
    end: Moment | None = None
    into: int | None = None
    number: int = 1

    def holds(self, frame: int, time: float) -> bool:
        """Whether it holds in a frame, by its number and its time in seconds."""
        after = self.begin is None or _reached(self.begin, frame, time)
        return bool(after) and (self.end is None or not _over(self.end, frame, time))

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every id that changes, and what it becomes; 0 is no object."""
        first = self.ids[0]
        if self.verb == "swap":
            yield from ((first, self.ids[1]), (self.ids[1], first))
        elif self.verb == "merge":
            yield from ((other, first) for other in self.ids[1:])
        elif self.verb == "split":
            assert self.into is not None
            yield first, self.into
        else:
            yield from ((one, 0) for one in self.ids)

    def __str__(self) -> str:
        return f"correction {self.number} ({self.verb} {', '.join(map(str, self.ids))})"


_EARLY = 1e-6  # seconds by which a frame's time may lie before a moment that is meant to be its own


def _reached(moment: Moment, frame: Any, time: Any) -> Any:
    """Whether frames, of which number and time are given, are at a moment or after it."""
    return frame >= moment if isinstance(moment, int) else time >= float(moment) - _EARLY


def _over(moment: Moment, frame: Any, time: Any) -> Any:
    """Whether they are after it."""
    return frame > moment if isinstance(moment, int) else time > float(moment) + _EARLY


@dataclass(frozen=True, slots=True)
class Seen:
    """Who was seen when: a row for each object and frame.

    Attributes
    ----------
    frames : (N,) int64 numbers of frames.
    times : (N,) float64 seconds.
    ids : (N,) int64.
    """

    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    ids: NDArray[np.int64]


class Corrections:
    """Several corrections of one sequence, made in their order.

    Each sees the ids as those before it have left them, so that a correction which is added at
    the end speaks of what was seen after the others.

    Parameters
    ----------
    corrections : in their order; a split without `into` needs `known` before it is applied.
    """

    def __init__(self, corrections: Iterable[Correction]) -> None:
        self.corrections = tuple(corrections)

    @classmethod
    def of(cls, tables: Iterable[Mapping[str, Any]]) -> Self:
        """Read tables as a corrections file has them below [[mend]]. Raises ValueError."""
        return cls(_parsed(table, number) for number, table in enumerate(tables, 1))

    @staticmethod
    def read(path: Path) -> dict[str | None, "Corrections"]:
        """Read a corrections file: for every sequence it names, or for None, what is corrected.

        Raises SegmentError, which says what is wrong.
        """
        try:
            document = read_toml(path)
        except OSError as error:
            raise SegmentError(
                f"the corrections {path} cannot be read: {(error.strerror or str(error)).lower()}"
            ) from None
        except ValueError as error:
            raise SegmentError(f"the corrections {path} are no TOML: {error}") from None
        tables = document.get("mend")
        strange = sorted(document.keys() - {"mend"})
        if strange or not isinstance(tables, list) or not tables:
            told = f"it holds {strange[0]!r}" if strange else "it has none"
            raise SegmentError(
                f"the corrections {path} are tables [[mend]], as [[mend]] swap = [3, 7] "
                f"from = 1200; {told}"
            )
        found: dict[str | None, list[Correction]] = {}
        for number, table in enumerate(tables, 1):
            try:
                correction = _parsed(table, number)
            except ValueError as error:
                raise SegmentError(f"{path}: {error}") from None
            found.setdefault(table.get("sequence"), []).append(correction)
        return {name: Corrections(corrections) for name, corrections in found.items()}

    def known(self, seen: Seen) -> tuple["Corrections", list[str]]:
        """Return the corrections with the ids that they give, and what is odd, a line each.

        seen : who was seen when, before all of them. Raises SegmentError for an id that nobody
        has, and for corrections that change nothing.
        """
        ids = seen.ids.copy()
        given = int(ids.max(initial=0))
        done: list[Correction] = []
        odd: list[str] = []
        for one in self.corrections:
            if one.verb == "split" and one.into is None:
                given += 1
                one = Correction(one.verb, one.ids, one.begin, one.end, given, one.number)
            given = max(given, one.into or 0)
            holds = _when(one, seen)
            for number in one.ids:
                if not (ids == number).any():
                    there = np.unique(ids[ids > 0]).tolist()
                    raise SegmentError(f"{one}: there is no object {number}; {_named(there)}")
            before = ids.copy()
            for old, new in one.pairs():
                ids[holds & (before == old)] = new
            if np.array_equal(ids, before):
                when = "; ".join(f"{n} in {_span(seen.frames[ids == n])}" for n in one.ids)
                raise SegmentError(
                    f"{one} changes nothing, for nobody of them is seen then; they are seen in "
                    f"frames: {when}"
                )
            gets = {after for _, after in one.pairs()} - {0}
            twice = _seen_twice(seen.frames, ids, gets) - _seen_twice(seen.frames, before, gets)
            if twice:
                odd.append(
                    f"{one}: what becomes one is seen at once in {len(twice)} frames "
                    f"({_span(np.array(sorted(twice)))}), and is one object in two places there"
                )
            done.append(one)
        return Corrections(done), odd

    def apply(self, labels: Labels, frame: int, time: float) -> Labels:
        """Return the labels (H, W) int32 of a frame with its ids put right; 0 is background.

        frame, time : its number and its seconds. Raises ValueError for a split without an id.
        """
        most = int(labels.max(initial=0))
        becomes = np.arange(most + 1, dtype=np.int32)
        changed = False
        for one in self.corrections:
            if not one.holds(frame, time):
                continue
            if one.verb == "split" and one.into is None:
                raise ValueError(f"{one} gives no id; call `known` first, or say into = ID")
            before = becomes.copy()
            for old, new in one.pairs():
                becomes[before == old] = new
            changed = True
        return becomes[labels] if changed else labels

    def __repr__(self) -> str:
        return "; ".join(
            f"{one.verb} {' '.join(map(str, one.ids))} from {one.begin} until {one.end} "
            f"into {one.into}"
            for one in self.corrections
        )


def _when(one: Correction, seen: Seen) -> NDArray[np.bool_]:
    """In which rows a correction holds."""
    holds = np.ones(len(seen.frames), np.bool_)
    if one.begin is not None:
        holds &= _reached(one.begin, seen.frames, seen.times)
    if one.end is not None:
        holds &= ~_over(one.end, seen.frames, seen.times)
    return holds


def _seen_twice(frames: NDArray[np.int64], ids: NDArray[np.int64], of: Iterable[int]) -> set[int]:
    """Frames in which one of some ids has two rows."""
    found: set[int] = set()
    for number in of:
        mine, counts = np.unique(frames[ids == number], return_counts=True)
        found.update(mine[counts > 1].tolist())
    return found


def _named(ids: list[int]) -> str:
    if len(ids) > 20:  # more than a line holds
        return f"there are {len(ids)}, from {ids[0]} to {ids[-1]}"
    return f"there are {', '.join(map(str, ids)) or 'none'}"


def _span(frames: NDArray[np.int64]) -> str:
    return f"{int(frames.min())} to {int(frames.max())}"


def _parsed(table: Any, number: int) -> Correction:
    """One table of a corrections file. Raises ValueError."""
    if not isinstance(table, Mapping):
        raise ValueError(f"correction {number} is {table!r}; wanted a table [[mend]]")
    strange = sorted(table.keys() - _WORDS)
    if strange:
        raise ValueError(
            f"correction {number} has {strange[0]!r}; wanted one of {', '.join(_VERBS)}, and "
            "from, until, into, sequence"
        )
    verbs = [verb for verb in _VERBS if verb in table]
    if len(verbs) != 1:
        raise ValueError(
            f"correction {number} has {' and '.join(verbs) or 'nothing to do'}; wanted one of "
            f"{', '.join(_VERBS)} (each in a table of its own)"
        )
    verb = verbs[0]
    ids = _ids(table[verb], verb, number)
    into = table.get("into")
    if into is not None:
        if verb != "split":
            raise ValueError(f"correction {number}: into goes with split, not with {verb}")
        into = _id(into, "into", number)
        if into in ids:
            raise ValueError(f"correction {number}: {into} becomes {into}, which changes nothing")
    begin, end = (_moment(table.get(word), word, number) for word in ("from", "until"))
    if verb == "split" and begin is None and end is None and into is None:
        raise ValueError(f"correction {number}: a split has a moment, as from = 1200")
    if isinstance(begin, type(end)) and begin is not None and end is not None and begin > end:
        raise ValueError(f"correction {number}: from {begin} is after until {end}")
    sequence = table.get("sequence")
    if sequence is not None and not isinstance(sequence, str):
        raise ValueError(f"correction {number}: sequence is {sequence!r}; wanted a name")
    return Correction(verb, ids, begin, end, into, number)


_COUNTS = {"swap": (2, 2), "merge": (2, None), "split": (1, 1), "drop": (1, None)}


def _ids(given: Any, verb: Verb, number: int) -> tuple[int, ...]:
    ids = tuple(_id(one, verb, number) for one in (given if isinstance(given, list) else [given]))
    least, most = _COUNTS[verb]
    if len(ids) < least or (most is not None and len(ids) > most) or len(set(ids)) < len(ids):
        wanted = {1: "one id"}.get(most or 0, f"{'two' if most else f'{least} or more'} ids")
        raise ValueError(f"correction {number}: {verb} = {given!r}; wanted {wanted}, each once")
    return ids


def _id(given: Any, what: str, number: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= _LARGEST:
        raise ValueError(f"correction {number}: {what} has {given!r}, which is no id of an object")
    return given


_UNITS = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "h": Fraction(3600)}


def _moment(given: Any, word: str, number: int) -> Moment | None:
    """A frame's number, or text: `12.5s`, `2m`, `00:01:30`."""
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    if isinstance(given, str) and len(given) <= 40:  # Python refuses to read thousands of digits
        found = _seconds(given.strip())
        if found is not None:
            return found
    raise ValueError(
        f"correction {number}: {word} = {given!r} is no moment; wanted a frame's number (1200), "
        'or "12.5s", "2m", "00:01:30"'
    )


def _seconds(text: str) -> Fraction | None:
    parts = text.split(":")
    try:
        if len(parts) in (2, 3):
            *whole, last = parts
            if not all(part.isascii() and part.isdecimal() for part in whole):
                return None
            total = sum(int(part) * 60 ** (n + 1) for n, part in enumerate(reversed(whole)))
            seconds = Fraction(last)
            return total + seconds if 0 <= seconds < 60 else None
        unit = next(one for one in _UNITS if text.endswith(one) and text[: -len(one)])
        seconds = Fraction(text.removesuffix(unit).strip()) * _UNITS[unit]
    except (ValueError, ZeroDivisionError, StopIteration):
        return None
    return seconds if seconds >= 0 else None
