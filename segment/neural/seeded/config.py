"""What a seeded model is made of, as settings; light, torch is not needed to read them."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["SeededConfig"]


@dataclass(frozen=True, slots=True)
class SeededConfig:
    """Sizes of one model.

    Parameters
    ----------
    size : (height, width) of a window, pixels; equal, divisible by 8.
    slots : seeds that a window is asked about; training varies them from 2 to 6.
    features : channels in which a window is described, for all slots at once.
    widths : channels of a slot at a half, a quarter and an eighth of the window's size, each
        divisible by 4.
    """

    cell: Literal["seeded"] = "seeded"
    size: tuple[int, int] = (40, 40)
    slots: int = 8
    features: int = 32
    widths: tuple[int, int, int] = (32, 48, 64)

    def __post_init__(self) -> None:
        height, width = self.size
        if height != width or height < 8 or height % 8:
            raise ValueError(f"size is {self.size}, wanted equal sides divisible by 8")
        if self.slots < 2:
            raise ValueError(f"slots is {self.slots}, wanted at least 2")
        if any(wide < 4 or wide % 4 for wide in (self.features, *self.widths)):
            raise ValueError(
                f"features {self.features} and widths {self.widths} want numbers divisible by 4"
            )

    def check_training(self, scenes: str, objective: str, found: float) -> None:
        """Raise ValueError for a training that this model cannot have.

        scenes : their kind. objective, found : of the loss, see `recipe.Training`.
        """
        if found:
            raise ValueError(f"[training] found is {found}, wanted 0: a seeded model has no reach")
        if scenes != "silhouettes":
            raise ValueError('[model] cell "seeded" and [scenes] kind "silhouettes" go together')
