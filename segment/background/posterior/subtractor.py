"""The posterior subtractor: what it knows, and the order in which a frame passes through it."""

import logging
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.background.guard import look
from segment.background.inputs import (
    AUTOMATIC,
    Invalid,
    as_known,
    as_rate,
    check_image,
    check_like_before,
    find_invalid,
    to_eight_bits,
)
from segment.background.posterior import kernels
from segment.background.posterior.camera import Camera
from segment.background.posterior.kernels import settings as places
from segment.background.posterior.learned import scratch
from segment.background.posterior.parameters import all_parameters, check_parameters
from segment.turns import one_at_a_time

__all__ = ["PosteriorSubtractor"]

_log = logging.getLogger("segment.background")

# Of the noise's part in the change in time, what is allowed for.
_NOISE_IN_CHANGE = 1.12

# Share of a frame in the averages of change in time.
_CHANGE_RATE = 0.02

# One in so many strips of rows learns with a frame, what as many frames would bring, once a
# frame is less than one in so many of the past: it is hardly less accurate.
_LEARNING = ((4, 64), (2, 24))

# What is told of a pixel: it is foreground, it is not, or it is not looked at.
_FOREGROUND, _BACKGROUND, _UNSEEN = 1, 2, 3

_NO_BYTES = np.empty(0, np.uint8)
_NO_NUMBERS = np.empty(0, np.float32)


