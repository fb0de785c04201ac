"""Train a learned E-step on samples, or go on from weights that are there.

    python models/mixture-e-step/learn.py --out DIR --minutes 20 SAMPLES/drawn SAMPLES/fold0:2 ...

A folder of samples (samples.py), and with a colon how much more often than others it is drawn from.
First the glance learns which blocks hold anything, then the U learns to judge there. Needs torch;
what is drawn follows from --seed.
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

from segment.background.network import weights
from segment.background.network.records import BLOCK
from segment.background.posterior.kernels.planes import GLANCED, GONE, PLANES, QUIET

# By the planes of the statistics: maps of the four levels, planes that are of 2 x 2 pixels.
SIZES = 8, 12, 16  # maps of the three levels
GLANCE = 16  # maps of the glance
LAST = 15  # plane of the last posterior
SEEN = 0.99  # share of the foreground, where it is not quiet, that the glance must pass on
MARGIN = 3  # half-resolution pixels around foreground that are looked at, too
WHOLE = 16  # pixels of a block, of 256, from which on missing it counts in full
SHADOW = 3.0  # what a pixel in a shadow weighs that is called foreground
Sample = tuple[np.ndarray, np.ndarray]


def conv(inward: int, outward: int, side: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size."""
    return nn.Conv2d(inward, outward, side, padding=side // 2)


class Glance(nn.Module):
    """Which blocks hold anything, by the largest values and the means of their statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.g0 = conv(2 * len(GLANCED), GLANCE)
        self.doubt = conv(GLANCE, 1, 1)

    def features(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Statistics (B, P, h, w) as `scaled` gives them -> maps (B, GLANCE, blocks), and which
        blocks are restless (B, 1, blocks)."""
        loud = functional.max_pool2d(planes[:, 9:10], BLOCK) > float(QUIET) / 64
        restless = (
            loud | (functional.max_pool2d(planes[:, 15:16], BLOCK) > float(GONE) / 64)
        ).float()
        planes = planes[:, list(GLANCED)]
        most, mean = functional.max_pool2d(planes, BLOCK), functional.avg_pool2d(planes, BLOCK)
        read = torch.cat([most, mean], 1) * restless
        return functional.relu(self.g0(read)) * restless, restless

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Statistics -> logits (B, 1, blocks), and what the glance saw."""
        around, restless = self.features(planes)
        return self.doubt(around) - 1e3 * (1 - restless), around


class Net(nn.Module):
    """The U of segment/background/posterior/network.py, with gradients."""

    def __init__(self, sizes: tuple[int, int, int] = SIZES) -> None:
        super().__init__()
        c0, c1, c2 = sizes
        self.e0, self.f0 = conv(PLANES, c0, 1), conv(c0, c0)
        self.a1, self.b1 = conv(c0, c1), conv(c1, c1)
        self.a2, self.b2 = conv(c1, c2), conv(c2, c2)
        self.c1 = conv(GLANCE, c2)
        self.u2 = conv(c2, c2)
        self.t1, self.u1 = conv(c2, c1, 1), conv(c1, c1)
        self.t0, self.u0 = conv(c1, c0, 1), conv(c0, c0)
        self.out = conv(c0, 5, 1)
        nn.init.constant_(self.out.bias, -2.0)

    def forward(self, x: torch.Tensor, active: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
        """Statistics, active blocks (B, 1, ., .) and what the glance saw -> logits (B, 5, h, w)."""
        m0, m1, m2 = (_larger(active, BLOCK >> level) for level in range(3))
        relu, halve = functional.relu, lambda maps: functional.avg_pool2d(maps, 2)
        d0 = relu(self.f0(relu(self.e0(x)) * m0)) * m0
        d1 = relu(self.b1(relu(self.a1(halve(d0))) * m1)) * m1
        d2 = relu(self.b2(relu(self.a2(halve(d1))) * m2)) * m2
        far = relu(self.c1(around))
        u2 = relu(self.u2((_larger(far, BLOCK >> 2) + d2) * m2)) * m2
        u1 = relu(self.u1((_larger(self.t1(u2), 2) + d1) * m1)) * m1
        u0 = relu(self.u0((_larger(self.t0(u1), 2) + d0) * m0)) * m0
        return self.out(u0) * m0 - 12 * (1 - m0)


def _larger(maps: torch.Tensor, times: int) -> torch.Tensor:
    return maps.repeat_interleave(times, 2).repeat_interleave(times, 3)


def scaled(planes: torch.Tensor) -> torch.Tensor:
    """Statistics (B, P, h, w) uint8 as both networks read them."""
    x = planes.float()
    return torch.cat([x[:, :4], x[:, 4:8] - 128, x[:, 8:]], 1) / 64


def gather(folders: list[str]) -> tuple[list[Sample], np.ndarray]:
    """All samples, and how often each is to be drawn.

    Within a folder a sequence counts by the square root of its samples.
    """
    pool: list[Sample] = []
    share: list[float] = []
    for folder in folders:
        path, _, times = folder.partition(":")
        files = sorted(Path(path).glob("*.npz"))
        if not files:
            raise SystemExit(f"{path} holds no samples; samples.py writes them")
        own: list[float] = []
        for file in files:
            with np.load(file) as held:
                planes, truth = held["planes"], held["truth"]
            pool += list(zip(planes, truth, strict=True))
            own += [max(1, len(planes)) ** -0.5] * len(planes)
        share += [float(times or 1) * value / sum(own) for value in own]
    return pool, np.asarray(share) / sum(share)


def batch(
    pool: list[Sample], share: np.ndarray, rng: np.random.Generator, count: int = 8
) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows of samples, some mirrored: nothing is to be learned of where things use to be."""
    height, width = (96, 128) if rng.random() < 0.5 else (64, 96)
    seen, true = [], []
    for planes, truth in (pool[i] for i in rng.choice(len(pool), count, p=share)):
        h, w = planes.shape[1:]
        more = max(0, height - h), max(0, width - w)
        planes = np.pad(planes, ((0, 0), (0, more[0]), (0, more[1])), mode="edge")
        truth = np.pad(truth, ((0, 0), (0, more[0]), (0, more[1])), constant_values=170)
        y = int(rng.integers(0, planes.shape[1] - height + 1))
        x = int(rng.integers(0, planes.shape[2] - width + 1))
        planes = planes[:, y : y + height, x : x + width]
        truth = truth[:, y : y + height, x : x + width]
        if rng.random() < 0.5:
            across = [1, 0, 3, 2]
            planes, truth = planes[_turned(across, len(planes)), :, ::-1], truth[across, :, ::-1]
        if rng.random() < 0.4:
            down = [2, 3, 0, 1]
            planes, truth = planes[_turned(down, len(planes)), ::-1], truth[down, ::-1]
        planes = planes.copy()
        chance = rng.random()
        if chance < 0.12:  # the last posterior and how long it lasts may be wrong
            planes[LAST : LAST + 2] = 0
        elif chance < 0.2:
            planes[LAST] = np.roll(planes[LAST], rng.integers(-3, 4, 2), (0, 1))
        seen.append(planes)
        true.append(truth.copy())
    return torch.from_numpy(np.stack(seen)), torch.from_numpy(np.stack(true))


def _turned(order: list[int], count: int) -> list[int]:
    """The order of `count` planes when the pixels of 2 x 2 change places like `order`."""
    return [*order, *range(4, count)]


def loss_of(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross entropy plus half of Dice on foreground, and a little on shadows."""
    valid = ((truth == 0) | (truth == 50) | (truth == 255)).float()
    shadow = (truth == 50).float().mean(1, keepdim=True)
    true = (truth == 255).float()
    entropy = functional.binary_cross_entropy_with_logits
    found = logits[:, :4]
    weight = valid * (1 + (SHADOW - 1) * (truth == 50))
    first = (entropy(found, true, reduction="none") * weight).sum() / weight.sum().clamp(min=1)
    share, there = found.sigmoid() * valid, true * valid
    both = (share * there).sum((1, 2, 3))
    dice = 1 - (2 * both + 20) / ((share + there).sum((1, 2, 3)) + 20)
    seen = valid.amin(1, keepdim=True)
    third = (entropy(logits[:, 4:5], shadow, reduction="none") * seen).sum()
    return first + 0.5 * dice.mean() + 0.3 * third / seen.sum().clamp(min=1)


def blocks_of(truth: torch.Tensor, value: int, wide: int = 0) -> torch.Tensor:
    """Pixels of a value in each block, (B, 1, ., .), or so near to it."""
    count = (truth == value).float().sum(1, keepdim=True)
    if wide:
        count = functional.max_pool2d(count, 2 * wide + 1, 1, wide)
    return functional.avg_pool2d(count, BLOCK) * BLOCK**2


def train_glance(glance: Glance, pool: list, share: np.ndarray, rng, steps: int) -> None:
    """Learn which blocks hold anything; then move the threshold until SEEN is passed on."""
    optimiser = torch.optim.AdamW(glance.parameters(), lr=3e-3, weight_decay=1e-4)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 3e-3 * (0.5 * (1 + np.cos(np.pi * step / steps)) + 0.01)
        planes, truth = batch(pool, share, rng, 16)
        things, shade = blocks_of(truth, 255, MARGIN), blocks_of(truth, 50)
        there = (things >= 4) | (shade >= 64)
        weight = torch.where(
            there,
            8 * torch.maximum(things, shade / 4).clamp(max=WHOLE) / WHOLE,
            (things == 0) * (blocks_of(truth, 0) > 0.5 * 4 * BLOCK**2),
        )
        value = functional.binary_cross_entropy_with_logits(
            glance(scaled(planes))[0], there.float(), weight=weight
        )
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    with torch.no_grad():
        looks = [batch(pool, share, rng, 16) for _ in range(80)]
        logits = [glance(scaled(planes))[0] for planes, _ in looks]
        for bar in np.linspace(3, -8, 111):
            held = passed = active = blocks = 0.0
            for (_, truth), logit in zip(looks, logits, strict=True):
                things, look = blocks_of(truth, 255) * (logit > -500), (logit > bar).float()
                held, passed = held + things.sum().item(), passed + (things * look).sum().item()
                active, blocks = active + look.sum().item(), blocks + look.numel()
            if passed >= SEEN * held:
                break
        glance.doubt.bias -= float(bar)
    print(
        f"the glance passes on {passed / held:.4f} of the foreground in {active / blocks:.2f} "
        f"of the blocks",
        flush=True,
    )


def train(
    net: Net, glance: Glance, pool: list, share: np.ndarray, rng, seconds: float, fastest: float
) -> None:
    """Learn to judge where the glance leaves doubt."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=fastest, weight_decay=1e-4)
    began, count, mean = time.monotonic(), 0, 1.0
    while (part := (time.monotonic() - began) / seconds) < 1:
        rate = fastest * min(1, count / 50 + 0.02) * (0.5 * (1 + np.cos(np.pi * part)) + 0.01)
        optimiser.param_groups[0]["lr"] = rate
        planes, truth = batch(pool, share, rng)
        x = scaled(planes).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            logits, around = glance(x)
            active = (logits > 0).float()
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(x, active, around)
        value = loss_of(logits.float(), truth)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        mean, count = 0.98 * mean + 0.02 * value.item(), count + 1
        if count % 100 == 0:
            print(f"{count} {mean:.4f} {time.monotonic() - began:.0f} s", flush=True)


def save(net: Net, glance: Glance, path: Path) -> None:
    """Write the weights as `weights.load` reads them."""
    both = {**net.state_dict(), **glance.state_dict()}
    tensors = {name: value.detach().contiguous().numpy().copy() for name, value in both.items()}
    metadata = {"format": weights.FORMAT, "version": "2"}
    metadata["checksum"] = weights.checksum(metadata, tensors)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)


def main() -> None:
    """Train both networks, and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", nargs="+", help="FOLDER or FOLDER:TIMES")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0, help="of the U's training")
    parser.add_argument("--glances", type=int, default=2500, help="steps of the glance's training")
    parser.add_argument("--begin", type=Path, help="weights to go on from")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate of the U")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    torch.set_num_threads(asked.threads)
    rng = np.random.default_rng(asked.seed)
    pool, share = gather(asked.samples)
    print(f"{len(pool)} samples", flush=True)
    net, glance = Net().to(memory_format=torch.channels_last), Glance()
    if asked.begin:
        begin = {name: torch.from_numpy(v) for name, v in load_file(asked.begin).items()}
        net.load_state_dict({k: v for k, v in begin.items() if k in net.state_dict()})
        if "doubt.bias" in begin:
            glance.load_state_dict({k: v for k, v in begin.items() if k in glance.state_dict()})
    if asked.glances:
        train_glance(glance, pool, share, rng, asked.glances)
    train(net, glance, pool, share, rng, 60 * asked.minutes, asked.rate)
    save(net, glance, asked.out / "e-step.safetensors")


if __name__ == "__main__":
    main()
