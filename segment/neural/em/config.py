"""What a Neural EM model is made of, as settings; light, torch is not needed to read them."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Begin", "Cell", "NeuralEMConfig", "Pixels"]

Begin = Literal["random", "seeds"]
Cell = Literal["n-em", "rnn-em", "r-nem"]
Pixels = Literal["bernoulli", "gaussian", "levels"]


@dataclass(frozen=True, slots=True)
class NeuralEMConfig:
    """Sizes and kinds of one model; the decoder mirrors the encoder.

    Parameters
    ----------
    size : (height, width) of the frames, pixels; both divisible by 2 ** len(conv), or the
        window if there is one.
    channels : C, values a pixel has.
    slots : K, groups that share the pixels while training; another K may be asked for later.
    cell : "n-em", gradient steps on tied weights; "rnn-em", a recurrent network instead;
        "r-nem", a recurrent network in which slots see each other.
    hidden : D, what one slot remembers.
    conv : channels of the encoder's 4×4 convolutions, each halving height and width.
    dense : widths of the fully connected layers between convolutions and cell.
    relation, attention : r-nem only: widths of what passes between two slots.
    norm : layer normalisation before every activation but the last.
    standardise : give every slot's input zero mean and unit deviation first.
    pixels : "bernoulli" for binary frames, "gaussian" for intensities and colours, "levels"
        for intensities that are taken as probabilities of light.
    sigma : gaussian only: spread of a pixel about its prediction in the E-step, in (0, 1].
    background : one slot more, which predicts the same learned colour everywhere.
    window : side of the square that a slot looks through and paints in, pixels, which follows
        its object, so that shape and place are learned apart; outside of it a slot expects
        darkness. 0 for the whole frame, as the papers have it.
    reach : how many pixels the E-step may move a slot's prediction, down and right, to where
        the frame shows it, before it shares the pixels; not for Gaussian pixels.
    relocate : before every step but the first, let a slot that nobody would miss begin anew where
        a frame has light that no slot expects; for slots with a window, who would not see it.
    begin : the first responsibilities: "random" ones, the papers', or about "seeds", points of
        light that are far from each other.
    """

    size: tuple[int, int] = (28, 28)
    channels: int = 1
    slots: int = 3
    cell: Cell = "rnn-em"
    hidden: int = 250
    conv: tuple[int, ...] = ()
    dense: tuple[int, ...] = ()
    relation: int = 250
    attention: int = 100
    norm: bool = False
    standardise: bool = False
    pixels: Pixels = "bernoulli"
    sigma: float = 0.25
    background: bool = False
    begin: Begin = "random"
    window: int = 0
    reach: int = 0
    relocate: bool = False

    def __post_init__(self) -> None:
        for name in ("channels", "slots", "hidden", "relation", "attention"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted at least 1")
        if self.cell not in ("n-em", "rnn-em", "r-nem"):
            raise ValueError(f"cell is {self.cell!r}, wanted 'n-em', 'rnn-em' or 'r-nem'")
        if self.pixels not in ("bernoulli", "gaussian", "levels"):
            raise ValueError(
                f"pixels is {self.pixels!r}, wanted 'bernoulli', 'gaussian' or 'levels'"
            )
        if self.begin not in ("random", "seeds"):
            raise ValueError(f"begin is {self.begin!r}, wanted 'random' or 'seeds'")
        if not 0 < self.sigma <= 1:
            raise ValueError(f"sigma is {self.sigma}, wanted in (0, 1]")
        if any(width < 1 for width in (*self.conv, *self.dense)):
            raise ValueError(f"conv {self.conv} and dense {self.dense} want widths of at least 1")
        if self.cell == "n-em" and (self.conv or self.dense or self.norm or self.standardise):
            raise ValueError("n-em has tied weights and no encoder; leave conv, dense, norm out")
        if self.conv and not self.dense:
            raise ValueError(f"conv is {self.conv} but dense is empty; one width at least")
        if self.reach < 0 or (self.reach and self.pixels == "gaussian"):
            raise ValueError(f"reach is {self.reach}, wanted 0 or more, and 0 for gaussian pixels")
        shrink = 2 ** len(self.conv)
        if self.window and self.cell == "n-em":
            raise ValueError("n-em has tied weights over whole frames; leave window out")
        if self.window < 0 or self.window % shrink:
            raise ValueError(f"window is {self.window}, wanted 0 or more, divisible by {shrink}")
        if self.relocate and (not self.window or self.pixels == "gaussian"):
            raise ValueError("relocate is for slots with a window, and not for gaussian pixels")
        shrink = 1 if self.window else shrink
        if len(self.size) != 2 or any(side < 1 or side % shrink for side in self.size):
            raise ValueError(
                f"size is {self.size}, wanted (height, width) divisible by {shrink}, "
                f"since {len(self.conv)} convolutions halve it"
            )

    def check_training(self, scenes: str, objective: str, found: float) -> None:
        """Raise ValueError for a training that this model cannot have.

        scenes : their kind. objective, found : of the loss, see `recipe.Training`.
        """
        if not 0 <= found <= 1 or (found and not self.reach):
            raise ValueError(
                f"[training] found is {found}, wanted in [0, 1], and 0 if [model] reach is 0"
            )
        if objective == "noisy-or" and self.pixels == "gaussian":
            raise ValueError("[training] objective noisy-or is not for gaussian pixels")
        if scenes == "silhouettes":
            raise ValueError('[model] cell "seeded" and [scenes] kind "silhouettes" go together')
        if self.channels != 1:
            raise ValueError("drawn scenes are grey; [model] channels must be 1")
        if self.pixels == "bernoulli" and scenes == "flying-digits":
            raise ValueError(
                'digits have grey levels; [model] pixels must be "levels" or "gaussian"'
            )

    @property
    def values(self) -> int:
        """C × H × W, numbers in a frame."""
        return self.channels * self.size[0] * self.size[1]
