"""A frame meets its mixtures: rows of plane after plane, no branches.

All pixels are compared with their heaviest mode, which follows those that match; the others
are gathered and meet all their modes. So a still pixel costs what its heaviest mode takes,
and the weights if it has others; and in most frames only the comparison, since learning,
which writes all this, waits until it has several frames to learn.

E-step and M-step share one pass over the mixtures, which are too large for any cache: the
statistics are of this frame, and what is learned of it follows the decision on the last one.
"""

from typing import Any, NamedTuple

from segment.background.compiling import ask_for, entry, loop, part
from segment.background.posterior.kernels import crowd, rows
from segment.background.posterior.kernels.constants import ONE, U0, U1, U2, ZERO, f, u
from segment.background.posterior.kernels.records import Row
from segment.background.posterior.kernels.rows import Beside, Compared, Taught, Totals

_RUN = u(16)

# Rows that learn, and whose surprising pixels are gathered, together.
STRIP = 8


class Given(NamedTuple):
    """What a frame is followed by, beside what is learned.

    rates (H * W,) float32: see `rows.choose_rates`; votes (h4, w4), motion and unrest (h8, w8):
    of the last frame, read.
    """

    rates: Any
    votes: Any
    motion: Any
    unrest: Any


class Band(NamedTuple):
    """Rows start to stop, `start` a multiple of 8; `frozen` leaves all that was learned as it is.

    above, below (C, W) uint8: the background of the rows next to these, before any row learned.
    """

    start: int
    stop: int
    frozen: bool
    above: Any
    below: Any


class Found(NamedTuple):
    """What `follow_pixels` finds, overwritten.

    own (H * W,) uint8 and sums (4, h2, w2) float32: see `Evidence`; flat (4, h2 * w2), the memory
    of sums; temporal (3, h8, w8) float32: see `Change`.
    """

    own: Any
    sums: Any
    flat: Any
    temporal: Any


class Desk(NamedTuple):
    """Scratch of `follow_pixels`, for a band."""

    singles: Any  # (12, W)
    pairs: Any  # (3, 2 W)
    pixels: Any  # (C, W) uint8
    old: Any  # (C, W) uint8
    marks: Any  # (W,) uint8
    listed: crowd.Listed
    crowd: crowd.Crowd


