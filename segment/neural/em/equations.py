"""The equations of Neural EM as functions of tensors; B scenes, K slots, C channels, H × W pixels.

Source: Greff, van Steenkiste, Schmidhuber, Neural Expectation Maximization,
arXiv:1708.03498, 2017. The numpy twins are in tests/neural/reference.py.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from segment.neural.device import may_depend_on_values

__all__ = [
    "aligned",
    "bernoulli_loss",
    "bernoulli_responsibilities",
    "gaussian_loss",
    "gaussian_responsibilities",
    "level_responsibilities",
    "noisy_or_loss",
]

# Keeps a pixel that no slot expects shared by all of them, instead of dividing 0 by 0.
FLOOR = 1e-6
UNLIT = -9.2  # the logit of what is not in the frame: once in 10,000 it is lit


def bernoulli_responsibilities(x: Tensor, logits: Tensor) -> Tensor:
    """E-step for binary pixels: γ (B, K, 1, H, W), how much of a pixel each slot explains.

    x (B, C, H, W) in [0, 1]; logits (B, K, C, H, W), of the probability that a value is 1.
    """
    x = x[:, None]
    mu = logits.sigmoid()
    p = 1 - x + mu * (2 * x - 1)  # (B, K, C, H, W)
    if p.shape[2] > 1:
        p = p.clamp_min(FLOOR).log().sum(dim=2, keepdim=True)
        return p.softmax(dim=1)
    p = p + FLOOR
    return p / p.sum(dim=1, keepdim=True)


def level_responsibilities(x: Tensor, logits: Tensor) -> Tensor:
    """E-step for grey levels that stand for probabilities: γ (B, K, 1, H, W).

    p = μ^x (1 - μ)^(1 - x), so that a slot which expects the grey that is there explains it
    best; `bernoulli_responsibilities` would give a middle grey to all slots alike, and a
    dark one to those that expect nothing. On binary frames both are the same.
    """
    p = (x[:, None] * logits - functional.softplus(logits)).sum(dim=2, keepdim=True).exp() + FLOOR
    return p / p.sum(dim=1, keepdim=True)


def aligned(x: Tensor, logits: Tensor, reach: int, passes: int = 2) -> tuple[Tensor, Tensor]:
    """Move every slot's prediction by whole pixels to where it fits the frame best.

    x (B, C, H, W) in [0, 1]; logits (B, K, C, H, W). Returns the logits moved, and how far
    down and right they went (B, K, 2), in pixels. A slot tries every shift of at most `reach`
    rows and columns while the others stay, and takes the one under which the frame is likeliest,
    lit by all slots together (as in `noisy_or_loss`); all slots do so at once, `passes` times.
    What comes in from outside of the frame is dark.

    An E-step over places, after Frey and Jojic, Transformation-invariant clustering using the
    EM algorithm, IEEE PAMI 25, 2003; the best place instead of a mean over all.
    """
    H, W = x.shape[2:]
    padded = functional.pad(logits, (reach,) * 4, value=UNLIT)
    moves = 2 * reach + 1
    with torch.no_grad():
        search = likeliest_by_light if may_depend_on_values(x) else likeliest_of
        chosen = search(x, padded.detach().float(), moves, passes)  # (B, K)
    shifts = torch.stack([reach - chosen // moves, reach - chosen % moves], dim=-1)
    return _cut(padded, chosen, moves, (H, W)), shifts


def likeliest_of(x: Tensor, padded: Tensor, moves: int, passes: int) -> Tensor:
    """The number (B, K) of every slot's likeliest shift: `moves` times its row, and its column.

    One shift after the other, so that what is worked on stays in a cache.
    """
    H, W = x.shape[-2:]
    x = x[:, None]
    dark, unlit = functional.softplus(padded), torch.sigmoid(-padded)  # -log(1 - μ), 1 - μ
    one, middle = dark.new_ones(()), moves // 2

    def shifted(values: Tensor) -> list[Tensor]:
        return [values[..., i : i + H, j : j + W] for i in range(moves) for j in range(moves)]

    cost = torch.stack([((1 - x) * d).flatten(2).sum(dim=2) for d in shifted(dark)])
    now = dark[..., middle : middle + H, middle : middle + W]
    chosen = torch.empty(0)
    for number in range(passes):
        if number:
            now = _cut(dark, chosen, moves, (H, W))
        others = (now - now.sum(dim=1, keepdim=True)).exp()  # Π (1 - μ) over the other slots
        gain = []
        for one_less in shifted(unlit):
            lit = torch.addcmul(one, one_less, others, value=-1).clamp_min_(FLOOR).log_()
            gain.append(lit.mul_(x).flatten(2).sum(dim=2))
        chosen = (torch.stack(gain) - cost).argmax(dim=0)
    return chosen


def likeliest_by_light(x: Tensor, padded: Tensor, moves: int, passes: int) -> Tensor:
    """The same as `likeliest_of`, from the values of `x` that are not 0; these are few.

    A dark pixel costs the same whoever else is there, so all of them together are sums over
    rectangles; only where there is light slots are looked at together.
    """
    K, tall, wide = padded.shape[1], *padded.shape[3:]
    H, W = x.shape[-2:]
    dark = functional.softplus(padded)  # -log(1 - μ)
    rows = torch.stack([dark[..., j : j + W].sum(dim=-1) for j in range(moves)], dim=-1)
    boxes = torch.stack([rows[..., i : i + H, :].sum(dim=-2) for i in range(moves)], dim=-2)
    cost = boxes.sum(dim=2).flatten(2)  # (B, K, shifts)

    light = x.flatten(1)  # (B, C · H · W)
    most = max(1, int((light > 0).sum(dim=1).max()))
    light, where = light.topk(most, dim=1)  # (B, L), with zeros where a frame has less
    channel, place = where // (H * W), where % (H * W)
    corner = (channel * tall + place // W) * wide + place % W  # in `padded`, moved by nothing
    shift = torch.arange(moves, device=x.device)
    shift = (shift[:, None] * wide + shift).flatten()
    index = (shift[:, None] + corner[:, None]).flatten(1)[:, None]  # (B, 1, shifts · L)
    d = dark.flatten(2).gather(2, index.expand(-1, K, -1)).view(-1, K, len(shift), most)
    unlit = (-d).exp()  # (B, K, shifts, L)
    light = light[:, None, None]
    cost = cost - (light * d).sum(dim=3)
    now = d[:, :, len(shift) // 2]
    chosen = torch.empty(0)
    for number in range(passes):
        if number:
            now = d.gather(2, chosen[:, :, None, None].expand(-1, -1, 1, most))[:, :, 0]
        others = (now - now.sum(dim=1, keepdim=True)).exp()[:, :, None]
        lit = (1 - unlit * others).clamp_min_(FLOOR).log_()
        chosen = ((light * lit).sum(dim=3) - cost).argmax(dim=2)
    return chosen


def _cut(padded: Tensor, chosen: Tensor, moves: int, size: tuple[int, int]) -> Tensor:
    """What shift number chosen (B, K) shows of padded (B, K, C, …, …): (B, K, C, H, W)."""
    wide, (H, W) = padded.shape[4], size
    corner = chosen // moves * wide + chosen % moves
    within = torch.arange(H, device=padded.device)[:, None] * wide
    within = (within + torch.arange(W, device=padded.device)).flatten()
    index = (corner[:, :, None] + within)[:, :, None]  # (B, K, 1, H · W)
    cut = padded.flatten(3).gather(3, index.expand(-1, -1, padded.shape[2], -1))
    return cut.view(*padded.shape[:3], H, W)


def gaussian_responsibilities(x: Tensor, mu: Tensor, sigma: float) -> Tensor:
    """E-step for intensities: γ (B, K, 1, H, W).

    x (B, C, H, W) and mu (B, K, C, H, W) in [0, 1]; sigma, the spread of a value.
    A pixel's channels are independent: their densities are multiplied.
    """
    squared = (x[:, None] - mu).square().sum(dim=2, keepdim=True)  # (B, K, 1, H, W)
    # The authors' floor under the density of a pixel, in logarithms.
    scale = x.shape[1] * math.log(math.sqrt(2 * math.pi) * sigma)
    log_p = -squared / (2 * sigma**2) - scale
    return torch.logaddexp(log_p, log_p.new_tensor(math.log(FLOOR))).softmax(dim=1)


def bernoulli_loss(x: Tensor, logits: Tensor, gamma: Tensor, between: float = 1.0) -> Tensor:
    """Both terms of the loss (B,), in nats, summed over pixels and slots.

    γ · BCE(μ, x) + between · (1 - γ) · KL(Bernoulli(0) ‖ Bernoulli(μ)); in logits l that is
    γ (softplus(l) - x l) + between · (1 - γ) softplus(l), which never overflows.
    """
    empty = functional.softplus(logits)
    explained = gamma * x[:, None] * logits
    if between == 1.0:
        # The shares of softplus(l) add up: a slot's target is γ x.
        total = empty - explained
    else:
        total = empty * (gamma + between * (1 - gamma)) - explained
    return total.flatten(1).sum(dim=1)


def noisy_or_loss(x: Tensor, logits: Tensor, gamma: Tensor, between: float = 0.1) -> Tensor:
    """The loss (B,) of slots that light a pixel together: P(1) = 1 - Π (1 - μ).

    In logits: a dark pixel costs Σ softplus(l), as in `bernoulli_loss`; a lit one
    -log(1 - exp(-Σ softplus(l))) + between · Σ (1 - γ) softplus(l), whose second term
    keeps two slots from being sure of the same pixel.

    `bernoulli_loss` charges two slots that are unsure of one pixel several times what it
    charges one slot for both their objects, so it teaches slots to merge objects until
    predictions are sharp. Here both cost about the same.
    """
    x = x[:, None]
    empty = functional.softplus(logits)  # -log(1 - μ)
    dark = empty.sum(dim=1, keepdim=True)  # (B, 1, C, H, W)
    lit = -(-torch.expm1(-dark.clamp_min(FLOOR))).log()
    shared = ((1 - gamma) * empty).sum(dim=1, keepdim=True)
    total = x * (lit + between * shared) + (1 - x) * dark
    return total.flatten(1).sum(dim=1)


def gaussian_loss(x: Tensor, mu: Tensor, gamma: Tensor, between: float = 1.0) -> Tensor:
    """Both terms of the loss (B,) for intensities: γ (μ - x)² / 2 + between · (1 - γ) μ² / 2."""
    inside = gamma * (mu - x[:, None]).square()
    outside = (1 - gamma) * mu.square()
    return (inside + between * outside).flatten(1).sum(dim=1) / 2
