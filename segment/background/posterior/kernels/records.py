"""What the loops work on: arrays that belong together and numbers that are used together.

K modes, C channels, pictures of H x W pixels, one axis of H * W, row after row. Grids over 2 x 2,
4 x 4 and 8 x 8 pixels are (h2, w2), (h4, w4) and (h8, w8), the last of their places smaller.
Numbers are float32 unless said otherwise.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Words = NDArray[np.uint32]

# --- what is learned --------------------------------------------------------------------------


class Heaviest(NamedTuple):
    """The heaviest mode of every pixel: nearly all pixels are compared with no other."""

    variance: Floats  # (P,), P >= H * W; grey levels squared, summed over the channels
    mean: Floats  # (C, P), grey levels


class Modes(NamedTuple):
    """The mixture of every pixel; its modes in use come first, in descending weight."""

    weight: Floats  # (K, P), sum 1
    first: Heaviest
    minor: Floats  # (H * W, (K - 1) * (1 + C)): variance and means of the others, one by one
    alive: Bytes  # (H * W,), modes in use
    seen: Floats  # (H * W,), frames


class Pictures(NamedTuple):
    """What was seen last, and what is behind it."""

    before: Bytes  # (C, H * W), the last frame that was learned
    ground: Bytes  # (C, H * W), the background: the rounded means of the heaviest modes
    mask: Bytes  # (H * W,), 1 is foreground of the last frame that was learned


class Change(NamedTuple):
    """How places change in time, over 8 x 8; grey levels squared."""

    temporal: Floats  # (3, h8, w8): of this frame, of its calm background, and the share of that
    motion: Floats  # (h8, w8), the first, smoothed
    changes: Floats  # (2, h8, w8), the other two, averaged over frames
    unrest: Floats  # (h8, w8), their ratio: what background is wont to change by


class Ghosts(NamedTuple):
    """What the borders of foreground say, over 4 x 4: above 0 the background has the contrast."""

    votes: Floats  # (h4, w4), averaged over frames
    border: Floats  # (h4, w4), of the last frame


class Course(NamedTuple):
    """What places have gone through, over 2 x 2, (h2, w2): for a decision that asks for it."""

    last: Bytes  # the last posterior, 255 is certain
    light: Bytes  # brightness of the last frame
    come: Bytes  # whether there was evidence in it
    stay: Floats  # frames for which it has been foreground
    blink: Floats  # how often the evidence comes and goes, of 255
    evidence: Floats  # averaged, of 255
    posterior: Floats  # averaged, of 255


# --- what a frame shows -----------------------------------------------------------------------


class Frame(NamedTuple):
    """A frame in 256 grey levels."""

    which: tuple[int, ...]  # C zeros
    image: Bytes  # (H * W * C,)
    height: int
    width: int


class Row(NamedTuple):
    """A row of it."""

    which: tuple[int, ...]
    p: Any  # its first pixel
    n: Any  # how many there are


class Evidence(NamedTuple):
    """How badly the background modes explain a frame, in variances."""

    own: Bytes  # (H * W,), of every pixel, in 255ths of the largest
    sums: Floats  # (4, h2, w2), means over 2 x 2, see `Sums`


class Sums(NamedTuple):
    """The planes of `Evidence.sums`; the first three tell what a change of light would explain."""

    residual: Any
    dot: Any  # of the residual and the background
    norm: Any  # of the background
    evidence: Any  # the residual, each pixel's bounded as a single one counts


# --- numbers ----------------------------------------------------------------------------------


class Light(NamedTuple):
    """What takes a frame to the light of the background."""

    gain: Any
    before: Any  # the gain of the last frame
    glaring: Any  # grey level from which on a pixel may be anything brighter


class Slack(NamedTuple):
    """Variance that is allowed to a place."""

    edges: Any  # per squared slope
    unrest: Any  # per variance of change in time
    noise: Any  # of that change, what is the camera's


class Matching(NamedTuple):
    """E-step: when a mode explains a pixel, and what a pixel that none explains counts."""

    match: Any  # largest squared distance, in variances
    shake: Any  # part of the place's slack that is added to the variance
    weight: Any  # share of the past that background modes explain
    seen: Any  # frames for which a mode that is not the heaviest was seen at least
    evidence: Any  # most that a pixel counts
    residual: Any  # most of it that a change of light may have to explain


class Learning(NamedTuple):
    """M-step: bounds of the modes."""

    complexity: Any  # strength of the prior against modes
    initial: Any  # variance of a new mode
    smallest: Any
    largest: Any


class Rates(NamedTuple):
    """How fast a pixel is learned, by what the last decision said of it."""

    given: Any  # learning rate, negative: by history
    history: Any  # most frames that a pixel was seen
    moving: Any  # of foreground, relative to background
    resting: Any  # of foreground that stands still
    ghost: Any  # of a ghost
    still: Any  # change in time below which a place stands still
    vote: Any  # vote from which on it is a ghost
    every: int  # one in so many strips of rows learns with a frame
    phase: int  # which of them


class Steps(NamedTuple):
    """Change in time: how it is counted."""

    scale: Any  # of a squared difference, summed over the channels
    most: Any  # that a pixel counts
    calm: Any  # below which background is calm


class Numbers(NamedTuple):
    """All of them."""

    light: Light
    slack: Slack
    matching: Matching
    learning: Learning
    rates: Rates
    steps: Steps


class Gains(NamedTuple):
    """Which changes of light explain a patch, and at what price."""

    low: Any
    high: Any
    price: Any


class Judging(NamedTuple):
    """How evidence is judged."""

    own: Any  # part of the pixel itself
    fine: Any  # what a step of `Evidence.own` means
    threshold: Any
    least: Any  # evidence of the surroundings below which no pixel can be foreground
    gains: Gains


class Tidying(NamedTuple):
    """How a mask is tidied."""

    radius: int  # of the square that votes
    widths: Any  # (2 R + 1,) int64: how far the closing disc reaches to both sides in its rows
