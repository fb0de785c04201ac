"""Evidence is pooled over a pixel's surroundings, and explained by light if it can be.

Rows of half the size hold the pooled evidence (`plain`) and what a common gain leaves of it
(`light`); they are widened to the pixels of a row, which add their own evidence. A row whose
places j have neighbours is (w + 2,) or (w + 4,), place j at j + 1 or j + 2.
"""

from segment.background.posterior.kernels.compiling import (
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
    entry,
    f,
    loop,
    u,
)


@loop
def smooth_down(sums, which, a, b, c, d, e, row, first, end):
    """[1 4 6 4 1] over rows a to e of a plane, from place `first` less 2 to `end` plus 2."""
    n = u(sums.shape[2])
    begin = first - min(first, U2)
    stop = min(end + U2, n)
    for j in range(begin, stop):
        outer = sums[which, a, j] + sums[which, e, j]
        inner = sums[which, b, j] + sums[which, d, j]
        row[j + U2] = outer + FOUR * inner + SIX * sums[which, c, j]
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
def fit_gain(q_row, a_row, b_row, low, high, price, light, first, end):
    """Least residual over a gain in [low, high] that all surroundings share, and its price."""
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
        g = g if g > low - ONE else low - ONE
        g = g if g < high - ONE else high - ONE
        light[j] = q - TWO * g * a + g * g * b + price


@entry
def explain(sums, h, lines, low, high, price, light, first, end):
    """Fill places first to end of `light`, row h, from the sums of `follow_pixels`.

    lines: 3 arrays (w + 4,) float32, scratch.
    """
    last = sums.shape[1] - 1
    a, b = u(max(h - 2, 0)), u(max(h - 1, 0))
    c, d, e = u(h), u(min(h + 1, last)), u(min(h + 2, last))
    q_row, a_row, b_row = lines
    smooth_down(sums, u(0), a, b, c, d, e, q_row, first, end)
    smooth_down(sums, u(1), a, b, c, d, e, a_row, first, end)
    smooth_down(sums, u(2), a, b, c, d, e, b_row, first, end)
    fit_gain(q_row, a_row, b_row, low, high, price, light, first, end)


@entry
def pool(sums, h, line, plain):
    """Fill `plain`, row h of the pooled evidence. line: (w + 4,) float32, scratch."""
    last = sums.shape[1] - 1
    a, b = u(max(h - 2, 0)), u(max(h - 1, 0))
    c, d, e = u(h), u(min(h + 1, last)), u(min(h + 2, last))
    n = u(sums.shape[2])
    smooth_down(sums, u(3), a, b, c, d, e, line, U0, n)
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
def judge_row(evidence, plain, light, own, fine, threshold, out, p, first, end):
    """Mark the pixels first to end of a row whose evidence passes the threshold."""
    rest = ONE - own
    step = own * fine
    for i in range(first, end):
        v = step * f(evidence[p + i]) + rest * plain[i]
        v = v if v < light[i] else light[i]
        out[i] = u(1) if v > threshold else u(0)


@loop
def judge_row_by(evidence, plain, light, own, fine, threshold, sensitivity, out, p, first, end):
    """Do as `judge_row`, with the threshold divided by a sensitivity of each pixel's own."""
    rest = ONE - own
    step = own * fine
    for i in range(first, end):
        v = step * f(evidence[p + i]) + rest * plain[i]
        v = v if v < light[i] else light[i]
        out[i] = u(1) if v * sensitivity[p + i] > threshold else u(0)


@loop
def _level_row(evidence, plain, light, own, fine, level, bare, p, width):
    rest = ONE - own
    step = own * fine
    for i in range(width):
        v = step * f(evidence[p + i]) + rest * plain[i]
        bare[p + i] = v
        level[p + i] = v if v < light[i] else light[i]


@entry
def level_pixels(
    evidence,
    sums,
    own,
    fine,
    low,
    high,
    price,
    plain,
    light,
    halves,
    wides,
    level,
    bare,
    height,
    width,
):
    """Find the evidence of every pixel, as it is and after the change of light that helps most.

    evidence (H * W,) uint8 and sums (4, h, w) float32: see `follow_pixels`. `own` is the part of
    the pixel itself, `fine` what a step of `evidence` means. bare, level (H * W,) float32,
    overwritten. plain, light (h, w), halves: 4 arrays (w + 4,), wides: 2 arrays (W,), scratch.
    """
    half = sums.shape[1]
    n = u(sums.shape[2])
    for h in range(half):
        pool(sums, h, halves[0], plain[h])
        explain(sums, h, halves[:3], low, high, price, light[h], U0, n)
    one, two, line, row = halves
    wide_plain, wide_light = wides
    for y in range(height):
        h = y // 2
        other = max(h - 1, 0) if y % 2 == 0 else min(h + 1, half - 1)
        lowest(light[max(h - 1, 0)], light[h], light[min(h + 1, half - 1)], line, one, U0, n, n)
        lowest(
            light[max(other - 1, 0)],
            light[other],
            light[min(other + 1, half - 1)],
            line,
            two,
            U0,
            n,
            n,
        )
        between(one, two, row, U0, n, n)
        widen(row, wide_light, U0, n, u(width))
        between(plain[h], plain[other], row, U0, n, n)
        widen(row, wide_plain, U0, n, u(width))
        _level_row(evidence, wide_plain, wide_light, own, fine, level, bare, u(y * width), u(width))
