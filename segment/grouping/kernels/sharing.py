"""Whose a pixel is: the E-step.

Of a pixel only those layers are kept that may come to own it, or that weigh with its neighbours:
its candidates. They lie in lists, one pixel's after another.
"""

import numpy as np

from segment.grouping.compiling import entry, part
from segment.grouping.kernels.colours import colour_bin

__all__ = ["candidates", "decide", "smooth", "soften", "tally"]

_TAIL = 0.03  # share of an object's pixels that lie where its template does not say
_ANYBODY = 0.004  # the same for an object that is not known yet
_ODDITY = -0.7  # and how its colours fit
_NOWHERE = 1e-6
_STRENGTH = 0.7  # neighbouring pixels do not tell apart independently
_LONELY = 0.02  # share of its neighbours that a pixel's owner needs not have
_MAY = 3.95  # nats that the neighbours can make up for: more than log(1 + 1 / _LONELY)
_TIE = 0.005  # nats, more than logarithms are rounded by in the end
_GAP = 10.0  # nats below the likeliest beyond which a layer weighs nothing
_REACH = 21.0  # squared deviations at which the tail is below _NOWHERE
_TILE = 16  # rows and columns of pixels that share a list of near layers


@entry
def candidates(
    covers,
    fits,
    boxes,
    order,
    gauss,
    logs,
    image,
    foreground,
    near,
    spans,
    far,
    value,
    start,
    number,
    who,
    prior,
    owner,
    stray,
    top,
    doubt,
):
    """Find for every pixel of the foreground which layers may own it, and whose it is if clear.

    covers, fits, boxes and order as for `show`; gauss (N, 5) float64: middle of a layer's tail in
    the window, row and column, and the factors of the square, the product and the square of the
    distances to it; logs (N, B) float32 as for `fits`; image (H, W, C) uint8; foreground (H, W)
    bool. Scratch: near (N,) and spans (N, 3) intp; far (N, 4) and value (N,) float32.

    Overwritten, in the foreground: start and number (H, W) int32, where a pixel's candidates
    begin and how many there are; who (P,) int32, N for nobody, and prior (P,) float32, their log
    priors; owner (H, W) int32, the likeliest layer; stray (H, W) bool, whether nobody is
    likelier still; top (H, W) uint16, 1 + who is likeliest, N for nobody; doubt (H, W) uint8, 1
    where neighbours that are another's may change that, 2 where any may, else 0.
    """
    height, width = foreground.shape
    count = len(order)
    tail, nowhere, strength = np.float32(_TAIL), np.float32(_NOWHERE), np.float32(_STRENGTH)
    gap, may, one = np.float32(_GAP), np.float32(_MAY), np.float32(1)
    log_tail = np.float32(np.log(_TAIL))
    # The logarithm of a sum is at most that of twice the larger part.
    slack, floor = np.float32(np.log(2.0)), np.float32(np.log(2 * _NOWHERE))
    nobody = np.float32(np.log(_ANYBODY + _NOWHERE) + _STRENGTH * _ODDITY)
    # Who is far away cannot come to own a pixel where somebody is at least as likely as this.
    enough = floor + strength * logs.max() + may
    filled = 0
    for y0 in range(0, height, _TILE):
        y1 = min(y0 + _TILE, height)
        for x0 in range(0, width, _TILE):
            x1 = min(x0 + _TILE, width)
            if not foreground[y0:y1, x0:x1].any():
                continue
            listed = _sort_by_distance(boxes, order, gauss, y0, x0, y1, x1, near)
            for y in range(y0, y1):
                # What of a layer is the same for the whole row.
                for i in range(count):
                    k = near[i]
                    row = y - boxes[k, 0]
                    inside = 0 <= row < boxes[k, 2]
                    spans[i, 0] = boxes[k, 1]
                    spans[i, 1] = boxes[k, 1] + boxes[k, 3] if inside else boxes[k, 1]
                    spans[i, 2] = boxes[k, 4] + row * boxes[k, 3] - boxes[k, 1]
                    down = y - gauss[k, 0]
                    far[i, 0] = -0.5 * gauss[k, 2] * down * down
                    far[i, 1] = -0.5 * gauss[k, 3] * down
                    far[i, 2] = -0.5 * gauss[k, 4]
                    far[i, 3] = gauss[k, 1]
                for x in range(x0, x1):
                    if not foreground[y, x]:
                        continue
                    best = np.float32(-np.inf)
                    # Those whose templates say something, from front to back.
                    free = one
                    for i in range(listed):
                        value[i] = -np.inf
                        if x < spans[i, 0] or x >= spans[i, 1]:
                            continue
                        at = spans[i, 2] + x
                        cover = covers[at]
                        if cover <= 0:
                            continue
                        right = np.float32(x) - far[i, 3]
                        thin = far[i, 0] + (far[i, 1] + far[i, 2] * right) * right
                        here = (one - tail) * cover * free + tail * np.exp(thin)
                        free *= one - cover
                        value[i] = np.log(here + nowhere) + strength * fits[at]
                        best = max(best, value[i])
                    # The others, as far as they can compete.
                    shade = colour_bin(image[y, x])
                    kept = min(max(nobody, best) - gap, best - may)
                    used = count
                    for i in range(count):
                        if i == listed and best >= enough:
                            used = listed
                            break
                        if i < listed and value[i] > -np.inf:
                            continue
                        value[i] = -np.inf
                        if x < spans[i, 0] or x >= spans[i, 1]:
                            fit = logs[near[i], shade]
                        else:
                            fit = fits[spans[i, 2] + x]
                        right = np.float32(x) - far[i, 3]
                        thin = log_tail + far[i, 0] + (far[i, 1] + far[i, 2] * right) * right
                        if max(thin + slack, floor) + strength * fit >= kept:
                            value[i] = np.log(np.exp(thin) + nowhere) + strength * fit
                            if value[i] > best:
                                best = value[i]
                                kept = min(max(nobody, best) - gap, best - may)
                    begin = filled
                    first, second = -1, np.float32(-np.inf)
                    best = np.float32(-np.inf)
                    for i in range(used):
                        if value[i] < kept or value[i] == -np.inf:
                            continue
                        who[filled] = near[i]
                        prior[filled] = value[i]
                        filled += 1
                        if value[i] > best:
                            second, best, first = best, value[i], near[i]
                        elif value[i] > second:
                            second = value[i]
                    if nobody >= kept:
                        who[filled] = count
                        prior[filled] = nobody
                        filled += 1
                    start[y, x] = begin
                    number[y, x] = filled - begin
                    owner[y, x] = first
                    stray[y, x] = nobody > best
                    top[y, x] = 1 + (count if nobody > best else first)
                    margin = min(best - second, abs(best - nobody))
                    if margin < may:
                        doubt[y, x] = 2 if nobody > best or margin < np.float32(_TIE) else 1
                    else:
                        doubt[y, x] = 0


