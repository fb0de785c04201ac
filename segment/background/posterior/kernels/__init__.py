"""The compiled loops of the posterior subtractor, a file for every step of a frame.

`frame` measures light, noise and shifts on a grid; `follow` compares all pixels with their
mixtures and learns them (`rows` what is done to each, `crowd` the few that surprise); `decide`
makes the mask of it: `evidence` is pooled and judged, the `mask` tidied, `ghosts` asked for,
with what else the next frame needs.
Arrays in, arrays changed: nothing is checked, nothing allocated.
"""

from segment.background.posterior.kernels.crowd import LENGTH, LINES
from segment.background.posterior.kernels.decide import (
    BLOCK,
    BLOCKS,
    HALVES,
    decide,
)
from segment.background.posterior.kernels.evidence import level_pixels
from segment.background.posterior.kernels.follow import (
    PAIRS,
    SINGLES,
    STRIP,
    follow_pixels,
    measure_change,
)
from segment.background.posterior.kernels.frame import (
    move_modes,
    move_plane,
    sample_light,
    sample_noise,
)
from segment.background.posterior.kernels.ghosts import (
    DISTANCE,
    average_change,
    look_back,
)

__all__ = [
    "BLOCK",
    "BLOCKS",
    "DISTANCE",
    "HALVES",
    "LENGTH",
    "LINES",
    "PAIRS",
    "SINGLES",
    "STRIP",
    "average_change",
    "decide",
    "follow_pixels",
    "level_pixels",
    "look_back",
    "measure_change",
    "move_modes",
    "move_plane",
    "sample_light",
    "sample_noise",
]
