"""The network of seeded EM: E-steps between slots, and a convolutional M-step."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from segment.neural.seeded.config import SeededConfig
from segment.neural.seeded.parting import ALIKE
from segment.neural.seeded.squares import CHANNELS

__all__ = ["SeededEM", "seeded_loss"]

NOBODY = 0.01  # so much every pixel is nobody's: no slot need take it
OUTSIDE = 0.1  # weight of what is not foreground in the loss
EQUAL = 0.9  # overlap of two predictions, over the foreground, from which they go on as one: in
# 413 windows of vtest and the street as many objects were found, the same to an ARI of .999


class SeededEM(nn.Module):
    """K slots, each with a point of the foreground, that share out a window's foreground.

    A slot predicts the whole object on which its point lies: ψ, in [0, 1] for every pixel. The
    E-step shares pixels out by the predictions, γ_k = ψ_k / Σ ψ; the M-step is a recurrent
    convolutional network that sees the window, the slot's γ and ψ, what it remembers, and what
    the other slots remember. Two slots on one object come to predict the same, so that the number
    of objects is the number of different predictions.

    Sources: Greff et al., Neural Expectation Maximization, arXiv:1708.03498, 2017 (the loop);
    van Steenkiste et al., arXiv:1802.10353, 2018 (slots that see each other).
    """

    def __init__(self, config: SeededConfig) -> None:
        super().__init__()
        self.config = config
        features, (a, b, c) = config.features, config.widths
        self.describe = nn.Sequential(
            *_layer(4 * CHANNELS, features, 3), *_layer(features, features, 3)
        )
        # Per slot: the description, where its point is, γ and ψ.
        self.to_own = nn.Sequential(*_layer(features + 3 + 8, a, 3))
        self.quarter = nn.Sequential(*_layer(a, b, 4))
        self.eighth = nn.Sequential(*_layer(b, c, 4))
        self.remember = nn.Sequential(*_layer(3 * c, c, 3))
        self.to_quarter = _enlarge(c, b)
        self.at_quarter = nn.Sequential(*_layer(2 * b, b, 3))
        self.to_half = _enlarge(b, a)
        self.at_half = nn.Sequential(*_layer(2 * a, a, 3))
        self.predict = nn.Conv2d(a, 4, 3, padding=1)

    def forward(self, windows: Tensor, seeds: Tensor, steps: int = 3) -> list[Tensor]:
        """Return the logits of ψ (B, K, S, S) after every step.

        windows : (B, 6, S, S) as `windows.cut` gives them.
        seeds : (B, K, 2) row and column of every slot's point.
        """
        B, K = seeds.shape[:2]
        S = self.config.size[0]
        foreground = windows[:, :1]
        known = self.know(windows, seeds)
        psi = windows.new_zeros(B, K, S, S)
        gamma = windows.new_full((B, K, S, S), 1 / K)
        memory = windows.new_zeros(B * K, self.config.widths[2], S // 8, S // 8)
        found = []
        for _ in range(steps):
            own = torch.stack([gamma * foreground, psi], dim=2).flatten(0, 1)  # (B K, 2, S, S)
            each = memory.view(B, K, *memory.shape[1:])
            others = (each.sum(1, keepdim=True) - each) / max(K - 1, 1)
            logits, memory = self.step(known, own, memory, others.flatten(0, 1))
            logits = logits.view(B, K, S, S)
            psi = logits.sigmoid()
            gamma = responsibilities(psi)
            found.append(logits)
        return found

    def settle(self, window: Tensor, seeds: Tensor, steps: int = 3) -> tuple[Tensor, Tensor]:
        """Return what slots predict of one window in the end, and how many each stands for.

        window : (1, 6, S, S). seeds : (1, K, 2). ψ is (N, S, S) in [0, 1], N at most K; the
        numbers (N,) have a sum of K. As `forward`, but slots that come to predict the same share
        their next steps: two that are equal would stay so. Where any two slots are so alike that
        they are one object's, no step follows: of 487 such windows of vtest, the street and TUD
        none was several objects in the end.
        """
        K, S = seeds.shape[1], self.config.size[0]
        foreground = window[0, :1]
        lit = foreground[0] > 0
        known = self.know(window, seeds)
        psi, stand = window.new_zeros(K, S, S), window.new_ones(K)
        gamma = window.new_full((K, S, S), 1 / K)
        memory: Tensor | None = None
        for left in range(steps - 1, -1, -1):
            own = torch.stack([gamma * foreground, psi], dim=1)
            others = None
            if memory is not None:
                total = (stand[:, None, None, None] * memory).sum(0, keepdim=True)
                others = (total - memory) / max(K - 1, 1)
            logits, memory = self.step(known, own, memory, others)
            psi = logits.sigmoid()
            if left:
                alike = _overlaps(psi[:, lit])
                if min(map(min, alike)) > ALIKE:
                    return psi[:1], stand.sum()[None]
                kept, stand = _different(alike, stand)
                if len(kept) < len(psi):
                    psi, memory, known = psi[kept], memory[kept], known[kept]
                gamma = psi / ((stand[:, None, None] * psi).sum(0, keepdim=True) + NOBODY)
        return psi, stand

    def know(self, windows: Tensor, seeds: Tensor) -> Tensor:
        """Return what is the same in every step: (B K, A, S/2, S/2), the first layer's sum so far.

        The first layer sees the window's description, where the slot's point is, and the slot's γ
        and ψ. Its convolution is a sum over these; the window's part is all the slots'.
        """
        first, features = self.to_own[0], self.config.features
        assert isinstance(first, nn.Conv2d)
        described = self.describe(functional.pixel_unshuffle(windows, 2))
        common = functional.conv2d(described, first.weight[:, :features], first.bias, padding=1)
        places = places_of(seeds, self.config.size[0]).to(described.dtype).flatten(0, 1)
        own = functional.conv2d(places, first.weight[:, features : features + 3], padding=1)
        return common.repeat_interleave(seeds.shape[1], dim=0) + own

    def step(
        self, known: Tensor, own: Tensor, memory: Tensor | None, others: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """One M-step of N slots: logits of ψ (N, S, S), and what they remember then.

        known : of `know`. own : (N, 2, S, S), γ and ψ. memory, others : (N, M, S/8, S/8), what
        each remembers, and the mean of the others; None before the first step: zeros.
        """
        first = self.to_own[0]
        assert isinstance(first, nn.Conv2d)
        weight = first.weight[:, self.config.features + 3 :]
        seen = functional.conv2d(functional.pixel_unshuffle(own, 2), weight, padding=1)
        half = self.to_own[2](self.to_own[1](known + seen))
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        if memory is None or others is None:
            memory = self._begin(eighth)
        else:
            memory = self.remember(torch.cat([eighth, memory, others], dim=1))
        up = functional.pixel_shuffle(self.to_quarter(memory), 2)
        up = self.at_quarter(torch.cat([up, quarter], dim=1))
        up = functional.pixel_shuffle(self.to_half(up), 2)
        up = self.at_half(torch.cat([up, half], dim=1))
        return functional.pixel_shuffle(self.predict(up), 2).squeeze(1).float(), memory

    def _begin(self, eighth: Tensor) -> Tensor:
        """Remember what is seen first: of the sum only the part that is not zero."""
        layer, *rest = self.remember
        assert isinstance(layer, nn.Conv2d)
        found = functional.conv2d(
            eighth, layer.weight[:, : eighth.shape[1]], layer.bias, padding=layer.padding
        )
        for one in rest:
            found = one(found)
        return found


def _overlaps(psi: Tensor) -> list[list[float]]:
    """How far any two predictions (K, F) overlap, K times K: 1 the same, 0 nothing in common."""
    one, other = psi[:, None], psi[None]
    common, both = torch.minimum(one, other).sum(2), torch.maximum(one, other).sum(2)
    overlaps: list[list[float]] = (common / both.clamp_min(1e-9)).tolist()
    return overlaps


def _different(alike: list[list[float]], stand: Tensor) -> tuple[Tensor, Tensor]:
    """Of predictions that overlap so far those that differ, and how many each stands for."""
    kept: list[int] = []
    numbers: list[float] = []
    for k, number in enumerate(stand.tolist()):
        for n, other in enumerate(kept):
            if alike[k][other] >= EQUAL:
                numbers[n] += number
                break
        else:
            kept.append(k)
            numbers.append(number)
    return torch.tensor(kept, device=stand.device), stand.new_tensor(numbers)


def responsibilities(psi: Tensor) -> Tensor:
    """E-step: whose a foreground pixel is, given what the slots predict; (B, K, S, S)."""
    return psi / (psi.sum(dim=1, keepdim=True) + NOBODY)


def seeded_loss(logits: list[Tensor], wanted: Tensor, windows: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy (B,) of each slot's prediction, nats a pixel; later steps count more.

    wanted : (B, K, S, S), 1 where the object of the slot's point is.
    known : (B, 1, S, S), 0 where nobody knows whose a pixel is.
    """
    weight = torch.where(windows[:, :1] > 0, known, OUTSIDE)
    area = weight.sum(dim=(2, 3)).clamp_min(1)
    total = torch.zeros((), device=wanted.device)
    for step, ell in enumerate(logits, start=1):
        loss = functional.binary_cross_entropy_with_logits(ell, wanted, reduction="none")
        total = total + step * ((loss * weight).sum(dim=(2, 3)) / area).mean(dim=1)
    return total / sum(range(1, len(logits) + 1))


def places_of(seeds: Tensor, size: int) -> Tensor:
    """Where every pixel of the halved window lies from a slot's point, (B, K, 3, S/2, S/2)."""
    middle = 2 * torch.arange(size // 2, device=seeds.device, dtype=torch.float32) + 0.5
    down = (middle[:, None] - seeds[..., 0, None, None]) / size
    right = (middle - seeds[..., 1, None, None]) / size
    near = torch.exp(-(down**2 + right**2) * (size / 4) ** 2)
    shape = (*near.shape,)
    return 3 * torch.stack([down.expand(shape), right.expand(shape), near], dim=2)


def _layer(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """3×3 keeps the size, 4×4 halves it."""
    convolution = nn.Conv2d(
        inputs, outputs, kernel, stride=kernel // 2 if kernel == 4 else 1, padding=1
    )
    return [convolution, nn.GroupNorm(4, outputs), nn.ReLU()]


def _enlarge(inputs: int, outputs: int) -> nn.Conv2d:
    """Four values a pixel, which become four pixels."""
    return nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
