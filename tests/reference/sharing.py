"""Layers that share a window: whole planes for every layer, and every shift of a search in turn."""

import numpy as np


def softmax(log):
    shifted = np.exp(log - log.max(0))
    return shifted / shifted.sum(0)


def blur(plane, half):
    """Mean of the pixels within `half` rows and columns, the border mirrored."""
    rows = [_mirror(np.arange(n)[:, None] + np.arange(-half, half + 1), n) for n in plane.shape]
    return plane[rows[0][:, None, :, None], rows[1][None, :, None, :]].mean((2, 3))


def _mirror(index, size):
    if size == 1:
        return np.zeros_like(index)
    index = np.abs(index) % (2 * size - 2)
    return np.minimum(index, 2 * size - 2 - index)


def bins(image):
    pixels = image.astype(int)
    if image.shape[2] == 1:
        return pixels[..., 0] >> 3
    return (pixels[..., 0] >> 5) * 64 + (pixels[..., 1] >> 5) * 8 + (pixels[..., 2] >> 5)


def chances(histogram):
    """How many times as likely as by chance a bin is, its neighbours taken into account."""
    share = histogram / histogram.sum()
    cube = share.reshape((8, 8, 8) if len(share) == 512 else (32,))
    for axis in range(cube.ndim):
        padded = np.pad(cube, [(int(a == axis),) * 2 for a in range(cube.ndim)], "edge")
        up, down = (np.take(padded, range(i, i + cube.shape[axis]), axis) for i in (0, 2))
        cube = 0.6 * cube + 0.2 * (up + down)
    return (0.9 * cube.reshape(-1) + 0.1 / len(share)) * len(share)


def spread_out(plane, corner, size):
    """A template's plane (h, w) or (h, w, C) in a window of a size, zeros around it."""
    out = np.zeros((*size, *plane.shape[2:]))
    height, width = plane.shape[:2]
    rows, columns = np.arange(height) + corner[0], np.arange(width) + corner[1]
    down = (rows >= 0) & (rows < size[0])
    right = (columns >= 0) & (columns < size[1])
    out[np.ix_(rows[down], columns[right])] = plane[np.ix_(down, right)]
    return out


def cover(layer, window):
    at = layer.corner - window.corner
    return np.minimum(spread_out(layer.shape, at, window.foreground.shape), 0.97)


def fit(layer, window):
    """Log-likelihood of the colours against any colour's, (H, W)."""
    size, at = window.foreground.shape, layer.corner - window.corner
    colour, spread, known = (
        spread_out(plane, at, size) for plane in (layer.colour, layer.spread, layer.known)
    )
    squared = ((window.image - colour) ** 2).mean(2)
    variance = spread + 14.0**2
    like = (74.0**2 / variance) ** 0.75 * np.exp(-0.75 * squared / variance)
    share = 0.6 * np.minimum(known, 1)
    return np.log(
        0.05 + 0.95 * ((1 - share) * chances(layer.histogram)[bins(window.image)] + share * like)
    )


def search(layer, at, image, gain, view, step):
    """Mean gain a pixel of the shifts, -4 to 4 steps down and right, of a template at `at`."""
    scores = np.zeros((9, 9))
    total = 1e-6
    for row, column in layer.probes:
        shape = layer.shape[row, column]
        total += shape
        for i in range(9):
            for j in range(9):
                y, x = at[0] + row + (i - 4) * step, at[1] + column + (j - 4) * step
                if not (0 <= y < gain.shape[0] and 0 <= x < gain.shape[1]):
                    continue
                squared = ((image[y, x] - layer.colour[row, column].astype(float)) ** 2).mean()
                alike = 1.5 - 0.75 * squared / (layer.spread[row, column] + 14.0**2)
                scores[i, j] += shape * (gain[y, x] + view[y, x] * max(alike, np.log(0.05)))
    return scores / total


