"""A trained seeded model at work: a window in, its objects out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segment.neural.recipe import Recipe
from segment.neural.seeded.crowds import seeds_on
from segment.neural.seeded.model import SeededEM
from segment.neural.seeded.parting import together

__all__ = ["LoadedSeeded"]


class LoadedSeeded:
    """A model with its weights, ready to part the foreground of windows.

    Parameters
    ----------
    model : the network, in evaluation mode, on the device it is to run on.
    name : what error messages call it.
    steps : E- and M-steps that a window is given.
    """

    def __init__(self, model: SeededEM, *, name: str = "model", steps: int = 3) -> None:
        # Of all layouts tried the quickest on processors; a window's values stay as they lie.
        # torch up to 2.13 leaves the layout out of this method's types.
        layouts: Any = model.eval()
        self.model: SeededEM = layouts.to(memory_format=torch.channels_last)
        self.name = name
        self.steps = steps

    @classmethod
    def trained(cls, model: SeededEM, name: str, recipe: Recipe | None) -> "LoadedSeeded":
        """Return a model that works as it was trained to."""
        steps = {} if recipe is None else {"steps": recipe.training.steps}
        return cls(model, name=name, **steps)

    @property
    def size(self) -> int:
        """Height and width of a window, pixels."""
        return self.model.config.size[0]

    @torch.inference_mode()
    def part(
        self, window: NDArray[np.float32], slots: int | None = None, steps: int | None = None
    ) -> NDArray[np.float32]:
        """Return how likely each object covers each pixel, (N, S, S) in [0, 1], N at least 1.

        window : (6, S, S) float32 from `windows.cut`. The same window gives the same objects.
        slots : how many objects may be in it at most, `config.slots` unless told; steps : how often
        it is thought over, as `self.steps` unless told. Time is in proportion to both.
        """
        wanted = (6, self.size, self.size)
        if window.shape != wanted:
            raise ValueError(f"window is {window.shape}, wanted {wanted} for {self.name}")
        foreground = window[0] > 0
        if not foreground.any():
            return np.ones((1, self.size, self.size), np.float32)
        seeds = seeds_on(foreground, slots or self.model.config.slots).astype(np.float32)
        device = next(self.model.parameters()).device
        x, points = (torch.from_numpy(a[None]).to(device) for a in (window, seeds))
        with _one_thread():
            psi, stand = self.model.settle(x, points, steps or self.steps)
        return together(psi.cpu().numpy(), foreground, stand.cpu().numpy())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on this thread alone: a window is small, and the others have stages of their own.

    Torch's threads wait for each other busily, which takes seconds where processors are taken.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
