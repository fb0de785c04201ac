"""The compiled loops of the posterior subtractor, a file for every step of a frame.

`frame` measures light, noise and shifts on a grid; `follow` compares all pixels with their
mixtures and learns them (`rows` what is done to each, `crowd` the few that surprise); `decide`
makes the mask of it: `evidence` is pooled and judged, the `mask` tidied; `ghosts` asks its
borders, with what else the next frame needs. `records` says what the arrays and numbers are.
Arrays in, arrays changed: nothing is checked, nothing allocated.
"""

from segment.background.posterior.kernels.course import follow_course, keep
from segment.background.posterior.kernels.decide import decide, obey
from segment.background.posterior.kernels.evidence import level_pixels
from segment.background.posterior.kernels.follow import follow_pixels, measure_change
from segment.background.posterior.kernels.frame import (
    move_modes,
    move_plane,
    sample_change,
    sample_light,
    sample_noise,
)
from segment.background.posterior.kernels.ghosts import (
    ask_border,
    average_change,
    count_from,
    leave_doubted,
    look_back,
    mark_moving,
)
from segment.background.posterior.kernels.planes import describe, draw_light, sift, survey
from segment.background.posterior.kernels.shelter import shelter
from segment.background.posterior.kernels.standing import absorb, count_standing

__all__ = [
    "absorb",
    "ask_border",
    "average_change",
    "count_from",
    "count_standing",
    "decide",
    "describe",
    "draw_light",
    "follow_course",
    "follow_pixels",
    "keep",
    "leave_doubted",
    "level_pixels",
    "look_back",
    "mark_moving",
    "measure_change",
    "move_modes",
    "move_plane",
    "obey",
    "sample_change",
    "sample_light",
    "sample_noise",
    "shelter",
    "sift",
    "survey",
]
