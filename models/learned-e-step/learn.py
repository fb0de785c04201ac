"""Train the learned E-step on drawn footage, or go on from weights that are there.

    python models/learned-e-step/learn.py --out DIR --minutes 30 [--begin e-step.safetensors]

Footage is composed (benchmarks/composed, drawn and free things only), runs through
`LearnedSubtractor` with the weights at hand, whose own posteriors feed back into what it learns,
and leaves its statistics and the truth as samples; a fifth of the sequences is told the truth,
so that training may begin from nothing. After each round the network learns from all
samples so far. Needs torch; seeds follow from --seed.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.composed import KINDS, FreeSources, compose
from segment.background.learned import LearnedSubtractor, weights
from segment.background.learned.kernels.records import BLOCK, PLANES
from segment.background.learned.network import DOUBTFUL, LOW

SIZES = (12, 24, 32, 32)  # maps of the four levels


class Net(nn.Module):
    """The network of segment/background/learned/network.py, with gradients."""

    def __init__(self) -> None:
        super().__init__()
        c0, c1, c2, c3 = SIZES

        def conv(inward: int, outward: int, side: int = 3) -> nn.Conv2d:
            return nn.Conv2d(inward, outward, side, padding=side // 2)

        self.e0 = conv(PLANES, c0)
        self.a1, self.b1 = conv(c0, c1), conv(c1, c1)
        self.a2, self.b2 = conv(c1, c2), conv(c2, c2)
        self.a3, self.b3 = conv(c2, c3), conv(c3, c3)
        self.u2 = conv(c2, c2)
        self.t1, self.u1 = conv(c2, c1, 1), conv(c1, c1)
        self.t0, self.u0 = conv(c1, c0, 1), conv(c0, c0)
        self.out = conv(c0, 5, 1)
        nn.init.constant_(self.out.bias, -2.0)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Planes (B, PLANES, h, w) uint8 -> logits (B, 5, h, w): of 2 x 2 pixels, of shadow."""
        height, width = planes.shape[2:]
        right, below = -width % BLOCK, -height % BLOCK
        active = _active(functional.pad(planes.float(), (0, right, 0, below)))
        x = functional.pad(planes.float(), (0, right, 0, below), mode="replicate")
        x = torch.cat([x[:, :4], x[:, 4:8] - 128, x[:, 8:]], 1) / 64
        m0, m1, m2, m3 = (_larger(active, BLOCK >> level) for level in range(4))
        relu, halve = functional.relu, lambda maps: functional.avg_pool2d(maps, 2)
        e0 = relu(self.e0(x)) * m0
        d1 = relu(self.b1(relu(self.a1(halve(e0))) * m1)) * m1
        d2 = relu(self.b2(relu(self.a2(halve(d1))) * m2)) * m2
        d3 = relu(self.b3(relu(self.a3(halve(d2))) * m3)) * m3
        u2 = relu(self.u2((_larger(d3, 2) + d2) * m2)) * m2
        u1 = relu(self.u1((_larger(self.t1(u2), 2) + d1) * m1)) * m1
        u0 = relu(self.u0((_larger(self.t0(u1), 2) + e0) * m0)) * m0
        logits = self.out(u0) * m0 - 12 * (1 - m0)
        return logits[:, :, :height, :width]


def _larger(maps: torch.Tensor, times: int) -> torch.Tensor:
    return maps.repeat_interleave(times, 2).repeat_interleave(times, 3)


def _active(planes: torch.Tensor) -> torch.Tensor:
    doubt = (planes[:, :4] >= int(LOW)).float().sum(1, keepdim=True)
    doubt = doubt + 2 * (planes[:, 17:18] > int(DOUBTFUL)).float()
    hot = (functional.avg_pool2d(doubt, BLOCK) * BLOCK**2 >= 1.5).float()
    return functional.max_pool2d(hot, 3, 1, 1)


def packed(full: np.ndarray) -> np.ndarray:
    """(H, W) -> (4, h, w): the pixels of 2 x 2."""
    height, width = full.shape
    full = np.pad(full, ((0, height % 2), (0, width % 2)), mode="edge")
    return np.stack([full[::2, ::2], full[::2, 1::2], full[1::2, ::2], full[1::2, 1::2]])


