"""A slot that nobody would miss goes to light that nobody expects."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from segment.neural.device import may_depend_on_values

__all__ = ["Relocation", "relocation"]

BLUR = 1 / 8  # of a window's side: spread of the Gaussian under which light is looked for
SPREAD = 1 / 4  # of a window's side: how far about its new place a slot takes pixels
DARK = 0.25  # this share of a frame's places is taken for dark; noise has lit them, too
LIT = 0.6  # missed light lies above this share of the way from dark to brightest
LESS = 0.5  # a slot may go whose own light is less than this share of the missed
LEAST = 1e-6  # nothing is expected so surely that it could not be missed


class Relocation(NamedTuple):
    """Which slot of a scene goes, and where to."""

    goes: Tensor
    """(B, K) bool, at most one slot of a scene."""
    place: Tensor
    """(B, 2), row and column in pixels; of no meaning where no slot goes."""
    share: Tensor
    """(B, 1, 1, H, W) in [0, 1], how much of a pixel it takes there; 0 where no slot goes."""


@torch.no_grad()
def relocation(frame: Tensor, prediction: Tensor, window: int) -> Relocation | None:
    """Find a slot for light that no slot expects; None if there is no such light.

    In every scene the densest light that is missed is held against the light that a slot alone
    expects, and a slot that has too little goes. Slots that see the whole frame find such
    light themselves, as error; one that looks through a window would never see it.

    frame (B, C, H, W) in [0, 1]; prediction (B, K, C, H, W), probabilities of light; window,
    pixels, the side of what a slot sees, by which dense light is told from noise.

    After the split and merge of mixtures that have too few components in one place and too
    many in another: Ueda, Nakano, Ghahramani and Hinton, Neural Computation 12, 2000.
    """
    # In bfloat16 one place would be as dense as its neighbours.
    with torch.autocast(frame.device.type, enabled=False):
        return _relocation(frame, prediction, window)


def _relocation(frame: Tensor, prediction: Tensor, window: int) -> Relocation | None:
    H, W = frame.shape[2:]
    light = frame.amax(dim=1)  # (B, H, W)
    dark = (1 - prediction.amax(dim=2)).clamp_min(LEAST)  # (B, K, H, W)
    nobody = dark.prod(dim=1)
    down, right = (_gaussian(side, window * BLUR, light) for side in (H, W))
    seen = (down @ light @ right).flatten(1)
    missed, where = (down @ (light * nobody) @ right).flatten(1).max(dim=1)  # (B,)
    floor = seen.kthvalue(max(1, int(DARK * H * W)), dim=1).values
    wanted = missed > floor + LIT * (seen.amax(dim=1) - floor)
    if may_depend_on_values(frame) and not wanted.any():
        return None

    alone = light[:, None] * nobody[:, None] * (1 / dark - 1)  # what only this slot expects
    own, slot = (down @ alone @ right).flatten(2).amax(dim=2).min(dim=1)  # (B,)
    wanted = wanted & (own < LESS * missed)
    slots = torch.arange(dark.shape[1], device=frame.device)
    goes = wanted[:, None] & (slots == slot[:, None])
    place = torch.stack([where // W, where % W], dim=1).to(light.dtype)
    far = _squares(place[:, 0], H)[:, :, None] + _squares(place[:, 1], W)[:, None]
    share = nobody * (-far / (2 * (window * SPREAD) ** 2)).exp() * wanted[:, None, None]
    return Relocation(goes, place, share[:, None, None])


def _gaussian(side: int, spread: float, like: Tensor) -> Tensor:
    """A symmetric matrix (side, side) that blurs a column of pixels; beyond them is darkness."""
    pixels = torch.arange(side, device=like.device, dtype=like.dtype)
    weights = (-((pixels[:, None] - pixels) ** 2) / (2 * spread**2)).exp()
    return weights / (spread * math.sqrt(2 * math.pi))


def _squares(place: Tensor, side: int) -> Tensor:
    """Squared distances (B, side) of all pixels of an axis."""
    pixels = torch.arange(side, device=place.device, dtype=place.dtype)
    return (pixels - place[:, None]).square()
