"""Frames from a camera on this machine."""

import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from segment.arrays import Image
from segment.errors import UnreadableInput
from segment.frame import Frame, SequenceInfo
from segment.video.decode import quiet, rescale
from segment.video.source import Source

_MOST = 99  # the highest number of a camera: OpenCV keeps those above for its own ways to ask


class Camera(Source):
    """A camera by its number, 0 for the first, through OpenCV; RGB frames as they come.

    `Frame.time` is the clock's at the moment a frame arrived, for cameras keep no exact rate.
    """

    live = True

    def __init__(self, number: int, name: str | None = None) -> None:
        super().__init__()
        if number < 0:
            raise ValueError(f"camera number is {number}, wanted 0 (the first) or above")
        if number > _MOST:
            raise UnreadableInput(
                f"camera {number}: there is no such camera; the first one is number 0"
            )
        with quiet():
            self._capture = cv2.VideoCapture(number)
            opened = self._capture.isOpened()
            self._ahead = self._picture() if opened else None
        if self._ahead is None:
            self._capture.release()
            raise UnreadableInput(
                f"camera {number}: gives no picture; is another program using it?"
                if opened
                else f"camera {number}: there is no such camera; the first one is number 0"
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.info = SequenceInfo(
            name=name or f"camera{number}",
            size=(self._ahead.shape[0], self._ahead.shape[1]),
            rate=Fraction(rate).limit_denominator(1001) if 1 <= rate <= 1000 else Fraction(25),
        )

    def _frames(self) -> Iterator[Frame]:
        begin = time.monotonic()
        index = 0
        image = self._ahead
        self._ahead = None
        while image is not None:
            seconds = time.monotonic() - begin if index else 0.0
            if image.shape[:2] != self.info.size:
                self.size_changes += 1
                image = rescale(image, self.info.size)
            yield Frame(image, index, seconds, self.info)
            index += 1
            if self._stopped:
                return
            image = self._picture()
        self.damage.note(f"{self.info.name}: the camera went away after {index} frames")

    def _picture(self) -> Image | None:
        good, picture = self._capture.read()
        if not good or picture is None:
            return None
        if picture.ndim == 2 or picture.shape[2] == 1:
            return np.repeat(picture.reshape(*picture.shape[:2], 1), 3, axis=2).astype(np.uint8)
        return np.ascontiguousarray(picture[:, :, 2::-1], np.uint8)

    def close(self) -> None:
        self._capture.release()
