"""A camera that starts warm: a subtractor begins with what a file holds, and keeps it there."""

import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from segment.arrays import Image, Mask
from segment.background.inputs import Guided
from segment.background.saved import Saved
from segment.errors import BadState, OutputError
from segment.files import is_link, make_folder, sweep
from segment.locks import Lock

__all__ = ["Warm"]

log = logging.getLogger("segment.background")

_BUILT_IN = ("components", "quality", "shrink")
"""What a model is built for; all else may be changed while it runs."""

_Item = TypeVar("_Item")


class Warm:
    """A subtractor that begins with what a file has learned, and keeps the file up to date.

        with Warm(PosteriorSubtractor, "camera.state") as subtractor:
            frames = pipeline.subtract(source, subtractor)
            for frame in subtractor.saving(frames, every=900):
                ...

    A context manager. Inside, nobody else may keep that file: of two, one would lose what it has
    learned. At its end, also by an error, all that was learned is written, as a whole or not at
    all; unless the error came in the middle of a frame, when what is learned is half of something.

    Parameters
    ----------
    kind : the subtractor's class, with `save` and `load`.
    path : the file. One that is not there yet is a cold start; of a link, the file it leads to.
    region : (H, W) bool, where to look; None is everywhere, and what the file says is forgotten.
    options : as of `kind`; those of the file are forgotten, but for what a model is built for.

    Raises on entering, or with the first image, BadState when the file is damaged, or not of such
    a subtractor or such images; OutputError when it cannot be written, or another run keeps it.
    """

    def __init__(
        self, kind: type[Saved], path: str | Path, *, region: Mask | None = None, **options: Any
    ) -> None:
        if not (isinstance(kind, type) and issubclass(kind, Saved)):
            raise TypeError(f"{getattr(kind, '__name__', kind)} cannot be saved, so cannot be kept")
        path = Path(path)
        self.path = Path(os.path.realpath(path)) if path.is_symlink() else path
        self.kind = kind
        self._options = options
        self._region = region
        self._inner: Any = kind(**options)
        self._sound = True
        self._begun = False
        self._lock = Lock(self.path.with_name(f".{self.path.name}.lock"), self.path)

    def __enter__(self) -> Self:
        if is_link(self.path):  # one that leads nowhere, or to itself
            raise OutputError(
                f"{self.path} is a link that leads nowhere; remove it, or name another file"
            )
        # What cannot be written is told now, not at the end.
        make_folder(self.path.parent)
        self._lock.acquire()
        try:
            sweep(self.path.parent, self.path.name.__eq__)
            if self.path.exists():
                self._inner = self._restored()
            if isinstance(self._inner, Guided):
                # What is measured on the picture as a whole is measured there.
                self._inner.region = self._region
        except BaseException:
            self._lock.release()
            raise
        return self

    def _restored(self) -> Saved:
        restored = self.kind.load(self.path)
        for name in self._options.keys() & set(_BUILT_IN):
            known, wanted = getattr(restored, name), self._options[name]
            if wanted not in (None, known):  # None is what the state says
                raise BadState(
                    f"{self.path} was learned with --{name} {known}, not {wanted}; give "
                    f"--{name} {known}, or name another file"
                )
        for name, value in self._options.items():
            setattr(restored, name, value)
        return restored

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._begun and kind is None:
                self.save()
            elif self._begun and self._sound and self._inner.image_shape is not None:
                self._try_to_save()  # what ended the run is the error, this is told beside it
        finally:
            self._lock.release()

    def apply(self, image: Image, **how: Any) -> Mask:
        """Return the foreground mask (H, W) of the next frame, and learn from it."""
        if not self._begun:
            self._check(image)
        self._sound = False
        mask: Mask = self._inner.apply(image, **how)
        self._begun = self._sound = True
        return mask

    def _check(self, image: Image) -> None:
        shape = self._inner.image_shape
        if shape is None:
            return
        if shape != image.shape:
            raise BadState(
                f"{self.path} has learned pictures of {_describe(shape)}, but the frames are "
                f"{_describe(image.shape)}; name another file, or read --size {shape[1]}x{shape[0]}"
            )
        log.info("%s", f"begins with what {self.path} has learned")

    def background(self) -> Image:
        """Return the background picture learned so far, (H, W, C) uint8."""
        picture: Image = self._inner.background()
        return picture

    def shadows(self) -> Mask:
        """Return where the last frame has a shadow, (H, W) bool, where the subtractor sees any."""
        shadow: Mask = self._inner.shadows()
        return shadow

    @property
    def sensitivity(self) -> Any:
        """The subtractor's: what thresholds are divided by, by pixel."""
        return self._inner.sensitivity

    @sensitivity.setter
    def sensitivity(self, sensitivity: Any) -> None:
        self._inner.sensitivity = sensitivity

    def save(self) -> None:
        """Write now what is learned. Raises OutputError when the disk refuses."""
        self._inner.save(self.path)

    def saving(self, frames: Iterable[_Item], every: float) -> Iterator[_Item]:
        """Pass on what this subtractor has seen, and save every so many seconds; 0 is never.

        A disk that refuses is told in the log: it is no reason to be blind.
        """
        saved = time.monotonic()
        for frame in frames:
            yield frame
            if every and time.monotonic() - saved >= every:
                self._try_to_save()
                saved = time.monotonic()

    def _try_to_save(self) -> None:
        try:
            self.save()
        except OutputError as error:
            log.warning("%s", error)


def _describe(shape: Sequence[int]) -> str:
    height, width, channels = shape
    return f"{width}x{height} {'grey' if channels == 1 else 'colour'}"