class Cluster:
    """The same as `segment.grouping.sharing.mix`, step by step; layers are changed."""

    def __init__(self, layers, window, sweeps=2):
        self.layers, self.window = layers, window
        self.settle_order()
        for _ in range(sweeps):
            for k in self.order:
                self.move(k)
            self.settle_order()
        self.visible = []
        for k, layer in enumerate(layers):
            ahead = self.covered(self.order[: self.order.index(k)])
            seen = ((1 - ahead) * cover(layer, window) * window.foreground).sum()
            self.visible.append(seen / (layer.shape.sum() + 1e-6))
        self.log = self.share()

    def covered(self, which):
        planes = [1 - cover(self.layers[k], self.window) for k in which]
        return 1 - np.prod([np.ones(self.window.foreground.shape), *planes], axis=0)

    def move(self, k):
        layer, inside = self.layers[k], self.window.foreground
        c = self.covered([j for j in self.order if j != k])
        ahead = self.covered(self.order[: self.order.index(k)])
        hit = np.log(0.9 / (c * 0.9 + (1 - c) * 0.03))
        miss = np.log(0.1 / (c * 0.1 + (1 - c) * 0.97))
        gain, view = np.where(inside, hit, miss), np.where(inside, 0.7 * (1 - ahead), 0)
        loose = 1 + 0.04 * layer.size + 0.2 * min(layer.hidden, 0.15 * layer.size)
        loose += 0.15 * layer.size * (layer.age < 5)
        step = max(1, round(loose / 2))
        while True:
            at = layer.corner - self.window.corner
            scores = search(layer, at, self.window.image, gain, view, step)
            shift = (np.indices((9, 9)) - 4) * step
            far = (shift + (layer.corner - layer.place)[:, None, None]) / loose
            best = np.round(25 * scores - 0.5 * (far**2).sum(0), 6)
            best[4, 4] += 1e-5
            i, j = np.unravel_index(best.argmax(), best.shape)
            layer.corner = layer.corner + shift[:, i, j]
            if step == 1:
                return
            step = step // 2 if step > 3 else 1

    def settle_order(self):
        count = len(self.layers)
        self.evidence, self.front = np.zeros((2, count, count))
        for j in range(count):
            for k in range(j + 1, count):
                one, other = self.layers[j], self.layers[k]
                both = cover(one, self.window) * cover(other, self.window) * self.window.foreground
                if both.sum() >= 3:
                    difference = fit(one, self.window) - fit(other, self.window)
                    self.evidence[j, k] = np.clip(0.15 * (both * difference).sum(), -4, 4)
                feet = (one.box[2] - other.box[2]) / (0.1 * min(one.size, other.size) + 1)
                remembered = one.over.get(other.id, 0.0)
                self.front[j, k] = remembered + 0.5 * np.clip(feet, -1, 1) + self.evidence[j, k]
        self.evidence -= self.evidence.T
        self.front -= self.front.T
        score = np.round(np.sign(self.front).sum(1) + 0.1 * self.front.sum(1), 6)
        self.order = sorted(range(count), key=lambda k: (-score[k], self.layers[k].id))

    def share(self):
        """Log-likelihoods (N + 1, H, W) of whose a pixel is, the last nobody's."""
        inside, count = self.window.foreground, len(self.layers)
        y, x = np.indices(inside.shape)
        place = np.full((count + 1, *inside.shape), 0.004)
        free = np.ones(inside.shape)
        for k in self.order:
            layer = self.layers[k]
            middle = layer.corner - self.window.corner + layer.middle
            off = np.stack([y - middle[0], x - middle[1]])
            far = np.einsum("ihw,ij,jhw->hw", off, layer.precision, off)
            own = cover(layer, self.window)
            place[k] = 0.97 * own * free + 0.03 * np.exp(-0.5 * far)
            free = free * (1 - own)
        fits = np.stack([fit(layer, self.window) for layer in self.layers])
        prior = np.log(place + 1e-6) + 0.7 * np.concatenate([fits, np.full((1, *y.shape), -0.7)])
        half = 1 if min(layer.size for layer in self.layers) < 12 else 2
        log = prior
        for _ in range(2):
            gamma = softmax(log) * inside
            near = np.stack([blur(plane, half) for plane in gamma])
            density = np.maximum(blur(inside.astype(float), half), 1e-6)
            log = prior + np.log(near / density + 0.02)
        return log
