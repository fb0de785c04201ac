"""The learned subtractor: the order in which a frame passes through it."""

import logging
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.arrays import Image, Mask
from segment.background.guard import look
from segment.background.inputs import (
    Guided,
    Invalid,
    as_known,
    as_rate,
    check_image,
    check_like_before,
    find_invalid,
    to_eight_bits,
)
from segment.background.learned import scene, weights
from segment.background.learned.kernels import remember as kernels
from segment.background.learned.kernels.records import LASTING, PLANES, Bytes, Sight
from segment.background.learned.kernels.statistics import ROOM, describe
from segment.background.learned.network import Network
from segment.background.learned.parameters import Parameters
from segment.background.learned.state import State, begin
from segment.background.registration import find_shift
from segment.background.saved import Saved
from segment.turns import one_at_a_time

__all__ = ["LearnedSubtractor"]

_log = logging.getLogger("segment.background")

# Softened distance (of 255) from which on a pixel is far from the background.
_FAR = np.uint8(96)

# Frames between two samples of a pixel: of background that is far from all that is kept, and of
# what is seen whatever it is.
_HURRY, _LATELY = 4, 8

# Softened distances are halves at this many deviations of the noise, plus what a still camera has;
# over three channels.
_SCALE, _NOISE, _STILL = 15.0, 1.2, 0.5

# Logarithm of a gain of light beyond which the memory is taken to the new light.
_RELIGHT = 0.25

# Frames between looks for a shift of which the last frame tells nothing; for which a shifted
# camera must hold still until the background moves to where it looks.
_SECOND_LOOK, _HELD = 25, 50

# Share of a thing that must have stood for its time for all of it to become background.
_MOSTLY = 0.5

# Rows of half resolution that are worth a thread.
_ROWS = 16


