"""Numbers of frames: the ones in pictures' names, and many of them in a few words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

# CDnet calls frames in000001, gt000001 and bin000001, and counts them from 1.
_CDNET = re.compile(r"(?:in|gt|bin)(\d+)", re.IGNORECASE)
_DIGITS = re.compile(r"\d+(?!.*\d)", re.DOTALL)  # the last number of a name
_LONGEST = 15  # digits; what is longer counts nanoseconds or is a hash
_SPARSE = 64  # steps a picture, beyond which numbers are names: BSDS's have 770, ids more


def number_in(stem: str) -> int | None:
    """Return the frame's number in a picture's name without its suffix, None where none is.

    It is the last number: `cam2_0017` is 17. CDnet's `in000001`, `gt000001` and `bin000001`
    count from 1, ours from 0: they are 0.
    """
    if cdnet := _CDNET.fullmatch(stem):
        return int(cdnet[1]) - 1
    digits = _DIGITS.search(stem)
    return None if digits is None or len(digits[0]) > _LONGEST else int(digits[0])


def frame_numbers(stems: Sequence[str]) -> list[int] | None:
    """Return the frames' numbers when names count frames, None when they do not.

    Names count frames when they differ in their last number only (`000000 000001 000005`,
    `cam2_1 cam2_2`), each number stands once, and they look like a counter: padded with zeros, or
    most steps between neighbours are equal, or there is at least one picture in 64 of the smallest
    steps. Dates, hashes, nanoseconds and a picture library's numbers are names like any other.
    """
    numbers = [number_in(stem) for stem in stems]
    known = [number for number in numbers if number is not None]
    if not stems or len(known) < len(stems) or len(set(known)) < len(known):
        return None
    if len({_DIGITS.sub("#", stem) for stem in stems}) > 1 or min(known) < 0:
        return None
    digits = [match[0] for match in map(_DIGITS.search, stems) if match is not None]
    if len(set(map(len, digits))) == 1 and any(word[0] == "0" < word for word in digits):
        return known
    steps = [after - before for before, after in pairwise(sorted(known))]
    if steps:
        most = max(Counter(steps).values())
        if 2 * most < len(steps) and sum(steps) > _SPARSE * min(steps) * len(steps):
            return None
    return known


class Runs:
    """Rising numbers in a few words: `0-14 16-59`, `0-100:5` in steps of five."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._words: list[str] = []
        self._run: list[int] = []  # first, last, step
        for number in numbers:
            self.add(number)

    def add(self, number: int) -> None:
        """Take the next number, larger than those before."""
        run = self._run
        if len(run) == 1:
            self._run = [run[0], number, number - run[0]]
        elif run and number - run[1] == run[2]:
            run[1] = number
        elif run and run[2] > 1 and run[1] == run[0] + run[2]:
            # What looked like a step was the end of one run and the beginning of the next.
            self._words.append(str(run[0]))
            self._run = [run[1], number, number - run[1]]
        else:
            self._words += _told(run)
            self._run = [number]

    def __str__(self) -> str:
        return " ".join([*self._words, *_told(self._run)])


def _told(run: list[int]) -> list[str]:
    if len(run) < 2:
        return list(map(str, run))
    first, last, step = run
    if last == first + step:  # two alone are no pattern
        return [str(first), str(last)] if step > 1 else [f"{first}-{last}"]
    return [f"{first}-{last}" + (f":{step}" if step > 1 else "")]


def unrolled(words: str) -> Iterator[int]:
    """Yield the numbers that `Runs` wrote. Raises ValueError for anything else."""
    for word in words.split():
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", word)
        if match is None:
            raise ValueError(f"{word!r} is no run of numbers, wanted one such as 0-14 or 0-100:5")
        first, last, step = (None if part is None else int(part) for part in match.groups())
        assert first is not None
        yield from range(first, (first if last is None else last) + 1, step or 1)