@one_at_a_time("apply", "background", "spread", "posterior", "shadows")
class PosteriorSubtractor(Camera):
    """A mixture of Gaussians at every pixel whose evidence is pooled before it is judged.

    Model. Every pixel has up to `components` Gaussians, followed online by EM. What a frame
    shows at a pixel is told by q, its squared distance from the nearest background mode, in
    variances of the mode plus those of its place: `edges` times the squared slope of the
    background (a picture that moves a little changes there), and `unrest` times what
    neighbours were seen to change by in time.

    Evidence. A patch is explained as it is, or with a gain of its own, as a shadow or light
    would give it: q is averaged over the pixel's surroundings (binomial weights over about
    12 pixels), once as it is, and once after the gain in [`darkest_light`, `brightest_light`]
    that leaves least, which costs `light_price`. The evidence is the smaller: L =
    min(own q + (1 - own) mean q, least mean q over gains + light_price). Foreground is where
    L passes `threshold`, then a vote in a square of `majority` pixels, then a closing.

    Learning. The decision on the last frame is the responsibility in the M-step: background
    learns as it should, foreground that moves at `object_rate` of it, foreground that stands
    still at `still_rate`. A ghost, foreground at whose border the background has more
    contrast than the frame, learns `ghost_rate` times as fast.

    Frame. A gain of the whole picture, the noise of the camera and shifts by whole pixels are
    measured on every frame and taken out or allowed for.

    Parameters
    ----------
    history : frames that are remembered; frame n of a pixel has the learning rate
        1 / min(n, history).
    threshold : evidence, in variances, from which a pixel is foreground.
    components : most modes of a pixel, 1 to 255.
    match_threshold : squared distance, in variances, up to which a pixel belongs to a mode.
    background_weight : share of the past, in (0, 1], that the background modes explain.
    least_seen : frames for which a mode must have been seen to be background, unless it is the
        heaviest.
    complexity : strength of the prior against modes, in [0, 1).
    initial_variance, smallest_variance, largest_variance : of a new mode, and the bounds of
        every mode's variance, in grey levels squared, summed over the channels.
    largest_evidence : most variances that one pixel counts for.
    own_evidence : part of the pixel itself in its evidence, in [0, 1].
    edges : variance per squared slope, in pixels squared.
    unrest : variance per variance of change in time.
    light_price : evidence from which on a change of light is a likelier explanation.
    darkest_light, brightest_light : bounds of a change of light, as a gain; None is 0.4 for
        colour and 0.8 for grey, where nothing but the gain tells a shadow from an object.
    object_rate, still_rate, ghost_rate : learning of foreground, relative to background's.
    still : mean squared change in time, in grey levels squared, below which foreground stands
        still.
    majority : pixels along the side of the square that votes, odd, 1 to 15; 1 is no vote.
    closing : pixels across the disc that closes holes, odd; 1 closes none.
    follow_light : measure the gain of the whole picture.
    follow_noise : measure the noise of the camera, and raise the variances to it.
    stabilize : look for shifts of a moving camera, and move the background with it.
    relearn : begin anew when the whole scene has changed at once, as when a light is switched.
    threads : most threads; None is one for every processor. The masks do not depend on it.
    region : (H, W) bool, where to look; None is everywhere. Outside nothing is foreground,
        learned, or counted for the light, the noise and the movement of the camera.
    sensitivity : (H, W) above 0; `threshold` is divided by it. None is 1.
    invalid : what to do about NaN and infinity: "raise", or take such pixels as "unknown":
        background in this frame's mask, and nothing learned.

    Every parameter but `components` may be changed between frames.

    Convention: images are (H, W, C), C from 1 to 8, all of a sequence alike: uint8, uint16 over
    its full range, or float32 and float64 in [0, 1]. All are rounded to 256 grey levels, in
    which the parameters are given; what is learned of them has fractions. The first frame
    becomes the background, so its mask is empty. One object serves one sequence; `save`,
    `copy` and pickle give one that goes on bit for bit. When the camera begins to move, the log
    "segment.background" says so.

    Source: mixtures: Stauffer & Grimson 1999; Zivkovic 2004. Ideas: feedback of the decision
    into the rates: PBAS (Hofmann et al. 2012), SuBSENSE (St-Charles et al. 2015); ghosts:
    ViBe (Barnich & Van Droogenbroeck 2011); shadows as a gain: Horprasert et al. 1999; the
    shift: phase correlation (Kuglin & Hines 1975).
    """

    def __init__(
        self,
        history: int = 500,
        threshold: float = 16.0,
        components: int = 4,
        *,
        match_threshold: float = 9.0,
        background_weight: float = 0.8,
        least_seen: float = 10.0,
        complexity: float = 0.05,
        initial_variance: float = 7.0,
        smallest_variance: float = 6.0,
        largest_variance: float = 50.0,
        largest_evidence: float = 40.0,
        own_evidence: float = 0.15,
        edges: float = 0.03,
        unrest: float = 3.0,
        light_price: float = 12.0,
        darkest_light: float | None = None,
        brightest_light: float = 1.2,
        object_rate: float = 0.005,
        still_rate: float = 0.5,
        ghost_rate: float = 20.0,
        still: float = 3.0,
        majority: int = 7,
        closing: int = 9,
        follow_light: bool = True,
        follow_noise: bool = True,
        stabilize: bool = True,
        relearn: bool = True,
        threads: int | None = None,
        region: Mask | None = None,
        sensitivity: NDArray[Any] | None = None,
        invalid: Invalid = "raise",
    ) -> None:
        self.history = history
        self.threshold = threshold
        self.components = components
        self.match_threshold = match_threshold
        self.background_weight = background_weight
        self.least_seen = least_seen
        self.complexity = complexity
        self.initial_variance = initial_variance
        self.smallest_variance = smallest_variance
        self.largest_variance = largest_variance
        self.largest_evidence = largest_evidence
        self.own_evidence = own_evidence
        self.edges = edges
        self.unrest = unrest
        self.light_price = light_price
        self.darkest_light = darkest_light
        self.brightest_light = brightest_light
        self.object_rate = object_rate
        self.still_rate = still_rate
        self.ghost_rate = ghost_rate
        self.still = still
        self.majority = majority
        self.closing = closing
        self.follow_light = follow_light
        self.follow_noise = follow_noise
        self.stabilize = stabilize
        self.relearn = relearn
        self.threads = threads
        self.region = region
        self.sensitivity = sensitivity
        self.invalid = invalid
        check_parameters(self)
        self._checked = all_parameters(self)
        self._shape: tuple[int, ...] | None = None
        self._judged = None

    def apply(
        self,
        image: Image,
        learning_rate: float | NDArray[Any] | None = None,
        *,
        known: NDArray[Any] | None = None,
    ) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it.

        `learning_rate` in [0, 1] is the share of the frame that background learns, for all or
        (H, W) for each pixel; None, or NaN, chooses it by `history`. 0 leaves everything that
        was learned of a pixel exactly as it is. The first frame is learned as a whole, whatever
        the rate. `known` (H, W) is 1 where the frame is known to be foreground, -1 for
        background, 0 where nothing is known: the mask says so, foreground is not learned,
        background at the full rate.

        Raises ValueError when the size or the number of channels changes, and for numbers that
        make no sense, TypeError for other types.
        """
        begun = self._shape is not None
        # What was looked at before need not be again: little else is done in one thread only.
        alike = begun and type(image) is np.ndarray and image.shape == self._shape
        if not alike or image.dtype != self._image_dtype:
            check_image(image)
            dtype = self._image_dtype if begun else None
            check_like_before(image, self._shape, dtype, type(self).__name__)
        parameters = all_parameters(self)
        if parameters != self._checked:
            check_parameters(self)
            self._checked = parameters
        size = image.shape[:2]
        self._check_guidance(size)
        rate = as_rate(learning_rate, size)
        facts = as_known(known, size)
        unknown = find_invalid(image, self.invalid)
        where = self._where(unknown)
        told = _tell(facts, where, size)
        if not begun:
            not_this = unknown if facts is None else (told == _FOREGROUND).reshape(size)
            self._begin(image, not_this)
            return (
                np.asarray(told == _FOREGROUND).reshape(size)
                if told.size
                else np.zeros(size, np.bool_)
            )

        frozen = rate is not None and not np.any(rate)
        pixels = np.ascontiguousarray(to_eight_bits(image, unknown))
        outside = _NO_BYTES
        if where is not None:
            # There is nothing to see: the background itself.
            pixels = pixels.copy()
            ground = self._ground.reshape(image.shape[2], *size)
            pixels[~where] = np.moveaxis(ground, 0, 2)[~where]
            outside = np.asarray(~where).view(np.uint8).reshape(-1)
        # What concerns all pixels at once must leave those alone that are frozen one by one.
        free = not (np.any(rate == 0) if isinstance(rate, np.ndarray) else frozen)
        if free and self.follow_noise:
            self._choose_softness()
        pixels = self._soften(pixels).view()
        pixels.flags.writeable = False
        points = pixels.reshape(-1)

        gain = self._measure_light(points, outside) if self.follow_light else 1.0
        if self.stabilize and not frozen and self._register(pixels, outside, gain):
            gain = self._measure_light(points, outside) if self.follow_light else 1.0
        noise = self._measure_noise(points, outside, gain) if self.follow_noise else 0.0
        given = self._give(rate, told)
        if isinstance(rate, np.ndarray):
            rate = None
        largest = max(float(given.max(initial=0)) if given.size else 0.0, rate or 0.0)
        settings = self._settings(gain, noise, rate, largest)
        if told.size and not frozen:
            self._mask[told == _BACKGROUND] = 0  # learns as background does
        if self._young() and not frozen:
            self._foresee(points, settings)
        self._follow(points, settings, given, frozen)
        foreground = self._decide(points, told, gain, frozen)
        self._frozen = frozen
        if frozen:
            self._shown[:] = foreground.reshape(-1)
        else:
            still = self._look_back(gain, noise)
            if free and self.relearn and facts is None:
                self._guard(image, where, foreground, still)
        mask: Mask = foreground.view(np.bool_)
        return mask

    def posterior(self) -> NDArray[np.float32]:
        """Return the probability of foreground of the last frame, (H, W) float32 in [0, 1].

        The logistic of evidence less threshold, half as steep as for one independent pixel,
        since what is pooled is not independent: 0.5 at the threshold. The mask is tidier: it
        has passed the vote and the closing, and says what was known. Raises ValueError before
        the second frame.
        """
        level, _, threshold = self._level("posterior")
        odds = np.exp(np.minimum((threshold - level) * np.float32(0.25), np.float32(80)))
        probability: NDArray[np.float32] = np.float32(1) / (np.float32(1) + odds)
        return probability

    def shadows(self) -> Mask:
        """Return where the last frame has a shadow on the background, (H, W) bool.

        There the evidence passes the threshold, a gain below 1 explains it, and the mask says
        background. Raises ValueError before the second frame.
        """
        level, bare, threshold = self._level("shadow")
        # The background's product with what is left of the frame: below 0 where that is darker.
        taps = np.array([1, 4, 6, 4, 1], np.float32) / 16
        dot = cv2.sepFilter2D(self._sums[1], -1, taps, taps, borderType=cv2.BORDER_REPLICATE)
        half, wide = dot.shape
        darker = cv2.resize(dot, (2 * wide, 2 * half))[: self._height, : self._width] < 0
        shown = (self._shown if self._frozen else self._mask).reshape(self._height, self._width)
        found: Mask = (bare > threshold) & (level <= threshold) & darker & (shown == 0)
        return found if self._region is None else found & self._region

    def background(self) -> Image:
        """Return the background picture, (H, W, C): the mean of every heaviest mode.

        It has the images' type; only that of uint8 is rounded to 256 grey levels. Raises
        ValueError before the first frame.
        """
        if self._shape is None:
            raise ValueError("there is no background before the first frame; call apply first")
        return self._picture()

    def spread(self) -> NDArray[np.float32]:
        """Return the standard deviation of a channel in the heaviest mode, (H, W) float32.

        In grey levels of 256, whatever the images' type; the mean over the channels. Raises
        ValueError before the first frame.
        """
        if self._shape is None:
            raise ValueError("there is no spread before the first frame; call apply first")
        height, width, channels = self._shape
        variance = self._variance[: height * width].reshape(height, width)
        deviation: NDArray[np.float32] = np.sqrt(variance / np.float32(channels))
        return deviation

    def _give(self, rate: Any, told: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the learning rates of all pixels, (H * W,), none if they need no other."""
        if not isinstance(rate, np.ndarray) and not told.size:
            return _NO_NUMBERS
        if isinstance(rate, np.ndarray):
            given = rate.reshape(-1)
        else:
            start = AUTOMATIC if rate is None else rate
            given = np.full(self._height * self._width, start, np.float32)
        if told.size:
            given[told == _FOREGROUND] = 0
            given[told == _UNSEEN] = 0
        return given

    def _foresee(self, points: NDArray[np.uint8], settings: NDArray[np.float32]) -> None:
        """While few frames are averaged, take the change of this one into account at once."""

        def change(band: int, start: int, stop: int) -> None:
            kernels.measure_change(
                self._which,
                points,
                self._before,
                self._mask,
                self._temporal,
                *self._desk(_changing, band, len(self._which), self._width),
                settings,
                self._height,
                self._width,
                start,
                stop,
            )

        self._share("change").over(change)
        kernels.average_change(
            self._temporal,
            self._changes,
            self._unrest,
            np.float32(self._change_rate()),
            *self._desk(scratch, 0, 2, self._border.shape[1]),
        )

    def _follow(
        self,
        points: NDArray[np.uint8],
        settings: NDArray[np.float32],
        given: NDArray[np.float32],
        frozen: bool,
    ) -> None:
        """Compare every pixel with its mixture, and learn."""
        height, width, channels = self._height, self._width, len(self._which)
        ground = self._ground.reshape(channels, height, width)
        flat = self._sums.reshape(4, -1)
        # Bands compare with the background of their neighbours before those learn.
        sharing = self._share("follow")
        edges = [
            (ground[:, max(start - 1, 0)].copy(), ground[:, min(stop, height - 1)].copy())
            for start, stop in sharing.bands
        ]

        def follow(band: int, start: int, stop: int) -> None:
            kernels.follow_pixels(
                self._which,
                points,
                self._before,
                self._ground,
                *edges[band],
                self._mask,
                self._weight,
                self._variance,
                self._mean,
                self._minor,
                self._count,
                self._seen,
                self._evidence,
                self._sums,
                flat,
                self._temporal,
                self._votes,
                self._motion,
                self._unrest,
                given,
                *self._desk(_following, band, channels, width, self.components),
                settings,
                frozen,
                height,
                width,
                start,
                stop,
            )

        sharing.over(follow)

    def _decide(
        self,
        points: NDArray[np.uint8],
        told: NDArray[np.uint8],
        gain: float,
        frozen: bool,
    ) -> NDArray[np.uint8]:
        """Return what is foreground, (H, W) uint8, and keep the mask and what its border says."""
        height, width, channels = self._height, self._width, len(self._which)
        sensitivity = _NO_NUMBERS
        if self._sensitivity is not None:
            sensitivity = self._sensitivity.reshape(-1)
        low = self.darkest_light
        if low is None:
            low = 0.8 if channels == 1 else 0.4
        self._judged = (
            self.own_evidence,
            self.largest_evidence,
            self.threshold,
            low,
            self.brightest_light,
            self.light_price,
        )
        lowest = 1.0 if self._sensitivity is None else 1 / float(self._sensitivity.max())
        numbers = self._desk(_numbers, 0, lowest, *self._judged)
        radius, reach = self.majority // 2, self.closing // 2
        widths = self._desk(_disc, 0, reach)
        foreground = np.empty((height, width), np.uint8)

        def decide(band: int, start: int, stop: int) -> None:
            kernels.decide(
                self._which,
                points,
                self._ground,
                self._evidence,
                self._sums,
                numbers,
                sensitivity,
                told,
                radius,
                widths,
                np.float32(gain),
                self._mask,
                foreground.reshape(-1),
                self._border,
                *self._desk(_deciding, band, width, radius, reach),
                frozen,
                height,
                width,
                start,
                stop,
            )

        self._share("decide").over(decide)
        return foreground

    def _level(self, what: str) -> tuple[NDArray[np.float32], NDArray[np.float32], Any]:
        """Return the last frame's evidence, (H, W), the same without light, and thresholds."""
        if self._shape is None or self._judged is None:
            raise ValueError(f"there is no {what} before the second frame; call apply first")
        height, width = self._height, self._width
        own, largest, threshold, *light = map(np.float32, self._judged)
        _, half, wide = self._sums.shape
        plain, explained = np.empty((2, half, wide), np.float32)
        level, bare = np.empty((2, height * width), np.float32)
        kernels.level_pixels(
            self._evidence,
            self._sums,
            own,
            largest / np.float32(255),
            *light,
            plain,
            explained,
            np.empty((4, wide + 4), np.float32),
            np.empty((2, width), np.float32),
            level,
            bare,
            height,
            width,
        )
        passed: Any = threshold
        if self._sensitivity is not None:
            passed = threshold / self._sensitivity
        return level.reshape(height, width), bare.reshape(height, width), passed

    def _look_back(self, gain: float, noise: float) -> float:
        """Keep what the next frame asks of this one: votes on ghosts, and change.

        Returns the share of the picture that stands still.
        """
        assert self._shape is not None
        still = kernels.look_back(
            self._border,
            self._votes,
            self._temporal,
            self._motion,
            self._changes,
            self._unrest,
            np.float32(self._shape[2] / 12),
            np.float32(-1 if self._young() else self._change_rate()),
            np.float32(4 * self._stillness(noise)),
            *self._desk(scratch, 0, 2, self._border.shape[1]),
        )
        self._gain = gain
        self._noise = noise
        self._learned += 1
        return float(still) / self._motion.size

    def _guard(
        self, image: Image, where: Mask | None, foreground: NDArray[np.uint8], still: float
    ) -> None:
        """Learn the scene anew if it has become another one; the last frame's evidence is kept."""
        seen = foreground.size if where is None else np.count_nonzero(where)
        covered = np.count_nonzero(foreground.view(np.bool_)) / max(seen, 1)
        self._watch, changed = look(self._watch, covered, still)
        if not changed:
            return
        _log.info("after %d frames the whole scene has changed: it is learned anew", self._learned)
        if where is not None:
            image = np.where(where[:, :, None], image, self._picture())
        kept = self._evidence, self._sums, self._judged, self._noise, self._shake, self._soft
        self._begin(image)
        self._evidence, self._sums, self._judged, self._noise, self._shake, self._soft = kept
        self._shown[:] = foreground.reshape(-1)
        self._frozen = True  # it is `_shown` that goes with the evidence

    def _stillness(self, noise: float) -> float:
        """Mean squared change in time below which a place stands still, its noise included."""
        return self.still + _NOISE_IN_CHANGE * noise * len(self._which) / 12

    def _young(self) -> bool:
        """Whether the average of change has few frames, so that each of them counts at once.

        Later it is brought up to date when a frame is done, which saves a pass over the frame.
        """
        return self._learned < 1 / _CHANGE_RATE

    def _change_rate(self) -> float:
        return max(1 / self._learned, _CHANGE_RATE)

    def _settings(
        self, gain: float, noise: float, rate: float | None, largest: float
    ) -> NDArray[np.float32]:
        """Return the numbers of the kernel, in its order; `largest` is the largest rate given."""
        channels = len(self._which)
        settings = [0.0] * places.SETTINGS
        cap = max(60 * 12 / channels, 6 * noise)
        cut = max(15.0, 6 * noise)
        fast = min(self._learned, 1 / max(largest, 1e-9))
        every = next((n for n, frames in _LEARNING if fast >= frames), 1)
        for place, number in (
            (places.HISTORY, self.history),
            (places.MATCH, self.match_threshold),
            (places.BACKGROUND_WEIGHT, self.background_weight),
            (places.COMPLEXITY, self.complexity),
            (places.INITIAL_VARIANCE, max(self.initial_variance, 0.5 * noise)),
            (places.SMALLEST_VARIANCE, max(self.smallest_variance, 0.5 * noise)),
            (places.LARGEST_VARIANCE, max(self.largest_variance, 0.75 * noise)),
            (places.LARGEST_EVIDENCE, self.largest_evidence),
            (places.LARGEST_RESIDUAL, 2000),
            (places.LEAST_SEEN, self.least_seen),
            (places.EDGES, self.edges + 0.1 * self._shake),
            (places.UNREST, self.unrest),
            (places.OBJECT_RATE, self.object_rate),
            (places.STILL_RATE, self.still_rate),
            (places.STILL, self._stillness(noise)),
            (places.GHOST_RATE, self.ghost_rate),
            (places.GHOST, 2),
            (places.GHOST_STILL, self._stillness(noise)),
            (places.SHAKE, self._shake),
            (places.NOISE, noise),
            (places.GAIN, gain),
            (places.GAIN_BEFORE, self._gain),
            (places.DIFFERENCE_SCALE, 1 / (2 * channels)),
            (places.DIFFERENCE_CAP, cap),
            (places.DIFFERENCE_CUT, cut),
            (places.LEARNING_RATE, AUTOMATIC if rate is None else rate),
            (places.GLARING, 250 if gain < 1 else 256),
            (places.EVERY, every),
            (places.PHASE, self._learned % every),
        ):
            settings[place] = number
        return np.array(settings, np.float32)


