"""Learning: how fast each pixel is learned, and what the last decision has to do with it.

A pixel's rate comes from how often it was seen, up to `history` frames. Where the last
decision said foreground it is multiplied: by `object_rate`, by `still_rate` where the
place stands still, by `ghost_rate` where a ghost is (`kernels.rows.spread_rates` and
`choose_rates`). `numbers` says which numbers the loops get for that, and `remember` keeps of
a decision what the next frame asks of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.background.inputs import AUTOMATIC
from segment.background.posterior import kernels
from segment.background.posterior.kernels.records import (
    Bytes,
    Floats,
    Frame,
    Learning,
    Light,
    Matching,
    Numbers,
    Rates,
    Slack,
    Steps,
)
from segment.background.posterior.kernels.shelter import REACH
from segment.background.posterior.parameters import Parameters
from segment.background.posterior.sharing import Workspace
from segment.background.posterior.state import State

__all__ = [
    "BACKGROUND",
    "FOREGROUND",
    "UNSEEN",
    "change_rate",
    "choose_numbers",
    "is_young",
    "rates_by_pixel",
    "remember",
]

# What is told of a pixel: it is foreground, it is not, or it is not looked at.
FOREGROUND, BACKGROUND, UNSEEN = 1, 2, 3

# Of the noise's part in the change in time, what is allowed for.
_NOISE_IN_CHANGE = 1.12

# Share of a frame in the averages of change in time.
_CHANGE_RATE = 0.02

# One in so many strips of rows learns with a frame, what as many frames would bring, once a
# frame is less than one in so many of the past: it is hardly less accurate.
EVERY = ((4, 64), (2, 24))

# What foreground that stands still learns where the network decides, which tells most ghosts:
# after some 4,500 frames its mode has been seen for the ten that make it background.
_STANDING = 0.002

# And what a ghost learns there: foreground that stands still, of which the network is not sure, and
# at whose border the background has the contrast.
_DISSOLVING = 20.0

# Votes from which on foreground is a ghost, by quality: where the network is not sure it may be
# somebody who stands.
_GHOST = {"fast": 2.0, "best": 4.0}

# Variances of a pixel that a change of light may have to explain; more is none.
_LARGEST_RESIDUAL = 2000

_NO_NUMBERS = np.empty(0, np.float32)


def rates_by_pixel(rate: Any, told: Bytes, size: int) -> Floats:
    """Return the learning rates of all pixels, (H * W,), none if they need no other.

    rate : None, a number, or (H, W), changed; told (H * W,) or nothing.
    """
    if not isinstance(rate, np.ndarray) and not told.size:
        return _NO_NUMBERS
    if isinstance(rate, np.ndarray):
        given: Floats = rate.reshape(-1)
    else:
        given = np.full(size, AUTOMATIC if rate is None else rate, np.float32)
    if told.size:
        given[told == FOREGROUND] = 0
        given[told == UNSEEN] = 0
    return given


def choose_numbers(
    asked: Parameters, state: State, light: tuple[float, float], rate: Any, given: Floats
) -> Numbers:
    """Return the numbers of the loops for a frame, in their type.

    light : the gain and the noise of the frame. rate : None or a number, for all pixels that have
    none in `given`.
    """
    gain, noise = light
    channels, shake = state.shape[2], state.camera.shake
    variances = asked.variances(channels)
    largest = max(float(given.max(initial=0)) if given.size else 0.0, rate or 0.0)
    fast = min(state.learned, 1 / max(largest, 1e-9))
    every = next((n for n, frames in EVERY if fast >= frames), 1)
    f = np.float32
    return Numbers(
        Light(f(gain), f(state.camera.gain), f(250 if gain < 1 else 256)),
        Slack(f(asked.edges + 0.1 * shake), f(asked.unrest), f(noise)),
        Matching(
            match=f(asked.match_threshold),
            shake=f(shake),
            weight=f(asked.background_weight),
            seen=f(asked.least_seen),
            evidence=f(asked.largest_evidence),
            residual=f(_LARGEST_RESIDUAL),
        ),
        Learning(
            complexity=f(asked.complexity),
            initial=f(max(variances.initial, 0.5 * noise)),
            smallest=f(max(variances.smallest, 0.5 * noise)),
            largest=f(max(variances.largest, 0.75 * noise)),
        ),
        Rates(
            given=f(AUTOMATIC if rate is None else rate),
            history=f(asked.reach),
            **_rates_of_foreground(asked),
            still=f(_stillness(asked, noise, channels)),
            vote=f(_GHOST[asked.quality]),
            every=every,
            phase=state.learned % every,
        ),
        Steps(
            scale=f(1 / (2 * channels)),
            most=f(max(60 * 12 / channels, 6 * noise)),
            calm=f(max(15.0, 6 * noise)),
        ),
    )


def _rates_of_foreground(asked: Parameters) -> dict[str, np.float32]:
    """Return how fast foreground is learned, beside background.

    If the time is set after which it is absorbed, not at all until then.
    """
    fast, timed = asked.quality == "fast", asked.absorb is not None
    moving = 0.0 if timed else asked.object_rate
    resting = 0.0 if timed else (asked.still_rate if fast else _STANDING)
    ghost = resting if timed else (asked.ghost_rate if fast else _DISSOLVING)
    return {
        "moving": np.float32(moving),
        "resting": np.float32(resting),
        "ghost": np.float32(ghost),
    }


def is_young(state: State) -> bool:
    """Whether the average of change has few frames, so that each of them counts at once.

    Later it is brought up to date when a frame is done, which saves a pass over the frame.
    """
    return state.learned < 1 / _CHANGE_RATE


def change_rate(state: State) -> np.float32:
    """Share of this frame in the averages of change in time."""
    return np.float32(max(1 / state.learned, _CHANGE_RATE))


def remember(
    state: State,
    frame: Frame,
    foreground: NDArray[np.uint8],
    told: Bytes,
    light: tuple[float, float],
    asked: Parameters,
    workspace: Workspace,
    learn: Callable[[int, int], None],
) -> float:
    """Keep of a decision, foreground (H, W), what the next frame asks of it.

    Its mask, which rates follow; for how long things have stood, of which what is `told` (H * W,)
    or nothing has a say; what its border says of ghosts, and what `learn(start, stop)` does to its
    rows; how places changed. Returns the share of the picture that stands still.
    """
    gain, noise = light
    _shelter(foreground, told, state, asked, workspace)
    channels = len(frame.which)
    if asked.absorb is not None:
        _absorb(state, frame, light, told, asked)

    def ask(band: int, start: int, stop: int) -> None:
        edge = workspace.desk(_edge, band, frame.width)
        kernels.ask_border(
            frame, state.pictures, np.float32(gain), state.ghosts.border, edge, start, stop
        )
        learn(start, stop)

    workspace.share("ask", frame.height, frame.width, asked.threads).over(ask)
    still = kernels.look_back(
        state.ghosts,
        state.change,
        np.float32(channels / 12),
        np.float32(-1) if is_young(state) else change_rate(state),
        np.float32(4 * _stillness(asked, noise, channels)),
        workspace.desk(_lines, 0, state.ghosts.border.shape[1]),
    )
    state.camera.gain = gain
    state.camera.noise = noise
    state.learned += 1
    return float(still) / state.change.motion.size


def _shelter(
    foreground: Bytes, told: Bytes, state: State, asked: Parameters, workspace: Workspace
) -> None:
    """Say what is not to be learned: foreground, and its rim where that is unlike background.

    A thing that stands would otherwise be learned from its rim inwards: there a decision wavers.
    """
    mask = state.pictures.mask.reshape(foreground.shape)
    if asked.quality == "fast" and asked.absorb is None:
        mask[:] = foreground
        return
    height, width = foreground.shape
    least = asked.least_own

    def work(band: int, start: int, stop: int) -> None:
        line = workspace.desk(_rim, band, width)
        kernels.shelter(foreground, state.evidence.own, told, least, line, mask, start, stop)

    workspace.share("shelter", height, width, asked.threads).over(work)


def _absorb(
    state: State, frame: Frame, light: tuple[float, float], told: Bytes, asked: Parameters
) -> None:
    """Count the frames for which things stand, and make background of what has stood enough."""
    gain, noise = light
    calm = np.float32(4 * _stillness(asked, noise, len(frame.which)))
    kernels.count_standing(state.pictures.mask, state.stands, 0, state.stands.size)
    if told.size:
        state.stands[told == FOREGROUND] = 0
    variance = np.float32(max(asked.variances(state.shape[2]).initial, 0.5 * noise))

    def work(start: int, stop: int) -> None:
        kernels.absorb(
            frame, np.float32(gain), state.change.motion, calm, np.float32(asked.longest),
            variance, state.modes, state.pictures, state.stands, start, stop,
        )  # fmt: skip

    rows.over_rows(work, frame.height, rows.count_threads(asked.threads), 64)


def _stillness(asked: Parameters, noise: float, channels: int) -> float:
    """Mean squared change in time below which a place stands still, its noise included."""
    return asked.still + _NOISE_IN_CHANGE * noise * channels / 12


def _rim(width: int) -> Bytes:
    return np.zeros(width + 2 * REACH, np.uint8)


def _edge(width: int) -> NDArray[np.uint8]:
    return np.empty(width, np.uint8)


def _lines(width: int) -> Floats:
    return np.empty((2, width), np.float32)
