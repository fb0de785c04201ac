"""Encoders, decoders and cells: how a slot turns what it failed to predict into its next guess."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from segment.neural.em.config import NeuralEMConfig

__all__ = [
    "Decoder",
    "DownConvolution",
    "Encoder",
    "GradientCell",
    "RecurrentCell",
    "Relation",
    "UpConvolution",
    "linear",
]

FEW = 4  # channels up to which a `DownConvolution` is faster than a plain one


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """Fully connected, begun as TensorFlow does: Glorot's uniform weights, no bias."""
    layer = nn.Linear(inputs, outputs, bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class UpConvolution(nn.Module):
    """Nearest neighbours to twice the size, then a 4×4 convolution, as one 3×3 at the small size.

    Of the four pixels that a small one becomes, each sees the small neighbours
    through a 3×3 kernel folded from the 4×4: 36 products a value instead of 64,
    and no enlarged map is ever stored. Padding is one before and two after.

    size : (height, width) of the small map.
    """

    fold: Tensor
    index: Tensor

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 4, 4))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight)
        fold = torch.zeros(2, 3, 4)  # (pixel within the pair, small tap, large tap)
        for pixel in range(2):
            for tap in range(4):
                fold[pixel, (pixel - 1 + tap) // 2 + 1, tap] = 1
        self.register_buffer("fold", fold, persistent=False)
        # Where a large map's pixels lie among its four small ones.
        self.size = (2 * size[0], 2 * size[1])
        small = torch.arange(4 * size[0] * size[1]).view(2, 2, *size)
        self.register_buffer("index", small.permute(2, 0, 3, 1).flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        outputs, inputs = self.weight.shape[:2]
        weight = torch.einsum("pau,qbv,ocuv->opqcab", self.fold, self.fold, self.weight)
        weight = weight.reshape(4 * outputs, inputs, 3, 3)
        x = functional.conv2d(x, weight, self.bias.repeat_interleave(4), padding=1)
        four = x.reshape(len(x), outputs, -1)
        # A gather, since copies with small strides take three times as long.
        return four.gather(2, self.index.expand(*four.shape[:2], -1)).view(-1, outputs, *self.size)


class DownConvolution(nn.Module):
    """A 4×4 convolution, every second pixel, as one 2×2 on the four pixels of each pair of rows.

    For few channels, of which a convolution takes as long as for many: the gradient of its input
    takes a seventh of the time of the plain one's with four. Padding is one on each side.

    size : (height, width) of the large map, both even.
    """

    index: Tensor
    inside: Tensor

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 4, 4))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight)

        # Where four small maps, of every second row and column, lie in the large one padded by one.
        (H, W), self.size = size, (size[0] // 2 + 1, size[1] // 2 + 1)
        row = torch.arange(H + 2).view(-1, 2).T[:, None, :, None] - 1  # (p, 1, h, 1)
        column = torch.arange(W + 2).view(-1, 2).T[None, :, None, :] - 1  # (1, q, 1, w)
        inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
        index = row.clamp(0, H - 1) * W + column.clamp(0, W - 1)
        self.register_buffer("index", index.flatten(), persistent=False)
        self.register_buffer("inside", inside.flatten().float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        outputs, inputs = self.weight.shape[:2]
        four = x.flatten(2).gather(2, self.index.expand(*x.shape[:2], -1)) * self.inside
        four = four.to(x.dtype).view(-1, 4 * inputs, *self.size)
        weight = self.weight.view(outputs, inputs, 2, 2, 2, 2)  # (o, i, a, p, b, q)
        weight = weight.permute(0, 1, 3, 5, 2, 4).reshape(outputs, 4 * inputs, 2, 2)
        # The layout that plain convolutions after it have, lest their gradient comes in another.
        weight = weight.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(four, weight, self.bias)


class Encoder(nn.Module):
    """A slot's share of the error (M, C, H, W) → features (M, F)."""

    def __init__(self, config: NeuralEMConfig) -> None:
        super().__init__()
        self.standardise = config.standardise
        layers: list[nn.Module] = []
        channels, size = config.channels, config.size
        for width in config.conv:
            norm = [nn.GroupNorm(1, width)] if config.norm else []
            layers += [_halving(channels, width, size), *norm, nn.ELU()]
            channels, size = width, (size[0] // 2, size[1] // 2)
        layers.append(nn.Flatten())
        shrink = 4 ** len(config.conv)
        features = channels * config.size[0] * config.size[1] // shrink
        for width in config.dense:
            layers += [
                linear(features, width),
                *([nn.LayerNorm(width)] if config.norm else []),
                nn.ELU(),
            ]
            features = width
        self.layers = nn.Sequential(*layers)
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        if self.standardise:
            x = functional.layer_norm(x, x.shape[1:])
        features: Tensor = self.layers(x)
        return features


def _halving(inputs: int, outputs: int, size: tuple[int, int]) -> nn.Module:
    """A 4×4 convolution of every second pixel, the faster of two ways to compute it."""
    if inputs <= FEW:
        return DownConvolution(inputs, outputs, size)
    convolution = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
    nn.init.xavier_uniform_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution


class Decoder(nn.Module):
    """What a slot remembers (M, D) → its prediction (M, C, H, W), before any activation."""

    def __init__(self, config: NeuralEMConfig) -> None:
        super().__init__()
        shrink = 2 ** len(config.conv)
        size = (config.size[0] // shrink, config.size[1] // shrink)
        depth = config.conv[-1] if config.conv else config.channels
        widths = (*reversed(config.dense), depth * math.prod(size))
        layers: list[nn.Module] = []
        features = config.hidden
        for index, wide in enumerate(widths):
            layers.append(linear(features, wide))
            if config.conv or index + 1 < len(widths):
                layers += [*([nn.LayerNorm(wide)] if config.norm else []), nn.ReLU()]
            features = wide
        layers.append(nn.Unflatten(1, (depth, *size)))
        channels = (*reversed(config.conv[:-1]), config.channels) if config.conv else ()
        for index, wide in enumerate(channels):
            layers.append(UpConvolution(depth, wide, size))
            if index + 1 < len(channels):
                layers += [*([nn.GroupNorm(1, wide)] if config.norm else []), nn.ReLU()]
            depth, size = wide, (2 * size[0], 2 * size[1])
        self.layers = nn.Sequential(*layers)

    def forward(self, h: Tensor) -> Tensor:
        prediction: Tensor = self.layers(h)
        return prediction


class GradientCell(nn.Module):
    """N-EM: a slot's memory θ takes one step up the gradient of its own likelihood.

    The prediction is W σ(θ), before its activation; the step η σ'(θ) Wᵀ error with
    the same W, and η, one number, is learned.
    """

    def __init__(self, config: NeuralEMConfig) -> None:
        super().__init__()
        self.shape = (config.channels, *config.size)
        self.weight = nn.Parameter(torch.empty(config.values, config.hidden))
        nn.init.xavier_uniform_(self.weight)
        # The authors' start is U(-√3, √3); a negative step would first have to be unlearned.
        self.rate = nn.Parameter(torch.ones(()))

    def forward(self, error: Tensor, theta: Tensor, slots: int) -> tuple[Tensor, Tensor]:
        s = theta.sigmoid()
        theta = theta + self.rate * s * (1 - s) * (error.flatten(1) @ self.weight)  # (M, D)
        prediction = functional.linear(theta.sigmoid(), self.weight)
        return prediction.view(-1, *self.shape), theta


class RecurrentCell(nn.Module):
    """RNN-EM and R-NEM: encoder → recurrent network → decoder.

    With `norm` the network carries σ(a), while the decoder sees σ(LN(a)).
    """

    def __init__(self, config: NeuralEMConfig) -> None:
        super().__init__()
        self.encode = Encoder(config)
        self.relate = Relation(config) if config.cell == "r-nem" else None
        inputs = self.encode.features + config.hidden
        self.remember = linear(inputs + (config.relation if self.relate else 0), config.hidden)
        self.norm = nn.LayerNorm(config.hidden) if config.norm else nn.Identity()
        self.decode = Decoder(config)

    def forward(self, error: Tensor, h: Tensor, slots: int) -> tuple[Tensor, Tensor]:
        features = [self.encode(error), h]
        if self.relate is not None:
            features.append(self.relate(h, slots))
        a = self.remember(torch.cat([f.to(features[0].dtype) for f in features], dim=1))  # (M, D)
        return self.decode(self.norm(a).sigmoid()), a.sigmoid()


class Relation(nn.Module):
    """What the other slots do to each slot: (B · K, D) → (B · K, R).

    Source: van Steenkiste et al., Relational Neural Expectation Maximization,
    arXiv:1802.10353, 2018.
    """

    def __init__(self, config: NeuralEMConfig) -> None:
        super().__init__()
        wide, narrow = config.relation, config.attention
        self.describe = self._layer(config.hidden, wide, config.norm)
        self.pair = self._layer(2 * wide, wide, config.norm)
        self.effect = self._layer(wide, wide, config.norm)
        self.look = linear(wide, narrow)
        self.look_norm = nn.LayerNorm(narrow) if config.norm else nn.Identity()
        self.attend = linear(narrow, 1)

    @staticmethod
    def _layer(inputs: int, outputs: int, norm: bool) -> nn.Sequential:
        layers: list[nn.Module] = [linear(inputs, outputs)]
        layers += [nn.LayerNorm(outputs)] if norm else []
        return nn.Sequential(*layers, nn.ReLU())

    def forward(self, h: Tensor, slots: int) -> Tensor:
        s = self.describe(h).unflatten(0, (-1, slots))  # (B, K, R)
        B, K, R = s.shape
        if K == 1:
            return h.new_zeros(B, R)
        # Pairs (k, other) without (k, k), which would be a slot's effect on itself.
        pairs = [(k, other) for k in range(K) for other in range(K) if other != k]
        me, others = torch.tensor(pairs, device=h.device).unbind(dim=1)
        e = self.pair(torch.cat([s[:, me], s[:, others]], dim=2))  # (B, K (K - 1), R)
        attention = self.attend(self.look_norm(self.look(e)).tanh()).sigmoid()
        effects = (attention * self.effect(e)).unflatten(1, (K, K - 1)).sum(dim=2)  # (B, K, R)
        summed: Tensor = effects.flatten(0, 1)
        return summed
