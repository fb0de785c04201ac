"""The posterior subtractor: what it is asked for, and the way of a frame through it."""

import logging
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.background.guard import look
from segment.background.inputs import Guided, Invalid, to_eight_bits
from segment.background.posterior.decision import Decided, Decision
from segment.background.posterior.inside import Inside
from segment.background.posterior.learned import decision_of
from segment.background.posterior.learning import (
    BACKGROUND,
    FOREGROUND,
    choose_numbers,
    rates_by_pixel,
    remember,
)
from segment.background.posterior.looking import look_at
from segment.background.posterior.parameters import (
    Parameters,
    to_lamps,
    to_means_over_channels,
    to_turns,
    values_of,
)
from segment.background.posterior.request import Request, understand
from segment.background.posterior.scale import Scale, as_times
from segment.background.posterior.sharing import Workspace
from segment.background.posterior.state import State, begin
from segment.background.posterior.statistics import collect
from segment.background.saved import Saved
from segment.turns import one_at_a_time

__all__ = ["PosteriorSubtractor"]

_log = logging.getLogger("segment.background")


@one_at_a_time("apply", "background", "spread", "posterior", "shadows")
class PosteriorSubtractor(Guided, Saved):
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

    Frame. A gain of the whole picture, the noise of the camera, and how it has moved and turned,
    are measured on every frame and taken out or allowed for.

    Parameters
    ----------
    history : frames that are remembered; frame n of a pixel has the learning rate
        1 / min(n, history).
    threshold : evidence, in variances, from which a pixel is foreground.
    components : most modes of a pixel, 1 to 255.
    absorb : seconds for which what stands still stays foreground; until then nothing of it is
        learned, then it becomes background at once, and leaves no ghost when it goes. Infinity is
        never. None: it is learned slowly all the while, see Learning.
    remember : seconds that the background reaches back, instead of `history`.
    frame_rate : frames a second, by which these are counted.
    match_threshold : squared distance, in variances, up to which a pixel belongs to a mode.
    background_weight : share of the past, in (0, 1], that the background modes explain.
    least_seen : frames for which a mode must have been seen to be background, unless it is the
        heaviest.
    complexity : strength of the prior against modes, in [0, 1).
    initial_variance, smallest_variance, largest_variance : of a new mode, and the bounds of
        every mode's variance, in grey levels squared, the mean over the channels. None: 7, 6 and
        50 over the number of channels, or what the others leave room for.
    largest_evidence : most variances that one pixel counts for.
    own_evidence : part of the pixel itself in its evidence, in [0, 1].
    edges : variance per squared slope, in pixels squared.
    unrest : variance per variance of change in time.
    light_price : evidence from which on a change of light is a likelier explanation.
    darkest_light, brightest_light : bounds of a change of light, as a gain; None is 0.4 for
        colour and 0.8 for grey, where nothing but the gain tells a shadow from an object.
    object_rate, still_rate, ghost_rate : learning of foreground, relative to background's.
    still : mean squared change in time, in grey levels squared, below which it stands still.
    majority : pixels along the side of the square that votes, odd, 1 to 15; 1 is no vote.
    closing : pixels across the disc that closes holes, odd; 1 closes none.
    quality : "fast" decides by pooled evidence as said above. "best" lets a network decide, which
        reads what the mixtures say (`kernels.planes`) and was trained on footage with truth
        (models/mixture-e-step): it tells shadows, light and most ghosts itself, so that
        `own_evidence`, `light_price`, the bounds of light, `still_rate`, `ghost_rate`, `majority`
        and `closing` have no say. What stands still, has its contrast in the background and leaves
        the network in doubt is a ghost, too, and learned 20 times as fast as background. Its log
        odds count 4 in evidence: `threshold` 16 is one half. Chosen once.
    shrink : images are looked at so many times smaller, and the mask is made as large as they are;
        1 is not at all. None: by their size, half of 1280 x 720 and 1920 x 1080, a third of
        2560 x 1440; up to 1100 x 800 not at all. Chosen once.
    follow_light : measure the gain of the whole picture.
    follow_noise : measure the noise of the camera, and raise the variances to it.
    stabilize : look for a camera that moves: the background is moved with it by whole pixels, and
        each frame laid onto it, as far as it is turned and shifted by parts of a pixel.
    relearn : go over to another light when one is switched, keeping who is there; and begin anew
        when the whole scene has become another at once, as when the camera is turned.
    threads : most threads; None is one for every processor. The masks do not depend on it.
    region : (H, W) bool, where to look; None is everywhere. Outside nothing is foreground,
        learned, or counted for the light, the noise and the movement of the camera.
    sensitivity : (H, W) above 0; `threshold` is divided by it. None is 1.
    invalid : what to do about NaN and infinity: "raise", or take such pixels as "unknown":
        background in this frame's mask, and nothing learned.

    Every parameter but `components`, `quality` and `shrink` may be changed between frames.
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

    STATE_REVISION: ClassVar[int] = 10
    _EARLIER = {7: to_means_over_channels, 8: to_lamps, 9: to_turns}  # noqa: RUF012  # nobody changes it
    SCRATCH: ClassVar[frozenset[str]] = frozenset({"_workspace", "_agreed", "_scale", "_shrink"})

    def __init__(
        self,
        history: int = 500,
        threshold: float = 16.0,
        components: int = 4,
        *,
        absorb: float | None = None,
        remember: float | None = None,
        frame_rate: float = 25.0,
        match_threshold: float = 9.0,
        background_weight: float = 0.8,
        least_seen: float = 10.0,
        complexity: float = 0.05,
        initial_variance: float | None = None,
        smallest_variance: float | None = None,
        largest_variance: float | None = None,
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
        quality: str = "best",
        shrink: int | None = None,
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
        self.absorb = absorb
        self.remember = remember
        self.frame_rate = frame_rate
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
        self._decision: Decision = decision_of(quality)
        self._shrink = as_times("shrink", shrink)
        self._scale = Scale((0, 0), (0, 0), 1)
        self._agreed = values_of(self), Parameters(*values_of(self))
        self._shape: tuple[int, ...] | None = None
        self._state: State | None = None
        self._workspace = Workspace()

    @property
    def quality(self) -> str:
        """Who decides: "fast" or "best". Raises ValueError when it is set to another."""
        return self._decision.quality

    @quality.setter
    def quality(self, wanted: str) -> None:
        if decision_of(wanted).quality != self.quality:
            raise ValueError(
                f"quality is {self.quality!r} from the beginning; make another subtractor for "
                f"{wanted!r}"
            )

    @property
    def shrink(self) -> int | None:
        """How many times smaller images are seen; None: by their size, until there is one.

        Raises ValueError when it is set to another.
        """
        return self._shrink if self._shape is None else self._scale.times

    @shrink.setter
    def shrink(self, wanted: int | None) -> None:
        if as_times("shrink", wanted) not in (None, self.shrink):
            raise ValueError(
                f"shrink is {self.shrink} from the beginning; make another subtractor for {wanted}"
            )

    @property
    def inside(self) -> Inside:
        """What it works with, for tests and studies: see `Inside`."""
        return Inside(self._state, self._decision, self._workspace)

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
        like = None if self._shape is None else (self._shape, self._image_dtype)
        request = understand(image, learning_rate, known, self, like)
        asked = self._agree()
        if self._state is None:
            return self._look_first(image, request)
        state, scale = self._state, self._scale
        pixels = scale.shrink(to_eight_bits(image, request.unknown))
        small = scale.shrink_request(request)
        frame, light, seen = look_at(pixels, state, self._decision, small, asked)
        told, frozen = seen.told, seen.frozen
        unseen = self._find_unseen(state)
        given = rates_by_pixel(seen.rate, told, told.size or state.pictures.mask.size)
        rate = None if isinstance(seen.rate, np.ndarray) else seen.rate
        numbers = choose_numbers(asked, state, light, rate, given)
        if told.size and not frozen:
            state.pictures.mask[told == BACKGROUND] = 0  # learns as background does

        # 1. What the mixtures say of the frame. They learn in the same pass, by the last decision.
        votes = self._decision.doubted(state.ghosts.votes)
        statistics = collect(
            state, frame, numbers, given, frozen, asked.threads, self._workspace, votes
        )
        # 2. What is foreground.
        closely = self._how_closely(state)
        foreground = self._decision.decide(statistics, asked, closely, self._workspace)
        foreground.reshape(-1)[unseen] = 0
        foreground = seen.as_told(foreground)
        # 3. What the next frame is to learn by.
        state.frozen = frozen
        if frozen:
            state.shown[:] = foreground.reshape(-1)
        else:
            kept = state.pictures.mask.reshape(foreground.shape)
            decided = Decided(foreground, kept, state.learned + 1)
            learn = partial(self._decision.learn, decided, self._workspace)
            still = remember(state, frame, foreground, told, light, asked, self._workspace, learn)
            if request.free and asked.relearn and not request.facts:
                self._guard(pixels, small.where, foreground, still)
        mask = scale.enlarge_mask(state.camera.pose.onto_frame(foreground))
        found: Mask = request.as_told(mask).view(np.bool_)
        return found

    def posterior(self) -> NDArray[np.float32]:
        """Return the probability of foreground of the last frame, (H, W) float32 in [0, 1].

        The logistic of evidence less threshold, half as steep as for one independent pixel,
        since what is pooled is not independent: 0.5 at the threshold. The mask is tidier: it
        has passed the vote and the closing, and says what was known. With quality "best" it is
        what the network says, whatever the threshold. Raises ValueError before the second frame.
        """
        found = None
        if self._state is not None:
            state = self._state
            found = self._decision.soften(state.evidence, state.size, self._how_closely(state))
        if found is None:
            raise ValueError("there is no posterior before the second frame; call apply first")
        return self._scale.enlarge(state.camera.pose.onto_frame(found))

    def shadows(self) -> Mask:
        """Return where the last frame has a shadow on the background, (H, W) bool.

        There the evidence passes the threshold, a gain below 1 explains it, and the mask says
        background; with quality "best", also where the network says shadow. Nothing on the
        first frame. Raises ValueError before it.
        """
        state = self._known("shadow")
        shaded = self._decision.explain(state.evidence, state.size, self._how_closely(state))
        if shaded is None:  # the first frame is the background: there is no evidence yet
            return np.zeros(self._scale.full, np.bool_)
        seen = shaded & (state.last_mask.reshape(shaded.shape) == 0)
        found: Mask = self._scale.enlarge(state.camera.pose.onto_frame(seen))
        return found if self._region is None else found & self._region

    def background(self) -> Image:
        """Return the background picture, (H, W, C): the mean of every heaviest mode.

        It has the images' type; only that of uint8 is rounded to 256 grey levels. Raises
        ValueError before the first frame.
        """
        return self._scale.enlarge(self._known("background").picture(self._image_dtype))

    def spread(self) -> NDArray[np.float32]:
        """Return the standard deviation of a channel in the heaviest mode, (H, W) float32.

        In grey levels of 256, whatever the images' type; the mean over the channels. Raises
        ValueError before the first frame.
        """
        state = self._known("spread")
        height, width, channels = state.shape
        variance = state.modes.first.variance[: height * width].reshape(height, width)
        deviation: NDArray[np.float32] = np.sqrt(variance / np.float32(channels))
        return self._scale.enlarge(deviation)

    # --- the steps of a frame ---

    def _agree(self) -> Parameters:
        """Return the parameters as they are now; what was checked before need not be again."""
        values = values_of(self)
        if values != self._agreed[0]:
            self._agreed = values, Parameters(*values)
        return self._agreed[1]

    def _look_first(self, image: NDArray[Any], request: Request) -> Mask:
        """Begin with the first frame, and return its mask."""
        told, size = request.told, image.shape[:2]
        foreground = (told == FOREGROUND).reshape(size) if told.size else np.zeros(size, np.bool_)
        unseen = request.unknown
        if request.facts:
            unseen = foreground if unseen is None else foreground | unseen
        self._begin(image, unseen)
        return foreground

    def _how_closely(self, state: State) -> NDArray[np.float32] | None:
        """Return the sensitivity as the last frame lies on the background."""
        closely = self._sensitivity
        if closely is None:
            return None
        return state.camera.pose.onto_ground(self._scale.shrink(closely), 1)

    def _find_unseen(self, state: State) -> NDArray[np.int64]:
        """Return the places (N,) of pixels of which nothing was ever shown; see `State`."""
        room, moved = self._workspace, state.camera.calm == 0
        if room.whole and not moved:
            return np.empty(0, np.int64)
        unseen = state.find_unseen()
        room.whole = not unseen.size
        return unseen

    def _guard(
        self, pixels: Image, where: Mask | None, foreground: NDArray[np.uint8], still: float
    ) -> None:
        """Learn the scene anew if it has become another one; the last frame's evidence is kept."""
        old = self._known("scene")
        seen = foreground.size if where is None else np.count_nonzero(where)
        other = self._decision.count_changed(foreground, old.evidence, self._agree())
        covered = other / max(seen, 1)
        old.watch, changed = look(old.watch, covered, still)
        if not changed:
            return
        _log.info("after %d frames the whole scene has changed: it is learned anew", old.learned)
        if where is not None:
            pixels = np.where(where[:, :, None], pixels, old.picture(np.uint8))
        new = self._begin_with(pixels)
        new.evidence = old.evidence
        new.camera.noise, new.camera.shake = old.camera.noise, old.camera.shake
        new.camera.soft = old.camera.soft
        new.camera.stand(old.camera.pose)  # of the mask
        new.shown[:] = foreground.reshape(-1)
        new.frozen = True  # it is `shown` that goes with the evidence

    # --- what is known ---

    def _begin(self, image: NDArray[Any], unknown: NDArray[np.bool_] | None = None) -> None:
        """Make a background of the first image; where it is `unknown`, of the next frame's."""
        self._shape, self._image_dtype = image.shape, image.dtype
        self._scale = Scale.of(image.shape[:2], self._shrink)
        pixels = self._scale.shrink(to_eight_bits(image, unknown))
        self._begin_with(pixels, None if unknown is None else self._scale.shrink_mask(unknown))

    def _begin_with(self, pixels: Image, unknown: NDArray[np.bool_] | None = None) -> State:
        """Make a background of a picture of 256 grey levels, as large as is looked at."""
        variance = self._agree().variances(pixels.shape[2]).initial
        self._state = begin(pixels, self.components, variance, unknown)
        self._workspace = Workspace()
        self._decision.begin(self._state.size)
        return self._state

    def _known(self, what: str) -> State:
        if self._state is None:
            raise ValueError(f"there is no {what} before the first frame; call apply first")
        return self._state

    def _check_learned(self) -> None:
        if self._state is not None:
            self._state.check((*self._scale.small, self._state.shape[2]), self.components)