@entry
def follow_pixels(frame, pictures, modes, given, found, numbers, desk, band):
    """Compare the rows of a band with their mixtures, and learn them.

    pictures, modes: of the last frame, updated; only one in `numbers.rates.every` strips of 8
    rows learns, what as many frames would bring. For the records see there.
    """
    lines = desk.singles
    # By number: what unpacking makes of an array the compiler takes for rows with gaps.
    restless, spared, small, extra = lines[0], lines[1], lines[2], lines[3]
    distance, step, rates, heavy, left = lines[4], lines[5], lines[6], lines[7], lines[8]
    residual, dot, norm = desk.pairs[0], desk.pairs[1], desk.pairs[2]
    pixels, marks, old, order = desk.pixels, desk.marks, desk.old, desk.listed.order
    totals = Totals(lines[9], lines[10], lines[11])
    compared = Compared(distance, marks, residual, dot, norm, found.own)
    taught = Taught(rates, marks, step)
    ground, first, light = pictures.ground, modes.first, numbers.light
    prior = numbers.learning.complexity
    start, stop, frozen, before_first, after_last = band
    height = frame.height
    n = u(frame.width)
    listed = U0
    moved = False  # whether the row above has learned
    begin = u(start) * n
    for y in range(start, stop):
        p = u(y) * n
        o = u(y % 2) * n
        row = Row(frame.which, p, n)
        turn = (y // STRIP + numbers.rates.phase) % numbers.rates.every == 0
        learn = not frozen and turn
        if y % 8 == 0:
            _begin_strip(totals, n)
            rows.spread_unrest(given.unrest, u(y // 8), numbers.slack, small, restless, n)
            begin = p
        if y % 4 == 0:
            rows.spread_rates(given.votes, given.motion, u(y // 4), numbers.rates, small, spared, n)
        rows.gather(row, frame.image, pixels)
        if y % 2 == 0:
            rows.difference(
                row, pixels, pictures.before, pictures.mask, light, numbers.steps, totals
            )
        # With the rows above and below as they were before they learned.
        above, below = Beside(ground, p - n), Beside(ground, u(min(y + 1, height - 1)) * n)
        if y == start:
            above = Beside(before_first, U0)
        elif moved:
            above = Beside(old, U0)
        if y == stop - 1:
            below = Beside(after_last, U0)
        rows.steepness(row, above, below, ground, numbers.slack, restless, extra)
        rows.compare(row, o, pixels, first, extra, light, numbers.matching, compared)
        known = listed
        listed = _list_marked(marks, order, p - begin, n, listed)
        _ask_for_modes(modes.minor, modes.weight, order, known, listed, begin)
        half = u(y // 2) * u(found.sums.shape[2])
        some = Stretch(known, listed, p, p - begin)
        _gather_numbers(some, extra, modes.seen, pictures.mask, spared, half, desk.listed)
        if not frozen:
            rows.keep(row, pixels, pictures.before)
        if learn:
            rows.choose_rates(
                row, pictures.mask, spared, modes.seen, given.rates, numbers.rates, rates
            )
            rows.copy_row(row, ground, old)
            rows.choose_steps(row, modes.weight, modes.alive, taught, prior)
            rows.weigh_several(row, modes.weight, modes.alive, taught, prior, heavy, left)
            rows.follow_first(row, pixels, first, distance, step, ground, light, numbers.learning)
            _gather_rates(some, rates, desk.listed)
        moved = learn
        if y % 2 == 1 or y == height - 1:
            if y % 2 == 0:
                _clear_odd(residual, dot, norm, n)
            half = u(y // 2)
            rows.halve(found.sums, u(0), half, residual, n)
            rows.halve(found.sums, u(1), half, dot, n)
            rows.halve(found.sums, u(2), half, norm, n)
            rows.halve_capped(found.sums, u(3), half, residual, n, numbers.matching.evidence)
        if y % 8 == 7 or y == height - 1:
            task = crowd.Task(frame.which, frame.image, begin, listed, learn)
            crowd.follow_crowd(
                task, modes, ground, found.own, found.flat, numbers, desk.listed, desk.crowd
            )
            listed = U0
            _end_strip(found.temporal, totals, y, n)


class Stretch(NamedTuple):
    """The pixels first to end of the list: they lie in the row of pixel p, x after the strip's."""

    first: Any
    end: Any
    p: Any
    x: Any


@part
def _gather_numbers(some, extra, seen, mask, spared, half, listed):
    """Keep of the listed pixels what is at hand only while their row is."""
    gathered = listed.gathered
    for j in range(some.first, some.end):
        i = u(listed.order[j]) - some.x
        gathered[U0, j] = extra[i]
        # With this frame, and the next, which this one decides for.
        more = spared[i] if mask[some.p + i] != 0 else ONE
        gathered[U1, j] = seen[some.p + i] + ONE + more
        listed.places[j] = half + i // U2


@part
def _gather_rates(some, rates, listed):
    for j in range(some.first, some.end):
        listed.gathered[U2, j] = rates[u(listed.order[j]) - some.x]


@part
def _begin_strip(totals, n):
    rows.clear(totals.change, n)
    rows.clear(totals.quiet, n)
    rows.clear(totals.number, n)


@part
def _end_strip(temporal, totals, y, n):
    tall = f(y % 8 // 2 + 1)
    rows.eighth(temporal, u(0), u(y // 8), totals.change, n, tall)
    rows.eighth(temporal, u(1), u(y // 8), totals.quiet, n, tall)
    rows.eighth(temporal, u(2), u(y // 8), totals.number, n, tall)


@entry
def measure_change(frame, pictures, temporal, numbers, lines, pixels, start, stop):
    """Do of `follow_pixels` only what fills `temporal`. lines (3, W), pixels (C, W): scratch."""
    totals = Totals(lines[0], lines[1], lines[2])
    n = u(frame.width)
    for y in range(start, stop):
        row = Row(frame.which, u(y) * n, n)
        if y % 8 == 0:
            _begin_strip(totals, n)
        if y % 2 == 0:
            rows.gather(row, frame.image, pixels)
            rows.difference(
                row,
                pixels,
                pictures.before,
                pictures.mask,
                numbers.light,
                numbers.steps,
                totals,
            )
        if y % 8 == 7 or y == frame.height - 1:
            _end_strip(temporal, totals, y, n)


@part
def _list_marked(marks, order, x, n, listed):
    """Add the places of the marked pixels of a row to `order`, which holds `listed`."""
    whole = n // _RUN
    for b in range(whole):
        first = b * _RUN
        found = U0
        for j in range(first, first + _RUN):
            found |= u(marks[j])
        if found != U0:
            for j in range(first, first + _RUN):
                order[listed] = x + j
                listed += u(marks[j])
    for j in range(whole * _RUN, n):
        order[listed] = x + j
        listed += u(marks[j])
    return listed


@part
def _ask_for_modes(minor, weight, order, first, end, p):
    """Have the other modes of the pixels in `order`, which lie far apart, brought near."""
    last = u(minor.shape[1]) - U1
    if minor.shape[1] > 0:
        for j in range(first, end):
            q = p + u(order[j])
            ask_for(minor, q, U0)
            ask_for(minor, q, last)
            for k in range(u(weight.shape[0])):
                ask_for(weight, k, q)


@loop
def _clear_odd(residual, dot, norm, n):
    """The picture ends with an even row: nothing is below it."""
    for i in range(n, n + n):
        residual[i] = ZERO
        dot[i] = ZERO
        norm[i] = ZERO