def _changing(channels: int, width: int) -> tuple[Any, ...]:
    """Return the scratch of `measure_change`."""
    return scratch(3, width), np.empty((channels, width), np.uint8)


def _following(channels: int, width: int, modes: int) -> tuple[Any, ...]:
    """Return the scratch of `follow_pixels`."""
    length, room = kernels.LENGTH, kernels.STRIP * width + 1
    return (
        scratch(kernels.SINGLES, width),
        scratch(kernels.PAIRS, 2 * width),
        np.empty((channels, width), np.uint8),
        np.empty((channels, width), np.uint8),
        np.empty(width, np.uint8),
        np.empty(room, np.uint32),
        np.empty(room, np.uint32),
        np.zeros((channels, length), np.float32),
        np.zeros((modes, length), np.float32),
        np.zeros((modes * (1 + channels), length), np.float32),
        tuple(np.zeros((kernels.LINES, length), np.float32)),
        np.empty((3, room), np.float32),
    )


def _numbers(
    lowest: float, own: float, largest: float, threshold: float, *light: float
) -> tuple[np.float32, ...]:
    """Return the `numbers` of `decide`; thresholds are at least `lowest` of the threshold."""
    # Where the surroundings have less, not even the largest evidence of a pixel's own
    # passes, nor would a change of light explain any of it.
    least = -np.inf
    if own < 1:
        least = (min(threshold * lowest, light[2]) - own * largest) / (1 - own) * 0.999
    return tuple(map(np.float32, (own, largest / 255, threshold, least, *light)))


