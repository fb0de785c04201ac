"""The accurate subtractor behind the names of OpenCV's MOG2, for programs that use that one.

subtractor = segment.createBackgroundSubtractor(history=500, varThreshold=16)
mask = subtractor.apply(image)  # (H, W) uint8: 0 background, 127 shadow, 255 foreground
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Mask, check_number, whole_number
from segment.background import checks
from segment.background.inputs import check_image
from segment.background.posterior import PosteriorSubtractor
from segment.background.posterior.parameters import SUMMED, Parameters, values_of
from segment.turns import one_at_a_time

__all__ = [
    "CompatibleSubtractor",
    "createBackgroundSubtractor",
    "create_background_subtractor",
]

_COLOUR = 3
"""Channels of pictures of which none was seen yet."""


def createBackgroundSubtractor(
    history: int = 500, varThreshold: float = 16, detectShadows: bool = True
) -> "CompatibleSubtractor":
    """Return what `cv2.createBackgroundSubtractorMOG2` would, with another engine.

    history : frames that are remembered.
    varThreshold : evidence, in variances, from which a pixel is foreground.
    detectShadows : label shadows 127. If not they are 0, for this engine always tells them
        from objects; MOG2 makes them 255.
    """
    return CompatibleSubtractor(history, varThreshold, detectShadows)


def create_background_subtractor(
    history: int = 500, threshold: float = 16, detect_shadows: bool = True
) -> "CompatibleSubtractor":
    """Return the same as `createBackgroundSubtractor`, under names as Python has them."""
    return CompatibleSubtractor(history, threshold, detect_shadows)


_WHOLE = frozenset(["bool", "int8", "int16", "int32"])
"""Types, beside those of the engine, that MOG2 takes."""


@one_at_a_time("apply", "getBackgroundImage", "clear", "save", "read")
class CompatibleSubtractor:
    """MOG2's methods and values on `PosteriorSubtractor`. It does not inherit from cv2's class.

    The same as with MOG2: (H, W), (H, W, 1) or (H, W, C) images, grey, BGR or RGB; masks
    of 0, 127 (`getShadowValue`) and 255; a change of size or type begins anew; all getters and
    setters, which may be called between frames.

    Other than with MOG2:

    - The first frame is background. MOG2 calls all of it foreground.
    - float images may be 0 to 255, or 0 to 1 if the first that is not black has nothing above
      1. uint16 is taken over its full range. MOG2 takes both as grey levels of 256.
    - int8, int16 and int32 are grey levels of 256, as MOG2 takes them, but what is below 0 or
      above 255 counts as black or white: scale 12 bits to 8, or hand them over as uint16 shifted
      to the left. bool is black and white; for MOG2 True is grey level 1, which it never sees.
    - NaN and infinite pixels are background, and not learned.
    - `getBackgroundImage` answers for every type, in that type.
    - `setNMixtures` begins anew with the next frame: the models are built for a number of modes.
    - `clear` forgets what was learned, and `empty` tells whether there is anything.
    - `save` keeps what was learned, not only the parameters, and `read` takes it back.
    - Parameters have the engine's defaults, not MOG2's: they mean the same for one mode, but the
      evidence is pooled, and was tuned with these.
    - It decides with quality "fast", to which these parameters belong and which tells shadows:
      `PosteriorSubtractor` itself has a network that decides.
    """

    def __init__(
        self, history: int = 500, varThreshold: float = 16, detectShadows: bool = True
    ) -> None:
        engine = PosteriorSubtractor(quality="fast")  # for its defaults
        self._modes = engine.components
        self._background_ratio = float(engine.background_weight)
        self._match = float(engine.match_threshold)
        self._variances = SUMMED  # as MOG2's are
        self._complexity = float(engine.complexity)
        self._darkest: float | None = engine.darkest_light
        self._shadow_value = 127
        self._engine: PosteriorSubtractor | None = None
        self._form: tuple[int, ...] | None = None  # (H, W, C) of the last image
        self._type: np.dtype[Any] | None = None  # of the last image; None is any
        self._white = 0.0  # of float images; 0 is not known yet
        self.setHistory(history)
        self.setVarThreshold(varThreshold)
        self.setDetectShadows(detectShadows)

    def apply(
        self,
        image: NDArray[Any],
        fgmask: NDArray[np.uint8] | None = None,
        learningRate: float = -1,
        *,
        knownForegroundMask: NDArray[Any] | None = None,
    ) -> NDArray[np.uint8]:
        """Return the mask of the next frame, and learn from it.

        Parameters
        ----------
        image : (H, W) or (H, W, C), uint8, uint16, int8, int16, int32, bool, float32 or float64,
            1 to 8 channels; or a UMat of one, for which the mask is a UMat, too.
        fgmask : (H, W) uint8, in which the mask is written and returned; a new one if it is
            None, or has another size or type.
        learningRate : share of the frame that is learned; negative is automatic, 0 leaves
            the background exactly as it is, from 1 on it begins anew with this frame.
        knownForegroundMask : (H, W), not 0 where something is known to be foreground: it is 255
            in the mask, and not learned.

        Raises TypeError and ValueError for what is no image; None is none, though MOG2 is silent.
        """
        check_number("learningRate", learningRate)
        if math.isnan(learningRate):
            raise ValueError("learningRate is nan, wanted a number; below 0 is automatic")
        given = image
        image = _as_array(image)
        pixels = self._pixels(image)
        if pixels.shape != self._form or image.dtype != self._type or learningRate >= 1:
            self._engine = None
        first = self._engine is None
        engine = self._engine or self._make()
        self._set_up(engine, pixels.shape[2])
        rate = None if not learningRate >= 0 else min(float(learningRate), 1.0)
        foreground = engine.apply(pixels, rate, known=_as_plane(knownForegroundMask))
        self._engine, self._form, self._type = engine, pixels.shape, image.dtype
        if not (
            isinstance(fgmask, np.ndarray)
            and fgmask.shape == foreground.shape
            and fgmask.dtype == np.uint8
            and fgmask.flags.writeable
        ):
            fgmask = np.empty(foreground.shape, np.uint8)
        np.multiply(foreground.view(np.uint8), 255, out=fgmask)
        if self._detect_shadows and not first:
            fgmask[engine.shadows()] = self._shadow_value
        return fgmask if given is image else type(given)(fgmask)  # a UMat for a UMat

    def getBackgroundImage(self) -> NDArray[Any] | None:
        """Return the background, of the images' shape and type; None before the first."""
        if self._engine is None:
            return None
        picture: NDArray[Any] = self._engine.background()
        if self._type is not None and self._type.name in _WHOLE:
            picture = picture > 127 if self._type == np.bool_ else picture.astype(self._type)
        if picture.dtype.kind == "f" and self._white != 1:
            picture *= 255
        return picture[:, :, 0] if picture.shape[2] == 1 else picture

    # --- as cv2.Algorithm ---

    def clear(self) -> None:
        """Forget what was learned; the next frame is the first again."""
        self._engine = self._form = self._type = None
        self._white = 0.0

    def empty(self) -> bool:
        """Whether nothing was learned yet."""
        return self._engine is None

    def getDefaultName(self) -> str:
        return "BackgroundSubtractor_Segment"

    def save(self, filename: str | Path) -> None:
        """Write what was learned, and the parameters, as `PosteriorSubtractor.save` does.

        Raises OutputError when the disk refuses.
        """
        engine = self._engine or self._make()
        self._set_up(engine, _COLOUR if self._form is None else self._form[2])
        engine.save(filename)

    def read(self, filename: str | Path) -> None:
        """Take over what `save` wrote, and its parameters. Raises BadState."""
        engine = PosteriorSubtractor.load(filename)
        self._modes = engine.components
        self._history, self._threshold = engine.history, engine.threshold
        self._background_ratio = engine.background_weight
        self._match, self._complexity = engine.match_threshold, engine.complexity
        self._darkest = engine.darkest_light
        shape = engine.image_shape
        channels = _COLOUR if shape is None else shape[2]
        self._variances = Parameters(*values_of(engine)).variances(channels)
        self._engine = None if shape is None else engine
        self._form, self._type, self._white = shape, engine.image_dtype, 0.0

    # --- parameters ---

    def getHistory(self) -> int:
        return self._history

    def setHistory(self, history: int) -> None:
        """Frames that are remembered, from 1."""
        history = whole_number("history", history)
        checks.check_history(history)
        self._history = history

    def getNMixtures(self) -> int:
        return self._modes

    def setNMixtures(self, nmixtures: int) -> None:
        """Most modes of a pixel, 1 to 255. Another number begins anew with the next frame."""
        nmixtures = whole_number("nmixtures", nmixtures)
        checks.check_components(nmixtures, "nmixtures")
        if nmixtures != self._modes:
            self._modes = nmixtures
            self.clear()

    def getBackgroundRatio(self) -> float:
        return self._background_ratio

    def setBackgroundRatio(self, ratio: float) -> None:
        """Share of the past, in (0, 1], that the background modes explain."""
        checks.check_share("ratio", ratio)
        self._background_ratio = float(ratio)

    def getVarThreshold(self) -> float:
        return self._threshold

    def setVarThreshold(self, varThreshold: float) -> None:
        """Evidence, in variances, from which a pixel is foreground."""
        self._threshold = _above_0("varThreshold", varThreshold)

    def getVarThresholdGen(self) -> float:
        return self._match

    def setVarThresholdGen(self, varThresholdGen: float) -> None:
        """Squared distance, in variances, up to which a pixel belongs to a mode."""
        self._match = _above_0("varThresholdGen", varThresholdGen)

    def getVarInit(self) -> float:
        return self._variances.initial

    def setVarInit(self, varInit: float) -> None:
        """Variance of a new mode; kept between the two bounds when it is used."""
        self._variances = self._variances._replace(initial=_above_0("varInit", varInit))

    def getVarMin(self) -> float:
        return self._variances.smallest

    def setVarMin(self, varMin: float) -> None:
        """Least variance of a mode, in grey levels squared, summed over the channels."""
        self._variances = self._variances._replace(smallest=_above_0("varMin", varMin))

    def getVarMax(self) -> float:
        return self._variances.largest

    def setVarMax(self, varMax: float) -> None:
        """Largest variance of a mode; at least the least one when it is used."""
        self._variances = self._variances._replace(largest=_above_0("varMax", varMax))

    def getComplexityReductionThreshold(self) -> float:
        return self._complexity

    def setComplexityReductionThreshold(self, ct: float) -> None:
        """Strength of the prior against modes, in [0, 1)."""
        checks.check_complexity("ct", ct)
        self._complexity = float(ct)

    def getDetectShadows(self) -> bool:
        return self._detect_shadows

    def setDetectShadows(self, detectShadows: bool) -> None:
        """Whether shadows have a label of their own."""
        self._detect_shadows = bool(detectShadows)

    def getShadowValue(self) -> int:
        return self._shadow_value

    def setShadowValue(self, value: int) -> None:
        """Label of shadows in the mask, 0 to 255."""
        value = whole_number("value", value)
        if not 0 <= value <= 255:
            raise ValueError(f"value is {value}, wanted 0 to 255")
        self._shadow_value = value

    def getShadowThreshold(self) -> float:
        if self._darkest is not None:
            return self._darkest
        return 0.8 if self._form is not None and self._form[2] == 1 else 0.4

    def setShadowThreshold(self, threshold: float) -> None:
        """Brightness, in (0, 1], that the deepest shadow leaves."""
        checks.check_share("threshold", threshold)
        self._darkest = float(threshold)

    # --- the engine ---

    def _pixels(self, image: Any) -> NDArray[Any]:
        """Return an image as the engine wants it: (H, W, C), floats in [0, 1]."""
        if isinstance(image, np.ndarray) and image.ndim == 2:
            image = image[:, :, None]
        if isinstance(image, np.ndarray) and image.dtype.name in _WHOLE:
            white = image.dtype == np.bool_
            image = image.astype(np.uint8) * 255 if white else image.clip(0, 255).astype(np.uint8)
        check_image(image)
        if image.dtype.kind != "f":
            return np.asarray(image)
        most = np.max(image, initial=0, where=np.isfinite(image))
        if not self._white and most > 0:
            self._white = 1.0 if most <= 1 else 255.0
        elif self._white == 1 and most > 2:
            # What was taken for white was the black before the picture came.
            self._white = 255.0
            self._engine = None
        scaled = image if self._white == 1 else image * image.dtype.type(1 / 255)
        # Like MOG2, without a word about what is beyond white. NaN and infinity stay.
        pixels: NDArray[Any] = np.where(np.isinf(scaled), scaled, np.clip(scaled, 0, 1))
        return pixels

    def _make(self) -> PosteriorSubtractor:
        return PosteriorSubtractor(
            components=self._modes, invalid="unknown", quality="fast", shrink=1
        )

    def _set_up(self, engine: PosteriorSubtractor, channels: int) -> None:
        low, first, high = self._variances
        high = max(low, high)
        engine.history = self._history
        engine.threshold = self._threshold
        engine.match_threshold = self._match
        engine.background_weight = self._background_ratio
        engine.complexity = self._complexity
        # The engine's are means over the channels.
        engine.smallest_variance, engine.largest_variance = low / channels, high / channels
        engine.initial_variance = min(max(low, first), high) / channels
        engine.darkest_light = self._darkest


def _as_array(image: Any) -> Any:
    """Return what a UMat holds; everything else as it is."""
    return image.get() if type(image).__name__ == "UMat" else image


def _as_plane(known: NDArray[Any] | None) -> Mask | None:
    """Return OpenCV's mask of 0 and others as (H, W) bool."""
    if known is None:
        return None
    mask: Mask = np.asarray(_as_array(known)) != 0
    return mask[:, :, 0] if mask.ndim == 3 and mask.shape[2] == 1 else mask


def _above_0(name: str, value: float) -> float:
    checks.check_above_0(name, value, finite=True)
    return float(value)
