"""The compiled loops of grouping: lay templates over a picture, move them, learn them.

A template is four planes of one size around an object: `shape`, how likely the object covers the
pixel; `colour` and `spread`, its mean colour there and the variance about it; and a histogram of
all its colours. Windows are views of a picture and its foreground; (top, left) is where the
template's first pixel lies in the window. `colours` sees how colours fit, `moving` is the M-step of
where layers are, `sharing` the E-step, `learning` the M-step of templates; `pieces` counts what
lies in pieces of foreground.
"""

from segment.grouping.kernels.colours import chances, colour_bin, fits
from segment.grouping.kernels.learning import learn, measure
from segment.grouping.kernels.moving import (
    Probes,
    Scratch,
    Templates,
    evidence,
    fit,
    search,
    show,
    sweep,
)
from segment.grouping.kernels.pieces import count_pieces, survey
from segment.grouping.kernels.sharing import candidates, decide, smooth, soften, tally

__all__ = [
    "Probes",
    "Scratch",
    "Templates",
    "candidates",
    "chances",
    "colour_bin",
    "count_pieces",
    "decide",
    "evidence",
    "fit",
    "fits",
    "learn",
    "measure",
    "search",
    "show",
    "smooth",
    "soften",
    "survey",
    "sweep",
    "tally",
]
