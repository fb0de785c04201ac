"""The equations of Neural EM on whole numpy arrays, float64, slow and plain."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def bernoulli_responsibilities(x, logits):
    mu, x = sigmoid(logits), x[:, None]
    p = x * mu + (1 - x) * (1 - mu)  # (B, K, C, H, W)
    one = p.shape[2] == 1
    p = p + 1e-6 if one else np.maximum(p, 1e-6).prod(axis=2, keepdims=True)
    return p / p.sum(axis=1, keepdims=True)


def level_responsibilities(x, logits):
    mu, x = sigmoid(logits), x[:, None]
    p = (mu**x * (1 - mu) ** (1 - x)).prod(axis=2, keepdims=True) + 1e-6
    return p / p.sum(axis=1, keepdims=True)


def gaussian_responsibilities(x, mu, sigma):
    density = np.exp(-((x[:, None] - mu) ** 2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    p = density.prod(axis=2, keepdims=True) + 1e-6
    return p / p.sum(axis=1, keepdims=True)


def bernoulli_loss(x, logits, gamma, between):
    mu, x = sigmoid(logits), x[:, None]
    inside = -(x * np.log(mu) + (1 - x) * np.log(1 - mu))
    outside = -np.log(1 - mu)  # KL(Bernoulli(0) || Bernoulli(mu))
    return (gamma * inside + between * (1 - gamma) * outside).sum(axis=(1, 2, 3, 4))


def noisy_or_loss(x, logits, gamma, between):
    mu, x = sigmoid(logits), x[:, None]
    lit = 1 - (1 - mu).prod(axis=1, keepdims=True)
    likelihood = -(x * np.log(lit) + (1 - x) * np.log(1 - lit)).sum(axis=(1, 2, 3, 4))
    shared = -(between * x * (1 - gamma) * np.log(1 - mu)).sum(axis=(1, 2, 3, 4))
    return likelihood + shared


def gaussian_loss(x, mu, gamma, between):
    inside = (mu - x[:, None]) ** 2 / 2
    outside = mu**2 / 2  # KL(N(mu, 1) || N(0, 1))
    return (gamma * inside + between * (1 - gamma) * outside).sum(axis=(1, 2, 3, 4))


def gradient_step(error, theta, weight, rate):
    """N-EM: one step of every slot's θ, and the prediction's logits. error (M, N), θ (M, D)."""
    s = sigmoid(theta)
    theta = theta + rate * s * (1 - s) * (error @ weight)
    return sigmoid(theta) @ weight.T, theta


def recurrent_step(error, h, weights):
    """RNN-EM without encoder and norm. error (M, N), h (M, D)."""
    a = np.concatenate([error, h], axis=1) @ weights["remember"].T + weights["remember_bias"]
    return sigmoid(a) @ weights["predict"].T + weights["predict_bias"], sigmoid(a)


def layer_norm(a, scale=1.0, shift=0.0):
    centred = a - a.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(a.var(axis=-1, keepdims=True) + 1e-5) * scale + shift


def relation(h, slots, weights):
    """R-NEM: what other slots do to each slot, pair by pair. h (B * K, D)."""

    def layer(name, x):
        return np.maximum(x @ weights[name].T + weights[name + "_bias"], 0)

    s = layer("describe", h).reshape(-1, slots, weights["describe"].shape[0])
    effects = np.zeros_like(s)
    for k in range(slots):
        for other in range(slots):
            if other == k:
                continue
            e = layer("pair", np.concatenate([s[:, k], s[:, other]], axis=1))
            looked = np.tanh(e @ weights["look"].T + weights["look_bias"])
            attention = sigmoid(looked @ weights["attend"].T + weights["attend_bias"])
            effects[:, k] += attention * layer("effect", e)
    return effects.reshape(len(h), -1)


def up_convolution(x, weight, bias):
    """Nearest neighbours to twice the size, then 4×4, padded one before and two after."""
    x = x.repeat(2, axis=2).repeat(2, axis=3)
    x = np.pad(x, ((0, 0), (0, 0), (1, 2), (1, 2)))
    height, width = x.shape[2] - 3, x.shape[3] - 3
    out = np.zeros((len(x), len(weight), height, width)) + bias[:, None, None]
    for u in range(4):
        for v in range(4):
            part = x[:, :, u : u + height, v : v + width]
            out += np.einsum("oc,mchw->mohw", weight[:, :, u, v], part)
    return out


def aligned(x, logits, reach, passes=2):
    """Every slot's prediction, moved by at most `reach` to where the frame is likeliest."""
    B, K, C, H, W = logits.shape
    moves = [(i, j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)]

    def move(one, by):
        padded = np.pad(one, ((0, 0), (reach, reach), (reach, reach)), constant_values=-9.2)
        return padded[:, reach - by[0] :, reach - by[1] :][:, :H, :W]

    best = [[(0, 0)] * K for _ in range(B)]
    for _ in range(passes):
        before = [list(row) for row in best]
        for b in range(B):
            for k in range(K):
                likely = []
                for by in moves[::-1]:
                    where = [by if j == k else before[b][j] for j in range(K)]
                    unlit = np.ones((C, H, W))
                    for j in range(K):
                        unlit /= 1 + np.exp(move(logits[b, j], where[j]))
                    lit = np.maximum(1 - unlit, 1e-12)
                    likely.append((x[b] * np.log(lit) + (1 - x[b]) * np.log(unlit)).sum())
                best[b][k] = moves[::-1][int(np.argmax(likely))]
    return np.stack([[move(logits[b, k], best[b][k]) for k in range(K)] for b in range(B)])


def relocation(frame, prediction, window):
    """For every scene the slot that goes and where to (row, column), or None."""
    from scipy.ndimage import gaussian_filter

    def blurred(image):
        return gaussian_filter(image, window / 8, mode="constant", truncate=30)

    found = []
    for x, mu in zip(frame.max(axis=1), prediction.max(axis=2), strict=True):
        dark = np.maximum(1 - mu, 1e-6)  # (K, H, W)
        nobody = dark.prod(axis=0)
        missed, seen = blurred(x * nobody), blurred(x)
        floor = np.sort(seen.ravel())[max(1, seen.size // 4) - 1]
        if missed.max() <= floor + 0.6 * (seen.max() - floor):
            found.append(None)
            continue
        others = [np.delete(dark, k, axis=0).prod(axis=0) for k in range(len(dark))]
        own = [blurred(x * (other - nobody)).max() for other in others]
        slot = int(np.argmin(own))
        place = np.unravel_index(missed.argmax(), missed.shape)
        found.append((slot, *map(int, place)) if own[slot] < missed.max() / 2 else None)
    return found
