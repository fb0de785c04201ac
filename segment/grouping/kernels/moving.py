"""Where layers are: templates are moved to where they explain most (M-step), and ordered."""

from typing import Any, NamedTuple

import numpy as np

from segment.grouping.compiling import entry, part
from segment.grouping.kernels.colours import GRAIN, ODD, fits

__all__ = ["Probes", "Scratch", "Templates", "evidence", "fit", "search", "show", "sweep"]


class Templates(NamedTuple):
    """Layers over a window, N of them; planes are flat, one layer's after another, S pixels.

    covers (S,) float32, how likely each covers a pixel, and never surely; colours (S, C), spreads,
    knowns (S,) float32; boxes (N, 5) intp: where each lies in the window, first row and column,
    height, width, and where it begins in the planes; chances and logs (N, B) float32 as for `fits`;
    fits (S,) float32, what that has written, and fitted (N, 2) intp, where each lay then.
    """

    covers: Any
    colours: Any
    spreads: Any
    knowns: Any
    boxes: Any
    chances: Any
    logs: Any
    fits: Any
    fitted: Any


class Probes(NamedTuple):
    """Pixels of templates that are asked when these are moved, P of them.

    begins (N + 1,) intp, where a layer's begin; rows, columns (P,) intp in its template; shapes,
    spreads (P,) and colours (P, C) float32.
    """

    begins: Any
    rows: Any
    columns: Any
    shapes: Any
    spreads: Any
    colours: Any


class Scratch(NamedTuple):
    """planes (4, H * W) float32, pixels (H * W * C,) uint8, scores (9, 9) float64."""

    planes: Any
    pixels: Any
    scores: Any


# Log-likelihood ratios of the foreground, with a subtractor that misses a tenth of an object
# and reports a thirtieth of the background.
_HIT = 0.9
_FALSE = 0.03


@part
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


@entry
def show(covers, boxes, order, foreground, free, seen):
    """Write how much of every layer's cover is foreground and not behind those before it.

    covers (S,), boxes (N, 5) and order (N,), front to back, as of `Templates`; foreground (H, W)
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


@part
def compare(covers, fits, boxes, foreground, weight, difference):
    """Sum up, for every two layers, where both may be and whose colours fit better there.

    covers and fits (S,) float32, boxes (N, 5) as of `Templates`; foreground (H, W) bool; weight
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


@entry
def fit(templates, k, image, foreground):
    """See how the colours fit where a layer is, unless it has not moved since."""
    top, left, height, width, begin = templates.boxes[k]
    if templates.fitted[k, 0] == top and templates.fitted[k, 1] == left:
        return
    templates.fitted[k, 0], templates.fitted[k, 1] = top, left
    end = begin + height * width
    fits(
        templates.colours[begin:end].reshape((height, width, image.shape[2])),
        templates.spreads[begin:end].reshape((height, width)),
        templates.knowns[begin:end].reshape((height, width)),
        templates.chances[k],
        templates.logs[k],
        top,
        left,
        image,
        foreground,
        templates.fits[begin:end],
    )


@entry
def evidence(templates, image, foreground, weight, found):
    """Write how much better the row's layer than the column's fits where they overlap, nats.

    image (H, W, C) uint8; foreground (H, W) bool; weight (N, N) float64 scratch; found (N, N)
    float64, overwritten.
    """
    boxes = templates.boxes
    for k in range(len(boxes)):
        for j in range(len(boxes)):
            if (
                j != k
                and boxes[k, 0] < boxes[j, 0] + boxes[j, 2]
                and boxes[j, 0] < boxes[k, 0] + boxes[k, 2]
                and boxes[k, 1] < boxes[j, 1] + boxes[j, 3]
                and boxes[j, 1] < boxes[k, 1] + boxes[k, 3]
            ):
                fit(templates, k, image, foreground)
                break
    compare(templates.covers, templates.fits, boxes, foreground, weight, found)
    for j in range(len(boxes)):
        for k in range(len(boxes)):
            if weight[j, k] < 3:
                found[j, k] = 0
            else:
                found[j, k] = min(max(0.15 * found[j, k], -4.0), 4.0)


@part
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


@entry
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
    odd = np.float32(np.log(ODD))
    scores[:] = 0
    total = 1e-6
    for p in range(len(rows)):
        total += shape[p]
        slope = np.float32(0.75 / (channels * (spread[p] + GRAIN * GRAIN)))
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


@part
def longest(loose):
    """Return the sum of the steps of `settle`, pixels."""
    step = max(1, int(np.rint(loose * 2 / 4)))
    total = step
    while step > 1:
        step = step // 2 if step > 3 else 1
        total += step
    return total


@part
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


@entry
def sweep(order, templates, probes, places, loose, weight, image, foreground, scratch):
    """Shift each layer, from front to back, to where it explains most of what the others leave.

    order (N,) intp; places (N, 2) float64, where in the window a layer should lie, and loose (N,)
    float64, how far it may well be from there, pixels; weight: of what is explained, a pixel;
    image (H, W, C) uint8; foreground (H, W) bool. `templates.boxes` is changed.
    """
    height, width, channels = image.shape
    boxes = templates.boxes
    at, place = np.empty(2, np.intp), np.empty(2)
    for i in range(len(order)):
        k = order[i]
        first, last = probes.begins[k], probes.begins[k + 1]
        rows, columns = probes.rows[first:last], probes.columns[first:last]
        # Nothing else need be looked at than where the search may put a probe.
        reach = 4 * longest(loose[k])
        top = min(max(0, boxes[k, 0] + rows.min() - reach), height)
        left = min(max(0, boxes[k, 1] + columns.min() - reach), width)
        high = max(min(max(0, boxes[k, 0] + rows.max() + reach + 1), height) - top, 0)
        wide = max(min(max(0, boxes[k, 1] + columns.max() + reach + 1), width) - left, 0)
        patch = scratch.pixels[: high * wide * channels].reshape((high, wide, channels))
        patch[:] = image[top : top + high, left : left + wide]
        front = scratch.planes[0, : high * wide].reshape((high, wide))
        others = scratch.planes[1, : high * wide].reshape((high, wide))
        gain = scratch.planes[2, : high * wide].reshape((high, wide))
        view = scratch.planes[3, : high * wide].reshape((high, wide))
        front[:] = 1
        cover(templates.covers, boxes, order[:i], top, left, front)
        others[:] = front
        cover(templates.covers, boxes, order[i + 1 :], top, left, others)
        gains(foreground, others, front, top, left, gain, view)
        at[0], at[1] = boxes[k, 0] - top, boxes[k, 1] - left
        place[0], place[1] = places[k, 0] - top, places[k, 1] - left
        settle(
            rows,
            columns,
            probes.shapes[first:last],
            probes.colours[first:last],
            probes.spreads[first:last],
            at,
            place,
            loose[k],
            weight,
            patch,
            gain,
            view,
            scratch.scores,
        )
        boxes[k, 0], boxes[k, 1] = at[0] + top, at[1] + left