@part
def _sort_by_distance(boxes, order, gauss, top, left, bottom, right, near):
    """Write the layers that have to do with a tile first, then the others; return how many do."""
    listed, others = 0, len(order)
    for k in order:
        # Half the sides of the box around the ellipse where the tail ends.
        p, q, r = gauss[k, 2], 0.5 * gauss[k, 3], gauss[k, 4]
        down = np.sqrt(_REACH * r / (p * r - q * q))
        aside = np.sqrt(_REACH * p / (p * r - q * q))
        first, start = min(boxes[k, 0], gauss[k, 0] - down), min(boxes[k, 1], gauss[k, 1] - aside)
        last = max(boxes[k, 0] + boxes[k, 2], gauss[k, 0] + down)
        end = max(boxes[k, 1] + boxes[k, 3], gauss[k, 1] + aside)
        if first < bottom and last >= top and start < right and end >= left:
            near[listed] = k
            listed += 1
        else:
            others -= 1
            near[others] = k
    return listed


@entry
def soften(level, least, start, number, log, gamma):
    """Turn log-likelihoods of candidates into responsibilities, where `level` is at least so much.

    level (H, W) uint8, 0 outside the foreground; start and number (H, W) int32, log and gamma
    (P,) float32 as for `candidates`.
    """
    for y in range(level.shape[0]):
        for x in range(level.shape[1]):
            if level[y, x] < least:
                continue
            begin = start[y, x]
            end = begin + number[y, x]
            top, total = log[begin], np.float32(0)
            for i in range(begin + 1, end):
                top = max(top, log[i])
            for i in range(begin, end):
                gamma[i] = np.exp(log[i] - top)
                total += gamma[i]
            for i in range(begin, end):
                gamma[i] /= total