def samples(kind: str, seed: int, every: int, told: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Statistics and truth of some frames of a composed sequence."""
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    size = (240, 320) if rng.random() < 0.8 else (120, 160)
    length = 900 if kind == "standing" else int(rng.integers(180, 330))
    subtractor = LearnedSubtractor(stabilize=True)
    found = []
    for number, (image, truth) in enumerate(
        compose(kind, seed, FreeSources(), size=size, length=length)
    ):
        known = None
        if told and rng.random() < 0.95:  # a network that knows nothing is told, now and then not
            known = np.where(truth == 255, 1, -1).astype(np.int8)
        subtractor.apply(image, known=known)
        early = number < 30 and number % 3 == 0
        sight, state = subtractor._sight, subtractor._state
        if number > 1 and (early or number % every == 0) and state.shift == (0, 0):
            found.append((sight.planes.copy(), packed(truth)))
    return found


def batch(pool: list, rng: np.random.Generator, count: int = 8) -> tuple[torch.Tensor, ...]:
    """Windows of samples, some mirrored: nothing is to be learned of where things use to be."""
    height, width = (96, 128) if rng.random() < 0.5 else (60, 80)
    seen, true = [], []
    for planes, truth in (pool[i] for i in rng.choice(len(pool), count)):
        h, w = planes.shape[1:]
        more = max(0, height - h), max(0, width - w)
        planes = np.pad(planes, ((0, 0), (0, more[0]), (0, more[1])), mode="edge")
        truth = np.pad(truth, ((0, 0), (0, more[0]), (0, more[1])), constant_values=170)
        y = int(rng.integers(0, planes.shape[1] - height + 1))
        x = int(rng.integers(0, planes.shape[2] - width + 1))
        planes = planes[:, y : y + height, x : x + width]
        truth = truth[:, y : y + height, x : x + width]
        if rng.random() < 0.5:
            order = [1, 0, 3, 2, 5, 4, 7, 6, *range(8, PLANES)]
            planes, truth = planes[order, :, ::-1], truth[[1, 0, 3, 2], :, ::-1]
        if rng.random() < 0.4:
            order = [2, 3, 0, 1, 6, 7, 4, 5, *range(8, PLANES)]
            planes, truth = planes[order, ::-1], truth[[2, 3, 0, 1], ::-1]
        planes = planes.copy()
        if rng.random() < 0.12:  # the last posterior and how long it lasts may be wrong
            planes[17:19] = 0
        seen.append(planes)
        true.append(truth.copy())
    truth = torch.from_numpy(np.stack(true))
    valid = ((truth == 0) | (truth == 50) | (truth == 255)).float()
    shadow = (truth == 50).float().mean(1, keepdim=True)
    return torch.from_numpy(np.stack(seen)), (truth == 255).float(), shadow, valid


def loss_of(logits: torch.Tensor, truth: torch.Tensor, shadow: torch.Tensor, valid: torch.Tensor):
    """Cross entropy plus half of Dice on foreground, and a little on shadows."""
    entropy = functional.binary_cross_entropy_with_logits
    found = logits[:, :4]
    first = (entropy(found, truth, reduction="none") * valid).sum() / valid.sum().clamp(min=1)
    share, true = found.sigmoid() * valid, truth * valid
    both = (share * true).sum((1, 2, 3))
    dice = 1 - (2 * both + 20) / ((share + true).sum((1, 2, 3)) + 20)
    seen = valid.amin(1, keepdim=True)
    third = (entropy(logits[:, 4:5], shadow, reduction="none") * seen).sum()
    return first + 0.5 * dice.mean() + 0.3 * third / seen.sum().clamp(min=1)


def save(net: Net, path: Path) -> None:
    """Write the weights as `weights.load` reads them."""
    tensors = {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}
    metadata = {"format": weights.FORMAT, "version": "1"}
    metadata["checksum"] = weights.checksum(metadata, tensors)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)


def main() -> None:
    """Compose, train, save, round after round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0, help="of training, all rounds")
    parser.add_argument("--begin", type=Path, help="weights to go on from")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3, help="sequences of a kind in a round")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    rng = np.random.default_rng(asked.seed)
    net = Net()
    if asked.begin:
        begin = {name: torch.from_numpy(v) for name, v in load_file(asked.begin).items()}
        net.load_state_dict(begin)
    pool: list = []
    for round_ in range(asked.rounds):
        # Its own answers feed back, from what it is now.
        known = {name: value.detach().numpy() for name, value in net.state_dict().items()}
        layers = weights.pack(known)
        weights.load = lambda layers=layers: layers
        for kind in asked.kinds:
            for k in range(asked.seeds):
                seed = 1000 + asked.seeds * round_ + k
                told = (round_ == 0 and not asked.begin) or rng.random() < 0.2
                pool += samples(kind, seed, 16 if kind == "standing" else 8, told)
        print(f"round {round_}: {len(pool)} samples", flush=True)
        seconds = 60 * asked.minutes / asked.rounds
        optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
        began, count, mean = time.monotonic(), 0, 1.0
        while (part := (time.monotonic() - began) / seconds) < 1:
            rate = 2e-3 * min(1, count / 50 + 0.02) * (0.5 * (1 + np.cos(np.pi * part)) + 0.01)
            optimiser.param_groups[0]["lr"] = rate
            planes, truth, shadow, valid = batch(pool, rng)
            value = loss_of(net(planes), truth, shadow, valid)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            mean, count = 0.98 * mean + 0.02 * value.item(), count + 1
            if count % 100 == 0:
                print(f"{count} {mean:.4f}", flush=True)
        save(net, asked.out / "e-step.safetensors")


if __name__ == "__main__":
    main()
