"""The first step of a frame: what the mixtures say of it, before anything is decided.

The same pass over the mixtures lets them learn, by what was decided on the last frame: they
are too large to be read twice.
"""

from typing import Any, NamedTuple

import numpy as np

from segment.background.posterior import kernels
from segment.background.posterior.kernels import crowd, follow
from segment.background.posterior.kernels.records import (
    Change,
    Evidence,
    Floats,
    Frame,
    Ghosts,
    Modes,
    Numbers,
    Pictures,
)
from segment.background.posterior.learning import change_rate, is_young
from segment.background.posterior.sharing import Workspace
from segment.background.posterior.state import State

__all__ = ["Statistics", "collect"]


class Statistics(NamedTuple):
    """All that a decision may look at: planes of every pixel and grids, read only.

    frame : this frame, as the camera's softening left it.
    evidence : how badly the background modes explain it.
    modes : the mixtures, with weights, variances and frames for which pixels were seen.
    pictures : the background; the last frame's decision; and this frame in planes, unless nothing
        was learned of it.
    change : `temporal` of this frame; motion and unrest as of the last.
    ghosts : what the borders of foreground said until the last frame.
    numbers : of this frame, among them the light and the noise.
    frozen : nothing was learned of it.
    """

    frame: Frame
    evidence: Evidence
    modes: Modes
    pictures: Pictures
    change: Change
    ghosts: Ghosts
    numbers: Numbers
    frozen: bool


def collect(
    state: State,
    frame: Frame,
    numbers: Numbers,
    given: Floats,
    frozen: bool,
    threads: int | None,
    workspace: Workspace,
    votes: Floats,
) -> Statistics:
    """Compare every pixel with its mixture, and let that learn unless it is `frozen`.

    given (H * W,) : learning rates of the pixels, or nothing, see `learning.rates_by_pixel`.
    votes (h4, w4) : by which ghosts are learned, see `Decision.doubted`.
    """
    if is_young(state) and not frozen:
        _foresee(state, frame, numbers, threads, workspace)
    height, width, channels = state.shape
    pictures, sums = state.pictures, state.evidence.sums
    ground = pictures.ground.reshape(channels, height, width)
    learned = follow.Given(given, votes, state.change.motion, state.change.unrest)
    found = follow.Found(state.evidence.own, sums, sums.reshape(4, -1), state.change.temporal)
    # Bands compare with the background of their neighbours before those learn.
    sharing = workspace.share("follow", height, width, threads)
    borders = [
        (ground[:, max(start - 1, 0)].copy(), ground[:, min(stop, height - 1)].copy())
        for start, stop in sharing.bands
    ]
    components = state.modes.weight.shape[0]

    def work(band: int, start: int, stop: int) -> None:
        desk = workspace.desk(_following, band, channels, width, components)
        rows = follow.Band(start, stop, frozen, *borders[band])
        kernels.follow_pixels(frame, pictures, state.modes, learned, found, numbers, desk, rows)

    sharing.over(work)
    return Statistics(
        frame, state.evidence, state.modes, pictures, state.change, state.ghosts, numbers, frozen
    )


def _foresee(
    state: State, frame: Frame, numbers: Numbers, threads: int | None, workspace: Workspace
) -> None:
    """While few frames are averaged, take the change of this one into account at once."""
    temporal, channels = state.change.temporal, len(frame.which)

    def work(band: int, start: int, stop: int) -> None:
        lines, pixels = workspace.desk(_changing, band, channels, frame.width)
        kernels.measure_change(frame, state.pictures, temporal, numbers, lines, pixels, start, stop)

    workspace.share("change", frame.height, frame.width, threads).over(work)
    lines = workspace.desk(_grid_lines, 0, state.change.unrest.shape[1])
    kernels.average_change(state.change, change_rate(state), lines)


def _changing(channels: int, width: int) -> tuple[Any, ...]:
    """Return the scratch of `measure_change`."""
    return np.empty((3, width), np.float32), np.empty((channels, width), np.uint8)


def _grid_lines(width: int) -> Floats:
    return np.empty((2, width), np.float32)


def _following(channels: int, width: int, modes: int) -> follow.Desk:
    """Return the scratch of `follow_pixels`."""
    length, room = crowd.LENGTH, follow.STRIP * width + 1
    return follow.Desk(
        np.empty((12, width), np.float32),
        np.empty((3, 2 * width), np.float32),
        np.empty((channels, width), np.uint8),
        np.empty((channels, width), np.uint8),
        np.empty(width, np.uint8),
        crowd.Listed(
            np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty((3, room), np.float32)
        ),
        crowd.Crowd(
            np.zeros((channels, length), np.float32),
            np.zeros((modes, length), np.float32),
            np.zeros((modes * (1 + channels), length), np.float32),
            np.zeros((crowd.LINES, length), np.float32),
        ),
    )
