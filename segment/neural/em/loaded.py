"""A trained model at work: frames in, labels and responsibilities out."""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segment.neural.em.beginnings import beginnings
from segment.neural.em.model import NeuralEM, Objective
from segment.neural.em.passes import there_and_back
from segment.neural.recipe import Recipe

__all__ = ["Grouping", "LoadedModel"]

DARK = 0.1  # Gaussian pixels below this intensity in every channel are background
TOGETHER = 2**21  # pixels of slots that are worked on at a time, whatever the number of scenes


class Grouping(NamedTuple):
    """What `LoadedModel.group` returns."""

    labels: NDArray[np.int32]
    """(..., T, H, W) int32, 0 background, else 1 + the slot that explains the pixel best."""
    responsibilities: NDArray[np.float32]
    """(..., T, K, H, W) float32 in [0, 1], sum 1 over slots."""


class LoadedModel:
    """A model with its weights, ready to group the pixels of pictures and sequences.

    Parameters
    ----------
    model : the network, in evaluation mode, on the device it is to run on.
    name : what error messages call it.
    steps : how often a still picture is looked at, unless `group` is told otherwise.
    looks : how often a sequence's first frame is looked at, unless `group` is told otherwise.
    objective, between : of the training, by which `group` compares its beginnings.

    A slot keeps its number from frame to frame, so labels last over a sequence; which
    slot takes which object is decided by the random beginning, hence by `seed`.
    """

    def __init__(
        self,
        model: NeuralEM,
        *,
        name: str = "model",
        steps: int = 15,
        looks: int = 1,
        objective: Objective = "two-term",
        between: float = 1.0,
    ) -> None:
        self.model = model.eval()
        self.objective = objective
        self.between = between
        self.name = name
        self.steps = steps
        self.looks = looks

    @classmethod
    def trained(cls, model: NeuralEM, name: str, recipe: Recipe | None) -> "LoadedModel":
        """Return a model that works as it was trained to; without a recipe, as the first were."""
        if recipe is None:
            return cls(model, name=name)
        settings = recipe.training
        return cls(
            model,
            name=name,
            steps=settings.steps,
            looks=max(1, settings.looks),
            objective=settings.objective,
            between=settings.between,
        )

    @torch.no_grad()
    def group(
        self,
        frames: NDArray[Any],
        slots: int | None = None,
        steps: int | None = None,
        seed: int = 0,
        restarts: int = 1,
        passes: int = 1,
    ) -> Grouping:
        """Share the pixels of sequences among slots.

        Parameters
        ----------
        frames : (B, T, H, W, C) or (T, H, W, C), uint8 or float in [0, 1], bright objects
            on black as the training scenes have them. T = 1 is a still picture.
        slots : K, another number than the model was trained with; None for that number.
        steps : looks at the first frame before the second comes; None is the number
            that the model was trained with, of a still picture for T = 1, else of a sequence.
        seed : of the responsibilities to begin with; equal seeds, equal labels. Scene number b
            begins as it would at this place of any other batch.
        restarts : random beginnings, of which the one with the lowest loss is returned.
        passes : 1 goes through a sequence as it comes; 2 there and back, for frames that lie
            all there: the labels of early frames then know what came later. Responsibilities
            are the mean of the last two passes.

        Returns
        -------
        Grouping : labels and responsibilities, of every frame. Background is what is
            dark: below one half for Bernoulli pixels, below 0.1 for Gaussian ones;
            or what the background slot explains, if the model has one.

        Raises
        ------
        ValueError, TypeError : frames of another size than the model's, of another
            type, or with values outside [0, 1].
        """
        batch, alone = self._check(frames)
        B, T = batch.shape[:2]
        config = self.model.config
        K = config.slots if slots is None else slots
        if K < 1:
            raise ValueError(f"slots is {K}, wanted at least 1")
        looks = (self.steps if T == 1 else self.looks) if steps is None else steps
        if looks < 1:
            raise ValueError(f"steps is {looks}, wanted at least 1")
        if restarts < 1:
            raise ValueError(f"restarts is {restarts}, wanted at least 1")
        if passes < 1:
            raise ValueError(f"passes is {passes}, wanted at least 1")
        device = next(self.model.parameters()).device
        total = K + config.background
        labels = np.empty((B, T, *config.size), np.int32)
        gammas = np.empty((B, T, total, *config.size), np.float32)
        # So many scenes at a time that memory does not grow with B.
        together = max(1, TOGETHER // (T * total * math.prod(config.size)))
        for first in range(0, B, together):
            part = slice(first, first + together)
            x = torch.from_numpy(batch[part]).to(device)  # (B, T, C, H, W)
            rngs = [np.random.default_rng((seed, b)) for b in range(B)[part]]
            shares = self._best(x, batch[part], rngs, K, looks, restarts)
            turn = functools.partial(self._turned, x, looks)
            shares = there_and_back(shares, passes if T > 1 else 1, turn)
            labels[part] = self._label(x, shares).to(torch.int32).cpu().numpy()
            gammas[part] = shares.cpu().numpy()
        return Grouping(labels[0], gammas[0]) if alone else Grouping(labels, gammas)

    def _best(
        self,
        x: Tensor,
        frames: NDArray[np.float32],
        rngs: list[np.random.Generator],
        K: int,
        looks: int,
        restarts: int,
    ) -> Tensor:
        """Responsibilities (B, T, K', H, W) of the beginning with the lowest loss, scene by scene.

        frames : x (B, T, C, H, W) as arrays, whose first are begun about by `rngs`, one a scene.
        """
        config = self.model.config
        begin = beginnings(config.begin)
        best = least = torch.empty(0)
        for number in range(restarts):
            begun = [
                begin(rng, one[:1], K, config.background)
                for rng, one in zip(rngs, frames, strict=True)
            ]
            gamma = torch.from_numpy(np.concatenate(begun)).to(x.device)
            shares, loss = self._follow(x, gamma, looks)
            if number == 0:
                best, least = shares, loss
            else:
                better = loss < least
                best = torch.where(better[:, None, None, None, None], shares, best)
                least = torch.where(better, loss, least)
        return best

    def _follow(self, x: Tensor, gamma: Tensor, looks: int) -> tuple[Tensor, Tensor]:
        """Responsibilities (B, T, K', H, W) and losses (B,) of one beginning."""
        state = self.model.begin(gamma)
        gammas, loss = [], gamma.new_zeros(len(x))
        for t in range(x.shape[1]):
            for _ in range(looks if t == 0 else 1):
                state = self.model.step(x[:, max(t - 1, 0)], x[:, t], state)
            gammas.append(state.gamma[:, :, 0])
            loss = loss + self.model.loss(x[:, t], state, self.between, self.objective)
        return torch.stack(gammas, dim=1), loss

    def _turned(self, x: Tensor, looks: int, gamma: Tensor, turned: bool) -> Tensor:
        """One more pass over x, from its last frame if `turned`."""
        return self._follow(x.flip(1) if turned else x, gamma, looks)[0]

    def _label(self, x: Tensor, shares: Tensor) -> Tensor:
        """Labels (B, T, H, W) of frames (B, T, C, H, W) and their shares (B, T, K', H, W)."""
        config = self.model.config
        best = shares.argmax(dim=2)
        if config.background:
            last = shares.shape[2] - 1
            return torch.where(best == last, 0, best + 1)
        floor = 0.5 if config.pixels == "bernoulli" else DARK
        return torch.where(x.amax(dim=2) < floor, 0, best + 1)

    def _check(self, frames: NDArray[Any]) -> tuple[NDArray[np.float32], bool]:
        """Return frames as (B, T, C, H, W) float32, and whether they came without B."""
        config = self.model.config
        wanted = f"(T, {config.size[0]}, {config.size[1]}, {config.channels})"
        if not isinstance(frames, np.ndarray):
            raise TypeError(f"frames is a {type(frames).__name__}, wanted a numpy array {wanted}")
        if frames.ndim not in (4, 5) or frames.shape[-3:] != (*config.size, config.channels):
            raise ValueError(
                f"frames is {frames.shape}, but {self.name} takes {wanted}, with or without "
                "a batch axis before it; resize them first"
            )
        if frames.size == 0:
            raise ValueError(f"frames is {frames.shape} and holds no frame")
        if frames.dtype == np.uint8:
            scaled = frames.astype(np.float32) / np.float32(255)
        elif frames.dtype.kind == "f":
            scaled = frames.astype(np.float32)
            if not (scaled.min() >= 0 and scaled.max() <= 1):
                raise ValueError(
                    f"frames has values from {scaled.min():g} to {scaled.max():g}, wanted "
                    "intensities in [0, 1], or uint8"
                )
        else:
            raise TypeError(f"frames is {frames.dtype}, wanted uint8 or a float in [0, 1]")
        alone = frames.ndim == 4
        scaled = scaled[None] if alone else scaled
        return np.ascontiguousarray(np.moveaxis(scaled, -1, 2)), alone
