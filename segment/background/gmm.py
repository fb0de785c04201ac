"""The online mixture of Gaussians of every pixel: the subtractor of the literature."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from segment import threads as rows
from segment.arrays import Mask
from segment.background import checks, kernels
from segment.background.inputs import (
    Guided,
    Invalid,
    as_known,
    as_rate,
    check_guidance,
    check_image,
    check_like_before,
    find_invalid,
    grey_levels,
)
from segment.background.memory import (
    Mixtures,
    Parts,
    as_flat,
    begin,
    mixtures_of,
    parts_of,
    settings_of,
    zeros,
)
from segment.background.saved import Saved
from segment.turns import one_at_a_time

__all__ = ["GaussianMixtureSubtractor"]

# Fewer pixels than this are done before a second thread has woken up: 320x240, still, takes
# 0.07 ms in one thread and 0.2 in two.
PIXELS_WORTH_A_THREAD = 1 << 17


@one_at_a_time("apply", "background", "spread", "mixtures", "posterior", "shadows")
class GaussianMixtureSubtractor(Guided, Saved):
    """Up to `components` Gaussians at every pixel, followed online by EM.

    E-step: the pixel belongs to its heaviest mode whose mean lies within
    `match_threshold` variances. It is background when a background mode explains it,
    that is, one with less than `background_weight` in modes heavier than itself, whose
    mean lies within `threshold` variances.
    M-step, with learning rate a: the weights follow the memberships, the matched mode's
    mean and variance follow the pixel with rate a / weight. A prior takes a * `complexity`
    from every weight; a mode without weight is dropped, so that the number of modes fits
    the pixel. A pixel that no mode matches begins a new one, in place of the lightest if
    all are in use.

    A mode has one variance for all channels, and distances are means over the channels:
    a grey picture and the same picture in three channels have the same mask.

    Parameters
    ----------
    history : frames that are remembered; the learning rate of frame n is
        1 / min(2 n, history).
    threshold : squared distance from a background mode, in variances, that is foreground:
        16 is four standard deviations.
    components : most modes of a pixel, 1 to 255.
    match_threshold : squared distance, in variances, up to which a pixel belongs to a mode.
    background_weight : share of the past, in (0, 1], that the background modes explain.
    complexity : strength of the prior against modes, in [0, 1).
    initial_variance, smallest_variance, largest_variance : of a new mode, and the bounds
        of every mode's variance, in grey levels (of 256) squared, the mean over the channels.
    detect_shadows : look for shadows among the foreground, and count them as background.
    darkest_shadow : brightness, in (0, 1], that the deepest shadow leaves.
    region : where to look, (H, W) bool; None is everywhere. Nothing outside is foreground,
        and nothing is learned there.
    sensitivity : what `threshold` is divided by, (H, W) above 0; None is 1.
    invalid : what to do about NaN and infinity: "raise", or take the pixel as "unknown",
        background in this frame, and nothing learned from it.
    keep_posterior : keep what `posterior` needs; a frame takes up to twice as long.
    threads : most threads; None is one for every processor. The masks do not depend on it.
    dtype : of the state, float32 or float64.

    Every parameter but `components` and `dtype` may be changed between frames. `save`,
    `load`, `copy`, `copy.deepcopy` and pickle give an object that goes on with the same masks.

    Convention: images are (H, W, C), C from 1 to 8; uint8, uint16 of which 65535 is white, or
    float32 and float64 in [0, 1]. They are read where they lie, uncopied, if their rows are
    contiguous. The first frame becomes the background, so its mask is empty. One object serves
    one sequence.

    Source: Stauffer & Grimson 1999; KaewTraKulPong & Bowden 2001; Zivkovic 2004; Zivkovic
    & van der Heijden, Pattern Recognition Letters 27(7), 2006; shadows: Prati et al. 2003.
    """

    STATE_REVISION: ClassVar[int] = 2
    SCRATCH: ClassVar[frozenset[str]] = frozenset({"_guide"})

    def __init__(
        self,
        history: int = 200,
        threshold: float = 16.0,
        components: int = 5,
        *,
        match_threshold: float = 9.0,
        background_weight: float = 0.8,
        complexity: float = 0.1,
        initial_variance: float = 4.0,
        smallest_variance: float = 1.5,
        largest_variance: float = 16.0,
        detect_shadows: bool = False,
        darkest_shadow: float = 0.5,
        region: Mask | None = None,
        sensitivity: NDArray[Any] | None = None,
        invalid: Invalid = "raise",
        keep_posterior: bool = False,
        threads: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self._shape: tuple[int, ...] | None = None
        self._learned = 0  # frames
        # Planes of whole blocks, for the next frame and of the last one.
        self._guide: tuple[NDArray[Any], NDArray[np.int8], NDArray[Any]] | None = None
        self._odds: NDArray[Any] | None = None
        self._shadow: NDArray[np.uint8] | None = None
        self.dtype = np.dtype(dtype)
        self.history = history
        self.threshold = threshold
        self.components = components
        self.match_threshold = match_threshold
        self.background_weight = background_weight
        self.complexity = complexity
        self.initial_variance = initial_variance
        self.smallest_variance = smallest_variance
        self.largest_variance = largest_variance
        self._keep_posterior = self._detect_shadows = False
        self.detect_shadows = detect_shadows
        self.darkest_shadow = darkest_shadow
        self.region = region
        self.sensitivity = sensitivity
        self.invalid = invalid
        self.keep_posterior = keep_posterior
        self.threads = threads
        self._check_parameters()

    @property
    def keep_posterior(self) -> bool:
        """Whether what `posterior` needs is kept from now on."""
        return self._keep_posterior

    @keep_posterior.setter
    def keep_posterior(self, keep: bool) -> None:
        self._keep_posterior = bool(keep)
        self._make_results()

    @property
    def detect_shadows(self) -> bool:
        """Whether shadows are looked for from now on."""
        return self._detect_shadows

    @detect_shadows.setter
    def detect_shadows(self, detect: bool) -> None:
        self._detect_shadows = bool(detect)
        self._make_results()

    def apply(
        self,
        image: NDArray[Any],
        learning_rate: float | NDArray[Any] | None = None,
        *,
        known: NDArray[Any] | None = None,
    ) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it.

        Parameters
        ----------
        image : (H, W, C), of the type and shape of the frames before.
        learning_rate : share of the frame that is learned, in [0, 1], or (H, W) of them; 0
            leaves the background exactly as it is, None, and NaN in an array, is by
            `history`. The first frame is learned as a whole, whatever the rate.
        known : (H, W) int8: 1 is foreground, in the mask too, and not learned; -1 is
            background, in the mask too, and learned; at 0 nothing is known. Or (H, W) bool,
            foreground where True.

        What a pixel shows first becomes its background, also if that is later than the first
        frame because it was unknown, known to be foreground or outside the region until then.

        Raises ValueError and TypeError for arguments of other forms, and ValueError, before
        anything is learned, for NaN and infinity unless they are to be taken as unknown.
        """
        check_image(image)
        before = None if self._shape is None else self._image_dtype
        check_like_before(image, self._shape, before, type(self).__name__)
        self._check_parameters()
        height, width, channels = image.shape
        check_guidance(self, (height, width))
        rate = as_rate(learning_rate, (height, width))
        told = as_known(known, (height, width))
        unknown = find_invalid(image, self.invalid)
        if self._shape is None:
            return self._look_first(image, told, unknown)
        automatic = 1 / min(2 * (self._learned + 1), self.history)
        if rate is None:
            rate = automatic
        plain = isinstance(rate, float) and told is None and unknown is None
        plain = plain and self.region is None and self.sensitivity is None
        guide = None if plain else self._make_guide()

        foreground = np.empty((height, width), np.bool_)
        flat = foreground.reshape(-1).view(np.uint8)
        pixels, row_step = as_flat(image)
        one = rate if isinstance(rate, float) else 0.0
        settings = settings_of(self, (channels, image.dtype), one, self.dtype)
        which = (0,) * channels
        shadow = np.empty(0, np.uint8) if self._shadow is None else self._shadow
        odds = np.empty(0, self.dtype) if self._odds is None else self._odds

        def update(start: int, stop: int) -> None:
            if guide is not None:
                self._fill_guide(start, stop, rate, automatic, told, unknown)
            kernels.update_mixture(
                which,
                pixels,
                row_step,
                self._modes,
                self._weights,
                self._count.reshape(-1),
                flat,
                shadow,
                odds,
                guide,
                zeros((channels + 1) * kernels.WIDTH, self.dtype),
                np.zeros(channels * kernels.WIDTH, image.dtype),
                np.empty(kernels.WIDTH, np.uint8),
                settings,
                width,
                height,
                start,
                stop,
            )

        least = -(-PIXELS_WORTH_A_THREAD // width)
        rows.over_rows(update, height, rows.count_threads(self.threads), least)
        # A frame that is only looked at does not hasten the slowing of the rate.
        self._learned += bool(np.any(np.not_equal(rate, 0)))
        return foreground

    def background(self) -> NDArray[Any]:
        """Return the background, (H, W, C) of the images' type: the mean of every heaviest mode.

        Where nothing has been learned it is the first frame, or 0 where that was unknown.
        Raises ValueError before the first frame.
        """
        mean = np.ascontiguousarray(np.moveaxis(self._heaviest("background")[1:], 0, 2))
        dtype: np.dtype[Any] = self._image_dtype
        mean /= mean.dtype.type(grey_levels(dtype))
        if dtype.kind == "f":
            return mean.astype(dtype, copy=False)
        return mean.round().clip(0, np.iinfo(dtype).max).astype(dtype)

    def spread(self) -> NDArray[np.float32]:
        """Return the standard deviation of every heaviest mode, (H, W) float32, in grey levels.

        It is 0 where nothing has been learned. Raises ValueError before the first frame.
        """
        spread: NDArray[np.float32] = np.sqrt(self._heaviest("spread")[0]).astype(np.float32)
        return spread

    def mixtures(self) -> Mixtures:
        """Return the modes of every pixel, the heaviest first, a copy.

        Raises ValueError before the first frame.
        """
        if self._shape is None:
            raise ValueError("there are no mixtures before the first frame; call apply first")
        return mixtures_of(self._parts(), self._shape[1])

    def posterior(self) -> NDArray[np.float32]:
        """Return the probability of foreground in the last frame, (H, W) float32 in [0, 1].

        Foreground is taken to be as likely as background at `threshold`, whatever it looks
        like: with d the squared distance from the nearest background mode, in variances, it is
        the logistic of (d - threshold) / 2. What was known is 0 or 1; so is a first frame, and
        the last one before `keep_posterior` was set. Raises ValueError unless it is set, and
        before the first frame.
        """
        if self._odds is None:
            if self.keep_posterior:
                raise ValueError("there is no posterior before the first frame; call apply first")
            raise ValueError("the posterior is not kept; set keep_posterior, then call apply")
        with np.errstate(over="ignore"):
            odds = self._on_image(self._odds).astype(np.float32)
            probability: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-odds))
        return probability

    def shadows(self) -> Mask:
        """Return where the last frame showed a shadow on the background, (H, W) bool.

        Raises ValueError unless `detect_shadows` is set, and before the first frame.
        """
        if self._shadow is None:
            if self.detect_shadows:
                raise ValueError("there are no shadows before the first frame; call apply first")
            raise ValueError("shadows are not looked for; set detect_shadows, then call apply")
        return np.ascontiguousarray(self._on_image(self._shadow)).view(np.bool_)

    def _begin(self, image: NDArray[Any]) -> None:
        """Make every pixel's only mode of `image`."""
        learned = begin(image, self.components, self.initial_variance, self.dtype)
        self._modes, self._weights, self._count = learned
        self._shape, self._image_dtype = image.shape, image.dtype
        self._learned = 1
        self._guide = self._odds = self._shadow = None
        self._make_results()

    def _look_first(
        self, image: NDArray[Any], told: NDArray[np.int8] | None, unknown: Mask | None
    ) -> Mask:
        """Begin with the first frame, and return its mask."""
        if unknown is not None:
            image = np.where(unknown[:, :, None], image.dtype.type(0), image)
        self._begin(image)
        foreground = np.zeros(image.shape[:2], np.bool_)
        unseen = np.zeros(image.shape[:2], np.bool_) if unknown is None else unknown
        if told is not None:
            foreground = told > 0
            unseen = unseen | foreground
        if self.region is not None:
            foreground = foreground & self.region
            unseen = unseen | ~self.region
        if unseen.any():
            first, _, weights = self._parts()
            y, x = np.nonzero(unseen)
            block, lane = x // kernels.WIDTH, x % kernels.WIDTH
            first[y, block, 0, lane] = 0
            weights[y, block, 0, lane] = 0
        if self._odds is not None:
            self._on_image(self._odds)[foreground] = np.inf
        return foreground

    def _parts(self) -> Parts:
        assert self._shape is not None
        return parts_of(self._modes, self._weights, self._count, self._shape[2])

    def _heaviest(self, name: str) -> NDArray[Any]:
        """Return variance and means of the heaviest modes, a copy, (1 + C, H, W)."""
        if self._shape is None:
            raise ValueError(f"there is no {name} before the first frame; call apply first")
        height, width, channels = self._shape
        planes = np.moveaxis(self._parts().first, 2, 0)
        copy: NDArray[Any] = planes.reshape(1 + channels, height, -1)[:, :, :width].copy()
        return copy

    def _on_image(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return the part of a plane of whole blocks that belongs to the image, (H, W)."""
        assert self._shape is not None
        height, width, _ = self._shape
        return plane.reshape(height, -1)[:, :width]

    def _make_results(self) -> None:
        """Make room for what the next frame shows, as far as it is asked for."""
        if self._shape is None:
            return
        room = self._count.size * kernels.WIDTH
        if not self._keep_posterior:
            self._odds = None
        elif self._odds is None:
            self._odds = np.full(room, -np.inf, self.dtype)
        if not self._detect_shadows:
            self._shadow = None
        elif self._shadow is None:
            self._shadow = np.zeros(room, np.uint8)

    def _make_guide(self) -> tuple[NDArray[Any], NDArray[np.int8], NDArray[Any]]:
        if self._guide is None:
            room = self._count.size * kernels.WIDTH
            self._guide = (
                np.zeros(room, self.dtype),
                np.zeros(room, np.int8),
                np.ones(room, self.dtype),
            )
        return self._guide

    def _fill_guide(
        self,
        start: int,
        stop: int,
        rate: float | NDArray[np.float32],
        automatic: float,
        told: NDArray[np.int8] | None,
        unknown: Mask | None,
    ) -> None:
        """Say for rows start to stop what is learned, what is known, and how to judge."""
        rates, known, factor = (self._on_image(plane)[start:stop] for plane in self._make_guide())
        chosen = rate if isinstance(rate, float) else rate[start:stop]
        rates[...] = chosen
        if not isinstance(rate, float):
            rates[chosen < 0] = automatic
        known[...] = 0
        if unknown is not None:
            known[unknown[start:stop]] = -1
        if told is not None:
            sure = told[start:stop]
            np.copyto(known, sure, where=sure != 0)
            rates[sure > 0] = 0
        if unknown is not None:
            rates[unknown[start:stop]] = 0
        if self.region is not None:
            outside = ~self.region[start:stop]
            known[outside] = -1
            rates[outside] = 0
        if self.sensitivity is None:
            factor[...] = 1
        else:
            np.divide(1, self.sensitivity[start:stop], out=factor)

    def _check_parameters(self) -> None:
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype is {self.dtype}, wanted float32 or float64")
        checks.check_components(self.components)
        checks.check_history(self.history)
        for name in ("threshold", "match_threshold"):
            checks.check_above_0(name, getattr(self, name))
        for name in ("background_weight", "darkest_shadow"):
            checks.check_share(name, getattr(self, name))
        checks.check_complexity("complexity", self.complexity)
        checks.check_variances(self.smallest_variance, self.initial_variance, self.largest_variance)
        rows.count_threads(self.threads)
