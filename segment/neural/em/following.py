"""A recurrent cell behind a window that goes where its object goes."""

import dataclasses

import torch
from torch import Tensor, nn

from segment.neural.em import places
from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.layers import Decoder, Encoder, Relation, linear

__all__ = ["FollowingCell"]

DARKEST = 1e-4  # what a slot expects outside of its window, of Bernoulli pixels
TOLD = 6  # numbers besides the picture: place in the frame, error of the place, last move
FIRST, LATER = 4, 1  # steps of mean shift before the first frame, and before every other


class FollowingCell(nn.Module):
    """What is in a slot's window, and how far the window goes until the next frame.

    A window settles on the light that is the slot's, sees what lies in it, and is painted
    where the slot expects it next. Shape and place are so learned apart: a shape once, not
    once for every place, and with as many products as the window has pixels, not the frame.
    The slot sees the frame, its own prediction and the other slots' beside its share of the
    error, and remembers through a gated unit.

    Source: the window, Jaderberg et al., arXiv:1506.02025, 2015; what a slot sees, Greff et
    al., arXiv:1903.00450, 2019; the gates, Cho et al., arXiv:1406.1078, 2014.
    """

    def __init__(self, config: NeuralEMConfig) -> None:
        super().__init__()
        self.side, self.size, self.pixels = config.window, config.size, config.pixels
        self.reach = config.reach
        small = dataclasses.replace(config, size=(self.side, self.side), window=0, relocate=False)
        self.encode = Encoder(dataclasses.replace(small, channels=4 * config.channels))
        self.relate = Relation(config) if config.cell == "r-nem" else None
        inputs = self.encode.features + TOLD + (config.relation if self.relate else 0)
        self.remember = nn.GRUCell(inputs, config.hidden)
        self.norm = nn.LayerNorm(config.hidden) if config.norm else nn.Identity()
        self.decode = Decoder(small)
        self.move = linear(config.hidden + TOLD, 2)
        nn.init.zeros_(self.move.weight)

    def forward(
        self,
        frame: Tensor,
        prediction: Tensor,
        gamma: Tensor,
        h: Tensor,
        place: Tensor | None,
        found: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Return the logits (or values) expected (B · K, C, H, W), memory, place and `whole`.

        `whole` are the logits with every window on whole pixels, where an E-step with a reach
        looks for them: between two pixels, a picture is blurred. None without a reach.
        frame (B, C, H, W), prediction (B, K, C, H, W), gamma (B, K, 1, H, W), h (B · K, D);
        place (B · K, 4) and found (B · K, 2) or None, as in `State`. Where the E-step found
        a window it stays; else it settles on its slot's light.
        """
        K = gamma.shape[1]
        here = self._settle(frame, gamma, place) if found is None else found
        told = self._tell(here, place)
        corner = here - (self.side - 1) / 2
        small = self._look(frame, prediction, gamma, corner)
        features = [self.encode(small), told]
        if self.relate is not None:
            features.append(self.relate(h, K))
        inputs = torch.cat([f.to(features[0].dtype) for f in features], dim=1)
        h = self.remember(inputs, h.to(inputs.dtype))
        picture = self.decode(self.norm(h))
        move = self.move(torch.cat([h, told.to(h.dtype)], dim=1)).to(here.dtype)
        place = torch.cat([here + move, move], dim=1)
        picture = picture.to(here.dtype)
        whole = None
        if self.reach:
            whole = self._paint(picture, places.on_pixels(place[:, :2].detach(), self.side))
        return self._paint(picture, place), h, place, whole

    def _look(self, frame: Tensor, prediction: Tensor, gamma: Tensor, corner: Tensor) -> Tensor:
        """Return what a slot sees in its window, (B · K, 4 C, side, side).

        That is its share of the error, the frame, its own prediction, and the others'.
        """
        C = frame.shape[1]
        shown = frame[:, None].expand_as(prediction)
        seen = torch.cat([gamma, shown, prediction, others(prediction)], dim=2).flatten(0, 1)
        small = places.read(seen, corner, self.side)
        share, small = small[:, :1], small[:, 1:]
        error = share * (small[:, :C] - small[:, C : 2 * C])
        return torch.cat([error, small], dim=1)

    @torch.no_grad()
    def _settle(self, frame: Tensor, gamma: Tensor, place: Tensor | None) -> Tensor:
        """Return the middle of every window (M, 2), on whole pixels, by the slot's light."""
        # Squared, so that light which nobody explains and all share hardly counts.
        light = (gamma[:, :, 0].square() * frame.amax(dim=1)[:, None]).flatten(0, 1)
        expected = None if place is None else place[:, :2]
        times = FIRST if place is None else LATER
        return places.on_pixels(places.settle(expected, light, self.side / 4, times), self.side)

    @torch.no_grad()
    def _tell(self, here: Tensor, place: Tensor | None) -> Tensor:
        """Return what a slot is told of its window (M, TOLD) besides the picture in it."""
        if place is None:
            off = moved = torch.zeros_like(here)
        else:
            off = here - place[:, :2]
            moved = off + place[:, 2:]
        scale = here.new_tensor(self.size)
        return torch.cat([2 * here / scale - 1, off / 2, moved / 2], dim=1)

    def _paint(self, picture: Tensor, place: Tensor) -> Tensor:
        corner = place[:, :2] - (self.side - 1) / 2
        # In bfloat16 a probability near 1 would be one of few values.
        with torch.autocast(picture.device.type, enabled=False):
            if self.pixels == "gaussian":
                return places.paint(picture, corner, self.size)
            lit = places.paint(picture.sigmoid(), corner, self.size)
            return (lit * (1 - 2 * DARKEST) + DARKEST).logit()


def others(prediction: Tensor) -> Tensor:
    """What the other slots expect at most, (B, K, C, H, W) like `prediction`; dark for K = 1."""
    K = prediction.shape[1]
    if K == 1:
        return torch.zeros_like(prediction)
    most = prediction.roll(1, dims=1)
    for distance in range(2, K):
        most = torch.maximum(most, prediction.roll(distance, dims=1))
    return most
