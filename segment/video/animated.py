"""Animated WebP, PNG and AVIF, and bare GIF: every picture; and AVIF that stands still."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from segment.errors import UnreadableInput
from segment.video.shape import aspect_of
from segment.video.tiff import Pixels
from segment.video.upright import by_exif, turned

_ORIENTATION = 274  # EXIF's tag


class AnimatedPages:
    """The pictures of an animated WebP, PNG, AVIF or GIF, whole and upright, in their order.

    Read in any order, but quickly forwards only: each is drawn over those before it.

    Attributes
    ----------
    length : pictures in the file.
    rate : pictures per second by the first one's duration, None where it has none.
    notes : nothing; `codec`, `kind`, `aspect` : for `info`.

    Raises UnreadableInput.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.complaints: list[str] = []
        self.aspect = aspect_of(path)
        with self._reading("is damaged, it cannot be read"), warnings.catch_warnings():
            # Large pictures are not told on stderr by a library.
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            self._image = Pillow.open(path)
        try:
            self.length = int(getattr(self._image, "n_frames", 1))
            self.codec = self.kind = (self._image.format or "").lower()
            with self._reading("is damaged, its first picture cannot be read"):
                self._turn = by_exif(int(self._image.getexif().get(_ORIENTATION, 1)))
                self._image.load()
            milliseconds = self._duration()
            self.rate = 1000 / milliseconds if milliseconds > 0 and self.length > 1 else None
        except BaseException:
            self.close()
            raise

    def read(self, number: int) -> Pixels:
        """Return the picture `number`, from 0. Raises UnreadableInput."""
        image = self._image
        with self._reading(f"is damaged, picture {number} cannot be read"):
            image.seek(number)
            image.load()
            if image.mode in ("1", "L", "I;16", "I;16B", "I", "F"):
                values = np.asarray(image.convert("L") if image.mode == "1" else image)
                return Pixels(turned(values[:, :, None], self._turn))
            painted = np.asarray(image.convert("RGBA"))
            see_through = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            alpha = turned(painted[:, :, 3], self._turn) if see_through else None
            return Pixels(turned(painted[:, :, :3], self._turn), alpha)

    def seconds(self) -> Fraction:
        """Return how long the picture read last is shown; 0 where it does not say."""
        return self._duration() / 1000

    def _duration(self) -> Fraction:
        try:
            return Fraction(str(self._image.info.get("duration") or 0))
        except ValueError:
            return Fraction(0)

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (MemoryError, UnreadableInput, FileNotFoundError, PermissionError):
            raise
        except Exception as error:
            # Syntax, struct, index and codec errors: whatever the bytes ran into.
            words = " ".join(str(error).split())
            raise UnreadableInput(f"{self.path}: {what} ({words[:120]})") from None

    def close(self) -> None:
        self._image.close()
