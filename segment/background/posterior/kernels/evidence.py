"""Evidence is pooled over a pixel's surroundings, and explained by light if it can be.

Rows of half the size hold the pooled evidence (`plain`) and what a common gain leaves of it
(`light`); they are widened to the pixels of a row, which add their own evidence. A row whose
places j have neighbours is (w + 2,) or (w + 4,), place j at j + 1 or j + 2.
"""

from typing import Any, NamedTuple

from segment.background.compiling import entry, loop, part
from segment.background.posterior.kernels.constants import (
    FOUR,
    MOST,
    ONE,
    QUARTER,
    SIX,
    TWO,
    U0,
    U1,
    U2,
    U3,
    U4,
    f,
    u,
)


class Level(NamedTuple):
    """The evidence of every pixel, (H * W,), overwritten by `level_pixels`."""

    explained: Any  # after the change of light that helps most
    bare: Any  # as it is


class LevelDesk(NamedTuple):
    """Scratch of `level_pixels`."""

    plain: Any  # (h2, w2)
    light: Any  # (h2, w2)
    halves: Any  # (4, w2 + 4)
    wides: Any  # (2, W)


@loop
def smooth_down(sums, plane, around, row, first, end):
    """[1 4 6 4 1] over five rows of a plane, from place `first` less 2 to `end` plus 2."""
    a, b, c, d, e = around
    n = u(sums.shape[2])
    begin = first - min(first, U2)
    stop = min(end + U2, n)
    for j in range(begin, stop):
        outer = sums[plane, a, j] + sums[plane, e, j]
        inner = sums[plane, b, j] + sums[plane, d, j]
        row[j + U2] = outer + FOUR * inner + SIX * sums[plane, c, j]
    if begin == U0:
        row[0] = row[2]
        row[1] = row[2]
    if stop == n:
        row[n + U2] = row[n + U1]
        row[n + U3] = row[n + U1]


@loop
def smooth_along(row, out, first, end):
    """[1 4 6 4 1] / 256 along a row of `smooth_down`."""
    share = f(1 / 256)
    for j in range(first, end):
        outer = row[j] + row[j + U4]
        inner = row[j + U1] + row[j + U3]
        out[j] = (outer + FOUR * inner + SIX * row[j + U2]) * share


@loop
def fit_gain(lines, gains, light, first, end):
    """Least residual over the gains that all surroundings may share, and its price."""
    q_row, a_row, b_row = lines
    share = f(1 / 256)
    for j in range(first, end):
        outer = q_row[j] + q_row[j + U4]
        inner = q_row[j + U1] + q_row[j + U3]
        q = (outer + FOUR * inner + SIX * q_row[j + U2]) * share
        outer = a_row[j] + a_row[j + U4]
        inner = a_row[j + U1] + a_row[j + U3]
        a = (outer + FOUR * inner + SIX * a_row[j + U2]) * share
        outer = b_row[j] + b_row[j + U4]
        inner = b_row[j + U1] + b_row[j + U3]
        b = (outer + FOUR * inner + SIX * b_row[j + U2]) * share
        floor = f(1e-3)
        g = a / (b if b > floor else floor)
        g = g if g > gains.low - ONE else gains.low - ONE
        g = g if g < gains.high - ONE else gains.high - ONE
        light[j] = q - TWO * g * a + g * g * b + gains.price


@part
def _around(h, last):
    """Five rows around row h, none beyond the first and the `last`."""
    a, b = u(max(h - 2, 0)), u(max(h - 1, 0))
    return a, b, u(h), u(min(h + 1, last)), u(min(h + 2, last))


@part
def explain(sums, h, lines, gains, light, first, end):
    """Fill places first to end of `light`, row h, from the sums of `follow_pixels`.

    lines (3, w + 4) float32 at least: scratch.
    """
    around = _around(h, sums.shape[1] - 1)
    q_row, a_row, b_row = lines[0], lines[1], lines[2]
    smooth_down(sums, U0, around, q_row, first, end)
    smooth_down(sums, U1, around, a_row, first, end)
    smooth_down(sums, U2, around, b_row, first, end)
    fit_gain((q_row, a_row, b_row), gains, light, first, end)


@part
def pool(sums, h, line, plain):
    """Fill `plain`, row h of the pooled evidence. line: (w + 4,) float32, scratch."""
    n = u(sums.shape[2])
    smooth_down(sums, U3, _around(h, sums.shape[1] - 1), line, U0, n)
    smooth_along(line, plain, U0, n)


