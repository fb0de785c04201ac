"""The posterior subtractor: what it knows, and the order in which a frame passes through it."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.arrays import Image, Mask
from segment.background.checks import check_pixels, check_same_shape
from segment.background.posterior import kernels
from segment.background.state import Saved

__all__ = ["PosteriorSubtractor"]

# Rows of a band start at a multiple of this: the coarsest grid has a point for 8 x 8 pixels.
_STEP = 8

# Fewer pixels than this are done before a second thread has woken up.
_PIXELS_WORTH_A_THREAD = 8192

# Share of a frame in the averages of change in time.
_CHANGE_RATE = 0.02

# Points at which the light, the noise and the camera's movement are measured.
_SAMPLES = 3000

# Pixels; pictures are made as small before a shift is looked for, and none is in smaller ones.
_WIDEST_SEARCH = 320
_LEAST_SEARCH = 16

# Of 6 x 8 blocks, those that must have contents for a shift to be believed.
_LEAST_BLOCKS = 12

# Share of them that the shift must bring nearer. An object that fills most of the picture moves
# up to 0.68 of them (sbi_Foliage), a camera more.
_LEAST_SHARE = 0.8


_AT_LEAST_0 = (
    "least_seen",
    "edges",
    "unrest",
    "light_price",
    "object_rate",
    "still_rate",
    "ghost_rate",
    "still",
)


class PosteriorSubtractor(Saved):
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
    threads : most threads; None is one for every processor. The masks do not depend on it.

    Every parameter but `components` may be changed between frames.

    Convention: images are (H, W, C) uint8, C from 1 to 8. The first frame becomes the
    background, so its mask is empty. One object serves one sequence; `copy.deepcopy` and
    pickle give one that goes on with the same masks.

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
        threads: int | None = None,
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
        self.threads = threads
        self._check_parameters()
        self._shape: tuple[int, ...] | None = None
        self._learned = 0  # frames
        # Own evidence, largest evidence and threshold of the last frame.
        self._judged: tuple[float, float, float] | None = None

    def apply(self, image: Image, learning_rate: float | None = None) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it.

        `learning_rate` in [0, 1] is the share of the frame that background learns; 0 leaves
        everything that was learned exactly as it is, None chooses it by `history`. The first
        frame is learned as a whole, whatever the rate. Raises ValueError when the size or the
        number of channels changes, TypeError when the image is not uint8.
        """
        check_pixels(image, range(1, 9))
        check_same_shape(image, self._shape, type(self).__name__)
        self._check_parameters()
        if learning_rate is not None and not 0 <= learning_rate <= 1:
            raise ValueError(f"learning_rate is {learning_rate}, wanted a number in [0, 1] or None")
        height, width, channels = image.shape
        if self._shape is None:
            self._begin(image)
            return np.zeros((height, width), np.bool_)
        frozen = learning_rate == 0
        flat = np.ascontiguousarray(image).reshape(height, width * channels)
        flat.flags.writeable = False

        if self.stabilize and not frozen:
            self._register(flat)
        gain = self._measure_light(flat) if self.follow_light else 1.0
        noise = self._measure_noise(flat, gain) if self.follow_noise else 0.0
        settings = self._settings(channels, gain, noise, learning_rate)

        which = (0,) * channels
        if self._young() and not frozen:

            def change(start: int, stop: int) -> None:
                kernels.measure_change(
                    which,
                    flat,
                    self._spare,
                    self._before,
                    self._mask,
                    self._temporal,
                    _scratch(3, width),
                    settings,
                    height,
                    width,
                    start,
                    stop,
                )

            self._over(change, height)
            self._average_change()

        def follow(start: int, stop: int) -> None:
            kernels.follow_pixels(
                which,
                flat,
                self._spare,
                self._before,
                self._ground,
                self._fresh,
                self._mask,
                self._weight,
                self._variance,
                self._mean,
                self._count,
                self._seen,
                self._evidence,
                self._sums,
                self._temporal,
                self._votes,
                self._motion,
                self._unrest,
                _scratch(kernels.ROWS, width),
                np.empty(width, np.uint8),
                np.empty(width, np.uint8),
                settings,
                frozen,
                height,
                width,
                start,
                stop,
            )

        self._over(follow, height)
        if not frozen:
            self._ground, self._fresh = self._fresh, self._ground
        self._smooth_sums(channels)
        # Two planes in turn; the last step writes into one that the caller may keep.
        planes = [self._rough[k % 2] for k in range((self.majority > 1) + 2 * (self.closing > 1))]
        planes.append(np.empty((height, width), np.uint8))
        foreground = planes.pop(0)
        self._judged = (self.own_evidence, self.largest_evidence, self.threshold)
        self._judge(foreground.reshape(-1), np.empty(0, np.float32))
        if self.majority > 1:
            foreground = self._vote(foreground, planes.pop(0))
        if self.closing > 1:
            foreground = self._close(foreground, planes)
        if not frozen:
            self._feed_back(foreground, gain, noise)
        mask: Mask = foreground.view(np.bool_)
        return mask

    def posterior(self) -> NDArray[np.float32]:
        """Return the probability of foreground of the last frame, (H, W) float32 in [0, 1].

        The logistic of evidence less threshold, half as steep as for one independent pixel,
        since what is pooled is not independent: 0.5 at the threshold. The mask is tidier: it
        has passed the vote and the closing. Raises ValueError before the second frame.
        """
        if self._shape is None or self._judged is None:
            raise ValueError("there is no posterior before the second frame; call apply first")
        height, width, _ = self._shape
        level = np.empty(height * width, np.float32)
        self._judge(np.empty(height * width, np.uint8), level)
        threshold = self._judged[2]
        odds = np.exp((np.float32(threshold) - level) * np.float32(0.25))
        probability: NDArray[np.float32] = np.float32(1) / (np.float32(1) + odds)
        return probability.reshape(height, width)

    def background(self) -> Image:
        """Return the background picture, (H, W, C) uint8: the mean of every heaviest mode.

        Raises ValueError before the first frame.
        """
        if self._shape is None:
            raise ValueError("there is no background before the first frame; call apply first")
        height, width, channels = self._shape
        return np.ascontiguousarray(
            np.moveaxis(self._ground.reshape(channels, height, width), 0, 2)
        )

    _weight: NDArray[np.float32]
    _variance: NDArray[np.float32]
    _mean: NDArray[np.float32]
    _count: NDArray[np.uint8]
    _seen: NDArray[np.float32]
    _before: NDArray[np.uint8]
    _spare: NDArray[np.uint8]
    _ground: NDArray[np.uint8]
    _fresh: NDArray[np.uint8]
    _mask: NDArray[np.uint8]
    _evidence: NDArray[np.uint8]
    _rough: NDArray[np.uint8]
    _sums: NDArray[np.float32]
    _plain: NDArray[np.float32]
    _explained: NDArray[np.float32]
    _votes: NDArray[np.float32]
    _border: NDArray[np.float32]
    _temporal: NDArray[np.float32]
    _motion: NDArray[np.float32]
    _changes: NDArray[np.float32]
    _unrest: NDArray[np.float32]

    def _begin(self, image: Image) -> None:
        height, width, channels = image.shape
        modes, size = self.components, height * width
        # The planes of a pixel must not share their places in the cache, which repeat every
        # 4096 bytes.
        room = -(-size // 1024) * 1024 + 272
        self._weight = np.zeros((modes, room), np.float32)
        self._variance = np.zeros((modes, room), np.float32)
        self._mean = np.zeros((modes * channels, room), np.float32)
        self._count = np.ones(size, np.uint8)
        self._seen = np.ones(size, np.float32)
        planes = np.moveaxis(image, 2, 0).reshape(channels, size).copy()
        self._weight[0, :size] = 1
        self._variance[0, :size] = self.initial_variance
        self._mean[:channels, :size] = planes
        self._before = planes  # last frame
        self._spare = planes.copy()  # the frame before, to be overwritten
        self._ground = planes.copy()
        self._fresh = planes.copy()
        self._mask = np.zeros(size, np.uint8)
        self._evidence = np.zeros(size, np.uint8)
        self._rough = np.zeros((2, height, width), np.uint8)
        half, quarter, eighth = ((-(-height // block), -(-width // block)) for block in (2, 4, 8))
        self._sums = np.zeros((4, *half), np.float32)
        self._plain = np.zeros(half, np.float32)
        self._explained = np.zeros(half, np.float32)
        self._votes = np.zeros(quarter, np.float32)
        self._border = np.zeros(quarter, np.float32)
        self._temporal = np.zeros((3, *eighth), np.float32)
        self._motion = np.zeros(eighth, np.float32)
        self._changes = np.zeros((2, *eighth), np.float32)
        self._unrest = np.zeros(eighth, np.float32)
        self._gain = 1.0
        self._noise = 0.0
        self._shake = 0.0
        self._judged = None
        self._shape = image.shape
        self._learned = 1

    def _over(self, function: Callable[[int, int], object], height: int) -> None:
        """Call function(start, stop) on bands of rows that start at a multiple of 8."""
        assert self._shape is not None
        least = -(-_PIXELS_WORTH_A_THREAD // (_STEP * self._shape[1]))
        rows.over_rows(
            lambda start, stop: function(_STEP * start, min(_STEP * stop, height)),
            -(-height // _STEP),
            rows.count_threads(self.threads),
            least,
        )

    def _smooth_sums(self, channels: int) -> None:
        half, wide = self._plain.shape
        darkest = self.darkest_light
        if darkest is None:
            darkest = 0.8 if channels == 1 else 0.4
        low, high = np.float32(darkest), np.float32(self.brightest_light)
        price = np.float32(self.light_price)

        def smooth(start: int, stop: int) -> None:
            kernels.smooth_sums(
                self._sums,
                self._plain,
                self._explained,
                _scratch(4, wide + 4),
                low,
                high,
                price,
                start // 2,
                min(-(-stop // 2), half),
            )

        self._over(smooth, self._height)

    def _judge(
        self,
        foreground: NDArray[np.uint8],
        level: NDArray[np.float32],
    ) -> None:
        height, width = self._height, self._width
        assert self._judged is not None
        own, largest, threshold = self._judged

        def judge(start: int, stop: int) -> None:
            kernels.judge_pixels(
                self._evidence,
                self._plain,
                self._explained,
                np.float32(own),
                np.float32(largest / 255),
                np.float32(threshold),
                _scratch(8, 2 * self._plain.shape[1] + 2),
                level,
                foreground,
                height,
                width,
                start,
                stop,
            )

        self._over(judge, height)

    def _vote(self, mask: NDArray[np.uint8], voted: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return `voted`: foreground where more than half of the square is."""

        def vote(start: int, stop: int) -> None:
            line = np.empty(self._width + self.majority - 1, np.uint8)
            kernels.vote(mask, voted, line, self.majority // 2, start, stop)

        self._over(vote, self._height)
        return voted

    def _close(self, mask: NDArray[np.uint8], planes: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Fill holes that a disc does not fit in: widen the foreground, then the background."""
        reach = self.closing // 2
        across = np.arange(-reach, reach + 1)
        widths = np.rint(np.sqrt(reach**2 - across**2)).astype(np.int64)
        for flip, wider in enumerate(planes):

            def dilate(
                start: int, stop: int, mask: Any = mask, wider: Any = wider, flip: int = flip
            ) -> None:
                line = np.empty(self._width + 2 * reach, np.uint8)
                kernels.dilate(mask, wider, line, widths, flip, start, stop)

            self._over(dilate, self._height)
            mask = wider
        return mask

    def _feed_back(self, foreground: NDArray[np.uint8], gain: float, noise: float) -> None:
        """Keep what the next frame asks of this one: frame, mask, votes on ghosts, change."""
        assert self._shape is not None
        height, width, channels = self._shape
        self._mask[:] = foreground.reshape(-1)

        def vote(start: int, stop: int) -> None:
            kernels.vote_ghosts(
                (0,) * channels,
                self._spare,
                self._ground,
                self._mask,
                self._border,
                np.float32(gain),
                4,  # pixels from the border to either side
                np.float32(30),
                np.float32(10),
                height,
                width,
                start,
                stop,
            )

        self._over(vote, height)
        border = np.empty_like(self._border)
        kernels.smooth(self._border, np.empty(border.shape[1], np.float32), border)
        self._votes += np.float32(0.2) * (border - self._votes)

        if not self._young():
            self._average_change()
        line = np.empty(self._motion.shape[1], np.float32)
        kernels.smooth(self._temporal[0], line, self._motion)
        self._motion *= np.float32(channels / 12)

        self._before, self._spare = self._spare, self._before
        self._gain = gain
        self._noise = noise
        self._learned += 1

    def _young(self) -> bool:
        """Whether the average of change has few frames, so that each of them counts at once.

        Later it is brought up to date when a frame is done, which saves a pass over the frame.
        """
        return self._learned < 1 / _CHANGE_RATE

    def _average_change(self) -> None:
        smoothed = np.empty_like(self._changes)
        line = np.empty(smoothed.shape[2], np.float32)
        for change, out in zip(self._temporal[1:], smoothed, strict=True):
            kernels.smooth(change, line, out)
        self._changes += np.float32(max(1 / self._learned, _CHANGE_RATE)) * (
            smoothed - self._changes
        )
        np.divide(self._changes[0], self._changes[1] + np.float32(0.1), out=self._unrest)

    @property
    def _height(self) -> int:
        assert self._shape is not None
        return self._shape[0]

    @property
    def _width(self) -> int:
        assert self._shape is not None
        return self._shape[1]

    def _grid(self) -> int:
        return max(1, int((self._height * self._width / _SAMPLES) ** 0.5))

    def _measure_light(self, flat: NDArray[np.uint8]) -> float:
        """Return the gain from this frame to the background: the median over a grid of pixels."""
        assert self._shape is not None
        height, width, channels = self._shape
        step = self._grid()
        ratios = np.empty(-(-height // step) * -(-width // step), np.float32)
        # When what was background cannot tell, as after a switch that made all foreground, all may.
        for everywhere in (False, True):
            found, tried = kernels.sample_light(
                (0,) * channels, flat, self._ground, self._mask, everywhere, width, step, ratios
            )
            if found < 0.1 * tried:
                continue
            known = ratios[:found]
            gain = float(np.partition(known, found // 2)[found // 2])
            # One gain for all, or objects that come and go.
            agreeing = np.count_nonzero(np.abs(known - gain) < 0.06 * gain)
            if 0.4 < gain < 2.5 and 2 * agreeing > found:
                return gain if abs(gain - 1) > 0.02 else 1.0
        return self._gain

    def _measure_noise(self, flat: NDArray[np.uint8], gain: float) -> float:
        """Return the variance of the camera's noise: a low quantile of change, slowly averaged."""
        assert self._shape is not None
        height, width, channels = self._shape
        if width < 2:
            return self._noise
        step = self._grid()
        squares = np.empty(-(-height // step) * -(-width // step), np.float32)
        found = kernels.sample_noise(
            (0,) * channels,
            flat,
            self._before,
            np.float32(gain),
            np.float32(self._gain),
            width,
            step,
            squares,
        )
        squares = squares[:found]
        quantile = float(np.partition(squares, found // 4)[found // 4])
        # The lower quartile of chi-squared is 0.404 C with C = 3, 0.102 with C = 1.
        level = quantile / (4 * channels) / (0.102 if channels == 1 else 0.404)
        rate = 1.0 if self._learned == 1 else 0.2 if level < self._noise else 0.02
        return self._noise + rate * (min(level, 400.0) - self._noise)

    def _register(self, flat: NDArray[np.uint8]) -> None:
        """Look for a shift of the camera, and move all that is known by it."""
        dx, dy = self._find_shift(flat)
        moves = (dx, dy) != (0, 0)
        self._shake += 0.05 * (moves - self._shake)
        if moves:
            self._move(flat, dx, dy)

    def _find_shift(self, flat: NDArray[np.uint8]) -> tuple[int, int]:
        """Return by how many pixels (right, down) the picture has moved; (0, 0) if in doubt."""
        height, width = self._height, self._width
        shrink = max(1, -(-width // _WIDEST_SEARCH))
        if min(height, width) // shrink < _LEAST_SEARCH:
            return 0, 0
        gain = np.float32(self._gain)
        references: list[tuple[NDArray[np.uint8], np.float32]] = [
            (self._ground, np.float32(1)),
            (self._before, gain),
        ]
        # Moved or not, a block that changes little tells nothing; so looking is all it costs
        # as long as the camera stands still.
        least = 3 + 1.2 * self._noise**0.5
        restless = [(self._compare(flat, *other, 0, 0)[1] > least).sum() for other in references]
        if max(restless) < 0.6 * _LEAST_BLOCKS:
            return 0, 0

        size = (width // shrink, height // shrink)
        channels = flat.shape[1] // width
        image = np.moveaxis(flat.reshape(height, width, channels), 2, 0)
        window = cv2.createHanningWindow(size, cv2.CV_32F)
        new = _shrink(image, size) * gain
        found = (_LEAST_SHARE, 0, 0)
        for other, other_gain in references:
            old = _shrink(other.reshape(channels, height, width), size) * other_gain
            (across, down), _ = cv2.phaseCorrelate(old, new, window)
            dx, dy = round(across * shrink), round(down * shrink)
            if abs(dx) > width // 4 or abs(dy) > height // 4 or max(abs(across), abs(down)) < 0.3:
                continue
            if shrink > 1:
                near = [(dx + u, dy + v) for v in (-1, 0, 1) for u in (-1, 0, 1)]
                _, dx, dy = min(
                    (float(self._compare(flat, other, other_gain, *shift)[0].mean()), *shift)
                    for shift in near
                )
            if (dx, dy) == (0, 0):
                continue
            for reference in references:
                moved, kept = self._compare(flat, *reference, dx, dy)
                telling = np.maximum(moved, kept) > 3
                if telling.sum() >= _LEAST_BLOCKS:
                    votes = float((telling & (moved < 0.9 * kept)).sum() / telling.sum())
                    found = max(found, (votes, dx, dy))
        return found[1:]

    def _compare(
        self, flat: NDArray[np.uint8], other: NDArray[np.uint8], gain: np.float32, dx: int, dy: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the differences by block, (6, 8), from `other` moved by (dx, dy), and as it is."""
        moved, kept = np.empty((2, 6, 8), np.float32)
        kernels.compare_shifted(
            (0,) * other.shape[0],
            flat,
            other,
            np.float32(self._gain),
            gain,
            dx,
            dy,
            self._width,
            self._grid(),
            moved,
            kept,
        )
        return moved, kept

    def _move(self, flat: NDArray[np.uint8], dx: int, dy: int) -> None:
        """Move all that is known; what comes into view is begun with this frame."""
        assert self._shape is not None
        height, width, channels = self._shape
        size = height * width
        image = np.moveaxis(flat.reshape(self._shape), 2, 0)
        # What comes into view: value, or None for the frame.
        for array, value in (
            (self._weight[:1], 1),
            (self._weight[1:], 0),
            (self._variance[:1], self.initial_variance),
            (self._variance[1:], 0),
            (self._mean[:channels], None),
            (self._mean[channels:], 0),
            (self._count[None], 1),
            (self._seen[None], 0),
            (self._mask[None], 0),
            (self._before, None),
            (self._ground, None),
        ):
            planes = array[:, :size].reshape(-1, height, width)
            _move_planes(planes, dx, dy)
            for strip in _new_strips(dx, dy, height, width):
                planes[strip] = image[strip] if value is None else value
        for grid, block in (
            (self._votes[None], 4),
            (self._changes, 8),
            (self._unrest[None], 8),
            (self._motion[None], 8),
        ):
            right, down = round(dx / block), round(dy / block)
            _move_planes(grid, right, down)
            for strip in _new_strips(right, down, *grid.shape[1:]):
                grid[strip] = 0

    def _settings(
        self, channels: int, gain: float, noise: float, learning_rate: float | None
    ) -> NDArray[np.float32]:
        """Return the numbers of the kernel, in its order."""
        settings = np.zeros(kernels.SETTINGS, np.float32)
        cap = max(60 * 12 / channels, 6 * noise)
        cut = max(15.0, 6 * noise)
        for place, number in (
            (kernels.HISTORY, self.history),
            (kernels.MATCH, self.match_threshold),
            (kernels.BACKGROUND_WEIGHT, self.background_weight),
            (kernels.COMPLEXITY, self.complexity),
            (kernels.INITIAL_VARIANCE, max(self.initial_variance, 0.5 * noise)),
            (kernels.SMALLEST_VARIANCE, max(self.smallest_variance, 0.5 * noise)),
            (kernels.LARGEST_VARIANCE, max(self.largest_variance, 0.75 * noise)),
            (kernels.LARGEST_EVIDENCE, self.largest_evidence),
            (kernels.LARGEST_RESIDUAL, 2000),
            (kernels.LEAST_SEEN, self.least_seen),
            (kernels.EDGES, self.edges + 0.1 * self._shake),
            (kernels.UNREST, self.unrest),
            (kernels.OBJECT_RATE, self.object_rate),
            (kernels.STILL_RATE, self.still_rate),
            (kernels.STILL, max(self.still, 0.5 * noise)),
            (kernels.GHOST_RATE, self.ghost_rate),
            (kernels.GHOST, 2),
            (kernels.GHOST_STILL, max(self.still, 0.5 * noise)),
            (kernels.SHAKE, self._shake),
            (kernels.NOISE, noise),
            (kernels.GAIN, gain),
            (kernels.GAIN_BEFORE, self._gain),
            (kernels.DIFFERENCE_SCALE, 1 / (2 * channels)),
            (kernels.DIFFERENCE_CAP, cap),
            (kernels.DIFFERENCE_CUT, cut),
            (kernels.LEARNING_RATE, -1 if learning_rate is None else learning_rate),
            (kernels.GLARING, 250 if gain < 1 else 256),
        ):
            settings[place] = number
        return settings

    def _check_parameters(self) -> None:
        if not 1 <= self.components <= 255:
            raise ValueError(f"components is {self.components}, wanted 1 to 255 modes")
        if not self.history >= 1:
            raise ValueError(f"history is {self.history}, wanted at least 1 frame")
        for name in ("threshold", "match_threshold", "largest_evidence"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted more than 0")
        for name in _AT_LEAST_0:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted at least 0")
        if not 0 < self.background_weight <= 1:
            raise ValueError(
                f"background_weight is {self.background_weight}, wanted more than 0, at most 1"
            )
        if not 0 <= self.complexity < 1:
            raise ValueError(f"complexity is {self.complexity}, wanted at least 0, less than 1")
        if not 0 <= self.own_evidence <= 1:
            raise ValueError(f"own_evidence is {self.own_evidence}, wanted a number in [0, 1]")
        low, first, high = self.smallest_variance, self.initial_variance, self.largest_variance
        if not 0 < low <= first <= high < float("inf"):
            raise ValueError(
                f"smallest_variance, initial and largest are {low}, {first} and {high}, "
                "wanted them above 0 and in this order"
            )
        if self.darkest_light is not None and not 0 < self.darkest_light <= 1:
            raise ValueError(
                f"darkest_light is {self.darkest_light}, wanted more than 0, at most 1, or None"
            )
        if not self.brightest_light >= 1:
            raise ValueError(f"brightest_light is {self.brightest_light}, wanted at least 1")
        for name, most in (("majority", 15), ("closing", 127)):
            size = getattr(self, name)
            if size % 2 != 1 or not 1 <= size <= most:
                raise ValueError(f"{name} is {size}, wanted an odd number of pixels, 1 to {most}")
        rows.count_threads(self.threads)


def _scratch(count: int, width: int) -> tuple[NDArray[np.float32], ...]:
    return tuple(np.empty((count, width), np.float32))


def _shrink(planes: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean of planes (C, H, W), made smaller to `size` (width, height)."""
    smaller = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    mean: NDArray[np.float32] = np.mean(smaller, axis=0, dtype=np.float32)
    return mean


def _move_planes(planes: NDArray[Any], dx: int, dy: int) -> None:
    """Move planes (N, H, W) by (dx, dy) in place; what comes into view keeps what it had."""
    _, height, width = planes.shape
    if abs(dx) >= width or abs(dy) >= height:
        return
    to = (slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx)))
    of = (slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx)))
    for plane in planes:
        plane[to] = plane[of]


def _new_strips(dx: int, dy: int, height: int, width: int) -> list[Any]:
    """Return the parts of planes (N, H, W) that come into view when they move by (dx, dy)."""
    lines = slice(0, dy) if dy > 0 else slice(max(0, height + dy), height)
    columns = slice(0, dx) if dx > 0 else slice(max(0, width + dx), width)
    return [(slice(None), lines), (slice(None), slice(None), columns)]
