"""The accurate subtractor: a mixture at every pixel, its evidence pooled over the surroundings.

A frame's way, as `subtractor.PosteriorSubtractor.apply` orders it, with the kernels of each step:

- `camera`: light, noise and shifts of the whole picture are measured (kernels `frame`);
- `statistics`: every pixel meets its mixture, which learns in the same pass by what was decided
  on the last frame (`follow`, `rows`, `crowd`);
- `decision`: evidence is pooled, explained by light, judged and tidied (`evidence`, `decide`,
  `mask`). Another decision is a dataclass with the two methods of `decision.Decision`;
- `learning`: where rates come from, and what a decision leaves for the next frame: its mask,
  votes on ghosts, change in time (`ghosts`; `rows.spread_rates` says what is a ghost).

`parameters` checks what was asked for, `state` is what is known between frames, in the
records of `kernels.records`; `sharing` shares rows out among threads.
"""

from segment.background.posterior.subtractor import PosteriorSubtractor

__all__ = ["PosteriorSubtractor"]
