"""Windows that follow objects: where a slot looks, what it reads there, and where it paints."""

import torch
from torch import Tensor

__all__ = ["on_pixels", "paint", "read", "settle"]

LEAST = 1e-3  # light that keeps a place where there is no more than that


def settle(place: Tensor | None, weight: Tensor, spread: float, times: int) -> Tensor:
    """Move each place to where a slot's light is densest: so many steps of mean shift.

    place (M, 2), row and column in pixels, or None to begin at the centre of all light;
    weight (M, H, W) at least 0, how much light is the slot's; spread, in pixels, of the
    Gaussian about a place within which light draws it. Where there is none, a place stays.

    Source: Comaniciu and Meer, IEEE PAMI 24, 2002.
    """
    H, W = weight.shape[1:]
    rows = torch.arange(H, device=weight.device, dtype=weight.dtype)
    columns = torch.arange(W, device=weight.device, dtype=weight.dtype)
    if place is None:
        down, right = weight.sum(dim=2), weight.sum(dim=1)  # (M, H), (M, W)
        total = down.sum(dim=1).clamp_min(1e-6)
        place = torch.stack([(down @ rows) / total, (right @ columns) / total], dim=1)
    for _ in range(times):
        down, right = rows - place[:, :1], columns - place[:, 1:]  # (M, H), (M, W)
        near_down = (-(down**2) / (2 * spread**2)).exp()
        near_right = (-(right**2) / (2 * spread**2)).exp()
        by_row = torch.einsum("mhw,mw->mh", weight, near_right) * near_down
        by_column = torch.einsum("mhw,mh->mw", weight, near_down) * near_right
        total = by_row.sum(dim=1) + LEAST
        shift = torch.stack([(by_row * down).sum(dim=1), (by_column * right).sum(dim=1)], dim=1)
        place = place + shift / total[:, None]
    return place


def on_pixels(place: Tensor, side: int) -> Tensor:
    """Return the places (M, 2) nearby in which a window's pixels are the frame's."""
    half = (side - 1) / 2
    return (place - half).round() + half


def read(image: Tensor, corner: Tensor, side: int) -> Tensor:
    """Return the windows (M, C, side, side) of images (M, C, H, W); dark beyond their borders.

    corner (M, 2): row and column of a window's first pixel, whole numbers.
    """
    H, W = image.shape[2:]
    within = torch.arange(side, device=corner.device)
    places = corner.round().long()[:, :, None] + within  # (M, 2, side)
    rows, columns = places[:, 0, :, None], places[:, 1, None, :]
    inside = (rows >= 0) & (rows < H) & (columns >= 0) & (columns < W)  # (M, side, side)
    index = (rows.clamp(0, H - 1) * W + columns.clamp(0, W - 1)).flatten(1)[:, None]
    found = image.flatten(2).gather(2, index.expand(-1, image.shape[1], -1))
    return found.view(*found.shape[:2], side, side) * inside[:, None]


def paint(picture: Tensor, corner: Tensor, size: tuple[int, int]) -> Tensor:
    """Put pictures (M, C, side, side) into dark frames (M, C, H, W): the transpose of `read`.

    Gradients reach the corner (M, 2): one between pixels shares a value among its neighbours.

    Source: Jaderberg et al., Spatial transformer networks, arXiv:1506.02025, 2015.
    """
    down, right = _tents(corner, size, picture.shape[-1])
    return down[:, None] @ picture @ right.transpose(1, 2)[:, None]


def _tents(corner: Tensor, size: tuple[int, ...], side: int) -> tuple[Tensor, Tensor]:
    """How much of a window's rows (M, H, side) and columns (M, W, side) lies on a frame's."""
    within = torch.arange(side, device=corner.device, dtype=corner.dtype)
    found = []
    for axis in range(2):
        frame = torch.arange(size[axis], device=corner.device, dtype=corner.dtype)
        far = frame[:, None] - within - corner[:, axis, None, None]  # (M, H or W, side)
        tent = 1 - far.abs()
        # On whole pixels the neighbours lie at a kink: both must count there, or a window would
        # not learn where to go. What clamp does at its bound differs between versions of torch.
        found.append(torch.where(tent >= 0, tent, torch.zeros_like(tent)))
    return found[0], found[1]
