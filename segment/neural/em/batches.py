"""Batches of drawn scenes: the same seed draws the same, whoever asks."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from segment.neural.em import noise
from segment.neural.em.beginnings import beginnings
from segment.neural.em.config import NeuralEMConfig
from segment.neural.recipe import Recipe, SceneSettings
from segment.neural.scenes import Scenes, draw

__all__ = ["Batch", "make_batch"]


@dataclass(frozen=True, slots=True)
class Batch:
    """B scenes as S steps see them; a still picture's target is the same S times.

    A sequence's first frame may be looked at several times before it goes on: `looks` of
    the S steps have it as their target.
    """

    noisy: Tensor
    """(B, S, C, H, W), what the slots are shown."""
    targets: Tensor
    """(B, S, C, H, W), what they must predict."""
    gamma: Tensor
    """(B, K', 1, H, W), the responsibilities to begin with."""
    scenes: Scenes
    """The truth; step t's is frame t + 1 - looks of a sequence, or the picture itself."""
    looks: int = 0
    last: Tensor | None = None
    """(B, 1, C, H, W), a sequence's last frame as it would be shown; None of pictures."""

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> "Batch":
        """Return the batch on another device."""
        noisy, targets = self.noisy.to(device, dtype), self.targets.to(device, dtype)
        last = None if self.last is None else self.last.to(device, dtype)
        return Batch(noisy, targets, self.gamma.to(device, dtype), self.scenes, self.looks, last)

    def backwards(self) -> tuple[Tensor, Tensor]:
        """`noisy` and `targets` from a sequence's last frame, looked at as often, to its first.

        Raises ValueError of pictures.
        """
        if self.last is None:
            raise ValueError("pictures are not gone through backwards, only sequences")
        frames = torch.from_numpy(_in_unit(self.scenes.images)).to(self.targets).flip(1)
        shown = torch.cat([self.last, self.noisy[:, self.looks + 1 :].flip(1)], dim=1)
        return _looked_at(shown, shown, self.looks), _looked_at(frames, frames[:, 1:], self.looks)

    @property
    def truth(self) -> np.ndarray:
        """Groups (B, S, H, W) that each step's γ is scored against."""
        groups = self.scenes.groups
        if groups.shape[1] > 1:
            return np.concatenate([groups[:, :1]] * self.looks + [groups[:, 1:]], axis=1)
        return np.broadcast_to(groups, (len(groups), self.noisy.shape[1], *groups.shape[2:]))


def make_batch(
    recipe: Recipe,
    settings: SceneSettings,
    seed: tuple[int, ...],
    count: int,
    *,
    slots: int | None = None,
    steps: int | None = None,
) -> Batch:
    """Draw `count` scenes, their noise and their first γ, all from one seed.

    The recipe's `looks` at a sequence's first frame come before its S = `steps` steps, each
    with noise of its own.
    """
    model = cast(NeuralEMConfig, recipe.model)
    S = recipe.training.steps if steps is None else steps
    scenes = draw(settings, [*seed, 0], count, S + 1)
    frames = _in_unit(scenes.images)
    still = frames.shape[1] == 1
    shown = np.broadcast_to(frames, (count, S, *frames.shape[2:])) if still else frames[:, :-1]
    looks = 0 if still else recipe.training.looks
    shown = np.concatenate([frames[:, :1]] * looks + [shown], axis=1) if looks else shown
    rng = np.random.Generator(np.random.SFC64([*seed, 1]))
    noisy = noise.add_noise(rng, shown, settings.noise, model.pixels == "bernoulli")
    K = model.slots if slots is None else slots
    gamma = beginnings(model.begin)(rng, noisy[:, 0], K, model.background)
    targets = torch.from_numpy(frames)
    targets = targets.expand(-1, S, -1, -1, -1) if still else targets[:, 1:]
    last = None
    if not still:
        targets = _looked_at(torch.from_numpy(frames), targets, looks)
        # Drawn last of all, so that everything before is what it was without.
        end = noise.add_noise(rng, frames[:, -1:], settings.noise, model.pixels == "bernoulli")
        last = torch.from_numpy(end)
    noisy = np.ascontiguousarray(noisy)
    return Batch(torch.from_numpy(noisy), targets, torch.from_numpy(gamma), scenes, looks, last)


def _in_unit(images: np.ndarray) -> np.ndarray:
    """Frames (B, T, C, H, W) float32 in [0, 1] of images (B, T, H, W, C) uint8."""
    return np.moveaxis(images, -1, 2).astype(np.float32) / np.float32(255)


def _looked_at(frames: Tensor, steps: Tensor, looks: int) -> Tensor:
    """`looks` times the first of `frames` (B, T, C, H, W), then the `steps`."""
    return torch.cat([frames[:, :1]] * looks + [steps], dim=1) if looks else steps
