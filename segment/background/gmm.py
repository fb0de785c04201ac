"""The online mixture of Gaussians of every pixel: the subtractor of the literature."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from segment import threads as rows
from segment.arrays import Image, Mask
from segment.background import kernels
from segment.background.checks import check_pixels, check_same_shape
from segment.background.state import Saved

__all__ = ["GaussianMixtureSubtractor"]

# Fewer pixels than this are done before a second thread has woken up.
_PIXELS_WORTH_A_THREAD = 8192

# Pixels; 25 planes of them take 25 KiB of the nearest cache, which has 32 KiB or more.
_LONGEST_RUN = 320


class GaussianMixtureSubtractor(Saved):
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
        of every mode's variance, in grey levels squared.
    detect_shadows : look for shadows among the foreground, and count them as background.
    darkest_shadow : brightness, in (0, 1], that the deepest shadow leaves.
    threads : most threads; None is one for every processor. The masks do not depend on it.
    dtype : of the state, float32 or float64.

    Every parameter but `components` and `dtype` may be changed between frames.

    Convention: images are (H, W, C) uint8, C from 1 to 8. The first frame becomes the
    background, so its mask is empty. One object serves one sequence.

    Source: Stauffer & Grimson 1999; KaewTraKulPong & Bowden 2001; Zivkovic 2004; Zivkovic
    & van der Heijden, Pattern Recognition Letters 27(7), 2006; shadows: Prati et al. 2003.
    """

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
        threads: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.history = history
        self.threshold = threshold
        self.components = components
        self.match_threshold = match_threshold
        self.background_weight = background_weight
        self.complexity = complexity
        self.initial_variance = initial_variance
        self.smallest_variance = smallest_variance
        self.largest_variance = largest_variance
        self.detect_shadows = detect_shadows
        self.darkest_shadow = darkest_shadow
        self.threads = threads
        self.dtype = np.dtype(dtype)
        self._check_parameters()
        self._shape: tuple[int, ...] | None = None
        self._learned = 0  # frames

    def apply(self, image: Image, learning_rate: float | None = None) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it.

        `learning_rate` in [0, 1] is the share of the frame that is learned; 0 leaves the
        background exactly as it is, None chooses it by `history`. The first frame is
        learned as a whole, whatever the rate. Raises ValueError when the size or the
        number of channels changes, TypeError when the image is not uint8.
        """
        check_pixels(image, range(1, 9))
        check_same_shape(image, self._shape, type(self).__name__)
        self._check_parameters()
        if learning_rate is not None and not 0 <= learning_rate <= 1:
            raise ValueError(f"learning_rate is {learning_rate}, wanted a number in [0, 1] or None")
        if self._shape is None:
            self._begin(image)
            return np.zeros(image.shape[:2], np.bool_)
        if learning_rate is None:
            learning_rate = 1 / min(2 * (self._learned + 1), self.history)
        foreground = np.empty(image.shape[:2], np.bool_)
        settings = self._settings(image.shape[2])
        rates = np.array(
            [learning_rate, 1 - learning_rate, learning_rate * self.complexity], self.dtype
        )

        height, width, channels = image.shape
        # A contiguous image is read as it lies in memory; any other through its strides.
        # One type of each for the compiler, whatever the image.
        strided = np.empty((2, 2, 4), image.dtype)[:, :, ::2]
        pixels = np.empty(0, image.dtype)
        if image.flags.c_contiguous:
            pixels = image.reshape(-1)
        else:
            strided = image.view()
        strided.flags.writeable = pixels.flags.writeable = False
        count, flat = self._count.reshape(-1), foreground.reshape(-1)
        length = _run_length(width)

        def update(start: int, stop: int) -> None:
            kernels.update_mixture(
                strided,
                pixels,
                self._planes,
                count,
                flat,
                np.empty((channels + kernels.SCRATCH_ROWS, length), self.dtype),
                np.empty(2 * length, np.uint8),
                np.empty(width, np.uint64),
                settings,
                rates,
                self.detect_shadows,
                width,
                length,
                start,
                stop,
            )

        least = -(-_PIXELS_WORTH_A_THREAD // width)
        rows.over_rows(update, height, rows.count_threads(self.threads), least)
        # A frame that is only looked at does not hasten the slowing of the rate.
        self._learned += learning_rate > 0
        return foreground

    def background(self) -> Image:
        """Return the background picture, (H, W, C) uint8: the mean of every heaviest mode.

        Raises ValueError before the first frame.
        """
        if self._shape is None:
            raise ValueError("there is no background before the first frame; call apply first")
        mean: NDArray[Any] = np.moveaxis(self._mean[0], 0, 2)
        return np.ascontiguousarray(np.rint(mean).astype(np.uint8))

    def _begin(self, image: Image) -> None:
        height, width, channels = image.shape
        modes = self.components
        # One plane after the other, each of them H * W numbers. The planes of a run must not
        # share their places in the cache, which repeat every 4096 bytes.
        room = -(-height * width // 1024) * 1024 + 272
        self._planes: NDArray[Any] = np.zeros((modes * (2 + channels), room), self.dtype)
        planes = self._planes[:, : height * width]
        planes = planes.reshape(modes, 2 + channels, height, width)
        self._weight = planes[:, 0]  # (K, H, W)
        self._variance = planes[:, 1]  # (K, H, W)
        self._mean = planes[:, 2:]  # (K, C, H, W)
        self._count = np.ones((height, width), np.uint8)
        self._weight[0] = 1
        self._variance[0] = self.initial_variance
        self._mean[0] = np.moveaxis(image, 2, 0)
        self._shape = image.shape
        self._learned = 1

    def _settings(self, channels: int) -> NDArray[Any]:
        """Return the numbers of the kernel, in its order and in the type of the state."""
        return np.array(
            [
                self.threshold,
                self.match_threshold,
                self.background_weight,
                self.initial_variance,
                self.smallest_variance,
                self.largest_variance,
                self.darkest_shadow,
                1 / channels,
                0,
                1,
            ],
            self.dtype,
        )

    def _check_parameters(self) -> None:
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype is {self.dtype}, wanted float32 or float64")
        if not 1 <= self.components <= 255:
            raise ValueError(f"components is {self.components}, wanted 1 to 255 modes")
        if not self.history >= 1:
            raise ValueError(f"history is {self.history}, wanted at least 1 frame")
        for name in ("threshold", "match_threshold"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted more than 0")
        for name in ("background_weight", "darkest_shadow"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted more than 0, at most 1")
        if not 0 <= self.complexity < 1:
            raise ValueError(f"complexity is {self.complexity}, wanted at least 0, less than 1")
        low, first, high = self.smallest_variance, self.initial_variance, self.largest_variance
        if not 0 < low <= first <= high < float("inf"):
            raise ValueError(
                f"smallest, initial and largest variance are {low}, {first} and {high}, "
                "wanted them above 0 and in this order"
            )
        rows.count_threads(self.threads)


def _run_length(width: int) -> int:
    """Return the pixels of a run: rows are cut into equal runs that fit the nearest cache."""
    length = -(-width // -(-width // _LONGEST_RUN))
    # Whole vectors, four at a time: what is left over at the end of a run costs extra.
    return -(-length // 64) * 64