def _disc(reach: int) -> NDArray[np.int64]:
    """Return how far a disc reaches to both sides in each of its rows."""
    across = np.arange(-reach, reach + 1)
    return np.rint(np.sqrt(reach**2 - across**2)).astype(np.int64)


def _deciding(width: int, radius: int, reach: int) -> tuple[Any, ...]:
    """Return the scratch of `decide`."""
    wide = -(-width // 2)
    rings = (2 * radius + 3, 2 * reach + 3, 2 * reach + 3, 2 * kernels.DISTANCE + 3)
    scraps = (*rings, width + 2 * radius, width + 2 * reach, width)
    return (
        np.empty((kernels.HALVES, wide + 4), np.float32),
        np.empty((2, width), np.float32),
        np.empty((kernels.BLOCKS, -(-wide // kernels.BLOCK)), np.uint8),
        *(np.empty((ring, width), np.uint8) for ring in rings),
        tuple(np.empty(size, np.uint8) for size in scraps),
    )


def _tell(
    known: NDArray[np.int8] | None, where: Mask | None, size: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return what is told of every pixel, (H * W,), nothing if that is nothing."""
    if known is None and where is None:
        return _NO_BYTES
    told = np.zeros(size, np.uint8)
    if known is not None:
        told[known > 0] = _FOREGROUND
        told[known < 0] = _BACKGROUND
    if where is not None:
        told[~where] = _UNSEEN
    return told.reshape(-1)