@part
def _mirror(i, size):
    """Return the place of a pixel beyond the border, which is not itself mirrored."""
    while i < 0 or i >= size:
        i = -i if i < 0 else 2 * size - 2 - i
        if size == 1:
            return 0
    return i


@part
def _add(sign, y, x, half, foreground, start, number, who, gamma, share):
    """Add a column of neighbours' responsibilities, or take it away; return how many there are."""
    height, width = foreground.shape
    u = x if 0 <= x < width else _mirror(x, width)
    around = 0
    for v in range(y - half, y + half + 1):
        if v < 0 or v >= height:
            v = _mirror(v, height)
        if foreground[v, u]:
            around += 1
            for i in range(start[v, u], start[v, u] + number[v, u]):
                share[who[i]] += sign * gamma[i]
    return around


@entry
def smooth(level, least, half, foreground, start, number, who, prior, gamma, share, log):
    """Take the neighbours' responsibilities into the candidates' log-likelihoods.

    level, least, start, number as for `soften`; neighbours are within `half` rows and columns;
    foreground (H, W) bool; who, prior, gamma (P,) as for `candidates`; share (N + 1,) float64
    scratch; log (P,) float32, overwritten.
    """
    height, width = level.shape
    for y in range(height):
        last = -1
        around = 0
        for x in range(width):
            if level[y, x] < least:
                continue
            # The sums move on from the pixel before, if that was one of these.
            if last >= 0 and last == x - 1:
                for u, sign in ((last - half, -1.0), (x + half, 1.0)):
                    around += int(sign) * _add(
                        sign, y, u, half, foreground, start, number, who, gamma, share
                    )
            else:
                share[:] = 0
                around = 0
                for u in range(x - half, x + half + 1):
                    around += _add(1.0, y, u, half, foreground, start, number, who, gamma, share)
            last = x
            begin = start[y, x]
            for i in range(begin, begin + number[y, x]):
                near = max(np.float32(share[who[i]] / around), np.float32(0))
                log[i] = prior[i] + np.log(near + np.float32(_LONELY))


@entry
def decide(level, least, start, number, who, log, nobody, owner, stray):
    """Give pixels to the likeliest of their candidates, where `level` is at least so much.

    Arguments as for `smooth`; `nobody` is N; owner (H, W) int32 and stray (H, W) bool, as of
    `candidates`, are overwritten.
    """
    for y in range(level.shape[0]):
        for x in range(level.shape[1]):
            if level[y, x] < least:
                continue
            best, first, other = np.float32(-np.inf), nobody, np.float32(-np.inf)
            for i in range(start[y, x], start[y, x] + number[y, x]):
                # Rounded, so that the last bits decide nothing; of equals the first layer has it.
                total = np.rint(log[i] * np.float32(1000))
                if who[i] == nobody:
                    other = total
                elif total > best or (total == best and who[i] < first):
                    best, first = total, who[i]
            owner[y, x] = first
            stray[y, x] = other > best


@entry
def tally(owner, stray, visible, boxes):
    """Count the pixels that every layer owns, and find the box that holds them.

    owner (H, W) int32, -1 for none; stray (H, W) bool, not counted; visible (N,) intp and boxes
    (N, 4) intp, first row and column, last row and column + 1, overwritten; empty ones are 0.
    """
    visible[:] = 0
    boxes[:] = 0
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            k = owner[y, x]
            if k < 0 or stray[y, x]:
                continue
            if visible[k] == 0:
                boxes[k, 0], boxes[k, 1], boxes[k, 3] = y, x, x + 1
            visible[k] += 1
            boxes[k, 1] = min(boxes[k, 1], x)
            boxes[k, 2] = y + 1
            boxes[k, 3] = max(boxes[k, 3], x + 1)
