"""The compiled loops of grouping: lay templates over a picture, move them, learn them.

A template is four planes of one size around an object: `shape`, how likely the object covers the
pixel; `colour` and `spread`, its mean colour there and the variance about it; and a histogram of
all its colours. Windows are views of a picture and its foreground; (top, left) is where the
template's first pixel lies in the window.
"""

from typing import Any

import numpy as np

from segment.kernels import kept

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_compile = kept.compiled(**_OPTIONS)

# Log-likelihood ratios of the foreground, with a subtractor that misses a tenth of an object
# and reports a thirtieth of the background.
_HIT = 0.9
_FALSE = 0.03
# Least standard deviation of an object's colour at one place, grey levels, and the share of
# its pixels that look like nothing seen before.
_GRAIN = 14.0
_ODD = 0.05


@_compile
def colour_bin(pixel):
    """Return the number of a colour (C,): 8 steps of each of three channels, or 32 of grey."""
    if pixel.shape[0] == 1:
        return pixel[0] >> 3
    return ((pixel[0] >> 5) << 6) | ((pixel[1] >> 5) << 3) | (pixel[2] >> 5)


@_compile
def fits(colour, spread, known, chances, logs, top, left, image, foreground, fit):
    """Write how well the colours of a window fit a template that lies there: log-likelihoods.

    colour (h, w, C), spread and known (h, w) float32; chances (B,) float32, times as likely as
    by chance, and logs (B,) float32, what that makes where no colour is known; image (H, W, C)
    uint8; foreground (H, W) bool; fit (h * w,) float32, overwritten in the foreground only.
    """
    height, width, channels = image.shape
    rows, columns = known.shape
    # 74 is the standard deviation of the uniform; channels tell about as much as one and a half.
    uniform, slope = np.float32(74.0 * 74.0), np.float32(-0.75 / channels)
    grain, odd = np.float32(_GRAIN * _GRAIN), np.float32(_ODD)
    one, most = np.float32(1), np.float32(0.6)
    for r in range(max(0, -top), min(rows, height - top)):
        y = top + r
        for c in range(max(0, -left), min(columns, width - left)):
            x = left + c
            if not foreground[y, x]:
                continue
            shade = colour_bin(image[y, x])
            if known[r, c] <= 0:
                fit[r * columns + c] = logs[shade]
                continue
            squared = np.float32(0)
            for k in range(channels):
                difference = np.float32(image[y, x, k]) - colour[r, c, k]
                squared += difference * difference
            sharp = one / (spread[r, c] + grain)
            root = np.sqrt(uniform * sharp)
            like = root * np.sqrt(root) * np.exp(slope * squared * sharp)
            share = min(known[r, c], one) * most
            value = (one - share) * chances[shade] + share * like
            fit[r * columns + c] = np.log(odd + (one - odd) * value)


@_compile
def cover(covers, boxes, which, top, left, free):
    """Multiply how likely a pixel of an area is free with how likely some layers leave it so.

    covers (S,) float32, the layers' templates one after another; boxes (N, 5) intp: where each
    lies in the window, first row and column, height, width, and where it begins in `covers`;
    which (M,) intp; free (h, w) float32, updated, an area that begins at (top, left).
    """
    height, width = free.shape
    for k in which:
        first, start, rows, columns, begin = boxes[k]
        left_edge, right_edge = max(left, start), min(left + width, start + columns)
        for y in range(max(top, first), min(top + height, first + rows)):
            at = begin + (y - first) * columns - start
            for x in range(left_edge, right_edge):
                free[y - top, x - left] *= np.float32(1) - covers[at + x]


@_compile
def show(covers, boxes, order, foreground, free, seen):
    """Write how much of every layer's cover is foreground and not behind those before it.

    covers (S,), boxes (N, 5) and order (N,), front to back, as for `uncover`; foreground (H, W)
    bool; free (H, W) float32, overwritten; seen (N,) float64, overwritten, pixels.
    """
    height, width = foreground.shape
    free[:] = 1
    for k in order:
        top, left, rows, columns, begin = boxes[k]
        total = 0.0
        for y in range(max(0, top), min(height, top + rows)):
            at = begin + (y - top) * columns - left
            for x in range(max(0, left), min(width, left + columns)):
                cover = covers[at + x]
                if foreground[y, x]:
                    total += free[y, x] * cover
                free[y, x] *= np.float32(1) - cover
        seen[k] = total