@loop
def lowest(above, here, below, line, out, first, end, n):
    """Smallest of 3 x 3 in three rows, from place `first` less 1 to `end` plus 1."""
    begin = first - min(first, U2)
    stop = min(end + U2, n)
    for j in range(begin, stop):
        v = above[j] if above[j] < here[j] else here[j]
        line[j + U1] = v if v < below[j] else below[j]
    if begin == U0:
        line[0] = line[1]
    if stop == n:
        line[n + U1] = line[n]
    begin = first - min(first, U1)
    stop = min(end + U1, n)
    for j in range(begin, stop):
        v = line[j] if line[j] < line[j + U2] else line[j + U2]
        out[j] = v if v < line[j + U1] else line[j + U1]


@loop
def between(here, beside, row, first, end, n):
    """A row of pixels lies a quarter of the way from `here` to `beside`."""
    begin = first - min(first, U1)
    stop = min(end + U1, n)
    for j in range(begin, stop):
        row[j + U1] = MOST * here[j] + QUARTER * beside[j]
    if begin == U0:
        row[0] = row[1]
    if stop == n:
        row[n + U1] = row[n]


@loop
def widen(row, wide, first, end, width):
    """From half to full width: three quarters of the own place, one of the nearer neighbour."""
    for j in range(first, min(end, width // U2)):
        v = MOST * row[j + U1]
        wide[U2 * j] = v + QUARTER * row[j]
        wide[U2 * j + U1] = v + QUARTER * row[j + U2]
    if width % U2 == U1 and end > width // U2:
        j = width // U2
        wide[width - U1] = MOST * row[j + U1] + QUARTER * row[j]


@loop
def judge_row(own, wides, judging, out, p, first, end):
    """Mark the pixels first to end of a row whose evidence passes the threshold.

    wides (2, W): pooled evidence of the row, and what light leaves of it.
    """
    rest = ONE - judging.own
    step = judging.own * judging.fine
    for i in range(first, end):
        v = step * f(own[p + i]) + rest * wides[U0, i]
        v = v if v < wides[U1, i] else wides[U1, i]
        out[i] = u(1) if v > judging.threshold else u(0)


@loop
def judge_row_by(own, wides, judging, sensitivity, out, p, first, end):
    """Do as `judge_row`, with the threshold divided by a sensitivity of each pixel's own."""
    rest = ONE - judging.own
    step = judging.own * judging.fine
    for i in range(first, end):
        v = step * f(own[p + i]) + rest * wides[U0, i]
        v = v if v < wides[U1, i] else wides[U1, i]
        out[i] = u(1) if v * sensitivity[p + i] > judging.threshold else u(0)


@loop
def _level_row(own, wides, judging, level, p, width):
    rest = ONE - judging.own
    step = judging.own * judging.fine
    for i in range(width):
        v = step * f(own[p + i]) + rest * wides[U0, i]
        level.bare[p + i] = v
        level.explained[p + i] = v if v < wides[U1, i] else wides[U1, i]


@entry
def level_pixels(evidence, judging, level, desk, height, width):
    """Find the evidence of every pixel, as it is and after the change of light that helps most."""
    plain, light, halves = desk.plain, desk.light, desk.halves
    half = evidence.sums.shape[1]
    n = u(evidence.sums.shape[2])
    for h in range(half):
        pool(evidence.sums, h, halves[0], plain[h])
        explain(evidence.sums, h, halves, judging.gains, light[h], U0, n)
    one, two, line, row = halves[0], halves[1], halves[2], halves[3]
    wide_plain, wide_light = desk.wides[0], desk.wides[1]
    for y in range(height):
        h = y // 2
        other = max(h - 1, 0) if y % 2 == 0 else min(h + 1, half - 1)
        above, below = light[max(h - 1, 0)], light[min(h + 1, half - 1)]
        lowest(above, light[h], below, line, one, U0, n, n)
        above, below = light[max(other - 1, 0)], light[min(other + 1, half - 1)]
        lowest(above, light[other], below, line, two, U0, n, n)
        between(one, two, row, U0, n, n)
        widen(row, wide_light, U0, n, u(width))
        between(plain[h], plain[other], row, U0, n, n)
        widen(row, wide_plain, U0, n, u(width))
        _level_row(evidence.own, desk.wides, judging, level, u(y * width), u(width))
