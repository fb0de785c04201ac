"""The peers from OpenCV behind our protocol, for comparison."""

from typing import Any

import numpy as np

from segment.arrays import Image, Mask
from segment.background import checks
from segment.background.inputs import check_image, check_like_before
from segment.turns import one_at_a_time

__all__ = ["OpenCVSubtractor"]


@one_at_a_time("apply", "background", "shadows")
class OpenCVSubtractor:
    """OpenCV's MOG2 or KNN, as they are.

    Parameters
    ----------
    method : "mog2" or "knn".
    history : frames that the background remembers.
    threshold : squared distance that is foreground: for "mog2" in variances (16 is
        four standard deviations), for "knn" in grey levels squared, summed over the
        channels. None is OpenCV's default, 16 and 400.
    detect_shadows : look for shadows and count them as background.

    Convention: images are (H, W, 1) or (H, W, 3) uint8. The first frame becomes the
    background, so its mask is empty. One object serves one sequence. KNN draws its
    samples at random: two runs may differ in a few pixels.

    Source: Zivkovic & van der Heijden, Pattern Recognition Letters 27(7), 2006.
    """

    def __init__(
        self,
        method: str = "mog2",
        *,
        history: int = 500,
        threshold: float | None = None,
        detect_shadows: bool = False,
    ) -> None:
        if method not in ("mog2", "knn"):
            raise ValueError(f'method is {method!r}, wanted "mog2" or "knn"')
        checks.check_history(history)
        if threshold is not None:
            checks.check_above_0("threshold", threshold)
        self.method = method
        self.history = history
        self.threshold = threshold
        self.detect_shadows = detect_shadows
        self._peer: Any = None
        self._shape: tuple[int, ...] | None = None
        self._labels: Any = None

    def apply(self, image: Image, learning_rate: float | None = None) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it.

        `learning_rate` in [0, 1] is the share of the frame that is learned; None leaves
        it to OpenCV. Raises ValueError when the size or the channels change.
        """
        check_image(image, channels=(1, 3), dtypes=("uint8",))
        check_like_before(image, self._shape, None, type(self).__name__)
        if learning_rate is not None:
            checks.check_rate(learning_rate)
        first = self._shape is None
        if first:
            self._begin(image)
        rate = -1.0 if learning_rate is None else float(learning_rate)
        if first:
            # With rate 0 OpenCV would learn nothing at all, and have no background to show.
            self._peer.apply(image, learningRate=-1.0)
            return np.zeros(image.shape[:2], np.bool_)
        self._labels = self._peer.apply(image, learningRate=rate)
        # 127 is shadow, which is background.
        foreground: Mask = self._labels == 255
        return foreground

    def shadows(self) -> Mask:
        """Return where the last frame showed a shadow on the background, (H, W) bool.

        Nowhere in the first frame. Raises ValueError before it, and unless `detect_shadows` is
        set.
        """
        if not self.detect_shadows:
            raise ValueError("shadows are not looked for; set detect_shadows, then call apply")
        if self._shape is None:
            raise ValueError("there are no shadows before the first frame; call apply first")
        if self._labels is None:
            return np.zeros(self._shape[:2], np.bool_)
        shadow: Mask = self._labels == 127
        return shadow

    def background(self) -> Image:
        """Return the background picture learned so far, (H, W, C) uint8.

        Raises ValueError before the first frame.
        """
        if self._shape is None:
            raise ValueError("there is no background before the first frame; call apply first")
        picture: Image = self._peer.getBackgroundImage().reshape(self._shape)
        return picture

    def _begin(self, image: Image) -> None:
        import cv2

        create: Any = (
            cv2.createBackgroundSubtractorMOG2
            if self.method == "mog2"
            else cv2.createBackgroundSubtractorKNN
        )
        default = 16.0 if self.method == "mog2" else 400.0
        threshold = default if self.threshold is None else self.threshold
        self._peer = create(self.history, threshold, self.detect_shadows)
        self._shape = image.shape