@_compile
def compare(covers, fits, boxes, foreground, weight, difference):
    """Sum up, for every two layers, where both may be and whose colours fit better there.

    covers and fits (S,) float32, boxes (N, 5) as for `uncover`; foreground (H, W) bool; weight
    and difference (N, N) float64, overwritten: the sum of both covers, and of it times the fit
    of the row's layer less that of the column's.
    """
    height, width = foreground.shape
    weight[:] = 0
    difference[:] = 0
    for j in range(len(boxes)):
        for k in range(j + 1, len(boxes)):
            top, bottom = max(0, boxes[j, 0], boxes[k, 0]), height
            left, right = max(0, boxes[j, 1], boxes[k, 1]), width
            for i in (j, k):
                bottom = min(bottom, boxes[i, 0] + boxes[i, 2])
                right = min(right, boxes[i, 1] + boxes[i, 3])
            common, better = 0.0, 0.0
            for y in range(top, bottom):
                one = boxes[j, 4] + (y - boxes[j, 0]) * boxes[j, 3] - boxes[j, 1]
                other = boxes[k, 4] + (y - boxes[k, 0]) * boxes[k, 3] - boxes[k, 1]
                for x in range(left, right):
                    both = covers[one + x] * covers[other + x]
                    if both > 0 and foreground[y, x]:
                        common += both
                        better += both * (fits[one + x] - fits[other + x])
            weight[j, k] = weight[k, j] = common
            difference[j, k] = better
            difference[k, j] = -better


@_compile
def gains(foreground, others, front, top, left, gain, view):
    """Write what covering a pixel of an area explains: log-likelihoods, nats.

    foreground (H, W) bool; others and front (h, w) float32, how likely no other layer covers
    the pixel already, and none before this one, in an area that begins at (top, left); gain
    (h, w) float32, overwritten, for the foreground, and view (h, w) float32, overwritten, the
    weight of the colours.
    """
    one, weight = np.float32(1), np.float32(0.7)
    hit, lucky = np.float32(np.log(_HIT)), np.float32(_HIT - _FALSE)
    miss, rest = np.float32(np.log(1 - _HIT)), np.float32(1 - _FALSE)
    false = np.float32(_FALSE)
    for y in range(others.shape[0]):
        for x in range(others.shape[1]):
            covered = one - others[y, x]
            if foreground[top + y, left + x]:
                gain[y, x] = hit - np.log(false + lucky * covered)
                view[y, x] = weight * front[y, x]
            else:
                gain[y, x] = miss - np.log(rest - lucky * covered)
                view[y, x] = 0


@_compile
def search(rows, columns, shape, colour, spread, top, left, image, gain, view, step, scores):
    """Score shifts of a template: what it explains of foreground and colours at each.

    rows, columns (P,) intp, pixels of the template that are asked, with shape and spread (P,)
    and colour (P, C), float32; image (H, W, C) uint8; gain (H, W) float32 of `gains`; view
    (H, W) float32, weight of the colours, 0 outside the foreground and where others are in
    front; scores (2 R + 1, 2 R + 1) float64, overwritten: the mean gain a pixel, nats, of
    shifts that are `step` pixels apart.
    """
    height, width, channels = image.shape
    reach = scores.shape[0] // 2
    odd = np.float32(np.log(_ODD))
    scores[:] = 0
    total = 1e-6
    for p in range(len(rows)):
        total += shape[p]
        slope = np.float32(0.75 / (channels * (spread[p] + _GRAIN * _GRAIN)))
        for i in range(2 * reach + 1):
            y = rows[p] + top + (i - reach) * step
            if y < 0 or y >= height:
                continue
            for j in range(2 * reach + 1):
                x = columns[p] + left + (j - reach) * step
                if x < 0 or x >= width:
                    continue
                value = gain[y, x]
                if view[y, x] > 0:
                    squared = np.float32(0)
                    for c in range(channels):
                        difference = np.float32(image[y, x, c]) - colour[p, c]
                        squared += difference * difference
                    value += view[y, x] * max(np.float32(1.5) - slope * squared, odd)
                scores[i, j] += shape[p] * value
    scores /= total