@one_at_a_time("apply", "background", "posterior", "shadows")
class LearnedSubtractor(Guided, Saved):
    """Samples of the background at every pixel, and a small network that judges by them.

    Model. Every pixel keeps twelve samples of its background and a few of what was seen last,
    whatever it was: a mixture of kernels of equal weights, followed by online EM. The M-step: the
    posterior of the last E-step says whether a pixel may give a sample, one by one, so that after
    `remember` seconds all are new.

    E-step. How far a frame is from both kinds of samples, as it is and after a change of light,
    how it changes, blinks and stands still, become planes of statistics at half resolution
    (`kernels.statistics`); a convolutional network reads them where anything is in doubt, and
    gives the posteriors of foreground and of shadow. It was trained on composed footage with exact
    truth; models/learned-e-step says on which, and how well it does on footage it never saw.

    Time. What stands still becomes background after `absorb` seconds; what was behind it is
    still known when it goes. A light that changes as a whole, shifts of the camera by whole
    pixels, and another scene are followed.

    Parameters
    ----------
    threshold : posterior of foreground, in (0, 1), from which on the mask says so.
    absorb : seconds after which what stands still becomes background, at the latest: the network
        may let go of it before. Infinity sets no time; 0 is the shortest there is, one frame.
    remember : seconds that the background reaches back.
    frame_rate : frames a second, by which seconds become frames.
    stabilize : look for shifts of a moving camera.
    follow_light : measure the gain of the whole picture.
    relearn : begin anew when the whole scene has changed at once, as when a light is switched.
    threads : most threads; None is one for every processor. The masks do not depend on it.
    region, sensitivity, invalid : as of `PosteriorSubtractor`; sensitivity multiplies the odds of
        foreground.

    Every parameter may be changed between frames.

    Convention: images are (H, W, C), C from 1 to 8, all of a sequence alike: uint8, uint16 over
    its full range, or float32 and float64 in [0, 1], rounded to 256 grey levels. The first frame
    becomes the background, so its mask is empty. One object serves one sequence; `save`, `copy`
    and pickle give one that goes on bit for bit.

    Source: samples and their update: Barnich & Van Droogenbroeck, ViBe, IEEE TIP 20(6), 2011;
    the posterior fed back: St-Charles et al., SuBSENSE, IEEE TIP 24(1), 2015; a network over
    statistics instead of pictures, so that scenes need not be alike: Tezcan et al., BSUV-Net, 2020.
    """

    STATE_REVISION = 1
    _SCRATCH = frozenset({"_network", "_sight"})

    def __init__(
        self,
        threshold: float = 0.5,
        *,
        absorb: float = 180.0,
        remember: float = 20.0,
        frame_rate: float = 25.0,
        stabilize: bool = True,
        follow_light: bool = True,
        relearn: bool = True,
        threads: int | None = None,
        region: Mask | None = None,
        sensitivity: NDArray[Any] | None = None,
        invalid: Invalid = "raise",
    ) -> None:
        self.threshold = threshold
        self.absorb = absorb
        self.remember = remember
        self.frame_rate = frame_rate
        self.stabilize = stabilize
        self.follow_light = follow_light
        self.relearn = relearn
        self.threads = threads
        self.region = region
        self.sensitivity = sensitivity
        self.invalid = invalid
        self._agree()
        rows.count_threads(threads)
        self._shape: tuple[int, ...] | None = None
        self._state: State | None = None
        self._network: Network | None = None
        self._sight: Sight | None = None

    def apply(
        self,
        image: Image,
        learning_rate: float | NDArray[Any] | None = None,
        *,
        known: NDArray[Any] | None = None,
    ) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it.

        `learning_rate` None chooses by `remember`; a number in (0, 1] is the share of a frame in
        the background, which then reaches 1 / learning_rate frames back; 0 leaves all that was
        learned exactly as it is, and in a plane (H, W) it does so pixel by pixel (what is above 0,
        or NaN, there learns as chosen). `known` (H, W) is 1 where the frame is known to be
        foreground, -1 for background, 0 where nothing is known.

        Raises ValueError when the size or the number of channels changes, and for numbers that
        make no sense, TypeError for other types.
        """
        begun = self._shape is not None
        check_image(image)
        check_like_before(
            image, self._shape, self._image_dtype if begun else None, type(self).__name__
        )
        asked = self._agree()
        size = image.shape[:2]
        self._check_guidance(size)
        rate = as_rate(learning_rate, size)
        facts = as_known(known, size)
        unknown = find_invalid(image, self.invalid)
        where = self._where(unknown)
        pixels = to_eight_bits(image, unknown)
        if self._state is None:
            self._begin(image, unknown)
            mask = np.zeros(size, np.bool_) if facts is None else facts == 1
            return mask if where is None else mask & where
        state = self._state
        frozen = rate is not None and not np.any(rate)
        self._place(state, pixels, where, frozen)
        kept = self._set_aside(state, rate)
        count = rows.count_threads(self.threads)

        outside = self._outside(state, where)
        sight = self._describe(state, pixels, outside, count, frozen)
        assert self._network is not None
        foreground, shade = self._network.judge(sight.planes, size, count)
        self._obey(state, sight, foreground, outside, facts)
        state.posterior, state.shade = foreground.reshape(-1), shade.reshape(-1)
        mask = self._mask(state, asked, facts, where)
        if not frozen:
            self._learn(state, sight, asked, rate, count)
        _restore(state, kept)
        return mask

    def posterior(self) -> NDArray[np.float32]:
        """Return the probability of foreground of the last frame, (H, W) float32 in [0, 1].

        0 everywhere on the first frame. Raises ValueError before it.
        """
        state = self._known("posterior")
        plane = scene.put_back(state.posterior.reshape(state.size), state.shift)
        return plane.astype(np.float32) / np.float32(255)

    def shadows(self) -> Mask:
        """Return where the last frame has a shadow on the background, (H, W) bool.

        Nothing on the first frame. Raises ValueError before it.
        """
        state = self._known("shadow")
        shadow = (state.shade >= 128) & (state.posterior < self.threshold * 255)
        found: Mask = scene.put_back(shadow.reshape(state.size), state.shift)
        return found if self._region is None else found & self._region

    def background(self) -> Image:
        """Return the background picture, (H, W, C): the running median of every pixel.

        It has the images' type. Raises ValueError before the first frame.
        """
        state = self._known("background")
        height, width, channels = state.shape
        planes = state.memory.ground.reshape(channels, height, width)
        picture = np.ascontiguousarray(np.moveaxis(planes, 0, 2))
        if self._image_dtype == np.uint8:
            return picture
        if self._image_dtype == np.uint16:
            return picture.astype(np.uint16) * np.uint16(257)
        return (picture / 255).astype(self._image_dtype)

    # --- the steps of a frame ---

    def _agree(self) -> Parameters:
        return Parameters(self.threshold, self.absorb, self.remember, self.frame_rate)

    def _begin(self, image: NDArray[Any], unknown: Mask | None = None) -> None:
        """Make a background of the first image; where it is `unknown`, of what is nearest."""
        pixels = to_eight_bits(image, unknown)
        if unknown is not None and unknown.any() and not unknown.all():
            pixels = _like_the_nearest(pixels, unknown)
        self._state = begin(_planes(pixels), image.shape)
        self._shape, self._image_dtype = image.shape, image.dtype
        self._begin_to_look()

    def _begin_to_look(self) -> None:
        assert self._state is not None
        height, width, channels = self._state.shape
        half = -(-height // 2), -(-width // 2)
        self._network = Network(weights.load(), half)
        self._sight = Sight(
            np.zeros((channels, height * width), np.uint8),
            np.zeros((PLANES, *half), np.uint8),
            np.zeros(height * width, np.uint8),
        )

    def _known(self, what: str) -> State:
        if self._state is None:
            raise ValueError(f"there is no {what} before the first frame; call apply first")
        return self._state

    def _place(self, state: State, pixels: Bytes, where: Mask | None, frozen: bool) -> None:
        """Find where the camera looks; lay the background there when it has done so for long."""
        if not self.stabilize:
            state.right = state.down = 0
            return
        if frozen:
            return
        if state.shift != (0, 0) and state.held >= _HELD:
            state.follow_camera(pixels)
        height, width, _ = state.shape
        placed = pixels
        if state.shift != (0, 0):
            placed = scene.put_in_place(pixels, state.memory.ground, state.shift)
        moved = find_shift(
            np.ascontiguousarray(placed).reshape(height, -1),
            state.memory.ground,
            state.memory.before if state.frames % _SECOND_LOOK else None,
            state.gain,
            1.0,
            state.noise**2,
            None if where is None else (~state.place(where)).view(np.uint8).reshape(-1),
        )
        right, down = state.right + moved[0], state.down + moved[1]
        if moved == (0, 0) or abs(right) >= width // 4 or abs(down) >= height // 4:
            state.held += 1
            return
        if state.held >= 2 * _HELD:
            _log.info(
                "the camera moves: %d pixels to the right and %d down in frame %d",
                right, down, state.frames,
            )  # fmt: skip
        state.right, state.down, state.held = right, down, 0

    def _outside(self, state: State, where: Mask | None) -> Mask | None:
        """Return which of the background this frame says nothing of, (P,); None is none."""
        if where is None:
            if state.shift == (0, 0):
                return None
            where = np.ones(state.size, np.bool_)
        return ~state.place(where).reshape(-1)

    def _describe(
        self, state: State, pixels: Bytes, outside: Mask | None, count: int, frozen: bool
    ) -> Sight:
        """Return the statistics of the frame, in the place and the light of the background."""
        memory = state.memory
        if state.shift != (0, 0):
            pixels = scene.put_in_place(pixels, memory.ground, state.shift)
        if self._sight is None:
            self._begin_to_look()
        assert self._sight is not None
        sight = self._sight
        frame = sight.frame
        frame[:] = _planes(pixels)
        if outside is not None:
            frame[:, outside] = memory.ground[:, outside]
        if self.follow_light and not frozen:
            self._follow_light(state, frame)
        elif not self.follow_light:
            state.gain = 1.0
        if state.gain != 1.0:
            frame[:] = scene.brighten(state.gain)[frame]
            if outside is not None:
                frame[:, outside] = memory.ground[:, outside]
        if not frozen:
            noise = scene.measure_noise(frame, memory.before)
            state.noise += (0.3 if state.frames < 10 else 0.05) * (noise - state.noise)
        height, width, channels = state.shape
        numbers = (
            np.float32(_SCALE * (_STILL + _NOISE * state.noise)),
            _FAR,
            state.frames,
            np.uint8(min(255, 28 * np.log2(state.frames))),
            np.uint8(min(255, 40 * np.log2(1 + state.noise))),
        )
        half = sight.planes.shape[1:]

        def band(start: int, stop: int) -> None:
            desk = (
                np.empty((ROOM, width + 1), np.int16),
                np.empty(width, np.uint8),
                np.zeros((channels, width), np.uint8),
                np.empty((2, width), np.float32),
                np.empty(half[1], np.uint8),
            )
            describe(sight, memory, state.course, desk, (height, width), numbers, start, stop)

        rows.over_rows(band, half[0], count, _ROWS)
        return sight

    def _follow_light(self, state: State, frame: Bytes) -> None:
        gain = scene.measure_light(frame, state.memory.ground, state.posterior, state.gain)
        if abs(np.log(gain)) > _RELIGHT:
            state.relight(scene.brighten(1 / gain))
            gain = 1.0
        state.gain = gain

    def _obey(
        self, state: State, sight: Sight, foreground: Bytes, outside: Mask | None, facts: Any
    ) -> None:
        """Let what is known, and where nothing is looked at, stand above the network's answer."""
        if outside is not None:
            foreground.reshape(-1)[outside] = 0
        if facts is not None:
            foreground[state.place(facts == 1)] = 255
            ground = state.place(facts == -1)
            foreground[ground] = 0
            sight.far[ground.reshape(-1)] = 255  # to be learned in a hurry

    def _mask(self, state: State, asked: Parameters, facts: Any, where: Mask | None) -> Mask:
        posterior = scene.put_back(state.posterior.reshape(state.size), state.shift)
        mask: Mask
        if self._sensitivity is None:
            mask = posterior >= 255 * asked.threshold
        else:
            odds = asked.threshold / (1 - asked.threshold) / self._sensitivity
            mask = posterior >= 255 * (odds / (1 + odds))
            mask &= posterior > 0
        if facts is not None:
            mask = np.where(facts == 0, mask, facts == 1)
        return mask if where is None else mask & where

    def _learn(self, state: State, sight: Sight, asked: Parameters, rate: Any, count: int) -> None:
        """The M-step, and what the next frame's statistics need."""
        if self.relearn and rate is None:
            covered = float(np.mean(state.posterior >= 128))
            still = float(np.mean(sight.planes[11] < _FAR))
            state.watch, changed = look(state.watch, covered, still)
            if changed:
                _log.info(
                    "after %d frames the whole scene has changed: it is learned anew", state.frames
                )
                state.begin_anew(sight.frame)
        height, width, _ = state.shape
        given = isinstance(rate, float)
        reach = 1 / rate if given else asked.remember * asked.frame_rate
        final = max(1, int(min(reach / LASTING, 1e9)))
        interval = final if given else min(max(1, state.frames // 6), final)
        pace = state.frames, interval, _HURRY, min(_LATELY, max(1, state.frames // 3))
        posteriors = state.posterior, state.shade

        def band(start: int, stop: int) -> None:
            kernels.remember(sight, state.memory, posteriors, width, pace, _FAR, start, stop)

        rows.over_rows(band, height, count, 2 * _ROWS)
        kernels.stay(state.posterior, state.course, state.size, 0, sight.planes.shape[1])
        self._absorb(state, sight, asked)
        state.frames += 1

    def _absorb(self, state: State, sight: Sight, asked: Parameters) -> None:
        """Make background of things whose time is over, each as a whole."""
        course = state.course
        due = (course.stay >= asked.longest) & (sight.planes[21] < 128)
        if not due.any():
            return
        count, pieces = cv2.connectedComponents((course.last >= 128).astype(np.uint8))
        sizes = np.bincount(pieces.reshape(-1), minlength=count)
        shares = np.bincount(pieces.reshape(-1), due.reshape(-1), count) / np.maximum(sizes, 1)
        shares[0] = 0
        # A part of a thing alone would take its surroundings for background, too, undecidedly.
        due = shares[pieces] >= _MOSTLY
        due |= course.stay >= 2 * asked.longest
        width = state.size[1]
        kernels.absorb(sight, state.memory, course, width, due.astype(np.uint8))

    # --- what is not to be learned ---

    def _set_aside(self, state: State, rate: Any) -> list[tuple[Any, Any, Any]]:
        """Return copies of what must be left as it is: (array, index, values)."""
        if rate is None or np.all(rate):
            return []
        if not isinstance(rate, np.ndarray):
            return [(plane, ..., plane.copy()) for plane in state.course]
        plane = state.place(rate == 0).view(np.uint8)
        pixels = np.flatnonzero(plane)
        half = cv2.resize(
            plane, (state.course.last.shape[1], state.course.last.shape[0]),
            interpolation=cv2.INTER_NEAREST,
        )  # fmt: skip
        rows_, columns = np.nonzero(half)
        kept: list[tuple[Any, Any, Any]] = [
            (array, (..., pixels), array[..., pixels].copy()) for array in state.memory
        ]
        return kept + [
            (array, (rows_, columns), array[rows_, columns].copy()) for array in state.course
        ]

    def _check_learned(self) -> None:
        super()._check_learned()
        if self._state is not None:
            self._state.check(self._shape)


def _restore(state: State, kept: list[tuple[Any, Any, Any]]) -> None:
    for array, index, values in kept:
        array[index] = values


def _like_the_nearest(pixels: Bytes, unknown: Mask) -> Bytes:
    """Return (H, W, C) with every `unknown` pixel like the nearest that is known."""
    _, nearest = cv2.distanceTransformWithLabels(
        unknown.view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(int(nearest.max()) + 1, np.intp)
    places[nearest[~unknown]] = np.flatnonzero(~unknown)
    found: Bytes = pixels.reshape(-1, pixels.shape[2])[places[nearest]]
    return found


def _planes(image: Bytes) -> Bytes:
    """Return an image (H, W, C) as planes (C, H * W)."""
    height, width, channels = image.shape
    if channels == 1:
        return np.ascontiguousarray(image).reshape(1, -1)
    planes = np.empty((channels, height, width), np.uint8)
    cv2.split(np.ascontiguousarray(image), list(planes))
    return planes.reshape(channels, -1)