@_compile
def longest(loose):
    """Return the sum of the steps of `settle`, pixels."""
    step = max(1, int(np.rint(loose * 2 / 4)))
    total = step
    while step > 1:
        step = step // 2 if step > 3 else 1
        total += step
    return total


@_compile
def settle(
    rows, columns, shape, colour, spread, at, place, loose, weight, image, gain, view, scores
):
    """Move a template to where it explains most, near where it should be: coarse to fine.

    rows to spread, image, gain, view and scores (9, 9) as for `search`; at (2,) intp, where
    the template's first pixel lies, changed; place (2,) float64, where it should lie, and
    `loose` how far it may well be from there, pixels; weight: of the scores.
    """
    step = max(1, int(np.rint(loose * 2 / 4)))
    while True:
        search(rows, columns, shape, colour, spread, at[0], at[1], image, gain, view, step, scores)
        best, down, right = -np.inf, 0, 0
        for i in range(9):
            far_down = ((i - 4) * step + (at[0] - place[0])) / loose
            for j in range(9):
                far_right = ((j - 4) * step + (at[1] - place[1])) / loose
                total = weight * scores[i, j] - 0.5 * (far_down**2 + far_right**2)
                # Rounded, so that a place in the picture does not decide by its last bits.
                total = np.rint(total * 1e6) / 1e6
                if i == 4 and j == 4:
                    total += 1e-5  # stay when nothing is better
                if total > best:
                    best, down, right = total, i - 4, j - 4
        at[0] += down * step
        at[1] += right * step
        if step == 1:
            break
        step = step // 2 if step > 3 else 1


# The E-step. Of a pixel only those layers are kept that may come to own it, or that weigh with
# its neighbours: its candidates. They lie in lists, one pixel's after another.
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


@_compile
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


@_compile
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


@_compile
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


@_compile
def _mirror(i, size):
    """Return the place of a pixel beyond the border, which is not itself mirrored."""
    while i < 0 or i >= size:
        i = -i if i < 0 else 2 * size - 2 - i
        if size == 1:
            return 0
    return i


@_compile
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


@_compile
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


@_compile
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


@_compile
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


@_compile
def learn(shape, colour, spread, known, histogram, top, left, image, state, rate, tint):
    """Let a template follow what is seen of its object.

    state (H, W) uint8: 0 the object is not there, 1 it is, 2 nobody knows. `rate` for the
    shape, `tint` for colours; histogram (B,) float64, counts, is faded by `tint` and updated.
    """
    height, width = state.shape
    seen = 0
    for r in range(shape.shape[0]):
        y = top + r
        if y < 0 or y >= height:
            continue
        for c in range(shape.shape[1]):
            x = left + c
            if x >= 0 and x < width and state[y, x] == 1:
                seen += 1
    if seen:
        for b in range(len(histogram)):
            histogram[b] *= 1 - tint
    for r in range(shape.shape[0]):
        y = top + r
        if y < 0 or y >= height:
            continue
        for c in range(shape.shape[1]):
            x = left + c
            if x < 0 or x >= width or state[y, x] == 2:
                continue
            if state[y, x] == 0:
                shape[r, c] -= rate * shape[r, c]
                continue
            shape[r, c] += rate * (1 - shape[r, c])
            histogram[colour_bin(image[y, x])] += tint / seen
            if known[r, c] == 0:
                for k in range(colour.shape[2]):
                    colour[r, c, k] = image[y, x, k]
                spread[r, c] = 200.0
                known[r, c] = 0.3
                continue
            squared = np.float32(0)
            for k in range(colour.shape[2]):
                difference = image[y, x, k] - colour[r, c, k]
                squared += difference * difference
                colour[r, c, k] += tint * difference
            squared /= colour.shape[2]
            spread[r, c] += tint * (min(squared, np.float32(5000)) - spread[r, c])
            known[r, c] += np.float32(0.2) * (1 - known[r, c])
